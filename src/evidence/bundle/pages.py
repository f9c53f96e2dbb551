"""Values to HTML. Every string of a sender passes ``Pages.finish``, which shows what no font has and burns redactions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evidence.bundle import labels
from evidence.bundle.exhibits import Exhibit
from evidence.bundle.joining import LINK_HOST
from evidence.bundle.labels import N_
from evidence.bundle.outside import Drawn
from evidence.bundle.redact import MARK, Redactions
from evidence.bundle.text import ShownAddress, Words, one_line, visible
from evidence.model import DkimResult, Sighting
from evidence.ports import OutsideFile
from evidence.wording.reading import stored_in_words

TEMPLATES = Path(__file__).parent / "templates"
_SANS = (
    "'Noto Sans', 'Noto Sans Symbols', 'Noto Sans Symbols2', 'Noto Sans Math', 'Noto Emoji', 'Noto Sans Hebrew', "
    "'Noto Sans Arabic', 'Noto Sans Armenian', 'Noto Sans Georgian', 'Noto Sans Thai', 'Noto Sans Devanagari', "
    "'Droid Sans Fallback', 'NanumSquare'"
)
_HEADER_NAMES = {
    "from": N_("From"), "sender": N_("Sender"), "reply-to": N_("Reply-To"), "to": N_("To"), "cc": N_("Cc"), "bcc": N_("Bcc"),
    "delivered-to": N_("Delivered-To"), "resent-from": N_("Resent-From"), "resent-sender": N_("Resent-Sender"),
    "resent-to": N_("Resent-To"), "resent-cc": N_("Resent-Cc"), "resent-bcc": N_("Resent-Bcc"),
}  # fmt: skip
_EMPTY_TABLE = re.compile(r"<table[^>]*>(<thead>(?:(?!</thead>).)*</thead>)?\s*<tbody>\s*</tbody></table>", re.DOTALL)
HEADER_LETTERS = 78  # of the matter's title in the running header; the cover has it whole
PARAGRAPH_LINES = 50  # a paragraph of more lines is parted, so that pages break quickly


@dataclass
class Pages:
    """The templates in one language with one matter's title; counts the characters it had to show as ``[U+XXXX]``."""

    words: Words
    title: str
    hidden: Redactions
    digits: str = "00"
    replaced: int = 0
    _environment: Environment = field(init=False, repr=False)
    _css: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.globals.update(
            _=self.words.gettext, words=self.words, host=LINK_HOST, labels=labels, one_line=one_line
        )
        css = (TEMPLATES / "base.css").read_text("utf-8")
        for token, fonts in (
            ("SANS", _SANS),
            ("SERIF", f"'Noto Serif', {_SANS}"),
            ("MONO", f"'Noto Sans Mono', {_SANS}"),
        ):
            css = css.replace(token, fonts)
        self._css = css

    def part(self, template: str, **values: Any) -> Markup:
        """One template's markup, unfinished."""
        self._environment.globals["digits"] = self.digits
        markup = self._environment.get_template(template).render(**values)
        return Markup(_EMPTY_TABLE.sub(_said_empty, markup))  # noqa: S704 - autoescaped

    def finish(self, *bodies: str) -> str:
        """A whole document of these bodies: redactions burned in, unprintable characters shown."""
        html = self._environment.get_template("page.html").render(
            language=self.words.language,
            title=self.title,
            short_title=one_line(self.title, HEADER_LETTERS),
            css=Markup(self._css),  # noqa: S704 - our own file
            body=Markup("".join(bodies)),  # noqa: S704 - made by ``part``
        )
        shown, count = visible(self.hidden.burn_markup(html))
        self.replaced += count
        return shown

    # ---- exhibits --------------------------------------------------------------------------

    def exhibit(self, e: Exhibit) -> str:
        """The article of one message."""
        return self.part("exhibit.html", e=self._exhibit_values(e))

    def _exhibit_values(self, e: Exhibit) -> dict[str, Any]:
        _, words, letter, parsed = self.words.gettext, self.words, e.letter, e.parsed
        body = _paragraphs(e.body.lines)
        html = None
        show_text = True
        if e.html:
            html = self._html_values(e)
            show_text = e.html.boxes is None or e.html.text_differs or parsed.body_source == "none"
        elif e.withheld and parsed.html:
            html = {"boxes": "", "notes": [_("Withheld with the original, because a part of it was redacted.")]}
        return {
            "number": e.number,
            "anchor": e.anchor,
            "when": words.day(letter.at),
            "subject": one_line(parsed.subject) or _("(no subject)"),
            "addresses": [(_(_HEADER_NAMES[h]), [self.address(a) for a in found]) for h, found in e.addresses],
            "twice": _("the message has more than one From address; all are shown")
            if len(parsed.of("from")) > 1
            else "",
            "message_id": parsed.message_id or _("none"),
            "parent": e.parent,
            "clocks": self._clocks(e),
            "clock_notes": self._clock_notes(e),
            "sightings": [self.sighting(s) for s in e.sightings] or [_("no place recorded")],
            "copies": ", ".join(letter.copies),
            "received": one_line(parsed.received[0].raw, 400) if parsed.received else "",
            "sha256": letter.sha256,
            "original": self._original(e),
            "bound": _("custody log event No. %s") % words.number(e.event),
            "dkim": "; ".join(self.dkim(d) for d in e.dkim) or _("the message carries none"),
            "replaced": self._replaced(e),
            "defects": "; ".join(stored_in_words(words.language, d) for d in parsed.defects) or parsed.failed or "",
            "attachments": [self._attachment(a, withheld=bool(e.withheld)) for a in e.attachments],
            "drawn": [self._drawn(a.attachment.index, a.attachment.filename, a.drawn) for a in e.attachments],
            "paragraphs": body if show_text else None,
            "body_title": self._body_title(e),
            "cut": self._cut(e),
            "html": html,
        }

    def _cut(self, e: Exhibit) -> str:
        _, words = self.words.gettext, self.words
        if e.body.shown == e.body.total:
            return ""
        said = (
            _(
                "Printed: the first %(shown)s of %(total)s characters. The rest is withheld with the original, because a part of it was redacted."
            )
            if e.withheld
            else _("Printed: the first %(shown)s of %(total)s characters. The whole text is in the embedded original.")
        )
        return said % {"shown": words.number(e.body.shown), "total": words.number(e.body.total)}

    def _body_title(self, e: Exhibit) -> str:
        _ = self.words.gettext
        if e.parsed.body_source == "html":
            return _("Text of the message (read out of its HTML part)")
        if e.html and e.html.boxes:
            return _("Text part of the message (its words differ from the HTML part)")
        return _("Text of the message")

    def _html_values(self, e: Exhibit) -> dict[str, Any]:
        _, found = self.words.gettext, e.html
        assert found is not None  # noqa: S101 - for the type checker; the caller asked
        notes = []
        if found.given_up:
            reasons = {
                "time": _("it took more time or memory than is allowed"),
                "size": _("it has too many elements"),
            }
            notes.append(
                _("The HTML part is not shown: %s. The text above and the embedded original take its place.")
                % reasons.get(found.given_up, reasons["time"])
            )
        elif not found.text_differs and e.parsed.body_source == "plain":
            notes.append(_("The text part of the message has the same wording and is not printed again."))
        if found.boxes and found.boxes.flattened:
            notes.append(_("Deeply nested or very long tables are printed as plain lines."))
        if found.hidden:
            listed = "; ".join(self.words.quote(one_line(h, 300)) for h in found.hidden[:20])
            notes.append(_("Text that the sender's styles hide from the reader: %s") % listed)
        if found.removed:
            notes.append(
                _("Left out of the rendering, neither read nor fetched: %s")
                % ", ".join(f"{_(kind)}: {count}" for kind, count in found.removed)
            )
        return {
            "boxes": Markup(found.boxes.html) if found.boxes else "",  # noqa: S704 - made by ``markup.boxes``
            "notes": notes,
        }

    def _replaced(self, e: Exhibit) -> str:
        joined = "\n".join([e.parsed.subject, *e.body.lines, *(a.attachment.filename for a in e.attachments)])
        if e.html and e.html.boxes:
            joined += e.html.boxes.text
        count = visible(joined)[1]
        if not count:
            return ""
        text = self.words.ngettext(
            "%s character that no font has, or that does not print, is shown as [U+XXXX]",
            "%s characters that no font has, or that do not print, are shown as [U+XXXX]",
            count,
        )
        return text % self.words.number(count)

    def _original(self, e: Exhibit) -> str:
        _, size = self.words.gettext, self.words.size(e.size)
        if e.withheld:
            return _("%s; withheld, because a part of it was redacted") % size
        return _("%(size)s; embedded in this file as %(name)s") % {"size": size, "name": e.embedded_as}

    def _clocks(self, e: Exhibit) -> list[dict[str, str]]:
        _, words, parsed = self.words.gettext, self.words, e.parsed
        clocks = e.clocks
        stated = one_line(parsed.date_raw or "", 120) or _("none")
        rows = [{"name": _("Date header (sender)"), "stated": stated, "utc": self._utc(clocks.get("date"))}]
        for name, key in (
            (_("Top Received line"), "received"),
            (_("INTERNALDATE (mail server)"), "internaldate"),
            (_("Archived by us"), "capture"),
        ):
            at = clocks.get(key)
            shown = words.moment(at) if at else _("none")
            rows.append({"name": name, "stated": shown, "utc": self._utc(at)})
        chosen = {"date": 0, "received": 1, "internaldate": 2, "capture": 3}[e.letter.at_clock]
        rows[chosen]["stated"] += "  ·  " + _("used for ordering")
        return rows

    def _utc(self, at: datetime | None) -> str:
        return self.words.utc(at) if at else "—"

    def _clock_notes(self, e: Exhibit) -> list[str]:
        _ = self.words.gettext
        names = {"received": _("the top Received line"), "internaldate": _("the mail server's INTERNALDATE")}
        notes = []
        for name in e.disagreements:
            date, other = e.clocks["date"], e.clocks[name]
            assert date and other  # noqa: S101 - disagreements name clocks that are there
            notes.append(
                _("The Date header and %(clock)s differ by %(minutes)s.")
                % {"clock": names[name], "minutes": self.words.span(other - date)}
            )
        if e.parsed.date_raw and e.clocks.get("date") is None:
            notes.append(_("The Date header cannot be read as a date."))
        if any("offset" in d for d in e.parsed.defects):
            notes.append(_("The Date header states no offset; it is read as UTC."))
        return notes

    def address(self, a: ShownAddress) -> dict[str, str]:
        _ = self.words.gettext
        warning = ""
        if a.warning.startswith("looks-like "):
            warning = _("⚠ looks like %s, but is another address") % a.warning.removeprefix("looks-like ")
        elif a.warning == "name-holds-address":
            warning = _("⚠ the display name holds an address other than the one used")
        elif a.warning == "mixed-alphabets":
            warning = _("⚠ letters of more than one alphabet")
        return {"name": one_line(a.name), "address": one_line(a.address), "ascii": a.ascii, "warning": warning}

    def sighting(self, s: Sighting) -> str:
        _, words = self.words.gettext, self.words
        if s.uid is None:
            text = _("imported from %s") % one_line(s.source) if s.source else one_line(s.account)
        else:
            text = _("%(account)s, folder %(folder)s, UIDVALIDITY %(validity)s, UID %(uid)s") % {
                "account": s.account, "folder": words.quote(one_line(s.folder)), "validity": s.uidvalidity, "uid": s.uid,
            }  # fmt: skip
        text += "; " + _("seen %s") % words.moment(s.seen_at)
        if s.gone_at:
            text += "; " + _("no longer on the server since %s") % words.moment(s.gone_at)
        return text

    def dkim(self, d: DkimResult) -> str:
        return f"d={d.domain}, s={d.selector}: {labels.dkim(self.words, d.result)}"

    # ---- attachments and outside files -----------------------------------------------------

    def _attachment(self, a: Any, *, withheld: bool) -> dict[str, Any]:
        _, attachment = self.words.gettext, a.attachment
        notes = [stored_in_words(self.words.language, n) for n in attachment.note.split("; ") if n]
        if a.withheld:
            notes.append(_("withheld: redacted by a person"))
        else:
            notes.append(self._why(a.drawn, withheld=withheld))
        return {
            "index": attachment.index,
            "name": MARK if a.withheld else one_line(attachment.filename) or _("(no name)"),
            "kind": f"{attachment.content_type}, {self.words.size(attachment.size)}",
            "note": "; ".join(n for n in notes if n),
            "sha256": attachment.sha256,
        }

    def _why(self, drawn: Drawn, *, withheld: bool = False) -> str:
        _ = self.words.gettext
        if drawn.kind == "pages":
            if drawn.total > len(drawn.pictures):
                return _("pages 1–%(shown)s of %(total)s are shown below as pictures") % {
                    "shown": len(drawn.pictures), "total": drawn.total,
                }  # fmt: skip
            return self.words.count(
                "%s page, shown below as a picture", "%s pages, shown below as pictures", drawn.total
            )
        if drawn.kind == "picture":
            frames = f"; {_('first of %s frames') % drawn.total}" if drawn.total > 1 else ""
            return _("shown below, reduced to print resolution") + frames
        return {
            "large": _("too large to be shown on paper"),
            "time": _("not shown: rendering it took more time or memory than is allowed"),
            "unreadable": _("not shown: the file is damaged, encrypted or of an unknown kind"),
            "withheld": "",
        }.get(
            drawn.why,
            _("not a kind of file that can be shown on paper; withheld with the original")
            if withheld
            else _("not a kind of file that can be shown on paper; contained in the embedded original"),
        )

    def _drawn(self, index: int, filename: str, drawn: Drawn) -> dict[str, Any]:
        _, name = self.words.gettext, one_line(filename, 120)
        many = drawn.kind == "pages"
        pictures = [
            {
                "name": key,
                "caption": (
                    _("Attachment %(index)s, %(name)s: page %(page)s of %(total)s")
                    if many
                    else _("Attachment %(index)s, %(name)s")
                )
                % {"index": index, "name": name, "page": number, "total": drawn.total},
            }
            for number, (key, _path) in enumerate(drawn.pictures, start=1)
        ]
        return {"pictures": pictures}

    def outside(self, file: OutsideFile, number: int, drawn: Drawn, embedded_as: str, bears_on: Sequence[str]) -> str:
        """The cover sheet of a file from outside the mail, and its pages where they can be shown."""
        _, words = self.words.gettext, self.words
        pictures = [
            {"name": key, "caption": _("Page %(page)s of %(total)s") % {"page": n, "total": drawn.total}
             if drawn.kind == "pages" else one_line(self.hidden.burn(file.filename), 120)}
            for n, (key, _path) in enumerate(drawn.pictures, start=1)
        ]  # fmt: skip
        rows = [
            (_("File name"), one_line(file.filename)),
            (_("Type and size"), f"{file.content_type}, {words.size(file.size)}"),
            (_("Date of the event, as stated when it was added"), words.stated_day(file.event_date)),
            (_("Added"), f"{words.moment(file.added_at)}, {file.added_by}"),
            (_("Note"), file.note),
            (_("Bears on"), "; ".join(bears_on)),
            (
                _("Original"),
                _("embedded in this file as %s") % embedded_as
                if embedded_as
                else _("withheld: it holds what a person redacted")
                if drawn.why == "withheld"
                else _("too large to be embedded: handed over in the package, identified by the hash below"),
            ),
        ]
        shown = self._why(drawn) if drawn.kind or drawn.why in ("large", "time", "unreadable") else ""
        return self.part(
            "file.html",
            f={
                "number": number, "anchor": f"x{number}", "when": self.outside_day(file), "title": one_line(file.title),
                "rows": [(n, v) for n, v in rows if v], "sha256": file.sha256, "note": shown, "pictures": pictures,
            },
        )  # fmt: skip

    def outside_day(self, file: OutsideFile) -> str:
        try:
            return self.words.day(datetime.fromisoformat(file.event_date).date())
        except ValueError:
            return file.event_date


def _said_empty(match: re.Match[str]) -> str:
    """A table without rows has no valid structure (ISO 14289-1, 7.5): it gets one row that says there is nothing."""
    head = match.group(1)
    if not head:
        return ""
    columns = len(re.findall(r"<th\b", head))
    return f'<table class="fixed">{head}<tbody><tr><td colspan="{columns}">—</td></tr></tbody></table>'


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """Lines joined into paragraphs at blank lines; nothing is dropped but the blank lines between them."""
    found: list[list[str]] = [[]]
    for line in lines:
        if not line.strip():
            if found[-1]:
                found.append([])
        else:
            if len(found[-1]) >= PARAGRAPH_LINES:
                found.append([])
            found[-1].append(line)
    return ["\n".join(p) for p in found if p]


def pictures_of(drawn: Sequence[Drawn]) -> Mapping[str, Path]:
    return {name: path for d in drawn for name, path in d.pictures}
