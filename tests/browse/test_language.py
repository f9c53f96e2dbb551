"""The query language: what people write, read into a tree; mistakes named."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.browse.language import All, Any_, Days, Field, Not, QueryError, Text, parse, text_stems


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("", None),
        ("   ", None),
        ("полка", Text("полка")),
        ("полка акт", All((Text("полка"), Text("акт")))),
        ("полка AND акт", All((Text("полка"), Text("акт")))),
        ("полка OR акт возврат", Any_((Text("полка"), All((Text("акт"), Text("возврат")))))),
        ("полка ИЛИ акт", Any_((Text("полка"), Text("акт")))),
        ("(полка ИЛИ акт) НЕ возврат", All((Any_((Text("полка"), Text("акт"))), Not(Text("возврат"))))),
        ("-возврат", Not(Text("возврат"))),
        ("НЕ НЕ акт", Not(Not(Text("акт")))),
        ('"пункт выдачи"', Text("пункт выдачи")),
        ("«пункт выдачи»", Text("пункт выдачи")),
        ("угрож*", Text("угрож", "", True)),
        ("subject:акт", Text("акт", "subject")),
        ('тема:"акт осмотра"', Text("акт осмотра", "subject")),
        ("filename:akt.pdf", Text("akt.pdf", "attachments")),
        ("от:клиент", Field("from", "side:client")),
        ("from:us", Field("from", "side:us")),
        ("from:Крючков", Field("from", "Крючков")),
        ("has:attachment", Field("has", "attachment")),
        ("есть:вложение", Field("has", "attachment")),
        ("hash:3F5A", Field("hash", "3f5a")),
        ("category:threat/police", Field("category", "threat/police")),
        ("категория:угроза", Field("category", "threat")),
        ("after:2025-04-01", Days(date(2025, 4, 1), None)),
        ("before:01.04.2025", Days(None, date(2025, 4, 1))),
        ("on:2025-04", Days(date(2025, 4, 1), date(2025, 5, 1))),
        ("дата:12.2025", Days(date(2025, 12, 1), date(2026, 1, 1))),
        ("on:2025", Days(date(2025, 1, 1), date(2026, 1, 1))),
        ("and or", All((Text("and"), Text("or")))),  # small letters are words
        ("http://a.example/x", Text("http://a.example/x")),
        ("12:30", Text("12:30")),
    ],
)
def test_reads_what_people_write(query: str, tree: object) -> None:
    assert parse(query) == tree


@pytest.mark.parametrize(
    ("query", "code", "near"),
    [
        ("(полка", "open", ""),
        ("полка)", "close", ""),
        ("()", "empty", ""),
        ('"полка', "quote", ""),
        ("полка OR", "operator", ""),
        ("OR полка", "operator", ""),
        ("НЕ", "operator", ""),
        ("полка AND AND акт", "operator", ""),
        ("subjct:акт", "field", "subject"),
        ("zzzzz:акт", "field", ""),
        ("from:", "value", ""),
        ("***", "word", ""),
        ("😀", "word", ""),
        ("деньги -—", "word", ""),
        ("from:*", "value", ""),
        ("before:вчера", "date", ""),
        ("before:2025-02-30", "date", ""),
        ("on:0000", "date", ""),
        ("hash:xyz", "hash", ""),
        ("hash:ab", "hash", ""),
        ("has:деньги", "has", ""),
        ("is:bad", "is", ""),
        ("category:treat", "category", "threat"),
        ("(" * 60 + "a" + ")" * 60, "deep", ""),
        ("НЕ " * 60 + "a", "deep", ""),
        ("a" * 2000, "long", ""),
    ],
)
def test_names_the_mistake(query: str, code: str, near: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert (caught.value.code, caught.value.near) == (code, near)


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("абв \"«»()-*:ANDORИЛЕ0/\\'\n\x00”“")), max_size=60))
def test_any_text_is_a_tree_or_a_named_mistake(query: str) -> None:
    try:
        parse(query)
    except QueryError as mistake:
        assert mistake.code


def test_words_that_are_excluded_are_not_marked() -> None:
    assert text_stems(parse("полка НЕ (акт OR счёт) угрож*")) == (("полка", False), ("угрож", True))
