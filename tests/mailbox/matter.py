"""The matter the mailbox tests run on: one client, one delegate, us; letters made to order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evidence.archive.store import Archive
from evidence.config import Account, Config, parse_config
from evidence.mailbox.mailbox import Mailbox
from evidence.mailbox.plan import ScopeRule
from evidence.mailbox.reader import AcquisitionResult, acquire

US = "office@north.example"
CLIENT = "director@romashka.example"
DELEGATE = "claims@agency.example"

CONFIG = """
[matter]
title = "Storage shelf dispute"
[us]
name = "Pick-up point North"
addresses = ["office@north.example", "@north.example"]
[client]
name = "Romashka LLC"
addresses = ["director@romashka.example", "@romashka.example"]
[[client.delegates]]
name = "Claims"
addresses = ["claims@agency.example"]
[counsel]
addresses = ["@lawfirm.example"]
[[account]]
name = "office"
host = "127.0.0.1"
port = 1
tls = "none"
username = "office@north.example"
password_env = "UNUSED"
[scope]
messages = "linked"
"""


def config(messages: str = "linked") -> Config:
    return parse_config(CONFIG.replace('"linked"', f'"{messages}"'), Path("config.toml"))


def rule(messages: str = "linked") -> ScopeRule:
    return ScopeRule.from_config(config(messages))


def account(port: int = 1, **more: Any) -> Account:
    return config().account[0].model_copy(update={"port": port, **more})


def letter(
    number: object, sender: str = CLIENT, to: str = US, *, refs: str = "", body: str = "", more: str = ""
) -> bytes:
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Message-ID: <{number}@mail.example>",
        *([f"References: {refs}"] if refs else []),
        *([more] if more else []),
        f"Subject: letter {number}",
        "Date: Sun, 01 Mar 2026 10:00:00 +0300",
        "",
        body or f"This is letter {number}.",
        "",
    ]
    return "\r\n".join(lines).encode()


class Quiet:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, what: str, done: int, total: int | None = None) -> None: ...

    def say(self, text: str) -> None:
        self.said.append(text)


class Clock:
    """Now, a minute later each time a run begins."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def later(self, **by: float) -> None:
        self.at += timedelta(**by)


def archive(folder: Path, clock: Callable[[], datetime] | None = None) -> Archive:
    """The archive in ``folder``, made if it is not there."""
    path = folder / "archive.db"
    if path.exists():
        return Archive.open(path, write=True, now=clock or Clock())
    return Archive.create(path, now=clock or Clock(), tool="test")


def sync(mailbox: Mailbox, sink: Any, *, messages: str = "linked", **more: Any) -> AcquisitionResult:
    clock = more.pop("now", None) or Clock()
    waits: list[float] = more.pop("waits", [])
    chosen = more.pop("account", None) or account()
    return acquire(mailbox, chosen, rule(messages), sink, now=clock, progress=Quiet(), pause=waits.append, **more)


def stored(sink: Archive) -> dict[tuple[str, int], list[str]]:
    """(folder, uid) -> hashes of the sightings that have not disappeared."""
    out: dict[tuple[str, int], list[str]] = {}
    for folder, uid, sha in sink.connection.execute(
        "SELECT f.name, s.uid, m.sha256 FROM sighting s JOIN folder f ON f.id = s.folder JOIN message m ON m.id = s.message"
        " LEFT JOIN disappearance d ON d.sighting = s.id WHERE d.id IS NULL ORDER BY s.id"
    ):
        out.setdefault((folder, uid), []).append(sha)
    return out


def observations(sink: Archive, kind: str = "%") -> list[tuple[str, str]]:
    return sink.connection.execute(
        "SELECT kind, detail FROM observation WHERE kind LIKE ? ORDER BY id", (kind,)
    ).fetchall()


def counts_are_even(result: AcquisitionResult) -> bool:
    return all(f.on_server == f.in_scope + f.context + f.out_of_scope + f.owed for f in result.folders)
