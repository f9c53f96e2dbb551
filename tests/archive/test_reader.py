"""Reading: letters with copies merged, an earlier state of the log, rebuilds that give identical rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.archive import derived
from evidence.archive.connect import connect_read
from evidence.archive.reader import ArchiveReader, internal_date
from evidence.archive.schema import DERIVED_TABLES
from evidence.archive.store import Archive
from evidence.archive.texts import json_text
from evidence.errors import EvidenceError
from evidence.model import Attachment, Zone, sha256_hex
from evidence.stems import stem
from tests.archive.cases import LETTERS, START, derive, rows_of, ticking, write_derived

Opened = Callable[[], Archive]
SHA = [sha256_hex(raw) for raw in LETTERS]


def test_letters_come_in_order_with_what_the_timeline_needs(original: Path) -> None:
    with ArchiveReader(original) as reader:
        first, second, third = reader.letters(everything=True)
        assert [letter.sha256 for letter in (first, second, third)] == SHA
        assert (first.speaker, first.addressees, second.speaker, second.addressees) == (
            "client",
            ("us",),
            "us",
            ("client",),
        )
        assert (first.folders, third.folders) == (("INBOX",), ("old.mbox",))
        assert first.at == START.replace(minute=1) and first.at_clock == "capture"
        assert first.texts["body"] == "Верните деньги до пятницы.\n"
        assert first.zones == (Zone("body", 0, 0, 27, "own"),)
        assert first.own_text() == first.texts["body"]
        assert first.attachments == (
            Attachment(1, "2", "act.pdf", "act.pdf", "application/pdf", "attachment", 3, sha256_hex(b"pdf")),
        )


def test_letters_are_in_scope_or_included_by_a_person(archive: Opened) -> None:
    with archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        for raw in LETTERS:
            opened.store(acquisition, raw)
        opened.commit()
        write_derived(opened.connection)
        reader = ArchiveReader(opened.connection)
        assert [letter.sha256 for letter in reader.letters()] == SHA[:2]  # the third is context
        opened.select(SHA[2], "include", "bears on it", actor="Anna")
        assert len(reader.letters()) == 3
        opened.select(SHA[2], "exclude", "after all not", actor="Boris")
        assert reader.selections()[SHA[2]]["actor"] == "Boris"
        assert len(reader.letters()) == 2
        opened.select(SHA[2], "include", "yes", actor="Anna")
        opened.connection.execute("UPDATE parsed_message SET withheld = 1 WHERE message = 3")
        assert len(reader.letters()) == 2  # counsel's mail is not brought in by including it
        assert len(reader.letters(everything=True)) == 3


def test_copies_are_merged_into_the_first_with_all_their_folders(archive: Opened) -> None:
    with archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        from evidence.model import FolderName

        for uid, (raw, name) in enumerate(zip(LETTERS, ("INBOX", "Sent", "Archive"), strict=True), 1):
            folder = opened.folder(acquisition, "office", FolderName(name, name.encode()), 1)
            opened.sight(acquisition, opened.store(acquisition, raw).number, folder=folder, uid=uid)
        opened.commit()
        before = ArchiveReader(opened.connection).head().size
        write_derived(opened.connection)
        opened.connection.execute("UPDATE parsed_message SET copy_of = 1 WHERE message IN (2, 3)")
        (letter,) = ArchiveReader(opened.connection).letters()
        assert (letter.sha256, letter.copies) == (SHA[0], (SHA[1], SHA[2]))
        assert letter.folders == ("INBOX", "Sent", "Archive")
        # a copy that a person included brings the letter in, though the letter itself is context
        opened.connection.execute("UPDATE parsed_message SET scope = 'context'")
        assert ArchiveReader(opened.connection).letters() == ()
        opened.select(SHA[2], "include", "the copy", actor="Anna")
        assert len(ArchiveReader(opened.connection).letters()) == 1
        # where the first of the group was not stored yet, the copy stands for itself
        assert before == ArchiveReader(opened.connection, before).head().size


def test_earlier_state_shows_what_stood_then(original: Path) -> None:
    with ArchiveReader(original) as now:
        full = now.head()
        bodies = list(now.events())
    for size in (0, 5, 8, 20, 22, full.size):
        with ArchiveReader(original, size) as reader:
            assert (reader.head().size, len(list(reader.events()))) == (size, size)
            assert list(reader.events()) == bodies[:size]
            with ArchiveReader(original) as now:
                assert reader.head() == now.head(size)
    with ArchiveReader(original, 20) as reader:
        assert [r.actor for r in reader.review_history("flag", "f" * 16)] == ["Anna"]
        assert (reader.hours(), reader.bundles(), reader.outside_files()) == ((), (), ())
        assert len(reader.letters(everything=True)) == 3
    with ArchiveReader(original, 6) as reader:
        assert [letter.sha256 for letter in reader.letters(everything=True)] == SHA[:1]
        assert reader.raw(SHA[0]) == LETTERS[0]
        with pytest.raises(LookupError):
            reader.raw(SHA[1])
        assert reader.acquisitions()[0]["outcome"] is None
        assert reader.sightings(SHA[1]) == ()
    with pytest.raises(EvidenceError, match="no state of it"):
        ArchiveReader(original, full.size + 1)


def test_everything_written_reads_back(original: Path) -> None:
    with ArchiveReader(original) as reader:
        (flag,), (request,) = reader.flags(), reader.requests()
        assert (flag.score, flag.detail, flag.links[0]["part"]) == (0.875, {"slot": "money"}, "body")
        assert (request.waited_days, request.answering_sha256, request.searched) == (
            1.5,
            SHA[1],
            {"folders": ["INBOX"]},
        )
        assert reader.dkim(SHA[0])[0].signed_headers == ("from", "to")
        assert reader.dns_keys()[0].authenticated is True
        seen, other = reader.sightings(SHA[1]), reader.sightings(SHA[2])
        assert (seen[0].uid, seen[0].flags, seen[0].gone_at is not None) == (2, ("\\Seen",), True)
        assert seen[0].internal_date == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        assert (other[0].source, other[0].uid, other[0].gone_at) == ("old.mbox", None, None)
        parsed = reader.parsed(SHA[0])
        assert (parsed.message_id, parsed.defects, parsed.headers[0][0]) == (
            "<1@romashka.example>",
            ("no Date",),
            "From",
        )
        assert reader.clocks(SHA[0])["capture"] == START.replace(minute=1)
        count = reader.folder_counts()[0]
        assert count.on_server == count.in_scope + count.context + count.out_of_scope + count.owed
        assert [o["uid"] for o in reader.owed_now()] == [3]
        assert reader.observations()[0]["severity"] == "alarm"
        assert reader.answers()[1]["answer"] == "yes"
        assert [c["name"] for c in reader.claims()] == ["shelf"]
        assert reader.notes()[0]["text"] == "they called as well"
        assert reader.exhibits()[0].bundle == 1
        assert (reader.rendered("picture", "ru"), reader.rendered("picture", "en")) == ("<svg/>", None)
        assert derived.read_state(reader.connection) == {"as_of": "2026-03-02T09:00:00Z"}
        assert reader.event_of("message", SHA[0]) == reader.event_of("message", 1) == 4
        assert reader.event_of("exhibit", 1) == 35
        assert reader.event_of("acquisition_end", 1) == 12
        for table, key in (("message", 99), ("flag", 1), ("event", 1)):
            with pytest.raises(LookupError):
                reader.event_of(table, key)
        with pytest.raises(LookupError):
            reader.parsed("0" * 64)


def test_two_rebuilds_give_identical_rows_and_change_no_evidence(copy: Path) -> None:
    evidence, before = rows_of(copy), rows_of(copy, DERIVED_TABLES[:-1])
    hits = _hits(copy)
    with Archive.open(copy, write=True, now=ticking()) as archive:
        write_derived(archive.connection)
    assert rows_of(copy, DERIVED_TABLES[:-1]) == before
    assert rows_of(copy) == evidence
    assert _hits(copy) == hits == [1]


def _hits(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    try:
        query = "SELECT rowid FROM search WHERE search MATCH ?"
        return [row[0] for row in connection.execute(query, (stem("деньгами"),))]
    finally:
        connection.close()


def test_rebuild_that_fails_leaves_the_old_rows(copy: Path) -> None:
    before = rows_of(copy, DERIVED_TABLES[:-1])
    archive = Archive.open(copy, write=True, now=ticking())
    with pytest.raises(RuntimeError), derived.rebuilding(archive.connection):
        derived.drop_derived(archive.connection)
        raise RuntimeError
    archive.close()
    assert rows_of(copy, DERIVED_TABLES[:-1]) == before


def test_message_written_again_replaces_its_rows_and_nothing_else(copy: Path) -> None:
    before = rows_of(copy, DERIVED_TABLES[:-1])
    with Archive.open(copy, write=True, now=ticking()) as archive:
        number, sha256, raw = next(iter(derived.raws(archive.connection)))
        assert derived.write_messages(archive.connection, [derive(number, sha256, raw)]) == 1
        assert derived.write_search(archive.connection, [(1, "x", "y", "z", "")]) == 0  # indexed already
        assert list(derived.raws(archive.connection, missing_only=True)) == []
        archive.connection.execute("DELETE FROM parsed_message WHERE message = 2")
        assert [n for n, _, _ in derived.raws(archive.connection, missing_only=True)] == [2]
        derived.write_messages(archive.connection, [derive(2, SHA[1], LETTERS[1])])
    after = rows_of(copy, DERIVED_TABLES[:-1])
    assert {t: sorted(map(repr, rows)) for t, rows in after.items()} == {
        t: sorted(map(repr, r)) for t, r in before.items()
    }


def test_reckoned_rows_can_be_emptied_alone(copy: Path) -> None:
    with Archive.open(copy, write=True, now=ticking()) as archive:
        derived.drop_reckoned(archive.connection)
        reader = ArchiveReader(archive.connection)
        assert (reader.flags(), reader.requests(), len(reader.letters())) == ((), (), 3)


def test_unknown_column_is_refused(copy: Path) -> None:
    row = derive(1, SHA[0], LETTERS[0])
    with Archive.open(copy, write=True, now=ticking()) as archive, pytest.raises(ValueError, match="no column colour"):
        derived.write_messages(archive.connection, [type(row)(1, SHA[0], {**row.row, "colour": "red"})])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("02-Mar-2026 12:00:00 +0300", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        (' "2-MAR-2026 12:00:00 -0500" ', datetime(2026, 3, 2, 17, tzinfo=UTC)),
        ("2026-03-02T12:00:00+03:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T12:00:00", None),
        ("32-Mar-2026 12:00:00 +0300", None),
        ("01-Jan-0001 00:00:00 +0300", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_internal_date_as_servers_write_it(text: str | None, expected: datetime | None) -> None:
    assert internal_date(text) == expected


def test_json_text_is_one_text_whatever_it_is_made_of() -> None:
    zone = Zone("body", 0, 0, 1, "own")
    value = {"b": START, "a": {3, 1}, "c": b"\xff", "d": zone}
    assert json_text(value) == (
        '{"a":[1,3],"b":"2026-03-02T09:00:00+00:00","c":"\\\\xff","d":{"answers":null,"end":1,"kind":"own","number":0,'
        '"part":"body","start":0,"why":""}}'
    )
    with pytest.raises(TypeError, match="no JSON form"):
        json_text(object())


def test_reader_cannot_write(original: Path) -> None:
    connection = connect_read(original)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM flag")
    connection.close()
