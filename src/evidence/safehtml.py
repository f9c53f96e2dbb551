"""HTML of mail made harmless for a page or a PDF: a strict allow-list, nothing remote, no link that navigates.

Layer 1 bounds what the markup may cost before any parser sees it (nesting, size, tables: deep or wide markup stops HTML
parsers and page renderers). Layer 2 is nh3 (html5ever, the browsers' parsing rules). Layer 3 writes the result anew from
its own allow-list, drops what was not displayed and reports it, and shows link targets as text. A picture is shown only where
the caller hands it in: those a letter carries in its own parts and names by ``cid:`` (RFC 2392).
"""

from __future__ import annotations

import html as entities
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote

MAX_SOURCE = 1_500_000  # characters
MAX_ELEMENTS = 15_000
MAX_CELLS = 6_000
MAX_DEPTH = 60  # WeasyPrint fails at 137 nested blocks
MAX_TABLE_DEPTH = 10  # and at 46 nested tables
MAX_OPEN_FORMATTING = 40  # open formatting elements are repeated in every block that follows
MAX_SPAN = 40
MAX_PICTURED = 24_000_000  # characters of picture addresses written: one picture may be named thousands of times
_NO_PICTURES: Mapping[str, str] = MappingProxyType({})

_TEXT_TAGS = frozenset(
    "p div span br hr b strong i em u s strike del ins small big sub sup code pre tt kbd samp blockquote q cite "
    "h1 h2 h3 h4 h5 h6 ul ol li dl dt dd center font table thead tbody tfoot tr td th caption".split()
)
_PARSED_TAGS = _TEXT_TAGS | {"a", "img"}
_EMPTY = frozenset({"br", "hr", "img"})
_BLOCKISH = frozenset("p div li td th tr table blockquote pre h1 h2 h3 h4 h5 h6 dt dd center caption".split())
_IMPLIED = frozenset("p li td th tr thead tbody tfoot option dt dd colgroup".split())
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_DROPPED_CONTENT = frozenset(
    "script style title template noscript noframes iframe object embed applet svg math select textarea audio video".split()
)
_COUNTED: Mapping[str, str] = {
    "script": "scripts",
    "style": "styles",
    "link": "stylesheets",
    "img": "images",
    "picture": "images",
    "svg": "drawings",
    "math": "drawings",
    "iframe": "frames",
    "frame": "frames",
    "object": "frames",
    "embed": "frames",
    "applet": "frames",
    "audio": "media",
    "video": "media",
    "form": "forms",
    "input": "forms",
    "button": "forms",
    "select": "forms",
    "textarea": "forms",
    "meta": "meta",
    "base": "meta",
    "a": "links",
}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})")
_HANDLER = re.compile(r"<[^<>]{0,1000}?[\s\"'/]on[a-zA-Z]{3,20}\s*=")
# nh3 writes every attribute in double quotes, with «"» and «&» escaped; «<» and «>» may stand bare inside.
_PIECE = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z]+="[^"]*")*)>|([^<]+)')
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"]*)"')
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|opacity\s*:\s*0(?:\.0+)?\s*(?:;|!|$)"
    r"|font-size\s*:\s*0(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:;|!|$)|(?:max-)?(?:height|width)\s*:\s*0(?:px)?\s*(?:;|!|$)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """``html`` may stand inside a page as it is. ``hidden_text`` is what a mail program would not have displayed.

    ``removed`` counts by kind what was left out (scripts, images, links …). ``fallback`` is empty, or says in one word why
    the markup is not rendered (``size``, ``elements``, ``depth``, ``tables``): then ``html`` is empty and the caller shows
    the message's text.
    """

    html: str
    hidden_text: str = ""
    removed: Mapping[str, int] = field(default_factory=dict)
    fallback: str = ""


def safe_html(html: str, *, show_links: bool, pictures: Mapping[str, str] = _NO_PICTURES) -> SafeHtml:
    """``html`` without anything that runs, loads, submits, navigates or hides. Raises nothing; the cost is bounded.

    With ``show_links`` the target of a link stands after its words in square brackets, as text.
    ``pictures`` gives by Content-ID, without its angle brackets, the address written for an image that the letter carries itself;
    an image of any other address is its alternative text.
    """
    removed = Counter(
        _COUNTED[name] for slash, name in ((m[1], m[2].lower()) for m in _TAG.finditer(html[:MAX_SOURCE]))
        if not slash and name in _COUNTED
    )  # fmt: skip
    reason = _too_costly(html)
    if reason:
        return SafeHtml("", "", dict(sorted(removed.items())), reason)
    handlers = len(_HANDLER.findall(html))
    if handlers:
        removed["handlers"] = handlers
    import nh3

    try:
        parsed = nh3.clean(
            html.replace("\x00", "�"),
            tags=set(_PARSED_TAGS),
            clean_content_tags=set(_DROPPED_CONTENT),
            attributes={
                "*": {"style", "hidden"},
                "a": {"href"},
                "img": {"alt", "src"} if pictures else {"alt"},
                "td": _SPANS,
                "th": _SPANS,
                "ol": {"start"},
            },
            link_rel=None,
            url_schemes={"http", "https", "mailto", "tel", "ftp"} | ({"cid"} if pictures else set()),
        )
    except (ValueError, RecursionError, MemoryError):
        return SafeHtml("", "", dict(sorted(removed.items())), "unreadable")
    if len(parsed) > 3 * MAX_SOURCE:
        return SafeHtml("", "", dict(sorted(removed.items())), "size")
    writer = _Writer(show_links, pictures)
    reason = writer.write(parsed)
    if reason:
        return SafeHtml("", "", dict(sorted(removed.items())), reason)
    hidden = re.sub(r"\s+", " ", " ".join(writer.hidden)).strip()
    if hidden:
        removed["hidden"] = writer.hidden_elements
    removed["images"] -= writer.pictured
    removed = +removed  # what is counted zero times is not named
    return SafeHtml("".join(writer.out), hidden, dict(sorted(removed.items())))


_SPANS = {"colspan", "rowspan"}


def _too_costly(html: str) -> str:
    """The bound that the source crosses, judged by its tags alone, in one pass."""
    if len(html) > MAX_SOURCE:
        return "size"
    elements = depth = deepest = tables = cells = formatting = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if name in _VOID:
            elements += not match[1]
            continue
        step = -1 if match[1] else 1
        if step > 0:
            elements += 1
            cells += name in {"td", "th"}
        if name not in _IMPLIED:
            depth = max(depth + step, 0)
            deepest = max(deepest, depth)
        if name == "table":
            tables = max(tables + step, 0)
            if tables > MAX_TABLE_DEPTH:
                return "tables"
        if name in _FORMATTING:
            formatting = max(formatting + step, 0)
            if formatting > MAX_OPEN_FORMATTING:
                return "depth"
        if elements > MAX_ELEMENTS:
            return "elements"
        if cells > MAX_CELLS:
            return "tables"
        if deepest > 4 * MAX_DEPTH:
            return "depth"
    return ""


class _Writer:
    """Writes the parser's well-formed output anew, element by element."""

    def __init__(self, show_links: bool, pictures: Mapping[str, str]) -> None:
        self.show_links = show_links
        self.pictures = pictures
        self.pictured = 0
        self._room = MAX_PICTURED
        self.out: list[str] = []
        self.hidden: list[str] = []
        self.hidden_elements = 0
        self._stack: list[tuple[str, str, bool]] = []  # name, closing text, hides
        self._hiding = 0

    def write(self, parsed: str) -> str:
        for match in _PIECE.finditer(parsed):
            slash, name, attributes, text = match.groups()
            if text is not None:
                (self.hidden if self._hiding else self.out).append(
                    entities.unescape(text) if self._hiding else text.replace(">", "&gt;")
                )
            elif slash:
                self._close(name)
            elif name in _EMPTY:
                self._empty(name, attributes)
            else:
                self._open(name, attributes)
                if len(self._stack) > MAX_DEPTH:
                    return "depth"
        while self._stack:
            self._close(self._stack[-1][0])
        return ""

    def _empty(self, name: str, attributes: str) -> None:
        if self._hiding:
            return
        if name == "img":
            values = dict(_ATTRIBUTE.findall(attributes))
            alt = values.get("alt", "").strip()
            address = self.pictures.get(content_id(entities.unescape(values.get("src", ""))), "")
            if address and len(address) <= self._room:
                self._room -= len(address)
                self.pictured += 1
                self.out.append(
                    f'<img src="{entities.escape(address)}" alt="{entities.escape(entities.unescape(alt[:200]))}">'
                )
            elif alt:
                self.out.append(f"[{_escaped(alt[:200])}]")
        else:
            self.out.append(f"<{name}>")

    def _open(self, name: str, attributes: str) -> None:
        values = dict(_ATTRIBUTE.findall(attributes)) if attributes else {}
        hides = "hidden" in values or bool(_HIDDEN.search(entities.unescape(values.get("style", ""))))
        if hides:
            self._hiding += 1
            self.hidden_elements += 1
        if self._hiding:
            self._stack.append((name, "", hides))
            return
        if name not in _TEXT_TAGS and name != "a":
            self._stack.append((name, "", False))
            return
        if name == "a":
            target = _escaped(values.get("href", "").removeprefix("mailto:")[:500])
            closing = f' <span class="link-target">[{target}]</span>' if self.show_links and target else ""
            self.out.append("<span>")
            self._stack.append((name, f"</span>{closing}", False))
            return
        kept = "".join(
            f' {key}="{int(values[key])}"'
            for key in ("colspan", "rowspan", "start")
            if values.get(key, "").isascii() and values.get(key, "").isdigit() and 0 < int(values[key][:6]) <= MAX_SPAN
        )
        self.out.append(f"<{name}{kept}>")
        self._stack.append((name, f"</{name}>", False))

    def _close(self, name: str) -> None:
        while self._stack:
            opened, closing, hides = self._stack.pop()
            self.out.append(closing)
            if hides:
                self._hiding -= 1
                if opened in _BLOCKISH:
                    self.hidden.append(" ")
            if opened == name:
                return


def content_id(address: str) -> str:
    """The Content-ID that a ``cid:`` address names (RFC 2392 section 2), without angle brackets; empty where it is no such address."""
    scheme, _, name = address.strip().partition(":")
    return unquote(name).strip("<> \t") if scheme.lower() == "cid" else ""


def _escaped(value: str) -> str:
    """An attribute's value, already escaped for attributes, as text."""
    return entities.escape(entities.unescape(value), quote=False)
