"""evidence sync against a real IMAP server, as a user runs it: octets, counts, exit codes, one message an error."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.operate.embedded_server import EmbeddedServer

HEAD = b"From: client@them.example\r\nTo: office@us.example\r\nMessage-ID: <%d@them.example>\r\nDate: Mon, 3 Mar 2025 10:00:0%d +0300\r\n"
LETTERS = [
    HEAD % (1, 1) + b"Subject: NUL\r\n\r\nbefore \0 after\r\n",
    HEAD % (2, 2) + b"Subject: bare LF\n\nline one\nline two\n",
    HEAD % (3, 3) + b"Subject: 8-bit\r\n\r\n\xcf\xf0\xe8\xe2\xe5\xf2 \xff\xfe\r\n",
    HEAD % (4, 4) + b"Subject: no final newline\r\n\r\nend",
    HEAD % (5, 5) + b"Subject: Bcc test\r\nX-Odd: \x80\x81\r\n\r\n.\r\n..\r\n",
    HEAD % (6, 6) + b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n",
]
OTHER = b"From: friend@elsewhere.example\r\nTo: office@us.example\r\nSubject: lunch\r\n\r\nSoup?\r\n"
CONFIG = """
[matter]
title = "T"
language = "en"
timezone = "Europe/Moscow"
[us]
name = "Us"
addresses = ["@us.example"]
[client]
name = "Them"
addresses = ["@them.example"]
[[account]]
name = "office"
host = "127.0.0.1"
port = {port}
tls = "none"
username = "demo"
password_env = "SYNC_PASSWORD"
[dkim]
dns = "off"
"""


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer("demo") as started:
        started.fill("INBOX", [(raw, "03-Mar-2025 10:00:05 +0300", ()) for raw in [*LETTERS, OTHER]])
        started.fill("Архив & «старое»", [(LETTERS[0], "04-Mar-2025 10:00:05 +0300", ("\\Seen",))])
        yield started


def evidence(*words: str, cwd: Path, password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=cwd, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "en", "SYNC_PASSWORD": password},
    )  # fmt: skip


def flags_on(server: EmbeddedServer) -> dict[int, object]:
    import imapclient

    client = imapclient.IMAPClient(server.host, server.port, ssl=False)
    client.login(server.username, server.password)
    client.select_folder("INBOX", readonly=True)
    found = {uid: sorted(x[b"FLAGS"]) for uid, x in client.fetch(client.search(), ["FLAGS"]).items()}
    client.logout()
    return found


def test_every_octet_arrives_and_nothing_changes_on_the_server(server: EmbeddedServer, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(port=server.port), encoding="utf-8")
    before = {uid: [f for f in flags if f != b"\\Recent"] for uid, flags in flags_on(server).items()}  # type: ignore[attr-defined]
    dry = evidence("sync", "--dry-run", "--json", cwd=tmp_path, password=server.password)
    assert dry.returncode == 0, dry.stderr
    would = json.loads(dry.stdout)["new"]
    assert not (tmp_path / "archive.db").exists()
    ended = evidence("sync", "--json", cwd=tmp_path, password=server.password)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["new"] == len(LETTERS)
    assert would == len(LETTERS) + 1  # places on the server: one letter lies in two folders
    counts = {row["folder"]: row for row in report["accounts"][0]["folders"]}
    for row in counts.values():
        assert row["on_server"] == row["in_scope"] + row["context"] + row["out_of_scope"] + row["owed"]
    assert counts["INBOX"]["on_server"] == 7
    assert counts["INBOX"]["out_of_scope"] == 1
    with sqlite3.connect(tmp_path / "archive.db") as connection:
        held = [bytes(raw) for (raw,) in connection.execute("SELECT raw FROM message ORDER BY id")]
        sightings = connection.execute("SELECT count(*) FROM sighting").fetchone()[0]
    assert {hashlib.sha256(x).hexdigest() for x in held} == {hashlib.sha256(x).hexdigest() for x in LETTERS}
    assert sightings == len(LETTERS) + 1
    assert {uid: [f for f in flags if f != b"\\Recent"] for uid, flags in flags_on(server).items()} == before  # type: ignore[attr-defined]
    again = json.loads(evidence("sync", "--json", cwd=tmp_path, password=server.password).stdout)
    assert again["new"] == 0
    assert evidence("verify", cwd=tmp_path, password="").returncode == 0
    status = evidence("status", "--json", cwd=tmp_path, password="")
    assert status.returncode == 0
    assert json.loads(status.stdout)["messages"] == len(LETTERS)


def test_a_wrong_password_is_exit_code_12_and_one_message(server: EmbeddedServer, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(port=server.port), encoding="utf-8")
    ended = evidence("sync", cwd=tmp_path, password="wrong-canary-11")
    assert ended.returncode == 12
    assert "Traceback" not in ended.stderr
    assert "wrong-canary-11" not in ended.stderr + ended.stdout
    assert ended.stderr.strip()


def test_a_second_run_is_told_that_the_archive_is_held(server: EmbeddedServer, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from evidence.archive.store import Archive

    (tmp_path / "config.toml").write_text(CONFIG.format(port=server.port), encoding="utf-8")
    with Archive.create(tmp_path / "archive.db", now=lambda: datetime.now(UTC), tool="test"):
        ended = evidence("sync", cwd=tmp_path, password=server.password)
    assert ended.returncode == 11
    assert "Traceback" not in ended.stderr


def test_the_password_may_come_from_a_command_and_is_never_in_the_archive(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    text = CONFIG.format(port=server.port).replace(
        'password_env = "SYNC_PASSWORD"', f'password_command = "{sys.executable} secret.py"'
    )
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    (tmp_path / "secret.py").write_text(f"print({server.password!r})", encoding="utf-8")
    ended = evidence("sync", cwd=tmp_path, password="")
    assert ended.returncode == 0, ended.stderr
    assert server.password.encode() not in (tmp_path / "archive.db").read_bytes()
