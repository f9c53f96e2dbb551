"""Short ways of the reader give what the plain ones give: counting letters, comparing a letter's two forms."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.message import parse
from evidence.message.kinds import language_of

LETTERS = st.text(alphabet="аяЯАЁёїЇґzZaA1 .—é\udc80😀\xa0\u0400\u045f", max_size=40)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.text(max_size=30), LETTERS), max_size=3))
def test_letters_of_two_scripts_are_counted_as_their_ranges_say(texts: list[str]) -> None:
    cyrillic = sum(len(re.findall("[А-яЁё]", text)) for text in texts)
    latin = sum(len(re.findall("[A-Za-z]", text)) for text in texts)
    expected = "" if not cyrillic and not latin else "ru" if cyrillic * 3 >= latin else "en"
    assert language_of(*texts) == expected


WORDS = [
    "склад",
    "полка",
    "возврат",
    "товара",
    "сегодня",
    "деньги",
    "отправим",
    "ответ",
    "договор",
    "счёт",
    "&amp;",
    "b2b",
]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(WORDS), max_size=40),
    st.lists(
        st.sampled_from([*WORDS, "<p>", "</p>", "<style>x</style>", "<!-- полка -->", "\n", "&nbsp;"]), max_size=60
    ),
    st.booleans(),
)
def test_forms_of_the_same_words_are_told_alike_with_and_without_the_short_way(
    plain: list[str], html: list[str], same: bool
) -> None:
    text = " ".join(plain)
    markup = "<p>" + text.replace("&", "&amp;") + "</p>" if same else " ".join(html)

    class Apart(str):
        """A text whose pieces are never those of another."""

        def split(self, *_: object, **__: object) -> list[str]:  # type: ignore[override]
            return ["never", text]

    assert parse._differ(text, markup) == parse._differ(Apart(text), markup)


@pytest.mark.parametrize("count", [7, 8, 40])
def test_a_letter_whose_forms_hold_other_words_is_told(count: int) -> None:
    plain = " ".join(f"слово{chr(0x430 + i % 32)}{chr(0x430 + i // 32)}ъ" for i in range(count))
    assert parse._differ(plain, "<p>совсем другое</p>") == (count >= 8)
