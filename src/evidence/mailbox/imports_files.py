"""Finds mail in files and folders: what each thing is, by its content first, and how to read it without unpacking it.

Knows single messages (.eml, .emlx), Maildir, folders of them, and .zip and .tar archives; mbox and Outlook files are
recognised here and read by their own modules. Nothing is ever written under a name that a file or an archive states.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

Kind = Literal["mbox", "maildir", "folder", "eml", "emlx", "msg", "pst", "zip", "tar", "empty", "other"]

HEAD = 65_536
MAX_MESSAGE = 512 << 20
MAX_MEMBERS = 1_000_000
MAX_UNPACKED = 64 << 30
MAX_RATIO = 1_000
RATIO_FROM = 16 << 20
"""Members that unpack to more than this are refused if they are over MAX_RATIO times their packed size."""

# ---- what is said: msgids ----------------------------------------------------------------------------------------
CANNOT_READ = "It cannot be read"
EMPTY = "It is empty"
NOT_MAIL = "It is no mail in a format that is read here"
TOO_LARGE = "It is larger than 512 MB"
ENCRYPTED = "It is encrypted; unpack it with its password and import the result"
BOMB = "It unpacks to far more than mail does; it was not unpacked"
TOO_MANY_MEMBERS = "It holds more members than are read here"
TOO_DEEP = "It lies too deep in archives within archives"
DAMAGED = "It is damaged"
NOT_FINISHED = "It lies in tmp/: its delivery was never finished"
LINK = "It is a symbolic link, which is not followed"

_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
_KNOWN = re.compile(
    rb"^(From|To|Cc|Subject|Date|Received|Message-ID|Return-Path|Delivered-To|MIME-Version|Content-Type|"
    rb"DKIM-Signature|X-[A-Za-z-]+|Reply-To|Sender)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_MAILDIR_FLAGS = {
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
    "D": "\\Draft",
    "F": "\\Flagged",
}
MAIL_ENDINGS = (".eml", ".emlx", ".msg", ".pst", ".mbox", ".mbx")


class Unreadable(Exception):
    """One thing that cannot be read; its text is one of the msgids above, some followed by ``": "`` and particulars."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file inside a folder or an archive: its ``name`` there, and how to open it. ``size`` is as stated."""

    name: str
    size: int
    open: Callable[[], BinaryIO]


def kind_of(path: Path) -> Kind:
    """What ``path`` is. Raises Unreadable."""
    try:
        if path.is_dir():
            return "maildir" if (path / "cur").is_dir() and (path / "new").is_dir() else "folder"
        with path.open("rb") as file:
            return kind_of_octets(file.read(HEAD), path.name)
    except OSError as error:
        raise Unreadable(f"{CANNOT_READ}: {error.strerror or type(error).__name__}") from None


def kind_of_octets(head: bytes, name: str) -> Kind:
    """What a file is by its first octets, with its name for the doubtful ones."""
    ending = "." + name.lower().rpartition(".")[2] if "." in name else ""
    if not head:
        return "mbox" if ending in (".mbox", ".mbx") else "eml" if ending == ".eml" else "empty"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"!BDN"):
        return "pst"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "msg" if ending == ".msg" else "other"
    if head.startswith(b"\x1f\x8b") or head[257:262] == b"ustar":
        return "tar" if name.lower().endswith((".tar", ".tgz", ".tar.gz")) else "other"
    if head.startswith(b"From ") and ending != ".eml":
        return "mbox"
    if ending == ".emlx" and re.match(rb"\d{1,12}[ \t]*\r?\n", head):
        return "emlx"
    if ending == ".eml" or _begins_like_mail(head):
        return "eml"
    return "mbox" if ending in (".mbox", ".mbx") else "other"


def _begins_like_mail(head: bytes) -> bool:
    block = re.split(rb"\r?\n\r?\n", head.removeprefix(b"\xef\xbb\xbf"), maxsplit=1)[0]
    return bool(_FIELD.match(block)) and len({m.lower() for m in _KNOWN.findall(block)}) >= 2


def printable(name: str) -> str:
    """``name`` as text that can be stored: undecodable octets of a file name become ``\\xNN``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def sha256_of(stream: BinaryIO) -> tuple[str, int]:
    """SHA-256 and size in octets of what ``stream`` gives from here on."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def read_whole(entry: Entry) -> bytes:
    """All octets of ``entry``. Raises Unreadable."""
    if entry.size > MAX_MESSAGE:
        raise Unreadable(TOO_LARGE)
    try:
        with entry.open() as stream:
            octets = stream.read(MAX_MESSAGE + 1)
    except OSError as error:
        raise Unreadable(f"{CANNOT_READ}: {error.strerror or type(error).__name__}") from None
    if len(octets) > MAX_MESSAGE:
        raise Unreadable(TOO_LARGE)
    return octets


