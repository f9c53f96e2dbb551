"""Turns labelled disputes (``fixtures/labelled/disputes-*.jsonl.gz``) into mail: .eml files, gold.json and parties.json.

    python tools/disputes.py FOLDER [--shut]

FOLDER gets one folder a dispute in the shape of ``fixtures/corpus``, so that ``fixtures/corpus/score.py`` reads them. Headers,
quoted history (Gmail, Outlook, Yandex and Mail.ru forms, in either language), character sets and transfer encodings vary as in
real mail, chosen by the SHA-256 of each letter's id: the same input gives the same octets. ``--shut`` names the disputes that are
kept shut until the final measurement (fixtures/labelled/README.md); without it the open ones are written.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

LABELLED = Path(__file__).resolve().parent.parent / "fixtures" / "labelled"
OPEN = tuple(f"disputes-{language}-{n}" for language in ("ru", "en") for n in (8, 9, 10, 13, 15, 19, 20, 23))
# Exchanges written to be hard to read, not to be like mail: what they teach counts little.
HARD = tuple(f"disputes-{language}-{n}" for language in ("ru", "en") for n in (16, 21))
# Requests alone are labelled in these.
ASKED = tuple(f"disputes-{language}-{n}" for language in ("ru", "en") for n in (25, 26, 27))
# Held out: for flags, and for requests.
SHUT = ("disputes-ru-24", "disputes-en-24")
SHUT_ASKED = ("disputes-ru-28", "disputes-en-28")
ZONES = {"ru": "Europe/Moscow", "en": "Europe/London"}
CATEGORIES = (
    "threat", "demand", "accusation", "insult", "refusal", "broken_promise", "nonpayment", "admission",
    "deadline_notice", "termination_notice",
)  # fmt: skip
TYPES = {
    "pdf": "application/pdf", "jpg": "image/jpeg", "png": "image/png", "mp4": "video/mp4", "zip": "application/zip", "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
QUOTES = ("none", "gmail", "outlook", "yandex", "mailru", "gmail-html", "none", "outlook")


@dataclass(frozen=True)
class Dispute:
    """One invented dispute: its header line, its letters in order of time, and the author's file it stands in."""

    header: Mapping[str, Any]
    letters: tuple[Mapping[str, Any], ...]
    author: str

    @property
    def name(self) -> str:
        return str(self.header["dispute"])

    @property
    def language(self) -> str:
        return str(self.header["lang"])

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(ZONES[self.language])


