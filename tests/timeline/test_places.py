"""Which letters are looked at for an answer, and what is told of their place."""

from __future__ import annotations

from datetime import timedelta

from evidence.model import Letter
from evidence.stems import words
from evidence.timeline.answers import Vocabulary, stems_of
from evidence.timeline.answers_letter import CALM, FLAGGED, Place, Tone
from evidence.timeline.answers_places import ELSEWHERE_NEAR, NEAR_WORDS, Asking, Correspondence
from evidence.timeline.flags import find_flags
from evidence.timeline.requests import asks_of
from evidence.timeline.rules import load_packs
from tests.timeline.letters import CLIENT, START, US, ledger, letter

ASK = letter("Какого цвета печатать обложку?", subject="Обложка каталога")


def places(*others: Letter, until: float | None = None) -> list[tuple[Letter, Place]]:
    letters = sorted((ASK, *others), key=lambda x: x.at)
    vocabulary = Vocabulary(letters)
    between = Correspondence(letters, vocabulary, {x.sha256: stems_of(x.own_text()) for x in letters}, {})
    repeated = None if until is None else START + timedelta(hours=until)
    return between.candidates(Asking(ASK, asks_of(ASK)[0], START + timedelta(days=3), repeated, 1, 0, ()))


def elsewhere(hours: float, text: str, subject: str = "Про другое") -> Letter:
    return letter(text, hours=hours, sender=CLIENT, thread=f"B{hours}", subject=subject)


def test_the_next_letters_of_other_threads_are_weighed_whatever_they_say_and_later_ones_only_if_they_speak_of_it() -> (
    None
):
    near = [elsewhere(10 + n, f"Слоновая кость {n}.") for n in range(ELSEWHERE_NEAR)]
    idle = [elsewhere(100 + n, f"Завоз ламп номер {n}.") for n in range(5)]
    late = elsewhere(200, "Обложку какого цвета печатать, решили: цвет слоновой кости.")
    assert not set(words(near[0].own_text())) & set(words(ASK.own_text()))
    assert [x.sha256 for x, _ in places(*near, *idle, late)] == [x.sha256 for x in (*near, late)]


def test_letters_after_the_repeat_are_the_repeats() -> None:
    first, second = elsewhere(10, "Слоновая кость."), elsewhere(30, "Серый.")
    assert [x.sha256 for x, _ in places(first, second, until=20)] == [first.sha256]


def test_what_came_between_and_after_is_counted_in_the_thread_and_anywhere() -> None:
    mine = letter("И жду макет.", hours=5)
    theirs = letter("Макет завтра.", hours=6, sender=CLIENT, reply_to=mine)
    other = elsewhere(50, "Слоновая кость.", subject="Обложка")
    after = letter("Спасибо, цвет обложки принят.", hours=60)
    found = {x.sha256: place for x, place in places(mine, theirs, other, after)}
    place = found[other.sha256]
    assert (place.in_thread, place.direct, place.late, place.hours, place.hours_left) == (False, False, False, 50, 22)
    assert (place.since_asker, place.since_theirs, place.since_elsewhere) == (1, 1, 0)
    assert (place.asker_after, place.theirs_after) == (1, 0)
    assert place.subjects > 0 and place.next_near > 0 and place.to_asker
    assert found[theirs.sha256].answers_later and not place.answers_later


def test_an_answer_under_another_subject_that_shares_no_word_keeps_silence_from_being_stated() -> None:
    for asked, answered in (
        ("Какого цвета печатать обложку?", "Слоновая кость, пожалуйста."),
        ("Which colour should we print the cover in?", "Ivory, please."),
        ("When will you collect the boxes?", "Thursday, before lunch."),
    ):
        ask = letter(asked)
        reply = letter(answered, hours=20, sender=CLIENT, thread="B", subject="Одно дело / one thing")
        (request,) = (r for r in ledger(ask, reply) if r.asker == "us")
        assert (request.outcome, request.tier) != ("no-reply", "stated"), request.why


def test_a_letter_to_somebody_else_of_ours_is_told_from_one_to_the_asker() -> None:
    to_other = letter("Слоновая кость.", hours=5, sender=CLIENT, to=("owner@north.example",), thread="B")
    to_me = letter("Слоновая кость!", hours=6, sender=CLIENT, to=(US,), thread="C")
    assert [place.to_asker for _, place in places(to_other, to_me)] == [False, True]


def test_a_long_letter_of_another_thread_is_weighed_only_if_it_speaks_of_it() -> None:
    longest = elsewhere(10, "Слоновая кость. " + "лампы " * (NEAR_WORDS - 2))
    longer = elsewhere(11, "Слоновая кость. " + "лампы " * (NEAR_WORDS - 1))
    speaking = elsewhere(12, "Обложку печатать какого цвета, решили. " + "лампы " * NEAR_WORDS)
    assert [x.sha256 for x, _ in places(longest, longer, speaking)] == [longest.sha256, speaking.sha256]


def test_a_promise_under_another_subject_defers_nothing_that_it_does_not_speak_of() -> None:
    ask = letter("Пришлите, пожалуйста, акт приёмки от 1 марта.")
    other = letter("Счёт за лампы пришлю завтра.", hours=20, sender=CLIENT, thread="B", subject="Лампы")
    (request,) = (r for r in ledger(ask, other) if r.asker == "us")
    assert request.outcome == "no-reply"
    same = letter("Акт приёмки от 1 марта пришлю завтра.", hours=20, sender=CLIENT, thread="B", subject="Лампы")
    (request,) = (r for r in ledger(ask, same) if r.asker == "us")
    assert request.outcome == "deferred"


def test_what_is_flagged_in_a_letter_is_told_with_its_place() -> None:
    other = letter("Ваш акт фальшивка, жулики. Подам в суд.", hours=24, sender=CLIENT)
    flags = find_flags(other, load_packs())
    assert {f.category for f in flags} >= {"threat", "insult"}
    tone = Tone.of(flags)
    assert dict(zip(FLAGGED, tone.counts, strict=True))["threat"] == 1
    assert tone.hostile >= 2
    assert Tone.of(()) == CALM
