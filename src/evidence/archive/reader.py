"""``ports.CaseFile``: read access to an archive, now or as it stood when its log had a given size.

Evidence and judgement rows are limited by the event that binds them. Derived rows are of the last rebuild; of them only
those on messages stored by then are given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from evidence.archive.binding import utc_time
from evidence.archive.letters import read_attachments, read_letters
from evidence.archive.log_reader import LogReader
from evidence.archive.words import _
from evidence.errors import IntegrityFailure
from evidence.model import (
    Address,
    DkimResult,
    DnsKey,
    Flag,
    Letter,
    ParsedMessage,
    ReceivedHop,
    Request,
    Sighting,
    sha256_hex,
)
from evidence.ports import FolderCount, IssuedBundle, IssuedExhibit, OutsideFile, Review

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class ArchiveReader(LogReader):
    """``ports.CaseFile``. Reads; never writes."""

    # ---- messages ----------------------------------------------------------------------------

    def letters(self, *, everything: bool = False) -> Sequence[Letter]:
        """Copy-merged letters by (at, number): in scope and included ones; ``everything`` adds context and withheld."""
        included = [sha256 for sha256, last in self.selections().items() if last["action"] == "include"]
        return tuple(read_letters(self.connection, self._limit, everything=everything, included=included))

    def raw(self, sha256: str) -> bytes:
        """The exact octets, hashed again on the way out. Raises LookupError, and IntegrityFailure where they were altered."""
        row = self.connection.execute(
            "SELECT raw FROM message WHERE sha256 = ? AND event < ?", (sha256, self._limit)
        ).fetchone()
        if row is None:
            raise LookupError(f"no message with SHA-256 {sha256}")
        raw = bytes(row[0])
        if sha256_hex(raw) != sha256:
            raise IntegrityFailure(
                _("The message {sha256} is not what it was when it was stored.").format(sha256=sha256),
                _("Its bytes no longer have the SHA-256 recorded in the custody log."),
                _("Run `evidence verify`, and go back to a copy that is sound."),
            )
        return raw

    def parsed(self, sha256: str) -> ParsedMessage:
        """What was read out of the octets at the last rebuild. Raises LookupError if they were not parsed yet."""
        row = self._row("SELECT * FROM parsed_message WHERE sha256 = ?", sha256)
        number = row["message"]
        people = self.connection.execute(
            "SELECT header, name, address FROM participant WHERE message = ? ORDER BY position", (number,)
        )
        texts = self.connection.execute("SELECT part, text FROM text_part WHERE message = ? ORDER BY part", (number,))
        return ParsedMessage(
            sha256=sha256, message_id=row["message_id"], in_reply_to=_strings(row["in_reply_to"]),
            references=_strings(row["refs"]), date_raw=row["date_raw"], date=_iso(row["date"]), subject=row["subject"],
            addresses=tuple(Address(*p) for p in people), received=_hops(row["received"]), kind=row["kind"],
            texts=dict(texts.fetchall()), body_source=row["body_source"], html=row["html"],
            attachments=tuple(read_attachments(self.connection, {number})[number]),
            headers=tuple((str(name), str(value)) for name, value in json.loads(row["headers"] or "[]")),
            x_mailer=row["x_mailer"], language=row["language"], defects=_strings(row["defects"]), failed=row["failed"],
        )  # fmt: skip

    def clocks(self, sha256: str) -> Mapping[str, datetime | None]:
        """date, received, internaldate, capture."""
        row = self._row(
            "SELECT date, received_at, internal_at, captured_at FROM parsed_message WHERE sha256 = ?", sha256
        )
        return {
            "date": _iso(row["date"]), "received": _iso(row["received_at"]), "internaldate": _iso(row["internal_at"]),
            "capture": _iso(row["captured_at"]),
        }  # fmt: skip

    def sightings(self, sha256: str) -> Sequence[Sighting]:
        """Every place the message was seen, first sighting first."""
        rows = self.connection.execute(
            "SELECT coalesce(f.account, a.account), coalesce(f.name, ''), f.uidvalidity, s.uid, s.internal_date, s.seen_at,"
            " s.acquisition, s.flags, s.labels, src.path, (SELECT min(d.noticed_at) FROM disappearance d"
            "   WHERE d.sighting = s.id AND d.event < ?1)"
            " FROM sighting s JOIN message m ON m.id = s.message JOIN acquisition a ON a.id = s.acquisition"
            " LEFT JOIN folder f ON f.id = s.folder LEFT JOIN source src ON src.id = s.source"
            " WHERE m.sha256 = ?2 AND s.event < ?1 ORDER BY s.id",
            (self._limit, sha256),
        )
        return tuple(
            Sighting(
                account=r[0], folder=r[1], uidvalidity=r[2], uid=r[3], internal_date=internal_date(r[4]), seen_at=_at(r[5]),
                acquisition=r[6], flags=_strings(r[7]), labels=_strings(r[8]), source=r[9] or "", gone_at=utc_time(r[10]),
            )
            for r in rows
        )  # fmt: skip

    def dkim(self, sha256: str) -> Sequence[DkimResult]:
        rows = self.connection.execute(
            "SELECT d.number, d.domain, d.selector, d.result, d.reason, d.signed_headers, d.length_tag, d.key_bits,"
            " d.algorithm, d.canonicalization, d.warnings FROM dkim d JOIN parsed_message p ON p.message = d.message"
            " WHERE p.sha256 = ? ORDER BY d.number",
            (sha256,),
        )
        return tuple(
            DkimResult(
                index=r[0], domain=r[1], selector=r[2], result=r[3], reason=r[4], signed_headers=_strings(r[5]),
                length_tag=r[6], key_bits=r[7], algorithm=r[8], canonicalization=r[9], warnings=_strings(r[10]),
            )
            for r in rows
        )  # fmt: skip

    def dns_keys(self) -> Sequence[DnsKey]:
        return tuple(
            DnsKey(
                r["name"], bytes(r["answer"]), r["resolver"], bool(r["authenticated"]), _at(r["asked_at"]), r["error"]
            )
            for r in self._bound("dns_key")
        )

    # ---- timeline ----------------------------------------------------------------------------

    def flags(self) -> Sequence[Flag]:
        """By (at, message, part, start, id)."""
        rows = self._rows(
            "SELECT f.*, p.sha256 FROM flag f JOIN parsed_message p ON p.message = f.message JOIN message m ON m.id = f.message"
            " WHERE m.event < ? ORDER BY p.at, f.message, f.part, f.start, f.id",
            self._limit,
        )
        return tuple(
            Flag(
                id=r["id"], sha256=r["sha256"], category=r["category"], subtype=r["subtype"], part=r["part"],
                start=r["start"], end=r["end"], quote=r["quote"], speaker=r["speaker"], tier=r["tier"], rule=r["rule"],
                pack=r["pack"], why=r["why"], score=r["score"] / 1000, links=tuple(json.loads(r["links"])),
                detail=json.loads(r["detail"]),
            )
            for r in rows
        )  # fmt: skip

    def requests(self) -> Sequence[Request]:
        """By (asked_at, message, part, start, id)."""
        rows = self._rows(
            "SELECT q.*, p.sha256, (SELECT sha256 FROM message WHERE id = q.answering) AS answering_sha256"
            " FROM request q JOIN parsed_message p ON p.message = q.message JOIN message m ON m.id = q.message"
            " WHERE m.event < ? ORDER BY q.asked_at, q.message, q.part, q.start, q.id",
            self._limit,
        )
        return tuple(
            Request(
                id=r["id"], sha256=r["sha256"], part=r["part"], start=r["start"], end=r["end"], quote=r["quote"],
                asker=r["asker"], kind=r["kind"], asked_at=_at(r["asked_at"]), outcome=r["outcome"], tier=r["tier"],
                due_at=utc_time(r["due_at"]), answering_sha256=r["answering_sha256"], answer_quote=r["answer_quote"],
                other_messages=_strings(r["other_messages"]),
                waited_days=None if r["waited_days"] is None else float(r["waited_days"]),
                waited_working_days=r["waited_working_days"], repeats=r["repeats"], searched=json.loads(r["searched"]),
                why=r["why"], detail=json.loads(r["detail"]),
            )
            for r in rows
        )  # fmt: skip

    def rendered(self, name: str, language: str) -> str | None:
        row = self.connection.execute(
            "SELECT body FROM rendered WHERE name = ? AND language = ?", (name, language)
        ).fetchone()
        return row[0] if row else None

    # ---- judgement ---------------------------------------------------------------------------

    def reviews(self) -> Mapping[tuple[str, str], Review]:
        """(target, target_id) -> the last decision."""
        return {(r["target"], r["target_id"]): _review(r) for r in self._bound("review")}

    def review_history(self, target: str, target_id: str) -> Sequence[Review]:
        """Every decision, first to last."""
        return tuple(_review(r) for r in self._bound("review") if (r["target"], r["target_id"]) == (target, target_id))

    def last_review(self, target: str, target_id: str) -> int:
        """The id to hand back as ``expect`` when reviewing; 0 where nobody decided yet."""
        row = self.connection.execute(
            "SELECT coalesce(max(id), 0) FROM review WHERE target = ? AND target_id = ? AND event < ?",
            (target, target_id, self._limit),
        ).fetchone()
        return int(row[0])

    def hours(self) -> Sequence[Mapping[str, Any]]:
        return self._bound("hours")

    def answers(self) -> Mapping[int, Mapping[str, Any]]:
        """question -> the last answer: {question, answer, note, actor, at, …}."""
        return {r["question"]: r for r in self._bound("answer")}

    def selections(self) -> Mapping[str, Mapping[str, Any]]:
        """sha256 -> the last include or exclude: {action, reason, actor, at}."""
        return {r["sha256"]: r for r in self._bound("selection")}

    def redactions(self) -> Sequence[Mapping[str, Any]]:
        """The last word on each redaction, withdrawn ones left out."""
        last = {
            (r["sha256"], r["kind"], r["part"], r["start"], r["end"], r["value"]): r for r in self._bound("redaction")
        }
        return tuple(r for r in sorted(last.values(), key=lambda r: int(r["id"])) if not r["undone"])

    def links(self) -> Sequence[Mapping[str, Any]]:
        return self._bound("link")

    def claims(self) -> Sequence[Mapping[str, Any]]:
        """One row per name; the last title wins."""
        return tuple({r["name"]: r for r in self._bound("claim")}.values())

    def notes(self) -> Sequence[Mapping[str, Any]]:
        return self._bound("note")

    def proposals(self) -> Sequence[Mapping[str, Any]]:
        return self._bound("proposal")

    # ---- custody and completeness ------------------------------------------------------------

    def folder_counts(self) -> Sequence[FolderCount]:
        """The last finished look at each folder generation, by account, folder, UIDVALIDITY."""
        rows = self._rows(
            "SELECT f.account, f.name, f.uidvalidity, s.* FROM folder f JOIN folder_state s ON s.id ="
            " (SELECT max(id) FROM folder_state WHERE folder = f.id AND event < ?) ORDER BY f.account, f.name, f.uidvalidity",
            self._limit,
        )
        return tuple(
            FolderCount(
                r["account"], r["name"], r["uidvalidity"], _at(r["at"]), r["on_server"], r["in_scope"], r["context"],
                r["out_of_scope"], r["owed"], r["vanished"], r["last_uid"],
            )
            for r in rows
        )  # fmt: skip

    def owed_now(self) -> Sequence[Mapping[str, Any]]:
        """What was asked for and is still not had."""
        return self._rows(
            "SELECT o.id, o.acquisition, o.at, f.account, f.name AS folder, o.uid, o.what, o.reason FROM owed o"
            " LEFT JOIN folder f ON f.id = o.folder WHERE o.event < ?1 AND o.what = 'message' AND NOT EXISTS"
            " (SELECT 1 FROM sighting s WHERE s.folder = o.folder AND s.uid = o.uid AND s.note <> 'substitute' AND s.event < ?1) AND o.id ="
            " (SELECT max(x.id) FROM owed x WHERE x.folder IS o.folder AND x.uid IS o.uid AND x.event < ?1) ORDER BY o.id",
            self._limit,
        )

    def observations(self) -> Sequence[Mapping[str, Any]]:
        return self._rows(
            "SELECT o.id, o.at, o.kind, o.severity, f.account, f.name AS folder, o.uid, m.sha256, o.detail, o.acquisition"
            " FROM observation o LEFT JOIN folder f ON f.id = o.folder LEFT JOIN message m ON m.id = o.message"
            " WHERE o.event < ? ORDER BY o.id",
            self._limit,
        )

    def disappearances(self) -> Sequence[Mapping[str, Any]]:
        return self._rows(
            "SELECT d.id, d.sighting, d.acquisition, d.noticed_at, d.last_seen_at, d.kind, d.moved_to, m.sha256, f.account,"
            " f.name AS folder, f.uidvalidity, s.uid FROM disappearance d JOIN sighting s ON s.id = d.sighting"
            " JOIN message m ON m.id = s.message LEFT JOIN folder f ON f.id = s.folder WHERE d.event < ? ORDER BY d.id",
            self._limit,
        )

    def acquisitions(self) -> Sequence[Mapping[str, Any]]:
        """Begun and ended: {id, kind, account, began_at, record, ended_at, outcome, result}; the last four None where it never ended."""
        return self._rows(
            "SELECT a.id, a.kind, a.account, a.began_at, a.record, e.ended_at, e.outcome, e.record AS result FROM acquisition a"
            " LEFT JOIN acquisition_end e ON e.acquisition = a.id AND e.event < ?1 WHERE a.event < ?1 ORDER BY a.id",
            self._limit,
        )

    def sources(self) -> Sequence[Mapping[str, Any]]:
        return self._bound("source")

    def anchors(self) -> Sequence[Mapping[str, Any]]:
        """Every anchor with its octets: {id, kind, root, size, at, stated_at, authority, test, renew_by, serial, request, token, chain, revocation}."""
        return self._bound("anchor")

    def outside_files(self) -> Sequence[OutsideFile]:
        bearing: dict[str, list[tuple[str, str]]] = {}
        for r in self._bound("link"):
            if r["subject"] == "file":
                bearing.setdefault(r["subject_id"], []).append((r["object"], r["object_id"]))
        return tuple(
            OutsideFile(
                r["id"], r["sha256"], r["size"], r["filename"], r["content_type"], r["title"], r["event_date"], r["kind"],
                r["note"], r["added_by"], _at(r["added_at"]), tuple(dict.fromkeys(bearing.get(str(r["id"]), ()))),
            )
            for r in self._bound("outside_file")
        )  # fmt: skip

    def outside_stream(self, file: int) -> Iterator[bytes]:
        """The file's octets in order, at most 8 MiB at a time."""
        count = self.connection.execute("SELECT count(*) FROM outside_chunk WHERE file = ?", (file,)).fetchone()[0]
        for number in range(count):
            row = self.connection.execute(
                "SELECT octets FROM outside_chunk WHERE file = ? AND number = ?", (file, number)
            ).fetchone()
            yield bytes(row[0])

    def bundles(self) -> Sequence[IssuedBundle]:
        return tuple(
            IssuedBundle(
                r["number"], r["kind"], r["folder"], _at(r["issued_at"]), r["dated"], r["log_size"], r["root"], r["pages"],
                r["pdf_sha256"], r["package_sha256"], r["language"], json.loads(r["options"]), r["supplements"],
            )
            for r in self._bound("bundle")
        )  # fmt: skip

    def exhibits(self) -> Sequence[IssuedExhibit]:
        """By number; ``bundle`` is the number of the bundle that froze it."""
        numbers = {r["id"]: r["number"] for r in self._bound("bundle")}
        return tuple(
            IssuedExhibit(r["number"], r["kind"], r["sha256"], numbers[r["bundle"]], r["bates_first"], r["bates_last"])
            for r in sorted(self._bound("exhibit"), key=lambda r: int(r["number"]))
        )

    def _row(self, query: str, sha256: str) -> dict[str, Any]:
        rows = self._rows(query, sha256)
        if not rows:
            raise LookupError(f"no parsed message with SHA-256 {sha256}")
        return rows[0]


