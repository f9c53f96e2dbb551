"""An archive with at least one row in every evidence and judgement table, made through the public calls alone."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evidence.archive import derived
from evidence.archive.schema import BOUND_TABLES
from evidence.archive.store import Archive
from evidence.model import (
    Address,
    Attachment,
    DkimResult,
    DnsKey,
    Flag,
    FolderName,
    ParsedMessage,
    Request,
    Zone,
    sha256_hex,
)
from evidence.ports import Derived, IssuedBundle, IssuedExhibit

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOOL = "evidence test"

LETTERS = (
    b"From: director@romashka.example\r\nTo: office@north.example\r\nMessage-ID: <1@romashka.example>\r\n\r\n"
    + "Верните деньги до пятницы.\r\n".encode(),
    b"From: office@north.example\r\nTo: director@romashka.example\r\nMessage-ID: <2@north.example>\r\n\r\nWe will look.\r\n",
    b"From: director@romashka.example\nTo: anna@north.example\nMessage-ID: <1@romashka.example>\n\nno CR, NUL \x00, 8-bit \xff\xfe",
)


def ticking(start: datetime = START) -> Callable[[], datetime]:
    """A clock one second later each time it is asked."""
    state = [start]

    def now() -> datetime:
        state[0] += timedelta(seconds=1)
        return state[0]

    return now


def fill(archive: Archive) -> None:
    """Two messages in INBOX, one imported, and a row in every other bound table."""
    first = archive.begin("sync", "office", {"tool": TOOL, "host": "pc"})
    inbox = archive.folder(first, "office", FolderName("INBOX", b"INBOX", "/", ("\\HasNoChildren",)), 7)
    sightings = []
    for uid, raw in enumerate(LETTERS[:2], 1):
        stored = archive.store(first, raw)
        sightings.append(
            archive.sight(
                first, stored.number, folder=inbox, uid=uid, internal_date="02-Mar-2026 12:00:00 +0300",
                server_size=len(raw), flags=("\\Seen",), reason="From",
            )
        )  # fmt: skip
    archive.owe(first, inbox, 3, "message", "the server sent nothing")
    archive.observe(first, "uid-reused", {"uid": 2}, severity="alarm", folder=inbox, uid=2, message=2)
    archive.folder_state(first, inbox, **state(on_server=3, in_scope=2, owed=1, last_uid=3, highest_modseq=2**62))
    archive.dns_key(DnsKey("s1._domainkey.romashka.example", b"v=DKIM1; p=AAAA", "127.0.0.1", True, START))
    archive.end(first, "incomplete", {"greeting": "* OK"})
    second = archive.begin("import", "", {"tool": TOOL})
    source = archive.source(second, "old.mbox", "mbox", 4096, sha256_hex(b"mbox"), "an mbox keeps no server time")
    third = archive.store(second, LETTERS[2])
    archive.sight(second, third.number, source=source, position="0", scope="context")
    archive.disappear(second, sightings[1], "gone")
    archive.end(second, "complete", {})
    archive.review("flag", "f" * 16, "accepted", actor="Anna", note="as written")
    archive.review("flag", "f" * 16, "rejected", actor="Boris", category="demand")
    archive.note("message", sha256_hex(LETTERS[0]), "they called as well", actor="Anna")
    archive.hours("Anna Orlova", "2026-03-02", 45, "answering", actor="Anna")
    archive.answer(1, "yes", note="", actor="Anna")
    archive.select(sha256_hex(LETTERS[2]), "include", "bears on the claim", actor="Anna")
    archive.redact(sha256_hex(LETTERS[0]), "passage", "body", 0, 7, "Верните", "phone number", actor="Anna")
    archive.claim("shelf", "The shelf fell", actor="Anna")
    file = archive.add_file(
        io.BytesIO(b"\xff\xd8 a photo"), filename="shelf.jpg", content_type="image/jpeg", title="The shelf",
        event_date="2026-03-01", kind="photo", note="", added_by="Anna",
    )  # fmt: skip
    archive.link("file", str(file), "claim", "shelf", actor="Anna")
    archive.propose([
        {
            "what": "flag", "target_id": "", "sha256": sha256_hex(LETTERS[0]), "part": "body", "start": 0, "end": 7,
            "quote": "Верните", "category": "demand", "outcome": None, "model": "m", "prompt_version": "1",
        }
    ])  # fmt: skip
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.witness import root_lines

    reader = ArchiveReader(archive.connection)
    head = reader.head()
    mail = (
        f"From: lawyer@lawfirm.example\r\nDate: Mon, 02 Mar 2026 12:30:00 +0300\r\n\r\n{root_lines(archive.uuid, head)}"
    )
    archive.anchored({
        "kind": "witness", "root": head.root, "size": head.size, "at": "2026-03-02T09:40:00Z",
        "stated_at": "2026-03-02T09:30:00Z", "authority": "lawyer@lawfirm.example", "test": False, "token": mail.encode(),
        "serial": "",
    })  # fmt: skip
    archive.issue_bundle(
        IssuedBundle(
            1, "full", "bundles/0001-full", START, "2026-03-02", head.size, head.root, 12, "a" * 64, "b" * 64, "ru", {}
        ),
        [IssuedExhibit(1, "message", sha256_hex(LETTERS[0]), 1, "N-1", "N-2")],
    )


def state(**changed: Any) -> dict[str, Any]:
    plain = {
        "uidnext": 4, "highest_modseq": None, "last_uid": 0, "on_server": 0, "in_scope": 0, "context": 0, "out_of_scope": 0,
        "owed": 0, "fetched": 0, "vanished": 0, "scope_key": "k", "passed_over": b"",
    }  # fmt: skip
    return plain | changed


def whole_archive(path: Path) -> Path:
    with Archive.create(path, now=ticking(), tool=TOOL) as archive:
        fill(archive)
        write_derived(archive.connection)
    return path


def write_derived(connection: sqlite3.Connection) -> None:
    """Derived rows for every stored message, as a rebuild would write them."""
    with derived.rebuilding(connection):
        derived.drop_derived(connection)
        rows = [derive(number, sha256, raw) for number, sha256, raw in derived.raws(connection)]
        derived.write_messages(connection, rows)
        derived.write_search(
            connection, [(row.number, row.texts["subject"], row.texts["body"], "Director", "act.pdf") for row in rows]
        )
        sha256 = sha256_hex(LETTERS[0])
        derived.write_flags(
            connection,
            [
                Flag(
                    "f" * 16, sha256, "demand", "refund", "body", 0, 14, "Верните деньги", "client", "stated", "r1",
                    "ru@1#abc", "imperative", 0.875, ({"sha256": sha256, "part": "body"},), {"slot": "money"},
                )
            ],
        )  # fmt: skip
        derived.write_requests(
            connection,
            [
                Request(
                    "e" * 16, sha256, "body", 0, 14, "Верните деньги", "client", "payment", START, "answered", "stated",
                    due_at=START + timedelta(days=3), answering_sha256=sha256_hex(LETTERS[1]), answer_quote="We will look.",
                    other_messages=(sha256_hex(LETTERS[1]),), waited_days=1.5, waited_working_days=1,
                    searched={"folders": ["INBOX"]}, why="a reply",
                )
            ],
        )  # fmt: skip
        derived.write_rendered(connection, "picture", "ru", "<svg/>")
        derived.write_state(connection, {"as_of": "2026-03-02T09:00:00Z"})


def derive(number: int, sha256: str, raw: bytes) -> Derived:
    """A small reading of the fixture letters: enough for every derived table to have rows."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode("ascii").split("\n"))
    text = body.decode("utf-8", "replace")
    message = ParsedMessage(
        sha256=sha256, message_id=fields["Message-ID"], in_reply_to=(), references=(), date_raw=None, date=None, subject="Shelf",
        addresses=(Address("from", "", fields["From"]), Address("to", "", fields["To"])), received=(), kind="human",
        texts={"body": text, "subject": "Shelf"}, body_source="plain", html=None,
        attachments=(Attachment(1, "2", "act.pdf", "act.pdf", "application/pdf", "attachment", 3, sha256_hex(b"pdf")),),
        headers=tuple(fields.items()), language="ru", defects=("no Date",),
    )  # fmt: skip
    at = f"2026-03-02T09:0{number}:00Z"
    ours = fields["From"].endswith("@north.example")
    row = derived.parsed_columns(message) | {
        "captured_at": at, "at": at, "at_clock": "capture", "at_note": "", "sender": fields["From"], "sender_name": "",
        "speaker": "us" if ours else "client", "person": "", "scope": "context" if number == 3 else "in-scope",
        "scope_reason": "From", "withheld": 0, "thread": sha256, "thread_by": "", "gist": "Shelf", "own_words": 4,
    }  # fmt: skip
    return Derived(
        number, sha256, row,
        participants=(
            {"header": "from", "name": "", "address": fields["From"], "party": row["speaker"], "person": ""},
            {"header": "to", "name": "", "address": fields["To"], "party": "client" if ours else "us", "person": ""},
        ),
        texts=message.texts, zones=(Zone("body", 0, 0, len(text), "own"),), attachments=message.attachments,
        dkim=(DkimResult(1, "romashka.example", "s1", "pass", "", ("from", "to"), None, 2048, "rsa-sha256", "relaxed/relaxed"),),
    )  # fmt: skip


def rows_of(path: Path, tables: tuple[str, ...] = ("event", *BOUND_TABLES)) -> dict[str, list[tuple[Any, ...]]]:
    """The logical content of an archive: every row of every evidence and judgement table."""
    connection = sqlite3.connect(path)
    try:
        return {t: connection.execute(f"SELECT * FROM {t} ORDER BY rowid").fetchall() for t in tables}
    finally:
        connection.close()


def bare(path: Path) -> sqlite3.Connection:
    """A plain connection as an attacker has it, the courtesy triggers gone (and put back by ``restore_triggers``)."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA journal_mode=MEMORY")
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    return connection


def restore_triggers(connection: sqlite3.Connection) -> None:
    from evidence.archive.schema import append_only_triggers

    for table in ("event", *BOUND_TABLES):
        for statement in append_only_triggers(table):
            connection.execute(statement)
