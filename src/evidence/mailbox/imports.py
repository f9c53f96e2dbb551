"""Brings mail from files into the archive through the same door as a mailbox: octets first, every source hashed.

A source is a file that holds messages (mbox, .msg, .pst, .zip, .tar, a single .eml) or a folder of single messages; each
message is a sighting with its position in the source. All of it is archived (scope ``all``). What a format cannot prove
is the source's caveat; what cannot be read is owed and listed, and nothing else suffers from it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from evidence import __version__
from evidence.errors import UsageError
from evidence.i18n import default_language, translation
from evidence.mailbox import imports_files as files
from evidence.mailbox import imports_outlook as outlook
from evidence.mailbox.imports_files import Entry, Unreadable, printable
from evidence.mailbox.imports_mbox import Dialect
from evidence.mailbox.imports_run import Found, ImportedSource, ImportResult, Owed, Run, Source
from evidence.mailbox.imports_sources import (
    COPY,
    PST_INSIDE,
    below,
    converted,
    folder_source,
    maildir_source,
    mbox_source,
    single,
)
from evidence.ports import AcquisitionSink, Progress

__all__ = ["ImportResult", "ImportedSource", "import_paths"]

MAX_DEPTH = 3
SPOOL = 8 << 20
PASSED_OVER_NAMED = 200

Now = Callable[[], datetime] | datetime


def import_paths(
    paths: Sequence[Path],
    sink: AcquisitionSink,
    *,
    now: Now,
    progress: Progress | None = None,
    host: str | None = None,
    record: Mapping[str, Any] | None = None,
    mbox_dialect: Dialect = "auto",
) -> ImportResult:
    """Archive all mail in ``paths`` as one acquisition of kind ``import``.

    ``record`` (or ``host``) goes into the acquisition record beside what is known here. ``mbox_dialect`` is the
    operator's word on how ``>From`` lines came about; ``auto`` changes octets only on proof. Raises UsageError, before
    anything is begun, for a path that is not there; whatever the sink raises ends the acquisition as ``failed``.
    """
    for path in paths:
        if not path.exists():
            said = translation("mailbox", default_language()).gettext
            raise UsageError(
                said("There is no such file or folder: {path}.").format(path=path),
                "",
                said("Check the name and run the import again."),
            )
    began = _at(now)
    acquisition = sink.begin("import", "import", _record(paths, host, record, mbox_dialect))
    run = Run(sink, acquisition, progress, mbox_dialect)
    try:
        for path in paths:
            _take_path(run, path, printable(str(path)), explicit=True, depth=0)
    except BaseException as error:
        outcome = "failed" if isinstance(error, Exception) else "interrupted"
        with suppress(Exception):
            sink.commit()
            sink.end(acquisition, outcome, {**_counts(run, began, now), "error": type(error).__name__})
            sink.commit()
        raise
    if run.passed_over:
        named = run.passed_over[:PASSED_OVER_NAMED]
        sink.observe(acquisition, "passed-over", {"files": len(run.passed_over), "names": named})
    outcome = "incomplete" if run.owed else "complete"
    sink.end(acquisition, outcome, _counts(run, began, now))
    sink.commit()
    return ImportResult(
        acquisition, outcome, tuple(run.sources), run.found, run.new, tuple(run.owed), tuple(run.passed_over)
    )


# ---- one path ---------------------------------------------------------------------------------------------------


def _take_path(run: Run, path: Path, shown: str, *, explicit: bool, depth: int) -> None:
    """Import what lies at ``path``. ``explicit``: a person named it, so that being no mail is worth a line."""
    try:
        kind = files.kind_of(path)
        if kind == "folder":
            _take_folder(run, path, shown, depth)
        elif kind == "maildir":
            run.take(maildir_source(path, shown))
            _take_stray(run, path, shown, depth)
        elif kind == "pst":
            _take_pst(run, path, shown)
        elif kind in ("empty", "other"):
            wanted = explicit or path.suffix.lower() in files.MAIL_ENDINGS
            if wanted:
                run.owe(shown, "", files.EMPTY if kind == "empty" else files.NOT_MAIL)
            else:
                run.pass_over(shown)
        else:
            with path.open("rb") as stream:
                _take_stream(run, stream, kind, shown, path.name, depth)
    except Unreadable as error:
        run.owe(shown, "", str(error))
    except OSError as error:
        run.owe(shown, "", f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}")


def _take_stream(run: Run, stream: BinaryIO, kind: str, shown: str, name: str, depth: int) -> None:
    """Import an open, seekable file of a kind that is one file. Raises Unreadable."""
    if kind == "mbox":
        run.take(mbox_source(stream, shown, run.dialect))
    elif kind in ("zip", "tar"):
        _take_archive(run, stream, kind, shown, depth)
    else:
        run.take(single(stream, kind, shown, name))


# ---- folders ----------------------------------------------------------------------------------------------------


def _take_folder(run: Run, folder: Path, shown: str, depth: int) -> None:
    """Single messages below ``folder`` are one source; whatever else holds mail is a source of its own."""
    singles: list[tuple[str, Path, str]] = []
    others: list[Path] = []
    maildirs: list[Path] = []
    for path, problem in files.files_below(folder):
        if problem:
            run.owe(shown, below(path, folder), problem)
            continue
        inside = next((m for m in maildirs if m in path.parents), None)
        if inside is not None:
            continue
        root = next((p for p in path.parents if p != folder and folder in p.parents and _is_maildir(p)), None)
        if root is not None:
            maildirs.append(root)
            continue
        try:
            kind = files.kind_of(path)
        except Unreadable as error:
            run.owe(shown, below(path, folder), str(error))
            continue
        if kind in ("eml", "emlx", "msg"):
            singles.append((below(path, folder), path, kind))
        else:
            others.append(path)
    if singles:
        run.take(folder_source(singles, shown))
    for path in [*maildirs, *others]:
        _take_path(run, path, f"{shown.rstrip('/')}/{below(path, folder)}", explicit=False, depth=depth)


def _take_stray(run: Run, root: Path, shown: str, depth: int) -> None:
    """Whatever lies in a Maildir beside its folders: mail under another name is not lost, the rest is named."""
    for path, problem in files.files_below(root):
        parts = path.relative_to(root).parts
        if len(parts) >= 2 and parts[-2] in ("cur", "new", "tmp") and (len(parts) == 2 or parts[0].startswith(".")):
            continue
        if problem:
            run.owe(shown, below(path, root), problem)
        else:
            _take_path(run, path, f"{shown.rstrip('/')}/{below(path, root)}", explicit=False, depth=depth)


def _take_pst(run: Run, path: Path, shown: str) -> None:
    with path.open("rb") as stream:
        sha256, size = files.sha256_of(stream)
    with tempfile.TemporaryDirectory(prefix="evidence-pst-") as name:
        folder = Path(name)
        outlook.unpack_pst(path, folder)

        def members() -> Iterator[Found | Owed]:
            for file, _problem in files.files_below(folder):
                place = below(file, folder)
                label = str(Path(place).parent)
                try:
                    octets = files.read_whole(Entry(place, file.stat().st_size, lambda file=file: file.open("rb")))  # type: ignore[misc]
                    if not octets:
                        raise Unreadable(files.EMPTY)
                    yield Found(place, outlook.steady(octets), (), (label,), "converted from .pst")
                except Unreadable as error:
                    yield Owed(place, str(error))

        def check() -> bool:
            with path.open("rb") as again:
                return files.sha256_of(again) == (sha256, size)

        run.take(Source(shown, "pst", size, sha256, (outlook.PST_CAVEAT,), members(), check))


# ---- archives ---------------------------------------------------------------------------------------------------


def _take_archive(run: Run, stream: BinaryIO, kind: str, shown: str, depth: int) -> None:
    """Single messages of a .zip or .tar are its members; an mbox or archive inside is a source of its own."""
    if depth >= MAX_DEPTH:
        raise Unreadable(files.TOO_DEEP)
    stream.seek(0)
    sha256, size = files.sha256_of(stream)
    stream.seek(0)
    entries = files.zip_entries(stream) if kind == "zip" else files.tar_entries(stream)

    with ExitStack() as kept:
        inner: list[tuple[str, str, BinaryIO]] = []

        def members() -> Iterator[Found | Owed]:
            try:
                for entry in entries:
                    if isinstance(entry, tuple):
                        yield Owed(*entry)
                        continue
                    found = _member(run, entry, shown, kept)
                    if isinstance(found, tuple):
                        inner.append(found)
                    elif found is not None:
                        yield found
            except Unreadable as error:
                yield Owed("", str(error))

        run.take(Source(shown, kind, size, sha256, (COPY,), members()))
        for name, inner_kind, spooled in inner:
            place = f"{shown}!{name}"
            try:
                _take_stream(run, spooled, inner_kind, place, name, depth + 1)
            except Unreadable as error:
                run.owe(place, "", str(error))


def _member(run: Run, entry: Entry, shown: str, kept: ExitStack) -> Found | Owed | tuple[str, str, BinaryIO] | None:
    """A message, an archive or mbox spooled to a nameless file, or None for what is no mail."""
    try:
        with entry.open() as stream:
            head = stream.read(files.HEAD)
            kind = files.kind_of_octets(head, entry.name)
            if kind in ("eml", "emlx", "msg"):
                octets = head + stream.read(files.MAX_MESSAGE + 1 - len(head))
                if len(octets) > files.MAX_MESSAGE:
                    raise Unreadable(files.TOO_LARGE)
                return converted(entry.name, kind, octets)
            if kind in ("mbox", "zip", "tar"):
                spooled: BinaryIO = kept.enter_context(_spool())
                spooled.write(head)
                while chunk := stream.read(1 << 20):
                    spooled.write(chunk)
                return entry.name, kind, spooled
    except Unreadable as error:
        return Owed(entry.name, str(error))
    except Exception as error:  # zipfile, zlib, lzma, tarfile: each has its own way to say that octets are damaged
        return Owed(entry.name, f"{files.DAMAGED}: {type(error).__name__}")
    if kind == "pst":
        return Owed(entry.name, PST_INSIDE)
    if Path(entry.name).suffix.lower() in files.MAIL_ENDINGS:
        return Owed(entry.name, files.EMPTY if kind == "empty" else files.NOT_MAIL)
    run.pass_over(f"{shown}!{entry.name}")
    return None


def _spool() -> BinaryIO:
    return tempfile.SpooledTemporaryFile(SPOOL)  # type: ignore[return-value]


# ---- small things ----------------------------------------------------------------------------------------------


def _is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _record(
    paths: Sequence[Path], host: str | None, record: Mapping[str, Any] | None, dialect: Dialect
) -> dict[str, Any]:
    found = dict(record or {"tool": f"evidence {__version__}", "python": sys.version.split()[0]})
    if host is not None:
        found["host"] = host
    found["paths"] = [printable(str(p)) for p in paths]
    if dialect != "auto":
        found["mbox_dialect"] = dialect
    if readpst := outlook.readpst_version():
        found["readpst"] = readpst
    return found


def _counts(run: Run, began: datetime, now: Now) -> dict[str, Any]:
    return {
        "sources": len(run.sources),
        "messages": run.found,
        "new": run.new,
        "owed": len(run.owed),
        "passed_over": len(run.passed_over),
        "seconds": max(0, round((_at(now) - began).total_seconds())),
    }


def _at(now: Now) -> datetime:
    return (now() if callable(now) else now).astimezone(UTC)
