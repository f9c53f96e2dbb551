"""Characters nobody sees, decomposed letters and Latin twins do not hide a sentence; the quote is the text as it stands."""

from __future__ import annotations

import unicodedata

import pytest

from evidence.timeline.morph import fold, forms_in
from evidence.timeline.rules import load_packs
from tests.flags.letters import find_all, letter

PACKS = load_packs()
PLAIN = "Мы подадим на вас в суд, последний раз говорю."


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("подадим", "по\u00adда\u00adдим").replace("суд", "с\u00adуд"),
        PLAIN.replace("подадим", "пода\u200bдим"),
        PLAIN.replace("суд", "су\ufeffд\u200d"),
        PLAIN.replace("подадим", "подади\u0301м"),
        PLAIN.replace("суд", "cуд"),  # a Latin c
        unicodedata.normalize("NFD", PLAIN),
    ],
)
def test_a_threat_is_found_whatever_stands_unseen_in_its_words(text: str) -> None:
    found = [f for f in find_all([letter(text)], PACKS, timezone="Europe/Moscow") if f.category == "threat"]
    assert len(found) == 1
    assert found[0].quote in text


def test_words_are_folded_to_the_letters_they_show() -> None:
    assert fold("последнии\u0306") == "последний"
    assert fold("по\u00adдадим") == "подадим"
    assert fold("cуд") == "суд" and fold("court") == "court" and fold("IT-отдел") == "it-отдел"
    assert fold("café") == "café"
    assert [f.form for f in forms_in("не\u00adустойка и t-shirt")] == ["неустойка", "и", "t-shirt"]
