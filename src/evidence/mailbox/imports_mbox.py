"""Cuts an mbox file into messages without changing their octets, in two passes and bounded memory.

The mbox family (RFC 4155 and its elders) has four dialects. All part messages with a line that begins ``From ``:
mboxo writes ``>From `` for a body line ``From ``; mboxrd puts one ``>`` before any ``>*From ``; mboxcl does as mboxo and adds
Content-Length; mboxcl2 has Content-Length and alters nothing. Which one a file is in cannot in general be told from it,
so nothing is guessed: a ``>`` is taken away only where the sender's own DKIM body hash proves the octets, or where the
operator states the dialect.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

Dialect = Literal["auto", "mboxo", "mboxrd", "mboxcl", "mboxcl2"]
LINE_LIMIT = 1 << 20
MAX_MESSAGE = 512 << 20
HEADER_LIMIT = 1 << 20

# ---- caveats: msgids; a source's caveat is one of these a line, some with ": " and particulars --------------------
WRITER = (
    "An mbox file is written by a mail program: its separator lines and the empty line after each message are not the "
    "message's, and whether the last line of a message ended with a line end cannot be told"
)
LF_ENDS = "Lines end in LF; mail travels with CRLF, so these octets are not those the server sent"
MIXED_ENDS = "Some lines end in LF and some in CRLF; they are kept as they stand"
ESCAPES_UNSURE = (
    "Body lines begin with >From and nothing proves whether the program that wrote the file added the >; "
    "they are kept as they stand. Messages"
)
ESCAPES_PROVED = "A > before From was taken away where the sender's DKIM body hash proves it. Messages"
ESCAPES_STATED = "A > before From was taken away because the operator stated the dialect"
BY_LENGTH = "Messages were cut by their Content-Length, which fits throughout"
INSIDE = "Lines inside messages look like separators; Content-Length shows that they are not. Lines"
UNPARTED = "Lines look like separators but no empty line stands before them; they are kept inside. Lines"
NO_EMPTY_LINES = "The file has no empty lines before its separators; every separator line was taken for one"
FROM_LINES = "Body lines begin with From and are not separators; they are kept as they stand. Lines"
TAKEOUT = "Exported by Google Takeout, which adds X-GM-THRID and X-Gmail-Labels to each message; they are kept"
KEPT_PROVED = "The sender's DKIM body hash proves these octets, the > before From included"
TAKEN_PROVED = "A > before From was taken away, as the sender's DKIM body hash proves"
KEPT_UNSURE = "A > before From was kept; whether the sender wrote it cannot be told"
TRAILING = "Octets before the first separator line belong to no message. Octets"

_DATE = (
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+"
    rb"(?:[A-Z][a-z]{2}\s+\d{1,2}|\d{1,2}\s+[A-Z][a-z]{2})\s+(?:\d{4}\s+)?\d{1,2}:\d\d(?::\d\d)?\b[^\r\n]{0,60}"
)
_SEPARATOR = re.compile(rb"From (?:[^\r\n]{0,400}?\s)?(?:%b)\s*$|From(?: -)?\s*$" % _DATE)
# A writer that sets its dates in another language or form: what the first line of the file is, the others may be.
_LOOSE = re.compile(rb"From [^\r\n]{1,400}?\d{1,2}:\d\d\b[^\r\n]{0,60}$")
_BARE = re.compile(rb"From(?: -)?\s*$")
_MARK = b"\xef\xbb\xbf"  # a byte order mark, of an editor that saved the file
_MAIL_FIELD = re.compile(
    rb"(?:From|To|Cc|Subject|Date|Received|Message-ID|Return-Path|Delivered-To|MIME-Version|Content-[a-z-]{1,40}|DKIM-Signature|"
    rb"X-[a-z0-9-]{1,60}|Reply-To|Sender|Status|ARC-[a-z-]{1,40}|Authentication-Results|List-[a-z-]{1,40}|In-Reply-To|References)[ \t]*:|>?From ",
    re.IGNORECASE,
)
_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:|>?From ")
_ESCAPED = re.compile(rb">+From ")
_ESCAPED_LINES = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_ESCAPED_ONCE = re.compile(rb"^>(?=From )", re.MULTILINE)
_LENGTH = re.compile(rb"Content-Length[ \t]*:[ \t]*(\d{1,12})[ \t]*\r?\n?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mbox:
    """What the first pass found. ``starts`` are the offsets of separator lines, ``begins`` of the messages' first octets,
    ``ends`` of their last; ``escaped`` counts body lines that begin with ``>From``. All arrays run in parallel.
    """

    sha256: str
    size: int
    starts: array[int]
    begins: array[int]
    ends: array[int]
    escaped: array[int]
    dialect: str
    caveats: tuple[str, ...]
    lost: int = 0  # octets before the first separator that look like mail, or all of a file without one

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class MboxMessage:
    """One message: ``offset`` of its separator line, and the octets. ``note`` says if a > was taken away, and why."""

    offset: int
    raw: bytes | None  # None: larger than MAX_MESSAGE
    note: str = ""
    envelope: str = ""


class _Survey:
    """The first pass, line by line; keeps offsets only."""

    def __init__(self) -> None:
        # One row for each line that may be a separator: offset, first octet after it, end of the message before it,
        # 1 if an empty line stands before it, first octet of its body, its Content-Length (-1: none), counts of lines.
        self.start, self.begin, self.before = array("q"), array("q"), array("q")
        self.parted, self.body, self.length = array("b"), array("q"), array("q")
        self.escaped, self.froms = array("q"), array("q")
        self.lf = self.crlf = 0
        self.takeout = False
        self.separator = _SEPARATOR
        self.lead_fields: set[bytes] = set()  # names of mail fields before the first separator

    def read(self, stream: BinaryIO) -> tuple[str, int]:
        digest = hashlib.sha256()
        at, blank, blank_at, whole = 0, True, 0, True
        pending: tuple[int, int, int, bool] | None = None
        header = bare = False
        while line := stream.readline(LINE_LIMIT):
            digest.update(line)
            after = at + len(line)
            starts_line, whole = whole, line.endswith(b"\n")
            if line.endswith(b"\r\n"):
                self.crlf += 1
            elif whole:
                self.lf += 1
            empty = starts_line and line in (b"\n", b"\r\n")
            if pending is not None:
                if (_MAIL_FIELD if bare else _FIELD).match(line):
                    self._open(pending)
                    header = True
                elif self.start:
                    self.froms[-1] += 1
                pending = None
            first = line.removeprefix(_MARK) if at == 0 else line
            if at == 0 and first.startswith(b"From ") and not _SEPARATOR.match(first) and _LOOSE.match(first.rstrip()):
                self.separator = _LOOSE
            if starts_line and first.startswith(b"From") and not header and self._parts(first):
                pending = (at, after, blank_at if blank else at, blank)
                bare = bool(_BARE.match(first))  # a table's «From» is followed by anything, a message by its header
            elif self.start:
                header = self._inside(line, after, header, empty, starts_line)
            elif starts_line and len(self.lead_fields) < 2 and (named := _MAIL_FIELD.match(line)):
                self.lead_fields.add(named[0].lower())
            blank, blank_at = empty, at
            at = after
        if pending is not None and self.start:
            self.froms[-1] += 1
        self.last = blank_at if blank else at
        return digest.hexdigest(), at

    def _parts(self, line: bytes) -> bool:
        return bool(_SEPARATOR.match(line) or (self.separator is _LOOSE and _LOOSE.match(line.rstrip())))

    def _open(self, pending: tuple[int, int, int, bool]) -> None:
        start, begin, before, parted = pending
        self.start.append(start)
        self.begin.append(begin)
        self.before.append(before)
        self.parted.append(parted)
        self.body.append(-1)
        self.length.append(-1)
        self.escaped.append(0)
        self.froms.append(0)

    def _inside(self, line: bytes, after: int, header: bool, empty: bool, starts_line: bool) -> bool:
        if header:
            if empty:
                self.body[-1] = after
                return False
            stated = _LENGTH.match(line)
            if stated:
                self.length[-1] = int(stated[1])
            elif line.startswith((b"X-GM-THRID:", b"X-Gmail-Labels:")):
                self.takeout = True
            return True
        if starts_line:
            if _ESCAPED.match(line):
                self.escaped[-1] += 1
            elif line.startswith(b"From "):
                self.froms[-1] += 1
        return False


def survey(stream: BinaryIO, dialect: Dialect = "auto") -> Mbox:
    """The first pass over a seekable stream from its start: hash, cuts, dialect and caveats. Memory: some bytes a message.

    A ``Content-Length`` is believed only if the whole file can be walked by it: one sender's header cannot swallow the
    messages after it.
    """
    found = _Survey()
    sha256, size = found.read(stream)
    chosen = None if dialect in ("mboxo", "mboxrd") else _walk_by_length(found, size)
    by_length = chosen is not None
    caveats: list[str] = [WRITER]
    rows = len(found.start)
    parted = [i for i in range(rows) if found.parted[i]]
    if chosen is not None:
        caveats.append(BY_LENGTH)
        if rows > len(chosen):
            caveats.append(f"{INSIDE}: {rows - len(chosen)}")
    elif len(parted) <= 1 < rows:
        chosen = list(range(rows))
        caveats.append(NO_EMPTY_LINES)
    else:
        chosen = parted
        if rows > len(chosen):
            caveats.append(f"{UNPARTED}: {rows - len(chosen)}")
    starts, begins, ends, escaped = array("q"), array("q"), array("q"), array("q")
    for place, row in enumerate(chosen):
        following = chosen[place + 1] if place + 1 < len(chosen) else rows
        starts.append(found.start[row])
        begins.append(found.begin[row])
        if by_length:
            ends.append(found.body[row] + found.length[row])
        else:
            end = found.before[following] if following < rows else found.last
            # The empty line that closes a header is the message's own, also where no body follows.
            ends.append(max(end, found.body[row]))
        escaped.append(sum(found.escaped[row:following]))
    caveats += _more_caveats(found, starts, size)
    stated = dialect if dialect != "auto" else _named(by_length, rows > len(chosen), found, sum(escaped))
    lost = (starts[0] if starts else size) if not starts or len(found.lead_fields) > 1 else 0
    return Mbox(sha256, size, starts, begins, ends, escaped, stated, tuple(caveats), lost)


def messages(
    stream: BinaryIO, mbox: Mbox, dialect: Dialect = "auto", *, only: Sequence[int] | None = None
) -> Iterator[MboxMessage]:
    """The second pass: each message's octets, in file order. ``stream`` is the one surveyed; it is read by offset.

    ``only`` names the numbers of messages to read, counted from 0.
    """
    for place in range(len(mbox)) if only is None else only:
        start, begin, end = mbox.starts[place], mbox.begins[place], mbox.ends[place]
        stream.seek(start)
        envelope = stream.read(min(begin - start, 400)).decode("utf-8", "replace").strip()
        if end - begin > MAX_MESSAGE:
            yield MboxMessage(start, None, "", envelope)
            continue
        stream.seek(begin)
        raw = stream.read(end - begin)
        note = ""
        if mbox.escaped[place]:
            raw, note = unescaped(raw, dialect)
        yield MboxMessage(start, raw, note, envelope)


def escape_caveats(stream: BinaryIO, mbox: Mbox, dialect: Dialect = "auto") -> tuple[str, ...]:
    """What has to be said of the ``>From`` lines; reads only the messages that have any."""
    touched = [i for i in range(len(mbox)) if mbox.escaped[i]]
    if not touched or dialect == "mboxcl2":
        return ()
    if dialect != "auto":
        return (f"{ESCAPES_STATED}: {dialect}",)
    notes = [found.note for found in messages(stream, mbox, dialect, only=touched)]
    told = []
    if proved := notes.count(TAKEN_PROVED):
        told.append(f"{ESCAPES_PROVED}: {proved}")
    if unsure := notes.count(KEPT_UNSURE):
        told.append(f"{ESCAPES_UNSURE}: {unsure}")
    return tuple(told)


def unescaped(raw: bytes, dialect: Dialect) -> tuple[bytes, str]:
    """``raw`` without the ``>`` that the writer of the file put before ``From``, where that is known; and how it is known.

    ``auto`` tries the three readings against the body hashes of the message's DKIM signatures (RFC 6376 section 3.7) and
    takes the one that a sender's hash proves; without proof nothing is changed.
    """
    cut = re.search(rb"\r?\n\r?\n", raw)
    if cut is None or dialect == "mboxcl2":
        return raw, ""
    header, body = raw[: cut.end()], raw[cut.end() :]
    as_rd, as_o = _ESCAPED_LINES.sub(b"", body), _ESCAPED_ONCE.sub(b"", body)
    if dialect in ("mboxrd", "mboxo", "mboxcl"):
        changed = as_rd if dialect == "mboxrd" else as_o
        return header + changed, f"{ESCAPES_STATED}: {dialect}" if changed != body else ""
    hashes = _body_hashes(header)
    if any(_proves(claim, body) for claim in hashes):
        return raw, KEPT_PROVED
    for reading in (as_rd, as_o):
        if any(_proves(claim, reading) for claim in hashes):
            return header + reading, TAKEN_PROVED
    return raw, KEPT_UNSURE


def _walk_by_length(found: _Survey, size: int) -> list[int] | None:
    """The rows that a walk by Content-Length visits, if it reaches the end of the file exactly; else None."""
    rows = len(found.start)
    if not rows or found.start[0] != 0 or found.length[0] < 0:
        return None
    at_offset = {found.start[i]: i for i in range(rows)}
    row, visited = 0, []
    while True:
        if found.length[row] < 0 or found.body[row] < 0:
            return None
        visited.append(row)
        end = found.body[row] + found.length[row]
        if size - 4 <= end <= size:
            return visited
        following = next((at_offset[end + n] for n in range(5) if end + n in at_offset), None)
        if following is None or following <= row:
            return None
        row = following


def _more_caveats(found: _Survey, starts: array[int], size: int) -> list[str]:
    told: list[str] = []
    if found.lf:
        told.append(MIXED_ENDS if found.crlf else LF_ENDS)
    if found.takeout:
        told.append(TAKEOUT)
    lead = starts[0] if starts else size
    if lead:
        told.append(f"{TRAILING}: {lead}")
    if lines := sum(found.froms):
        told.append(f"{FROM_LINES}: {lines}")
    return told


def _named(by_length: bool, inside: bool, found: _Survey, quoted: int) -> str:
    if by_length:
        if inside or any(found.froms):
            return "mboxcl2"
        return "mboxcl" if quoted else "mboxcl or mboxcl2"
    return "mboxo or mboxrd" if quoted else "mbox"


def _body_hashes(header: bytes) -> list[tuple[str, bool, int | None, bytes]]:
    """(hash name, relaxed body?, l=, bh) of each DKIM signature; at most ten, each at most 8 KB."""
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", header[:HEADER_LIMIT])
    found: list[tuple[str, bool, int | None, bytes]] = []
    for value in re.findall(rb"^DKIM-Signature[ \t]*:([^\r\n]{0,8192})\r?$", unfolded, re.MULTILINE | re.IGNORECASE)[
        :10
    ]:
        tags = {k.strip(): v.strip() for k, eq, v in (part.partition(b"=") for part in value.split(b";")) if eq}
        try:
            stated = base64.b64decode(re.sub(rb"\s+", b"", tags.get(b"bh", b"")), validate=True)
        except (binascii.Error, ValueError):
            continue
        name = "sha1" if tags.get(b"a") == b"rsa-sha1" else "sha256"
        length = int(tags[b"l"]) if re.fullmatch(rb"\d{1,12}", tags.get(b"l", b"")) else None
        relaxed = tags.get(b"c", b"simple/simple").partition(b"/")[2] == b"relaxed"
        found.append((name, relaxed, length, stated))
    return found


def _proves(claim: tuple[str, bool, int | None, bytes], body: bytes) -> bool:
    name, relaxed, length, stated = claim
    canonical = re.sub(rb"\r?\n", b"\r\n", body)
    if relaxed:
        canonical = re.sub(rb"[ \t]+", b" ", canonical).replace(b" \r\n", b"\r\n")
    canonical = canonical.rstrip(b"\r\n") + b"\r\n"
    if canonical == b"\r\n" and relaxed:
        canonical = b""
    # A body that is signed in part only proves that part; the lines in question may lie beyond it.
    if length is not None and length < len(canonical):
        return False
    return hashlib.new(name, canonical, usedforsecurity=False).digest() == stated
