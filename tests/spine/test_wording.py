"""Why a flag stands, in both languages: composed from what the flag holds, and in English the same as is stored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evidence.archive.reader import ArchiveReader
from evidence.model import Flag
from evidence.wording import OBJECTIONS, why_in_words
from evidence.wording.requests import request_why
from tests.spine.test_pipeline import matter


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


@pytest.mark.parametrize(
    ("why", "russian"),
    [
        (
            "direct reply; what answers «when», about the same thing (0.61); weights 0.19; between+0.60; follow words+0.36",
            "прямой ответ; есть дата или время, по той же теме",
        ),
        (
            "no reply in this thread; no answer found in their other messages",
            "в этой ветке ответа нет; в других их письмах ответ не найден",
        ),
        (
            "the letter was returned undelivered from a@client.example; no later message of theirs was found",
            "письмо вернулось недоставленным с адреса a@client.example; более поздних их писем не найдено",
        ),
        ("something new; weights 0.50", "something new"),
    ],
)
def test_reason_of_an_outcome_is_said_without_the_weights(why: str, russian: str) -> None:
    assert request_why("ru", why) == russian


def test_every_reason_of_an_outcome_is_known_in_both_languages(tmp_path: Path, repository: Path) -> None:
    letters = [
        path
        for name in ("shelf", "studio")
        for path in sorted((repository / "fixtures/corpus" / name).glob("messages/*.eml"))
    ]
    config = matter(tmp_path / "m", letters)
    with ArchiveReader(config.archive_path) as case:
        whys = {request.why for request in case.requests()}
    assert len(whys) > 10
    for why in whys:
        russian = request_why("ru", why)
        assert russian and not re.search(r"[A-Za-z]", re.sub(r"\S+@\S+", "", russian)), (why, russian)
        assert not re.search(r"\d\.\d", request_why("en", why))
