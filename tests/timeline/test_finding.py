"""What is a request and what is not, in both languages, with exact spans."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.timeline import answers_reports, requests_sentences
from evidence.timeline.requests_find import find_asks
from evidence.timeline.requests_sentences import sentences
from tests.timeline.letters import letter

LABELLED = Path(__file__).parents[2] / "fixtures" / "labelled"


def asks(text: str) -> list[str]:
    return [a.quote for a in find_asks(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Пришлите, пожалуйста, реквизиты ИП для счёта.", "document"),
        ("Когда вы заберёте коробки?", "question"),
        ("Оплатите, пожалуйста, счёт № 58 до пятницы.", "payment"),
        ("Просим перенести приёмку на вторник.", "action"),
        ("Было бы хорошо увидеть акт сверки за март.", "document"),
        ("Could you send over your current logo as a vector file?", "document"),
        ("When can we expect payment?", "question"),
        ("Please pay invoice 1042 by Friday.", "payment"),
        ("I'd be grateful if you could move the delivery to Tuesday.", "action"),
        ("We'd be grateful if you could let us have a copy of the contract.", "document"),
        ("Please let me know which day suits you.", "question"),
    ],
)
def test_direct_and_indirect_requests_of_every_kind(text: str, kind: str) -> None:
    letter = f"Добрый день! Коробки приняты.\n\n{text}" if text[0] > "z" else f"Hi Tom,\n\nThe boxes have come. {text}"
    found = find_asks(letter, 0, len(letter))
    assert [(a.quote, a.kind) for a in found] == [(text, kind)]
    assert letter[found[0].start : found[0].end] == text


@pytest.mark.parametrize(
    "text",
    [
        "Марина, вы это серьёзно?",
        "Какое ещё подтверждение?",
        "Если будут вопросы, обращайтесь.",
        "Прошу прощения за задержку.",
        "Будьте здоровы и не переживайте.",
        "Are you serious?",
        "Who hasn't had a bad review, after all?",
        "Please don't hesitate to contact me.",
        "If you have any questions, feel free to call.",
        "How are you?",
        "Спасибо, акт получил, всё верно.",
        "The invoice fell due yesterday.",
    ],
)
def test_rhetoric_courtesy_and_statements_ask_for_nothing(text: str) -> None:
    assert asks(text) == []


def test_each_item_of_a_list_that_is_asked_for_is_a_request() -> None:
    text = "Добрый день!\n\nПришлите, пожалуйста:\n1. акт приёмки за март;\n2. накладную на 18 коробок;\n3) фото полки.\n\nСпасибо."
    assert asks(text) == ["акт приёмки за март", "накладную на 18 коробок", "фото полки."]


def test_a_list_that_nobody_asks_for_is_no_request() -> None:
    assert asks("За март принято:\n– 18 коробок посуды\n– 20 коробок ламп") == []


def test_several_requests_in_one_letter_stand_apart() -> None:
    text = "Когда приедет машина? И кто будет за рулём? Пришлите, пожалуйста, доверенность."
    assert asks(text) == ["Когда приедет машина?", "И кто будет за рулём?", "Пришлите, пожалуйста, доверенность."]


def test_wrapped_lines_are_one_sentence_with_its_line_break() -> None:
    text = "Сможете прислать нам запись разговора с водителем за 26 и 29 марта,\nс 16:30 до 18:00?"
    assert asks(text) == [text]


def test_abbreviations_do_not_end_a_sentence() -> None:
    text = "Прошу вернуть 900 руб. за полку № 14, ул. Мира, д. 5, до 3 мая."
    assert [s.text for s in sentences(text, 0, len(text))] == [text]


def test_a_long_word_before_a_dot_is_told_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = (
        "предоставлен",
        "approximately",
        "слово approx",
        "стр",
        "г",
        "Д",
        "1234567",
        "1234567890",
        "т.е",
        "е.ё.корпус",
        "a_bcdefghijk",
    )
    text = " ".join(f"Слово {one}. {following}" for one in ends for following in ("дальше", "Дальше", "12"))
    quick = sentences(text, 0, len(text))
    monkeypatch.setattr(requests_sentences, "_long_word", lambda text, at, end: False)
    assert sentences(text, 0, len(text)) == quick
    assert 15 < len(quick) < 3 * len(ends)


def test_what_a_sentence_reports_is_found_in_the_whole_text_first() -> None:
    texts: list[str] = []
    for name in ("disputes-ru-8", "disputes-en-8"):
        with gzip.open(LABELLED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts += [row["text"] for row in map(json.loads, lines) if "text" in row]
    letters = [letter(text, hours=n) for n, text in enumerate(texts)]
    found = [answers_reports.reported(one) for one in letters]
    assert sum(not one.call for row in found for one in row) > 5
    for one, row in zip(letters, found, strict=True):
        body = one.texts["body"]
        came = [
            s.text
            for s in sentences(body, 0, len(body))
            if answers_reports._RECEIVED.search(s.text) and not answers_reports._NEGATED.search(s.text)
        ]
        assert [r.text for r in row if not r.call] == came


@given(st.text(alphabet="абвABC .?!,\n-–1)«»:;…", max_size=120), st.integers(0, 20))
def test_spans_lie_inside_in_order_and_quote_exactly(text: str, start: int) -> None:
    start = min(start, len(text))
    last = start
    for s in sentences(text, start, len(text)):
        assert last <= s.start < s.end <= len(text)
        assert s.text == text[s.start : s.end]
        last = s.end
