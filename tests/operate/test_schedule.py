"""Schedule entries: what will be installed is shown, several matters do not meet, hostile folder names stay one word."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence.errors import EvidenceError, UsageError
from evidence.operate import schedule


class Crontab:
    """A crontab(1) that keeps its text here."""

    def __init__(self, text: str = "", *, present: bool = True) -> None:
        self.text, self.present = text, present

    def __call__(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert command[0] == "crontab"
        if not self.present:
            raise FileNotFoundError(command[0])
        if command[1] == "-":
            self.text = str(options["input"])
        return subprocess.CompletedProcess(command, 0, self.text, "")


def config_in(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_text("", encoding="utf-8")
    return path


def test_two_matters_of_the_same_name_have_different_entries(tmp_path: Path) -> None:
    names = {schedule.entry_name(config_in(tmp_path / part / "matter")) for part in ("a", "b")}
    assert len(names) == 2


def test_cron_keeps_other_lines_and_replaces_its_own(tmp_path: Path) -> None:
    tab = Crontab("0 3 * * * backup\n")
    config = config_in(tmp_path / "one")
    entry = schedule.make_entry(config, Path("/opt/evidence"), "hourly", "cron")
    schedule.install(entry, tab)
    schedule.install(schedule.make_entry(config, Path("/opt/evidence"), "daily", "cron"), tab)
    other = schedule.make_entry(config_in(tmp_path / "two"), Path("/opt/evidence"), "hourly", "cron")
    schedule.install(other, tab)
    lines = tab.text.splitlines()
    assert lines[0] == "0 3 * * * backup"
    assert sum("sync --scheduled" in line for line in lines) == 2
    assert schedule.installed(entry, tab)
    assert schedule.remove(entry, tab)
    assert not schedule.installed(entry, tab)
    assert schedule.installed(other, tab)
    assert not schedule.remove(entry, tab)


def test_a_cron_entry_runs_and_survives_blanks_quotes_and_percent_signs(tmp_path: Path) -> None:
    """The line is run by /bin/sh as cron does: a %-sign unescaped would cut it off."""
    folder = tmp_path / "it's 100 % «ours»"
    config = config_in(folder)
    program = tmp_path / "a program"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$OUT"\n', encoding="utf-8")
    program.chmod(0o755)
    line = schedule.make_entry(config, program, "hourly", "cron").cron_line
    command = line.split(" ", 5)[5].replace("\\%", "%")
    subprocess.run(["/bin/sh", "-c", command], check=True, env=os.environ | {"OUT": str(tmp_path / "out")})
    assert (tmp_path / "out").read_text(encoding="utf-8").splitlines() == [
        "-c",
        str(config.resolve()),
        "sync",
        "--scheduled",
    ]


def test_systemd_units_are_valid(tmp_path: Path) -> None:
    config = config_in(tmp_path / 'a "b" 5% $HOME')
    entry = schedule.make_entry(config, Path(sys.executable), "15min", "systemd", tmp_path / "home")
    service, timer = (text for _path, text in entry.files)
    assert "Persistent=true" in timer
    assert "5%% $$HOME" in service
    if shutil.which("systemd-analyze"):
        for path, text in entry.files:
            (tmp_path / path.name).write_text(text, encoding="utf-8")
        ended = subprocess.run(
            ["systemd-analyze", "verify", "--user", *[str(tmp_path / p.name) for p, _t in entry.files]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "evidence-" not in ended.stderr, ended.stderr


def test_launchd_and_task_scheduler_files_are_well_formed(tmp_path: Path) -> None:
    config = config_in(tmp_path / "a & <b>")
    program = Path("/opt/a b/evidence")
    plist = plistlib.loads(schedule.make_entry(config, program, "hourly", "launchd", tmp_path).files[0][1].encode())
    assert plist["ProgramArguments"] == [str(program), "-c", str(config.resolve()), "sync", "--scheduled"]
    xml = schedule.make_entry(config, program, "daily", "schtasks", tmp_path).files[0][1].split("\n", 1)[1]
    tree = ElementTree.fromstring(xml)
    name = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert tree.findtext(".//t:Exec/t:Command", namespaces=name) == str(program)
    assert f'"{config.resolve()}"' in (tree.findtext(".//t:Exec/t:Arguments", namespaces=name) or "")


@pytest.mark.parametrize("kind", ["launchd", "systemd"])
def test_files_are_written_activated_and_taken_away(
    kind: schedule.Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    said: list[tuple[str, ...]] = []

    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        said.append(tuple(command))
        return subprocess.CompletedProcess(command, 0, "", "")

    entry = schedule.make_entry(config_in(tmp_path / "m"), Path("/opt/evidence"), "hourly", kind, tmp_path)
    schedule.install(entry, run)
    assert all(path.exists() for path, _text in entry.files)
    assert tuple(said) == entry.activate
    assert schedule.remove(entry, run)
    assert not any(path.exists() for path, _text in entry.files)


def test_a_scheduler_that_fails_is_told_in_words(tmp_path: Path) -> None:
    def refuse(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "no bus")

    entry = schedule.make_entry(config_in(tmp_path / "m"), Path("/opt/evidence"), "hourly", "launchd", tmp_path)
    with pytest.raises(EvidenceError, match="no bus"):
        schedule.install(entry, refuse)
    with pytest.raises(EvidenceError, match="neither systemd"):
        schedule.install(
            schedule.make_entry(config_in(tmp_path / "m"), Path("/x"), "hourly", "cron"), Crontab(present=False)
        )


@pytest.mark.parametrize(
    "bad",
    [
        lambda p: schedule.make_entry(p, Path("/x"), "weekly", "cron"),
        lambda p: schedule.make_entry(p.parent / "a\nb", Path("/x"), "hourly", "cron"),
    ],
)
def test_what_no_scheduler_can_hold_is_refused(bad: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        bad(config_in(tmp_path / "m"))
