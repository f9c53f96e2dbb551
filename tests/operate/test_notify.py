"""Loud once: one failing spell gives one notification, one when it lasts, one when it is over; never a letter's text."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.config import load_config
from evidence.operate import notify
from evidence.operate.demo import sample_folders
from evidence.operate.embedded_server import EmbeddedServer
from evidence.operate.scheduled import run_scheduled
from tests.operate.shelf import SHELF

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CONFIG = (
    SHELF
    + """password_env = "CANARY"
[dkim]
dns = "off"
[notify]
command = "sh -c 'cat >> \\"{out}\\"; echo ---- >> \\"{out}\\"'"
ping_url = "http://127.0.0.1:{ping}/check"
overdue_hours = 24
"""
)


def test_decisions_over_a_failing_spell() -> None:
    day = timedelta(hours=24)
    said, state = notify.decide({}, failed=True, now=NOW, overdue=day)
    assert said == "failure"
    said, state = notify.decide(state, failed=True, now=NOW + timedelta(hours=1), overdue=day)
    assert said == ""
    said, state = notify.decide(state, failed=True, now=NOW + day, overdue=day)
    assert said == "overdue"
    said, state = notify.decide(state, failed=True, now=NOW + 2 * day, overdue=day)
    assert said == ""
    assert notify.decide(state, failed=False, now=NOW, overdue=day) == ("recovered", {})
    assert notify.decide({}, failed=False, now=NOW, overdue=day) == ("", {})


@pytest.fixture
def pings() -> Iterator[tuple[int, list[str]]]:
    seen: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], seen
    server.shutdown()
    server.server_close()


def test_scheduled_runs_tell_once_and_keep_the_secret(
    tmp_path: Path, pings: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "told.txt"
    port, seen = pings
    monkeypatch.setenv("CANARY", "canary-secret-7391")
    with EmbeddedServer("demo") as server:
        folders = sample_folders("shelf")
        server.fill("INBOX", folders["INBOX"][:9])
        dead = tmp_path / "config.toml"
        dead.write_text(CONFIG.format(port=server.port, out=out, ping=port), encoding="utf-8")
        config = load_config(dead)
        assert run_scheduled(config, now=lambda: NOW) == 12  # the password is not the server's
        assert run_scheduled(config, now=lambda: NOW + timedelta(hours=1)) == 12
        assert out.read_text(encoding="utf-8").count("----") == 1
        assert seen == ["/check/start", "/check/fail"] * 2
        monkeypatch.setenv("CANARY", server.password)
        assert run_scheduled(config, now=lambda: NOW + timedelta(hours=2)) == 0
        assert run_scheduled(config, now=lambda: NOW + timedelta(hours=3)) == 0
    told = out.read_text(encoding="utf-8")
    assert "works again" in told
    assert seen[-4:] == ["/check/start", "/check"] * 2
    everything = told + (tmp_path / "logs" / "sync.log").read_text(encoding="utf-8") + "".join(seen)
    assert "canary-secret-7391" not in everything
    assert server.password not in everything
    for raw, _date, _flags in folders["INBOX"][:9]:
        body = raw.split(b"\r\n\r\n", 1)[1][:40].decode("latin-1")
        assert body not in everything


def test_a_command_that_fails_is_reported_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = CONFIG.format(port=1, out="x", ping=1)
    head, _, _rest = text.partition("[notify]")
    path.write_text(head + '[notify]\ncommand = "false"\nping_url = "file:///etc/passwd"\n', encoding="utf-8")
    config = load_config(path)
    assert "ended with 1" in notify.tell(config, "s", ["x"])[0]
    assert "no web address" in notify.ping(config, "start")


def matter(tmp_path: Path, out: Path) -> Path:
    path = tmp_path / "config.toml"
    head, _, _rest = CONFIG.format(port=1, out="x", ping=1).partition("[notify]")
    path.write_text(head + f"[notify]\ncommand = \"tee -a '{out}'\"\noverdue_hours = 24\n", encoding="utf-8")
    return path


def test_a_run_that_holds_the_archive_for_days_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped with Ctrl-Z and forgotten, say: every scheduled run finds the archive in use, and nothing is archived any more."""
    from evidence import pipeline
    from evidence.errors import Locked

    out = tmp_path / "told.txt"
    config = load_config(matter(tmp_path, out))
    report = pipeline.AcquireReport(())
    held = True

    def sync(*_arguments: object, **_named: object) -> pipeline.AcquireReport:
        if held:
            raise Locked("Another run is using archive.db (process 4711).")
        return report

    monkeypatch.setattr(pipeline, "sync", sync)
    for hour in range(0, 60, 4):
        assert run_scheduled(config, now=lambda at=NOW + timedelta(hours=hour): at) == 11
        assert out.exists() == (hour >= 24)
    told = out.read_text(encoding="utf-8")
    assert told.count("process 4711") == 1
    held = False
    assert run_scheduled(config, now=lambda: NOW + timedelta(hours=60)) == 0
    assert "works again" in out.read_text(encoding="utf-8")[len(told) :]
    assert notify.read_state(tmp_path) == {}


def test_where_nothing_can_be_written_the_failure_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evidence import pipeline
    from evidence.errors import EvidenceError

    def sync(*_arguments: object, **_named: object) -> None:
        raise EvidenceError("The disk that holds archive.db is full.")

    def full(self: Path, *_arguments: object, **_named: object) -> int:
        raise OSError(28, "No space left on device")

    out = tmp_path / "told.txt"
    config = load_config(matter(tmp_path, out))
    (tmp_path / "logs").write_text("no folder", encoding="utf-8")
    monkeypatch.setattr(pipeline, "sync", sync)
    monkeypatch.setattr(Path, "write_text", full)
    assert run_scheduled(config, now=lambda: NOW) == 1
    assert "is full" in out.read_text(encoding="utf-8")
    assert "sync failed" in capsys.readouterr().err  # the log's lines, where the scheduler keeps them


def test_a_log_line_that_the_disk_does_not_take_is_said_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evidence.operate import scheduled

    log = scheduled.open_log(tmp_path)

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.handlers[0], "flush", full)
    log.error("sync failed")
    scheduled.close_log(log)
    said = capsys.readouterr().err
    assert "sync failed" in said and "Traceback" not in said


def test_no_new_archive_is_begun_unwatched_where_one_lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk it is on is not connected: a second archive in its place would split the matter in two."""
    monkeypatch.setenv("EVIDENCE_STATE_DIR", str(tmp_path / "state"))
    out = tmp_path / "told.txt"
    path = matter(tmp_path, out)
    with EmbeddedServer("demo") as server:
        monkeypatch.setenv("CANARY", server.password)
        server.fill("INBOX", sample_folders("shelf")["INBOX"][:2])
        path.write_text(path.read_text(encoding="utf-8").replace("port = 1", f"port = {server.port}"), encoding="utf-8")
        config = load_config(path)
        assert run_scheduled(config, now=lambda: NOW) == 0
        config.archive_path.rename(tmp_path / "away.db")
        assert run_scheduled(config, now=lambda: NOW) == 10
    assert not config.archive_path.exists()
    assert "archive.db" in out.read_text(encoding="utf-8")
