"""A part of the matter, or the matter as of an earlier day: neither may make a silence, lose an answer, or know what came later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import pytest

from evidence import pipeline
from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.config import Config, load_config
from evidence.model import Flag
from evidence.pipeline import views
from evidence.timeline.answers_reports import another_sum
from evidence.timeline.claims import notices
from tests.spine.test_pipeline import Silent
from tests.timeline.letters import CLIENT, US, ledger, letter

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST = datetime(2026, 1, 12, 9, tzinfo=UTC)
CONFIG = """
[matter]
title = "Полка"
language = "ru"
timezone = "Europe/Moscow"
[us]
name = "Север"
addresses = ["office@north.example"]
[[us.staff]]
name = "Анна Орлова"
addresses = ["anna@north.example", "orlova@mail.example"]
hourly_rate = 900
[[us.staff]]
name = "Олег Кладов"
addresses = ["store@north.example"]
hourly_rate = 600
[client]
name = "Ромашка"
addresses = ["ivan@romashka.example"]
[dkim]
dns = "off"
"""
ANNA, STORE, IVAN = "Анна Орлова <anna@north.example>", "store@north.example", "Иван <ivan@romashka.example>"
BOUNCE = """This is the mail system. Your message could not be delivered.

<ivan@romashka.example>: mailbox full
"""
LETTERS = (
    (ANNA, IVAN, 0, "Коробки", "Прошу сообщить, когда вы заберёте лишние коробки?"),
    (IVAN, "Анна, та самая <orlova@mail.example>", 20, "Товар", "Вы потеряли наш отпариватель."),
    (ANNA, IVAN, 44, "Re: Товар", "Пришлите, пожалуйста, документы, подтверждающие потерю отпаривателя."),
    (ANNA, IVAN, 800, "Договор", "Уведомляем вас о расторжении договора хранения с 1 марта 2026 года."),
    ("MAILER-DAEMON@north.example", "anna@north.example", 801, "Undelivered Mail Returned to Sender", BOUNCE),
    (IVAN, "store@north.example", 1200, "Коробки и прочее", "Коробки забрали 2 марта, отпариватель нашли у себя."),
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("matter")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    mail = folder / "mail"
    mail.mkdir()
    for number, (sender, to, hours, subject, text) in enumerate(LETTERS):
        m = EmailMessage()
        m["From"], m["To"], m["Subject"], m["Message-ID"] = sender, to, subject, f"<{number}@mail.example>"
        m["Date"] = format_datetime(FIRST + timedelta(hours=hours))
        if "DAEMON" in sender:
            m["In-Reply-To"] = m["References"] = f"<{number - 1}@mail.example>"
            m["Auto-Submitted"] = "auto-replied"
        elif subject.startswith("Re:"):
            m["In-Reply-To"] = f"<{number - 1}@mail.example>"
        m.set_content(text)
        (mail / f"{number}.eml").write_bytes(m.as_bytes())
    found = load_config(folder / "config.toml")
    pipeline.import_files(found, [mail], now=lambda: NOW, progress=Silent())
    with judging(found) as archive:
        archive.claim("steamer", "Утрата отпаривателя", actor="owner")
    for name, day in (("act.txt", "2026-01-10"), ("photo.txt", "2026-03-05")):
        (folder / name).write_text(name, encoding="utf-8")
        pipeline.add_file(
            found, folder / name, title=name, event_date=day, kind="act", note="", about=("steamer",), actor="owner", now=lambda: NOW,
        )  # fmt: skip
    with ArchiveReader(found.archive_path) as case:
        whole = views.view(found, case)
    (boxes,) = (r for r in whole.requests if "коробки" in r.quote)
    with judging(found) as archive:
        archive.review(
            "request", boxes.id, "accepted", actor="owner", outcome="answered-late",
            answering_sha256=next(x.sha256 for x in whole.letters if x.subject == "Коробки и прочее"),
        )  # fmt: skip
        for flag in whole.flags:
            if flag.category == "accusation" and "потеряли" in flag.quote:
                archive.review("flag", flag.id, "accepted", actor="owner")
    return found


def judging(config: Config) -> Archive:
    return Archive.open(config.archive_path, write=True, now=lambda: NOW, run=False)


@pytest.fixture
def case(config: Config) -> Iterator[ArchiveReader]:
    with ArchiveReader(config.archive_path) as reader:
        yield reader


def assessed(config: Config, case: ArchiveReader, as_of: str = "", **narrowed: Any) -> Any:
    shown = views.view(config, case, as_of=views.end_of_day(as_of, config) if as_of else None)
    options = {"since": None, "until": None, "person": None} | narrowed
    return views.assessment_of(config, case, views.narrowed(config, shown, **options))


@pytest.mark.parametrize(
    "part", [{"until": date(2026, 2, 15)}, {"person": "Анна"}, {"since": date(2026, 2, 1), "until": date(2026, 2, 28)}]
)
def test_a_part_of_the_matter_makes_no_silence_after_a_notice(
    config: Config, case: ArchiveReader, part: dict[str, Any]
) -> None:
    (whole,) = assessed(config, case).notices
    assert whole.wrote_elsewhere, "they wrote after the notice"
    assert assessed(config, case, **part).notices == (whole,)
    assert assessed(config, case, since=date(2026, 3, 1)).notices == ()  # it was given before


def test_a_notice_that_came_back_is_told_although_a_server_sent_the_bounce(config: Config, case: ArchiveReader) -> None:
    (notice,) = assessed(config, case).notices
    assert notice.bounced


def test_a_claim_is_told_whole_in_a_part(config: Config, case: ArchiveReader) -> None:
    (whole,) = assessed(config, case).claims
    assert whole.first and whole.flags and whole.proof_requests, "said in other words, and proof was asked for in ours"
    for part in ({"person": "Иван"}, {"until": date(2026, 1, 13)}, {"since": date(2026, 3, 1)}):
        assert assessed(config, case, **part).claims == (whole,), part


def test_what_happened_later_answers_no_claim_as_of_an_earlier_day(config: Config, case: ArchiveReader) -> None:
    (now,), (then,) = assessed(config, case).claims, assessed(config, case, "2026-01-31").claims
    assert len(now.files) == 2 and then.files == now.files[:1]
    shown = views.view(config, case, as_of=views.end_of_day("2026-03-04", config))
    assert [e.gist for e in views.entries_of(config, case, shown) if e.kind == "outside"] == ["act.txt"]


def test_a_later_answer_that_a_person_recorded_is_unknown_as_of_an_earlier_day(
    config: Config, case: ArchiveReader
) -> None:
    def of_boxes(as_of: str) -> dict[str, Any]:
        shown = views.view(config, case, as_of=views.end_of_day(as_of, config))
        (row,) = (r for r in views.request_rows(shown) if "коробки" in r["quote"])
        return row

    assert of_boxes("2026-01-13")["outcome"] == "pending"
    then = of_boxes("2026-01-31")
    assert (then["outcome"], then["answering_sha256"], then["review"]) == ("no-reply", None, "accepted")
    assert of_boxes("2026-03-31")["outcome"] == "answered-late"


def test_who_of_us_read_a_letter_is_told_by_the_configuration_and_not_by_who_wrote(
    config: Config, case: ArchiveReader
) -> None:
    shown = views.view(config, case)
    whole = views.effort_of(config, case, shown).lines
    assert {line.person for line in whole} == {"Анна Орлова", "Олег Кладов"}
    (march,) = (line for line in whole if line.month == date(2026, 3, 1))
    assert (march.person, march.messages_in, march.rate) == ("Олег Кладов", 1, 600) and march.cost > 0
    for part in ({"person": "Иван"}, {"until": date(2026, 1, 13)}):
        options: dict[str, Any] = {"since": None, "until": None, "person": None} | part
        theirs = views.effort_of(config, case, views.narrowed(config, shown, **options)).lines
        assert "Анна, та самая" not in {line.person for line in theirs}
        assert all(line.cost > 0 for line in theirs), part


@pytest.mark.parametrize("ahead", [0, 40, 5 * 3600])  # seconds by which the asker's clock is ahead of the answerer's
@pytest.mark.parametrize("ours", [True, False])
def test_a_reply_from_a_computer_whose_clock_is_behind_is_a_reply(ahead: int, ours: bool) -> None:
    asker, other = (US, CLIENT) if ours else (CLIENT, US)
    asked = letter("Сколько коробок вы привезёте на следующей неделе?", sender=asker, to=(other,))
    reply = letter(
        "Привезём двадцать коробок.", sender=other, to=(asker,), reply_to=asked, at=asked.at - timedelta(seconds=ahead)
    )
    again = letter(
        "А сколько коробок заберёте?", sender=asker, to=(other,), reply_to=reply, at=asked.at + timedelta(hours=9)
    )
    (first, *_rest) = ledger(asked, reply, again)
    assert (first.outcome, first.answering_sha256, first.waited_days) == ("answered", reply.sha256, 0)
    assert first.asked_at == asked.at and first.due_at == asked.at + timedelta(days=3)


def test_a_reply_to_a_notice_from_a_computer_whose_clock_is_behind_is_a_reply() -> None:
    text = "Уведомляем вас о расторжении договора хранения."
    notice = letter(text)
    reply = letter("Получили.", sender=CLIENT, reply_to=notice, at=notice.at - timedelta(seconds=30))
    flag = Flag(
        id="n", sha256=notice.sha256, part="body", start=0, end=len(text), quote=text, speaker="us", category="termination_notice",
        subtype=None, tier="stated", rule="r", pack="p", why="",
    )  # fmt: skip
    (found,) = notices((notice, reply), (flag,))
    assert found.answered_by == reply.sha256


@pytest.mark.parametrize(
    ("asked", "said", "another"),
    [
        ("Оплатите 15 000 руб.", "Перевёл 5 тыс. руб.", True),
        ("Оплатите 15 000 руб.", "Перевёл 15 тыс. руб.", False),
        ("Оплатите 12,5 тыс. руб.", "Перевёл 12 500 р.", False),
        ("Оплатите 15 тысяч рублей", "Перевёл 10 тысяч рублей", True),
        ("Please pay $1,500.", "Paid $1.5k.", False),
        ("Please pay $1,500.", "Paid $1k today.", True),
    ],
)
def test_thousands_in_words_are_sums(asked: str, said: str, another: bool) -> None:
    assert another_sum(letter(asked), said) is another
