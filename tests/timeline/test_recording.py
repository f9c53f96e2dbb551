"""What a person records can never be taken back: what cannot be meant is refused, what may be a slip is said."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.timeline.test_views_on_the_command_line import CONFIG, JOE, MARY


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words],
        cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | {"EVIDENCE_LANG": "en"},
    )  # fmt: skip


@pytest.fixture
def matter(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    m = EmailMessage()
    m["From"], m["To"], m["Subject"], m["Message-ID"] = JOE, MARY, "Steamer", "<1@mail.example>"
    m["Date"] = format_datetime(datetime(2026, 3, 2, 9, tzinfo=UTC))
    m.set_content("You lost our steamer.")
    (tmp_path / "1.eml").write_bytes(m.as_bytes())
    (tmp_path / "act.txt").write_text("act", encoding="utf-8")
    assert run(tmp_path, "import", "1.eml").returncode == 0
    return tmp_path


def test_hours_that_nobody_can_have_worked_are_refused_and_a_name_is_taken_as_configured(matter: Path) -> None:
    assert run(matter, "effort", "log", "mary  holt", "1000", "--about", "call", "--date", "2026-03-03").returncode == 0
    refused = run(matter, "effort", "log", "Mary Holt", "500", "--about", "call", "--date", "2026-03-03")
    assert refused.returncode == 2 and "more than 24 hours" in refused.stderr and "1000 min" in refused.stderr
    for blank in (("effort", "log", " ", "5", "--about", "call"), ("effort", "log", "Mary Holt", "5", "--about", " ")):
        assert run(matter, *blank).returncode == 2
    stranger = run(matter, "effort", "log", "Mark", "5", "--about", "call", "--date", "2026-03-03")
    assert stranger.returncode == 0 and "no rate" in stranger.stderr
    later = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    assert (
        f"{later} is yet to come"
        in run(matter, "effort", "log", "Mary Holt", "5", "--about", "x", "--date", later).stderr
    )
    lines = json.loads(run(matter, "effort", "--json", "--until", "2026-03-31").stdout)["lines"]
    assert {(x["person"], x["logged_minutes"], x["rate"]) for x in lines} == {
        ("Mary Holt", 1000, 60.0),
        ("Mark", 5, 0.0),
    }


def test_a_slip_in_an_id_makes_no_claim_of_the_client(matter: Path) -> None:
    add = ("add", "act.txt", "--date", "2026-03-01", "--title", "Act 17", "--about")
    refused = run(matter, *add, "0123abcd0123abcd")
    assert refused.returncode == 2 and "0123abcd0123abcd" in refused.stderr
    assert run(matter, "assess", "claim", "steamer", " ").returncode == 2
    assert run(matter, "add", "act.txt", "--date", "2026-03-01", "--title", " ").returncode == 2
    assert json.loads(run(matter, "assess", "--json").stdout)["claims"] == []
    assert "outside" not in run(matter, "timeline", "--json").stdout, "nothing was archived"
    assert "A new claim" in run(matter, *add, "steamer").stderr
    assert "A new claim" not in run(matter, *add, "steamer").stderr
    page = run(matter, "assess", "--html").stdout
    assert "file 1: <q>Act 17</q>, 1 Mar 2026 <small>(act.txt)</small>" in page, (
        "a number alone leads nobody to the file"
    )


def test_a_view_of_a_day_after_the_last_acquisition_says_that_mail_may_have_come_since(matter: Path) -> None:
    assert "not known here" in run(matter, "requests", "--as-of", "2999-01-01").stderr
    assert "not known here" not in run(matter, "requests", "--as-of", "2026-03-05").stderr


def test_an_answer_that_a_person_names_is_late_where_it_came_late(matter: Path) -> None:
    letters = (
        (MARY, JOE, 10, "Pallets", "How many pallets will arrive next week?"),
        (JOE, MARY, 40, "Cars", "It was nine."),
    )
    for number, (sender, to, days, subject, text) in enumerate(letters, 2):
        m = EmailMessage()
        m["From"], m["To"], m["Subject"], m["Message-ID"] = sender, to, subject, f"<{number}@mail.example>"
        m["Date"] = format_datetime(datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(days=days))
        m.set_content(text)
        (matter / f"{number}.eml").write_bytes(m.as_bytes())
    assert run(matter, "import", "2.eml", "3.eml").returncode == 0
    rows = [json.loads(line) for line in run(matter, "requests", "--json").stdout.splitlines()]
    (asked,) = (row for row in rows if "pallets" in row["quote"])
    answer = hashlib.sha256((matter / "3.eml").read_bytes()).hexdigest()
    assert run(matter, "review", asked["id"], "--answered-by", answer).returncode == 0
    rows = [json.loads(line) for line in run(matter, "requests", "--json").stdout.splitlines()]
    (decided,) = (row for row in rows if row["id"] == asked["id"])
    assert (decided["outcome"], decided["answering_sha256"], decided["review"]) == ("answered-late", answer, "accepted")


@pytest.mark.parametrize("view", ["timeline", "flags", "requests", "assess", "effort"])
def test_days_the_wrong_way_round_are_refused_and_not_shown_as_nothing_found(matter: Path, view: str) -> None:
    refused = run(matter, view, "--since", "2026-03-31", "--until", "2026-03-01")
    assert refused.returncode == 2 and "2026-03-31" in refused.stderr
    assert run(matter, view, "--since", "2026-03-02", "--until", "2026-03-02").returncode == 0
