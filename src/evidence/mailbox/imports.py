"""Brings mail from files into the archive through the same door as a mailbox: octets first, every source hashed.

A source is a file that holds messages (mbox, .msg, .pst, .zip, .tar, a single .eml) or a folder of single messages; each
message is a sighting with its position in the source. All of it is archived (scope ``all``). What a format cannot prove
is the source's caveat; what cannot be read is owed and listed, and nothing else suffers from it.
"""

from __future__ import annotations

import csv
import hashlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any, BinaryIO

from evidence import __version__
from evidence.errors import UsageError
from evidence.mailbox import imports_files as files
from evidence.mailbox import imports_mbox as mboxes
from evidence.mailbox import imports_outlook as outlook
from evidence.mailbox.imports_files import Entry, Unreadable, printable
from evidence.mailbox.imports_mbox import Dialect
from evidence.ports import AcquisitionSink, Progress

MAX_DEPTH = 3
COMMIT_MESSAGES = 500
COMMIT_OCTETS = 32 << 20
SPOOL = 8 << 20
PASSED_OVER_NAMED = 200

# ---- caveats and reasons: msgids ----------------------------------------------------------------------------------
FOLDER_HASH = "The SHA-256 of a folder is that of the list «hash, two spaces, name, line end» of its message files, sorted by name"
COPY = "Single message files are copies that a program saved; that they equal what the server sent cannot be told"
EMLX = "Taken out of Apple Mail's .emlx, whose first line counts the message's octets"
NOT_LIKE_MAIL = "It does not begin like a message; it is kept as it stands"
DIALECT = "Dialect"
CHANGED = "It changed while it was being read"

Now = Callable[[], datetime] | datetime


