"""What a person recorded of an answer is printed without the days and letters of the search it overruled."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evidence.bundle.summary import _request_row
from evidence.bundle.text import Words
from evidence.model import Request
from evidence.ports import Review

ASKED, FOUND, NAMED = (c * 64 for c in "abc")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def request(outcome: str, answering: str | None, waited: float) -> Request:
    return Request(
        id="1", sha256=ASKED, part="body", start=0, end=6, quote="Where?", asker="us", kind="question", asked_at=AT,
        outcome=outcome, tier="stated", due_at=AT, answering_sha256=answering, answer_quote=None, other_messages=(),
        waited_days=waited, waited_working_days=1, searched={}, why="",
    )  # type: ignore[arg-type]  # fmt: skip


def detail(r: Request, outcome: str | None, answering: str | None = None) -> str:
    review = Review("request", "1", "accepted", None, outcome, answering, "", "owner", AT)
    brief: Any = SimpleNamespace(
        words=Words("en", ZoneInfo("Europe/London"), "Europe/London"), _=lambda text: text, reviews={("request", "1"): review},
        letters={s: SimpleNamespace(at=AT, sha256=s) for s in (FOUND, NAMED)}, printed=lambda sha: True,
        selection=SimpleNamespace(numbers={ASKED: 1}, number_of=lambda sha: {FOUND: 2, NAMED: 3}[sha]),
    )  # fmt: skip
    return str(_request_row(brief, r)["detail"])


def test_an_answer_by_telephone_is_not_printed_with_the_days_of_a_silence() -> None:
    assert detail(request("no-reply", None, 334.1), "answered") == ""


def test_another_letter_than_the_found_one_is_printed_without_the_days_to_the_found_one() -> None:
    said = detail(request("answered", FOUND, 8.3), "answered", NAMED)
    assert "exhibit 3" in said and "8.3" not in said


@pytest.mark.parametrize("outcome", ["no-reply", "reply-without-answer"])
def test_what_a_person_says_is_no_answer_is_not_printed_as_one(outcome: str) -> None:
    said = detail(request("answered", FOUND, 8.3), outcome)
    assert "exhibit" not in said and "8.3" not in said


def test_what_a_person_only_confirmed_keeps_its_letter_and_days() -> None:
    assert detail(request("answered-late", FOUND, 8.3), None) == detail(
        request("answered-late", FOUND, 8.3), "answered"
    )
    assert "exhibit 2; after 8.3 days" in detail(request("answered-late", FOUND, 8.3), None)
