"""The command line keeps its contract: commands, help with examples and exit codes, one message an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from evidence.cli.app import COMMANDS, app, run

CONTRACT = """demo init login doctor status sync import add timeline flags requests assess effort review bundle verify anchor log browse
schedule reindex export show include exclude redact draft rules completion""".split()

CONFIG = """
[matter]
title = "T"
[us]
name = "Us"
addresses = ["a@us.example"]
[client]
name = "Them"
addresses = ["b@them.example"]
"""


def evidence(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"EVIDENCE_LANG": "en"} | environment,
        stdin=subprocess.DEVNULL,
    )


def all_commands() -> list[tuple[str, click.Command]]:
    context = click.Context(app)
    found = []
    for name in COMMANDS:
        command = app.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {part}", sub) for part, sub in command.commands.items()]
    return found


def test_every_command_of_the_contract_is_there() -> None:
    assert set(CONTRACT) <= set(COMMANDS)


@pytest.mark.parametrize(("name", "command"), all_commands(), ids=lambda x: x if isinstance(x, str) else "")
def test_help_says_the_purpose_an_example_and_the_exit_codes(name: str, command: click.Command) -> None:
    assert command.help
    assert command.epilog
    assert "Example: evidence " + name.split(maxsplit=1)[0] in command.epilog
    assert "Exit codes: 0" in command.epilog
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def test_the_reference_is_what_help_says(repository: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(repository / "tools" / "cli_reference.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=repository,
    )
    assert ended.stdout == (repository / "docs" / "cli.md").read_text(encoding="utf-8"), (
        "run tools/cli_reference.py > docs/cli.md"
    )


def test_no_configuration_is_one_message_with_the_next_step(tmp_path: Path) -> None:
    ended = evidence("sync", cwd=tmp_path)
    assert ended.returncode == 2
    assert "evidence init" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["flags"],
        ["requests"],
        ["timeline"],
        ["assess"],
        ["effort"],
        ["status"],
        ["verify"],
        ["log"],
        ["bundle"],
        ["reindex"],
        ["browse"],
        ["draft", "reminder"],
    ],
)
def test_no_archive_is_exit_code_10(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    ended = evidence(*words, cwd=tmp_path)
    assert ended.returncode == 10, ended.stderr
    assert "evidence sync" in ended.stderr


def test_a_mistyped_command_is_answered_with_the_nearest(tmp_path: Path) -> None:
    ended = evidence("sinc", cwd=tmp_path)
    assert ended.returncode == 2
    assert "“sync”" in ended.stderr


def test_an_unknown_option_is_a_usage_error(tmp_path: Path) -> None:
    assert evidence("sync", "--nope", cwd=tmp_path).returncode == 2


def test_a_sync_without_mailboxes_says_what_to_add(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    ended = evidence("sync", cwd=tmp_path)
    assert ended.returncode == 2
    assert "[[account]]" in ended.stderr


def test_no_network_is_one_message(tmp_path: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = (
        CONFIG + f"[[account]]\nname='a'\nhost='127.0.0.1'\nport={port}\ntls='none'\nusername='u'\npassword_env='PW'\n"
    )
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    ended = evidence("sync", cwd=tmp_path, PW="secret-canary")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "secret-canary" not in ended.stderr + ended.stdout


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in evidence("--debug", "sync", cwd=tmp_path).stderr


def test_the_language_of_the_talk_follows_flag_and_locale(tmp_path: Path) -> None:
    assert "Архив" in evidence("--lang", "ru", "--help", cwd=tmp_path).stdout
    assert "Архив" in evidence("--help", cwd=tmp_path, EVIDENCE_LANG="ru").stdout
    assert "Archives" in evidence("--lang", "en", "--help", cwd=tmp_path).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_scripts_name_the_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "evidence" in capsys.readouterr().out


def test_reindex_names_the_derived_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reindex", "--list-tables"]) == 0
    tables = capsys.readouterr().out.split()
    assert {"parsed_message", "flag", "request", "zone", "search"} <= set(tables)


def test_the_whole_way_of_an_import_with_json_rows_as_in_the_contract(tmp_path: Path, repository: Path) -> None:
    """The wholesale dispute by import: rows carry the contract's keys, and every quote stands where its offsets say."""
    folder = repository / "fixtures" / "corpus" / "studio"
    parties = json.loads((folder / "parties.json").read_text(encoding="utf-8"))["parties"]
    addresses = {side: [a for p in parties[side]["people"] for a in p["addresses"]] for side in ("us", "client")}
    text = CONFIG.replace('"a@us.example"', ", ".join(f'"{a}"' for a in addresses["us"]))
    text = text.replace('"b@them.example"', ", ".join(f'"{a}"' for a in addresses["client"]))
    (tmp_path / "config.toml").write_text(text + '[dkim]\ndns = "off"\n', encoding="utf-8")
    ended = evidence("import", str(folder / "messages"), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    flags = [json.loads(line) for line in evidence("flags", "--json", cwd=tmp_path).stdout.splitlines()]
    assert flags
    keys = "id sha256 copies message_id date at at_clock folder folders speaker category subtype part quote start end tier rule pack why review"
    for flag in flags:
        assert set(keys.split()) <= flag.keys()
        part = (
            evidence("show", flag["sha256"], "--part", flag["part"], cwd=tmp_path).stdout if flag is flags[0] else None
        )
        if part is not None:
            assert part[flag["start"] : flag["end"]] == flag["quote"]
    requests = [json.loads(line) for line in evidence("requests", "--json", cwd=tmp_path).stdout.splitlines()]
    keys = (
        "id sha256 copies message_id part quote start end asker kind asked_at outcome answering_message_id answering_sha256 "
        "other_messages waited_days searched tier review"
    )
    assert requests
    assert all(set(keys.split()) <= row.keys() for row in requests)
    stated = [
        json.loads(line) for line in evidence("flags", "--json", "--tier", "stated", cwd=tmp_path).stdout.splitlines()
    ]
    assert {f["id"] for f in stated} == {f["id"] for f in flags if f["tier"] == "stated"}
    assert evidence("verify", cwd=tmp_path).returncode == 0
