"""The ledger on the labelled disputes, scored by the corpus's own scorer: floors that a change must not fall through.

``shelf`` and ``studio`` were built on; ``supply`` was opened once, after all tuning (docs/reckoning.md has the figures).
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import pytest

from evidence.timeline.requests import find_requests
from tests.timeline.disputes import CORPUS, as_of, flags_of, gold_of, letters_of, settings_of


@cache
def scored(dispute: str) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("score", CORPUS / "score.py")
    assert spec and spec.loader
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    named = {x.sha256: x.message_id for x in letters_of(dispute)}
    rows = [
        {
            "message_id": named[r.sha256],
            "quote": r.quote,
            "asker": r.asker,
            "outcome": score.SAME_AS.get(r.outcome, r.outcome),
        }
        for r in find_requests(
            letters_of(dispute), settings_of(dispute), (), as_of=as_of(dispute), flags=flags_of(dispute)
        )
    ]
    result: dict[str, Any] = score.score([gold_of(dispute)], rows)
    return result


@pytest.mark.parametrize(("dispute", "right"), [("shelf", 0.80), ("studio", 0.85), ("supply", 0.70)])
def test_requests_are_found_and_judged(dispute: str, right: float) -> None:
    found = scored(dispute)["requests"]
    assert found["recall"] >= 0.85 and found["precision"] >= 0.85
    assert found["outcome_right"] / found["found"] >= right


@pytest.mark.parametrize("dispute", ["shelf", "studio", "supply"])
def test_all_silence_is_found_and_no_answered_request_is_called_silent(dispute: str) -> None:
    for table in scored(dispute)["requests"]["confusion"].values():
        silent = table.get("no-reply", {})
        assert silent.get("no-reply", 0) == sum(silent.values())
        assert table.get("answered", {}).get("no-reply", 0) == 0


@pytest.mark.parametrize("dispute", ["shelf", "studio", "supply"])
def test_no_rhetorical_or_third_party_question_is_in_the_ledger(dispute: str) -> None:
    violated = [v for v in scored(dispute)["hard_negatives"]["list"] if v["category"] == "request"]
    assert violated == []


def test_a_threat_for_tomorrow_is_no_promise_to_answer() -> None:
    """``shelf``: asked for the delivery note, he writes "tomorrow I'll tell every chat of sellers about you; we'll see who comes then"."""
    found = find_requests(letters_of("shelf"), settings_of("shelf"), (), as_of=as_of("shelf"), flags=flags_of("shelf"))
    (asked,) = (r for r in found if "нужна накладная" in r.quote)
    assert (asked.outcome, asked.answer_quote) == ("reply-without-answer", None)
