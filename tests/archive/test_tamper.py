"""The tamper matrix, named by the damage. Whoever owns the file may do all of this; ``verify`` must name it."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from evidence.archive.log import leaf_hash
from evidence.archive.reader import ArchiveReader
from evidence.archive.schema import BOUND_TABLES, columns
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.canonical import canonical_json
from evidence.model import Problem, VerificationReport
from evidence.ports import LogHead
from tests.archive.cases import LETTERS, bare, restore_triggers, rows_of, ticking

COLUMNS = [(table, column) for table in BOUND_TABLES for column in columns(table)]


def found(path: Path, code: str) -> list[Problem]:
    return [problem for problem in verify_archive(path).problems if problem.code == code]


def damage(path: Path, *statements: str) -> None:
    connection = bare(path)
    connection.execute("PRAGMA ignore_check_constraints=ON")
    for statement in statements:
        connection.execute(statement)
    restore_triggers(connection)
    connection.close()


def test_every_table_has_a_row_to_damage(original: Path) -> None:
    rows = rows_of(original)
    assert [table for table in BOUND_TABLES if not rows[table]] == []


def test_an_untouched_archive_is_sound(original: Path) -> None:
    report = verify_archive(original)
    assert report.problems == ()
    with ArchiveReader(original) as reader:
        assert (report.size, report.root) == (reader.head().size, reader.head().root)
    assert report.checked["octets"] == sum(map(len, LETTERS)) + len(b"\xff\xd8 a photo")


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[f"{t}.{c}" for t, c in COLUMNS])
def test_altered_column_is_named_with_its_row_and_event(copy: Path, table: str, column: str) -> None:
    before = rows_of(copy)
    connection = bare(copy)
    rowid, value, event, kind = connection.execute(
        f'SELECT rowid, "{column}", event, typeof("{column}") FROM {table} ORDER BY rowid LIMIT 1'
    ).fetchone()
    declared = {r[1]: r[2] for r in connection.execute(f"PRAGMA table_info({table})")}[column]
    altered = {
        "integer": lambda: value + 1000, "text": lambda: value + "x", "blob": lambda: value + b"x",
        "null": lambda: {"INTEGER": 1000, "TEXT": "x", "BLOB": b"x"}[declared],
    }[kind]()  # fmt: skip
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (altered, rowid))
    restore_triggers(connection)
    connection.close()
    assert rows_of(copy) != before
    problems = verify_archive(copy).problems
    if column == "event":
        assert any(p.where == table and p.column == "event" for p in problems)
        assert any(p.code == "row-missing" and p.where == table and p.event == event for p in problems)
    else:
        named = [p for p in problems if p.where == table and p.column == column and p.event == event]
        assert named, problems
        if column not in ("id", "number", "acquisition"):  # the row's own number is what was altered
            assert named[0].row == rowid


@pytest.mark.parametrize("table", BOUND_TABLES)
def test_null_column_is_named(copy: Path, table: str) -> None:
    connection = bare(copy)
    nullable = [r[1] for r in connection.execute(f"PRAGMA table_info({table})") if not r[3] and not r[5]]
    for column in nullable:
        rowid, event, value = connection.execute(f'SELECT rowid, event, "{column}" FROM {table} LIMIT 1').fetchone()
        if value is not None:
            connection.execute(f'UPDATE {table} SET "{column}" = NULL WHERE rowid = ?', (rowid,))
            assert any(p.column == column and p.event == event for p in verify_archive(copy).problems)
    connection.close()


@pytest.mark.parametrize("table", BOUND_TABLES)
def test_deleted_row_is_named_by_its_event(copy: Path, table: str) -> None:
    event = rows_of(copy)[table][0][columns(table).index("event")]
    damage(copy, f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")
    assert [p.event for p in found(copy, "row-missing") if p.where == table] == [event]


@pytest.mark.parametrize("table", BOUND_TABLES)
def test_duplicated_row_is_named(copy: Path, table: str) -> None:
    connection = bare(copy)
    names = columns(table)
    row = dict(zip(names, connection.execute(f"SELECT * FROM {table} ORDER BY rowid LIMIT 1").fetchone(), strict=True))
    own = {"archive": "id", "acquisition_end": "acquisition", "outside_chunk": "number", "exhibit": "number"}.get(
        table, "id"
    )
    row[own] = 999
    unique = {"message": "sha256", "folder": "uidvalidity", "bundle": "number", "exhibit": "sha256"}.get(table)
    if unique:
        row[unique] = 999 if isinstance(row[unique], int) else "0" * 64
    connection.execute("PRAGMA ignore_check_constraints=ON")
    marks = ", ".join("?" for _ in names)
    connection.execute(f"INSERT INTO {table} VALUES ({marks})", list(row.values()))
    restore_triggers(connection)
    connection.close()
    problems = verify_archive(copy).problems
    assert any(p.code == "row-duplicate" and p.where == table for p in problems)
    assert any(p.code == "row-altered" and p.column == own for p in problems)


def test_rows_exchanged_between_two_ids_are_named(copy: Path) -> None:
    damage(
        copy,
        "UPDATE sighting SET id = 100 WHERE id = 1",
        "UPDATE sighting SET id = 1 WHERE id = 2",
        "UPDATE sighting SET id = 2 WHERE id = 100",
    )
    assert {(p.row, p.column) for p in found(copy, "row-altered")} >= {(1, "id"), (2, "id")}


def test_octets_exchanged_between_two_messages_are_named(copy: Path) -> None:
    connection = bare(copy)
    one, two = (connection.execute("SELECT raw FROM message WHERE id = ?", (n,)).fetchone()[0] for n in (1, 2))
    connection.execute("UPDATE message SET raw = ? WHERE id = 1", (two,))
    connection.execute("UPDATE message SET raw = ? WHERE id = 2", (one,))
    connection.close()
    assert {p.row for p in found(copy, "octets-altered")} == {1, 2}


def test_one_flipped_bit_of_one_message_is_named(copy: Path) -> None:
    connection = bare(copy)
    raw = bytearray(connection.execute("SELECT raw FROM message WHERE id = 2").fetchone()[0])
    raw[len(raw) // 2] ^= 1
    connection.execute("UPDATE message SET raw = ? WHERE id = 2", (bytes(raw),))
    restore_triggers(connection)
    connection.close()
    report = verify_archive(copy)
    assert [(p.code, p.where, p.row, p.column) for p in report.problems] == [("octets-altered", "message", 2, "raw")]
    assert hashlib.sha256(LETTERS[1]).hexdigest() in report.problems[0].text
    assert verify_archive(copy, quick=True).sound  # a quick check compares sizes, and says so
    assert any("quick" in text.lower() for text in verify_archive(copy, quick=True).unknowable)


def test_quick_check_finds_other_length(copy: Path) -> None:
    damage(copy, "UPDATE message SET raw = substr(raw, 2) WHERE id = 2")
    assert [p.row for p in verify_archive(copy, quick=True).problems] == [2]


def test_replace_through_plain_sqlite_passes_the_triggers_and_is_found(copy: Path) -> None:
    connection = sqlite3.connect(copy, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE review SET actor = 'x'")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM review")
    connection.execute("REPLACE INTO review SELECT id, target, target_id, 'unreviewed', category, outcome, answering_sha256,"
                       " note, actor, at, event FROM review WHERE id = 1")  # fmt: skip
    connection.close()
    assert [(p.where, p.row, p.column) for p in verify_archive(copy).problems] == [("review", 1, "decision")]


@pytest.mark.parametrize("column", ["seq", "body", "leaf"])
def test_altered_event_is_named(copy: Path, column: str) -> None:
    changed = {"seq": "seq + 5000", "body": "replace(body, 'Anna', 'Olga')", "leaf": "zeroblob(32)"}[column]
    damage(copy, f"UPDATE event SET {column} = {changed} WHERE body LIKE '%hours-logged%'")
    codes = {p.code for p in verify_archive(copy).problems}
    assert codes & {"seq": {"log-gap"}, "body": {"log-leaf"}, "leaf": {"log-leaf"}}[column]


def test_event_and_row_altered_alike_with_a_fresh_leaf_is_found_by_the_bundles_root(copy: Path) -> None:
    """Without any root kept elsewhere this would be a clean rewrite; here an issued bundle states the old root."""
    rewrite(copy, "hours-logged", {"minutes": 450})
    assert {p.code for p in verify_archive(copy).problems} == {"anchor-root", "bundle-root"}


def test_deleted_event_is_a_gap(copy: Path) -> None:
    damage(copy, "DELETE FROM event WHERE seq = 5")
    problems = verify_archive(copy).problems
    assert any(p.code == "log-gap" and "Event 5 is missing" in p.text for p in problems)


def test_reordered_events_are_named(copy: Path) -> None:
    damage(
        copy,
        "UPDATE event SET seq = 9000 WHERE seq = 5",
        "UPDATE event SET seq = 5 WHERE seq = 6",
        "UPDATE event SET seq = 6 WHERE seq = 9000",
    )
    assert {p.event for p in found(copy, "log-order")} == {5, 6}


def test_inserted_row_with_an_event_of_its_own_that_was_never_logged(copy: Path) -> None:
    damage(copy, "INSERT INTO note SELECT 50, target, target_id, 'forged', actor, at, 4000 FROM note")
    assert [(p.where, p.row, p.event) for p in found(copy, "row-unbound")] == [("note", 50, 4000)]


def test_row_inserted_in_the_middle_with_valid_hashes_breaks_every_root_kept(copy: Path) -> None:
    """Renumbering all later events keeps hashes valid; the stated roots then no longer fit."""
    insert_event(copy, 10)
    codes = {p.code for p in verify_archive(copy).problems}
    assert {"anchor-root", "bundle-root"} <= codes


def test_non_canonical_event_body_is_named(copy: Path) -> None:
    connection = bare(copy)
    seq, body = connection.execute("SELECT seq, body FROM event WHERE body LIKE '%hours-logged%'").fetchone()
    loose = json.dumps(json.loads(body), ensure_ascii=False)
    connection.execute("UPDATE event SET body = ?, leaf = ? WHERE seq = ?", (loose, leaf_hash(loose.encode()), seq))
    connection.close()
    assert [p.event for p in found(copy, "log-body")] == [seq]


def test_event_binding_a_table_that_is_not_of_the_format_is_named(copy: Path) -> None:
    connection = bare(copy)
    seq, body = connection.execute("SELECT seq, body FROM event WHERE body LIKE '%hours-logged%'").fetchone()
    strange = canonical_json({**json.loads(body), "table": "sqlite_schema"})
    connection.execute("UPDATE event SET body = ?, leaf = ? WHERE seq = ?", (strange, leaf_hash(strange.encode()), seq))
    connection.close()
    assert [p.event for p in found(copy, "log-body")] == [seq]


def test_message_named_by_a_hash_that_is_not_of_its_octets(tmp_path: Path) -> None:
    """A writer that lies from the start: row and event agree, octets and name do not."""
    path = tmp_path / "liar.db"
    with Archive.create(path, now=ticking(), tool="x") as archive:
        acquisition = archive.begin("sync", "a", {})
        row = {
            "sha256": "0" * 64,
            "size": 2,
            "acquisition": acquisition,
            "acquired_at": "2026-01-01T00:00:00Z",
            "raw": b"hi",
        }
        archive.append("message", row, "message-stored")
    assert [p.code for p in verify_archive(path).problems] == ["name-false"]


def test_altered_chunk_of_an_outside_file_is_named(copy: Path) -> None:
    damage(copy, "UPDATE outside_chunk SET octets = x'ffd820612070686f746e'")
    problems = found(copy, "octets-altered")
    assert {p.where for p in problems} == {"outside_chunk", "outside_file"}


def test_octets_of_no_recorded_file_are_named(copy: Path) -> None:
    damage(copy, "INSERT INTO outside_chunk SELECT 77, number, sha256, size, event, octets FROM outside_chunk")
    assert any(p.where == "outside_chunk" and p.row == 77 for p in found(copy, "row-unbound"))


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER review_no_update",
        "CREATE TRIGGER evil AFTER INSERT ON review BEGIN DELETE FROM note; END",
        "DROP VIEW flags",
        "CREATE TABLE extra (a)",
    ],
)
def test_altered_schema_is_named(copy: Path, statement: str) -> None:
    connection = sqlite3.connect(copy, isolation_level=None)
    connection.execute(statement)
    connection.close()
    assert [p.code for p in verify_archive(copy).problems] == ["schema"]


def test_view_that_lies_is_named(copy: Path) -> None:
    connection = sqlite3.connect(copy, isolation_level=None)
    connection.execute("DROP VIEW bundles")
    connection.execute("CREATE VIEW bundles AS SELECT 1 AS id")
    connection.close()
    assert [(p.code, p.where) for p in verify_archive(copy).problems] == [("schema", "bundles")]


def test_emptied_log_is_named(copy: Path) -> None:
    damage(copy, "DELETE FROM event")
    codes = {p.code for p in verify_archive(copy).problems}
    assert {"log-empty", "row-unbound"} <= codes


# ---- what only something outside the file can find -------------------------------------------


def truncate(path: Path, size: int) -> None:
    """Cut the log to ``size`` and take away every row bound later: a clean, shorter archive."""
    connection = bare(path)
    for table in reversed(BOUND_TABLES):
        connection.execute(f"DELETE FROM {table} WHERE event >= ?", (size,))
    connection.execute("DELETE FROM event WHERE seq >= ?", (size,))
    restore_triggers(connection)
    connection.close()


def rewrite(path: Path, kind: str, changes: dict[str, object]) -> None:
    """Alter a row, its event and the leaf alike: the whole file is then consistent in itself."""
    connection = bare(path)
    for seq, body in connection.execute("SELECT seq, body FROM event").fetchall():
        event = json.loads(body)
        if event["kind"] == kind:
            event["row"] |= changes
            for column, value in changes.items():
                connection.execute(f'UPDATE {event["table"]} SET "{column}" = ? WHERE event = ?', (value, seq))
            text = canonical_json(event)
            connection.execute(
                "UPDATE event SET body = ?, leaf = ? WHERE seq = ?", (text, leaf_hash(text.encode()), seq)
            )
    restore_triggers(connection)
    connection.close()


def insert_event(path: Path, place: int) -> None:
    """Insert a forged note and its event at ``place``, renumbering and rehashing everything after it."""
    connection = bare(path)
    events = connection.execute("SELECT seq, body FROM event ORDER BY seq DESC").fetchall()
    for seq, body in events:
        if seq >= place:
            text = canonical_json({**json.loads(body), "seq": seq + 1})
            connection.execute(
                "UPDATE event SET seq = ?, body = ?, leaf = ? WHERE seq = ?",
                (seq + 1, text, leaf_hash(text.encode()), seq),
            )
    for table in BOUND_TABLES:
        connection.execute(f"UPDATE {table} SET event = event + 1 WHERE event >= ?", (place,))
    row = {
        "id": 90,
        "target": "message",
        "target_id": "x",
        "text": "forged",
        "actor": "Anna",
        "at": "2026-03-02T09:00:00Z",
    }
    text = canonical_json({"at": row["at"], "kind": "noted", "seq": place, "table": "note", "row": row})
    connection.execute("INSERT INTO event VALUES (?, ?, ?)", (place, text, leaf_hash(text.encode())))
    connection.execute("INSERT INTO note VALUES (?, ?, ?, ?, ?, ?, ?)", (*row.values(), place))
    restore_triggers(connection)
    connection.close()


def without_kept_roots(path: Path) -> LogHead:
    """Cut the archive back to before its anchor and bundle, and return the head it then has."""
    connection = sqlite3.connect(path)
    size = connection.execute("SELECT min(event) FROM anchor").fetchone()[0]
    connection.close()
    truncate(path, size)
    with ArchiveReader(path) as reader:
        return reader.head()


@pytest.mark.parametrize("attack", ["chain-rewritten-whole", "row-inserted-with-valid-hashes", "log-truncated"])
def test_clean_rewrite_is_found_only_against_a_root_kept_elsewhere(copy: Path, attack: str) -> None:
    kept = without_kept_roots(copy)
    assert verify_archive(copy, heads=[kept]).sound
    if attack == "chain-rewritten-whole":
        rewrite(copy, "hours-logged", {"minutes": 450})
    elif attack == "row-inserted-with-valid-hashes":
        insert_event(copy, 10)
    else:
        truncate(copy, kept.size - 3)
    alone = verify_archive(copy)
    assert alone.sound, "nothing inside the file can tell"
    assert any("Nothing outside this machine vouches" in text for text in alone.unknowable)
    against: VerificationReport = verify_archive(copy, heads=[kept])
    assert {p.code for p in against.problems} <= {"head-root", "older-copy"}
    assert not against.sound


def test_older_copy_put_back_is_found_by_this_machines_memory_and_by_a_kept_root(copy: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    shutil.copy(copy, old)
    now = ticking()
    with Archive.open(copy, write=True, now=now) as archive:
        archive.hours("Anna", "2026-03-03", 10, "more", actor="Anna")
    with ArchiveReader(copy) as reader:
        kept = reader.head()
    shutil.copy(old, copy)
    assert [p.code for p in verify_archive(copy).problems] == ["older-copy"]
    (tmp_path / "state").rename(tmp_path / "forgotten")
    assert verify_archive(copy).sound
    assert [p.code for p in verify_archive(copy, heads=[kept]).problems] == ["older-copy"]


def test_flipped_bytes_of_the_file_are_found_or_change_nothing(original: Path, tmp_path: Path) -> None:
    import os

    whole = original.read_bytes()
    content = rows_of(original)
    random_ = random.Random(20261122)
    count = 1500 if os.environ.get("EVIDENCE_TEST_FULL") else 120
    # half anywhere, half where the evidence lies: the pages with text on them
    inked = [i for i in range(0, len(whole), 64) if any(whole[i : i + 64])]
    places = [random_.randrange(len(whole)) for _ in range(count // 2)]
    places += [random_.choice(inked) + random_.randrange(64) for _ in range(count - len(places))]
    caught = 0
    for place in places:
        path = tmp_path / "flipped.db"
        octets = bytearray(whole)
        octets[place] ^= 1 << random_.randrange(8)
        path.write_bytes(octets)
        if not _sound(path):
            caught += 1
        else:
            assert rows_of(path) == content, f"byte {place} changed what is stored, and verify did not see it"
    assert caught > count // 10


def _sound(path: Path) -> bool:
    from evidence.errors import EvidenceError

    try:
        return verify_archive(path).sound
    except EvidenceError:
        return False


def test_verdict_is_said_in_the_persons_language(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_LANG", "ru")
    damage(copy, "UPDATE hours SET minutes = 450")
    report = verify_archive(copy)
    assert (
        report.problems[0].text
        == "Строка 1 таблицы hours: столбец minutes не совпадает с тем, что записано в событии 22."
    )
    assert report.problems[0].column == "minutes"
    assert any(text.startswith("События с 33 по") for text in report.unknowable)
