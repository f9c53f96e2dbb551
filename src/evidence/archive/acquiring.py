"""``ports.AcquisitionSink``: what a mailbox reader or importer writes while it acquires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evidence.archive.binding import utc_text, utc_time
from evidence.archive.schema import columns
from evidence.archive.texts import json_text, list_text
from evidence.archive.writer import Writer
from evidence.model import ArchivedMessage, DnsKey, FolderName, sha256_hex
from evidence.ports import Generation


class Acquiring(Writer):
    """Evidence rows, in the order they become true. Nothing is durable before ``commit``."""

    def begin(self, kind: str, account: str, record: Mapping[str, Any]) -> int:
        """Begin an acquisition (``sync``, ``import`` or ``add``) and return its id. Durable at once."""
        row = {"kind": kind, "account": account, "began_at": self._at(), "record": json_text(record)}
        number, _ = self.append("acquisition", row, "acquisition-begun")
        self.commit()
        return number

    def end(self, acquisition: int, outcome: str, record: Mapping[str, Any]) -> None:
        row = {"acquisition": acquisition, "ended_at": self._at(), "outcome": outcome, "record": json_text(record)}
        self.append("acquisition_end", row, "acquisition-ended")
        self.commit()

    def generations(self, account: str) -> tuple[Generation, ...]:
        """Every folder generation of the account, with what its last acquisition found, by id."""
        rows = self.connection.execute(
            "SELECT f.id, f.account, f.name, f.uidvalidity, s.last_uid, s.uidnext, s.highest_modseq, s.on_server, s.in_scope,"
            " s.context, s.out_of_scope, s.owed, s.scope_key, s.at FROM folder f LEFT JOIN folder_state s"
            " ON s.id = (SELECT max(id) FROM folder_state WHERE folder = f.id) WHERE f.account = ? ORDER BY f.id",
            (account,),
        )
        return tuple(_generation(row, self._passed_over(row[0])) for row in rows.fetchall())

    def _passed_over(self, folder: int) -> bytes:
        rows = self.connection.execute("SELECT passed_over FROM folder_state WHERE folder = ? ORDER BY id", (folder,))
        return b"".join(blob for (blob,) in rows)

    def folder(self, acquisition: int, account: str, name: FolderName, uidvalidity: int) -> int:
        """The id of this folder generation, appended if new."""
        found = self.connection.execute(
            "SELECT id FROM folder WHERE account = ? AND name = ? AND uidvalidity = ?",
            (account, name.name, uidvalidity),
        ).fetchone()
        if found:
            return int(found[0])
        row = {
            "account": account,
            "name": name.name,
            "wire_name": name.wire.decode("utf-8", "backslashreplace"),
            "delimiter": name.delimiter or "",
            "attributes": json_text(list(name.attributes)),
            "uidvalidity": uidvalidity,
            "acquisition": acquisition,
        }
        return self.append("folder", row, "folder-seen")[0]

    def held(self, folder: int) -> Mapping[int, tuple[int, str]]:
        """UID -> (sighting id, sha256) of what was seen in this generation and has not disappeared; the last sighting wins."""
        rows = self.connection.execute(
            "SELECT s.uid, s.id, m.sha256 FROM sighting s JOIN message m ON m.id = s.message WHERE s.folder = ?"
            " AND s.uid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM disappearance d WHERE d.sighting = s.id) ORDER BY s.id",
            (folder,),
        )
        return {uid: (number, sha256) for uid, number, sha256 in rows}

    def held_everywhere(self, account: str) -> Mapping[str, tuple[int, ...]]:
        """sha256 -> ids of sightings not disappeared, to tell moves from deletions."""
        rows = self.connection.execute(
            "SELECT m.sha256, s.id FROM sighting s JOIN folder f ON f.id = s.folder JOIN message m ON m.id = s.message"
            " WHERE f.account = ? AND NOT EXISTS (SELECT 1 FROM disappearance d WHERE d.sighting = s.id) ORDER BY s.id",
            (account,),
        )
        found: dict[str, list[int]] = {}
        for sha256, number in rows:
            found.setdefault(sha256, []).append(number)
        return {sha256: tuple(numbers) for sha256, numbers in found.items()}

    def gm_msgids(self, account: str) -> Mapping[str, str]:
        """Gmail's X-GM-MSGID -> sha256 of what we hold."""
        rows = self.connection.execute(
            "SELECT s.gm_msgid, m.sha256 FROM sighting s JOIN folder f ON f.id = s.folder JOIN message m ON m.id = s.message"
            " WHERE f.account = ? AND s.gm_msgid IS NOT NULL ORDER BY s.id",
            (account,),
        )
        return dict(rows.fetchall())

    def message_number(self, sha256: str) -> int | None:
        """The row id of a message held, for ``sight`` without storing its octets again. None: not held."""
        row = self._database.execute("SELECT id FROM message WHERE sha256 = ?", (sha256,)).fetchone()
        return int(row[0]) if row else None

    def message_ids(self) -> Mapping[str, str]:
        """Message-ID -> sha256 of the first message with it, as the derived table knows them."""
        rows = self.connection.execute(
            "SELECT message_id, sha256 FROM parsed_message WHERE message_id IS NOT NULL ORDER BY message DESC"
        )
        return dict(rows.fetchall())

    def owed(self, account: str) -> tuple[tuple[int, int, str], ...]:
        """(folder id, uid, reason) still owed: asked for, not had, and no sighting at that place since."""
        rows = self.connection.execute(
            "SELECT o.folder, o.uid, o.reason FROM owed o JOIN folder f ON f.id = o.folder WHERE f.account = ?"
            " AND o.what = 'message' AND o.uid IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM sighting s WHERE s.folder = o.folder AND s.uid = o.uid AND s.note <> 'substitute')"
            " AND o.id = (SELECT max(id) FROM owed x WHERE x.folder IS o.folder AND x.uid IS o.uid) ORDER BY o.folder, o.uid",
            (account,),
        )
        return tuple((folder, uid, reason) for folder, uid, reason in rows)

    def source(
        self, acquisition: int, path: str, kind: str, size: int, sha256: str, caveat: str = ""
    ) -> int:  # fmt: skip
        row = {
            "acquisition": acquisition, "path": path, "kind": kind, "size": size, "sha256": sha256, "caveat": caveat,
        }  # fmt: skip
        return self.append("source", row, "source-opened")[0]

    def store(self, acquisition: int, raw: bytes, *, sha256: str | None = None) -> ArchivedMessage:
        """Keep the exact octets, once: octets already held give back their row with ``new`` False.

        ``sha256``: of ``raw``, where the reader has just computed it; else it is computed here.
        """
        self.commit_if_large()
        self.begin_transaction()
        sha256 = sha256 or sha256_hex(raw)
        found = self._database.execute("SELECT id, size, event FROM message WHERE sha256 = ?", (sha256,)).fetchone()
        if found:
            return ArchivedMessage(found[0], sha256, found[1], found[2], new=False)
        row = {
            "sha256": sha256, "size": len(raw), "acquisition": acquisition, "acquired_at": self._at(), "raw": bytes(raw),
        }  # fmt: skip
        number, seq = self.append("message", row, "message-stored", digest=sha256)
        return ArchivedMessage(number, sha256, len(raw), seq)

    def sight(
        self,
        acquisition: int,
        message: int,
        *,
        folder: int | None = None,
        uid: int | None = None,
        source: int | None = None,
        position: str | None = None,
        internal_date: str | None = None,
        server_size: int | None = None,
        flags: Sequence[str] = (),
        labels: Sequence[str] = (),
        gm_msgid: str | None = None,
        scope: str = "in-scope",
        reason: str = "",
        note: str = "",
    ) -> int:
        row = {
            "message": message, "acquisition": acquisition, "seen_at": self._at(), "folder": folder, "uid": uid,
            "source": source, "position": position, "internal_date": internal_date, "server_size": server_size,
            "flags": list_text(tuple(flags)), "labels": list_text(tuple(labels)), "gm_msgid": gm_msgid, "scope": scope,
            "reason": reason, "note": note,
        }  # fmt: skip
        number, _ = self.append("sighting", row, "sighted")
        self.commit_if_large()
        return number

    def disappear(self, acquisition: int, sighting: int, kind: str, moved_to: int | None = None) -> None:
        """``gone`` or ``moved``. When it was last seen is the later of its sighting and its folder's last finished look."""
        seen = self.connection.execute(
            "SELECT max(s.seen_at, coalesce((SELECT max(fs.at) FROM folder_state fs WHERE fs.folder = s.folder AND"
            " fs.acquisition < ?), '')) FROM sighting s WHERE s.id = ?",
            (acquisition, sighting),
        ).fetchone()
        row = {
            "sighting": sighting, "acquisition": acquisition, "noticed_at": self._at(),
            "last_seen_at": seen[0] if seen else "", "kind": kind, "moved_to": moved_to,
        }  # fmt: skip
        self.append("disappearance", row, "disappeared")

    def owe(self, acquisition: int, folder: int | None, uid: int | None, what: str, reason: str) -> None:
        row = {
            "acquisition": acquisition, "at": self._at(), "folder": folder, "uid": uid, "what": what, "reason": reason,
        }  # fmt: skip
        self.append("owed", row, "owed")

    def observe(
        self,
        acquisition: int,
        kind: str,
        detail: Mapping[str, Any],
        *,
        severity: str = "note",
        folder: int | None = None,
        uid: int | None = None,
        message: int | None = None,
    ) -> None:
        row = {
            "acquisition": acquisition, "at": self._at(), "kind": kind, "severity": severity, "folder": folder,
            "uid": uid, "message": message, "detail": json_text(detail),
        }  # fmt: skip
        self.append("observation", row, "observed")

    def folder_state(self, acquisition: int, folder: int, **state: Any) -> None:
        """What this acquisition found in the folder: the cursor. Committed with, never before, all that stands before it."""
        row = {"acquisition": acquisition, "folder": folder, "at": self._at(), **state}
        if unknown := row.keys() - set(columns("folder_state")):
            raise TypeError(f"folder_state has no {', '.join(sorted(unknown))}")
        self.append("folder_state", row, "folder-state")

    def dns_key(self, key: DnsKey) -> int:
        row = {
            "name": key.name, "answer": key.answer, "resolver": key.resolver, "authenticated": key.authenticated,
            "asked_at": utc_text(key.asked_at), "error": key.error,
        }  # fmt: skip
        return self.append("dns_key", row, "dns-key-seen")[0]

    def _at(self) -> str:
        return utc_text(self._now())


def _generation(row: Sequence[Any], passed_over: bytes) -> Generation:
    """A LEFT JOIN's row: without a state where no acquisition finished in the folder yet."""
    known = Generation(row[0], row[1], row[2], row[3])
    if row[4] is None:
        return known
    return replace(
        known, last_uid=row[4], uidnext=row[5], highest_modseq=row[6], on_server=row[7], in_scope=row[8], context=row[9],
        out_of_scope=row[10], owed=row[11], scope_key=row[12], passed_over=passed_over, state_at=utc_time(row[13]),
    )  # fmt: skip
