"""Draft letters from the ledger: reminder, final notice, termination, preservation. To edit and send oneself; nothing is sent.

Every request is quoted with its date. Each draft says on its first and last line that it is a draft for a lawyer to check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Literal

from babel.dates import format_date

from evidence.config import Config
from evidence.i18n import translation
from evidence.model import Letter, Request
from evidence.ports import Review
from evidence.timeline.build import corrected
from evidence.timeline.deadlines import Reckoner
from evidence.timeline.words import N_

Kind = Literal["reminder", "final-notice", "termination", "preservation"]
OPEN = ("no-reply", "reply-without-answer", "deferred")


@dataclass(frozen=True, slots=True)
class _Wording:
    subject: str
    opening: str
    before_list: str
    closing: tuple[str, ...]


_WORDING: Mapping[str, _Wording] = {
    "reminder": _Wording(
        N_("Open requests: %(title)s"),
        N_("We refer to our correspondence on the matter named above."),
        N_("We have found no answer from you in our mail to the following requests:"),
        (
            N_("Please answer each of them by %(until)s. If you have already answered, please tell us when and by which channel, so that we can find it."),
        ),
    ),
    "final-notice": _Wording(
        N_("Final notice: %(title)s"),
        N_("We have asked you for the following more than once, or the time to answer has passed."),
        N_("We have found no answer from you in our mail to the following requests:"),
        (
            N_("We ask you for the last time to answer by %(until)s."),
            N_("[State here what you will do if no answer comes, and the clause of the contract or provision of law you rely on.]"),
        ),
    ),
    "termination": _Wording(
        N_("Notice of termination: %(title)s"),
        N_("We give notice that we terminate the contract [number, date] under clause [number] with effect from [date]."),
        N_("The reasons include the following requests, to which we have found no answer from you in our mail:"),
        (
            N_("[State the clause and the notice period, what is to be returned, collected or paid, and by when.]"),
            N_("Please confirm receipt of this notice by %(until)s."),
        ),
    ),
    "preservation": _Wording(
        N_("Request to preserve evidence: %(title)s"),
        N_("A dispute between us is possible. Please preserve, unaltered, everything relating to the matter named above from %(since)s onwards: e-mail and its server logs, messages in messaging apps, call records, documents, photographs and camera recordings."),
        N_("This applies in particular to whatever concerns the following requests:"),
        (
            N_("Please suspend automatic deletion where it would affect them, and confirm by %(until)s that you have done so."),
        ),
    ),
}  # fmt: skip


def draft(
    kind: Kind,
    requests: Sequence[Request],
    config: Config,
    letters: Mapping[str, Letter],
    now: datetime,
    language: str,
    format: Literal["text", "html"] = "text",
    reviews: Mapping[tuple[str, str], Review] | None = None,
    as_of: datetime | None = None,
) -> str:
    """The letter as plain text or a whole HTML document.

    Listed are our open requests, each repeated one once, with the outcome a person set. Tentative ones (tier possible) are listed only
    where a person accepted them in ``reviews``, rejected ones never; a line in brackets says how many were left out. ``as_of``: up to
    when the archive was searched; a letter that says "we have found no answer" must not seem to speak of later mail.
    """
    _ = translation("timeline", language).gettext
    wording = _WORDING[kind]
    decided = {key[1]: r.decision for key, r in (reviews or {}).items() if key[0] == "request"}
    known = [corrected(r, (reviews or {}).get(("request", r.id))) for r in requests if decided.get(r.id) != "rejected"]
    whole = open_requests(known)
    first_of: dict[str, datetime] = {}
    for r in known:
        root = r.repeats or r.id
        first_of[root] = min(r.asked_at, first_of.get(root, r.asked_at))
    chosen = [(r, n) for r, n in whole if r.tier == "stated" or decided.get(r.id) == "accepted"]
    reckoner = Reckoner(
        config.timeline.answer_within_days, config.timeline.days, config.timeline.country, config.matter.timezone
    )  # fmt: skip

    def day(x: datetime) -> str:
        return day_in_words(x.astimezone(config.zone), language)

    since = min((x.at for x in letters.values() if x.scope == "in-scope"), default=now)
    values = {"title": config.matter.title, "until": day(reckoner.due(now)), "since": day(since)}
    marked = _("DRAFT — for a lawyer to check before it is sent. Made from the archive on %s.") % day(now)
    if as_of is not None and as_of.astimezone(config.zone).date() < now.astimezone(config.zone).date():
        marked += " " + _("Mail was searched up to %s; check whatever came after that.") % _moment(
            as_of, config, language
        )
    items = [_item(r, n, first_of[r.repeats or r.id], letters, config, language) for r, n in chosen]
    lines = {
        "mark": marked,
        "from": config.us.name,
        "to": config.client.name,
        "subject": _(wording.subject) % values,
        "date": day(now),
    }
    closing = [_(text) % values for text in wording.closing]
    opening = _(wording.opening) % values
    before = _(wording.before_list) if items else _("[No open request of ours is in the ledger.]")
    if not items and kind in ("reminder", "final-notice"):
        opening, closing = "", []  # nothing is asked for: no sentence may speak of "each of them"
    if len(whole) > len(chosen):
        closing.insert(
            0, _("[Requests not listed because no person has confirmed them yet: %d.]") % (len(whole) - len(chosen))
        )
    sign = _("Yours faithfully,\n[name, position]\n%s") % config.us.name
    if format == "html":
        return _as_html(lines, opening, before, items, closing, sign, language)
    numbered = "\n\n".join(f"{n}. {text}" for n, text in enumerate(items, 1))
    head = f"{_('From')}: {lines['from']}\n{_('To')}: {lines['to']}\n{_('Date')}: {lines['date']}\n{_('Subject')}: {lines['subject']}"
    parts = [marked, head, opening, before, numbered, *closing, sign, marked]
    return "\n\n".join(p for p in parts if p) + "\n"


def day_in_words(day: datetime, language: str) -> str:
    """12 March 2025 / 12 марта 2025 г. The Russian one is tied by no-break spaces and ends with its own full stop."""
    if language == "ru":
        return str(format_date(day, "d MMMM y 'г.'", locale="ru")).replace(" ", "\u00a0")
    return str(format_date(day, "d MMMM y", locale=language))


def open_requests(requests: Sequence[Request]) -> list[tuple[Request, int]]:
    """Our open requests in order of first asking, each once: the latest asking with how many times it was made."""
    chains: dict[str, list[Request]] = {}
    for r in requests:
        if r.asker == "us":
            chains.setdefault(r.repeats or r.id, []).append(r)
    found = []
    for chain in chains.values():
        last = max(chain, key=lambda r: r.asked_at)
        # A reply without visible answer is for a person to confirm: in a letter that a person edits it is listed with its bracket.
        if last.outcome in OPEN:
            found.append((last, len(chain)))
    return sorted(found, key=lambda x: (x[0].asked_at, x[0].start))


def _moment(x: datetime, config: Config, language: str) -> str:
    local = x.astimezone(config.zone)
    return f"{day_in_words(local, language)}, {local:%H:%M}"


def _item(r: Request, times: int, first: datetime, letters: Mapping[str, Letter], config: Config, language: str) -> str:
    _ = translation("timeline", language).gettext
    asked = day_in_words(r.asked_at.astimezone(config.zone), language)
    letter = letters.get(r.sha256)
    subject = _(" (message “%s”)") % letter.subject if letter and letter.subject else ""
    said = _("%(date)s%(subject)s: “%(quote)s”") % {
        "date": asked,
        "subject": subject,
        "quote": " ".join(r.quote.split()),
    }
    if times > 1:
        since = day_in_words(first.astimezone(config.zone), language)
        said += " " + _("Asked %(count)d times, first on %(date)s.") % {"count": times, "date": since}
    if r.outcome == "deferred":
        said += " " + _("You wrote that an answer would follow.")
    if r.outcome == "reply-without-answer":
        said += " " + _("[They wrote after this; check that their messages do not answer it.]")
    return said


def _as_html(
    lines: Mapping[str, str],
    opening: str,
    before: str,
    items: Sequence[str],
    closing: Sequence[str],
    sign: str,
    language: str,
) -> str:
    _ = translation("timeline", language).gettext
    mark = f'<p class="draft" role="note"><strong>{escape(lines["mark"])}</strong></p>'
    head = "".join(
        f"<dt>{escape(_(name))}</dt><dd>{escape(lines[key])}</dd>"
        for name, key in ((N_("From"), "from"), (N_("To"), "to"), (N_("Date"), "date"))
    )
    listed = f"<ol>{''.join(f'<li>{escape(i)}</li>' for i in items)}</ol>" if items else ""
    paragraphs = "".join(f"<p>{escape(c)}</p>" for c in closing)
    signed = "<br>".join(escape(x) for x in sign.split("\n"))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(lines['subject'])}</title>\n<style>body{{max-width:42rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 Georgia,'DejaVu Serif',serif}}"
        ".draft{border:2px solid;padding:.5rem .8rem}dt{float:left;clear:left;width:6rem;font-weight:bold}dd{margin:0 0 .2rem 6rem}li{margin:.5rem 0}</style></head>\n"
        f"<body><main>{mark}<dl>{head}</dl><h1>{escape(lines['subject'])}</h1>{f'<p>{escape(opening)}</p>' if opening else ''}<p>{escape(before)}</p>{listed}{paragraphs}"
        f"<p>{signed}</p>{mark}</main></body>\n</html>\n"
    )
