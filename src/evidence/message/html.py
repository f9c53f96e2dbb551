"""HTML to text, in one pass and linear time on any input, keeping where the markup says that words are quoted.

A browser's own rules, as far as they touch words: white space collapses, blocks begin lines, what is not displayed is
not read (its length is reported). The hints say which spans of the text the markup calls quoted, attribution, reply
header, signature; ``zones`` judges them together with the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evidence.message.html_marks import attributes_of, hint_kind, open_quote, unescaped
from evidence.message.limits import MAX_HTML

Hint = tuple[int, int, str]

_BLOCK = frozenset(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form header hgroup hr html legend li main menu nav ol optgroup option pre section summary table tbody tfoot thead "
    "tr ul".split()
)
_SPACED = frozenset("p h1 h2 h3 h4 h5 h6".split())
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_UNSEEN = frozenset("script style head title template noframes noscript object svg math select".split())
_RAW_TEXT = frozenset("script style title textarea noframes xmp".split())
_MAX_DEPTH = 2_000
_MAX_BREAKS = 8
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|!|$)", re.I
)
_FLAT = re.compile(r"margin(?:-top|-bottom)?\s*:\s*0", re.I)


@dataclass(frozen=True, slots=True)
class HtmlText:
    """Text with LF line ends, hints (start, end, kind) into it, and how many characters were not displayed."""

    text: str
    hints: tuple[Hint, ...]
    hidden: int
    defects: tuple[str, ...] = ()


def html_to_text(source: str) -> HtmlText:
    """The words of ``source`` as a reader saw them. Never raises; linear in its length."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: str) -> None:
        self.defects: list[str] = []
        if len(source) > MAX_HTML:
            source = source[:MAX_HTML]
            self.defects.append("html-cut")
        self.source = source
        self.out: list[str] = []
        self.length = 0
        self.breaks = 0  # line ends owed before the next word
        self.fresh = True  # nothing on this line yet
        self.space = False  # one collapsed space owed
        self.hidden = 0
        self.pre = 0
        self.unseen = 0
        self.stack: list[tuple[str, bool, bool, tuple[int, str] | None]] = []
        self.open_count: dict[str, int] = {}
        self.hints: list[Hint] = []
        self.items: list[int | None] = []
        self.absent: set[str] = set()  # what is known not to occur any more: keeps every search linear

    def read(self) -> HtmlText:
        source, at, end = self.source, 0, len(self.source)
        while at < end:
            lt = source.find("<", at)
            if lt < 0:
                self._words(source[at:])
                break
            if lt > at:
                self._words(source[at:lt])
            at = self._markup(lt)
        while self.stack:
            self._pop()
        text = "".join(self.out)
        return HtmlText(text, _trimmed(self.hints, text), self.hidden, tuple(self.defects))

    # ---- markup

    def _find(self, what: str, at: int) -> int:
        if what in self.absent:
            return -1
        found = self.source.find(what, at)
        if found < 0:
            self.absent.add(what)
        return found

    def _markup(self, lt: int) -> int:
        """Take the markup at ``lt``; return where reading goes on."""
        source = self.source
        following = source[lt + 1 : lt + 2]
        if following == "!":
            if source.startswith("<!--", lt):
                close = self._find("-->", lt + 4)
                if close < 0:
                    self.defects.append("html-comment-not-closed")
                    return len(source)
                return close + 3
            close = self._find(">", lt)
            return close + 1 if close >= 0 else len(source)
        if following == "?":
            close = self._find(">", lt)
            return close + 1 if close >= 0 else len(source)
        closing = following == "/"
        name_at = lt + 1 + closing
        first = source[name_at : name_at + 1]
        if not (first.isascii() and first.isalpha()):
            if closing:
                close = self._find(">", lt)
                return close + 1 if close >= 0 else len(source)
            self._words("<")
            return lt + 1
        stop = self._tag_end(name_at)
        if stop < 0:
            return len(source)
        inside = source[name_at:stop]
        match = re.match(r"[^\s/>]{1,60}", inside)
        name = match.group().lower() if match else ""
        if closing:
            self._close(name)
            return stop + 1
        return self._open(name, inside[len(name) :], stop + 1)

    def _tag_end(self, at: int) -> int:
        """Where this tag's «>» is, minding quoted attribute values; -1 if there is none."""
        gt = self._find(">", at)
        if gt < 0:
            return -1
        source = self.source
        while True:
            quote = open_quote(source, at, gt)
            if not quote:
                return gt
            close = self._find(quote, gt)
            if close < 0:
                return gt
            at = close + 1
            following = self._find(">", at)
            if following < 0:
                return gt
            gt = following

    def _open(self, name: str, attributes: str, after: int) -> int:
        if name == "br":
            self._break()
            return after
        if name == "hr":
            self._boundary(1)
            return after
        if name == "img":
            alt = attributes_of(attributes).get("alt", "") if "alt" in attributes else ""
            if 0 < len(alt) <= 8 and not alt.isascii():
                self._words(alt)  # an emoji set as a picture
            return after
        if name in _RAW_TEXT:
            close = re.compile(rf"</{name}", re.I).search(self.source, after) if name not in self.absent else None
            if close is None:
                self.absent.add(name)
                return after if name == "textarea" else len(self.source)
            if name == "textarea":
                self._words(self.source[after : close.start()])
            gt = self._find(">", close.start())
            return gt + 1 if gt >= 0 else len(self.source)
        if name in _VOID or len(self.stack) >= _MAX_DEPTH:
            return after
        found = attributes_of(attributes) if attributes.strip(" /") else {}
        style = found.get("style", "")
        unseen = name in _UNSEEN or "hidden" in found or bool(style and _HIDDEN.search(style))
        if name in {"p", "li", "tr", "td", "th", "option", "dt", "dd"}:
            self._imply_close(name)
        if name in _SPACED:
            flat = name == "p" and ("mso" in found.get("class", "").lower() or bool(_FLAT.search(style)))
            self._boundary(1 if flat else 2)
        elif name in _BLOCK:
            self._boundary(1)
        elif name in {"td", "th"} and not self.fresh:
            self._words("\t", keep=True)
        if name in {"ol", "ul"}:
            self.items.append(0 if name == "ol" else None)
        if name == "pre":
            self.pre += 1
        if unseen:
            self.unseen += 1
        kind = hint_kind(name, found, style)
        self.stack.append((name, unseen, name == "pre", (self.length, kind) if kind else None))
        self.open_count[name] = self.open_count.get(name, 0) + 1
        if name == "li":
            self._bullet()
        return after

    def _bullet(self) -> None:
        number = self.items[-1] if self.items else None
        if number is None:
            self._words("• ", keep=True)
        else:
            self.items[-1] = number + 1
            self._words(f"{number + 1}. ", keep=True)

    def _imply_close(self, name: str) -> None:
        """«<p>» and «<li>» may be left open: the next one closes them."""
        if self.stack and self.stack[-1][0] == name:
            self._pop()

    def _close(self, name: str) -> None:
        if not self.open_count.get(name):
            if name in {"p", "br"}:
                self._break()
            return
        while self.stack:
            if self._pop() == name:
                return

    def _pop(self) -> str:
        name, unseen, pre, hint = self.stack.pop()
        self.open_count[name] -= 1
        if unseen:
            self.unseen -= 1
        if pre:
            self.pre -= 1
        if hint is not None and self.length > hint[0]:
            self.hints.append((hint[0], self.length, hint[1]))
        if name in {"ol", "ul"} and self.items:
            self.items.pop()
        if name in _SPACED:
            self._boundary(1 if name == "p" else 2)
            if name == "p" and not self.unseen:
                self.breaks = max(self.breaks, 1)
        elif name in _BLOCK:
            self._boundary(1)
        return name

    # ---- words

    def _boundary(self, lines: int) -> None:
        if self.unseen:
            return
        if not self.fresh or self.breaks:
            self.breaks = max(self.breaks, lines)
        self.fresh = True
        self.space = False

    def _break(self) -> None:
        if self.unseen:
            return
        self.breaks = min(self.breaks + 1, _MAX_BREAKS)
        self.fresh = True
        self.space = False

    def _words(self, text: str, *, keep: bool = False) -> None:
        if self.unseen:
            if self.stack and not any(name in _UNSEEN for name, *_ in self.stack[-3:]):
                self.hidden += len(text.strip())
            return
        if "&" in text:
            text = unescaped(text)
        if self.pre and not keep:
            self._preformatted(text)
            return
        solid = "\xa0" in text
        if not keep:
            text = _SPACES.sub(" ", text)
            if text == " " or not text:
                self.space = self.space or (bool(text) and not self.fresh)
                return
        if solid:
            text = text.replace("\xa0", " ")
        leading = text[0] == " " and not keep
        words = text.strip(" ") if not keep else text
        if not words:
            # no-break spaces only: they hold a line open, and part words
            if self.fresh:
                self._start_line()
            self.space = True
            return
        if self.fresh:
            self._start_line()
        elif self.space or leading:
            self._emit(" ")
        self.space = text[-1] == " " and not keep
        self._emit(words)

    def _preformatted(self, text: str) -> None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        for number, line in enumerate(text.split("\n")):
            if number:
                self._break()
            if line:
                if self.fresh:
                    self._start_line()
                self._emit(line)

    def _start_line(self) -> None:
        if self.length:
            self._emit("\n" * self.breaks)
        self.breaks = 0
        self.fresh = False
        self.space = False

    def _emit(self, text: str) -> None:
        self.out.append(text)
        self.length += len(text)


def _trimmed(hints: list[Hint], text: str) -> tuple[Hint, ...]:
    """Hints without the white space at their ends, by start then widest first."""
    trimmed: list[Hint] = []
    firsts: dict[int, int] = {}  # nested markup shares its ends: each run of spaces is walked once
    lasts: dict[int, int] = {}
    size = len(text)
    for start, end, kind in hints:
        first = firsts.get(start)
        if first is None:
            first = start
            while first < size and text[first].isspace():
                first += 1
            firsts[start] = first
        last = lasts.get(end)
        if last is None:
            last = end
            while last > 0 and text[last - 1].isspace():
                last -= 1
            lasts[end] = last
        if first < last:
            trimmed.append((first, last, kind))
    return tuple(sorted(trimmed, key=lambda h: (h[0], -h[1], h[2])))
