"""What becomes of a request: one test for each way an answer can come, or not come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evidence.model import Request
from evidence.timeline.answers_letter import DOUBT_AT, letter_score
from tests.timeline.letters import BOSS, CLIENT, DELEGATE, START, US, ledger, letter, with_zones

ASK = "Пришлите, пожалуйста, акт приёмки от 1 марта."


def only(requests: tuple[Request, ...], asker: str = "us") -> Request:
    found = [r for r in requests if r.asker == asker]
    assert len(found) == 1, [r.quote for r in found]
    return found[0]


def test_a_direct_answer_in_time_is_shown_with_its_words() -> None:
    ask = letter("Добрый день! Когда вы заберёте лишние коробки?")
    reply = letter(
        "Здравствуйте. Коробки заберём в четверг 5 марта, после обеда.", hours=20, sender=CLIENT, reply_to=ask
    )
    r = only(ledger(ask, reply))
    assert (r.outcome, r.answering_sha256) == ("answered", reply.sha256)
    assert r.answer_quote == "Коробки заберём в четверг 5 марта, после обеда."
    span = r.detail["answer"]
    assert reply.texts["body"][span["start"] : span["end"]] == r.answer_quote


def test_the_quote_is_the_text_between_the_offsets() -> None:
    ask = letter("Добрый день!\n\nКогда вы заберёте лишние коробки? Спасибо.")
    r = only(ledger(ask))
    assert ask.texts["body"][r.start : r.end] == r.quote == "Когда вы заберёте лишние коробки?"


def test_silence_is_stated_with_what_was_searched() -> None:
    ask = letter(ASK)
    r = only(ledger(ask))
    assert (r.outcome, r.tier, r.other_messages) == ("no-reply", "stated", ())
    assert r.searched["folders"] == [
        {"account": "office", "folder": "INBOX", "uidvalidity": 7, "up_to_uid": 105, "at": "2026-05-01T09:00:00Z"}
    ]
    assert r.searched["addresses"] == [CLIENT, DELEGATE]
    assert "telephone" in r.searched["not_searched"] and "messengers" in r.searched["not_searched"]
    assert r.searched["up_to"] == "2026-04-01T09:00:00Z"


def test_an_answer_in_another_thread_counts() -> None:
    ask = letter("Какой номер договора аренды склада указать в счёте?")
    reply = letter(
        "Добрый день. Номер договора аренды склада для счёта: 17-А.",
        hours=30,
        sender=CLIENT,
        thread="B",
        subject="Про счёт",
    )
    r = only(ledger(ask, reply))
    assert (r.outcome, r.answering_sha256) == ("answered", reply.sha256)


def test_talk_of_other_things_in_another_thread_is_no_answer_but_is_named() -> None:
    ask = letter("Какой номер договора аренды склада указать в счёте?")
    other = letter(
        "Напоминаю, что в пятницу привезём новую партию ламп.", hours=30, sender=CLIENT, thread="B", subject="Лампы"
    )
    r = only(ledger(ask, other))
    assert (r.outcome, r.other_messages) == ("no-reply", (other.sha256,))


def test_a_document_answered_by_an_attachment_alone() -> None:
    ask = letter(ASK)
    reply = letter("", hours=5, sender=CLIENT, reply_to=ask, files=("Акт_приемки_01.03.pdf",))
    assert only(ledger(ask, reply)).outcome == "answered"


def test_the_wrong_attachment_is_no_answer() -> None:
    ask = letter(ASK)
    reply = letter(
        "Добрый день! Рады работать с вами, хорошей недели.", hours=5, sender=CLIENT, reply_to=ask, files=("price.pdf",)
    )
    r = only(ledger(ask, reply))
    assert (r.outcome, r.tier) == ("reply-without-answer", "possible")


@pytest.mark.parametrize(
    ("asked", "answered", "file"),
    [
        ("Пришлите, пожалуйста, паспорт качества на первую партию.", "Паспорт на первую партию прикладываю.", "scan_1.pdf"),
        ("Сфотографируйте, пожалуйста, южную сторону крыши.", "Фото южной стороны, как просили.", "yug_1405.jpg"),
        ("Please send me the signed proof form.", "Signed and uploaded, all good to go from our end.", "proof.pdf"),
    ],
)  # fmt: skip
def test_a_file_under_another_name_sent_with_words_about_what_was_asked_answers(
    asked: str, answered: str, file: str
) -> None:
    ask = letter(asked)
    reply = letter(answered, hours=5, sender=CLIENT, reply_to=ask, files=(file,))
    assert only(ledger(ask, reply)).outcome == "answered"


def test_silence_is_not_stated_where_a_letter_of_the_thread_reads_as_the_answer() -> None:
    far = {"hours": 400, "late": 1, "before": 5, "between": 5, "words": 30, "shared": 1}
    reads_as_one = {**far, "together": 850}
    assert letter_score({**reads_as_one, "in thread": 1}) >= DOUBT_AT
    assert letter_score({**far, "together": 200, "in thread": 1}) < DOUBT_AT
    assert letter_score(reads_as_one) < DOUBT_AT  # elsewhere its place decides


def test_a_delegate_answers_for_the_client() -> None:
    ask = letter("Could you confirm in writing that the brochure is out of the project?")
    reply = letter("Yes, confirmed: the brochure is out of the project.", hours=9, sender=DELEGATE, reply_to=ask)
    r = only(ledger(ask, reply))
    assert (r.outcome, r.answering_sha256) == ("answered", reply.sha256)


def test_an_inline_answer_is_paired_with_the_question_it_stands_under() -> None:
    ask = letter("Сколько коробок стоит на полке? Когда вы их заберёте?")
    reply = letter("шестьдесят одна", hours=4, sender=CLIENT, reply_to=ask, quoted="> Сколько коробок стоит на полке?")
    by_quote = {r.quote: r for r in ledger(ask, reply) if r.asker == "us"}
    first, second = by_quote["Сколько коробок стоит на полке?"], by_quote["Когда вы их заберёте?"]
    assert (first.outcome, first.answer_quote, first.tier) == ("answered", "шестьдесят одна", "stated")
    assert second.outcome == "reply-without-answer"


def test_a_request_quoted_back_without_a_word_is_not_answered() -> None:
    ask = letter(ASK)
    reply = with_zones(
        letter("x", hours=4, sender=CLIENT, reply_to=ask), ("own", "См. ниже\n"), ("quoted", f"> {ASK}\n")
    )
    assert only(ledger(ask, reply)).outcome == "reply-without-answer"


def test_words_quoted_back_are_not_a_request_of_the_one_who_quotes() -> None:
    ask = letter(ASK)
    reply = with_zones(
        letter("x", hours=4, sender=CLIENT, reply_to=ask), ("own", "Хорошо.\n"), ("quoted", f"> {ASK}\n")
    )
    assert [r.asker for r in ledger(ask, reply)] == ["us"]


def test_of_two_questions_only_the_answered_one_is_answered() -> None:
    ask = letter("Когда приедет ваша машина? Пришлите, пожалуйста, доверенность на водителя.")
    reply = letter("Добрый день. Машина приедет в пятницу к 11:00.", hours=4, sender=CLIENT, reply_to=ask)
    outcomes = {r.quote: r.outcome for r in ledger(ask, reply) if r.asker == "us"}
    assert outcomes == {
        "Когда приедет ваша машина?": "answered",
        "Пришлите, пожалуйста, доверенность на водителя.": "reply-without-answer",
    }


def test_an_answer_by_telephone_that_our_own_mail_reports_is_for_a_person_to_confirm() -> None:
    ask = letter("Когда вы вывезете коробки со склада?")
    note = letter("Спасибо за звонок. По телефону вы сказали, что вывезете коробки со склада в понедельник.", hours=30)
    r = next(r for r in ledger(ask, note) if r.quote.startswith("Когда"))
    assert (r.outcome, r.answering_sha256, r.tier) == ("answered", note.sha256, "possible")


def test_a_call_about_something_else_answers_nothing() -> None:
    ask = letter("Когда вы вывезете коробки со склада?")
    note = letter("Спасибо за звонок. По телефону вы сказали, что довольны новой вывеской.", hours=30)
    assert only(ledger(ask, note)).outcome == "no-reply"


@pytest.mark.parametrize(
    ("asked", "answered", "outcome"),
    [
        # 23:30 in Moscow on Thursday; three working days end on Tuesday 23:59:59 Moscow time, which is still Tuesday in UTC.
        (datetime(2026, 3, 12, 20, 30, tzinfo=UTC), datetime(2026, 3, 17, 20, 59, tzinfo=UTC), "answered"),
        # 00:10 on Wednesday in Moscow is 21:10 on Tuesday in UTC: late by the matter's calendar, whatever UTC says.
        (datetime(2026, 3, 12, 20, 30, tzinfo=UTC), datetime(2026, 3, 17, 21, 10, tzinfo=UTC), "answered-late"),
    ],
)
def test_the_next_day_begins_in_the_matters_time_zone(asked: datetime, answered: datetime, outcome: str) -> None:
    ask = letter("Когда вы заберёте коробки?", at=asked)
    reply = letter("Коробки заберём в четверг 19 марта.", at=answered, sender=CLIENT, reply_to=ask)
    assert only(_working(ask, reply)).outcome == outcome


def _working(*letters: object) -> tuple[Request, ...]:
    from evidence.timeline.requests import find_requests
    from tests.timeline.letters import COVERAGE, settings

    return find_requests(letters, settings("working"), COVERAGE, as_of=START + timedelta(days=400), flags=())  # type: ignore[arg-type]


def test_new_year_holidays_do_not_run_the_clock() -> None:
    ask = letter("Когда вы заберёте коробки?", at=datetime(2025, 12, 30, 9, tzinfo=UTC))
    reply = letter(
        "Коробки заберём в среду 14 января.", at=datetime(2026, 1, 13, 9, tzinfo=UTC), sender=CLIENT, reply_to=ask
    )
    r = only(_working(ask, reply))
    assert (r.outcome, r.waited_days, r.waited_working_days) == ("answered", 14.0, 2)
    by_calendar = only(ledger(ask, reply))
    assert by_calendar.outcome == "answered-late"


def test_a_request_that_came_back_undelivered_is_not_asserted_as_unanswered() -> None:
    ask = letter(ASK)
    bounce = letter(
        f"550 5.1.1 <{CLIENT}>: user unknown",
        hours=0.1,
        sender="mailer-daemon@mx.example",
        to=(US,),
        kind="bounce",
        reply_to=ask,
    )
    r = only(ledger(ask, bounce))
    assert (r.outcome, r.tier, r.detail["returned"]) == ("no-reply", "possible", [CLIENT])
    assert r.searched["returned"] == [CLIENT]


def test_a_bounce_of_a_copy_leaves_the_silence_stated() -> None:
    ask = letter(ASK, to=(CLIENT, DELEGATE))
    bounce = letter(
        f"550 <{DELEGATE}>: user unknown",
        hours=0.1,
        sender="mailer-daemon@mx.example",
        to=(US,),
        kind="bounce",
        reply_to=ask,
    )
    r = only(ledger(ask, bounce))
    assert (r.outcome, r.tier) == ("no-reply", "stated")


def test_an_automatic_reply_is_no_reply() -> None:
    ask = letter(ASK)
    auto = letter("Я в отпуске до 20 марта.", hours=0.1, sender=CLIENT, reply_to=ask, kind="auto")
    r = only(ledger(ask, auto))
    assert r.outcome == "no-reply"
    assert r.searched["automatic_replies"] == [auto.sha256]


def test_a_request_repeated_three_times_is_one_request_asked_three_times() -> None:
    first = letter("Пришлите, пожалуйста, накладную на отпариватель.")
    second = letter("Повторю просьбу: пришлите накладную на отпариватель.", hours=48, reply_to=first)
    third = letter("В третий раз прошу: пришлите, наконец, накладную на отпариватель.", hours=96, reply_to=first)
    found = [r for r in ledger(first, second, third) if r.asker == "us"]
    assert len(found) == 3
    assert [r.repeats for r in found] == [None, found[0].id, found[0].id]
    assert {r.outcome for r in found} == {"no-reply"}


def test_an_answer_after_a_repeat_counts_for_the_repeat_only() -> None:
    first = letter("Пришлите, пожалуйста, накладную на отпариватель.")
    second = letter("Повторю просьбу: пришлите накладную на отпариватель.", hours=120, reply_to=first)
    reply = letter(
        "Накладная на отпариватель во вложении.", hours=130, sender=CLIENT, reply_to=second, files=("накладная.pdf",)
    )
    found = [r for r in ledger(first, second, reply) if r.asker == "us"]
    assert [r.outcome for r in found] == ["no-reply", "answered"]


def test_a_late_answer_is_found_and_both_waits_are_given() -> None:
    ask = letter("Когда вы заберёте коробки?")
    reply = letter("Коробки заберём в пятницу 13 марта.", hours=24 * 8, sender=CLIENT, reply_to=ask)
    r = only(ledger(ask, reply))
    assert (r.outcome, r.waited_days, r.waited_working_days) == ("answered-late", 8.0, 5)


def test_a_promise_to_answer_is_deferred_until_the_answer_comes() -> None:
    ask = letter("Сколько коробок вы привезёте в апреле?")
    later = letter("Уточню у водителя и отвечу завтра.", hours=3, sender=CLIENT, reply_to=ask)
    assert only(ledger(ask, later)).outcome == "deferred"
    answer = letter("В апреле привезём 40 коробок.", hours=26, sender=CLIENT, reply_to=later)
    assert only(ledger(ask, later, answer)).outcome == "answered"


def test_pending_until_the_time_is_up_and_later_mail_is_not_looked_at() -> None:
    ask = letter(ASK)
    reply = letter("Акт приёмки во вложении.", hours=80, sender=CLIENT, reply_to=ask, files=("акт.pdf",))
    assert only(ledger(ask, reply, days=2)).outcome == "pending"
    r = only(ledger(ask, reply, days=3.1))
    assert (r.outcome, r.other_messages) == ("no-reply", ())
    assert only(ledger(ask, reply, days=4)).outcome == "answered-late"


def test_a_late_letter_without_an_answer_leaves_no_reply_and_is_named() -> None:
    ask = letter("Сколько коробок вы привезёте в апреле?")
    late = letter("Вы нам весь бизнес испортили!", hours=24 * 6, sender=CLIENT, reply_to=ask)
    r = only(ledger(ask, late))
    assert (r.outcome, r.other_messages) == ("no-reply", (late.sha256,))


@pytest.mark.parametrize(
    "text",
    ["Пришлите, пожалуйста, акт приёмки.", "Когда вернёте деньги за март?", "Could you send us the delivery note?"],
)
def test_the_mirror_is_judged_by_the_same_function(text: str) -> None:
    """Swap who writes and everything but the side is the same."""
    ours = letter(text)
    theirs = letter(text, sender=CLIENT)
    a, b = only(ledger(ours), "us"), only(ledger(theirs), "client")
    assert (a.quote, a.kind, a.outcome, a.tier, a.due_at, a.why) == (
        b.quote,
        b.kind,
        b.outcome,
        b.tier,
        b.due_at,
        b.why,
    )
    answer = "Акт и delivery note во вложении, деньги за март вернём 5 марта."
    back = letter(answer, hours=5, sender=CLIENT, reply_to=ours, files=("акт.pdf",))
    forth = letter(answer, hours=5, sender=US, reply_to=theirs, files=("акт.pdf",))
    assert only(ledger(ours, back), "us").outcome == only(ledger(theirs, forth), "client").outcome


def test_mail_among_ourselves_asks_nothing_of_the_client() -> None:
    assert ledger(letter("Андрей, когда ты сможешь подключиться?", to=(BOSS,))) == ()


def test_questions_to_third_parties_are_not_in_the_ledger() -> None:
    assert ledger(letter("Сможете выгрузить запись с камеры?", to=("help@cctv.example",))) == ()


def test_withheld_mail_is_neither_asked_in_nor_searched() -> None:
    from dataclasses import replace

    ask = letter(ASK)
    assert ledger(replace(ask, withheld=True)) == ()


def test_the_ledger_is_the_same_whatever_the_order_it_is_given_in() -> None:
    ask = letter(ASK)
    reply = letter("Акт приёмки во вложении.", hours=8, sender=CLIENT, reply_to=ask, files=("акт.pdf",))
    assert ledger(ask, reply) == ledger(reply, ask)


def test_words_about_something_else_are_not_quoted_for_an_attached_document() -> None:
    ask = letter("Could you send over your current logo as a vector file?")
    reply = letter("Deposit paid by card just now, £3,200.", hours=5, sender=CLIENT, reply_to=ask, files=("logo.svg",))
    r = only(ledger(ask, reply))
    assert (r.outcome, r.answering_sha256, r.answer_quote) == ("answered", reply.sha256, None)
