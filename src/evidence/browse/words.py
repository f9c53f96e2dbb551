"""What the pages call things, in Russian and English, and how they write times. Texts are in the ``browse`` catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import date as Day
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal

from evidence.i18n import translated, translation
from evidence.wording import why_in_words
from evidence.wording.effort import clock, formula_in_words, rule_in_words
from evidence.wording.reading import stored_in_words
from evidence.wording.requests import request_why


def _mark(text: str) -> str:
    """Marks a text for the catalogue where it is translated later."""
    return text


_ = _mark

SIDES = {"us": _("Our side"), "client": _("Client"), "third": _("Third parties")}
CATEGORIES = {
    "threat": _("Possible threats"),
    "demand": _("Demands"),
    "accusation": _("Accusations"),
    "insult": _("Disparaging words"),
    "refusal": _("Refusals"),
    "broken_promise": _("Broken promises"),
    "nonpayment": _("Non-payment"),
    "admission": _("Points conceded"),
    "deadline_notice": _("Deadlines set"),
    "termination_notice": _("Notices of termination"),
}
DOES = {
    "threat": _("possible threat"),
    "threat/police": _("states an intention to contact the police"),
    "threat/court": _("states an intention to go to court"),
    "threat/regulator": _("states an intention to complain to an authority"),
    "threat/reputation": _("states an intention to publish reviews or go public"),
    "threat/violence": _("possible threat of physical harm"),
    "threat/economic": _("states an intention to cause business losses"),
    "threat/extortion": _("ties withdrawing a complaint to an advantage"),
    "threat/other": _("possible threat"),
    "demand": _("demand"),
    "demand/compensation": _("demands compensation"),
    "demand/refund": _("demands a refund"),
    "demand/apology": _("demands an apology"),
    "demand/discount": _("demands a discount"),
    "demand/deadline": _("demands something by a date"),
    "demand/action": _("demands that something be done"),
    "demand/other": _("demand"),
    "accusation": _("accusation"),
    "insult": _("disparaging words"),
    "refusal": _("refusal"),
    "broken_promise": _("broken promise"),
    "nonpayment": _("non-payment"),
    "admission": _("point conceded"),
    "deadline_notice": _("deadline set"),
    "termination_notice": _("notice of termination"),
}
TIERS = {"stated": _("stated"), "possible": _("possible")}
REVIEWS = {
    "unreviewed": _("not reviewed by a person"),
    "accepted": _("accepted"),
    "rejected": _("rejected"),
}
OUTCOMES = {
    "answered": _("answered"),
    "answered-late": _("answered late"),
    "deferred": _("put off"),
    "reply-without-answer": _("a reply, but no answer found in it"),
    "no-reply": _("no reply found"),
    "pending": _("time to answer still running"),
}
KINDS = {
    "question": _("question"),
    "document": _("asks for a document"),
    "action": _("asks for an action"),
    "payment": _("asks for payment"),
}
CLOCKS = {
    "date": _("Date header, as the sender wrote it"),
    "received": _("Received header, by the receiving server"),
    "internaldate": _("the mail server's own time (INTERNALDATE)"),
    "capture": _("our capture"),
}
ZONES = {
    "own": _("own words"),
    "quoted": _("quoted text"),
    "forwarded": _("forwarded text"),
    "signature": _("signature"),
    "disclaimer": _("disclaimer"),
}
DKIM = {
    "pass": _("the signature holds"),
    "fail": _("the signature does not hold"),
    "no-key": _("the key is no longer published"),
    "unchecked": _("not checked"),
    "error": _("could not be checked"),
}
QUESTIONS = {
    1: _("Does the client complain without grounds or demand the impossible?"),
    2: _("Is the client disrespectful to staff?"),
    3: _("Does the client fail its own obligations, such as paying?"),
    4: _("Does the client threaten reviews or publicity?"),
}
ANSWERS = {"yes": _("yes"), "no": _("no"), "unclear": _("unclear")}
EVENTS = {
    "message": _("message stored"),
    "sighting": _("seen"),
    "disappearance": _("no longer where it was"),
    "review": _("decision of a person"),
    "note": _("note"),
    "selection": _("included or excluded"),
}
MESSAGE_KINDS = {
    "auto": _("automatic"),
    "bounce": _("delivery failure"),
    "list": _("mailing list"),
}
RUNS = {"sync": _("mailbox read"), "import": _("files imported"), "add": _("file added")}
RUN_OUTCOMES = {
    "complete": _("complete"),
    "incomplete": _("incomplete: not everything was retrieved"),
    "failed": _("failed"),
    "interrupted": _("interrupted"),
}
BUNDLES = {
    "full": _("full bundle"),
    "police": _("bundle for the police"),
    "notary": _("mailbox inspection sheet"),
    "extract": _("extract"),
}
FILES = {
    "recording": _("recording"),
    "act": _("acceptance certificate"),
    "photo": _("photo"),
    "screenshot": _("screenshot"),
    "contract": _("contract"),
    "statement": _("staff statement"),
    "other": _("other file"),
}
TABLES = {"all": _("All")}
UNITS = (_("KB"), _("MB"), _("GB"))
del _


@dataclass(frozen=True, slots=True)
class Words:
    """The language and time zone of one response. All times given are UTC, as text of the database or aware datetime."""

    language: str
    zone: ZoneInfo

    @property
    def _(self) -> Callable[[str], str]:
        return translation("browse", self.language).gettext

    def ngettext(self, one: str, many: str, n: int) -> str:
        """Counted text; ``%(n)s`` in it is the number, with thousands parted."""
        return translation("browse", self.language).ngettext(one, many, n) % {"n": self.number(n)}

    def side(self, side: str | None) -> str:
        return self._(SIDES.get(side or "", side or ""))

    def category(self, category: str) -> str:
        return self._(CATEGORIES.get(category, category))

    def does(self, category: str, subtype: str | None) -> str:
        """What a flagged text does, for people: never the name of an offence."""
        key = f"{category}/{subtype}" if subtype else category
        return self._(DOES.get(key) or DOES.get(category) or category)

    def sentence(self, text: str) -> str:
        """What the message stage stores as a value: a DKIM reason or warning, a remark on the trail, a defect of an attachment."""
        return stored_in_words(self.language, text)

    def imported(self, text: str) -> str:
        """A sentence of the mailbox stage that is stored as a value: a caveat of an import, why something was not received."""
        return translated("mailbox", self.language, text)

    def why(self, flag: Mapping[str, Any]) -> str:
        """The reason of a flag as ``judged.flags_of`` gives it."""
        return why_in_words(
            self.language,
            why=flag["why"],
            rule=flag["rule"],
            category=flag["found_category"],
            links=flag["links"],
            detail=flag["detail"],
        )

    def request_why(self, request: Mapping[str, Any]) -> str:
        """Why a request has its outcome, as far as a person can check it."""
        return request_why(self.language, request["why"])

    def of(self, table: dict[Any, str], key: Any) -> str:
        return self._(table[key]) if key in table else str(key)

    def local(self, at: str | datetime | None) -> datetime | None:
        return moment(at, self.zone)

    def time(self, at: str | datetime | None) -> str:
        found = self.local(at)
        return format_time(found, "HH:mm", locale=self.language) if found else "—"

    def day(self, at: str | Day | datetime | None) -> str:
        """«среда, 2 апреля 2025 г.»"""
        found = at if isinstance(at, Day) and not isinstance(at, datetime) else self.local(at)
        return str(format_date(found, "full", locale=self.locale)) if found else "—"

    def date(self, at: str | Day | datetime | None) -> str:
        """«2 апреля 2025 г.»"""
        found = at if isinstance(at, Day) and not isinstance(at, datetime) else self.local(at)
        return str(format_date(found, "long", locale=self.locale)) if found else "—"

    def month(self, at: str | Day) -> str:
        found = Day.fromisoformat(at[:10]) if isinstance(at, str) else at
        return str(format_date(found, "LLLL y", locale=self.locale))

    def moment(self, at: str | datetime | None) -> str:
        """Date and time with the offset, so that nothing is left to guess."""
        found = self.local(at)
        if found is None:
            return "—"
        return str(format_datetime(found, "d MMM y, HH:mm:ss xxx", locale=self.locale))

    @property
    def locale(self) -> str:
        return "ru" if self.language == "ru" else "en_GB"

    def number(self, n: float | None, digits: int = 0) -> str:
        if n is None:
            return "—"
        return str(format_decimal(round(n, digits), locale=self.locale))

    def formula(self, formula: str) -> str:
        """How the hours were estimated."""
        return formula_in_words(formula, self.language)

    def effort_rule(self) -> str:
        """How time and cost hang together."""
        return rule_in_words(self.language)

    def clock(self, minutes: float | None) -> str:
        """Minutes as hours and minutes."""
        return clock(minutes or 0)

    def amount(self, n: float | None) -> str:
        """A rate or a sum: two decimals, more only where a rate has more."""
        return str(format_decimal(round(n or 0, 6), format="#,##0.00####", locale=self.locale))

    def waited(self, days: float | str) -> str:
        """Days waited: whole ones, below three with a decimal, as the command line gives them."""
        days = float(days)
        return self.number(days, 0 if days >= 3 else 1)

    def days(self, first: str | Day | datetime | None, last: str | Day | datetime | None) -> str:
        """The first day and, where it is another, the last."""
        begin, end = self.date(first), self.date(last)
        return begin if begin == end else f"{begin} {'—' if self.language == 'ru' else '–'} {end}"

    def stop(self, text: str) -> str:
        """``text`` as the end of a sentence: a Russian date ends with a full stop of its own."""
        return text if text.endswith(".") else f"{text}."

    def stated_day(self, stated: str) -> str:
        """A day a person stated in ISO form; anything else as it stands."""
        try:
            return self.date(Day.fromisoformat(stated[:10])) if len(stated) <= 10 else self.moment(stated)
        except ValueError:
            return stated

    def size(self, octets: int) -> str:
        if octets < 1024:
            return self.ngettext("%(n)s byte", "%(n)s bytes", octets)
        for unit in UNITS:
            octets_in_unit = octets / 1024
            if octets_in_unit < 1024 or unit == UNITS[-1]:
                return f"{self.number(octets_in_unit, 1)} {self._(unit)}"
            octets = int(octets_in_unit)
        raise AssertionError


def moment(at: str | datetime | None, zone: ZoneInfo) -> datetime | None:
    """An aware time in ``zone`` from ISO 8601 text (a time without offset is UTC); None if it cannot be read or is out of range."""
    if not at:
        return None
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError):
        return None


def utc_text(at: datetime) -> str:
    return (
        at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    )  # strftime writes year 25 with two digits


def json_or(text: str | None, otherwise: Any) -> Any:
    """The value of JSON text, or ``otherwise`` where there is none or it cannot be read."""
    if not text:
        return otherwise
    try:
        return json.loads(text)
    except ValueError:
        return otherwise