def read(names: Sequence[str]) -> Iterator[Dispute]:
    """The disputes of the named files of ``fixtures/labelled``."""
    for name in names:
        with gzip.open(LABELLED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        starts = [i for i, row in enumerate(rows) if "dispute" in row]
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            yield Dispute(rows[start], tuple(rows[start + 1 : end]), name.removeprefix("disputes-"))


def drawn(*key: str) -> int:
    """A number that only depends on ``key``."""
    return int(hashlib.sha256("\n".join(key).encode()).hexdigest()[:12], 16)


def message_id(letter: Mapping[str, Any]) -> str:
    return f"<{letter['id']}.{drawn('id', letter['id']):x}@{letter['from'].rpartition('@')[2]}>"


def side_of(letter: Mapping[str, Any]) -> str:
    return "us" if letter["role"] == "us" else "client"


class Mail:
    """The letters of one dispute as messages."""

    def __init__(self, dispute: Dispute) -> None:
        self.dispute = dispute
        self.by_id = {x["id"]: x for x in dispute.letters}
        self._bodies: dict[str, str] = {}
        self._names = {x["from"]: x["name"] for x in reversed(dispute.letters)}

    def at(self, letter: Mapping[str, Any]) -> datetime:
        return datetime.fromisoformat(letter["date"]).replace(
            tzinfo=self.dispute.zone, second=drawn("second", letter["id"]) % 60
        )

    def thread(self, letter: Mapping[str, Any]) -> str:
        """The id of the first letter of its thread."""
        return str(next(x["id"] for x in self.dispute.letters if x["thread"] == letter["thread"]))

    def to(self, letter: Mapping[str, Any]) -> tuple[str, ...]:
        """Whom it is sent to: the writer of the letter replied to, or the first of the other side; now and then a second one in Cc."""
        other = [str(a) for a in self.dispute.header["client" if side_of(letter) == "us" else "us"]]
        parent: Mapping[str, Any] | None = self.by_id.get(letter["reply_to"] or "")
        first = parent["from"] if parent and parent["from"] in other else other[0]
        rest = [a for a in other if a != first]
        return (first, rest[0]) if rest and drawn("cc", letter["id"]) % 5 == 0 else (first,)

    def chain(self, letter: Mapping[str, Any]) -> list[str]:
        found: list[str] = []
        above: Mapping[str, Any] | None = self.by_id.get(letter["reply_to"] or "")
        while above:
            found.insert(0, message_id(above))
            above = self.by_id.get(above["reply_to"] or "")
        return found

    def style(self, letter: Mapping[str, Any]) -> str:
        return QUOTES[drawn("style", letter["from"], str(drawn("letter", letter["id"]) % 4)) % len(QUOTES)]

    def body(self, letter: Mapping[str, Any]) -> str:
        """Own text, and the history below it as the writer's program would quote it."""
        if letter["id"] not in self._bodies:
            parent = self.by_id.get(letter["reply_to"] or "")
            text = letter["text"].rstrip() + "\n"
            if parent and self.style(letter) != "none":
                text += "\n" + self._history(self.style(letter), parent)
            self._bodies[letter["id"]] = text
        return self._bodies[letter["id"]]

    def _history(self, style: str, parent: Mapping[str, Any]) -> str:
        ru = self.dispute.language == "ru"
        at, name, address = self.at(parent), parent["name"], parent["from"]
        whole = self.body(parent)
        quoted = "".join(f"> {line}".rstrip() + "\n" for line in whole.rstrip().split("\n"))
        if style.startswith("gmail"):
            if ru:
                said = format_datetime(at, "EEE, d MMM y 'г'. 'в' HH:mm", locale="ru")
                return f"{said}, {name} <{address}>:\n\n{quoted}"
            return f"On {format_datetime(at, 'EEE, d MMM y', locale='en')} at {at:%H:%M}, {name} <{address}> wrote:\n\n{quoted}"
        if style == "yandex":
            if ru:
                return f'{at:%d.%m.%Y, %H:%M}, "{name}" <{address}>:\n\n{quoted}'
            return f'{at:%d.%m.%Y, %H:%M}, "{name}" <{address}>:\n\n{quoted}'
        if style == "mailru":
            if ru:
                said = format_datetime(at, "EEEE, d MMMM y, HH:mm XXX", locale="ru")
                return f"{said} от {name} <{address}>:\n\n{quoted}"
            return (
                f"{format_datetime(at, 'EEEE, d MMMM y, HH:mm XXX', locale='en')} from {name} <{address}>:\n\n{quoted}"
            )
        to = ", ".join(f"{self._names.get(a, a)} <{a}>" for a in self.to(parent))
        if ru:
            said = format_datetime(at, "d MMMM y 'г'. HH:mm", locale="ru")
            return f"________________________________\nОт: {name} <{address}>\nОтправлено: {said}\nКому: {to}\nТема: {parent['subject']}\n\n{whole}"
        said = format_datetime(at, "EEEE, MMMM d, y HH:mm", locale="en")
        return f"-----Original Message-----\nFrom: {name} <{address}>\nSent: {said}\nTo: {to}\nSubject: {parent['subject']}\n\n{whole}"

    def octets(self, letter: Mapping[str, Any]) -> bytes:
        """The message as RFC 5322 text with CRLF line ends."""
        message = EmailMessage(policy=SMTP)
        for header, addresses in (
            ("From", (letter["from"],)),
            ("To", self.to(letter)[:1]),
            ("Cc", self.to(letter)[1:]),
        ):
            if addresses:
                named = letter["name"] if header == "From" else None
                message[header] = tuple(Address(named or self._names.get(a, ""), addr_spec=a) for a in addresses)
        message["Subject"] = letter["subject"]
        message["Date"] = self.at(letter)
        message["Message-ID"] = message_id(letter)
        chain = self.chain(letter)
        if chain:
            message["In-Reply-To"] = chain[-1]
            message["References"] = " ".join(chain)
        message["X-Folder"] = "Sent" if side_of(letter) == "us" else "INBOX"
        body = self.body(letter)
        charset = self._charset(letter, body)
        encoding = ("8bit", "base64", "quoted-printable")[drawn("cte", letter["id"]) % 3]
        if max(map(len, body.encode(charset).split(b"\n"))) > 900 and encoding == "8bit":
            encoding = "quoted-printable"  # RFC 5322 section 2.1.1
        message.set_content(body, charset=charset, cte=encoding)
        if self.style(letter) == "gmail-html":
            message.add_alternative(self._html(letter), subtype="html", charset="utf-8", cte="quoted-printable")
        for filename in letter["attachments"]:
            kind, _, part = TYPES.get(filename.rpartition(".")[2].lower(), "application/octet-stream").partition("/")
            message.add_attachment(f"{letter['id']} {filename}\n".encode(), kind, part, filename=filename)
        for number, part in enumerate(p for p in message.walk() if p.is_multipart()):
            part.set_boundary(f"----={drawn('boundary', letter['id'], str(number)):012x}")
        return message.as_bytes()

    def _charset(self, letter: Mapping[str, Any], body: str) -> str:
        wish = {
            "ru": ("utf-8", "windows-1251", "koi8-r", "utf-8"),
            "en": ("utf-8", "windows-1252", "iso-8859-1", "utf-8"),
        }
        charset = wish[self.dispute.language][drawn("charset", letter["from"]) % 4]
        try:
            body.encode(charset)
        except UnicodeEncodeError:
            return "utf-8"
        return charset

    def _html(self, letter: Mapping[str, Any]) -> str:
        def lines(text: str) -> str:
            return "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.rstrip().split("\n"))

        parent = self.by_id.get(letter["reply_to"] or "")
        below = ""
        if parent:
            attribution, _, _rest = self._history("gmail", parent).partition("\n")
            below = (
                f'<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{escape(attribution)}<br></div>'
                f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{lines(self.body(parent))}</blockquote></div>'
            )
        return f'<div dir="ltr">{lines(letter["text"])}</div>{below}\n'

    def gold(self) -> dict[str, Any]:
        """What ``fixtures/corpus/score.py`` compares with."""
        head = self.dispute.header
        language = self.dispute.language
        labels, requests, negatives = [], [], []
        for letter in self.dispute.letters:
            side, key = side_of(letter), letter["id"]
            labels += [
                {"id": f"{key}/L{n}", "message": key, "category": x["category"], "subtype": x["subtype"], "quote": x["quote"],
                 "speaker": side, "confidence": x["confidence"], "lang": language}
                for n, x in enumerate(letter["labels"], 1) if x["category"] in CATEGORIES
            ]  # fmt: skip
            requests += [
                {"id": f"{key}/R{n}", "message": key, "quote": x["quote"], "asker": side, "kind": x["kind"], "outcome": x["outcome"],
                 "answering_message": x["answered_by"], "repeats": x["repeats"], "confidence": x.get("confidence", "clear"), "lang": language}
                for n, x in enumerate(letter["requests"], 1)
            ]  # fmt: skip
            negatives += [
                {"message": key, "quote": x["quote"], "must_not_be": list(x["must_not_be"].replace(",", " ").split()),
                 "why": x["why"], "where": "own"}
                for x in letter["traps"]
            ]  # fmt: skip
        return {
            "dispute": self.dispute.name,
            "parties": self.parties(),
            "reply_days": head["reply_days"],
            "as_of": head["as_of"],
            "messages": [
                {"id": x["id"], "file": f"messages/{x['id']}.eml", "message_id": message_id(x), "date": self.at(x).isoformat(),
                 "from": x["from"], "side": side_of(x), "kind": "human", "folder": "Sent" if side_of(x) == "us" else "INBOX",
                 "thread": self.thread(x), "reply_to": x["reply_to"], "lang": language, "style": self.style(x), "own": [x["text"]]}
                for x in self.dispute.letters
            ],
            "labels": labels,
            "requests": requests,
            "hard_negatives": negatives,
        }  # fmt: skip

    def parties(self) -> dict[str, Any]:
        def people(side: str) -> list[dict[str, Any]]:
            return [{"name": self._names.get(a, a), "addresses": [a]} for a in self.dispute.header[side]]

        return {
            "us": {"name": self.dispute.name + " us", "people": people("us")},
            "client": {"name": self.dispute.name + " client", "people": people("client")},
            "third": {"name": None, "people": []},
        }


def configuration(mail: Mail) -> str:
    """config.toml of a matter with the dispute's own days, counted by the calendar."""
    dispute, parties = mail.dispute, mail.parties()

    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    lines = [
        "[matter]", f"title = {text(dispute.name)}", f"language = {text(dispute.language)}", f"timezone = {text(ZONES[dispute.language])}",
        "[us]", f"name = {text(parties['us']['name'])}", "addresses = []",
    ]  # fmt: skip
    for person in parties["us"]["people"]:
        lines += ["[[us.staff]]", f"name = {text(person['name'])}", f"addresses = {text(person['addresses'])}"]
    first, *rest = parties["client"]["people"]
    lines += ["[client]", f"name = {text(first['name'])}", f"addresses = {text(first['addresses'])}"]
    for person in rest:
        lines += ["[[client.delegates]]", f"name = {text(person['name'])}", f"addresses = {text(person['addresses'])}"]
    country = "RU" if dispute.language == "ru" else "GB"
    lines += [
        "[timeline]",
        f"answer_within_days = {dispute.header['reply_days']}",
        'days = "calendar"',
        f'country = "{country}"',
    ]
    return "\n".join([*lines, "[dkim]", 'dns = "off"']) + "\n"


def write(dispute: Dispute, folder: Path) -> Path:
    """Write one dispute below ``folder``: its messages, gold.json, parties.json and config.toml."""
    mail = Mail(dispute)
    place = folder / dispute.name
    (place / "messages").mkdir(parents=True, exist_ok=True)
    for letter in dispute.letters:
        (place / "messages" / f"{letter['id']}.eml").write_bytes(mail.octets(letter))
    gold = mail.gold()
    parties = {
        "dispute": dispute.name, "title": dispute.header["domain"], "languages": [dispute.language],
        "reply_days": gold["reply_days"], "as_of": gold["as_of"], "parties": gold["parties"], "folders": ["INBOX", "Sent"],
    }  # fmt: skip
    for name, table in (("gold.json", gold), ("parties.json", parties)):
        (place / name).write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (place / "config.toml").write_text(configuration(mail), encoding="utf-8")
    return place


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shut", action="store_true", help="the disputes held out until the final measurement")
    a = parser.parse_args()
    count = 0
    for dispute in read((*SHUT, *SHUT_ASKED) if a.shut else (*OPEN, *ASKED)):
        write(dispute, a.folder)
        count += 1
    print(f"{count} disputes in {a.folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
