"""Short letters for tests of the reckoning: one line each, zones and threads said outright."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from evidence.model import Address, Attachment, Letter, MessageKind, Request, Zone, sha256_hex
from evidence.ports import FolderCount
from evidence.timeline.requests import RequestSettings, find_requests

US, BOSS = "anna@north.example", "owner@north.example"
CLIENT, DELEGATE = "director@romashka.example", "claims@romashka.example"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
NAMES = {US: "Anna Orlova", BOSS: "Pavel North", CLIENT: "Ivan Romashkin", DELEGATE: "Conflict manager"}
COVERAGE = (FolderCount("office", "INBOX", 7, START + timedelta(days=60), 5, 5, 0, 0, 0, 0, 105),)


def settings(days: str = "calendar", n: int = 3, timezone: str = "Europe/Moscow") -> RequestSettings:
    return RequestSettings(n, days, "RU", timezone, (US, BOSS), (CLIENT, DELEGATE))  # type: ignore[arg-type]


def letter(
    text: str,
    *,
    hours: float = 0,
    sender: str = US,
    to: tuple[str, ...] = (),
    thread: str = "A",
    reply_to: Letter | None = None,
    subject: str = "Order 14",
    kind: MessageKind = "human",
    files: tuple[str, ...] = (),
    quoted: str = "",
    at: datetime | None = None,
) -> Letter:
    """A letter at START + hours. ``quoted`` stands above the text as a quotation that the text answers inline."""
    ours = sender in (US, BOSS)
    recipients = to or ((CLIENT,) if ours else (US,))
    body, zones = "", []
    if quoted:
        body = quoted + "\n"
        zones.append(Zone("body", 0, 0, len(body), "quoted"))
    zones.append(Zone("body", len(zones), len(body), len(body) + len(text), "own", answers=0 if quoted else None))
    body += text
    moment = at or START + timedelta(hours=hours)
    name = sha256_hex(f"{sender}{moment}{body}{thread}".encode())
    sides = {"us" if r in (US, BOSS) else "client" if r in (CLIENT, DELEGATE) else "third" for r in recipients}
    return Letter(
        number=int((moment - START).total_seconds()) + 1, sha256=name, copies=(), message_id=f"<{name[:8]}@x.example>", date=moment, at=moment,
        at_clock="date", at_note="", folders=("INBOX",), speaker="us" if ours else "client" if sender in (CLIENT, DELEGATE) else "third",
        person=NAMES.get(sender, sender), sender=sender,
        addresses=(Address("from", NAMES.get(sender, ""), sender), *(Address("to", NAMES.get(r, ""), r) for r in recipients)),
        subject=subject, kind=kind, scope="in-scope", withheld=False, thread=reply_to.thread if reply_to else sha256_hex(thread.encode()),
        parent=reply_to.sha256 if reply_to else None, language="", texts={"body": body, "subject": subject}, zones=tuple(zones),
        attachments=tuple(Attachment(i, str(i), f, f, "application/pdf", "attachment", 1, "") for i, f in enumerate(files, 1)),
        addressees=tuple(s for s in ("us", "client", "third") if s in sides),
    )  # fmt: skip


def ledger(*letters: Letter, days: float = 30, **kwargs: object) -> tuple[Request, ...]:
    """The requests as they stood ``days`` after START."""
    return find_requests(letters, settings(**kwargs), COVERAGE, as_of=START + timedelta(days=days), flags=())  # type: ignore[arg-type]


def with_zones(base: Letter, *runs: tuple[str, str]) -> Letter:
    """The letter with a body of (kind, text) runs."""
    body, zones = "", []
    for kind, text in runs:
        zones.append(Zone("body", len(zones), len(body), len(body) + len(text), kind))  # type: ignore[arg-type]
        body += text
    return replace(base, texts={**base.texts, "body": body}, zones=tuple(zones))
