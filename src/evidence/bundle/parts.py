"""Everything that is drawn, cut into chunks of HTML: front matter, exhibits, outside files, annexes.

No chunk depends on another: page numbers are written when all are joined (``folio.py``). So all are drawn side by side, and
what has not changed since the last bundle comes from the cache. Long tables are therefore cut where a reader expects a
new page: at a month, a group, a round number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evidence.bundle import kinds
from evidence.bundle.back import back_values, dkim_values, headers_values
from evidence.bundle.brief import Brief
from evidence.bundle.chronology import Line, chronology, picture_markup
from evidence.bundle.contents import contents
from evidence.bundle.exhibits import Exhibit
from evidence.bundle.front import front_values
from evidence.bundle.options import ManifestRow
from evidence.bundle.outside import OutsideDrawn
from evidence.bundle.pages import Pages, pictures_of
from evidence.bundle.pdf import DEADLINE, Chunk
from evidence.bundle.summary import summary

EXHIBITS_A_CHUNK = 30
HEADERS_A_CHUNK = 90
ROWS_A_PART = 150  # of a table of hashes, signatures, statements or requests
PERIOD = (100, 250)  # lines of the chronology: a part ends with the month once it has so many, in any case at so many


def exhibit_chunk(pages: Pages, group: Sequence[Exhibit]) -> Chunk:
    """Pages of these letters. The time allowed is short where a sender's markup is among them."""
    html = pages.finish(*(pages.exhibit(e) for e in group))
    pictures = pictures_of([a.drawn for e in group for a in e.attachments])
    hostile = any((e.html and e.html.boxes) or e.body.total > 20_000 for e in group)
    return Chunk(html, pictures, seconds=DEADLINE + 4 * len(group) if hostile else 300)


def file_chunk(b: Brief, pages: Pages, found: OutsideDrawn) -> Chunk:
    """Cover sheet and pages of a file from outside the mail."""
    file, drawn, name, _ = found
    titles = {str(c["name"]): str(c["title"] or c["name"]) for c in b.case.claims()}
    bears_on = [titles.get(key, key) if what == "claim" else key for what, key in file.bears_on]
    html = pages.finish(pages.outside(file, b.selection.number_of_file(file), drawn, name, bears_on))
    return Chunk(html, pictures_of([drawn]))


def notary_chunk(b: Brief, pages: Pages, exhibits: Sequence[Exhibit]) -> Chunk:
    """The notary's sheet, which is all of its bundle."""
    return Chunk(pages.finish(pages.part("notary.html", n=kinds.notary_values(b, exhibits))))


def front_chunks(b: Brief, pages: Pages, exhibits: Sequence[Exhibit]) -> tuple[list[Chunk], list[ManifestRow]]:
    """What stands before the exhibits, and the chronology as rows for the package."""
    printed = [b.selection.numbers[x.sha256] for x in b.selection.letters]
    printed += [b.selection.number_of_file(f) for f in b.selection.files]
    bodies = []
    if b.options.kind == "police":
        bodies.append(pages.part(f"police_{b.words.language}.html", p=kinds.police_values(b)))
    bodies.append(
        pages.part("front.html", f=front_values(b, contents(b, printed), sum(bool(e.withheld) for e in exhibits)))
    )
    chunks = [Chunk(pages.finish(*bodies))]
    found = summary(b)
    chunks += [Chunk(pages.finish(pages.part("summary.html", f=found, s=part))) for part in _summary_parts(b, found)]
    if b.picture:
        chunks.append(Chunk(pages.finish(pages.part("picture.html", picture=picture_markup(b), whole=not b.partial))))
    lines = chronology(b)
    note = b._(
        "In date order; times are in the time zone %(zone)s. The time shown is the one by which exhibits are ordered; where the clocks of a message differ, its page says so."
    ) % {"zone": b.words.zone_name}
    periods = list(_periods(b, lines)) or [[]]
    for index, period in enumerate(periods):
        span = b.words.days([x.row.at for x in period]) if len(periods) > 1 else ""
        part = {"first": not index, "note": note, "span": span, "rows": [x.shown for x in period]}
        chunks.append(Chunk(pages.finish(pages.part("chronology.html", c=part))))
    return chunks, [x.row for x in lines]


