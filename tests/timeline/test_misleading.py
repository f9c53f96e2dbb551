"""Statements that an opponent's expert would attack: each test is a letter that must not be made to say more than it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evidence.model import Request
from evidence.pipeline.views import View, request_rows
from evidence.ports import Review
from evidence.timeline.answers_reports import another_sum, names_as_made
from evidence.timeline.build import corrected
from evidence.timeline.claims import notices
from evidence.timeline.drafts import draft
from evidence.timeline.page import html_page
from evidence.timeline.requests_find import find_asks
from evidence.timeline.requests_words import outcome_in_words
from tests.timeline.letters import CLIENT, DELEGATE, START, US, ledger, letter
from tests.timeline.test_building import flag_on
from tests.timeline.test_showing import small_config

LATER = START + timedelta(days=30)
MOSCOW = ZoneInfo("Europe/Moscow")


def decided(r: Request, outcome: str | None, answering: str | None = None, decision: str = "accepted") -> Review:
    return Review("request", r.id, decision, None, outcome, answering, "", "owner", LATER)


def ours(requests: tuple[Request, ...]) -> list[Request]:
    return [r for r in requests if r.asker == "us"]


def test_what_a_person_recorded_as_answered_is_not_demanded_again() -> None:
    ask = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    (r,) = ours(ledger(ask))
    assert r.outcome == "no-reply"
    reviews = {("request", r.id): decided(r, "answered")}
    config = small_config("ru")
    assert r.quote in draft("final-notice", (r,), config, {}, LATER, "ru")
    assert r.quote not in draft("final-notice", (r,), config, {}, LATER, "ru", reviews=reviews)


def test_a_rejected_repeat_leaves_the_first_asking_listed_once() -> None:
    first = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    second = letter("Повторю просьбу: пришлите накладную на отпариватель.", hours=120, reply_to=first)
    one, two = ours(ledger(first, second))
    assert two.repeats == one.id
    reviews = {("request", two.id): decided(two, None, decision="rejected")}
    text = draft("reminder", (one, two), small_config("ru"), {}, LATER, "ru", reviews=reviews)
    assert one.quote in text and two.quote not in text and "всего обращений" not in text


def test_a_draft_says_since_when_it_was_asked_and_up_to_when_mail_was_searched() -> None:
    first = letter("Please send the delivery note for the steamer.")
    second = letter("I asked before: please send the delivery note for the steamer.", hours=120, reply_to=first)
    requests = ledger(first, second)
    text = draft("reminder", requests, small_config("en"), {}, LATER, "en", as_of=LATER - timedelta(days=9))
    assert "Asked 2 times, first on 2 March 2026." in text
    assert text.count("Mail was searched up to 23 March 2026, 12:00; check whatever came after that.") == 2
    same_day = draft("reminder", requests, small_config("en"), {}, LATER, "en", as_of=LATER)
    assert "Mail was searched" not in same_day


@pytest.mark.parametrize("form", ["text", "html"])
@pytest.mark.parametrize("kind", ["reminder", "final-notice"])
def test_a_draft_with_nothing_to_list_asks_for_nothing(kind: Any, form: Any) -> None:
    text = draft(kind, (), small_config("en"), {}, LATER, "en", form)
    assert "No open request of ours" in text
    assert "each of them" not in text and "more than once" not in text and "for the last time" not in text


def test_the_words_of_one_letter_are_not_shown_as_those_of_another_that_a_person_named() -> None:
    ask = letter("Добрый день! Когда вы заберёте коробки?")
    found = letter("Коробки заберём 5 марта.", hours=3, sender=CLIENT, reply_to=ask)
    other = letter("Как договорились, в пятницу.", hours=30, sender=CLIENT, thread="B")
    (r,) = ours(ledger(ask, found, other))
    assert (r.outcome, r.answering_sha256) == ("answered", found.sha256) and r.answer_quote
    set_right = corrected(r, decided(r, "answered", other.sha256))
    assert set_right.answering_sha256 == other.sha256
    assert set_right.answer_quote is None and set_right.waited_days is None and "answer" not in set_right.detail
    view = View(
        LATER, (ask, found, other), (), (r,),
        {("request", r.id): decided(r, "answered", other.sha256)}, {x.sha256: x for x in (ask, found, other)},
    )  # fmt: skip
    (row,) = request_rows(view)
    assert row["answering_sha256"] == other.sha256 and row["answer_quote"] is None and row["waited_days"] is None
    assert row["found_outcome"] == "answered"


@pytest.mark.parametrize("outcome", ["no-reply", "reply-without-answer"])
def test_what_a_person_says_is_no_answer_is_quoted_as_none(outcome: str) -> None:
    ask = letter("Добрый день! Когда вы заберёте коробки?")
    found = letter("Коробки заберём 5 марта.", hours=3, sender=CLIENT, reply_to=ask)
    (r,) = ours(ledger(ask, found))
    set_right = corrected(r, decided(r, outcome))
    assert (set_right.outcome, set_right.answering_sha256, set_right.answer_quote) == (outcome, None, None)
    assert set_right.waited_days is None  # the search reckoned up to a letter that is no answer


@pytest.mark.parametrize("language", ["ru", "en"])
def test_an_answer_by_telephone_that_a_person_recorded_is_not_said_to_be_missing(language: str) -> None:
    ask = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    (r,) = ours(ledger(ask))
    said = outcome_in_words(corrected(r, decided(r, "answered")), {}, language, MOSCOW)
    assert {"ru": "так записал человек", "en": "as a person recorded"}[language] in said
    assert "no answer" not in said and "не найден" not in said


def test_an_answer_to_a_notice_under_another_subject_is_named_before_silence_is() -> None:
    notice = letter("Если до 10 марта оплаты не будет, мы расторгнем договор.")
    late = letter("Платить не буду, договор расторгайте.", hours=60, sender=CLIENT, thread="B", subject="Хранение")
    flag = flag_on(notice, "Если до 10 марта оплаты не будет, мы расторгнем договор.", "deadline_notice")
    (found,) = notices([notice, late], [flag])
    assert (found.answered_by, found.wrote_elsewhere) == (None, late.sha256)
    answered = letter("Получил, оплачу.", hours=20, sender=CLIENT, reply_to=notice)
    (found,) = notices([notice, late, answered], [flag])
    assert (found.answered_by, found.wrote_elsewhere) == (answered.sha256, None)
    (found,) = notices([notice], [flag])
    assert (found.answered_by, found.wrote_elsewhere) == (None, None)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_first_request_did_not_wait_longer_than_its_repeat(language: str) -> None:
    first = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    second = letter("Повторю просьбу: пришлите накладную на отпариватель.", hours=240, reply_to=first)
    answer = letter("Накладная во вложении.", hours=250, sender=CLIENT, reply_to=second, files=("накладная.pdf",))
    one, two = ours(ledger(first, second, answer))
    assert (one.outcome, two.outcome) == ("no-reply", "answered")
    assert one.waited_days == pytest.approx(250 / 24, abs=0.01)
    said = outcome_in_words(one, {x.sha256: x for x in (first, second, answer)}, language, MOSCOW)
    assert {"ru": "запрос повторён 12 мар", "en": "asked again on 12 Mar 2026; an answer"}[language] in said
    unanswered, again = ours(ledger(first, second))
    assert unanswered.waited_days > one.waited_days and unanswered.detail["again"]["answered_at"] is None
    assert unanswered.waited_days == pytest.approx(again.waited_days + 10, abs=0.01)


def test_a_page_of_a_part_says_that_it_is_one() -> None:
    ask = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    whole: dict[str, Any] = {
        "title": "T", "language": "ru", "timezone": "Europe/Moscow", "entries": (), "flags": (), "requests": ledger(ask),
        "letters": {ask.sha256: ask}, "reviews": {}, "as_of": LATER,
    }  # fmt: skip
    assert "Показана только часть" not in html_page("requests", **whole)
    page = html_page("requests", **whole, part="--person '<b>'")
    assert "Показана только часть" in page and "--person &#x27;&lt;b&gt;&#x27;" in page


@pytest.mark.parametrize(
    "text",
    [
        "Надеюсь, у вас всё хорошо?",
        "Надеюсь, что всё в порядке!",
        "Вы нас слышите?",
        "Вы меня вообще слышите?!",
        "Дайте знать, если будут вопросы.",
        "Вам не стыдно?",
        "Is that how you treat customers?",
        "And who on earth designed this thing?",
        "Кто так работает?!",
        "Hope you are well?",
        "I trust all is well?",
    ],
)
def test_what_nobody_expects_an_answer_to_is_no_unanswered_request(text: str) -> None:
    letter_text = f"Счёт получили, спасибо. {text}"
    assert find_asks(letter_text, 0, len(letter_text)) == ()


def test_a_question_about_hearing_is_still_a_question() -> None:
    text = "Вы нас слышите в трубке, когда мы звоним на склад?"
    assert [a.quote for a in find_asks(text, 0, len(text))] == [text]


@pytest.mark.parametrize(
    "lead",
    [
        "Для съёмки нам нужно следующее:",
        "Для оформления мне потребуются:",
        "От вас требуется:",
        "Для начала работ нам необходимы:",
    ],
)
def test_a_list_of_what_is_needed_asks_for_its_items(lead: str) -> None:
    text = f"Андрей, добрый день!\n\n{lead}\n— список артикулов;\n— предоплата 30 000 ₽."
    assert [a.quote for a in find_asks(text, 0, len(text))] == ["список артикулов", "предоплата 30 000 ₽."]


def test_a_list_of_what_was_needed_in_the_past_asks_for_nothing() -> None:
    text = "Вчера нам нужно было самим купить:\n— коробки;\n— скотч."
    assert find_asks(text, 0, len(text)) == ()


def test_a_wish_to_see_something_is_a_request() -> None:
    text = "Образцы у охраны. Хотелось бы посмотреть примеры работ."
    assert [a.quote for a in find_asks(text, 0, len(text))] == ["Хотелось бы посмотреть примеры работ."]


def test_the_sentence_quoted_as_the_answer_speaks_of_what_was_asked() -> None:
    ask = letter("Also, could you ask your hosting people whether they keep logs?", sender=CLIENT, to=(US,))
    reply = letter(
        "Joe, the form is fixed; I tested it with three messages. I have asked the host about logs.",
        hours=3,
        reply_to=ask,
    )
    (r,) = (r for r in ledger(ask, reply) if r.asker == "client")
    assert r.outcome == "answered" and r.answer_quote == "I have asked the host about logs."
    body = reply.texts["body"]
    assert body[r.detail["answer"]["start"] : r.detail["answer"]["end"]] == r.answer_quote


@pytest.mark.parametrize(
    ("asked", "said", "tier"),
    [
        (
            "Invoice 207 (£1,440) is twelve days overdue. Please let me know the payment date.",
            "Dear supplier,\n\n£1,440.00 was paid to you on 7 April, reference INV 207.",
            "possible",
        ),
        (
            "Invoice 207 (£1,440) is twelve days overdue. Please let me know the payment date.",
            "We will never be told what is owed. £1,440 was not paid and will not be.",
            "stated",
        ),
        (
            "Счёт на 18 400 рублей просрочен. Сообщите, пожалуйста, дату оплаты.",
            "Уважаемые партнёры, 18 400,00 перечислено 7 апреля.",
            "possible",
        ),
        (
            "Счёт на 18 400 рублей просрочен. Сообщите, пожалуйста, дату оплаты.",
            "Перечислено 9 700 за аренду.",
            "stated",
        ),
    ],
)
def test_silence_about_a_sum_is_not_stated_while_their_mail_says_it_was_paid(asked: str, said: str, tier: str) -> None:
    ask = letter(asked)
    reply = letter(said, hours=100, sender=DELEGATE, thread="B", subject="Remittance advice")
    requests = [r for r in ours(ledger(ask, reply)) if "Please" in r.quote or "Сообщите" in r.quote]
    assert len(requests) == 1
    if requests[0].outcome == "no-reply":  # where the reader believes it an answer, nothing is asserted anyway
        assert requests[0].tier == tier


def test_numbers_are_compared_as_people_write_them() -> None:
    asked = letter("Ждём 1 250 рублей по счёту № 4471, всего 18 400,50 в 2026 году, до 12.03.2026.")
    for said, same in (
        ("1250 руб. перечислили вчера.", True),
        ("Оплачено по 4471.", True),
        ("Отправили 18\u00a0400,50.", True),
        ("Оплатили в 2026 году.", False),
        ("Перевели 12.03.2026.", False),
        ("Счёт 4471 не оплачен.", False),
        ("Про 4471 ничего не знаю.", False),
    ):
        assert names_as_made(asked, letter(said, hours=5, sender=CLIENT)) is same, said


def test_a_repeat_under_the_same_subject_is_tied_though_it_was_written_anew() -> None:
    first = letter("Ольга, ау! Когда будут фото?", sender=CLIENT, subject="Фото", thread="A")
    second = letter(
        "Третий раз спрашиваю: когда будут фотографии???", hours=70, sender=CLIENT, subject="Фото", thread="B"
    )
    answer = letter("Фотографии по ссылке: https://disk.example/88.", hours=140, reply_to=second, to=(CLIENT,))
    one, two = (r for r in ledger(first, second, answer) if r.asker == "client")
    assert two.repeats == one.id and two.answering_sha256 == answer.sha256
    assert one.waited_days == pytest.approx(140 / 24, abs=0.01)
    elsewhere = replace(second, subject="Аренда")
    assert all(r.repeats is None for r in ledger(first, elsewhere, answer))


@pytest.mark.parametrize("text", ["Когда будут?", "What is this?", "Ну и когда?"])
def test_silence_about_a_question_without_words_of_its_own_is_not_stated(text: str) -> None:
    ask = letter(text, sender=CLIENT, to=(US,))
    reply = letter("Фотографии по ссылке, как договаривались.", hours=200, to=(CLIENT,), thread="B", subject="Съёмка")
    for r in ledger(ask, reply):
        assert (r.outcome, r.tier) != ("no-reply", "stated")


@pytest.mark.parametrize(
    ("said", "tier"), [("I paid £1,190 by transfer today.", "stated"), ("I paid £780 by transfer today.", "possible")]
)
def test_payment_of_another_sum_is_for_a_person_to_confirm(said: str, tier: str) -> None:
    ask = letter("Invoice 3301 for £1,190 remains unpaid. Please pay it within 7 days.")
    reply = letter(said, hours=20, sender=CLIENT, reply_to=ask)
    (r,) = (r for r in ours(ledger(ask, reply)) if r.quote.startswith("Please pay"))
    assert (r.outcome, r.tier) == ("answered", tier)


def test_sums_are_compared_as_sums() -> None:
    ask = letter("Счёт № 3301 на 18 400 руб. не оплачен. Просим оплатить 18 400,00 ₽ до 20 января 2026 года.")
    assert another_sum(ask, "Перевёл 9 000 руб.") and another_sum(ask, "Перевёл €9000 вчера")
    assert not another_sum(ask, "Оплатил 18400 рублей.") and not another_sum(
        ask, "Оплатил по счёту 3301, платёжка 772."
    )
    assert not another_sum(ask, "Оплатил.") and not another_sum(letter("Оплатите, пожалуйста."), "Перевёл 9 000 руб.")


def test_a_sum_at_the_end_of_a_line_ends_the_sentence() -> None:
    text = (
        "Не могли бы вы до праздников выбрать плитку? Также нужна доплата за материалы — 46 300 руб.\n"
        "И сообщите, пожалуйста, код домофона."
    )
    assert [a.quote for a in find_asks(text, 0, len(text))][-1] == "И сообщите, пожалуйста, код домофона."
    wrapped = "Прошу оплатить счёт за материалы и доставку на сумму 46 300 руб.\nв течение трёх рабочих дней."
    assert [a.quote for a in find_asks(wrapped, 0, len(wrapped))] == [wrapped]


def test_a_replaced_request_is_untouched_where_nobody_decided() -> None:
    ask = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    (r,) = ours(ledger(ask))
    assert corrected(r, None) is r
    assert corrected(r, decided(r, None)) is r
    late = replace(r, outcome="answered-late", answering_sha256="a" * 64, answer_quote="x", waited_days=9.0)
    kept = corrected(late, decided(late, "answered"))
    assert (kept.outcome, kept.answer_quote, kept.waited_days) == ("answered", "x", 9.0)
