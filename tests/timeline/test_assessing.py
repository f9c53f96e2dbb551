"""The assessment counts for both sides by one table, claims and notices, and effort by its stated formula."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from evidence.model import CATEGORIES, Flag, Letter
from evidence.ports import OutsideFile, Review
from evidence.reckoning import Assessment
from evidence.timeline.assess import QUESTIONS, assess
from evidence.timeline.effort import EffortSettings, effort
from tests.timeline.letters import CLIENT, START, US, ledger, letter
from tests.timeline.test_building import flag_on


def review(
    flag_id: str, decision: str, target: str = "flag", outcome: str | None = None
) -> dict[tuple[str, str], Review]:
    return {(target, flag_id): Review(target, flag_id, decision, None, outcome, None, "", "owner", START)}


def reckon(letters: tuple[Letter, ...], flags: tuple[Flag, ...] = (), **more: object) -> Assessment:
    values: dict[str, object] = {
        "requests": (),
        "reviews": {},
        "answers": {},
        "claims": (),
        "links": (),
        "outside_files": (),
    }
    return assess(letters, flags, **{**values, **more}, as_of=START + timedelta(days=30))  # type: ignore[arg-type]


def test_every_category_stands_under_some_question_or_is_a_notice_of_ours() -> None:
    asked = {c for _key, table in QUESTIONS for c in table}
    assert asked | {"deadline_notice", "termination_notice"} == set(CATEGORIES)
    threats = {s for _key, table in QUESTIONS for s in (table.get("threat") or ())}
    assert threats == set(CATEGORIES["threat"]) - {"other"}


def test_unreviewed_accepted_rejected_and_possible_are_counted_apart() -> None:
    x = letter("Вы жулики. Вы хамы. Вы лжецы. Вы воры.", sender=CLIENT)
    flags = tuple(flag_on(x, q, "insult") for q in ("Вы жулики.", "Вы хамы.", "Вы лжецы."))
    flags += (flag_on(x, "Вы воры.", "insult", tier="possible"),)
    reviews = review(flags[0].id, "accepted") | review(flags[1].id, "rejected")
    side = reckon((x,), flags, reviews=reviews).questions[1].client
    assert (side.accepted, side.unreviewed, side.rejected) == (1, 1, 1)
    assert side.flags == (flags[0].id, flags[2].id)
    accepted_too = reckon((x,), flags, reviews=reviews | review(flags[3].id, "accepted")).questions[1].client
    assert accepted_too.accepted == 2
    assert (side.waiting, accepted_too.waiting) == ((flags[3].id,), ())


def test_both_sides_are_counted_by_the_same_table() -> None:
    """What the client's words count for them, the same words of ours count for us."""
    theirs, ours = letter("Вы хамы. Отзывы вас утопят.", sender=CLIENT), letter("Вы хамы. Отзывы вас утопят.")
    a = reckon(
        (theirs,),
        (flag_on(theirs, "Вы хамы.", "insult"), flag_on(theirs, "Отзывы вас утопят.", "threat", "reputation")),
    )
    b = reckon(
        (ours,), (flag_on(ours, "Вы хамы.", "insult"), flag_on(ours, "Отзывы вас утопят.", "threat", "reputation"))
    )
    for q, p in zip(a.questions, b.questions, strict=True):
        assert (q.client.unreviewed, q.us.unreviewed) == (p.us.unreviewed, p.client.unreviewed)


def test_a_broken_promise_counts_for_the_side_it_is_said_of() -> None:
    ours = letter("Вы обещали машину в понедельник, её не было.")
    q = reckon((ours,), (flag_on(ours, "обещали машину в понедельник", "broken_promise"),)).questions[2]
    assert (q.client.unreviewed, q.us.unreviewed) == (1, 0)