@dataclass(frozen=True, slots=True)
class ImportedSource:
    """One source as it was recorded: ``found`` messages, ``new`` of them not held before, ``owed`` not read."""

    path: str
    kind: str
    size: int
    sha256: str
    caveat: str
    found: int
    new: int
    owed: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did. ``owed`` are lines «place: reason»; ``passed_over`` are files that are no mail by name and look.

    ``outcome`` is ``complete`` or ``incomplete`` (something is owed).
    """

    acquisition: int
    outcome: str
    sources: tuple[ImportedSource, ...]
    sightings: int
    new: int
    owed: tuple[str, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Message:
    position: str
    raw: bytes
    flags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Owed:
    position: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Source:
    """``members`` may be drawn once. ``check`` says afterwards whether the source is still what was hashed."""

    path: str
    kind: str
    size: int
    sha256: str
    caveats: tuple[str, ...]
    members: Iterator[_Message | _Owed]
    check: Callable[[], bool] = lambda: True


@dataclass(slots=True)
class _Run:
    """The state of one import: what was counted, and what is not yet committed."""

    sink: AcquisitionSink
    acquisition: int
    progress: Progress | None
    dialect: Dialect
    sources: list[ImportedSource] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    found: int = 0
    new: int = 0
    waiting: int = 0
    octets: int = 0

    def take(self, source: _Source) -> None:
        number = self.sink.source(
            self.acquisition, source.path, source.kind, source.size, source.sha256, "\n".join(source.caveats)
        )
        found = new = owed = 0
        for member in _without_raising(source.members):
            if isinstance(member, _Owed):
                owed += 1
                self.owe(source.path, member.position, member.reason)
                continue
            stored = self.sink.store(self.acquisition, member.raw)
            self.sink.sight(
                self.acquisition,
                stored.number,
                source=number,
                position=member.position,
                flags=member.flags,
                labels=member.labels,
                scope="all",
                reason="import",
                note=member.note,
            )
            found += 1
            new += stored.new
            self.tick(len(member.raw))
        if not source.check():
            owed += 1
            self.sink.observe(
                self.acquisition, "source-changed", {"path": source.path, "sha256": source.sha256}, severity="alarm"
            )
            self.owe(source.path, "", CHANGED)
        self.found += found
        self.new += new
        self.sources.append(
            ImportedSource(
                source.path, source.kind, source.size, source.sha256, "\n".join(source.caveats), found, new, owed
            )
        )
        self.commit()

    def owe(self, path: str, position: str, reason: str) -> None:
        place = f"{path}#{position}" if position else path
        self.owed.append(f"{place}: {reason}")
        self.sink.owe(self.acquisition, None, None, f"import:{place}", reason)

    def pass_over(self, path: str) -> None:
        self.passed_over.append(path)

    def tick(self, octets: int) -> None:
        self.waiting += 1
        self.octets += octets
        if self.progress is not None:
            self.progress.step("import", self.found + self.waiting)
        if self.waiting >= COMMIT_MESSAGES or self.octets >= COMMIT_OCTETS:
            self.commit()

    def commit(self) -> None:
        self.sink.commit()
        self.waiting = self.octets = 0


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
            raise UsageError(
                f"There is no such file or folder: {path}.", "", "Check the name and run the import again."
            )
    began = _at(now)
    acquisition = sink.begin("import", "import", _record(paths, host, record, mbox_dialect))
    run = _Run(sink, acquisition, progress, mbox_dialect)
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


def _take_path(run: _Run, path: Path, shown: str, *, explicit: bool, depth: int) -> None:
    """Import what lies at ``path``. ``explicit``: a person named it, so that being no mail is worth a line."""
    try:
        kind = files.kind_of(path)
        if kind == "folder":
            _take_folder(run, path, shown, depth)
        elif kind == "maildir":
            run.take(_maildir(path, shown))
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


def _take_stream(run: _Run, stream: BinaryIO, kind: str, shown: str, name: str, depth: int) -> None:
    """Import an open, seekable file of a kind that is one file. Raises Unreadable."""
    if kind == "mbox":
        run.take(_mbox(stream, shown, run.dialect))
    elif kind in ("zip", "tar"):
        _take_archive(run, stream, kind, shown, depth)
    else:
        run.take(_single(stream, kind, shown, name))


def _single(stream: BinaryIO, kind: str, shown: str, name: str) -> _Source:
    octets = files.read_whole(Entry(name, 0, lambda: stream))
    sha256 = hashlib.sha256(octets).hexdigest()
    message = _converted(name, kind, octets)
    return _Source(shown, kind, len(octets), sha256, _caveats_of(kind), iter([message]))


def _converted(position: str, kind: str, octets: bytes) -> _Message:
    if kind == "msg":
        return _Message(position, outlook.eml_from_msg(octets), note="converted from .msg")
    if kind == "emlx":
        return _Message(position, files.emlx(octets))
    if not octets:
        raise Unreadable(files.EMPTY)
    like_mail = re.match(rb"(?:\xef\xbb\xbf)?(?:[!-9;-~]{1,200}[ \t]*:|From )", octets)
    return _Message(position, octets, labels=_gmail_labels(octets), note="" if like_mail else NOT_LIKE_MAIL)


def _caveats_of(kind: str) -> tuple[str, ...]:
    return {"msg": (outlook.MSG_CAVEAT,), "emlx": (EMLX,)}.get(kind, (COPY,))


def _mbox(stream: BinaryIO, shown: str, dialect: Dialect) -> _Source:
    stream.seek(0)
    mbox = mboxes.survey(stream, dialect)

    def members() -> Iterator[_Message | _Owed]:
        for found in mboxes.messages(stream, mbox, dialect):
            position = str(found.offset)
            if found.raw is None:
                yield _Owed(position, files.TOO_LARGE)
            elif not found.raw:
                yield _Owed(position, files.EMPTY)
            else:
                yield _Message(position, found.raw, _status_flags(found.raw), _gmail_labels(found.raw), found.note)

    def check() -> bool:
        stream.seek(0)
        return files.sha256_of(stream) == (mbox.sha256, mbox.size)

    caveats = (f"{DIALECT}: {mbox.dialect}", *mbox.caveats, *mboxes.escape_caveats(stream, mbox, dialect))
    return _Source(shown, "mbox", mbox.size, mbox.sha256, caveats, members(), check)


# ---- folders ----------------------------------------------------------------------------------------------------


def _take_folder(run: _Run, folder: Path, shown: str, depth: int) -> None:
    """Single messages below ``folder`` are one source; whatever else holds mail is a source of its own."""
    singles: list[tuple[str, Path, str]] = []
    others: list[Path] = []
    maildirs: list[Path] = []
    for path, problem in files.files_below(folder):
        if problem:
            run.owe(shown, _below(path, folder), problem)
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
            run.owe(shown, _below(path, folder), str(error))
            continue
        if kind in ("eml", "emlx", "msg"):
            singles.append((_below(path, folder), path, kind))
        else:
            others.append(path)
    if singles:
        run.take(_folder(singles, shown))
    for path in [*maildirs, *others]:
        _take_path(run, path, f"{shown.rstrip('/')}/{_below(path, folder)}", explicit=False, depth=depth)


def _folder(singles: list[tuple[str, Path, str]], shown: str) -> _Source:
    hashes: dict[str, str] = {}
    size = 0
    unread: dict[str, str] = {}
    for name, path, _kind in singles:
        try:
            with path.open("rb") as stream:
                hashes[name], octets = files.sha256_of(stream)
                size += octets
        except OSError as error:
            unread[name] = f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}"
    kinds = sorted({kind for _, _, kind in singles})
    caveats = tuple(dict.fromkeys([FOLDER_HASH, *(c for kind in kinds for c in _caveats_of(kind))]))

    def members() -> Iterator[_Message | _Owed]:
        for name, path, kind in singles:
            if name in unread:
                yield _Owed(name, unread[name])
                continue
            try:
                octets = files.read_whole(Entry(name, path.stat().st_size, lambda path=path: path.open("rb")))  # type: ignore[misc]
                if hashlib.sha256(octets).hexdigest() != hashes[name]:
                    raise Unreadable(CHANGED)
                yield _converted(name, kind, octets)
            except Unreadable as error:
                yield _Owed(name, str(error))
            except OSError as error:
                yield _Owed(name, f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}")

    return _Source(shown, "folder", size, _list_hash(hashes), caveats, members())


def _maildir(root: Path, shown: str) -> _Source:
    entries = list(files.maildir_entries(root))
    hashes: dict[str, str] = {}
    size = 0
    for path, _folder_name, _flags, problem in entries:
        if not problem:
            with suppress(OSError), path.open("rb") as stream:
                hashes[_below(path, root)], octets = files.sha256_of(stream)
                size += octets

    def members() -> Iterator[_Message | _Owed]:
        for path, folder, flags, problem in entries:
            name = _below(path, root)
            if problem:
                yield _Owed(name, problem)
                continue
            try:
                octets = files.read_whole(Entry(name, path.stat().st_size, lambda path=path: path.open("rb")))  # type: ignore[misc]
                if not octets:
                    raise Unreadable(files.EMPTY)
                if hashlib.sha256(octets).hexdigest() != hashes.get(name):
                    raise Unreadable(CHANGED)
                yield _Message(name, octets, flags, (folder, *_gmail_labels(octets)))
            except Unreadable as error:
                yield _Owed(name, str(error))
            except OSError as error:
                yield _Owed(name, f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}")

    return _Source(shown, "maildir", size, _list_hash(hashes), (FOLDER_HASH, COPY), members())


def _take_stray(run: _Run, root: Path, shown: str, depth: int) -> None:
    """Whatever lies in a Maildir beside its folders: mail under another name is not lost, the rest is named."""
    for path, problem in files.files_below(root):
        parts = path.relative_to(root).parts
        if len(parts) >= 2 and parts[-2] in ("cur", "new", "tmp") and (len(parts) == 2 or parts[0].startswith(".")):
            continue
        if problem:
            run.owe(shown, _below(path, root), problem)
        else:
            _take_path(run, path, f"{shown.rstrip('/')}/{_below(path, root)}", explicit=False, depth=depth)


def _take_pst(run: _Run, path: Path, shown: str) -> None:
    with path.open("rb") as stream:
        sha256, size = files.sha256_of(stream)
    with tempfile.TemporaryDirectory(prefix="evidence-pst-") as name:
        folder = Path(name)
        outlook.unpack_pst(path, folder)

        def members() -> Iterator[_Message | _Owed]:
            for file, _problem in files.files_below(folder):
                place = _below(file, folder)
                label = str(Path(place).parent)
                try:
                    octets = files.read_whole(Entry(place, file.stat().st_size, lambda file=file: file.open("rb")))  # type: ignore[misc]
                    if not octets:
                        raise Unreadable(files.EMPTY)
                    yield _Message(place, outlook.steady(octets), (), (label,), "converted from .pst")
                except Unreadable as error:
                    yield _Owed(place, str(error))

        def check() -> bool:
            with path.open("rb") as again:
                return files.sha256_of(again) == (sha256, size)

        run.take(_Source(shown, "pst", size, sha256, (outlook.PST_CAVEAT,), members(), check))


# ---- archives ---------------------------------------------------------------------------------------------------


def _take_archive(run: _Run, stream: BinaryIO, kind: str, shown: str, depth: int) -> None:
    """Single messages of a .zip or .tar are its members; an mbox or archive inside is a source of its own."""
    if depth >= MAX_DEPTH:
        raise Unreadable(files.TOO_DEEP)
    stream.seek(0)
    sha256, size = files.sha256_of(stream)
    stream.seek(0)
    entries = files.zip_entries(stream) if kind == "zip" else files.tar_entries(stream)

    with ExitStack() as kept:
        inner: list[tuple[str, str, BinaryIO]] = []

        def members() -> Iterator[_Message | _Owed]:
            try:
                for entry in entries:
                    if isinstance(entry, tuple):
                        yield _Owed(*entry)
                        continue
                    found = _member(run, entry, shown, kept)
                    if isinstance(found, tuple):
                        inner.append(found)
                    elif found is not None:
                        yield found
            except Unreadable as error:
                yield _Owed("", str(error))

        run.take(_Source(shown, kind, size, sha256, (COPY,), members()))
        for name, inner_kind, spooled in inner:
            place = f"{shown}!{name}"
            try:
                _take_stream(run, spooled, inner_kind, place, name, depth + 1)
            except Unreadable as error:
                run.owe(place, "", str(error))


def _member(
    run: _Run, entry: Entry, shown: str, kept: ExitStack
) -> _Message | _Owed | tuple[str, str, BinaryIO] | None:
    """A message, an archive or mbox spooled to a nameless file, or None for what is no mail."""
    try:
        with entry.open() as stream:
            head = stream.read(files.HEAD)
            kind = files.kind_of_octets(head, entry.name)
            if kind in ("eml", "emlx", "msg"):
                octets = head + stream.read(files.MAX_MESSAGE + 1 - len(head))
                if len(octets) > files.MAX_MESSAGE:
                    raise Unreadable(files.TOO_LARGE)
                return _converted(entry.name, kind, octets)
            if kind in ("mbox", "zip", "tar"):
                spooled: BinaryIO = kept.enter_context(_spool())
                spooled.write(head)
                while chunk := stream.read(1 << 20):
                    spooled.write(chunk)
                return entry.name, kind, spooled
    except Unreadable as error:
        return _Owed(entry.name, str(error))
    except Exception as error:  # zipfile, zlib, lzma, tarfile: each has its own way to say that octets are damaged
        return _Owed(entry.name, f"{files.DAMAGED}: {type(error).__name__}")
    if kind == "pst":
        return _Owed(entry.name, PST_INSIDE)
    if Path(entry.name).suffix.lower() in files.MAIL_ENDINGS:
        return _Owed(entry.name, files.EMPTY if kind == "empty" else files.NOT_MAIL)
    run.pass_over(f"{shown}!{entry.name}")
    return None


def _spool() -> BinaryIO:
    return tempfile.SpooledTemporaryFile(SPOOL)  # type: ignore[return-value]


PST_INSIDE = "A .pst inside an archive is not read; unpack it and import the .pst"


# ---- small things ----------------------------------------------------------------------------------------------


def _without_raising(members: Iterator[_Message | _Owed]) -> Iterator[_Message | _Owed]:
    """What could be read before a source broke off, and then that it did."""
    try:
        yield from members
    except Unreadable as error:
        yield _Owed("", str(error))
    except OSError as error:
        yield _Owed("", f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}")


def _is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _below(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())


def _list_hash(hashes: Mapping[str, str]) -> str:
    """As ``sha256sum`` writes a list, sorted by name: recomputable with the tools of any system."""
    lines = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes, key=lambda n: n.encode()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _gmail_labels(raw: bytes) -> tuple[str, ...]:
    """Labels that Google Takeout writes into X-Gmail-Labels: RFC 2047, comma-separated, quoted where a comma is inside."""
    found = re.search(rb"^X-Gmail-Labels:((?:[^\r\n]|\r?\n[ \t]){0,8192})", raw[:65_536], re.MULTILINE | re.IGNORECASE)
    if found is None or re.search(rb"\r?\n\r?\n", raw[: found.start()]):
        return ()
    text = re.sub(r"\r?\n[ \t]", " ", found[1].decode("utf-8", "replace")).strip()
    with suppress(UnicodeError, LookupError, ValueError):
        text = str(make_header(decode_header(text)))
    row = next(csv.reader([text.replace("\n", " ")], skipinitialspace=True), [])
    return tuple(label.strip() for label in row if label.strip())[:200]


_STATUS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "D": "\\Deleted", "T": "\\Draft"}


def _status_flags(raw: bytes) -> tuple[str, ...]:
    """Flags from Status and X-Status, which mbox programs add to a message's header."""
    header = re.split(rb"\r?\n\r?\n", raw[:65_536], maxsplit=1)[0]
    letters = b"".join(re.findall(rb"^(?:X-)?Status:[ \t]*([A-Z]{1,10})", header, re.MULTILINE | re.IGNORECASE))
    return tuple(sorted({_STATUS[c] for c in letters.decode().upper() if c in _STATUS}))


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


def _counts(run: _Run, began: datetime, now: Now) -> dict[str, Any]:
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
