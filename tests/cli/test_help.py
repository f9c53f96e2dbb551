"""Help of every command in both languages; completion that completes; nothing but data in pipes; colours off; Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evidence.operate.demo import sample_folders
from evidence.operate.embedded_server import EmbeddedServer
from tests.cli.shelf import CONFIG, evidence, imported
from tests.operate.terminal import Terminal

HELPS = """
import contextlib, io, json, sys
import click
from evidence.cli.app import COMMANDS, app, run
said = {}
def show(path):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = run([*path, "--help"])
    said[" ".join(path)] = [code, out.getvalue()]
for name in COMMANDS:
    show([name])
    command = app.get_command(click.Context(app), name)
    for part in getattr(command, "commands", {}):
        show([name, part])
print(json.dumps(said))
"""


def helps(language: str) -> dict[str, tuple[int, str]]:
    ended = subprocess.run(
        [sys.executable, "-c", HELPS], capture_output=True, text=True, check=True, env=os.environ | {"EVIDENCE_LANG": language, "COLUMNS": "200"}
    )  # fmt: skip
    found: dict[str, tuple[int, str]] = {name: (code, text) for name, (code, text) in json.loads(ended.stdout).items()}
    return found


def test_every_command_and_part_of_one_explains_itself_in_both_languages() -> None:
    english, russian = helps("en"), helps("ru")
    assert english.keys() == russian.keys()
    assert len(english) > 35
    for name, (code, text) in english.items():
        assert code == 0, name
        assert f"Example: evidence {name.split()[0]}" in text, name
        assert "Exit codes: 0" in text, name
        assert len(text.split("\n\n")[1].split()) >= 3, name  # what it is for, in words
    for name, (code, text) in russian.items():
        assert code == 0, name
        assert f"Пример: evidence {name.split()[0]}" in text, name
        assert "Коды возврата: 0" in text or "Коды завершения: 0" in text, name
        assert re.search("[а-яё]{4}", text.split("\n\n")[1]), name
        untold = [
            line
            for line in text.splitlines()
            if re.match(r"\s+-", line) and not re.search("[а-яё]", line) and "--help" not in line
        ]
        assert not [line for line in untold if re.search(r"[A-Za-z]{3,} [a-z]{3,} [a-z]{2,}", line)], (name, untold)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is missing")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    program = tmp_path / "evidence"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from evidence.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    script = """
    eval "$(evidence completion bash)"
    COMP_WORDS=(evidence sch); COMP_CWORD=1; _evidence_completion evidence; echo "${COMPREPLY[@]}"
    COMPREPLY=(); COMP_WORDS=(evidence flags --ti); COMP_CWORD=2; _evidence_completion evidence; echo "${COMPREPLY[@]}"
    """
    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    )  # fmt: skip
    assert ended.stdout.split() == ["schedule", "--tier"]


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported(tmp_path_factory.mktemp("matter"))


@pytest.mark.parametrize("command", ["timeline", "flags", "requests", "effort", "log"])
def test_pipes_carry_data_only_and_no_colour(command: str, matter: Path) -> None:
    ended = evidence(command, "--json", cwd=matter)
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert rows
    assert "\x1b" not in ended.stdout + ended.stderr
    assert "\r" not in ended.stderr  # no progress bar into a file
    assert "\x1b" not in evidence(command, cwd=matter, FORCE_COLOR="", NO_COLOR="1").stdout


def test_no_color_holds_on_a_terminal_too(matter: Path) -> None:
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminal = Terminal(
            ["-c", str(matter), "verify"], matter, {"EVIDENCE_LANG": "en", "TERM": "xterm-256color", **environment}
        )
        terminal.until("Log:")
        before = terminal.passed
        assert "SOUND" in before
        assert ("\x1b[3" in before) == coloured
        assert terminal.ended() == 0


def test_ctrl_c_during_a_sync_is_one_line_and_130_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with EmbeddedServer("demo") as server:
        for name, messages in sample_folders("shelf").items():
            server.fill(name, messages)
        (tmp_path / "config.toml").write_text(
            CONFIG
            + f'[[account]]\nname = "a"\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\nusername = "demo"\npassword_env = "PW"\n',
            encoding="utf-8",
        )
        running = subprocess.Popen(
            [sys.executable, "-c", "from evidence.cli import main; main()", "sync"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=os.environ | {"EVIDENCE_LANG": "en", "PW": server.password},
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not (tmp_path / "archive.db").exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        out, said = running.communicate(timeout=60)
        assert "Traceback" not in said, said
        assert running.returncode in (0, 130), said  # the run may have ended before the key was heard
        assert out == ""
        evidence("sync", cwd=tmp_path, PW=server.password)
        assert json.loads(evidence("verify", "--json", cwd=tmp_path).stdout)["sound"] is True
        assert json.loads(evidence("status", "--json", cwd=tmp_path).stdout)["messages"] > 20