def test_our_lapses_stand_beside_theirs() -> None:
    theirs = letter("Добрый день! Когда вы вернёте деньги за март?", sender=CLIENT)
    late = letter("Добрый день! Пришлите, пожалуйста, акт приёмки.", sender=CLIENT, thread="B", hours=1)
    answer = letter("Акт приёмки во вложении.", sender=US, reply_to=late, hours=24 * 9, files=("Акт.pdf",))
    requests = ledger(theirs, late, answer)
    a = reckon((theirs, late, answer), requests=requests)
    assert len(a.ours_unanswered) == 1 and len(a.ours_late) == 1
    assert set(a.questions[2].us.requests) == {*a.ours_unanswered, *a.ours_late}
    assert a.questions[2].client.requests == ()


def test_an_outcome_that_a_person_corrected_is_the_one_that_counts() -> None:
    theirs = letter("Добрый день! Когда вы вернёте деньги за март?", sender=CLIENT)
    (r,) = ledger(theirs)
    a = reckon((theirs,), requests=(r,), reviews=review(r.id, "accepted", "request", "answered"))
    assert a.ours_unanswered == () and a.questions[2].us.requests == ()


def test_a_question_nobody_answered_says_so_and_a_recorded_answer_is_carried() -> None:
    x = letter("Раз два три.")
    answers = {
        3: {"question": 3, "answer": "yes", "note": "invoice 58", "actor": "owner", "at": "2026-03-20T10:00:00Z"}
    }
    a = reckon((x,), answers=answers)
    assert [q.answer for q in a.questions] == [None, None, "yes", None]
    third = a.questions[2]
    assert (third.answer_note, third.answered_by, third.answered_at) == (
        "invoice 58",
        "owner",
        START.replace(day=20, hour=10),
    )


def claim_letters() -> tuple[tuple[Letter, ...], tuple[Flag, ...]]:
    first = letter("Добрый день. Вы потеряли мой отпариватель.", sender=CLIENT)
    proof = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.", hours=2, reply_to=first)
    again = letter("Отпариватель потеряли именно вы!", hours=50, sender=CLIENT, reply_to=proof)
    flags = (
        flag_on(first, "Вы потеряли мой отпариватель.", "accusation"),
        flag_on(again, "Отпариватель потеряли именно вы!", "accusation"),
    )
    return (first, proof, again), flags


def test_a_claim_said_twice_is_one_claim_with_the_proof_we_asked_for() -> None:
    letters, flags = claim_letters()
    requests = ledger(*letters)
    (line,) = reckon(letters, flags, requests=requests).claims
    assert (line.flags, line.first, line.repeats, line.open, line.recorded) == (
        tuple(f.id for f in flags),
        letters[0].at,
        1,
        True,
        False,
    )
    assert line.proof_requests == tuple(r.id for r in requests if r.asker == "us")


def test_a_recorded_claim_is_answered_by_the_file_linked_to_it() -> None:
    letters, flags = claim_letters()
    act = OutsideFile(
        5,
        "b" * 64,
        1,
        "act.pdf",
        "application/pdf",
        "Act",
        "2026-03-01",
        "act",
        "",
        "Anna",
        START,
        (("claim", "steamer"),),
    )
    claims = ({"name": "steamer", "title": "Потерян отпариватель"},)
    (line,) = reckon(letters, flags, claims=claims, outside_files=(act,)).claims
    assert (line.name, line.files, line.open, line.recorded, len(line.flags)) == ("steamer", (5,), False, True, 2)
    linked = ({"subject": "message", "subject_id": letters[1].sha256, "object": "claim", "object_id": "steamer"},)
    (by_link,) = reckon(letters, flags, claims=claims, links=linked).claims
    assert (by_link.messages, by_link.open) == ((letters[1].sha256,), False)


def test_a_notice_says_whether_it_came_back_and_what_followed() -> None:
    notice = letter("Уведомляем о расторжении договора с 17 апреля.")
    flag = flag_on(notice, "Уведомляем о расторжении договора с 17 апреля.", "termination_notice")
    bounce = letter(
        f"550 <{CLIENT}> unknown",
        hours=0.1,
        sender="mailer-daemon@mx.example",
        to=(US,),
        kind="bounce",
        reply_to=notice,
    )
    (came_back,) = reckon((notice, bounce), (flag,)).notices
    assert (came_back.bounced, came_back.answered_by) == (True, None)
    reply = letter("Письмо получили.", hours=20, sender=CLIENT, reply_to=notice)
    (answered,) = reckon((notice, reply), (flag,)).notices
    assert (answered.bounced, answered.answered_by) == (False, reply.sha256)


