"""evidence verify: one plain verdict on an archive, a bundle or a package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from evidence.cli.output import TerminalProgress, one_json
from evidence.cli.session import Session
from evidence.cli.text import _, grouped, help_end, ngettext
from evidence.errors import UsageError

INTEGRITY = 20


@click.command(
    "verify",
    help=_(
        "Check an archive (every byte against the log), a bundle.pdf (its embedded originals and sidecar) or a package (zip or folder). "
        "One plain verdict, then what was checked and what cannot be known. Never repairs."
    ),
    epilog=help_end(
        "evidence verify",
        "evidence verify bundles/0001-full/package.zip",
        codes=(0, 2, 10, 20),
    ),
)
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help=_("Check the log and sizes only, not every byte."))
@click.option("--json", "as_json", is_flag=True, help=_("One JSON object."))
@click.option("--jobs", type=int, default=0, help=_("Number of hashing processes; default: one per core."))
@click.pass_obj
def command(session: Session, path: Path | None, quick: bool, as_json: bool, jobs: int) -> int:
    target = path or session.need_archive()
    if not target.exists():
        raise UsageError(_("{path} does not exist.").format(path=target))
    progress = TerminalProgress(quiet=as_json)
    if path is None or _is_archive(target):
        from evidence.archive.verify import verify_archive

        report = verify_archive(target, quick=quick, progress=progress, jobs=jobs or None, roots=_roots(session, path))
    else:
        from evidence.bundle.check import verify_bundle, verify_package

        if target.is_file() and target.suffix.lower() == ".pdf":
            report = verify_bundle(target, progress=progress, recorded=_recorded(session, target))
        else:
            report = verify_package(target, progress=progress)
    progress.clear()
    if as_json:
        one_json(_row(target, report))
    else:
        _tell(target, report)
    return 0 if report.sound else INTEGRITY


def _roots(session: Session, path: Path | None) -> Any:
    """Certificates that time stamps may lead to: this machine's, and the configured one where the matter is known."""
    from evidence.archive.anchor import trusted_roots

    if path is not None:
        return None
    return trusted_roots(session.config.anchor, session.config.folder)


def _recorded(session: Session, pdf: Path) -> str | None:
    """What the custody log recorded for this bundle, if it lies in a matter's bundles/ folder and the archive is at hand."""
    config = pdf.resolve().parents[2] / "config.toml" if len(pdf.resolve().parents) > 2 else None
    if config is None or not config.exists():
        return None
    from evidence.archive.reader import ArchiveReader
    from evidence.config import load_config
    from evidence.errors import EvidenceError

    try:
        with ArchiveReader(load_config(config).archive_path) as case:
            found = [b.pdf_sha256 for b in case.bundles() if Path(b.folder).name == pdf.resolve().parent.name]
    except EvidenceError:
        return None
    return found[-1] if found else None


def _is_archive(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\x00"


def _row(target: Path, report: Any) -> dict[str, Any]:
    return {
        "path": str(target),
        "sound": report.sound,
        "checked": dict(report.checked),
        "problems": [
            {"code": p.code, "where": p.where, "text": p.text, "row": p.row, "column": p.column, "event": p.event}
            for p in report.problems
        ],
        "root": report.root,
        "size": report.size,
        "anchors": [dict(a) for a in report.anchors],
        "unknowable": list(report.unknowable),
    }


def _counts(checked: Mapping[str, int]) -> str:
    """What was checked: of an archive its letters, octets and log, the rows of all other tables as one number."""
    if "events" in checked and "message" in checked:
        rest = sum(n for name, n in checked.items() if name not in ("events", "message", "octets", "anchors"))
        said = [
            ngettext("{n} message", "{n} messages", checked["message"]).format(n=grouped(checked["message"])),
            ngettext("{n} byte", "{n} bytes", checked.get("octets", 0)).format(n=grouped(checked.get("octets", 0))),
            ngettext("{n} log entry", "{n} log entries", checked["events"]).format(n=grouped(checked["events"])),
            ngettext("{n} other record", "{n} other records", rest).format(n=grouped(rest)),
        ]
        if stamps := checked.get("anchors", 0):
            said.append(ngettext("{n} anchor", "{n} anchors", stamps).format(n=grouped(stamps)))
        return ", ".join(said)
    if "PDF" in checked:
        pages, originals = checked["pages"], checked["embedded originals against the printed hashes"]
        said = [
            ngettext("{n} pages", "{n} pages", pages).format(n=pages) if pages else "",
            ngettext(
                "{n} embedded originals against the printed hashes",
                "{n} embedded originals against the printed hashes",
                originals,
            ).format(n=originals)
            if originals
            else "",
            "1 PDF",
        ]
        return ", ".join(filter(None, said))
    return ", ".join(
        name if count == 1 and " " in name else f"{count} {name}" for name, count in checked.items() if count
    )


def _tell(target: Path, report: Any) -> None:
    if report.sound:
        click.secho(_("SOUND: {path} is as it was when it was written.").format(path=target), fg="green", bold=True)
    else:
        click.secho(_("NOT SOUND: {path} is not as it was.").format(path=target), fg="red", bold=True)
        for problem in report.problems:
            click.echo(f"  ✗ {problem.where}: {problem.text}")
    click.echo(_("Checked: {what}.").format(what=_counts(report.checked)))
    if report.root:
        click.echo(_("Log: {size} events, root {root}").format(size=report.size, root=report.root))
    for anchor in report.anchors:
        click.echo(
            _("Anchor: {what}").format(what=", ".join(f"{k}: {v}" for k, v in anchor.items() if v not in (None, "")))
        )
    for line in report.unknowable:
        click.echo(_("Cannot be known from this alone: {what}").format(what=line))
