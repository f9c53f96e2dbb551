"""./run where it may not install anything: it prints the line for a person to run and ends with 70, and changes nothing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TOOLS = ("sh", "cat", "cksum", "dirname", "env", "rm", "mkdir", "head", "python3")
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
NO_PANGO = "echo '\tlibc.so.6 (libc6,x86-64) => /lib/libc.so.6'"
PANGO = "echo '\tlibpango-1.0.so.0 => /lib/a\n\tlibpangoft2-1.0.so.0 => /lib/b'"
GOOD_PYTHON = "exit 0"
OLD_PYTHON = "exit 1"


class Machine:
    """A copy of the doors and a PATH with nothing on it but what is put there."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "a tree"
        self.programs = folder / "bin"
        self.log = folder / "log"
        (self.tree / "tools").mkdir(parents=True)
        self.programs.mkdir()
        for name in (
            "run",
            "test",
            "pyproject.toml",
            "requirements.lock",
            "requirements-test.lock",
            "tools/setup.sh",
            "tools/version.py",
        ):
            shutil.copy(REPOSITORY / name, self.tree / name)
        for name in TOOLS:
            self.program(name, f'exec {shutil.which(name)} "$@"')
        self.program("uname", "echo Linux")
        self.program("id", "echo 1000")
        self.program("ldconfig", NO_PANGO)
        for name in ("python3.11", "python3.12", "python3.13", "python3"):
            self.program(name, GOOD_PYTHON)

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\n[ -z "${{WATCHED:-}}" ] || echo "{name} $*" >> "{self.log}"\n{script}\n')
        path.chmod(0o755)

    def run(
        self, *words: str, door: str = "run", shell: str = "sh", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        real = shutil.which(shell)
        assert real is not None
        command = [real, "sh"] if shell == "busybox" else [real]
        return subprocess.run(
            [*command, str(self.tree / door), *words], cwd=cwd or self.tree, env={"PATH": str(self.programs), "WATCHED": "1"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def called(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_root_and_sudo_the_line_to_run_is_printed(machine: Machine, shell: str) -> None:
    machine.program("apt-get", "exit 0")
    ended = machine.run(shell=shell)
    assert ended.returncode == 70, ended.stderr
    assert "sudo apt-get update && sudo apt-get install -y libpango-1.0-0 libpangoft2-1.0-0\n" in ended.stderr
    assert ended.stdout == ""
    assert "apt-get" not in machine.called()  # not tried without the right to
    assert not (machine.tree / ".venv").exists()


def test_an_old_python_is_named_too(machine: Machine) -> None:
    for name in ("python3.11", "python3.12", "python3.13", "python3"):
        machine.program(name, OLD_PYTHON)
    ended = machine.run()
    assert ended.returncode == 70
    assert "install -y python3 python3-venv libpango-1.0-0 libpangoft2-1.0-0\n" in ended.stderr
    machine.program("ldconfig", PANGO)
    ended = machine.run()
    assert ended.returncode == 70
    assert "install -y python3 python3-venv\n" in ended.stderr


def test_sudo_that_would_ask_for_a_password_is_not_waited_for(machine: Machine) -> None:
    machine.program("apt-get", "exit 0")
    machine.program("sudo", '[ "$1" = -n ] && exit 1; sleep 60')
    ended = machine.run()
    assert ended.returncode == 70
    assert "sudo apt-get update && sudo apt-get install -y libpango" in ended.stderr
    assert "sudo -n apt-get update" in machine.called()


def test_a_distribution_that_has_no_such_python_is_told_how_to_name_one(machine: Machine) -> None:
    """apt-get went well, and the Python it brought is still too old."""
    for name in ("python3.11", "python3.12", "python3.13", "python3"):
        machine.program(name, OLD_PYTHON)
    machine.program("id", "echo 0")
    machine.program("apt-get", "exit 0")
    ended = machine.run()
    assert ended.returncode == 70
    assert "EVIDENCE_PYTHON=" in ended.stderr
    assert "apt-get install -y -qq --no-install-recommends python3 python3-venv" in machine.called()


def test_the_test_door_gives_the_same_answer(machine: Machine) -> None:
    ended = machine.run(door="test")
    assert ended.returncode == 70
    assert "sudo apt-get install -y libpango" in ended.stderr


def test_a_failed_installation_is_not_taken_for_a_finished_one(machine: Machine) -> None:
    machine.program("ldconfig", PANGO)
    for name in ("python3.11", "python3.12", "python3.13", "python3"):
        machine.program(
            name, 'case "$1" in -c) exit 0;; -m) mkdir -p .venv/bin; echo "exit 1" > .venv/bin/python;; esac'
        )
    for _again in range(2):
        assert machine.run().returncode not in (0, 70)
        assert not list(machine.tree.glob(".venv/.installed-*"))


def installed(machine: Machine) -> None:
    """What a finished installation leaves, with a program that says where it was called and with what."""
    folder = machine.tree / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "evidence").write_text('#!/bin/sh\npwd\nfor word in "$@"; do echo "<$word>"; done\nexit 3\n')
    (folder / "python").write_text(f'#!/bin/sh\necho "python $*" >> "{machine.log}"\nexit 0\n')
    for path in folder.iterdir():
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("shell", SHELLS)
def test_words_folder_and_exit_code_pass_through_and_the_second_run_installs_nothing(
    machine: Machine, tmp_path: Path, shell: str
) -> None:
    machine.program("ldconfig", PANGO)
    installed(machine)
    assert machine.run("--version", shell=shell).returncode == 3
    assert "python -m pip install" in machine.called()  # the stamp was missing
    machine.log.unlink()
    ended = machine.run("show", "two words", "", shell=shell, cwd=tmp_path)
    assert ended.returncode == 3
    assert ended.stdout.splitlines() == [os.path.realpath(tmp_path), "<show>", "<two words>", "<>"]
    assert "pip" not in machine.called()
    (machine.tree / "requirements.lock").write_text("changed\n")
    machine.run("--version", shell=shell)
    assert "python -m pip install" in machine.called()  # another lock


def test_without_words_it_is_the_demo(machine: Machine) -> None:
    machine.program("ldconfig", PANGO)
    installed(machine)
    assert "<demo>" in machine.run().stdout
