"""Archives for the browser tests: the labelled shelf dispute with hostile mail beside it, and generated ones of any size.

Rows are written through the archive's own doors, so that the custody log, its proofs and the append-only tables are real;
flags and requests come from the fixture's labels, not from the rules, so that these tests do not move with the rule packs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

from evidence.archive import derived
from evidence.archive.store import Archive
from evidence.message.parse import parse_message
from evidence.model import Attachment, Flag, ParsedMessage, Request, Zone, judged_id, sha256_hex
from evidence.ports import Derived

FIXTURES = Path(__file__).parents[2] / "fixtures" / "corpus"
NOW = datetime(2025, 5, 6, 9, 0, tzinfo=UTC)


def text_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Made:
    """An archive on disk, with the hashes of its messages by name."""

    path: Path
    sha: dict[str, str]
    raw: dict[str, bytes]


class Maker:
    def __init__(self, path: Path, *, now: datetime = NOW, people: Mapping[str, tuple[str, str]] | None = None) -> None:
        self.now = now
        self.archive = Archive.create(path, now=lambda: self.now, tool="evidence-test 1")
        self.path = path
        self.people = dict(people or {})
        self.acquisition = self.archive.append(
            "acquisition",
            {"kind": "sync", "account": "office", "began_at": text_time(now), "record": "{}"},
            "acquisition-begun",
        )[0]
        self.folders: dict[str, int] = {}
        self.uids: dict[str, int] = {}
        self.sha: dict[str, str] = {}
        self.raw: dict[str, bytes] = {}
        self.numbers: dict[str, int] = {}
        self.rows: list[Derived] = []
        self.search: list[tuple[int, str, str, str, str]] = []
        self.flags: list[Flag] = []
        self.requests: list[Request] = []
        self.threads: dict[str, str] = {}

    def folder(self, name: str) -> int:
        if name not in self.folders:
            row = {
                "account": "office", "name": name, "wire_name": name, "delimiter": "/", "attributes": "[]",
                "uidvalidity": 1700000000, "acquisition": self.acquisition,
            }  # fmt: skip
            self.folders[name] = self.archive.append("folder", row, "folder-seen")[0]
        return self.folders[name]

    def add(
        self, name: str, raw: bytes, *, folder: str = "INBOX", parsed: ParsedMessage | None = None, zones: Sequence[Zone] | None = None,
        thread: str = "", scope: str = "in-scope", withheld: bool = False, speaker: str = "", person: str = "", kind: str = "",
    ) -> str:  # fmt: skip
        sha256 = sha256_hex(raw)
        parsed = parsed or parse_message(raw)
        self.sha[name], self.raw[name] = sha256, raw
        number, _ = self.archive.append(
            "message",
            {
                "sha256": sha256,
                "size": len(raw),
                "acquisition": self.acquisition,
                "acquired_at": text_time(self.now),
                "raw": raw,
            },
            "message-stored",
        )
        self.numbers[sha256] = number
        self.uids[folder] = self.uids.get(folder, 0) + 1
        at = parsed.date or self.now
        self.archive.append(
            "sighting",
            {
                "message": number, "acquisition": self.acquisition, "seen_at": text_time(self.now), "folder": self.folder(folder),
                "uid": self.uids[folder], "internal_date": at.strftime("%d-%b-%Y %H:%M:%S %z"), "server_size": len(raw),
                "flags": "[]", "labels": "[]", "scope": scope, "reason": "from", "note": "",
            },
            "message-seen",
        )  # fmt: skip
        sender = parsed.of("from")[:1]
        address = sender[0].address if sender else ""
        side, who = self.people.get(address, ("third", ""))
        root = self.threads.setdefault(thread or name, sha256)
        body = parsed.texts.get("body", "")
        own = body.strip().partition("\n")[0]
        row: dict[str, Any] = {
            **derived.parsed_columns(parsed),
            "received_at": text_time(at), "internal_at": text_time(at), "captured_at": text_time(self.now), "at": text_time(at),
            "at_clock": "date" if parsed.date else "capture", "at_note": "", "sender": address, "sender_name": sender[0].name if sender else "",
            "speaker": speaker or side, "person": person or who, "scope": scope, "scope_reason": "from", "withheld": int(withheld),
            "thread": root, "parent": None, "thread_by": "references", "copy_of": None, "gist": own[:200], "own_words": len(body.split()),
        }  # fmt: skip
        if kind:
            row["kind"] = kind
        people = []
        for a in parsed.addresses:
            party, named = self.people.get(a.address, ("third", ""))
            people.append({"header": a.header, "name": a.name, "address": a.address, "party": party, "person": named})
        texts = dict(parsed.texts)
        if zones is None:
            zones = (Zone("body", 0, 0, len(body), "own"),) if body else ()
        self.rows.append(Derived(number, sha256, row, tuple(people), texts, tuple(zones), tuple(parsed.attachments)))
        self.search.append(
            (number, parsed.subject, body, " ".join(f"{a.name} {a.address}" for a in parsed.addresses),
             " ".join(a.filename for a in parsed.attachments))
        )  # fmt: skip
        return sha256

    def flag(
        self,
        sha256: str,
        category: str,
        subtype: str | None,
        quote: str,
        *,
        tier: str = "stated",
        score: float = 0.9,
        why: str = "",
    ) -> str:
        row = next(r for r in self.rows if r.sha256 == sha256)
        part = "body" if quote in row.texts.get("body", "") else "subject"
        start = row.texts[part].index(quote)
        id_ = judged_id("flag", sha256, part, start, start + len(quote), category)
        self.flags.append(Flag(
            id_, sha256, category, subtype, part, start, start + len(quote), quote, row.row["speaker"], tier,  # type: ignore[arg-type]
            f"{category}.label", "labels@1#0", why or "label of the fixture", score,
        ))  # fmt: skip
        return id_

    def request(
        self,
        sha256: str,
        quote: str,
        asker: str,
        kind: str,
        outcome: str,
        answering: str | None,
        *,
        tier: str = "stated",
        days: float | None = None,
    ) -> str:
        row = next(r for r in self.rows if r.sha256 == sha256)
        start = row.texts["body"].index(quote)
        id_ = judged_id("request", sha256, "body", start, start + len(quote), asker)
        asked = datetime.fromisoformat(row.row["at"])
        self.requests.append(Request(
            id_, sha256, "body", start, start + len(quote), quote, asker, kind, asked, outcome, tier,  # type: ignore[arg-type]
            due_at=asked + timedelta(days=3), answering_sha256=answering, waited_days=days,
            searched={"folders": sorted(self.folders), "until": text_time(self.now)}, why="label of the fixture",
        ))  # fmt: skip
        return id_

    def finish(
        self,
        *,
        title: str,
        language: str,
        timezone: str = "Europe/Moscow",
        rendered: Mapping[tuple[str, str], str] | None = None,
    ) -> Made:
        for name, id_ in self.folders.items():
            held = self.uids.get(name, 0)
            state = {
                "acquisition": self.acquisition, "folder": id_, "at": text_time(self.now), "uidnext": held + 1, "highest_modseq": None,
                "last_uid": held, "on_server": held + 7, "in_scope": held, "context": 0, "out_of_scope": 7, "owed": 0, "fetched": held,
                "vanished": 0, "scope_key": "0" * 64, "passed_over": b"",
            }  # fmt: skip
            self.archive.append("folder_state", state, "folder-read")
        self.archive.append(
            "acquisition_end",
            {"acquisition": self.acquisition, "ended_at": text_time(self.now), "outcome": "complete", "record": "{}"},
            "acquisition-ended",
        )
        self.archive.commit()
        conn = self.archive.connection
        with derived.rebuilding(conn):
            derived.write_messages(conn, self.rows)
            derived.write_search(conn, self.search)
            derived.write_flags(conn, self.flags)
            derived.write_requests(conn, self.requests)
            for (name, lang), body in (rendered or {}).items():
                derived.write_rendered(conn, name, lang, body)
            derived.write_state(
                conn, {"matter_title": title, "language": language, "timezone": timezone, "as_of": text_time(self.now)}
            )
        self.archive.commit()
        self.archive.close()
        return Made(self.path, self.sha, self.raw)


def dispute(path: Path, name: str = "shelf", *, hostile: Sequence[bytes] = ()) -> Made:
    """The labelled dispute, its flags and requests as labelled; every third flag is only possible."""
    folder = FIXTURES / name
    gold = json.loads((folder / "gold.json").read_text(encoding="utf-8"))
    people = {
        address: (side, person["name"])
        for side in ("us", "client", "third")
        for person in gold["parties"].get(side, {}).get("people", ())
        for address in person["addresses"]
    }
    maker = Maker(path, people=people)
    for m in gold["messages"]:
        raw = (folder / m["file"]).read_bytes()
        parsed = parse_message(raw)
        body = parsed.texts.get("body", "")
        first = m["own"][0] if m["own"] else ""
        cut = body.find("\n>") if "\n>" in body else -1
        zones = [Zone("body", 0, 0, len(body), "own")]
        if first and cut > 0 and body.find(first[-20:]) < cut:
            zones = [
                Zone("body", 0, 0, cut + 1, "own"),
                Zone("body", 1, cut + 1, len(body), "quoted", "lines begin with >"),
            ]
        maker.add(m["id"], raw, folder=m["folder"], parsed=parsed, zones=zones, thread=m["thread"], speaker=m["side"], kind=m["kind"],
                  scope="context" if m["side"] == "third" else "in-scope")  # fmt: skip
    for i, label in enumerate(gold["labels"]):
        sha256 = maker.sha[label["message"]]
        row = next(r for r in maker.rows if r.sha256 == sha256)
        if label["quote"] in row.texts.get("body", "") or label["quote"] in row.texts.get("subject", ""):
            maker.flag(sha256, label["category"], label["subtype"], label["quote"], tier="possible" if i % 3 == 2 else "stated",
                       score=0.95 - (i % 10) / 20)  # fmt: skip
    for r in gold["requests"]:
        sha256 = maker.sha[r["message"]]
        row = next(x for x in maker.rows if x.sha256 == sha256)
        outcome = {"dodged": "reply-without-answer", "unanswered": "no-reply"}.get(r["outcome"], r["outcome"])
        if r["quote"] in row.texts.get("body", "") and r["asker"] in ("us", "client"):
            answering = maker.sha[r["answering_message"]] if r["answering_message"] else None
            maker.request(sha256, r["quote"], r["asker"], r["kind"], outcome, answering, days=r["days"])
    for i, raw in enumerate(hostile):
        maker.add(f"hostile-{i}", raw, thread=f"hostile-{i}", speaker="client")
    by = {side: [f.id for f in maker.flags if f.speaker == side and f.tier == "stated"] for side in ("client", "us")}
    waiting = {side: [f.id for f in maker.flags if f.speaker == side and f.tier == "possible"] for side in by}
    side = {s: {"accepted": 0, "unreviewed": len(by[s]), "rejected": 0, "first": "2025-03-05T09:00:00Z", "last": "2025-04-30T09:00:00Z",
                "flags": by[s], "requests": [], "waiting": waiting[s]} for s in by}  # fmt: skip
    assessment = {
        "as_of": text_time(NOW), "claims": [], "notices": [], "ours_unanswered": [], "ours_late": [],
        "questions": [{"number": n, "key": k, "client": side["client"], "us": side["us"], "answer": None}
                      for n, k in enumerate(("demands", "disrespect", "obligations", "publicity"), 1)],
    }  # fmt: skip
    effort = {"formula": "3 min + words / 150 per minute read", "currency": "RUB", "share_of_traffic": 0.31, "lines": [
        {"person": "Марина Соболева", "month": "2025-03-01", "messages_in": 14, "messages_out": 11, "words_in": 900, "words_out": 700,
         "estimated_minutes": 190.0, "logged_minutes": 60, "rate": 900, "cost": 3750.0}]}  # fmt: skip
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 60" role="group" aria-label="Overview"><style>.c{fill:#9a4a12}</style>'
        f'<a href="#m-{maker.sha["0006"]}"><title>12.03</title><circle class="c" cx="60" cy="30" r="8"/></a>'
        '<line x1="10" y1="30" x2="390" y2="30" stroke="#999"/></svg>'
    )
    return maker.finish(
        title="Полка № 14" if name == "shelf" else "Studio dispute",
        language="ru" if name == "shelf" else "en",
        rendered={
            ("assessment", ""): json.dumps(assessment),
            ("effort", ""): json.dumps(effort),
            ("picture", "ru"): picture,
        },
    )


_WORDS = (
    "коробка отпариватель полка договор возврат деньги срок ответ письмо клиент магазин акт осмотр камера склад доставка оплата счёт претензия "
    "угрожал требовал обещал просил прислать проверить вернуть компенсация отзыв скидка refund shelf invoice delivery answer deadline"
).split()


def generated(path: Path, count: int, *, seed: int = 1) -> Made:
    """``count`` messages of about 1.5 KB over two years in threads of up to twelve, one flag in four messages, one request in six."""
    chance = random.Random(seed)
    people = {
        "anna@north.example": ("us", "Анна Орлова"), "office@north.example": ("us", "Пётр Ильин"),
        "director@romashka.example": ("client", "Илья Ромашкин"), "claims@romashka.example": ("client", "Менеджер по претензиям"),
    }  # fmt: skip
    begin = datetime(2023, 5, 1, 6, 0, tzinfo=UTC)
    maker = Maker(path, people=people)
    ours, theirs = list(people)[:2], list(people)[2:]
    for i in range(count):
        at = begin + timedelta(minutes=i * 2 * 365 * 24 * 60 / count)
        sender, to = (
            (chance.choice(ours), chance.choice(theirs))
            if chance.random() < 0.5
            else (chance.choice(theirs), chance.choice(ours))
        )
        text = "".join(
            " ".join(chance.choice(_WORDS) for _ in range(12)).capitalize() + ".\n"
            for _ in range(chance.randint(3, 14))
        )
        if i % 4 == 0:
            text += "Я обращусь в полицию, если не ответите.\n"
        if i % 6 == 0:
            text += "Пришлите, пожалуйста, акт осмотра.\n"
        subject = " ".join(chance.choice(_WORDS) for _ in range(4)).capitalize()
        mid = f"<{i}@{sender.partition('@')[2]}>"
        raw = (
            f"From: {sender}\r\nTo: {to}\r\nDate: {format_datetime(at)}\r\nMessage-ID: {mid}\r\nSubject: {subject}\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}"
        ).encode()
        parsed = _plain(raw, at, mid, subject, sender, to, text, i)
        zones = (Zone("body", 0, 0, len(text), "own"),)
        sha256 = maker.add(
            str(i), raw, parsed=parsed, zones=zones, folder="Sent" if sender in ours else "INBOX", thread=str(i // 12)
        )
        row = maker.rows[-1]
        if i % 4 == 0:
            start = text.index("обращусь")
            quote = "обращусь в полицию"
            id_ = judged_id("flag", sha256, "body", start, start + len(quote), "threat")
            maker.flags.append(Flag(
                id_, sha256, "threat", "police", "body", start, start + len(quote), quote, row.row["speaker"],
                "stated" if i % 8 else "possible", "threat.police", "ru@1#0", "intention with its object", 0.5 + chance.random() / 2,
            ))  # fmt: skip
        if i % 6 == 0:
            start = text.index("Пришлите")
            quote = "Пришлите, пожалуйста, акт осмотра."
            asker = row.row["speaker"]
            maker.requests.append(Request(
                judged_id("request", sha256, "body", start, start + len(quote), asker), sha256, "body", start, start + len(quote), quote,
                asker, "document", at, "no-reply", "stated",
            ))  # fmt: skip
    return maker.finish(title=f"{count} messages", language="ru")


def _plain(raw: bytes, at: datetime, mid: str, subject: str, sender: str, to: str, text: str, i: int) -> ParsedMessage:
    from evidence.model import Address

    attachments = (
        (Attachment(1, "2", "акт.pdf", "akt.pdf", "application/pdf", "attachment", 1000, "0" * 64),)
        if i % 9 == 0
        else ()
    )
    return ParsedMessage(
        sha256=sha256_hex(raw), message_id=mid, in_reply_to=(), references=(), date_raw=format_datetime(at), date=at, subject=subject,
        addresses=(Address("from", "", sender), Address("to", "", to)), received=(), kind="human",
        texts={"body": text, "subject": subject}, body_source="plain", html=None, attachments=attachments,
        headers=(("From", sender), ("To", to), ("Subject", subject)), language="ru",
    )  # fmt: skip


def letter(*, html: str | None = None, text: str = "Текст письма.", subject: str = "Письмо", sender: str = "Иван <ivan@evil.example>",
           files: Sequence[tuple[str, str, bytes]] = (), at: datetime = datetime(2025, 4, 20, 10, 0, tzinfo=UTC)) -> bytes:  # fmt: skip
    """One message; ``files`` are (name, type, octets)."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "marina@polka-tochka.example", subject
    message["Date"], message["Message-ID"] = format_datetime(at), make_msgid(domain="evil.example")
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, kind, octets in files:
        main, _, sub = kind.partition("/")
        message.add_attachment(octets, maintype=main, subtype=sub, filename=name)
    return message.as_bytes()


def related(html: str, parts: list[tuple[str, str, bytes]]) -> bytes:
    """A letter whose HTML names its own parts; ``parts`` are (Content-ID, stated type, octets)."""
    whole = EmailMessage()
    whole["From"], whole["To"], whole["Subject"] = (
        "Иван <ivan@evil.example>",
        "marina@polka-tochka.example",
        "С картинкой",
    )
    whole["Date"], whole["Message-ID"] = "Sun, 20 Apr 2025 10:00:00 +0300", "<cid@evil.example>"
    whole.set_content("Смотрите картинку.")
    whole.add_alternative(html, subtype="html")
    for name, kind, held in parts:
        main, _, sub = kind.partition("/")
        whole.get_payload()[1].add_related(held, maintype=main, subtype=sub, cid=f"<{name}>")  # type: ignore[union-attr, index]
    return whole.as_bytes()


PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84\x00\x00\x00\x00IEND\xaeB`\x82"
)
