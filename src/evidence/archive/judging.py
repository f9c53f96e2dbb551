"""``ports.Judgement``, files from outside mail, anchors and issued bundles: short writes, each durable when it returns.

They take only SQLite's own write lock, so that a person may review in the browser while a sync runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from evidence.archive.acquiring import Acquiring
from evidence.archive.binding import utc_text
from evidence.archive.texts import json_text
from evidence.archive.words import _
from evidence.errors import EvidenceError, UsageError
from evidence.model import sha256_hex
from evidence.ports import IssuedBundle, IssuedExhibit

CHUNK = 8 * 1024 * 1024


class Superseded(EvidenceError):
    """Another person decided meanwhile: what was shown is no longer the last decision. Nothing was written."""


class Judging(Acquiring):
    """Judgement rows: append-only, the last one wins."""

    def review(
        self, target: str, target_id: str, decision: str, *, actor: str, note: str = "", category: str | None = None,
        outcome: str | None = None, answering_sha256: str | None = None, expect: int | None = None,
    ) -> int:  # fmt: skip
        """Record a decision. ``expect`` is the id of the review the person was shown (0: none); Superseded if it is not the last."""
        self.commit()
        with self.at_once():
            if expect is not None:
                last = self.connection.execute(
                    "SELECT coalesce(max(id), 0) FROM review WHERE target = ? AND target_id = ?", (target, target_id)
                ).fetchone()[0]
                if last != expect:
                    raise Superseded(
                        _("Someone else has decided on this since you opened it."),
                        _("The last decision is number {last}; you were shown number {expect}.").format(
                            last=last, expect=expect
                        ),
                        _("Look at it again and decide afresh. Your decision was not saved."),
                    )
            row = {
                "target": target, "target_id": target_id, "decision": decision, "category": category, "outcome": outcome,
                "answering_sha256": answering_sha256, "note": note, "actor": actor, "at": self._at(),
            }  # fmt: skip
            return self.append("review", row, "reviewed")[0]

    def note(self, target: str, target_id: str, text: str, *, actor: str) -> int:
        return self._judge("note", "noted", actor, target=target, target_id=target_id, text=text)

    def hours(self, person: str, day: str, minutes: int, about: str, *, actor: str) -> int:
        return self._judge("hours", "hours-logged", actor, person=person, day=day, minutes=minutes, about=about)

    def answer(self, question: int, answer: str, *, note: str, actor: str) -> int:
        return self._judge("answer", "question-answered", actor, question=question, answer=answer, note=note)

    def select(self, sha256: str, action: str, reason: str, *, actor: str) -> int:
        """Include a message in bundles or exclude it. Raises UsageError if no such message is held."""
        if not self.connection.execute("SELECT 1 FROM message WHERE sha256 = ?", (sha256,)).fetchone():
            raise UsageError(
                _("No message with SHA-256 {sha256} is in this archive.").format(sha256=sha256),
                "",
                _("`evidence timeline` lists them."),
            )
        return self._judge("selection", "selected", actor, sha256=sha256, action=action, reason=reason)

    def redact(
        self, sha256: str, kind: str, part: str, start: int | None, end: int | None, value: str, reason: str,
        *, actor: str, undone: bool = False,
    ) -> int:  # fmt: skip
        """Cover an address, a passage or an attachment in bundles; ``undone`` appends the withdrawal of an earlier one."""
        return self._judge(
            "redaction", "redacted", actor, sha256=sha256, kind=kind, part=part, start=start, end=end, value=value,
            undone=undone, reason=reason,
        )  # fmt: skip

    def link(self, subject: str, subject_id: str, object: str, object_id: str, *, note: str = "", actor: str) -> int:
        return self._judge(
            "link",
            "linked",
            actor,
            subject=subject,
            subject_id=subject_id,
            object=object,
            object_id=object_id,
            note=note,
        )

    def claim(self, name: str, title: str, *, actor: str) -> int:
        return self._judge("claim", "claim-named", actor, name=name, title=title)

    def propose(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Keep a second reader's proposals, all or none. Returns how many."""
        self.commit()
        count = 0
        with self.at_once():
            for row in rows:
                self.append("proposal", {"at": self._at(), **row}, "proposed")
                count += 1
        return count

    def _judge(self, table: str, fact: str, by: str, /, **row: Any) -> int:
        self.commit()
        with self.at_once():
            return self.append(table, {**row, "actor": by, "at": self._at()}, fact)[0]

    # ---- files from outside mail -------------------------------------------------------------

    def add_file(
        self, stream: BinaryIO, *, filename: str, content_type: str, title: str, event_date: str, kind: str, note: str,
        added_by: str,
    ) -> int:  # fmt: skip
        """Keep a file's octets, 8 MiB at a time, with who added it, when, and what it is. All of it or nothing. Returns its id."""
        self.commit()
        with self.at_once():
            acquisition, _seq = self.append(
                "acquisition",
                {"kind": "add", "account": "", "began_at": self._at(), "record": json_text({"added_by": added_by})},
                "acquisition-begun",
            )
            file = self.connection.execute("SELECT coalesce(max(id), 0) + 1 FROM outside_file").fetchone()[0]
            whole, size, number = hashlib.sha256(), 0, 0
            while octets := _read_fully(stream):
                whole.update(octets)
                digest = sha256_hex(octets)
                row = {
                    "file": file,
                    "number": number,
                    "sha256": digest,
                    "size": len(octets),
                    "octets": octets,
                }
                self.append("outside_chunk", row, "file-chunk", digest=digest)
                size, number = size + len(octets), number + 1
            row = {
                "id": file, "acquisition": acquisition, "sha256": whole.hexdigest(), "size": size, "filename": filename,
                "content_type": content_type, "title": title, "event_date": event_date, "note": note, "kind": kind,
                "added_by": added_by, "added_at": self._at(),
            }  # fmt: skip
            self.append("outside_file", row, "file-added")
            end = {
                "acquisition": acquisition,
                "ended_at": self._at(),
                "outcome": "complete",
                "record": json_text({"files": 1}),
            }
            self.append("acquisition_end", end, "acquisition-ended")
            return int(file)

    # ---- what has gone out -------------------------------------------------------------------

    def anchored(self, row: Mapping[str, Any]) -> int:
        """Keep an anchor: a time-stamp token or a witness's mail. Returns its id."""
        self.commit()
        with self.at_once():
            return self.append("anchor", row, "anchor-obtained")[0]

    def issue_bundle(self, bundle: IssuedBundle, exhibits: Sequence[IssuedExhibit] = ()) -> int:
        """Record a bundle that was issued and the exhibit numbers it froze (only new ones). Returns the bundle's row id."""
        self.commit()
        with self.at_once():
            row = {
                "number": bundle.number, "kind": bundle.kind, "folder": bundle.folder,
                "issued_at": utc_text(bundle.issued_at), "dated": bundle.dated, "log_size": bundle.log_size,
                "root": bundle.root, "pages": bundle.pages, "pdf_sha256": bundle.pdf_sha256,
                "package_sha256": bundle.package_sha256, "options": json_text(bundle.options),
                "language": bundle.language, "supplements": bundle.supplements,
            }  # fmt: skip
            number, _seq = self.append("bundle", row, "bundle-issued")
            for exhibit in exhibits:
                self.append(
                    "exhibit",
                    {
                        "number": exhibit.number, "kind": exhibit.kind, "sha256": exhibit.sha256, "bundle": number,
                        "bates_first": exhibit.bates_first, "bates_last": exhibit.bates_last,
                    },
                    "exhibit-numbered",
                )  # fmt: skip
            return number


def _read_fully(stream: BinaryIO) -> bytes:
    """CHUNK octets, fewer only at the end: a pipe may give less than asked."""
    parts: list[bytes] = []
    missing = CHUNK
    while missing and (octets := stream.read(missing)):
        parts.append(octets)
        missing -= len(octets)
    return b"".join(parts)
