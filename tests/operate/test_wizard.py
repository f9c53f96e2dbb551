"""init: from an address to a config.toml that loads; a second run keeps what the person wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from evidence.config import load_config
from evidence.operate import wizard
from evidence.operate.demo import sample_folders
from evidence.operate.embedded_server import EmbeddedServer
from tests.operate.terminal import Terminal

FLAGS = [
    "init", "--yes", "--no-connect", "--address", "office@north.example", "--host", "imap.north.example", "--password-env", "NORTH_PASSWORD",
    "--us-name", "North", "--us-address", "@north.example", "--client-name", "Romashka", "--client-address", "director@romashka.example",
    "--delegate", "Conflict manager=claims@romashka.example", "--staff", "Anna=anna@north.example=900", "--title", "Shelf",
]  # fmt: skip


def evidence(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=cwd, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "en"} | environment,
    )  # fmt: skip


def test_every_answer_as_a_flag_gives_a_file_that_loads(tmp_path: Path) -> None:
    ended = evidence(*FLAGS, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    config = load_config(tmp_path / "config.toml")
    assert config.account[0].host == "imap.north.example"
    assert config.client.delegates[0].addresses == ("claims@romashka.example",)
    assert config.us.staff[0].hourly_rate == 900
    assert "#" in (tmp_path / "config.toml").read_text(encoding="utf-8")


def test_what_is_missing_with_yes_names_its_flag(tmp_path: Path) -> None:
    ended = evidence(
        "init", "--yes", "--address", "a@b.example", "--host", "h", "--password-env", "X", "--no-connect", cwd=tmp_path
    )
    assert ended.returncode == 2
    assert "--us-name" in ended.stderr
    assert not (tmp_path / "config.toml").exists()


def test_a_second_run_keeps_comments_and_unasked_keys(tmp_path: Path) -> None:
    evidence(*FLAGS, cwd=tmp_path)
    path = tmp_path / "config.toml"
    text = (
        path.read_text(encoding="utf-8").replace("[scope]", "# my own remark\n[scope]")
        + '\n[notify]\ncommand = "true"\n'
    )
    path.write_text(text, encoding="utf-8")
    ended = evidence("init", "--yes", "--no-connect", "--answer-within-days", "7", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    again = path.read_text(encoding="utf-8")
    assert "# my own remark" in again
    config = load_config(path)
    assert (config.timeline.answer_within_days, config.notify.command, config.client.name) == (7, "true", "Romashka")


def test_correspondents_are_grouped_by_firm_and_public_addresses_stand_alone() -> None:
    counts = Counter(
        {
            "a@firm.example": 3,
            "b@firm.example": 2,
            "x@gmail.com": 4,
            "y@gmail.com": 1,
            "me@own.example": 9,
            "other@own.example": 5,
        }
    )
    names: dict[str, Counter[str]] = defaultdict(Counter)
    names["a@firm.example"]["Anna"] = 2
    found = wizard.grouped(counts, names, "me@own.example")
    assert [(c.domain, c.messages) for c in found] == [("firm.example", 5), ("x@gmail.com", 4), ("y@gmail.com", 1)]
    assert found[0].names == ("Anna",)


def test_a_letter_to_two_of_a_firm_is_one_letter_and_our_own_side_is_told_apart() -> None:
    both = frozenset({"a@firm.example", "b@firm.example", "me@own.example"})
    letters = Counter({both: 3, frozenset({"a@firm.example", "anna@own.example"}): 1})
    counts = Counter({"a@firm.example": 4, "b@firm.example": 3, "me@own.example": 3, "anna@own.example": 1})
    names: dict[str, Counter[str]] = defaultdict(Counter)
    names["anna@own.example"]["Anna"] = 1
    assert [c.messages for c in wizard.grouped(counts, names, "me@own.example", letters)] == [4]
    ours = wizard.colleagues(counts, names, "me@own.example")
    assert [(c.address, c.name, c.messages) for c in ours] == [
        ("me@own.example", "", 3),
        ("anna@own.example", "Anna", 1),
    ]
    assert [
        c.address for c in wizard.colleagues(Counter({"me@gmail.com": 2, "x@gmail.com": 1}), names, "me@gmail.com")
    ] == ["me@gmail.com"]


def test_a_new_file_is_commented_and_its_remarks_stand_under_each_other(tmp_path: Path) -> None:
    evidence(*FLAGS, cwd=tmp_path, EVIDENCE_LANG="ru")
    text = (tmp_path / "config.toml").read_text(encoding="utf-8")
    account = text.partition("[[account]]")[2]
    assert text.partition("[[account]]")[0].endswith("\n\n")
    assert 'password_env = "NORTH_PASSWORD"' in account
    assert account.count("# ") >= 4
    assert all(line.index("#") >= 40 for line in text.splitlines() if "  # " in line)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_dialogue_proposes_the_client_from_the_mailbox(tmp_path: Path, language: str) -> None:
    ru = language == "ru"
    with EmbeddedServer("demo") as server:
        for name, messages in sample_folders("shelf").items():
            server.fill(name, messages)
        words = [
            "init",
            "--host",
            "127.0.0.1",
            "--port",
            str(server.port),
            "--tls",
            "none",
            "--username",
            "demo",
            "--password-env",
            "PW",
        ]
        terminal = Terminal(words, tmp_path, {"PW": server.password, "EVIDENCE_LANG": language, "TERM": "dumb"})
        for question, reply in (
            ("IMAP", ""),
            ("Папки:" if ru else "Folders:", None),
            ("Наше название" if ru else "Our name", "Полка и точка"),
            ("Наши адреса" if ru else "Our addresses", "@polka-tochka.example"),
            (r"teply-dom\.example", None),
            ("Кто из них клиент" if ru else "Which of them is the client", None),
        ):
            terminal.until(question)
            if reply is not None:
                terminal.answer(reply)
        terminal.answer("")
        terminal.until("Название или имя клиента" if ru else "The client's name")
        terminal.answer("Romashka")
        terminal.until("Адреса клиента" if ru else "The client's addresses")
        terminal.answer("@teply-dom.example")
        for _question in range(5):  # title, language, time zone, country, days
            terminal.until(r"\]: ?$")
            terminal.answer("")
        terminal.until(r"\[д/Н\]" if ru else r"\[y/N\]")
        terminal.answer("нет" if ru else "n")
        for _offer in ("sync", "schedule"):
            terminal.until(r"\[[Дд]/[Нн]\]" if ru else r"\[[Yy]/[Nn]\]")
            terminal.answer("maybe")  # neither yes nor no: asked again
            terminal.until(r"\[[Дд]/[Нн]\]" if ru else r"\[[Yy]/[Nn]\]")
            terminal.answer("н" if ru else "no")
        assert terminal.ended() == 0
    config = load_config(tmp_path / "config.toml")
    assert config.client.addresses == ("@teply-dom.example",)
    assert config.matter.language == language
    assert server.password not in (tmp_path / "config.toml").read_text(encoding="utf-8")


def test_an_answer_that_cannot_stand_is_asked_again_at_once_and_the_others_are_not_lost(tmp_path: Path) -> None:
    words = ["init", "--no-connect", "--no-sync", "--no-schedule", "--host", "imap.north.example"]
    words += ["--username", "office@north.example", "--password-env", "PW"]
    terminal = Terminal(words, tmp_path, {"EVIDENCE_LANG": "en", "TERM": "dumb"})
    for question, *replies in (
        (r"IMAP server.*\]: $", ""),
        (r"Our name.*: $", "North"),
        (r"Our addresses.*\]: $", "Romashka", "office@north.example, @north.example;"),
        (r"The client's name.*: $", "Romashka"),
        (r"The client's addresses.*: $", "Ivan <d@r.example>", "Office@NORTH.example", "d@r.example, e@r.example"),
        (r"Title.*\]: $", ""),
        (r"Language.*\]: $", ""),
        (r"Time zone.*\]: $", "MSK", "Europe/Moscow"),
        (r"Country.*\]: $", "Russia", "ru"),
        (r"working days.*\]: $", "366", "5"),
        (r"\[y/N\]", "y"),
        (r"Name of another.*: $", "Anna"),
        (r"Address: $", "anna", "anna@north.example"),
        (r"Hourly rate.*: $", "-5"),  # no rate: said, and none is written
        (r"Name of another.*: $", ""),
    ):
        for number, reply in enumerate(replies):
            if number:
                terminal.until("That does not look right: ")
            terminal.until(question)
            terminal.answer(reply)
    assert terminal.ended() == 0
    config = load_config(tmp_path / "config.toml")
    assert config.us.addresses == ("office@north.example", "@north.example")
    assert config.client.addresses == ("d@r.example", "e@r.example")
    assert (config.matter.timezone, config.timeline.country, config.timeline.answer_within_days) == (
        "Europe/Moscow",
        "RU",
        5,
    )
    assert [(p.name, p.addresses, p.hourly_rate) for p in config.us.staff] == [("Anna", ("anna@north.example",), 0)]


def test_flags_that_make_no_configuration_name_no_line_of_a_file_that_does_not_exist(tmp_path: Path) -> None:
    ended = evidence(*FLAGS, "--us-address", "north", "--timezone", "MSK", cwd=tmp_path)
    assert ended.returncode == 2
    assert "us.addresses: “north”" in ended.stderr and "matter.timezone: " in ended.stderr
    assert "nothing was written" in ended.stderr and "line " not in ended.stderr
    assert not (tmp_path / "config.toml").exists()


def test_a_second_run_reads_a_file_saved_with_a_byte_order_mark(tmp_path: Path) -> None:
    evidence(*FLAGS, cwd=tmp_path)
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    ended = evidence("init", "--yes", "--no-connect", "--answer-within-days", "7", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert load_config(path).timeline.answer_within_days == 7


def test_a_second_run_over_a_file_in_another_encoding_says_what_to_do(tmp_path: Path) -> None:
    evidence(*FLAGS, "--us-name", "Север", cwd=tmp_path)
    path = tmp_path / "config.toml"
    path.write_bytes(path.read_text(encoding="utf-8").replace("“", "").replace("”", "").encode("cp1251", "replace"))
    ended = evidence("init", "--yes", "--no-connect", cwd=tmp_path)
    assert ended.returncode == 2 and "UTF-8" in ended.stderr and "Unexpected" not in ended.stderr


def test_a_second_run_keeps_every_address_of_staff_and_delegates(tmp_path: Path) -> None:
    evidence(*FLAGS, cwd=tmp_path)
    path = tmp_path / "config.toml"
    text = path.read_text(encoding="utf-8").replace(
        '["anna@north.example"]', '["anna@north.example", "anna.private@mail.example"]'
    )
    text = text.replace('["claims@romashka.example"]', '["claims@romashka.example", "claims@hired.example"]')
    path.write_text(text, encoding="utf-8")
    before = load_config(path)
    ended = evidence("init", "--yes", "--no-connect", "--answer-within-days", "7", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    after = load_config(path)
    assert (after.us.staff, after.client.delegates) == (before.us.staff, before.client.delegates)
    assert len(after.us.staff[0].addresses) == len(after.client.delegates[0].addresses) == 2