def files_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file, problem) below ``folder``, by name in octet order, depth first.

    ``problem`` is a msgid for a symbolic link, which is not followed, and for a folder that cannot be listed.
    """
    try:
        names = sorted(os.scandir(folder), key=lambda e: os.fsencode(e.name))
    except OSError as error:
        yield folder, f"{CANNOT_READ}: {error.strerror or type(error).__name__}"
        return
    for entry in names:
        path = folder / entry.name
        if entry.is_symlink():
            yield path, LINK
        elif entry.is_dir():
            yield from files_below(path)
        elif entry.is_file():
            yield path, ""


def emlx(raw: bytes) -> bytes:
    """The message inside an Apple Mail .emlx: its first line counts the octets that follow. Raises Unreadable."""
    line, newline, rest = raw.partition(b"\n")
    count = int(line.strip()) if newline and line.strip().isdigit() else -1
    if not 0 <= count <= len(rest):
        raise Unreadable(DAMAGED)
    return rest[:count]


def maildir_entries(root: Path) -> Iterator[tuple[Path, str, tuple[str, ...], str]]:
    """(file, folder name, flags, problem) of every delivered message of a Maildir and its dot-folders (Maildir++).

    Folder names are decoded from modified UTF-7; INBOX is the root. ``problem`` is a msgid where the file is not to be
    read: what lies in tmp/ never arrived, and a link may lead anywhere.
    """
    folders = [("INBOX", root)]
    for entry in sorted(os.scandir(root), key=lambda e: os.fsencode(e.name)):
        path = root / entry.name
        if entry.name.startswith(".") and entry.is_dir(follow_symlinks=False) and (path / "cur").is_dir():
            folders.append((folder_name(entry.name[1:]), path))
    for name, folder in folders:
        for sub in ("cur", "new", "tmp"):
            place = folder / sub
            if not place.is_dir():
                continue
            for file in sorted(os.scandir(place), key=lambda e: os.fsencode(e.name)):
                if file.name.startswith(".") and not file.is_symlink():
                    continue
                problem = LINK if file.is_symlink() else NOT_FINISHED if sub == "tmp" else ""
                if file.is_symlink() or file.is_file():
                    yield place / file.name, name, maildir_flags(file.name), problem


def maildir_flags(name: str) -> tuple[str, ...]:
    """IMAP flags of a Maildir file name: what stands after ``:2,`` (``!2,`` or ``;2,`` where a colon cannot be)."""
    found = re.search(r"[:!;]2,([A-Za-z]*)$", name)
    return tuple(_MAILDIR_FLAGS[c] for c in sorted(set(found[1])) if c in _MAILDIR_FLAGS) if found else ()


def folder_name(name: str) -> str:
    """A Maildir++ folder name: ``.`` parts levels, letters are in modified UTF-7 (RFC 3501 section 5.1.3)."""
    from imapclient.imap_utf7 import decode

    shown = printable(name).replace(".", "/")
    try:
        return str(decode(shown.encode("ascii")))
    except (UnicodeError, ValueError):
        return shown


def zip_entries(file: BinaryIO) -> Iterator[Entry | tuple[str, str]]:
    """Entries of a .zip, and (name, problem) for members that are not unpacked. Raises Unreadable.

    Nothing is unpacked to disk here and no name is used as a path. Sizes are as stated; reading more than was stated
    is an error of ``zipfile``, so the limits hold for what is really unpacked.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"{DAMAGED}: {type(error).__name__}") from None
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise Unreadable(f"{TOO_MANY_MEMBERS}: {len(members)}")
    if sum(m.file_size for m in members) > MAX_UNPACKED:
        raise Unreadable(BOMB)
    for member in members:
        name = zip_name(member)
        if member.is_dir():
            continue
        if (member.external_attr >> 16) & 0o170000 == 0o120000:
            yield name, LINK
        elif member.flag_bits & 1:
            yield name, ENCRYPTED
        elif member.file_size > max(RATIO_FROM, member.compress_size * MAX_RATIO):
            yield name, BOMB
        else:
            yield Entry(name, member.file_size, _zip_opener(archive, member))


def zip_name(member: zipfile.ZipInfo) -> str:
    """The member's name. Windows in Russia writes CP866 where ZIP means CP437; ``zipfile`` cannot know."""
    name = member.orig_filename.replace("\\", "/")
    if member.flag_bits & 0x800 or name.isascii():
        return printable(name)
    try:
        return name.encode("cp437").decode("cp866")
    except UnicodeError:
        return printable(name)


def _zip_opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        try:
            return archive.open(member)  # type: ignore[return-value]
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise OSError(0, f"{DAMAGED} ({type(error).__name__})") from None

    return opened


def tar_entries(file: BinaryIO) -> Iterator[Entry | tuple[str, str]]:
    """Entries of a .tar or .tar.gz in its order, as ``zip_entries``; each is read before the next. Raises Unreadable."""
    total = count = 0
    try:
        with tarfile.open(fileobj=file, mode="r:*") as archive:
            for member in archive:
                count += 1
                total += max(member.size, 0)
                if count > MAX_MEMBERS:
                    raise Unreadable(f"{TOO_MANY_MEMBERS}: {count}")
                if total > MAX_UNPACKED:
                    raise Unreadable(BOMB)
                name = printable(member.name)
                if member.issym() or member.islnk():
                    yield name, LINK
                elif member.isfile():
                    yield Entry(name, member.size, _tar_opener(archive, member))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Unreadable(f"{DAMAGED}: {type(error).__name__}") from None


def _tar_opener(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        stream = archive.extractfile(member)
        if stream is None:
            raise OSError(0, NOT_MAIL)
        return stream  # type: ignore[return-value]

    return opened
