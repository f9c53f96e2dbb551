"""The timeline's entries: quoted gists, silence, outside events, disappearances, filters, rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from evidence.config import Client, Config, Matter, Us
from evidence.model import Flag, Letter, judged_id
from evidence.pipeline import views
from evidence.ports import OutsideFile, Review
from evidence.timeline.build import ViewFilter, build_timeline, gist_of, silence_in_words, standing, to_rows
from tests.timeline.disputes import ZONES, as_of, letters_of, settings_of
from tests.timeline.letters import CLIENT, DELEGATE, START, letter


def flag_on(x: Letter, quote: str, category: str, subtype: str | None = None, tier: str = "stated") -> Flag:
    start = x.texts["body"].index(quote)
    return Flag(
        judged_id("flag", x.sha256, "body", start, start + len(quote), category), x.sha256, category, subtype, "body", start,
        start + len(quote), quote, x.speaker, tier, "r", "p@1#0", "",  # type: ignore[arg-type]
    )  # fmt: skip


def build(*letters: Letter, **more: Any) -> Any:
    return build_timeline(letters, more.pop("flags", ()), more.pop("requests", ()), timezone="Europe/Moscow", **more)


def test_the_gist_is_the_first_own_sentence_that_is_no_greeting() -> None:
    x = letter("Виталий, добрый день!\n\nВчера ваш водитель завёз ещё 56 коробок. Это много.")
    assert gist_of(x) == ("Вчера ваш водитель завёз ещё 56 коробок.", "own")


def test_a_letter_without_words_is_named_by_its_subject() -> None:
    assert gist_of(letter("", subject="Акт № 2")) == ("Акт № 2", "subject")


@pytest.mark.parametrize("dispute", ["shelf", "studio"])
def test_every_gist_is_found_in_what_was_written(dispute: str) -> None:
    for x in letters_of(dispute):
        gist, source = gist_of(x)
        text = " ".join((x.own_text() if source == "own" else x.subject).split())
        assert gist.removesuffix(" …") in text


def test_two_weeks_without_a_word_are_an_entry() -> None:
    a, b, c = (
        letter("Раз два три четыре."),
        letter("Пять шесть семь.", hours=24 * 13),
        letter("Восемь девять.", hours=24 * 27, sender=CLIENT),
    )
    entries = build(a, b, c)
    assert [e.kind for e in entries] == ["message", "message", "silence", "message"]
    silence = entries[2]
    assert (silence.detail["days"], silence.until, silence.detail["last_side"]) == (14, c.at, "us")
    assert [e.kind for e in build(a, b, c, gap_days=10)].count("silence") == 2


def test_an_automatic_reply_does_not_break_a_silence() -> None:
    a, auto = letter("Раз два три."), letter("Я в отпуске.", hours=24 * 8, sender=CLIENT, kind="auto")
    b = letter("Четыре пять шесть.", hours=24 * 16)
    assert [e.kind for e in build(a, auto, b)] == ["message", "silence", "message", "message"]


def test_a_filter_never_makes_a_silence() -> None:
    a = letter("Раз два три.")
    b = letter("Четыре пять шесть.", hours=24 * 10, sender=DELEGATE)
    c = letter("Семь восемь девять.", hours=24 * 20)
    found = build(a, b, c, filters=ViewFilter(person="anna"))  # she is an addressee of b, but did not send it
    assert [(e.kind, e.sha256) for e in found] == [("message", a.sha256), ("message", c.sha256)]
    assert [e.sha256 for e in build(a, b, c, filters=ViewFilter(person="Conflict"))] == [b.sha256]


def test_days_of_a_filter_are_inclusive_and_local() -> None:
    late = letter("Раз два три.", at=datetime(2026, 3, 2, 21, 30, tzinfo=UTC))  # 00:30 on 3 March in Moscow
    assert build(late, filters=ViewFilter(until=date(2026, 3, 2))) == ()
    assert len(build(late, filters=ViewFilter(since=date(2026, 3, 3), until=date(2026, 3, 3)))) == 1


def test_category_and_tier_narrow_to_messages_that_carry_them() -> None:
    a, b = (
        letter("Вы нас обманули и должны ответить."),
        letter("Мы обратимся в полицию завтра.", hours=5, sender=CLIENT),
    )
    flags = (
        flag_on(a, "Вы нас обманули", "accusation", tier="possible"),
        flag_on(b, "обратимся в полицию", "threat", "police"),
    )
    assert [e.sha256 for e in build(a, b, flags=flags, filters=ViewFilter(category=("threat",)))] == [b.sha256]
    assert [e.sha256 for e in build(a, b, flags=flags, filters=ViewFilter(category="accusation"))] == [a.sha256]
    assert [e.sha256 for e in build(a, b, flags=flags, filters=ViewFilter(tier="possible"))] == [a.sha256]


def outside(event_date: str) -> OutsideFile:
    return OutsideFile(
        3,
        "a" * 64,
        9,
        "call.mp3",
        "audio/mpeg",
        "Call of 4 March",
        event_date,
        "recording",
        "10 min",
        "Anna",
        START,
        (("claim", "x"),),
    )


@pytest.mark.parametrize(
    ("stated", "at"),
    [
        ("2026-03-04", datetime(2026, 3, 4, 9, tzinfo=UTC)),  # noon in Moscow
        ("2026-03-04T18:15", datetime(2026, 3, 4, 15, 15, tzinfo=UTC)),
        ("2026-03-04T18:15:00Z", datetime(2026, 3, 4, 18, 15, tzinfo=UTC)),
        ("spring", START),
    ],
)
def test_an_event_outside_mail_stands_at_its_stated_time(stated: str, at: datetime) -> None:
    (entry,) = build(outside_files=(outside(stated),))
    assert (entry.kind, entry.at, entry.gist) == ("outside", at, "Call of 4 March")


def test_a_message_gone_from_the_server_is_an_entry_and_a_moved_one_is_not() -> None:
    x = letter("Раз два три четыре.")
    row = {"kind": "gone", "noticed_at": "2026-03-09T08:00:00Z", "sha256": x.sha256, "folder": "INBOX", "uid": 7}
    entries = build(x, disappearances=(row, {**row, "kind": "moved"}))
    assert [e.kind for e in entries] == ["message", "disappearance"]
    assert (entries[1].gist, entries[1].detail["folder"]) == ("Раз два три четыре.", "INBOX")


def test_what_a_message_opens_and_closes_stands_under_it() -> None:
    from evidence.timeline.requests import find_requests

    letters = letters_of("shelf")
    requests = find_requests(letters, settings_of("shelf"), (), as_of=as_of("shelf"), flags=())
    entries = {e.sha256: e for e in build_timeline(letters, (), requests, timezone=ZONES["shelf"])}
    for r in requests:
        assert r.id in entries[r.sha256].opened
        if r.answering_sha256:
            assert r.id in entries[r.answering_sha256].closed
    assert sum(len(e.opened) for e in entries.values()) == len(requests)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_rows_are_plain_values_of_one_shape(language: str) -> None:
    a, b = letter("Раз два три."), letter("Мы обратимся в полицию завтра.", hours=24 * 20, sender=CLIENT)
    flags = (flag_on(b, "обратимся в полицию", "threat", "police"),)
    entries = build(a, b, flags=flags, outside_files=(outside("2026-03-04"),))
    rows = to_rows(entries, flags, (), timezone="Europe/Moscow", language=language)
    assert json.loads(json.dumps(rows)) == rows
    assert len({tuple(r) for r in rows}) == 1
    assert rows[-1]["when"] == "2026-03-22 12:00"
    expected = {"ru": "заявляет о намерении обратиться в полицию", "en": "states an intention to contact the police"}
    assert rows[-1]["marks"] == expected[language]
    assert (
        next(r["gist"] for r in rows if r["kind"] == "silence")
        == {"ru": "писем нет 20\u00a0дн.", "en": "no messages for 20 days"}[language]
    )


def test_order_is_by_time_then_number_whatever_comes_first() -> None:
    a, b = letter("Раз два три."), letter("Четыре пять.", hours=0.001)
    assert build(a, b) == build(b, a)
    assert replace(a) == a and b.at - a.at < timedelta(minutes=1)


# ---- what may stand in a document ----------------------------------------------------------


def decided(target: str, target_id: str, decision: str, **more: Any) -> dict[tuple[str, str], Review]:
    words = {"category": None, "outcome": None, "answering_sha256": None} | more
    return {(target, target_id): Review(target, target_id, decision, note="", actor="Anna", at=START, **words)}


def test_a_possible_flag_stands_only_once_a_person_accepted_it_and_a_stated_one_until_it_is_rejected() -> None:
    x = letter("Мы пойдём в суд. Вернём деньги. Вы обманщики.", sender=CLIENT)
    stated, possible = flag_on(x, "Мы пойдём в суд", "threat"), flag_on(x, "Вы обманщики", "threat", tier="possible")
    flags = [stated, possible]
    assert standing(flags, (), {})[0] == (stated,)
    assert standing(flags, (), decided("flag", possible.id, "accepted"))[0] == (stated, possible)
    assert standing(flags, (), decided("flag", stated.id, "rejected"))[0] == ()
    assert standing(flags, (), {}, tier="possible")[0] == (possible,)
    assert standing(flags, (), decided("flag", possible.id, "rejected"), tier="possible")[0] == ()
    assert standing(flags, (), decided("flag", possible.id, "accepted"), only_accepted=True)[0] == (possible,)
    assert standing(flags, (), {}, only_accepted=True)[0] == ()


def test_what_a_person_set_stands_over_what_the_rule_said() -> None:
    x = letter("Мы пойдём в суд.", sender=CLIENT)
    flag = flag_on(x, "Мы пойдём в суд", "threat", "court")
    (corrected,) = standing([flag], (), decided("flag", flag.id, "accepted", category="demand"))[0]
    assert (corrected.category, corrected.subtype, corrected.id) == ("demand", None, flag.id)
    from evidence.timeline.requests import find_requests

    found = find_requests(letters_of("shelf"), settings_of("shelf"), (), as_of=as_of("shelf"), flags=())
    asked = replace(found[0], outcome="no-reply", tier="stated")
    review = decided("request", asked.id, "accepted", outcome="answered", answering_sha256="ab" * 32)
    (answered,) = standing((), [asked], review)[1]
    assert (answered.outcome, answered.answering_sha256) == ("answered", "ab" * 32)
    waiting = replace(asked, tier="possible")
    assert standing((), [waiting], {})[1] == ()
    assert standing((), [asked], decided("request", asked.id, "rejected"))[1] == ()


def test_the_drawn_pictures_count_what_stands_and_nothing_that_waits() -> None:
    x = letter("Мы пойдём в суд. Мы напишем отзыв. Вы обманщики.", sender=CLIENT)
    flags = [flag_on(x, "Мы пойдём в суд", "threat")] + [
        flag_on(x, quote, "threat", tier="possible") for quote in ("Мы напишем отзыв", "Вы обманщики")
    ]

    config = Config(
        matter=Matter(title="Shelf"), us=Us(name="North", addresses=("office@north.example",)),
        client=Client(name="Romashka", addresses=(CLIENT,)),
    )  # fmt: skip

    def drawn(reviews: dict[tuple[str, str], Review]) -> str:
        case = SimpleNamespace(
            reviews=lambda: reviews, outside_files=list, disappearances=list, answers=dict, claims=list, links=list,
            hours=list, folder_counts=list, selections=dict, proposals=list,
        )  # fmt: skip
        pages = views.render_pages(config, case, [x], flags, (), START)
        return next(body for name, language, body in pages if (name, language) == ("picture", "en"))

    legend = re.compile(r">possible threat[^<]*?(\d+)<", re.I)
    assert legend.findall(drawn({})) == ["1"]
    assert legend.findall(drawn(decided("flag", flags[1].id, "accepted"))) == ["2"]
    assert legend.findall(drawn(decided("flag", flags[0].id, "rejected"))) == []


def test_silence_up_to_the_date_of_the_view_is_open_and_says_so() -> None:
    a = letter("Добрый день, отправили коробки.")
    entries = build_timeline(
        (a,), (), (), timezone="Europe/Moscow", gap_days=10, as_of=a.at + timedelta(days=21, hours=3)
    )
    silence = entries[-1]
    assert (silence.kind, silence.detail["days"], silence.detail["next_side"]) == ("silence", 21, None)
    assert silence_in_words(silence, "en") == (
        "no messages for 21 days; no message after it up to the date of this view"
    )
    assert build_timeline((a,), (), (), timezone="Europe/Moscow", gap_days=22, as_of=silence.until) == entries[:1]
