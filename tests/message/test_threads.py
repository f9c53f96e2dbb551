"""Threads and copies: by headers, by the words quoted, by subject and people; forged headers do no harm (row C9)."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

from evidence.message.threads import ThreadInput, build_threads, copy_groups

START = datetime(2025, 3, 1, tzinfo=UTC)
US, THEM = "anna@north.example", "petr@romashka.example"
WORDS = "Просим вернуть деньги за отпариватель, который был сдан на склад третьего марта по акту номер два."


def item(name: str, hours: float = 0, **more: object) -> ThreadInput:
    values: dict[str, object] = {
        "sha256": name, "message_id": f"{name}@x", "in_reply_to": (), "references": (), "subject": "Полка",
        "at": START + timedelta(hours=hours), "people": frozenset({US, THEM}), "sender": THEM,
    }  # fmt: skip
    return ThreadInput(**{**values, **more})  # type: ignore[arg-type]


def test_replies_hang_on_what_they_answer() -> None:
    places = build_threads([
        item("a"), item("b", 1, in_reply_to=("a@x",), sender=US), item("c", 2, references=("a@x", "b@x")), item("d", 3, subject="Иное"),
    ])  # fmt: skip
    assert {k: (v.thread, v.parent, v.by) for k, v in places.items()} == {
        "a": ("a", None, ""), "b": ("a", "a", "in-reply-to"), "c": ("a", "b", "references"), "d": ("d", None, ""),
    }  # fmt: skip


def test_a_missing_middle_keeps_the_thread_together() -> None:
    places = build_threads([item("a"), item("c", 2, in_reply_to=("gone@x",), references=("a@x", "gone@x"))])
    assert places["c"].thread == "a" and places["c"].parent is None
    siblings = build_threads([item("p", in_reply_to=("gone@x",)), item("q", 1, in_reply_to=("gone@x",))])
    assert siblings["q"].thread == "p"


def test_a_reply_without_headers_is_tied_by_the_words_it_quotes() -> None:
    places = build_threads([
        item("a", own=WORDS), item("z", 0.5, own="Совсем другое письмо о поставке паллет на май.", subject="Паллеты"),
        item("b", 5, sender=US, subject="Ответ на ваше письмо", own="Нет.", quoted=f"Пётр писал: {WORDS}"),
    ])  # fmt: skip
    assert places["b"].parent == "a" and places["b"].by == "quote"


def test_a_quote_from_strangers_or_long_ago_ties_nothing() -> None:
    stranger = item(
        "b", 5, sender="x@y.example", people=frozenset({"x@y.example", "q@y.example"}), subject="s", quoted=WORDS
    )
    assert build_threads([item("a", own=WORDS), stranger])["b"].parent is None
    late = item("b", 24 * 200, sender=US, subject="s", quoted=WORDS)
    assert build_threads([item("a", own=WORDS), late])["b"].parent is None


def test_a_reply_subject_ties_the_same_people_within_a_month() -> None:
    def parent_of(**more: object) -> str | None:
        reply = {"sender": US, "subject": "Отв: RE: полка", "hours": 30, **more}
        return build_threads([item("a"), item("b", **reply)])["b"].parent  # type: ignore[arg-type]

    assert parent_of() == "a"
    assert parent_of(hours=24 * 31) is None
    assert parent_of(subject="Полка") is None  # no reply by its own words
    assert parent_of(people=frozenset({US, "other@x.example"})) is None


def test_5000_replies_in_a_row_and_20000_messages_are_fast() -> None:
    chain = [item(f"m{n:05}", n, in_reply_to=(f"m{n - 1:05}@x",) if n else ()) for n in range(5_000)]
    loose = [
        item(f"s{n:05}", n / 10, subject=f"Re: тема {n % 500}", own=f"слова {n} " * 20, quoted="")
        for n in range(15_000)
    ]
    everything = chain + loose
    random.Random(1).shuffle(everything)
    begun = time.process_time()
    places = build_threads(everything)
    assert time.process_time() - begun < 15
    assert places["m04999"].thread == "m00000" and places["m04999"].parent == "m04998"


def test_forged_rings_are_opened_at_their_first_message() -> None:
    places = build_threads([
        item("a", 0, in_reply_to=("c@x",)), item("b", 1, in_reply_to=("a@x",)), item("c", 2, in_reply_to=("b@x",)), item("s", 3, in_reply_to=("s@x",)),
    ])  # fmt: skip
    assert [places[k].parent for k in "abcs"] == [None, "a", "b", None]
    assert {places[k].thread for k in "abc"} == {"a"}


def test_any_order_gives_the_same_places() -> None:
    chance = random.Random(3)
    items = [item(f"k{n}", chance.random() * 500, subject=f"Re: t{n % 7}", sender=chance.choice([US, THEM]),
                  in_reply_to=(f"k{chance.randrange(60)}@x",) if chance.random() < 0.5 else ()) for n in range(60)]  # fmt: skip
    first = build_threads(items)
    for _ in range(5):
        chance.shuffle(items)
        assert build_threads(items) == first


def test_copies_are_grouped_on_the_first_acquired_and_differing_ones_alarm() -> None:
    one = item("a", own="Верните деньги \n", date_raw="D", number=2)
    same = item("b", own="Верните деньги", date_raw="D", message_id="a@x", number=1)
    other = item("c", own="Верните товар", date_raw="D", message_id="a@x", number=3)
    alone = item("e", own="Верните деньги", date_raw="D", message_id=None)
    groups = copy_groups([one, same, alone])
    assert dict(groups.first_of) == {"a": "b"} and groups.alarms == ()
    groups = copy_groups([other, one, same])
    assert dict(groups.first_of) == {"a": "b"} and groups.alarms == (("a@x", ("b", "a", "c")),)
    redated = copy_groups([one, item("d", own="Верните деньги", date_raw="E", message_id="a@x", number=9)])
    assert not redated.first_of and redated.alarms
