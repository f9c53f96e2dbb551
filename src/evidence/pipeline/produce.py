"""Produce: a pinned reading of the archive -> bundle.pdf, its hash, the package; then the issue is an event in the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.config import Config
from evidence.errors import UsageError
from evidence.i18n import talk
from evidence.model import sha256_hex
from evidence.pipeline.views import assessment_of, entries_of, proposals_of, standing_of, view
from evidence.ports import IssuedBundle, IssuedExhibit, Progress

_ = talk("cli")

if TYPE_CHECKING:
    from evidence.archive.reader import ArchiveReader
    from evidence.bundle.options import BundleOptions, BundleResult


def produce_bundle(
    config: Config,
    options: BundleOptions,
    *,
    now: Callable[[], datetime],
    progress: Progress,
    out: Path | None = None,
    sign: Callable[[Path], None] | None = None,
) -> BundleResult:
    """Build the bundle under ``bundles/`` (or ``out``) and record it. A rebuild of an issued one (``at_size``) records nothing."""
    from evidence.archive.reader import ArchiveReader
    from evidence.bundle.produce import produce

    rebuild = options.at_size is not None
    with ArchiveReader(config.archive_path, at_size=options.at_size) as case:
        shown = view(config, case)
        if not shown.letters:
            raise UsageError(
                _("The archive holds no message between the two sides, so there is nothing to bundle."),
                _(
                    "Either the sync has not run, or the addresses under [us] and [client] in the configuration match no message."
                ),
                _("Run `evidence sync`, then `evidence status`; `evidence timeline --all` shows what was archived."),
            )
        printed = standing_of(shown, only_accepted=options.only_accepted)
        entries = entries_of(config, case, printed)
        result = produce(
            case,
            config,
            options,
            assessment=assessment_of(config, case, shown),
            entries=entries,
            picture=_picture(config, options, printed, entries),
            now=now(),
            out=out or config.bundles_path,
            progress=progress,
            proposed=proposals_of(shown, case),
        )
        if sign is not None:
            sign(result.pdf)
            digest = sha256_hex(result.pdf.read_bytes())
            (result.pdf.with_name(result.pdf.name + ".sha256")).write_text(
                f"{digest}  {result.pdf.name}\n", encoding="ascii"
            )
            result = replace(result, pdf_sha256=digest)
        from evidence.bundle.package import write_package

        written = write_package(
            case,
            config,
            result,
            archive_uuid=case.uuid,
            anchor_files=_anchors(case, result.log_size),
            progress=progress,
        )
    if not rebuild:
        from evidence.pipeline.acquire import open_archive

        with open_archive(config, now, create=False) as archive:
            archive.issue_bundle(_issued(result, config, written.sha256), _new(result, archive.connection))
    return result


def _anchors(case: ArchiveReader, size: int) -> dict[str, bytes]:
    """Files of every anchor over a log no longer than the bundle's: tokens with chains, witnesses' mails."""
    from evidence.archive.anchor import openssl_files

    found: dict[str, bytes] = {}
    for row in case.anchors():
        if row["size"] <= size:
            files = openssl_files(row, case.uuid) if row["kind"] == "rfc3161" else {"witness.eml": row["token"]}
            found |= {f"anchor-{row['id']}/{name}": octets for name, octets in files.items() if octets}
    return found


def _issued(result: BundleResult, config: Config, package_sha256: str) -> IssuedBundle:
    return IssuedBundle(
        number=result.number,
        kind=result.kind,
        folder=_relative(result.folder, config.folder),
        issued_at=result.issued_at,
        dated=result.dated,
        log_size=result.log_size,
        root=result.root,
        pages=result.pages,
        pdf_sha256=sha256_hex(result.pdf.read_bytes()),
        package_sha256=package_sha256,
        language=result.language,
        options=result.options,
        supplements=result.supplements,
    )


def _new(result: BundleResult, connection: sqlite3.Connection) -> list[IssuedExhibit]:
    """The exhibits whose numbers this issue freezes: those that no earlier bundle numbered."""
    known = {(kind, sha256) for kind, sha256 in connection.execute("SELECT kind, sha256 FROM exhibit")}
    return [exhibit for exhibit in result.exhibits if (exhibit.kind, exhibit.sha256) not in known]


def _relative(path: Path, folder: Path) -> str:
    """The bundle's folder as the log names it: a matter that is moved keeps its record."""
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path.name


def _picture(config: Config, options: BundleOptions, shown: object, entries: object) -> str:
    from evidence.timeline.picture import picture

    return picture(
        entries,  # type: ignore[arg-type]
        shown.flags,  # type: ignore[attr-defined]
        shown.requests,  # type: ignore[attr-defined]
        language=options.language or config.matter.language,
        timezone=config.matter.timezone,
    )
