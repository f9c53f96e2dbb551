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
