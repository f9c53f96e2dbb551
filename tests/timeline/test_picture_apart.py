"""Nothing in the picture lies over another thing, with three entries or three thousand."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from itertools import combinations
from xml.etree import ElementTree

import pytest

from evidence.model import CATEGORIES, Flag
from evidence.reckoning import TimelineEntry
from evidence.timeline.picture import picture

SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float, str]


def drawn(count: int, days: int, language: str) -> str:
    chance = random.Random(count)
    entries: list[TimelineEntry] = []
    flags: list[Flag] = []
    for number in range(count):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days * number / (count - 1))
        said = [c for c in CATEGORIES if chance.random() < 0.4]
        for category in said:
            flags.append(
                Flag(
                    id=f"{number}-{category}", sha256=f"{number:064x}", part="body", start=0, end=1, quote="x", speaker="us",
                    category=category, subtype=None, tier="stated", rule="r", pack="p", why="", score=1.0,
                )
            )  # fmt: skip
        side = chance.choice(("us", "client"))
        entries.append(
            TimelineEntry(
                "message", at, None, "", f"{number:064x}", "A", side, (), "…", tuple(f"{number}-{c}" for c in said)  # type: ignore[arg-type]
            )
        )  # fmt: skip
        if number % 5 == 0:
            entries += [
                TimelineEntry(kind, at, None, "", None, "", None, (), "…") for kind in ("outside", "disappearance")
            ]
        if count <= 50 and number % 3 == 0:
            until = at + timedelta(days=days / count / 2)
            entries.append(
                TimelineEntry("silence", at, until, "", None, "", None, (), "", detail={"days": 7, "next_side": "us"})
            )
    return picture(entries, flags, (), language=language, timezone="Europe/Moscow")


def boxes(svg: str) -> list[Box]:
    """Every mark and text outside the legend, as (left, top, right, bottom, what); a glyph is six tenths of the letters' size wide."""
    found: list[Box] = []

    def text(node: ElementTree.Element, dx: float = 0.0, dy: float = 0.0) -> None:
        size, said = float(node.get("font-size", "11")), node.text or ""
        wide = 0.6 * size * len(said)
        left = dx + float(node.get("x", "0")) - (wide / 2 if node.get("text-anchor") == "middle" else 0)
        bottom = dy + float(node.get("y", "0"))
        found.append((left, bottom - 0.72 * size, left + wide, bottom, said))

    def walk(node: ElementTree.Element) -> None:
        for child in node:
            moved = re.fullmatch(r"translate\(([-\d.]+) ([-\d.]+)\)( rotate\(-90\))?", child.get("transform", ""))
            if moved and moved[3]:  # an upright label
                x, y, said = float(moved[1]), float(moved[2]), child.find(f"{SVG}text")
                assert said is not None
                found.append((x - 6, y - 0.6 * 9 * len(said.text or ""), x, y, said.text or ""))
            elif moved:
                x, y = float(moved[1]), float(moved[2])
                found.append((x - 4.5, y - 4.5, x + 4.5, y + 4.5, "mark"))
            elif child.tag == f"{SVG}text":
                text(child)
            else:
                walk(child)

    root = ElementTree.fromstring(svg)
    walk(root)
    return found


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize(("count", "days"), [(3, 2), (3, 900), (40, 600), (300, 30), (3000, 900)])
def test_nothing_lies_over_another_thing(count: int, days: int, language: str) -> None:
    svg = drawn(count, days, language)
    found = boxes(svg)
    assert len(found) > 10
    over = [
        (a, b)
        for a, b in combinations(found, 2)
        if a[0] + 0.5 < b[2] and b[0] + 0.5 < a[2] and a[1] + 0.5 < b[3] and b[1] + 0.5 < a[3]
    ]
    assert not over, over[:3]
    width = float(ElementTree.fromstring(svg).get("width", "0"))
    assert all(left >= 0 and right <= width for left, _top, right, _bottom, _what in found)