def _summary_parts(b: Brief, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The summary whole, or where it is long: its counts, then every group of statements and requests on its own."""
    flags, requests = found["flag_groups"], found["request_groups"]
    if sum(len(g["flags"]) for g in flags) + sum(len(g["requests"]) for g in requests) <= ROWS_A_PART:
        yield _part(head=True, flags=flags, flags_begin=True, requests=requests, requests_begin=True)
        return
    yield _part(head=True)
    for index, group in enumerate(_cut(b, flags, "flags")):
        yield _part(flags=[group] if group else [], flags_begin=not index)
    for index, group in enumerate(_cut(b, requests, "requests")):
        yield _part(requests=[group] if group else [], requests_begin=not index)


def _part(**given: Any) -> dict[str, Any]:
    return {"head": False, "flags": None, "flags_begin": False, "requests": None, "requests_begin": False, **given}


def _cut(b: Brief, groups: Sequence[Mapping[str, Any]], rows: str) -> list[dict[str, Any]]:
    """Groups of at most ``ROWS_A_PART`` rows; what continues a group says so. One empty part when there is nothing."""
    found = []
    for group in groups:
        for start in range(0, len(group[rows]), ROWS_A_PART):
            title = b._("%s (continued)") % group["title"] if start else group["title"]
            found.append({"title": title, rows: group[rows][start : start + ROWS_A_PART]})
    return found or [{}]


def _periods(b: Brief, lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The chronology in parts that end with a month, and as one where it is short."""
    least, most = PERIOD
    if len(lines) <= most:
        yield list(lines)
        return
    part: list[Line] = []
    for line in lines:
        at, last = b.words.local(line.row.at), b.words.local(part[-1].row.at) if part else None
        ends = last is not None and len(part) >= least and (at.year, at.month) != (last.year, last.month)
        if ends or len(part) >= most:
            yield part
            part = []
        part.append(line)
    yield part


def back_chunks(b: Brief, pages: Pages, exhibits: Sequence[Exhibit], names: Mapping[str, str]) -> list[Chunk]:
    """What stands behind the exhibits. ``names`` maps ``file:ID`` to the embedded file's name."""
    values = back_values(b, exhibits, names)
    bodies = [pages.part("back.html", b=values)]
    signed, keys = dkim_values(b, exhibits)
    for part in _parts(b, signed):
        given = {**part, "dns": keys if part["last"] else [], "run": not signed}
        bodies.append(pages.part("dkim.html", d=given))
    if not signed:  # that there is none is a sentence, and needs no page of its own
        bodies = [bodies[0] + bodies[1]]
    items = [headers_values(b, e) for e in exhibits]
    for start in range(0, max(len(items), 1), HEADERS_A_CHUNK):
        bodies.append(pages.part("headers.html", items=items[start : start + HEADERS_A_CHUNK], first=not start))
    bodies += [pages.part("hashes.html", b=values, h=part) for part in _parts(b, values["hashes"])]
    return [Chunk(pages.finish(body)) for body in bodies]


def _parts(b: Brief, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows about exhibits, cut; each part but a lone one is headed by the exhibits it lists."""
    for start in range(0, max(len(rows), 1), ROWS_A_PART):
        part = rows[start : start + ROWS_A_PART]
        span = ""
        if len(rows) > ROWS_A_PART:
            span = b._("Exhibits %(first)s–%(last)s") % {"first": part[0]["number"], "last": part[-1]["number"]}
        yield {"rows": part, "first": not start, "last": start + ROWS_A_PART >= len(rows), "span": span}
