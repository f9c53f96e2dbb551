"""The views as a person types them: what was asked for is what is shown, and a part says that it is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
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


def evidence(folder: Path, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words],
        cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | {"EVIDENCE_LANG": "en"},
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
    assert "1.5" in evidence(matter, "effort", "--html", "--since", "2026-05-01")
    assert "Mary Holt" not in evidence(matter, "effort", "--html", "--since", "2026-05-02")


def test_the_effort_of_one_of_us_is_that_persons_lines_unchanged(matter: Path) -> None:
    whole = json.loads(evidence(matter, "effort", "--json"))["lines"]
    marys = json.loads(evidence(matter, "effort", "--json", "--person", "mary"))["lines"]
    assert marys == [line for line in whole if line["person"] == "Mary Holt"]
    assert sum(line["messages_in"] for line in marys) == 1  # what she read is hers too
    joes = json.loads(evidence(matter, "effort", "--json", "--person", "Joe"))["lines"]
    assert sum(line["messages_in"] for line in joes) == 2 and sum(line["logged_minutes"] for line in joes) == 0


def test_a_view_of_an_earlier_day_knows_nothing_of_later_events(matter: Path) -> None:
    (matter / "note.txt").write_text("signed", encoding="utf-8")
    evidence(matter, "add", "note.txt", "--date", "2026-03-10", "--title", "Signed note")
    before = evidence(matter, "timeline", "--as-of", "2026-03-09")
    assert "Signed note" not in before and "Steamer" in evidence(matter, "timeline", "--as-of", "2026-03-09", "--json")
    after = evidence(matter, "timeline", "--as-of", "2026-03-10")
    (line,) = (line for line in after.splitlines() if "Signed note" in line)
    assert "outside mail" in line
    assert "Signed note" in evidence(matter, "timeline", "--html")
