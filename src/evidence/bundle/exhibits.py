"""One exhibit as values: everything its pages say, read from the archive and redacted, before it becomes markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from evidence.bundle.markup import Boxes, TooMuch, boxes, same_words
from evidence.bundle.outside import Drawn, draw, leaf_octets
from evidence.bundle.pdf import Renderer
from evidence.bundle.redact import Redactions
from evidence.bundle.select import Selection
from evidence.bundle.text import (
    Printed,
    ShownAddress,
    decoded_domain,
    looks_like,
    name_imitates,
    printed,
    punycode,
    scripts,
)
from evidence.model import Attachment, DkimResult, Letter, ParsedMessage, Sighting
from evidence.ports import CaseFile
from evidence.safehtml import safe_html

ADDRESS_HEADERS = (
    "from", "sender", "reply-to", "to", "cc", "bcc", "delivered-to",
    "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc",
)  # fmt: skip
DISAGREEMENT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class ShownAttachment:
    """An attachment in the exhibit's list. ``withheld``: redacted by a person."""

    attachment: Attachment
    drawn: Drawn
    withheld: bool


@dataclass(frozen=True, slots=True)
class HtmlRendering:
    """The HTML part as boxes. ``text_differs``: the text part says other words. ``given_up``: why only text is printed."""

    boxes: Boxes | None
    text_differs: bool
    hidden: tuple[str, ...]
    removed: tuple[tuple[str, int], ...]
    given_up: str = ""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A message as exhibited. ``disagreements`` names clocks that differ by more than ten minutes from the Date header."""

    number: int
    letter: Letter
    parsed: ParsedMessage
    size: int
    sightings: tuple[Sighting, ...]
    clocks: Mapping[str, datetime | None]
    disagreements: tuple[str, ...]
    addresses: tuple[tuple[str, tuple[ShownAddress, ...]], ...]
    body: Printed
    html: HtmlRendering | None
    attachments: tuple[ShownAttachment, ...]
    dkim: tuple[DkimResult, ...]
    parent: tuple[int, bool] | None  # number of the exhibit replied to, and whether it is in this bundle
    embedded_as: str
    withheld: str  # why the original is not embedded
    event: int

    @property
    def anchor(self) -> str:
        return f"x{self.number}"

    def as_text(self, why: str) -> Exhibit:
        """The same exhibit without anything a sender's markup or picture could do."""
        html = replace(self.html, boxes=None, given_up=why) if self.html else None
        bare = tuple(
            ShownAttachment(a.attachment, Drawn(why=why) if a.drawn.pictures else a.drawn, a.withheld)
            for a in self.attachments
        )
        return replace(self, html=html, attachments=bare)


def known_addresses(ours: Sequence[str], theirs: Sequence[str]) -> frozenset[str]:
    return frozenset(a.lower() for a in (*ours, *theirs))


def build(
    case: CaseFile,
    letter: Letter,
    selection: Selection,
    hidden: Redactions,
    renderer: Renderer,
    known: frozenset[str],
) -> Exhibit:
    """Read one letter's exhibit. Attachments that can be drawn are drawn by the renderer's children."""
    raw = case.raw(letter.sha256)
    parsed = case.parsed(letter.sha256)
    clocks = case.clocks(letter.sha256)
    number = selection.numbers[letter.sha256]
    withheld = "redacted" if hidden.rows and hidden.withholds(raw, parsed) else ""
    attachments = _attachments(raw, parsed, hidden, renderer)
    body = printed(hidden.burn(parsed.texts.get("body", "")))
    html = None if withheld else _html(parsed)
    letter, parsed = hidden.letter(letter), hidden.parsed(parsed)
    printed_numbers = {x.sha256 for x in selection.letters}
    parent = None
    if letter.parent and (found := selection.number_of(letter.parent)) is not None:
        parent = (found, letter.parent in printed_numbers)
    return Exhibit(
        number=number,
        letter=letter,
        parsed=parsed,
        size=len(raw),
        sightings=tuple(s for sha in (letter.sha256, *letter.copies) for s in case.sightings(sha)),
        clocks=clocks,
        disagreements=_disagreements(clocks),
        addresses=_addresses(parsed, known),
        body=body,
        html=html,
        attachments=attachments,
        dkim=tuple(case.dkim(letter.sha256)),
        parent=parent,
        embedded_as="" if withheld else f"{number:04d}.eml",
        withheld=withheld,
        event=case.event_of("message", letter.sha256),
    )


def _disagreements(clocks: Mapping[str, datetime | None]) -> tuple[str, ...]:
    """Clocks over ten minutes from the Date header. Capture comes later by nature and is not compared."""
    date = clocks.get("date")
    if date is None:
        return ()
    return tuple(
        name
        for name in ("received", "internaldate")
        if (other := clocks.get(name)) is not None and abs(other - date) > DISAGREEMENT
    )


def _addresses(parsed: ParsedMessage, known: frozenset[str]) -> tuple[tuple[str, tuple[ShownAddress, ...]], ...]:
    found = []
    for header in ADDRESS_HEADERS:
        values = parsed.of(header)
        if values:
            found.append((header, tuple(_address(a.name, a.address, known) for a in values)))
    return tuple(found)


def _address(name: str, address: str, known: frozenset[str]) -> ShownAddress:
    other = punycode(address) or decoded_domain(address)
    twin = looks_like(address, known)
    if twin:
        warning = f"looks-like {twin}"
    elif name_imitates(name, address):
        warning = "name-holds-address"
    elif len(scripts(decoded_domain(address) or address)) > 1:
        warning = "mixed-alphabets"
    else:
        warning = ""
    return ShownAddress(name, address, other, warning)


def _html(parsed: ParsedMessage) -> HtmlRendering | None:
    if not parsed.html:
        return None
    safe = safe_html(parsed.html, show_links=True)
    if safe.fallback:
        return HtmlRendering(None, True, (), _counted(safe.removed), "size")
    try:
        made = boxes(safe.html)
    except TooMuch:
        return HtmlRendering(None, True, (), _counted(safe.removed), "size")
    body = parsed.texts.get("body", "")
    differs = parsed.body_source == "plain" and not same_words(body, made.text)
    hidden = tuple(line.strip() for line in safe.hidden_text.splitlines() if line.strip())
    return HtmlRendering(made, differs, hidden, _counted(safe.removed))


def _counted(removed: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((kind, count) for kind, count in removed.items() if count)


def _attachments(
    raw: bytes, parsed: ParsedMessage, hidden: Redactions, renderer: Renderer
) -> tuple[ShownAttachment, ...]:
    if not parsed.attachments:
        return ()
    octets = leaf_octets(raw)
    shown = []
    for attachment in parsed.attachments:
        withheld = hidden.hides(parsed, attachment.index) or hidden.touches(
            [parsed.texts.get(f"attachment:{attachment.index}", "")]
        )
        found = octets.get(attachment.sha256)
        if withheld or found is None:
            drawn = Drawn(why="withheld" if withheld else "kind")
        else:
            drawn = draw(renderer, found, attachment.content_type, attachment.filename)
        name, safe = hidden.burn(attachment.filename), hidden.burn(attachment.safe_name)
        shown.append(ShownAttachment(replace(attachment, filename=name, safe_name=safe), drawn, withheld))
    return tuple(shown)
