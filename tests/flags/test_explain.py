"""An explanation names the sentence, the words, the rule, its slots and what was tried against it, in the reader's language."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.timeline.explain import check_pack, explain, explain_text
from evidence.timeline.flags import find_flags
from evidence.timeline.rules import load_packs
from tests.flags.letters import letter

PACKS = load_packs()
TEXT = "Добрый день.\n\nЕсли не вернёте деньги, я напишу заявление в полицию."


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            [
                "possible threat",
                "Sentence",
                "ru.threat.police.step",
                "“напишу”",
                "is it negated?",
                "Condition",
                "Unflagged does not mean absent",
            ],
        ),
        (
            "ru",
            [
                "возможная угроза",
                "Предложение",
                "ru.threat.police.step",
                "«напишу»",
                "отрицани",
                "Условие",
                "не означает",
            ],
        ),
    ],
)
def test_rule_flag_is_explained(language: str, words: list[str]) -> None:
    one = letter(TEXT)
    flag = next(f for f in find_flags(one, PACKS) if f.rule == "ru.threat.police.step")
    told = explain(flag, one, PACKS, language)
    for word in words:
        assert word in told
    assert flag.pack in told
    assert "написать" in told


def test_no_offence_is_named() -> None:
    one = letter("Удалю отзыв, если вернёте 5 000 рублей, иначе он останется навсегда.")
    for language in ("ru", "en"):
        for flag in find_flags(one, PACKS):
            told = explain(flag, one, PACKS, language).casefold()
            head = told.split("\n", 1)[0]
            assert not any(word in head for word in ("вымогательств", "шантаж", "extortion", "blackmail"))


STOPPED = "Верните деньги, иначе я напишу заявление в полицию. Я не напишу заявление в полицию."


@pytest.mark.parametrize(("language", "marks", "others"), [("en", "“”", "«»"), ("ru", "«»", "“”")])
def test_quotes_stand_between_the_marks_of_the_readers_language(language: str, marks: str, others: str) -> None:
    one = letter(TEXT)
    flags = find_flags(one, PACKS)
    blocked = [
        replace(flag, rule="ranker", detail={"blocked": ["ru.threat.police.step: negation «не»"]}) for flag in flags[:1]
    ]
    told = "\n".join(explain(flag, one, PACKS, language) for flag in [*flags, *blocked])
    told += "\n" + explain_text(STOPPED, PACKS, language)
    assert not any(mark in told for mark in others), told
    assert f"{marks[0]}напишу{marks[1]}" in told
    stop = {"en": "negation “не”", "ru": "отрицание «не»"}[language]
    assert f"ru.threat.police.step: {stop}" in told  # as it is stored with a flag
    assert told.count(stop) > 1  # and as it is found now


def test_a_reader_of_russian_is_told_no_key_of_a_category_a_tier_or_a_blocker() -> None:
    told = explain_text(STOPPED, PACKS, "ru")
    told = re.sub(r"(?:ru|en)\.[\w.-]+", "", told)  # the ids of rules are names
    assert not re.search("[A-Za-z]{3,}", told), told


def test_what_is_wrong_with_a_pack_is_told_in_the_readers_language(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[pack]\nname = "mine"\nversion = "1"\nlanguage = "ru"\ncategory = "threat"\n[[rule]]\nid = "mine.door"\nslots = ["повесить{verb,1per,futr}", "..3", "фото"]\n'
        'must_match = ["Не повешу ваше фото.", "Ничего."]\nmust_not_match = ["Повешу ваше фото."]\n',
        encoding="utf-8",
    )
    english, russian = check_pack(path), check_pack(path, "ru")
    assert len(english) == len(russian) == 3
    assert "mine.door: does not match “Не повешу ваше фото.” (stopped by negation “не”)" in english
    assert "mine.door: не находит «Не повешу ваше фото.» (остановлено: отрицание «не»)" in russian
    assert "mine.door: matches “Повешу ваше фото.”, which it must not" in english
    assert "mine.door: находит «Повешу ваше фото.», а не должно" in russian
