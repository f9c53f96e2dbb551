"""The flow as a whole: rebuilds are identical, order of import does not matter, judgements stay apart from evidence."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence import pipeline
from evidence.archive.schema import DERIVED_TABLES
from evidence.archive.store import Archive
from evidence.config import Config, parse_config
from evidence.pipeline import index
from evidence.pipeline.views import end_of_day, flag_rows, request_rows

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEXT = """
[matter]
title = "Shelf"
language = "ru"
timezone = "Europe/Moscow"
[us]
name = "Us"
addresses = ["@polka-tochka.example"]
[client]
name = "Them"
addresses = ["@teply-dom.example"]
[dkim]
dns = "off"
"""


class Silent:
    def step(self, what: str, done: int, total: int | None = None) -> None:
        pass

    def say(self, text: str) -> None:
        pass


def matter(folder: Path, letters: list[Path]) -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    config = parse_config(TEXT, folder / "config.toml")
    (folder / "config.toml").write_text(TEXT, encoding="utf-8")
    pipeline.import_files(config, letters, now=lambda: NOW, progress=Silent())
    return config


@pytest.fixture(scope="module")
def letters() -> list[Path]:
    return sorted((Path(__file__).parents[2] / "fixtures" / "corpus" / "shelf" / "messages").glob("*.eml"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, letters: list[Path]) -> Config:
    return matter(tmp_path_factory.mktemp("pipeline"), letters)


def derived_rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in DERIVED_TABLES
            if table != "search"
        } | {"search": connection.execute("SELECT id, block FROM search_data ORDER BY id").fetchall()}


@pytest.fixture
def archive(config: Config) -> Iterator[Archive]:
    with Archive.open(config.archive_path, write=True, now=lambda: NOW) as opened:
        yield opened


def test_two_rebuilds_give_identical_rows_on_one_core_or_two(
    config: Config, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.reindex(archive, config, now=lambda: NOW, progress=Silent(), jobs=1)
    first = derived_rows(config.archive_path)
    monkeypatch.setattr(index, "PARALLEL_FROM", 1)
    monkeypatch.setattr(index, "CHUNK", 7)
    pipeline.reindex(archive, config, now=lambda: NOW, progress=Silent(), jobs=2)
    assert derived_rows(config.archive_path) == first
    assert first["flag"]
    assert first["request"]


def test_nothing_is_rebuilt_when_nothing_changed(config: Config, archive: Archive) -> None:
    index.refresh(archive, config, now=lambda: NOW, progress=Silent())
    assert index.refresh(archive, config, now=lambda: NOW, progress=Silent()) is None


def test_another_deadline_asks_for_a_rebuild(config: Config, archive: Archive) -> None:
    other = parse_config(TEXT + "[timeline]\nanswer_within_days = 9\n", config.folder / "config.toml")
    assert not index.is_current(archive.connection, other)


def test_a_changed_pack_of_the_matter_asks_for_a_rebuild(config: Config, archive: Archive) -> None:
    index.refresh(archive, config, now=lambda: NOW, progress=Silent())
    assert index.is_current(archive.connection, config)
    pack = config.folder / "packs" / "own.toml"
    pack.parent.mkdir()
    pack.write_text("# mine\n", encoding="utf-8")
    try:
        assert not index.is_current(archive.connection, config)
    finally:
        pack.unlink()
        pack.parent.rmdir()


def test_flags_and_requests_do_not_depend_on_the_order_of_import(
    config: Config, letters: list[Path], tmp_path: Path
) -> None:
    from evidence.archive.reader import ArchiveReader

    shuffled = list(letters)
    random.Random(7).shuffle(shuffled)
    other = matter(tmp_path / "other", shuffled)
    rows = []
    for one in (config, other):
        with ArchiveReader(one.archive_path) as case:
            shown = pipeline.view(one, case, everything=True)
            drop = ("folder", "folders", "searched")
            rows.append(
                [
                    sorted(
                        json.dumps({k: v for k, v in row.items() if k not in drop}, default=str, sort_keys=True)
                        for row in table(shown)
                    )
                    for table in (flag_rows, request_rows)
                ]
            )
    assert rows[0][0] == rows[1][0]
    assert rows[0][1] == rows[1][1]


def test_as_of_takes_a_day_to_its_end_and_ignores_later_mail(config: Config) -> None:
    from evidence.archive.reader import ArchiveReader

    moment = end_of_day("2025-03-20", config)
    assert moment == datetime(2025, 3, 20, 20, 59, 59, tzinfo=UTC)
    with ArchiveReader(config.archive_path) as case:
        shown = pipeline.view(config, case, as_of=moment)
        assert shown.letters
        assert all(letter.at <= moment for letter in shown.letters)
        assert {r.outcome for r in shown.requests} - {"pending"}
        assert len(pipeline.view(config, case).letters) > len(shown.letters)


def test_every_quote_stands_where_its_offsets_say_inside_one_zone(config: Config) -> None:
    from evidence.archive.reader import ArchiveReader

    with ArchiveReader(config.archive_path) as case:
        letters = {letter.sha256: letter for letter in case.letters(everything=True)}
        found = [*case.flags(), *case.requests()]
    assert len(found) > 40
    for item in found:
        letter = letters[item.sha256]
        assert letter.texts[item.part][item.start : item.end] == item.quote
        zones = [z for z in letter.zones_of(item.part) if z.start <= item.start and item.end <= z.end]
        assert len(zones) == 1
        assert zones[0].kind == "own"


def test_the_rows_are_the_same_bytes_in_another_process_locale_and_time_zone(config: Config) -> None:
    outputs = set()
    for language, zone, seed in (("C", "UTC", "0"), ("ru_RU.UTF-8", "Asia/Kamchatka", "77")):
        environment = os.environ | {"LC_ALL": language, "TZ": zone, "PYTHONHASHSEED": seed, "EVIDENCE_LANG": "en"}
        ended = subprocess.run(
            [sys.executable, "-c", "from evidence.cli import main; main()", "flags", "--json", "--all"],
            cwd=config.folder, capture_output=True, check=True, env=environment,
        )  # fmt: skip
        outputs.add(ended.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) > 20


def test_a_review_is_kept_apart_and_outlives_a_rebuild(config: Config) -> None:
    from evidence.archive.reader import ArchiveReader

    with ArchiveReader(config.archive_path) as case:
        flag = case.flags()[0]
    with Archive.open(config.archive_path, write=True, now=lambda: NOW, run=False) as archive:
        archive.review("flag", flag.id, "rejected", actor="Anna", note="a mistake")
        archive.review("flag", "0123456789abcdef", "accepted", actor="Anna")
    with Archive.open(config.archive_path, write=True, now=lambda: NOW) as archive:
        pipeline.reindex(archive, config, now=lambda: NOW, progress=Silent(), jobs=1)
    with ArchiveReader(config.archive_path) as case:
        shown = pipeline.view(config, case, everything=True)
    assert next(r for r in flag_rows(shown) if r["id"] == flag.id)["review"] == "rejected"
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", "review", "--list", "--json"],
        cwd=config.folder, capture_output=True, text=True, check=True, env=os.environ | {"EVIDENCE_LANG": "en"},
    )  # fmt: skip
    orphans = [row["id"] for row in map(json.loads, ended.stdout.splitlines()) if row["orphaned"]]
    assert orphans == ["0123456789abcdef"]


def test_an_altered_message_stops_the_bundle_with_exit_code_20(letters: list[Path], tmp_path: Path) -> None:
    """Its hash is reckoned again at every build; the triggers are out of the way, as for one who owns the file."""
    other = matter(tmp_path / "tampered", letters[:6])
    with sqlite3.connect(other.archive_path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        number, raw = connection.execute("SELECT id, raw FROM message ORDER BY id LIMIT 1").fetchone()
        octets = bytearray(raw)
        octets[-5] ^= 1
        connection.execute("UPDATE message SET raw = ? WHERE id = ?", (bytes(octets), number))
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", "bundle"],
        cwd=other.folder, capture_output=True, text=True, check=False, env=os.environ | {"EVIDENCE_LANG": "en"},
    )  # fmt: skip
    assert ended.returncode == 20, ended.stderr
    assert "evidence verify" in ended.stderr
    assert not list((other.folder / "bundles").glob("0*/bundle.pdf"))
