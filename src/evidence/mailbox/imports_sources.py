"""Sources of an import, made from what lies on the disk: hashed first, with what their format cannot prove, then read."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.header import decode_header, make_header
from pathlib import Path
from typing import BinaryIO

from evidence.mailbox import imports_files as files
from evidence.mailbox import imports_mbox as mboxes
from evidence.mailbox import imports_outlook as outlook
from evidence.mailbox import words
from evidence.mailbox.imports_files import Entry, Unreadable, printable
from evidence.mailbox.imports_mbox import Dialect
from evidence.mailbox.imports_run import CHANGED, Found, Owed, Source

# ---- caveats and reasons: msgids ----------------------------------------------------------------------------------
FOLDER_HASH = "The SHA-256 of a folder is that of the list «hash, two spaces, name, line end» of its message files, sorted by name"
COPY = "Single message files are copies that a program saved; that they equal what the server sent cannot be told"
EMLX = "Taken out of Apple Mail's .emlx, whose first line counts the message's octets"
NOT_LIKE_MAIL = "It does not begin like a message; it is kept as it stands"
DIALECT = "Dialect"
PST_INSIDE = "A .pst inside an archive is not read; unpack it and import the .pst"


def single(stream: BinaryIO, kind: str, shown: str, name: str) -> Source:
    octets = files.read_whole(Entry(name, 0, lambda: stream))
    sha256 = hashlib.sha256(octets).hexdigest()
    message = converted(name, kind, octets)
    return Source(shown, kind, len(octets), sha256, caveats_of(kind), iter([message]))


def converted(position: str, kind: str, octets: bytes) -> Found:
    if kind == "msg":
        return Found(position, outlook.eml_from_msg(octets), note=words.CONVERTED)
    if kind == "emlx":
        return Found(position, files.emlx(octets))
    if not octets:
        raise Unreadable(files.EMPTY)
    like_mail = re.match(rb"(?:\xef\xbb\xbf)?(?:[!-9;-~]{1,200}[ \t]*:|From )", octets)
    note = "" if like_mail else NOT_LIKE_MAIL
    return Found(position, octets, files.maildir_flags(position), _gmail_labels(octets), note)


def caveats_of(kind: str) -> tuple[str, ...]:
    return {"msg": (outlook.MSG_CAVEAT,), "emlx": (EMLX,)}.get(kind, (COPY,))


def mbox_source(stream: BinaryIO, shown: str, dialect: Dialect) -> Source:
    stream.seek(0)
    mbox = mboxes.survey(stream, dialect)

    def members() -> Iterator[Found | Owed]:
        if mbox.lost:
            yield Owed("0", files.NOT_MAIL if not len(mbox) else f"{mboxes.TRAILING}: {mbox.lost}")
        for found in mboxes.messages(stream, mbox, dialect):
            position = str(found.offset)
            if found.raw is None:
                yield Owed(position, files.TOO_LARGE)
            elif not found.raw:
                yield Owed(position, files.EMPTY)
            else:
                yield Found(position, found.raw, _status_flags(found.raw), _gmail_labels(found.raw), found.note)

    def check() -> bool:
        stream.seek(0)
        return files.sha256_of(stream) == (mbox.sha256, mbox.size)

    caveats = (f"{DIALECT}: {mbox.dialect}", *mbox.caveats, *mboxes.escape_caveats(stream, mbox, dialect))
    return Source(shown, "mbox", mbox.size, mbox.sha256, caveats, members(), check)


def folder_source(singles: list[tuple[str, Path, str]], shown: str) -> Source:
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
    caveats = tuple(dict.fromkeys([FOLDER_HASH, *(c for kind in kinds for c in caveats_of(kind))]))

    def members() -> Iterator[Found | Owed]:
        for name, path, kind in singles:
            if name in unread:
                yield Owed(name, unread[name])
                continue
            try:
                octets = files.read_whole(Entry(name, path.stat().st_size, lambda path=path: path.open("rb")))  # type: ignore[misc]
                if hashlib.sha256(octets).hexdigest() != hashes[name]:
                    raise Unreadable(CHANGED)
                yield converted(name, kind, octets)
            except Unreadable as error:
                yield Owed(name, str(error))
            except OSError as error:
                yield Owed(name, f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}")

    return Source(shown, "folder", size, _list_hash(hashes), caveats, members())


def maildir_source(root: Path, shown: str) -> Source:
    entries = list(files.maildir_entries(root))
    hashes: dict[str, str] = {}
    size = 0
    for path, _folder_name, _flags, problem in entries:
        if not problem:
            with suppress(OSError), path.open("rb") as stream:
                hashes[below(path, root)], octets = files.sha256_of(stream)
                size += octets

    def members() -> Iterator[Found | Owed]:
        for path, folder, flags, problem in entries:
            name = below(path, root)
            if problem:
                yield Owed(name, problem)
                continue
            try:
                octets = files.read_whole(Entry(name, path.stat().st_size, lambda path=path: path.open("rb")))  # type: ignore[misc]
                if not octets:
                    raise Unreadable(files.EMPTY)
                if hashlib.sha256(octets).hexdigest() != hashes.get(name):
                    raise Unreadable(CHANGED)
                yield Found(name, octets, flags, (folder, *_gmail_labels(octets)))
            except Unreadable as error:
                yield Owed(name, str(error))
            except OSError as error:
                yield Owed(name, f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}")

    return Source(shown, "maildir", size, _list_hash(hashes), (FOLDER_HASH, COPY), members())


def below(path: Path, root: Path) -> str:
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
