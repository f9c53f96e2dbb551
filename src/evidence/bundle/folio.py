"""Page numbers: ``12 / 318`` and a Bates label at each foot, and the pages that tables and lists refer to.

The foot is a pagination artifact (ISO 32000-1, 14.8.2.2). The numbers in the text stand where ``render.py`` left zeros.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pikepdf
from pikepdf import Dictionary, Name

from evidence.bundle.joining import Places, offsets
from evidence.bundle.pdf import Rendered

LEFT, RIGHT = 62.36, 544.25  # the margins of base.css (22 mm, 18 mm) in points
WIDENING = 280  # thousandths added to a blank of the foot: text extractors in layout mode then see it
STAMPED = "".join(map(chr, range(0x20, 0x7F)))
_NUMBER = re.compile(rb"\[<[0-9a-f]+>\] TJ %page (\S+) (left|right) (\d+) ([\d.]+) ([0-9a-f]{40})(?=\n)")


def write_references(pdf: pikepdf.Pdf, parts: Sequence[Rendered], places: Places) -> None:
    """Put the page of every anchor where a part asks for it. Raises KeyError when no part has the anchor."""

    def number(match: re.Match[bytes]) -> bytes:
        name, align, slots, width, glyphs = match.groups()
        page = str(places[name.decode("ascii")][0] + 1)
        shown = b"".join(glyphs[4 * int(digit) : 4 * int(digit) + 4] for digit in page)
        left = f"{-(int(slots) - len(page)) * float(width):.1f} " if align == b"right" else ""
        return b"[" + left.encode("ascii") + b"<" + shown + b">] TJ"

    for part, start in zip(parts, offsets(parts), strict=True):
        if not part.numbers:
            continue
        written = 0
        for index in range(start, start + part.pages):
            contents = pdf.pages[index].obj.Contents
            octets, count = _NUMBER.subn(number, contents.read_bytes())
            written += count
            if count:
                contents.write(octets)
        if written != part.numbers:
            raise ValueError(f"{written} of {part.numbers} page numbers of a part could be written")


def stamp_pages(pdf: pikepdf.Pdf, source: pikepdf.Pdf, labels: Sequence[str]) -> None:
    """``12 / 318`` on the right and the Bates label on the left of every page's foot."""
    fonts = source.pages[0].resources.Font
    foreign = fonts[next(iter(sorted(fonts.keys())))]
    glyphs = _glyphs(foreign)
    widths = _widths(foreign)
    font = pdf.copy_foreign(foreign)
    total = len(pdf.pages)
    size = 8.5
    seen: set[tuple[int, int]] = set()
    for number, page in enumerate(pdf.pages, start=1):
        resources = page.obj.Resources
        if resources.objgen == (0, 0) or resources.objgen not in seen:
            seen.add(resources.objgen)
            if Name.Font not in resources:
                resources.Font = Dictionary()
            resources.Font[Name("/EvidenceFoot")] = font
        text = f"{number} / {total}"
        parts = [_shown(text, RIGHT - _width(text, glyphs, widths, size), size, glyphs)]
        if labels:
            parts.append(_shown(labels[number - 1], LEFT, size, glyphs))
        body = "".join(parts)
        stream = f"/Artifact <</Type /Pagination /Subtype /Footer>> BDC q 0.2 g {body}Q EMC\n"
        page.contents_add(pdf.make_stream(stream.encode("ascii")), prepend=True)


def _shown(text: str, x: float, size: float, glyphs: Mapping[str, int]) -> str:
    codes = f"> {-WIDENING} <".join("".join(f"{glyphs[c]:04x}" for c in word) for word in _words(text))
    return f"BT /EvidenceFoot {size} Tf {x:.2f} 31 Td [<{codes}>] TJ ET "


def _words(text: str) -> list[str]:
    """Words with the blank behind each."""
    return re.findall(r"\S+ ?", text)


def _glyphs(font: pikepdf.Object) -> dict[str, int]:
    """Character to glyph, out of the font's ToUnicode CMap (ISO 32000-1, 9.10.3)."""
    found: dict[str, int] = {}
    for glyph, text in re.findall(rb"<([0-9a-fA-F]{4})>\s*<([0-9a-fA-F]+)>", font.ToUnicode.read_bytes()):
        characters = bytes.fromhex(text.decode()).decode("utf-16-be")
        if len(characters) == 1:
            found.setdefault(characters, int(glyph, 16))
    missing = set(STAMPED) - set(found)
    if missing:
        raise KeyError(f"the footer font lacks {sorted(missing)}")
    return found


def _widths(font: pikepdf.Object) -> dict[int, float]:
    """Glyph widths in thousandths of the size (ISO 32000-1, 9.7.4.3)."""
    descendant = font.DescendantFonts[0]
    found: dict[int, float] = {}
    entries = list(descendant.W)
    while entries:
        first = int(entries.pop(0))
        following = entries.pop(0)
        if isinstance(following, pikepdf.Array | list):
            found.update({first + i: float(w) for i, w in enumerate(following)})
        else:
            width = float(entries.pop(0))
            found.update(dict.fromkeys(range(first, int(following) + 1), width))
    return found


def _width(text: str, glyphs: Mapping[str, int], widths: Mapping[int, float], size: float) -> float:
    return (sum(widths[glyphs[c]] for c in text) + WIDENING * text.count(" ")) * size / 1000
