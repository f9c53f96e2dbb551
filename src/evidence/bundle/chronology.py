"""The picture over time and the chronology, as rows for the page and for the package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from markupsafe import Markup

from evidence.bundle import labels
from evidence.bundle.brief import Brief, moment
from evidence.bundle.options import ManifestRow
from evidence.bundle.select import kind_of, stands
from evidence.bundle.text import one_line
from evidence.model import Flag, Letter
from evidence.reckoning import TimelineEntry


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the chronology as it is printed and as the package has it."""

    shown: Mapping[str, Any]
    row: ManifestRow


def picture_markup(b: Brief) -> Markup:
    """The timeline stage's SVG, without an XML prologue."""
    start = b.picture.find("<svg")
    if start < 0:
        return Markup("")
    picture = b.picture[start:]
    if "<title" not in picture:  # the figure's words for those who cannot see it (ISO 14289-1, 7.3)
        opened = picture.index(">") + 1
        picture = f"{picture[:opened]}<title>{escape(b._('The correspondence over time'))}</title>{picture[opened:]}"
    return Markup(picture)  # noqa: S704 - our own timeline stage's SVG


def chronology(b: Brief) -> list[Line]:
    """Every letter, outside file and event of the log, in order of time."""
    _, words = b._, b.words
    flags: dict[str, list[Flag]] = defaultdict(list)
    for f in b.flags:
        if f.sha256 in b.letters and stands(f, b.reviews, b.options):
            flags[b.letters[f.sha256].sha256].append(f)
    entries = {e.sha256: e for e in b.entries if e.kind == "message" and e.sha256}
    shown: list[tuple[datetime, int, dict[str, Any], ManifestRow]] = []
    for letter in b.selection.letters:
        entry = entries.get(letter.sha256)
        marks = []
        for f in sorted(flags[letter.sha256], key=lambda f: (f.part, f.start)):
            text = labels.category(words, *kind_of(f, b.reviews))
            reviewed = b.decision("flag", f.id) == "accepted"
            marks.append(text if reviewed else f"{text} ({_('not reviewed')})")
        marks = list(dict.fromkeys(marks))
        number = b.selection.numbers[letter.sha256]
        gist = entry.gist if entry else ""
        subject = one_line(b.hidden.burn(letter.subject), 160) or _("(no subject)")
        recipients = recipients_of(b, letter)
        row: dict[str, Any] = {
            "day": words.short_day(letter.at),
            "time": words.local(letter.at).strftime("%H:%M"),
            "who": b.hidden.burn(letter.person or letter.sender),
            "to": one_line(", ".join(recipients), 120),
            "text": subject,
            "note": one_line(gist, 200) if gist and one_line(gist) != subject else "",
            "marks": marks,
            "exhibit": number,
            "printed": True,
            "event": False,
        }
        shown.append((letter.at, number, row, ManifestRow(
            letter.at, "message", row["who"], ", ".join(recipients), subject, tuple(marks), number, None,
        )))  # fmt: skip
    files = {f.sha256: f for f in b.selection.files}
    for entry in b.entries:
        if entry.kind == "message":
            continue
        if entry.sha256 not in files if entry.kind == "outside" else not _in_window(b, entry.at):
            continue  # a file stands wherever the selection has it, an event only in a bundle of all kinds
        outside = b.selection.numbers.get(f"file:{files[entry.sha256].id}") if entry.sha256 in files else None
        row = {
            "day": words.short_day(entry.at),
            "time": f"— {words.short_day(entry.until)}" if entry.until and entry.until != entry.at else "",
            "who": entry.actor,
            "to": "",
            "text": one_line(b.hidden.burn(_happened(b, entry)), 240),
            "note": one_line(entry.at_note, 160),
            "marks": [],
            "exhibit": outside,
            "printed": outside is not None,
            "event": entry.kind != "outside",
        }
        shown.append((entry.at, outside or 0, row, ManifestRow(
            entry.at, entry.kind, entry.actor, "", row["text"], (), outside, None,
        )))  # fmt: skip
    listed = {e.sha256 for e in b.entries if e.kind == "outside"}
    for file in b.selection.files:
        at = moment(f"{file.event_date}T12:00:00+00:00" if len(file.event_date) == 10 else file.event_date)
        if file.sha256 in listed or at is None:
            continue
        number = b.selection.number_of_file(file)
        row = {
            "day": words.short_day(at), "time": "", "who": _("file from outside the mail"), "to": "", "text": b.hidden.burn(one_line(file.title)),
            "note": "", "marks": [], "exhibit": number, "printed": True, "event": False,
        }  # fmt: skip
        shown.append((at, number, row, ManifestRow(at, "outside", file.added_by, "", row["text"], (), number, None)))
    shown.sort(key=lambda x: (x[0], x[1]))
    return [Line(x[2], x[3]) for x in shown]


def _happened(b: Brief, entry: TimelineEntry) -> str:
    """A silence and a disappearance in words: they have none of their own."""
    if entry.kind == "silence":
        days = b.words.count("%s day", "%s days", int(entry.detail.get("days", 0)))
        return b._("No messages between the sides for %s") % days
    if entry.kind == "disappearance":
        said = b._("No longer on the server in the folder %s") % b.words.quote(str(entry.detail.get("folder", "?")))
        return f"{said}: {b.words.quote(entry.gist)}" if entry.gist else said
    return entry.gist


def recipients_of(b: Brief, letter: Letter) -> list[str]:
    """Names, or addresses where there is no name, of To, Cc and Bcc."""
    return [b.hidden.burn(one_line(a.name) or a.address) for a in letter.addresses if a.header in ("to", "cc", "bcc")]


def _in_window(b: Brief, at: datetime) -> bool:
    day = b.words.local(at).date()
    if b.options.category or b.options.supplement:
        return False
    return not ((b.options.since and day < b.options.since) or (b.options.until and day > b.options.until))
