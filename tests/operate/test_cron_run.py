"""The crontab line as cron runs it: /bin/sh, a bare environment, no terminal. It syncs, catches up, and is loud exactly once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.operate import schedule
from evidence.operate.demo import sample_folders
from evidence.operate.embedded_server import EmbeddedServer
from tests.operate.shelf import SHELF

CONFIG = (
    SHELF
    + """password_command = "cat '{secret}'"
[dkim]
dns = "off"
[notify]
command = "sh -c 'cat >> told.txt; echo ---- >> told.txt'"
"""
)


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="there is no /bin/sh")
def test_the_line_syncs_then_fails_once_aloud_and_recovers(tmp_path: Path) -> None:
    folder = tmp_path / "it's 100 % «ours»"
    folder.mkdir()
    program = tmp_path / "evidence"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from evidence.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    secret = tmp_path / "secret"
    line = schedule.make_entry(folder / "config.toml", program, "hourly", "cron").cron_line
    minute, hour, *_rest, command = line.split(" ", 5)
    assert (minute.isdigit(), hour) == (True, "*")

    def as_cron_does() -> int:
        # crontab(5): an unescaped % is a line break; SHELL=/bin/sh, HOME and a short PATH are all there is
        bare = {
            "HOME": str(tmp_path),
            "LOGNAME": "x",
            "SHELL": "/bin/sh",
            "PATH": "/usr/bin:/bin",
            "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
        }
        shell = ["/bin/sh", "-c", command.replace("\\%", "%")]
        ended = subprocess.run(
            shell, cwd=tmp_path, env=bare, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert server.password not in ended.stdout + ended.stderr
        return ended.returncode

    with EmbeddedServer("demo") as server:
        letters = sample_folders("shelf")["INBOX"]
        server.fill("INBOX", letters[:10])
        secret.write_text(server.password + "\n")
        (folder / "config.toml").write_text(CONFIG.format(port=server.port, secret=secret), encoding="utf-8")
        assert as_cron_does() == 0
        server.fill("INBOX", letters[10:])
        secret.write_text("wrong\n")
        assert [as_cron_does(), as_cron_does(), as_cron_does()] == [12, 12, 12]
        told = (tmp_path / "told.txt").read_text(encoding="utf-8")
        assert told.count("the sync failed") == 1
        secret.write_text(server.password + "\n")
        assert as_cron_does() == 0  # what was missed meanwhile is caught up
    told = (tmp_path / "told.txt").read_text(encoding="utf-8")
    assert (told.count("the sync failed"), told.count("works again")) == (1, 1)
    status = subprocess.run([program, "-c", folder, "status", "--json"], capture_output=True, text=True, check=True, env=os.environ | {"EVIDENCE_LANG": "en"})  # fmt: skip
    assert json.loads(status.stdout)["messages"] >= 17
    log = (folder / "logs" / "sync.log").read_text(encoding="utf-8")
    assert log.count("sync ended") == 2
    assert server.password not in log + told


@pytest.mark.skipif(not shutil.which("systemctl"), reason="systemd is missing")
def test_the_timer_fires_where_systemd_runs_for_this_user(tmp_path: Path) -> None:
    """Installed for real, started at once, removed again. Elsewhere the unit files are checked by systemd-analyze (test_schedule)."""
    state = subprocess.run(
        ["systemctl", "--user", "is-system-running"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if state not in ("running", "degraded"):
        pytest.skip(f"systemd for this user is {state or 'not there'}")
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/fired"\n')
    program.chmod(0o755)
    entry = schedule.make_entry(tmp_path / "config.toml", program, "15min", "systemd")
    schedule.install(entry)
    try:
        assert schedule.installed(entry)
        subprocess.run(["systemctl", "--user", "start", f"{entry.name}.service"], check=True, timeout=60)
        assert (tmp_path / "fired").read_text().splitlines()[-2:] == ["sync", "--scheduled"]
    finally:
        schedule.remove(entry)
    assert not schedule.installed(entry)