def _review(r: Mapping[str, Any]) -> Review:
    return Review(
        r["target"], r["target_id"], r["decision"], r["category"], r["outcome"], r["answering_sha256"], r["note"],
        r["actor"], _at(r["at"]),
    )  # fmt: skip


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _iso(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _strings(text: str | None) -> tuple[str, ...]:
    """A JSON list of strings, or words parted by spaces."""
    if not text:
        return ()
    if text.startswith("["):
        return tuple(str(item) for item in json.loads(text))
    return tuple(text.split())


def _hops(text: str) -> tuple[ReceivedHop, ...]:
    return tuple(
        ReceivedHop(h["position"], h["raw"], h["from_host"], h["by_host"], _iso(h["at"]))
        for h in json.loads(text or "[]")
    )


def internal_date(text: str | None) -> datetime | None:
    """INTERNALDATE ``dd-Mon-yyyy hh:mm:ss +zzzz`` (RFC 3501 section 9, date-time) in UTC; None if it is not that.

    ISO 8601 is taken too. Month names are read without the locale.
    """
    if not text:
        return None
    try:
        day, clock, offset = text.strip().strip('"').split()
        number, month, year = day.split("-")
        stamp = f"{int(year):04}-{_MONTHS.index(month.lower()) + 1:02}-{int(number):02}T{clock}{offset}"
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except (ValueError, OverflowError):
        try:
            at = datetime.fromisoformat(text)
            return at.astimezone(UTC) if at.tzinfo else None
        except (ValueError, OverflowError):
            return None