def test_the_estimate_follows_the_stated_formula() -> None:
    ours = letter("слово " * 40)
    theirs = letter("слово " * 300, hours=1, sender=CLIENT, reply_to=ours)
    internal = replace(letter("слово " * 500, hours=2, to=("owner@north.example",)), scope="context")
    logged = [
        {"person": "Anna Orlova", "day": "2026-03-30", "minutes": 60},
        {"person": "Guard", "day": "2026-04-01", "minutes": 30},
    ]
    result = effort((ours, theirs, internal), logged, {"Anna Orlova": 600.0}, EffortSettings(currency="₽"), 0.25)
    anna, guard = result.lines
    assert (anna.messages_in, anna.messages_out, anna.words_in, anna.words_out) == (1, 1, 300, 40)
    assert anna.estimated_minutes == 3 * 2 + 300 / 150 + 40 / 20 == 10
    assert (anna.logged_minutes, anna.cost) == (60, 700.0)
    assert (guard.person, guard.month.isoformat(), guard.cost) == ("Guard", "2026-04-01", 0.0)
    assert result.share_of_traffic == 0.25 and "150" in result.formula


def test_the_cost_is_of_the_minutes_given() -> None:
    ours = letter("слово " * 55)  # 3 + 55 / 20 = 5.75 minutes
    logged = [{"person": "Anna Orlova", "day": "2026-03-30", "minutes": 20}]
    for rate, cost in ((600.0, 258.0), (333.33, 143.33), (0.5, 0.22)):  # 0.215: halves up
        (line,) = effort((ours,), logged, {"Anna Orlova": rate}, EffortSettings()).lines
        assert (line.estimated_minutes, line.logged_minutes, line.rate, line.cost) == (5.8, 20, rate, cost)


def test_the_formula_is_the_users_to_change() -> None:
    ours = letter("слово " * 40)
    result = effort((ours,), (), {}, EffortSettings(minutes_per_message=10, words_per_minute_writing=40))
    assert result.lines[0].estimated_minutes == 11
    assert result.formula.startswith("10 min per message")


def test_a_month_is_a_month_of_the_matters_time_zone() -> None:
    late = letter("слово", at=START.replace(day=31, hour=21, minute=30))  # 1 April in Moscow
    assert effort((late,), (), {}, EffortSettings()).lines[0].month.isoformat() == "2026-04-01"


def test_reproaches_for_one_thing_are_one_claim_and_its_kind_is_named() -> None:
    first = letter("Вы потеряли мой отпариватель.", sender=CLIENT)
    other = letter("Ваш сотрудник нахамил мне при всех.", hours=20, sender=CLIENT)
    again = letter("Пропажа отпаривателя на вашей совести.", hours=50, sender=CLIENT)
    rude = letter("Мне грубили и в четверг.", hours=70, sender=CLIENT)
    letters = (first, other, again, rude)
    flags = tuple(flag_on(x, x.own_text(), "accusation") for x in letters)
    lines = reckon(letters, flags, requests=()).claims
    assert [(c.kind, c.flags, c.repeats) for c in lines] == [
        ("loss", (flags[0].id, flags[2].id), 1),
        ("conduct", (flags[1].id, flags[3].id), 1),
    ]


def test_two_losses_of_different_things_are_two_claims() -> None:
    first = letter("Вы потеряли мой отпариватель.", sender=CLIENT)
    second = letter("Вы потеряли коробку с посудой.", hours=20, sender=CLIENT)
    flags = tuple(flag_on(x, x.own_text(), "accusation") for x in (first, second))
    assert [c.flags for c in reckon((first, second), flags, requests=()).claims] == [(flags[0].id,), (flags[1].id,)]
