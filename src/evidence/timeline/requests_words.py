"""Outcomes and searches in words for people: "no reply found in …", never a reproach."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from evidence.i18n import translation
from evidence.model import Letter, Request
from evidence.timeline.words import NOT_SEARCHED_WORDS

NAMED_AT_MOST = 5


def folders_of(request: Request) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(f["folder"]) for f in request.searched.get("folders", ())))


def outcome_in_words(request: Request, letters: Mapping[str, Letter], language: str, zone: ZoneInfo) -> str:
    """One sentence that says what was found, with dates; ``letters`` by sha256 give the dates of messages."""
    _ = translation("timeline", language).gettext

    def moment(x: datetime) -> str:
        return str(format_datetime(x.astimezone(zone), "d MMM y, HH:mm", locale=language))

    due = moment(request.due_at) if request.due_at else ""
    answer = letters.get(request.answering_sha256 or "")
    if request.outcome in ("answered", "answered-late") and answer:
        if request.outcome == "answered":
            return _("answered on %s") % moment(answer.at)
        return _("answered on %s, after the deadline of %s") % (moment(answer.at), due)
    if request.outcome == "answered":  # by telephone, say: only a person can have set this
        return _("answered, as a person recorded; no message is named")
    if request.outcome == "answered-late":
        return _("answered late, as a person recorded; no message is named")
    if request.outcome == "pending":
        return _("the time to answer runs until %s") % due
    again = _asked_again(request, language, zone)
    wrote = [letters[s].at for s in request.other_messages if s in letters]
    dates = ", ".join(
        dict.fromkeys(str(format_date(x.astimezone(zone), "d MMM y", locale=language)) for x in wrote[:NAMED_AT_MOST])
    )
    count = int(request.detail.get("other_count", len(wrote)))
    if count > NAMED_AT_MOST:
        dates += _(" and %d more") % (count - NAMED_AT_MOST)
    if request.outcome == "no-reply":
        folders = ", ".join(folders_of(request)) or _("imported files")
        said = _("no reply found in %s by %s") % (folders, due)
        if wrote:
            said = _("no reply in this thread by %s (searched: %s); they wrote on %s, no answer found there") % (
                due,
                ", ".join(folders_of(request)) or _("imported files"),
                dates,
            )
        if request.detail.get("returned"):
            said += "; " + _("returned undelivered from %s") % ", ".join(request.detail["returned"])
        return said + again
    if request.outcome == "deferred":
        if again:
            return _("they said that an answer would follow") + again
        return _("they said that an answer would follow; none found up to %s") % _up_to(request, language, zone)
    return _("they wrote on %s; no answer to this is visible") % dates + again


def _asked_again(request: Request, language: str, zone: ZoneInfo) -> str:
    """When the same was asked again, and when that was answered: the silence ended there."""
    again = request.detail.get("again")
    if not again:
        return ""
    _ = translation("timeline", language).gettext
    at, answered_at = (_day(again[key], language, zone) for key in ("at", "answered_at"))
    if answered_at:
        return "; " + _("asked again on %s; an answer to that was found on %s") % (at, answered_at)
    return "; " + _("asked again on %s") % at


def _day(text: str | None, language: str, zone: ZoneInfo) -> str:
    if not text:
        return ""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return str(format_date(moment.astimezone(zone), "d MMM y", locale=language))


def searched_in_words(request: Request, language: str, zone: ZoneInfo) -> str:
    """Which folders, up to which UID and time, which addresses; and what was not searched."""
    _ = translation("timeline", language).gettext
    searched = request.searched
    folders = "; ".join(
        f"{f['account']}/{f['folder']} ({_('up to UID %d') % f['up_to_uid']}, {_when(str(f['at']), language, zone)})"
        for f in searched.get("folders", ())
    )
    addresses = ", ".join(searched.get("addresses", ()))
    left = ", ".join(_(NOT_SEARCHED_WORDS[n]) for n in searched.get("not_searched", ()) if n in NOT_SEARCHED_WORDS)
    return _("Searched: %s; mail from %s; up to %s. Not searched: %s.") % (
        folders or _("imported files"), addresses or _("the other side's addresses"), _up_to(request, language, zone), left,
    )  # fmt: skip


def _up_to(request: Request, language: str, zone: ZoneInfo) -> str:
    return _when(str(request.searched.get("up_to", "")), language, zone)


def _when(text: str, language: str, zone: ZoneInfo) -> str:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return text
    return str(format_datetime(moment.astimezone(zone), "d MMM y, HH:mm", locale=language))
