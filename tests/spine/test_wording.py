"""Why a flag stands, in both languages: composed from what the flag holds, and in English the same as is stored."""

from __future__ import annotations

import re

import pytest

from evidence.model import Flag
from evidence.wording import OBJECTIONS, why_in_words
from evidence.wording.requests import request_why_in_words


def said(flag: Flag, language: str) -> str:
    return why_in_words(
        language, why=flag.why, rule=flag.rule, category=flag.category, links=flag.links, detail=flag.detail
    )


def flag(
    why: str, detail: dict[str, object], *, rule: str = "ru.threat.court", links: tuple[dict[str, object], ...] = ()
) -> Flag:
    return Flag(
        "0" * 16,
        "0" * 64,
        "threat",
        "court",
        "body",
        0,
        4,
        "в суд",
        "client",
        "possible",
        rule,
        "ru@1#0",
        why,
        0.5,
        links,
        detail,
    )


CONDITION = ({"role": "condition", "quote": "если не вернёте"},)
SEVERAL = [
    (flag("words: подадим, суд", {"slots": ["подадим", "суд"], "objection": ""}), "слова: подадим, суд"),
    (
        flag("words: суд; said under a condition", {"slots": ["суд"], "objection": ""}, links=CONDITION),
        "слова: суд; сказано с условием",
    ),
    *((flag(f"words: суд; only possible: {o}", {"slots": ["суд"], "objection": o}), None) for o in OBJECTIONS),
    (
        flag("carried by: суд, иск", {"words": ["суд", "иск"], "blocked": []}, rule="ranker.threat"),
        "на что опирается: суд, иск",
    ),
    (
        flag(
            "carried by the sentence as a whole and what stands around it",
            {"words": [], "blocked": []},
            rule="ranker.threat",
        ),
        None,
    ),
    (flag("proposed by tiny", {"model": "tiny"}, rule="assist"), "предложено моделью tiny"),
]


@pytest.mark.parametrize(("one", "russian"), SEVERAL)
def test_the_english_is_what_is_stored_and_the_russian_holds_no_english(one: Flag, russian: str | None) -> None:
    assert said(one, "en") == one.why
    told = said(one, "ru")
    assert russian in (None, told)
    assert not re.search("[a-z]{3}", told.replace("tiny", ""))


def test_every_flag_of_the_rules_on_real_letters_is_said_in_both_languages(repository: object) -> None:
    """What the timeline stage writes is what is composed here: neither can change without the other."""
    from pathlib import Path

    from evidence.timeline.flags import find_flags
    from evidence.timeline.rules import load_packs
    from tests.flags.letters import letter

    assert isinstance(repository, Path)
    texts = (
        "Если не вернёте деньги до пятницы, мы подадим в суд и напишем в полицию.",
        "Верните деньги. Вы обманщики и мошенники, вы нас обманули!",
        "If you do not refund us by Friday, we will sue you and go to the police. You lied to us.",
    )
    packs = load_packs()
    found = [f for text in texts for f in find_flags(letter(text), packs)]
    assert len(found) >= 3
    for one in found:
        assert said(one, "en") == one.why
        assert "words:" not in said(one, "ru")


def test_what_holds_nothing_to_compose_from_stays_as_it_is_stored() -> None:
    assert said(flag("label of a fixture", {}), "ru") == "label of a fixture"


REQUESTS = [
    (
        "direct reply; what answers «when», about the same thing (0.45); weights 0.85; between+1.19; whole near-0.50",
        "прямой ответ на письмо; есть то, что отвечает на «когда», и о том же самом (0,45); веса слов 0,85; "
        "писем просившей стороны до этого (+1,19); слова просьбы во всём ответе (−0,50)",
    ),
    (
        "the letter was returned undelivered from a@b.example, c@d.example; no later message of theirs was found",
        "письмо не доставлено и вернулось: a@b.example, c@d.example; более поздних писем от них не найдено",
    ),
    ("type yes-no+0.20; first money+0.11", "просили: «да или нет» (+0,20); в первом предложении: сумма (+0,11)"),
    ("what a later version says; whole near+0.10", "what a later version says; слова просьбы во всём ответе (+0,10)"),
]


@pytest.mark.parametrize(("stored", "russian"), REQUESTS)
def test_the_reason_of_a_request_is_said_in_russian_and_stays_in_english(stored: str, russian: str) -> None:
    assert request_why_in_words("ru", stored) == russian
    assert request_why_in_words("en", stored) == stored


def test_every_reason_that_the_sample_disputes_give_is_said_in_russian() -> None:
    from evidence.timeline.requests import find_requests
    from tests.timeline.disputes import as_of, letters_of, settings_of

    told = {
        request_why_in_words("ru", one.why)
        for name in ("shelf", "studio")
        for one in find_requests(letters_of(name), settings_of(name), (), as_of=as_of(name))
    }
    assert len(told) > 20
    assert [one for one in told if re.search("[a-z]{3}", re.sub(r"\S+@\S+", "", one))] == []


def test_everything_the_trees_can_name_has_a_russian_name() -> None:
    from evidence.timeline.answers_model import letter_model

    names: set[str] = set()
    ahead = list(letter_model().trees)
    while ahead:
        node = ahead.pop()
        if not isinstance(node, int):
            names.add(node[0])
            ahead += node[2:]
    assert len(names) > 40
    assert [name for name in sorted(names) if re.search("[a-z]", request_why_in_words("ru", f"{name}+1.00"))] == []
