"""An archive to import into, and what it then holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evidence.archive.store import Archive
from evidence.mailbox.imports import ImportResult, import_paths

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class Matter:
    archive: Archive

    def take(self, *paths: Path, **options: Any) -> ImportResult:
        return import_paths(paths, self.archive, now=lambda: NOW, progress=None, host="desk", **options)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.archive.connection.execute(sql, values).fetchall()

    def raws(self) -> list[bytes]:
        return [row[0] for row in self.rows("SELECT raw FROM message ORDER BY id")]

    def positions(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT position FROM sighting ORDER BY id")]


@pytest.fixture
def matter(tmp_path: Path) -> Iterator[Matter]:
    with Archive.create(tmp_path / "matter" / "archive.db", now=lambda: NOW, tool="evidence test") as archive:
        yield Matter(archive)


def letter(number: int, body: str = "Добрый день!\n", *, ends: str = "\r\n", headers: str = "") -> bytes:
    text = (
        f"From: director@romashka.example\nTo: office@north.example\nSubject: letter {number}\n"
        f"Message-ID: <{number}@romashka.example>\nDate: Mon, 3 Mar 2025 11:12:53 +0300\n"
        f"Content-Type: text/plain; charset=utf-8\n{headers}\n{body}"
    )
    return text.replace("\n", ends).encode()
