"""What stands in a pipe or a file: UTF-8 in any locale, one object a line, nothing that steers a terminal or runs in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shelf import CONFIG

LETTER = (
    "From: =?utf-8?b?8J+mig==?= <boss@teply-dom.example>\r\nTo: office@polka-tochka.example\r\nSubject: Refund\r\n"
    "Date: Mon, 03 Mar 2025 10:00:00 +0300\r\nMessage-ID: <a@teply-dom.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Верните деньги\u2028за\x9b31m товар\x1b[31m, иначе я\x85пойду в суд 😡. Когда вы их вернёте\u2029?\r\n"
)


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matter")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "mail").mkdir()
    (folder / "mail" / "a.eml").write_bytes(LETTER.encode())
    assert said(folder, "import", "mail").returncode == 0
    return folder


def said(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=folder, capture_output=True, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "ru"} | environment,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "latin-1", "ascii"])
@pytest.mark.parametrize(
    "words", [("flags", "--json"), ("flags", "--csv"), ("timeline",), ("requests", "--html"), ("status",)]
)
def test_a_locale_without_utf8_cuts_no_list_short_and_changes_no_octet(
    matter: Path, words: tuple[str, ...], encoding: str
) -> None:
    plain, other = said(matter, *words), said(matter, *words, PYTHONIOENCODING=encoding)
    assert (other.returncode, other.stdout) == (0, plain.stdout)
    assert plain.stdout.decode("utf-8")


@pytest.mark.parametrize("command", ["flags", "requests", "timeline"])
def test_one_object_is_one_line_whatever_a_letter_holds(matter: Path, command: str) -> None:
    text = said(matter, command, "--json").stdout.decode("utf-8")
    rows = [
        json.loads(line) for line in text.splitlines()
    ]  # str.splitlines ends lines at U+0085, U+2028 and U+2029, too
    assert rows and not set(map(chr, range(0x7F, 0xA0))) & set(text)
    if command == "flags":
        assert any("\u2028" in row["quote"] and "\x9b" in row["quote"] for row in rows)


def test_the_text_of_a_part_comes_as_json_too_and_offsets_count_in_it(matter: Path) -> None:
    for row in map(json.loads, said(matter, "flags", "--json").stdout.decode("utf-8").splitlines()):
        shown = said(matter, "show", row["sha256"], "--part", row["part"])
        told = json.loads(said(matter, "show", row["sha256"], "--part", row["part"], "--json").stdout)
        assert told == {"sha256": row["sha256"], "part": row["part"], "text": shown.stdout.decode("utf-8")}
        assert told["text"][row["start"] : row["end"]] == row["quote"]


def test_a_day_is_written_the_russian_way_in_every_option(matter: Path) -> None:
    assert said(matter, "flags", "--json", "--as-of", "04.03.2025").stdout
    assert said(matter, "flags", "--json", "--as-of", "02.03.2025", "--since", "01.03.2025").stdout == b""
    refused = said(matter, "flags", "--as-of", "31.02.2025")
    assert refused.returncode == 2 and "31.02.2025" in refused.stderr.decode("utf-8")


def test_a_spreadsheet_gets_no_control_character(matter: Path) -> None:
    text = said(matter, "flags", "--csv").stdout.decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert rows and "Верните деньги" in rows[0]["quote"]
    assert not set(map(chr, (*range(0x20), *range(0x7F, 0xA0)))) & set(text) - {"\r", "\n"}


def test_flags_as_a_page_hold_what_may_stand_in_a_document(matter: Path) -> None:
    rows = [json.loads(line) for line in said(matter, "flags", "--json").stdout.decode("utf-8").splitlines()]
    possible = next(row for row in rows if row["tier"] == "possible")
    quote = "<td><q>Верните деньги за"  # a terminal's sequences within it are not for a page
    assert possible["quote"].startswith("Верните деньги")
    page = said(matter, "flags", "--html", "--review", "unreviewed").stdout.decode("utf-8")
    assert "--review unreviewed" in page and quote not in page
    assert said(matter, "review", possible["id"], "--accept").returncode == 0
    page = said(matter, "flags", "--html").stdout.decode("utf-8")
    assert page.count(quote) == 1 and f'id="m-{possible["sha256"]}"' in page
    assert said(matter, "review", possible["id"], "--undo").returncode == 0
