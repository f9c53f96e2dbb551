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
