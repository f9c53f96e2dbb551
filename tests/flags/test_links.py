"""Links between letters: the promise behind a broken one, the invoice behind a debt, what a refusal answers."""

from __future__ import annotations

from datetime import timedelta

from evidence.model import Flag, Letter
from evidence.timeline.rules import load_packs
from tests.flags.letters import AT, find_all, letter

PACKS = load_packs()


def run(*letters: Letter) -> tuple[Flag, ...]:
    return find_all(letters, PACKS, timezone="Europe/Moscow")


def linked(flags: tuple[Flag, ...], category: str, role: str) -> list[dict[str, object]]:
    return [dict(one) for f in flags if f.category == category for one in f.links if one["role"] == role]


def test_broken_promise_quotes_the_promise_and_its_day() -> None:
    promise = letter("Ладно. В понедельник пришлю машину, вывезу всё лишнее.", at=AT)
    other = letter("Оплачу полку сегодня вечером.", at=AT + timedelta(days=1))
    complaint = letter(
        "Вы обещали прислать машину в понедельник, но никто не приезжал.", "us", at=AT + timedelta(days=7)
    )
    (found,) = linked(run(complaint, other, promise), "broken_promise", "commitment")
    assert found["quote"] == "В понедельник пришлю машину, вывезу всё лишнее."
    assert found["due"] == "2025-03-17"
    assert found["sha256"] == promise.sha256


def test_promise_that_shares_no_word_is_not_linked() -> None:
    promise = letter("Ключи оставлю у охраны.", at=AT)
    complaint = letter(
        "Вы обещали прислать машину в понедельник, но никто не приезжал.", "us", at=AT + timedelta(days=7)
    )
    assert linked(run(promise, complaint), "broken_promise", "commitment") == []


def test_later_promise_is_never_the_broken_one() -> None:
    complaint = letter("Вы обещали прислать машину в понедельник, но никто не приезжал.", "us", at=AT)
    promise = letter("В понедельник пришлю машину.", at=AT + timedelta(days=1))
    assert linked(run(promise, complaint), "broken_promise", "commitment") == []


def test_unpaid_sum_quotes_the_invoice() -> None:
    invoice = letter("Please find invoice 1042 for £3,200 attached.", "us", at=AT)
    reminder = letter(
        "Invoice 1042 for £3,200 is still unpaid and overdue since 1 October.", "us", at=AT + timedelta(days=40)
    )
    (found,) = linked(run(invoice, reminder), "nonpayment", "invoice")
    assert found["quote"] == "Please find invoice 1042 for £3,200 attached."


def test_refusal_quotes_what_it_answers() -> None:
    demand = letter("Добрый день. Требуем сделать скидку 50 % на апрель.", at=AT)
    answer = letter(
        "Скидку за апрель сделать не сможем, возвращать оплату не будем.",
        "us",
        at=AT + timedelta(days=1),
        parent=demand.sha256,
    )
    found = linked(run(demand, answer), "refusal", "answers")
    assert found
    assert found[0]["quote"] == "Требуем сделать скидку 50 % на апрель."


def test_what_came_before_in_the_thread_is_named() -> None:
    first = letter("Добрый день, когда вас ждать?", "us", at=AT)
    second = letter("Доплачивать за место не буду.", at=AT + timedelta(days=1))
    (flag, *_) = [f for f in run(first, second) if f.category == "refusal"]
    assert flag.detail["before"]["sha256"] == first.sha256
