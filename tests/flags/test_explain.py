"""An explanation names the sentence, the words, the rule, its slots and what was tried against it, in the reader's language."""

from __future__ import annotations

import pytest

from evidence.timeline.explain import explain
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
                "«напишу»",
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
