"""Server responses: octets in, values out. No socket here.

A response is a line with its literals already read: ``parts`` alternates line pieces (bytes) and literals, so that a literal's
octets are never scanned for syntax. Grammar: RFC 9051 section 9.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from imapclient import imap_utf7

from evidence.model import FolderName

LITERAL = re.compile(rb"~?\{(\d+)\+?\}\r\n\Z")
_FETCH = re.compile(rb"\* (\d+) FETCH \(", re.IGNORECASE)
_CODE = re.compile(rb"\[([A-Z0-9-]+)(?: ([^\]]*))?\]", re.IGNORECASE)
_LIST = re.compile(rb'\* LIST \(([^)]*)\) (?:"((?:\\.|[^"\\])*)"|NIL) ', re.IGNORECASE)
_STATUS_ITEM = re.compile(rb"(MESSAGES|UIDNEXT|UIDVALIDITY|HIGHESTMODSEQ) (\d+)", re.IGNORECASE)
_ITEM_NAME = re.compile(rb"[^ \[\]()\r\n]+(?:\[[^\]]*\](?:<\d+>)?)?")  # BODY[HEADER.FIELDS (…)]<0>
_ATOM_END = re.compile(rb"[ ()\r\n]")
# An item as servers nearly always write it, with the blank before it; anything else is read by the scanner.
_PLAIN_ITEM = re.compile(
    rb' *(?:(UID|RFC822\.SIZE) (\d+)|FLAGS \(([^()"{}\r\n]*)\)|INTERNALDATE "([^"\\\r\n]*)"'
    rb"|(MODSEQ) \(\d+\)|(BODY\[(?:HEADER\.FIELDS \([^()\[\]\r\n]*\))?\]) \{\d+\}\r\n\Z)(?=[ )]|\Z)"
)
# A whole line as servers nearly always write it where it ends in a literal, its items in any order
_PLAIN_LINE = re.compile(
    rb'\* \d+ FETCH \((?:(?:UID (?P<uid>\d+)|RFC822\.SIZE (?P<size>\d+)|FLAGS \((?P<flags>[^()"{}\r\n]*)\)'
    rb'|INTERNALDATE "(?P<date>[^"\\\r\n]*)"|MODSEQ \(\d+\)) )*'
    rb"BODY\[(?P<header>HEADER\.FIELDS \([^()\[\]\r\n]*\))?\] \{\d+\}\r\n\Z"
)
_QUOTED = re.compile(rb'"((?:[^"\\\r\n]|\\.)*)"', re.DOTALL)


class Nil:
    """The NIL of a FETCH item: the server said there is no such thing."""


NIL = Nil()
Value = bytes | Nil | list["Value"]  # a parenthesised list is a list


@dataclass(slots=True)
class Response:
    """One untagged, tagged or continuation response."""

    parts: list[bytes] = field(default_factory=list)  # line piece, literal, line piece, …
    strike: Callable[[str], str] = str  # takes out of the text what must not be repeated

    @property
    def line(self) -> bytes:
        return self.parts[0]

    def code(self) -> tuple[str, bytes]:
        """The response code and its argument, or ("", b"") (RFC 9051 section 7.1)."""
        found = _CODE.search(self.line)
        return (found[1].decode("ascii").upper(), found[2] or b"") if found else ("", b"")

    def text(self) -> str:
        """The line as a person may read it."""
        return self.strike(self.line.decode("utf-8", "replace").strip())


@dataclass(slots=True)
class FetchItems:
    """The items of one FETCH response. ``body`` is None when absent, NIL when the server said NIL."""

    uid: int | None = None
    size: int | None = None
    flags: tuple[str, ...] = ()
    internal_date: str | None = None
    body: bytes | Nil | None = None
    header: bytes | Nil | None = None
    gm_msgid: str | None = None
    gm_labels: tuple[str, ...] = ()


class Malformed(ValueError):
    """A response that the grammar does not allow."""


def is_fetch(response: Response) -> bool:
    return _FETCH.match(response.line) is not None


def parse_fetch(response: Response) -> FetchItems:
    """The items of a FETCH response. Unknown items are stepped over. Raises Malformed."""
    items = _plain_line(response.parts)
    if items is not None:
        return items
    start = _FETCH.match(response.line)
    if not start:
        raise Malformed(response.line[:80].decode("ascii", "replace"))
    items = FetchItems()
    scanner = _Scanner(response.parts, *_plain_items(items, response.parts, start.end()))
    while not scanner.at_close():
        name = scanner.item_name()
        value = scanner.value()
        _take(items, name, value)
    return items


def _plain_line(parts: list[bytes]) -> FetchItems | None:
    """The items where nothing but a line, its literal and the closing parenthesis came, all written plainly."""
    if len(parts) != 3 or parts[2] != b")\r\n":
        return None
    found = _PLAIN_LINE.match(parts[0])
    if found is None:
        return None
    uid, size, flags, date, header = found.groups()
    return FetchItems(
        uid=int(uid) if uid else None,
        size=int(size) if size else None,
        flags=_words(flags) if flags else (),
        internal_date=date.decode("ascii", "replace").strip() if date is not None else None,
        body=None if header else parts[1],
        header=parts[1] if header else None,
    )


def _plain_items(items: FetchItems, parts: list[bytes], at: int) -> tuple[int, int]:
    """Take the items that are written plainly. Returns the piece and the position where the scanner is to go on."""
    line, piece = parts[0], 0
    while found := _PLAIN_ITEM.match(line, at):
        which = found.lastindex
        if which == 2:
            if found[1] == b"UID":
                items.uid = int(found[2])
            else:
                items.size = int(found[2])
        elif which == 3:
            items.flags = _words(found[3])
        elif which == 4:
            items.internal_date = found[4].decode("ascii", "replace").strip()
        elif which == 6 and found[6] == b"BODY[]":
            items.body = parts[piece + 1]
        elif which == 6:
            items.header = parts[piece + 1]
        at = found.end()
        if which == 6:
            piece += 2
            line, at = parts[piece], 0
    return piece, at


@lru_cache(maxsize=1024)
def _words(octets: bytes) -> tuple[str, ...]:
    return tuple([w.decode("utf-8", "replace") for w in octets.split(b" ") if w and w.upper() != b"NIL"])


def _take(items: FetchItems, name: bytes, value: Value) -> None:
    if name == b"UID" and isinstance(value, bytes) and value.isdigit():
        items.uid = int(value)
    elif name == b"RFC822.SIZE" and isinstance(value, bytes) and value.isdigit():
        items.size = int(value)
    elif name == b"FLAGS" and isinstance(value, list):
        items.flags = tuple(v.decode("utf-8", "replace") for v in value if isinstance(v, bytes))
    elif name == b"INTERNALDATE" and isinstance(value, bytes):
        items.internal_date = value.decode("ascii", "replace").strip()
    elif name == b"X-GM-MSGID" and isinstance(value, bytes):
        items.gm_msgid = value.decode("ascii", "replace")
    elif name == b"X-GM-LABELS" and isinstance(value, list):
        items.gm_labels = tuple(folder_text(v) for v in value if isinstance(v, bytes))
    elif name == b"BODY[]" and not isinstance(value, list):
        items.body = value
    elif name.startswith(b"BODY[HEADER") and not isinstance(value, list):
        items.header = value


class _Scanner:
    """Walks line pieces and literals in order."""

    def __init__(self, parts: list[bytes], piece: int, position: int) -> None:
        self._parts = parts
        self._piece = piece
        self._at = position

    def at_close(self) -> bool:
        self._spaces()
        line = self._parts[self._piece]
        if self._at >= len(line) or line[self._at : self._at + 1] in (b"\r", b"\n"):
            raise Malformed("FETCH without its closing parenthesis")
        return line[self._at : self._at + 1] == b")"

    def item_name(self) -> bytes:
        found = _ITEM_NAME.match(self._parts[self._piece], self._at)
        if not found:
            raise Malformed("item without a name")
        self._at = found.end()
        return found[0].upper()

    def value(self, depth: int = 0) -> Value:
        self._spaces()
        line = self._parts[self._piece]
        lead = line[self._at : self._at + 1]
        if lead == b"(":
            if depth > 50:
                raise Malformed("lists nested too deep")
            self._at += 1
            found: list[Value] = []
            while not self.at_close():
                found.append(self.value(depth + 1))
            self._at += 1
            return found
        if lead == b'"':
            quoted = _QUOTED.match(line, self._at)
            if not quoted:
                raise Malformed("string without its closing quote")
            self._at = quoted.end()
            text = quoted[1]
            return re.sub(rb"\\(.)", rb"\1", text, flags=re.DOTALL) if b"\\" in text else text
        literal = LITERAL.match(line, self._at) if lead in (b"{", b"~") else None
        if literal:
            octets = self._parts[self._piece + 1]
            self._piece += 2
            self._at = 0
            return octets
        ending = _ATOM_END.search(line, self._at)
        end = ending.start() if ending else len(line)
        atom = line[self._at : end]
        if not atom:
            raise Malformed("value missing")
        self._at = end
        return NIL if atom.upper() == b"NIL" else atom

    def _spaces(self) -> None:
        line = self._parts[self._piece]
        while line[self._at : self._at + 1] == b" ":
            self._at += 1


def folder_text(wire: bytes) -> str:
    """A folder name for people: UTF-8 where it has 8-bit octets, else modified UTF-7 (RFC 3501 section 5.1.3).

    What is neither is shown with its octets escaped; commands use the wire form, so nothing is lost.
    """
    try:
        text = wire.decode("utf-8") if not wire.isascii() else str(imap_utf7.decode(wire))
        text.encode("utf-8")  # modified UTF-7 can carry lone surrogates
    except (UnicodeError, ValueError):
        return wire.decode("ascii", "backslashreplace")
    return text


def parse_list(response: Response) -> FolderName | None:
    """A LIST response, or None. imapclient's own reading turns the folder «007» into 7, so the name is read here."""
    found = _LIST.match(response.line)
    if not found:
        return None
    attributes = tuple(a.decode("ascii", "replace") for a in found[1].split())
    delimiter = (found[2] or b"").replace(b"\\\\", b"\\").replace(b'\\"', b'"')
    scanner = _Scanner(response.parts, 0, found.end())
    try:
        wire = scanner.value()
    except Malformed:
        return None
    if isinstance(wire, Nil):
        wire = b"NIL"  # a folder may be called so; only an atom reads as NIL
    if isinstance(wire, list):
        return None
    return FolderName(folder_text(wire), wire, delimiter.decode("ascii", "replace"), attributes)


