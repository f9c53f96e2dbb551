"""The views as a person types them: what was asked for is what is shown, and a part says that it is one."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from fractions import Fraction
from pathlib import Path

import pytest

CONFIG = """
[matter]
title = "Steamer"
language = "en"
timezone = "Europe/London"
[us]
name = "North"
addresses = ["@north.example"]
[[us.staff]]
name = "Mary Holt"
addresses = ["mary@north.example"]
hourly_rate = 60
[client]
name = "Pelican"
addresses = ["@pelican.example"]
[timeline]
country = "GB"
[dkim]
dns = "off"
"""
MARY, OFFICE, JOE = "Mary Holt <mary@north.example>", "office@north.example", "Joe Pell <joe@pelican.example>"
FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)


def evidence(folder: Path, *words: str, language: str = "en") -> str:
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words],
        cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | {"EVIDENCE_LANG": language},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matter")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    mail = folder / "mail"
    mail.mkdir()
    letters = (
        (MARY, JOE, 0, "Steamer", "Please send the delivery note for the steamer."),
        (JOE, MARY, 30, "Boxes", "When can we collect the other boxes?"),
        (MARY, JOE, 31, "Re: Boxes", "You can collect the other boxes on Saturday, 7 March."),
        (JOE, OFFICE, 400, "Saturday", "Nobody was there on Saturday. The door was locked and we waited an hour."),
    )
    for number, (sender, to, hours, subject, text) in enumerate(letters):
        m = EmailMessage()
        m["From"], m["To"], m["Subject"], m["Message-ID"] = sender, to, subject, f"<{number}@mail.example>"
        m["Date"] = format_datetime(FIRST + timedelta(hours=hours))
        m.set_content(text)
        (mail / f"{number}.eml").write_bytes(m.as_bytes())
    evidence(folder, "import", "mail")
    return folder


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_page_of_requests_shows_those_that_were_asked_for_and_says_so(matter: Path) -> None:
    whole = evidence(matter, "requests", "--html")
    assert "<td><q>Please send the delivery note" in whole and "<td><q>When can we collect" in whole
    assert "Only a part is shown" not in whole
    part = evidence(matter, "requests", "--html", "--outcome", "no-reply", "--asker", "us")
    assert "<td><q>Please send the delivery note" in part and "<td><q>When can we collect" not in part
    assert "Only a part is shown" in part and "--outcome no-reply --asker us" in part
    assert "<td><q>Please send" not in evidence(matter, "requests", "--html", "--since", "2026-03-03")


def test_logged_hours_keep_to_the_days_that_were_asked_for(matter: Path) -> None:
    evidence(matter, "effort", "log", "Mary Holt", "90", "--about", "call", "--date", "2026-05-01")
    whole = json.loads(evidence(matter, "effort", "--json"))["lines"]
    assert sum(line["logged_minutes"] for line in whole) == 90
    for narrowed in (("--until", "2026-03-31"), ("--since", "2026-05-02"), ("--as-of", "2026-04-30")):
        lines = json.loads(evidence(matter, "effort", "--json", *narrowed))["lines"]
        assert sum(line["logged_minutes"] for line in lines) == 0, narrowed
    assert "1:30:00" in evidence(matter, "effort", "--html", "--since", "2026-05-01")
    assert "Mary Holt" not in evidence(matter, "effort", "--html", "--since", "2026-05-02")


def test_the_effort_of_one_of_us_is_that_persons_lines_unchanged(matter: Path) -> None:
    whole = json.loads(evidence(matter, "effort", "--json"))["lines"]
    marys = json.loads(evidence(matter, "effort", "--json", "--person", "mary"))["lines"]
    assert marys == [line for line in whole if line["person"] == "Mary Holt"]
    assert sum(line["messages_in"] for line in marys) == 1  # what she read is hers too
    joes = json.loads(evidence(matter, "effort", "--json", "--person", "Joe"))["lines"]
    assert sum(line["messages_in"] for line in joes) == 2 and sum(line["logged_minutes"] for line in joes) == 0


def lines_of_table(text: str) -> list[dict[str, str]]:
    head, *rest = (line.split("\t") for line in text.splitlines())
    return [dict(zip(head, line, strict=True)) for line in rest]


def minutes(clock: str) -> Fraction:
    hours, rest, seconds = clock.split(":")
    assert len(rest) == len(seconds) == 2 and int(rest) < 60 and int(seconds) < 60, clock
    return int(hours) * 60 + int(rest) + Fraction(int(seconds), 60)


def test_the_time_shown_at_the_rate_shown_is_the_cost_shown(matter: Path) -> None:
    evidence(matter, "effort", "log", "Mary Holt", "20", "--about", "call", "--date", "2026-06-01")
    shown = lines_of_table(evidence(matter, "effort"))
    machine = list(csv.DictReader(io.StringIO(evidence(matter, "effort", "--csv"))))
    kept = json.loads(evidence(matter, "effort", "--json"))["lines"]
    assert any(float(line["rate"]) for line in shown) and len(shown) == len(machine) == len(kept)
    for table, row, line in zip(shown, machine, kept, strict=True):
        spent = minutes(table["hours, estimated"]) + minutes(table["hours, logged"])
        assert (
            f"{float(spent) * float(table['rate']) / 60:.2f}" == table["cost"] == row["cost"] == f"{line['cost']:.2f}"
        )
        assert spent == Fraction(row["estimated_minutes"]) + int(row["logged_minutes"])
        assert float(spent) == pytest.approx(line["estimated_minutes"] + line["logged_minutes"])
    (june,) = (line for line in shown if line["month"] == "2026-06")
    assert (june["hours, logged"], june["cost"]) == ("0:20:00", "20.00")


def test_russian_tables_write_a_decimal_comma_and_machine_forms_keep_the_point(matter: Path) -> None:
    for view in ("effort", "requests", "assess"):
        assert not re.search(r"\d\.\d+(?![\d.])", evidence(matter, view, language="ru")), view
        for form in ("--csv", "--json"):
            assert evidence(matter, view, form, language="ru") == evidence(matter, view, form), (view, form)
    assert all(
        re.fullmatch(r"\d+,\d\d", row["стоимость"]) for row in lines_of_table(evidence(matter, "effort", language="ru"))
    )
    waited = {lang: [*evidence(matter, "requests", language=lang).splitlines()] for lang in ("ru", "en")}
    assert any("\t0,0\t" in line for line in waited["ru"]) and any("\t0.0\t" in line for line in waited["en"])


def test_every_view_takes_person_for_whoever_sent_the_message(matter: Path) -> None:
    for person in ("joe", "MARY@north"):
        listed = {row["sha256"] for row in rows(evidence(matter, "timeline", "--json", "--person", person))}
        whole = rows(evidence(matter, "timeline", "--json"))
        name = {"joe": "joe", "MARY@north": "mary"}[person]
        assert listed == {
            row["sha256"] for row in whole if row["kind"] == "message" and name in str(row["actor"]).casefold()
        }
        for view in ("flags", "requests"):
            found = rows(evidence(matter, view, "--json", "--person", person))
            assert {row["sha256"] for row in found} == {
                row["sha256"] for row in rows(evidence(matter, view, "--json")) if row["sha256"] in listed
            }, (view, person)
    assert len(rows(evidence(matter, "timeline", "--json", "--person", "office"))) == 0  # only ever written to
    for language, said in (("en", "sent by this person"), ("ru", "отправленные этим человеком")):
        for view in ("timeline", "flags", "requests", "assess"):
            assert said in " ".join(evidence(matter, view, "--help", language=language).split()), (view, language)
    assert "all they read, wrote and logged" in " ".join(evidence(matter, "effort", "--help").split())


def test_a_view_of_an_earlier_day_knows_nothing_of_later_events(matter: Path) -> None:
    (matter / "note.txt").write_text("signed", encoding="utf-8")
    evidence(matter, "add", "note.txt", "--date", "2026-03-10", "--title", "Signed note")
    before = evidence(matter, "timeline", "--as-of", "2026-03-09")
    assert "Signed note" not in before and "Steamer" in evidence(matter, "timeline", "--as-of", "2026-03-09", "--json")
    after = evidence(matter, "timeline", "--as-of", "2026-03-10")
    (line,) = (line for line in after.splitlines() if "Signed note" in line)
    assert "outside mail" in line
    assert "Signed note" in evidence(matter, "timeline", "--html")
