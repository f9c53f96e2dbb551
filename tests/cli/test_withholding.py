"""``redact``, ``include`` and ``exclude`` say no where what is asked would hide, show or withdraw nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.cli import shelf

CONFIG = """
[matter]
title = "T"
language = "en"
[us]
name = "Us"
addresses = ["@us.example"]
[client]
name = "Them"
addresses = ["@them.example"]
[counsel]
addresses = ["@law.example"]
[dkim]
dns = "off"
"""


def letter(sender: str, to: str, subject: str, **headers: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"], message["Message-ID"] = "Mon, 03 Mar 2025 10:00:00 +0300", f"<{subject}@x.example>"
    for name, value in headers.items():
        message[name] = value
    message.set_content("hello there")
    return message.as_bytes()


ORDINARY = letter("b@them.example", "a@us.example", "ordinary", Cc="w@private.example")
COPY = b"X-Copy: yes\n" + ORDINARY
PRIVILEGED = letter("a@us.example", "c@law.example", "privileged")
ORDINARY_SHA, COPY_SHA, PRIVILEGED_SHA = (hashlib.sha256(x).hexdigest() for x in (ORDINARY, COPY, PRIVILEGED))


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("withholding")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "mail").mkdir()
    for number, raw in enumerate((ORDINARY, COPY, PRIVILEGED, letter("b@them.example", "a@us.example", "other"))):
        (folder / "mail" / f"{number}.eml").write_bytes(raw)
    shelf.evidence("import", "mail", cwd=folder)
    return folder


def logged(folder: Path) -> int:
    return len(shelf.evidence("log", "--json", cwd=folder).stdout.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        ("--address", "nobody@private.example"),
        ("--address", ""),
        ("--passage", "no such words"),
        ("--passage", ""),
        ("--attachment", "1"),
        ("--passage", "hello there", "--undo"),
        ("--address", "w@private.example", "--reason", " "),
    ],
)
def test_a_redaction_that_would_hide_or_withdraw_nothing_is_refused(matter: Path, words: tuple[str, ...]) -> None:
    before = logged(matter)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        shelf.evidence("redact", ORDINARY_SHA, "--reason", "privacy", *words, cwd=matter)
    assert refused.value.returncode == 2 and refused.value.stderr.strip()
    assert logged(matter) == before


def test_a_redaction_is_withdrawn_by_the_same_words(matter: Path) -> None:
    for words in (("--address", "W@private.example"), ("--passage", "hello")):
        shelf.evidence("redact", ORDINARY_SHA, *words, "--reason", "privacy", cwd=matter)
        shelf.evidence("redact", ORDINARY_SHA, *words, "--reason", "consent given", "--undo", cwd=matter)
        with pytest.raises(subprocess.CalledProcessError):
            shelf.evidence("redact", ORDINARY_SHA, *words, "--reason", "again", "--undo", cwd=matter)


def test_counsels_letter_cannot_be_included(matter: Path) -> None:
    before = logged(matter)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        shelf.evidence("include", PRIVILEGED_SHA, "--reason", "helps us", cwd=matter)
    assert "counsel" in refused.value.stderr and logged(matter) == before


def test_a_letter_is_left_out_by_the_hash_of_either_of_its_copies(matter: Path, tmp_path: Path) -> None:
    shelf.evidence("exclude", COPY_SHA, "--reason", "another matter", cwd=matter)
    shelf.evidence("exclude", ORDINARY_SHA, "--reason", "another matter", cwd=matter)
    shelf.evidence("include", COPY_SHA, "--reason", "it belongs here after all", cwd=matter)
    shelf.evidence("exclude", COPY_SHA, "--reason", "another matter", cwd=matter)
    made = json.loads(shelf.evidence("bundle", "--json", "--out", str(tmp_path / "out"), cwd=matter).stdout)
    exhibits = json.loads((Path(made["package"]).with_suffix("") / "data" / "exhibits.json").read_text("utf-8"))
    assert [e["title"] for e in exhibits] == ["other"]