def parse_id(responses: Sequence[Response]) -> dict[str, str]:
    """What a server says of itself (RFC 2971): name -> value, NIL as ""; empty where it says nothing."""
    for response in responses:
        if response.line[:5].upper() == b"* ID ":
            try:
                found = _Scanner(response.parts, 0, 5).value()
            except (Malformed, IndexError):
                continue
            if isinstance(found, list):
                texts = [response.strike(v.decode("utf-8", "replace")) if isinstance(v, bytes) else "" for v in found]
                return dict(zip(texts[::2], texts[1::2], strict=False))
    return {}


def parse_status(response: Response) -> dict[str, int]:
    """The numbers of a STATUS response. The folder name is not compared: answers are taken in the order asked."""
    if not response.line.upper().startswith(b"* STATUS "):
        return {}
    return {k.decode("ascii").upper(): int(v) for k, v in _STATUS_ITEM.findall(response.parts[-1].rpartition(b"(")[2])}


def parse_search(response: Response) -> array[int]:
    """The UIDs of a SEARCH or ESEARCH response (RFC 9051 section 7.3.4), as they came. Raises Malformed."""
    line = response.line.strip()
    upper = line[:10].upper()
    if upper.startswith(b"* SEARCH"):
        numbers = re.sub(rb"\(MODSEQ \d+\)", b"", line[8:]).split()
        return array("I", map(_uid, numbers))
    if upper.startswith(b"* ESEARCH"):
        found = re.search(rb" ALL ([\d:,]+)", line, re.IGNORECASE)
        out: array[int] = array("I")
        for part in found[1].split(b",") if found else ():
            first, _, last = part.partition(b":")
            low, high = sorted((_uid(first), _uid(last or first)))
            if high - low > 50_000_000:
                raise Malformed("a search result of more than 50 million messages")
            out.extend(range(low, high + 1))
        return out
    return array("I")


def _uid(digits: bytes) -> int:
    if not digits.isdigit() or not 0 < int(digits) < 2**32:
        raise Malformed(f"not a UID: {digits[:20]!r}")
    return int(digits)
