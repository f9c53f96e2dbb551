"""A case file made from the labelled synthetic disputes, with gold labels as flags and gold requests as requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from evidence.config import Config, parse_config
from evidence.message.parse import parse_message
from evidence.model import DkimResult, DnsKey, Flag, Letter, ParsedMessage, Request, Sighting, judged_id
from evidence.ports import FolderCount, IssuedBundle, IssuedExhibit, LogHead, OutsideFile, Review
from evidence.reckoning import TimelineEntry

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus"
NOW = datetime(2025, 6, 2, 9, 30, tzinfo=UTC)
CAPTURED = datetime(2025, 5, 20, 6, 0, tzinfo=UTC)


@dataclass
class FakeCase:
    """``messages`` are (octets, folder, speaker). Every answer a CaseFile gives is made from them."""

    messages: list[tuple[bytes, str, str]]
    flags_: list[Flag] = field(default_factory=list)
    requests_: list[Request] = field(default_factory=list)
    reviews_: dict[tuple[str, str], Review] = field(default_factory=dict)
    files: list[tuple[OutsideFile, bytes]] = field(default_factory=list)
    selections_: dict[str, dict[str, Any]] = field(default_factory=dict)
    redactions_: list[dict[str, Any]] = field(default_factory=list)
    bundles_: list[IssuedBundle] = field(default_factory=list)
    exhibits_: list[IssuedExhibit] = field(default_factory=list)
    anchors_: list[dict[str, Any]] = field(default_factory=list)
    sources_: list[dict[str, Any]] = field(default_factory=list)
    dkim_: dict[str, list[DkimResult]] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    context: set[str] = field(default_factory=set)
    size: int = 120

    def __post_init__(self) -> None:
        self._raw = {hashlib.sha256(raw).hexdigest(): raw for raw, _, _ in self.messages}
        self._letters = [self._letter(n, raw, folder, side) for n, (raw, folder, side) in enumerate(self.messages, 1)]
        self._letters.sort(key=lambda x: (x.at, x.number))

    def _letter(self, number: int, raw: bytes, folder: str, side: str) -> Letter:
        parsed = _parsed(raw)
        clocks = self.clocks(parsed.sha256)
        sender = next(iter(parsed.of("from")), None)
        at, clock = parsed.date, "date"
        if at is None or at.year < 1971 or at.year > 2037:
            at, clock = clocks["internaldate"], "internaldate"
        assert at is not None
        return Letter(
            number=number, sha256=parsed.sha256, copies=(), message_id=parsed.message_id, date=parsed.date,
            at=at.astimezone(UTC), at_clock=clock, at_note="", folders=(folder,), speaker=side,  # type: ignore[arg-type]
            person=sender.name if sender else "", sender=sender.address if sender else "", addresses=parsed.addresses,
            subject=parsed.subject, kind=parsed.kind, scope="in-scope", withheld=False, thread=parsed.sha256, parent=None,
            language=parsed.language, texts=parsed.texts, zones=(), attachments=parsed.attachments,
        )  # fmt: skip

    def head(self, size: int | None = None) -> LogHead:
        size = size or self.size
        return LogHead(size, hashlib.sha256(b"root%d" % size).hexdigest(), CAPTURED)

    def letters(self, *, everything: bool = False) -> Sequence[Letter]:
        from dataclasses import replace

        every = [
            replace(
                x,
                withheld=x.sha256 in self.withheld,
                scope="context" if x.sha256 in self.context else "in-scope",
            )
            for x in self._letters
        ]
        if everything:
            return every
        included = {s for s, r in self.selections_.items() if r["action"] == "include"}
        return [x for x in every if not x.withheld and (x.scope == "in-scope" or x.sha256 in included)]

    def flags(self) -> Sequence[Flag]:
        return self.flags_

    def requests(self) -> Sequence[Request]:
        return self.requests_

    def reviews(self) -> Mapping[tuple[str, str], Review]:
        return self.reviews_

    def review_history(self, target: str, target_id: str) -> Sequence[Review]:
        return [r for k, r in self.reviews_.items() if k == (target, target_id)]

    def raw(self, sha256: str) -> bytes:
        return self._raw[sha256]

    def parsed(self, sha256: str) -> ParsedMessage:
        return _parsed(self._raw[sha256])

    def clocks(self, sha256: str) -> Mapping[str, datetime | None]:
        parsed = _parsed(self._raw[sha256])
        received = parsed.received[0].at if parsed.received else None
        base = parsed.date if parsed.date and 1971 < parsed.date.year < 2038 else datetime(2025, 3, 3, tzinfo=UTC)
        return {
            "date": parsed.date,
            "received": received,
            "internaldate": (base + timedelta(seconds=7)).astimezone(UTC),
            "capture": CAPTURED,
        }

    def sightings(self, sha256: str) -> Sequence[Sighting]:
        for number, (raw, folder, _) in enumerate(self.messages, 1):
            if hashlib.sha256(raw).hexdigest() == sha256:
                return [
                    Sighting(
                        "office", folder, 1741000000, 100 + number, self.clocks(sha256)["internaldate"], CAPTURED, 1
                    )
                ]
        return []

    def dkim(self, sha256: str) -> Sequence[DkimResult]:
        return self.dkim_.get(sha256, [])

    def dns_keys(self) -> Sequence[DnsKey]:
        names = sorted({f"{d.selector}._domainkey.{d.domain}" for found in self.dkim_.values() for d in found})
        return [DnsKey(n, b"v=DKIM1; k=rsa; p=MIIBIjANBgkqh", "127.0.0.1", True, CAPTURED) for n in names]

    def folder_counts(self) -> Sequence[FolderCount]:
        folders: dict[str, int] = {}
        for _, folder, _ in self.messages:
            folders[folder] = folders.get(folder, 0) + 1
        return [
            FolderCount("office", f, 1741000000, CAPTURED, n + 12, n, 0, 12, 0, 0, 100 + n)
            for f, n in sorted(folders.items())
        ]

    def owed_now(self) -> Sequence[Mapping[str, Any]]:
        return []

    def observations(self) -> Sequence[Mapping[str, Any]]:
        return []

    def disappearances(self) -> Sequence[Mapping[str, Any]]:
        return []

    def acquisitions(self) -> Sequence[Mapping[str, Any]]:
        record = {"host": "desk", "operator": "anna", "tool": "evidence 0.1.0", "python": "3.11"}
        return [
            {
                "id": 1, "kind": "sync", "account": "office", "began_at": "2025-05-20T05:59:00Z", "record": json.dumps(record),
                "ended_at": "2025-05-20T06:01:00Z", "outcome": "complete", "result": json.dumps({"clock_offset": 0}),
            }
        ]  # fmt: skip

    def sources(self) -> Sequence[Mapping[str, Any]]:
        return self.sources_

    def anchors(self) -> Sequence[Mapping[str, Any]]:
        return self.anchors_

    def outside_files(self) -> Sequence[OutsideFile]:
        return [f for f, _ in self.files]

    def outside_stream(self, file: int) -> Iterator[bytes]:
        yield next(octets for f, octets in self.files if f.id == file)

    def hours(self) -> Sequence[Mapping[str, Any]]:
        return []

    def answers(self) -> Mapping[int, Mapping[str, Any]]:
        return {}

    def selections(self) -> Mapping[str, Mapping[str, Any]]:
        return self.selections_

    def redactions(self) -> Sequence[Mapping[str, Any]]:
        return self.redactions_

    def links(self) -> Sequence[Mapping[str, Any]]:
        return []

    def claims(self) -> Sequence[Mapping[str, Any]]:
        return []

    def notes(self) -> Sequence[Mapping[str, Any]]:
        return []

    def bundles(self) -> Sequence[IssuedBundle]:
        return self.bundles_

    def exhibits(self) -> Sequence[IssuedExhibit]:
        return self.exhibits_

    def events(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, str, bytes]]:
        return iter(())

    def inclusion_proof(self, seq: int, size: int) -> Sequence[bytes]:
        return [bytes(32)]

    def consistency_proof(self, first: int, second: int) -> Sequence[bytes]:
        return [hashlib.sha256(b"%d-%d" % (first, second)).digest()]

    def event_of(self, table: str, key: int | str) -> int:
        if table == "message":
            return next(x.number for x in self._letters if x.sha256 == key)
        return int(key)

    def entries(self) -> list[TimelineEntry]:
        return [
            TimelineEntry("message", x.at, None, "", x.sha256, x.person, x.speaker, (), "")
            for x in self.letters()
        ]  # fmt: skip


@cache
def _parsed(raw: bytes) -> ParsedMessage:
    return parse_message(raw)


def dispute(name: str, language: str = "", most: int = 0) -> FakeCase:
    """One labelled dispute, or its first ``most`` messages."""
    folder = CORPUS / name
    gold = json.loads((folder / "gold.json").read_text("utf-8"))
    listed = gold["messages"][: most or None]
    sides = {m["id"]: m["side"] for m in listed}
    messages = [((folder / m["file"]).read_bytes(), m["folder"], m["side"]) for m in listed]
    hashes = {m["id"]: hashlib.sha256(raw).hexdigest() for m, (raw, _, _) in zip(listed, messages, strict=True)}
    case = FakeCase(messages)
    for label in gold["labels"]:
        if label["message"] in sides:
            case.flags_.append(_flag(label, hashes, messages, listed))
    for request in gold["requests"]:
        if request["message"] in sides:
            case.requests_.append(_request(request, hashes, messages, listed))
    return case


def _where(quote: str, raw: bytes) -> tuple[str, int]:
    texts = _parsed(raw).texts
    for part in ("body", "subject", *texts):
        if quote in texts.get(part, ""):
            return part, texts[part].index(quote)
    return "body", 0


def _flag(label: dict[str, Any], hashes: dict[str, str], messages: list[Any], listed: list[Any]) -> Flag:
    index = next(i for i, m in enumerate(listed) if m["id"] == label["message"])
    part, start = _where(label["quote"], messages[index][0])
    sha256 = hashes[label["message"]]
    end = start + len(label["quote"])
    return Flag(
        id=judged_id("flag", sha256, part, start, end, label["category"]), sha256=sha256, category=label["category"],
        subtype=label["subtype"], part=part, start=start, end=end, quote=label["quote"], speaker=label["speaker"],
        tier="stated" if label["confidence"] == "clear" else "possible", rule=f"{label['category']}.gold",
        pack="gold@1#00", why="gold label",
    )  # fmt: skip


def _request(r: dict[str, Any], hashes: dict[str, str], messages: list[Any], listed: list[Any]) -> Request:
    index = next(i for i, m in enumerate(listed) if m["id"] == r["message"])
    part, start = _where(r["quote"], messages[index][0])
    sha256 = hashes[r["message"]]
    at = _parsed(messages[index][0]).date or NOW
    return Request(
        id=judged_id("request", sha256, part, start, start + len(r["quote"]), r["asker"]), sha256=sha256, part=part,
        start=start, end=start + len(r["quote"]), quote=r["quote"], asker=r["asker"], kind=r["kind"],
        asked_at=at.astimezone(UTC), outcome={"dodged": "reply-without-answer"}.get(r["outcome"], r["outcome"]), tier="stated", due_at=at.astimezone(UTC) + timedelta(days=3),
        answering_sha256=hashes.get(r["answering_message"] or ""), waited_days=r["days"],
    )  # fmt: skip


def accept(case: FakeCase, count: int) -> None:
    """A person accepts the first ``count`` flags and rejects the next one."""
    for index, flag in enumerate(case.flags_[: count + 1]):
        decision = "accepted" if index < count else "rejected"
        case.reviews_["flag", flag.id] = Review("flag", flag.id, decision, None, None, None, "", "anna", CAPTURED)


def config(tmp: Path, name: str = "shelf", extra: str = "") -> Config:
    """The configuration of one dispute."""
    parties = json.loads((CORPUS / name / "parties.json").read_text("utf-8"))
    us, client = parties["parties"]["us"], parties["parties"]["client"]
    language = "ru" if "ru" in parties["languages"] else "en"

    def people(kind: str, found: list[dict[str, Any]]) -> str:
        return "".join(f'[[{kind}]]\nname = "{p["name"]}"\naddresses = {json.dumps(p["addresses"])}\n' for p in found)

    first = next((p["addresses"] for p in client["people"]), [])
    text = f"""
[matter]
title = "{parties["title"]}"
language = "{language}"
timezone = "Europe/Moscow"
[us]
name = "{us["name"]}"
addresses = []
{people("us.staff", us["people"])}
[client]
name = "{client["name"]}"
addresses = {json.dumps(first)}
{people("client.delegates", client["people"][1:])}
[[account]]
name = "office"
host = "imap.north.example"
username = "office@north.example"
{extra}
"""
    return parse_config(text, tmp / "config.toml")


class Quiet:
    """Progress that only remembers."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int | None]] = []

    def step(self, what: str, done: int, total: int | None = None) -> None:
        self.steps.append((what, done, total))

    def say(self, text: str) -> None:
        pass
