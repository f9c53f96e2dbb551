"""The timeline as a vector picture (SVG 1.1): a lane for each side, a shape for each category, silence as hatched bands.

It reads in black and white: meaning lies in shape and place, colour only repeats it. Text is text and can be selected.
Drawn with what browsers and WeasyPrint both know: no CSS, no script, no filters, no fonts of its own.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from babel.dates import format_date

from evidence.i18n import translation
from evidence.model import CATEGORIES, Flag, Request
from evidence.reckoning import TimelineEntry
from evidence.timeline.words import CATEGORY_WORDS, N_

Gettext = Callable[[str], str]
LEFT, RIGHT, TOP, BIN, PITCH = 92, 20, 34, 18, 14
DIGIT = 5.1  # the width of a digit in a count
INK, SOFT, PALE = "#1a1a1a", "#5c5c5c", "#e6e6e6"
COLOURS = {"client": "#8c2d19", "us": "#1d4f91", "third": "#5c5c5c"}
FONT = "font-family=\"'DejaVu Sans','Liberation Sans',Arial,sans-serif\""

# Shapes in a box of 10 x 10 around (0, 0); "f" filled, "o" outlined.
SHAPES: Mapping[str, tuple[str, str]] = {
    "threat": ("f", "M0-5L5 4.5L-5 4.5Z"),
    "demand": ("f", "M-4.2-4.2H4.2V4.2H-4.2Z"),
    "accusation": ("f", "M0-5.4L5.4 0L0 5.4L-5.4 0Z"),
    "insult": ("o", "M-4-4L4 4M4-4L-4 4"),
    "refusal": ("f", "M-5-1.7H5V1.7H-5Z"),
    "broken_promise": ("o", "M-5 0A5 5 0 0 1 0-5M5 0A5 5 0 0 1 0 5M-4 4L4-4"),
    "nonpayment": ("o", "M0-4.6A4.6 4.6 0 1 1 0 4.6A4.6 4.6 0 1 1 0-4.6ZM-2.2 0H2.2"),
    "admission": ("o", "M0-4.6A4.6 4.6 0 1 1 0 4.6A4.6 4.6 0 1 1 0-4.6ZM-2.4 0L-.6 1.9L2.6-1.8"),
    "deadline_notice": ("o", "M-4 5V-5L4.6-2.2L-4 .6"),
    "termination_notice": ("o", "M-4.2-4.2H4.2V4.2H-4.2ZM-4.2-4.2L4.2 4.2"),
    "request": ("o", "M0-4.6A4.6 4.6 0 1 1 0 4.6A4.6 4.6 0 1 1 0-4.6Z"),
    "no-reply": ("f", "M0-4.6A4.6 4.6 0 1 1 0 4.6A4.6 4.6 0 1 1 0-4.6Z"),
    "outside": ("o", "M-4-5H2L5-2V5H-4ZM2-5V-2H5"),
    "disappearance": ("o", "M-4.6 0A4.6 4.6 0 1 1 4.6 0A4.6 4.6 0 1 1-4.6 0ZM-3.2 3.2L3.2-3.2"),
}


@dataclass(slots=True)
class _Column:
    """What one lane holds in one column of time."""

    messages: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    first: TimelineEntry | None = None
    last: TimelineEntry | None = None


def picture(
    entries: Sequence[TimelineEntry],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    *,
    language: str,
    timezone: str,
    width: int = 1000,
    height: int = 400,
    links: bool = False,
) -> str:
    """An SVG element of ``width`` x ``height`` user units. With ``links`` the marks lead to ``#m-SHA256`` of their message."""
    _ = translation("timeline", language).gettext
    zone = ZoneInfo(timezone)
    dated = _open_silence_cut([e for e in entries if e.kind != "gap"])
    if not dated:
        return _frame(
            width, 60, _("Timeline"), _("no messages"), [_text(width / 2, 34, _("no messages"), "middle")], links
        )
    scale = _Scale(min(e.at for e in dated), max(e.until or e.at for e in dated), width)
    spoken = [e.until or e.at for e in dated if not e.detail.get("cut")]
    scale.last = max(spoken, default=scale.last)  # what the title says: a band that runs on ends nothing
    columns = _columns_apart(dated, flags, requests, scale)
    counts = Counter(mark for lane, column in columns.items() for mark in column.marks.elements() for _lane in (lane,))
    legend = [m for m in SHAPES if counts[m]]
    per_row = max(1, (width - 20) // 235)
    legend_rows = math.ceil((len(legend) + 1) / per_row)
    low = any(lane == "third" for lane, _x in columns)
    body_height = max(height - 18 * legend_rows - 16, 220)
    third = 44 if low else 0
    axis = TOP + (body_height - TOP - third) / 2
    room = axis - TOP - 16
    parts, labels, upright = _silences(dated, scale, TOP, TOP + body_height - TOP - third, _)
    parts += _axis(scale, axis, zone, language, width, TOP, TOP + body_height - TOP - third)
    parts += labels
    parts += _lanes(
        columns, scale, axis, room, axis + (body_height - TOP - third) / 2 + 26, upright, zone, language, links, _
    )
    parts += [
        _text(8, axis - room / 2, _("Client"), weight="bold", fill=COLOURS["client"], size=13),
        _text(8, axis + room / 2 + 8, _("Our side"), weight="bold", fill=COLOURS["us"], size=13),
    ]
    if low:
        parts.append(
            _text(8, axis + (body_height - TOP - third) / 2 + 30, _("Other"), weight="bold", fill=SOFT, size=12)
        )
    parts += _legend(legend, counts, body_height + 20, per_row, width, _)
    period = f"{_day(scale.first, zone, language)} – {_day(scale.last, zone, language)}"
    title = _("Timeline of the correspondence, %s") % period
    parts.insert(0, _text(LEFT, 20, title, weight="bold", size=13))
    desc = _described(dated, columns, period, _)
    return _frame(width, body_height + 18 * legend_rows + 16, title, desc, parts, links)


def _open_silence_cut(entries: list[TimelineEntry]) -> list[TimelineEntry]:
    """A silence that nobody has ended takes at most an eighth of the picture: its band says its days, and the rest stays legible."""
    ended = [e for e in entries if not _is_open(e)]
    if not ended or len(ended) == len(entries):
        return entries
    last = max(e.until or e.at for e in ended)
    room = max((last - min(e.at for e in ended)) / 8, timedelta(days=3))
    return [_cut(e, last + room) if _is_open(e) else e for e in entries]


def _is_open(entry: TimelineEntry) -> bool:
    return entry.kind == "silence" and entry.detail.get("next_side", "") is None


def _cut(entry: TimelineEntry, at: datetime) -> TimelineEntry:
    if entry.until is None or entry.until <= at:
        return entry
    return replace(entry, until=at, detail={**entry.detail, "cut": True})


class _Scale:
    def __init__(self, first: datetime, last: datetime, width: int) -> None:
        pad = max((last - first) * 0.015, timedelta(hours=12))
        self.first, self.last = first, last
        self._start = first - pad
        self._span = (last + pad - self._start).total_seconds()
        self._width = width - LEFT - RIGHT
        self.bin: float = BIN

    def x(self, moment: datetime) -> float:
        return LEFT + self._width * (moment - self._start).total_seconds() / self._span

    def column(self, moment: datetime) -> int:
        return int((self.x(moment) - LEFT) // self.bin)

    @property
    def days(self) -> float:
        return self._span / 86400


def _columns(
    entries: Sequence[TimelineEntry], flags: Sequence[Flag], requests: Sequence[Request], scale: _Scale
) -> dict[tuple[str, int], _Column]:
    by_flag, by_request = {f.id: f for f in flags}, {r.id: r for r in requests}
    found: dict[tuple[str, int], _Column] = defaultdict(_Column)
    for e in entries:
        if e.kind == "silence":
            continue
        lane = e.side if e.kind == "message" and e.side in ("us", "client") else "third"
        column = found[lane, scale.column(e.at)]
        column.first, column.last = column.first or e, e
        if e.kind in ("outside", "disappearance"):
            column.marks[e.kind] += 1
            continue
        column.messages += 1
        for name in e.flags:
            if name in by_flag:
                column.marks[by_flag[name].category] += 1
        for name in e.opened:
            if name in by_request:
                column.marks["no-reply" if by_request[name].outcome == "no-reply" else "request"] += 1
    return dict(found)


def _columns_apart(
    entries: Sequence[TimelineEntry], flags: Sequence[Flag], requests: Sequence[Request], scale: _Scale
) -> dict[tuple[str, int], _Column]:
    """The columns, as wide as what is written beside and above their marks needs: the more there is, the fewer they are."""
    while True:
        columns = _columns(entries, flags, requests, scale)
        most = max((n for column in columns.values() for n in column.marks.values()), default=1)
        kinds = max((len(column.marks) for column in columns.values()), default=0)
        written = DIGIT * len(str(most)) if most > 1 else 0
        needed = max(BIN, math.ceil(7 + written + (10 if kinds > 9 else 7)))
        if needed <= scale.bin:
            return columns
        scale.bin = needed


def _lanes(
    columns: Mapping[tuple[str, int], _Column], scale: _Scale, axis: float, room: float, third_y: float,
    upright: Sequence[tuple[float, float, float]], zone: ZoneInfo, language: str, links: bool, _: Gettext,
) -> list[str]:  # fmt: skip
    words = translation("timeline", language).gettext
    most = max((c.messages for c in columns.values()), default=1)
    several = any(lane == "third" and len(column.marks) > 1 for (lane, _x), column in columns.items())
    parts = []
    for (lane, number), column in sorted(columns.items(), key=lambda x: (x[0][1], x[0][0])):
        x = LEFT + number * scale.bin + BIN / 2
        up = -1 if lane == "client" else 1
        shapes = []
        if lane == "third":
            base, limit = third_y - 6 * several, 2
        else:
            bar = 4 + 18 * column.messages / max(most, 4)
            top = axis - 11 - bar if up < 0 else axis + 11
            shapes.append(
                f'<rect x="{_n(x - 2.5)}" y="{_n(top)}" width="5" height="{_n(bar)}" fill="{COLOURS[lane]}" fill-opacity=".55"/>'
            )
            taken = [h for left, right, h in upright if up > 0 and left < x + scale.bin - 6 and x - 8 < right]
            base, limit = axis + up * (11 + bar + 9), max(1, int((room - bar - 12) // PITCH))
            if taken:  # the last mark ends above the label
                limit = max(1, min(limit, 1 + int((room - bar - 16 - max(taken)) // PITCH)))
        marks = [m for m in SHAPES if column.marks[m]]
        hidden = len(marks) - limit if len(marks) > limit else 0
        for row, mark in enumerate(marks[: limit - 1 if hidden else limit]):
            y = base + up * row * PITCH
            shapes.append(_shape(mark, x, y, COLOURS[lane]))
            if column.marks[mark] > 1:
                shapes.append(_text(x + 6, y + 3, str(column.marks[mark]), size=8))
        if hidden:
            shapes.append(_text(x, base + up * (limit - 1) * PITCH + 3, f"+{hidden + 1}", "middle", size=9))
        parts.append(_linked("".join(shapes), column, zone, language, links, words))
    return parts


def _linked(shapes: str, column: _Column, zone: ZoneInfo, language: str, links: bool, words: Gettext) -> str:
    first = column.first
    if not links or first is None or first.sha256 is None:
        return f"<g>{shapes}</g>"
    label = f"{_day(first.at, zone, language)}: {first.gist}" + (
        f" (+{column.messages - 1})" if column.messages > 1 else ""
    )
    return f'<a href="#m-{first.sha256}"><title>{escape(label)}</title>{shapes}</a>'


def _silences(
    entries: Sequence[TimelineEntry], scale: _Scale, top: float, bottom: float, _: Gettext
) -> tuple[list[str], list[str], list[tuple[float, float, float]]]:
    """(bands, labels, (left, right, height) of labels that stand upright): labels are drawn over the axis, bands under it."""
    words = _
    parts: list[str] = []
    labels: list[str] = []
    upright: list[tuple[float, float, float]] = []
    for e in entries:
        if e.kind != "silence" or e.until is None:
            continue
        left, right = scale.x(e.at), scale.x(e.until)
        lines = []
        # A hatch drawn line by line: pattern fills are where renderers differ.
        step = 9.0
        offset = left - (bottom - top)
        while offset < right:
            x1, y1 = max(offset, left), bottom - (max(offset, left) - offset)
            x2 = min(offset + (bottom - top), right)
            y2 = bottom - (x2 - offset)
            if x2 > x1:
                lines.append(f"M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}")
            offset += step
        parts.append(
            f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(bottom - top)}" fill="#f2f2f2"/>'
        )
        parts.append(f'<path d="{"".join(lines)}" stroke="#b4b4b4" stroke-width=".7" fill="none"/>')
        days = int(e.detail.get("days", 0))
        on = " →" if e.detail.get("cut") else ""
        middle = (left + right) / 2
        # The longest wording that fits the band; where none does, the short one stands upright below the axis.
        fitting = [
            w
            for w in (words("no messages for %d days") % days + on, words("%d days") % days + on)
            if 6.6 * len(w) + 8 < right - left
        ]
        label = fitting[0] if fitting else words("%d days") % days + on
        plate = 6.3 * len(label) + 8
        if fitting:
            labels.append(
                f'<rect x="{_n(middle - plate / 2)}" y="{_n(top + 4)}" width="{_n(plate)}" height="15" fill="#ffffff"/>'
            )
            labels.append(_text(middle, top + 15, label, "middle", size=10))
        else:
            plate = 5.6 * len(label) + 6
            labels.append(
                f'<g transform="translate({_n(middle + 3)} {_n(bottom - 6)}) rotate(-90)">'
                f'<rect x="-3" y="-9" width="{_n(plate)}" height="12" fill="#ffffff"/>{_text(0, 0, label, size=9)}</g>'
            )
            upright.append((middle - 6, middle + 6, plate))
    return parts, labels, upright


def _axis(
    scale: _Scale, axis: float, zone: ZoneInfo, language: str, width: int, top: float, bottom: float
) -> list[str]:
    parts = [
        f'<rect x="{LEFT}" y="{_n(axis - 9)}" width="{width - LEFT - RIGHT}" height="18" fill="{PALE}"/>',
    ]
    for moment, label in _ticks(scale, zone, language):
        x = scale.x(moment)
        if x < LEFT + 2 or x > width - RIGHT - 30:
            continue
        parts.append(
            f'<path d="M{_n(x)} {_n(top)}V{_n(bottom)}" stroke="#cfcfcf" stroke-width=".6" stroke-dasharray="1 3"/>'
        )
        parts.append(_text(x + 3, axis + 4, label, size=10))
    return parts


def _ticks(scale: _Scale, zone: ZoneInfo, language: str) -> list[tuple[datetime, str]]:
    """Days, weeks, months, quarters or years, so that at most about a dozen labels stand on the axis."""
    first = scale.first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ticks: list[tuple[datetime, str]] = []
    if scale.days <= 100:
        step = next(s for s in (1, 2, 3, 4, 5, 7, 14) if scale.days / s <= 14 or s == 14)
        moment = first
        while moment <= scale.last.astimezone(zone) + timedelta(days=step):
            ticks.append((moment, format_date(moment, "d MMM", locale=language)))
            moment = (moment + timedelta(days=step)).replace(hour=0)
        return ticks
    months = next((m for m in (1, 2, 3, 6, 12, 24, 60) if scale.days / 30.4 / m <= 13), 120)
    year, month = first.year, 1
    while True:
        moment = first.replace(year=year, month=month, day=1)
        if moment > scale.last.astimezone(zone):
            return ticks
        if months >= 12:
            label = str(year)
        elif month == 1 or not ticks:
            label = format_date(moment, "LLL y", locale=language)
        else:
            label = format_date(moment, "LLL", locale=language)
        if moment >= first.replace(day=1):
            ticks.append((moment, label))
        month += months
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1


def _legend(
    marks: Sequence[str], counts: Mapping[str, int], top: float, per_row: int, width: int, _: Gettext
) -> list[str]:
    cell = (width - 20) / per_row
    words = _
    parts = []
    items = [("message", words("messages (bar: how many)"))]
    items += [(m, f"{words(_MARK_WORDS[m])}: {counts[m]}") for m in marks]
    for i, (mark, label) in enumerate(items):
        x, y = 18 + (i % per_row) * cell, top + (i // per_row) * 18
        if mark == "message":
            parts.append(
                f'<rect x="{_n(x - 2.5)}" y="{_n(y - 5)}" width="5" height="10" fill="{INK}" fill-opacity=".55"/>'
            )
        else:
            parts.append(_shape(mark, x, y, INK))
        parts.append(_text(x + 10, y + 4, label, size=10.5))
    return parts


_MARK_WORDS: Mapping[str, str] = {
    **CATEGORY_WORDS,
    "request": N_("request"),
    "no-reply": N_("request, no reply found"),
    "outside": N_("event outside mail"),
    "disappearance": N_("message gone from the server"),
}
assert set(_MARK_WORDS) == set(SHAPES) and set(CATEGORIES) <= set(SHAPES)  # noqa: S101 - a shape for every mark


def _described(
    entries: Sequence[TimelineEntry], columns: Mapping[tuple[str, int], _Column], period: str, _: Gettext
) -> str:
    """The text alternative: what a person who cannot see the picture needs from it."""
    words = _
    said = [period]
    for lane, name in (("client", "Client"), ("us", "Our side")):
        marks: Counter[str] = Counter()
        messages = 0
        for (of, _number), column in columns.items():
            if of == lane:
                marks.update(column.marks)
                messages += column.messages
        counted = ", ".join(f"{words(_MARK_WORDS[m])} {marks[m]}" for m in SHAPES if marks[m])
        said.append(f"{words(name)}: {words('messages')} {messages}" + (f"; {counted}" if counted else ""))
    silent = [int(e.detail.get("days", 0)) for e in entries if e.kind == "silence"]
    if silent:
        said.append(", ".join(words("no messages for %d days") % d for d in silent))
    return ". ".join(said) + "."


def _shape(mark: str, x: float, y: float, colour: str) -> str:
    style, path = SHAPES[mark]
    paint = f'fill="{colour}"' if style == "f" else f'fill="#ffffff" stroke="{colour}" stroke-width="1.5"'
    if mark in ("insult", "broken_promise"):
        paint = f'fill="none" stroke="{colour}" stroke-width="1.8"'
    letter = ""
    if mark in ("request", "no-reply"):
        letter = _text(0, 3.2, "?", "middle", weight="bold", size=8.5, fill="#ffffff" if mark == "no-reply" else colour)
    return f'<g transform="translate({_n(x)} {_n(y)})"><path d="{path}" {paint}/>{letter}</g>'


def _text(
    x: float, y: float, text: str, anchor: str = "start", *, weight: str = "", size: float = 11, fill: str = INK
) -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" font-size="{_n(size)}" fill="{fill}"{bold}>{escape(text)}</text>'


def _frame(width: float, height: float, title: str, desc: str, parts: Sequence[str], links: bool) -> str:
    role = "group" if links else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}" role="{role}"'
        f' aria-labelledby="picture-title picture-desc" {FONT}>'
        f'<title id="picture-title">{escape(title)}</title><desc id="picture-desc">{escape(desc)}</desc>'
        f'<rect width="{_n(width)}" height="{_n(height)}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def _day(moment: datetime, zone: ZoneInfo, language: str) -> str:
    return str(format_date(moment.astimezone(zone), "d MMM y", locale=language))


def _n(value: float) -> str:
    """A number as short text, the same on every machine."""
    return f"{value:.1f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))
