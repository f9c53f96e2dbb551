"""What a letter says is quoted between the marks of the person's language, “ ” or « »; and what stands around it is in that language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli import shelf
from tests.operate.terminal import Terminal

LANGUAGES = [("en", "“", "”", "«»"), ("ru", "«", "»", "“”")]


def evidence(*words: str, cwd: Path, language: str) -> str:
    return shelf.evidence(*words, cwd=cwd, EVIDENCE_LANG=language).stdout


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf.imported(tmp_path_factory.mktemp("quotes"))


@pytest.mark.parametrize(("language", "opening", "closing", "others"), LANGUAGES)
def test_the_list_of_what_waits_is_quoted_as_the_person_quotes(
    matter: Path, language: str, opening: str, closing: str, others: str
) -> None:
    rows = [
        json.loads(line) for line in evidence("review", "--list", "--json", cwd=matter, language=language).splitlines()
    ]
    lines = evidence("review", "--list", cwd=matter, language=language).splitlines()
    assert len(lines) == len(rows) > 10
    for line, row in zip(lines, rows, strict=True):
        assert line.endswith(f"  {opening}{' '.join(row['quote'].split())}{closing}")


@pytest.mark.parametrize(("language", "opening", "closing", "others"), LANGUAGES)
def test_an_explanation_is_quoted_as_the_person_quotes(
    matter: Path, language: str, opening: str, closing: str, others: str
) -> None:
    flags = [json.loads(line) for line in evidence("flags", "--json", cwd=matter, language=language).splitlines()]
    plain = next(flag for flag in flags if not any(mark in flag["quote"] for mark in "«»“”"))
    told = evidence("flags", "--explain", plain["id"], cwd=matter, language=language)
    assert f"{opening}{plain['quote']}{closing}" in told


@pytest.mark.parametrize(("language", "opening", "closing", "others"), LANGUAGES)
def test_one_after_another_they_are_quoted_as_the_person_quotes_and_a_wrong_key_is_told(
    matter: Path, language: str, opening: str, closing: str, others: str
) -> None:
    first = json.loads(evidence("review", "--list", "--json", cwd=matter, language=language).splitlines()[0])
    terminal = Terminal(["review"], matter, {"EVIDENCE_LANG": language, "TERM": "dumb", "COLUMNS": "400"})
    terminal.until(r"\n>: ")
    shown = " ".join(terminal.passed.split())
    assert f"{opening}{' '.join(first['quote'].split())}{closing}" in shown
    terminal.answer("x")
    wrong = {
        "en": "Error: 'x' is not one of 'a', 'r', 's', 'q'.",
        "ru": "Ошибка: варианта 'x' нет, есть только 'a', 'r', 's', 'q'.",
    }
    terminal.until(re.escape(wrong[language]))
    terminal.answer("q")
    assert terminal.ended() == 0


@pytest.mark.parametrize(
    ("language", "labels"),
    [
        ("en", ["From        ", "To          ", "Subject     ", "date        ", "internaldate ", "located in  "]),
        ("ru", ["От          ", "Кому        ", "Тема        ", "дата        ", "на сервере  ", "место       "]),
    ],
)
def test_a_message_is_shown_under_headings_of_the_persons_language(
    matter: Path, language: str, labels: list[str]
) -> None:
    letter = json.loads(evidence("timeline", "--json", cwd=matter, language=language).splitlines()[0])["sha256"]
    told = evidence("show", letter, cwd=matter, language=language).partition("\n\n")[0].splitlines()
    assert [label for label in labels if not any(line.startswith(label) for line in told)] == []
    assert told[0] == f"SHA-256     {letter}"
