"""What every self-contained page needs: times, links and words for what it shows, and the messages quoted at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from evidence.i18n import translation
from evidence.model import Flag, Letter, Request
from evidence.ports import Review
from evidence.timeline.requests_words import outcome_in_words
from evidence.timeline.words import (
    CATEGORY_WORDS,
    SUBTYPE_WORDS,
)


class Page:
    """What every part of a page needs to know."""

    def __init__(
        self, language: str, timezone: str, flags: Sequence[Flag], requests: Sequence[Request], letters: Mapping[str, Letter],
        reviews: Mapping[tuple[str, str], Review], as_of: datetime,
    ) -> None:  # fmt: skip
        self.language, self.zone = language, ZoneInfo(timezone)
        self._: Callable[[str], str] = translation("timeline", language).gettext
        self.flags = {f.id: f for f in flags}
        self.requests = {r.id: r for r in requests}
        self.letters, self.reviews, self.as_of = letters, reviews, as_of

    def time(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        shown = format_datetime(local, "d MMM y, HH:mm", locale=self.language)
        return f'<time datetime="{local.isoformat(timespec="seconds")}">{escape(shown)}</time>'

    def day(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        return f'<time datetime="{local.date().isoformat()}">{escape(format_date(local, "d MMM y", locale=self.language))}</time>'

    def review(self, target: str, target_id: str) -> str:
        review = self.reviews.get((target, target_id))
        return review.decision if review else "unreviewed"

    def flag_word(self, flag: Flag) -> str:
        key = (flag.category, flag.subtype or "")
        return self._(SUBTYPE_WORDS.get(key) or CATEGORY_WORDS.get(flag.category, flag.category))

    def message_link(self, sha256: str, text: str) -> str:
        return f'<a href="#m-{sha256}">{escape(text)}</a>'

    def when_link(self, sha256: str | None) -> str:
        letter = self.letters.get(sha256 or "")
        if letter is None or sha256 is None:
            return ""
        local = letter.at.astimezone(self.zone)
        return self.message_link(sha256, format_datetime(local, "d MMM y, HH:mm", locale=self.language))


def request_item(page: Page, r: Request) -> str:
    words = outcome_in_words(r, page.letters, page.language, page.zone)
    return f"<li>{page.when_link(r.sha256)} <q>{escape(' '.join(r.quote.split()))}</q> — {escape(words)}</li>"


def messages_part(page: Page, hashes: Sequence[str]) -> str:
    """The messages that the view's links lead to, own words whole."""
    shown = sorted(
        (page.letters[s] for s in set(hashes) if s in page.letters and not page.letters[s].withheld),
        key=lambda x: (x.at, x.number),
    )
    if not shown:
        return ""
    parts = [f"<h2>{escape(page._('The messages referred to'))}</h2>"]
    for x in shown:
        parts.append(
            f'<article id="m-{x.sha256}"><h3>{page.time(x.at)}, {escape(x.person or x.sender)}</h3><p class="subject">{escape(x.subject)}</p>'
            f'<blockquote>{escape(x.own_text().strip())}</blockquote><p class="note">SHA-256 {x.sha256}</p></article>'
        )
    return "".join(parts)
