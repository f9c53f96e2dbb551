"""A sender's HTML as harmless boxes of our own: only ``div``, ``span`` and ``br`` without a single attribute of theirs.

What comes in is already sanitised (``evidence.safehtml``); this makes sure that nothing of it can carry a link, an
address, a style, an identifier or a structure that breaks the file's tags, however it is nested.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser

from evidence.bundle.text import LONGEST_TEXT, plain_references

_INLINE = {"b": "sb", "strong": "sb", "i": "si", "em": "si", "u": "su", "ins": "su", "s": "ss", "strike": "ss",
           "del": "ss", "code": "sm", "tt": "sm", "kbd": "sm", "samp": "sm", "span": "sp", "font": "sp", "a": "sa",
           "sub": "sp", "sup": "sp", "small": "sp", "big": "sp", "abbr": "sp", "cite": "si", "q": "sp", "mark": "sp"}  # fmt: skip
_BLOCK = {"p": "mp", "div": "md", "blockquote": "mq", "pre": "mr", "li": "ml", "ul": "mu", "ol": "mu", "dl": "mu",
          "dt": "md", "dd": "ml", "h1": "mh", "h2": "mh", "h3": "mh", "h4": "mh", "h5": "mh", "h6": "mh", "center": "md",
          "table": "mt", "thead": "mg", "tbody": "mg", "tfoot": "mg", "tr": "mw", "td": "mc", "th": "mc", "caption": "md",
          "section": "md", "article": "md", "header": "md", "footer": "md", "address": "md", "figure": "md"}  # fmt: skip
_DROPPED = {"script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg", "math"}
_TABLE = {"table", "thead", "tbody", "tfoot", "tr", "td", "th"}

DEEPEST = 24
MOST_ELEMENTS = 12_000
MOST_ROWS = 400  # beyond, a table is printed as plain lines: columns over thousands of rows take minutes


@dataclass(frozen=True, slots=True)
class Boxes:
    """``html`` of our own tags, its ``text`` without markup, and whether layout was given up for plain lines."""

    html: str
    text: str
    flattened: bool


class TooMuch(Exception):
    """More elements or text than a page rendering makes sense of; the text part stands instead."""


class _Writer(HTMLParser):
    def __init__(self, tables: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.tables = tables
        self.out: list[str] = []
        self.text: list[str] = []
        self.open: list[tuple[str, str]] = []
        self.elements = 0
        self.letters = 0
        self.muted = 0
        self.flattened = not tables

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self.muted += 1
            return
        if self.muted:
            return
        if tag == "br":
            self.out.append("<br>")
            self.text.append("\n")
            return
        if tag == "hr":
            self.out.append('<div class="mz"></div>')
            return
        if tag == "img":
            words = next((v for k, v in attrs if k == "alt" and v), "")
            self.out.append(f'<span class="sx">[{escape(" ".join(words.split())) or "…"}]</span>')
            return
        self.elements += 1
        if self.elements > MOST_ELEMENTS:
            raise TooMuch
        if len(self.open) >= DEEPEST:
            self.flattened = True
            return
        if tag in _INLINE:
            self._start(tag, "span", _INLINE[tag])
        elif tag in _BLOCK:
            self._breaks()
            kind = _BLOCK[tag]
            if tag in _TABLE and not self.tables:
                kind = "mo" if tag in ("td", "th") else "md"
            self._start(tag, "div", kind)

    def _start(self, tag: str, ours: str, kind: str) -> None:
        # A block inside an inline box is legal for us and lays out; only the order of closing must be kept.
        self.out.append(f'<{ours} class="{kind}">')
        self.open.append((tag, ours))

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self.muted = max(0, self.muted - 1)
            return
        if self.muted or not any(name == tag for name, _ in self.open):
            return
        while self.open:
            name, ours = self.open.pop()
            self.out.append(f"</{ours}>")
            if name == tag:
                break
        if tag in _BLOCK:
            self._breaks()

    def _breaks(self) -> None:
        if self.text and not self.text[-1].endswith("\n"):
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if self.muted:
            return
        self.letters += len(data)
        if self.letters > LONGEST_TEXT:
            raise TooMuch
        self.out.append(escape(data))
        self.text.append(data)

    def finish(self) -> Boxes:
        self.close()
        while self.open:
            self.out.append(f"</{self.open.pop()[1]}>")
        return Boxes("".join(self.out), "".join(self.text), self.flattened)


def boxes(html: str) -> Boxes:
    """Boxes for one message's sanitised HTML. Raises TooMuch."""
    writer = _Writer(tables=html.lower().count("<tr") <= MOST_ROWS)
    writer.feed(plain_references(html))
    return writer.finish()


def same_words(one: str, other: str) -> bool:
    """Whether two texts say the same words, whatever their blanks, quotation marks at line starts and bullets."""

    def words(text: str) -> list[str]:
        return "".join(c if c.isalnum() else " " for c in text).casefold().split()

    return words(one) == words(other)
