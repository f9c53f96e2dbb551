"""A made-up mailbox for the benchmarks: the same arguments give the same octets, and a manifest of hashes to check against.

``made(folder, count)`` writes a Maildir++ tree in the layout of Dovecot: five folders, threads, Russian and English,
three character sets, text and HTML, attachments in three letters of ten (about 69 KB a letter). One thread in ten is the
client's. Files hold LF; a server sends CRLF, and hashes and octets in the manifest are of what is sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from pathlib import Path

OURS = ("Анна Орлова", "office@north.example")
CLIENT = (("Пётр Ветров", "director@romashka.example"), ("Claims desk", "claims@romashka.example"))
FOLDERS = {"INBOX": 0.45, "Sent": 0.25, "Archive": 0.15, "Клиенты": 0.10, "Junk": 0.05}
UIDVALIDITY = 1_700_000_000
REPEATED = 20_000  # letters made; a larger mailbox holds them again

_WORDS = {
    "ru": """договор срок оплата счёт этап макет правки акт работы заказчик исполнитель сумма аванс письмо ответ согласование
        задержка вёрстка страница каталог сервер доступ пароль бухгалтерия документы подпись скан оригинал почта курьер завтра
        вчера понедельник пятница неделя месяц соглашение приложение пункт раздел результат приёмка замечания встреча созвон
        протокол обсудили решили перенести склад полка хранение посылка доставка возврат товар коробка адрес выдача смена
        и в на с по что как мы вы это не за до от к о для при если уже ещё также будет был""".split(),
    "en": """contract deadline payment invoice milestone layout changes acceptance work customer contractor amount advance letter
        reply approval delay homepage catalogue server access password accounting documents signature scan original courier
        tomorrow yesterday Monday Friday week month addendum clause section result remarks meeting call minutes agreed postpone
        warehouse shelf storage parcel delivery goods box address shift counter
        the and of to in a is that we you for on with as it not by at from will be was""".split(),
}
_POINTED = {
    "ru": (
        "Прошу прислать акт сверки до пятницы.",
        "Требуем выплатить компенсацию 15 000 рублей за испорченный товар.",
        "Если не вернёте деньги, обратимся в полицию и суд.",
        "Когда будет готов ответ на нашу претензию?",
        "Вы не выполнили свои обязательства, это обман.",
        "Оплатим счёт в течение трёх дней.",
        "Мы отказываем в возврате: срок хранения истёк.",
    ),
    "en": (
        "Please send the reconciliation act by Friday.",
        "We demand compensation of 15,000 roubles for the damaged goods.",
        "If you do not refund us, we will go to the police and to court.",
        "When will you answer our claim?",
        "You have not met your obligations, this is a fraud.",
        "We will pay the invoice within three days.",
        "We refuse the refund: the storage period is over.",
    ),
}


@dataclass
class _Thread:
    client: bool
    language: str
    other: tuple[str, str]
    subject: str
    ids: list[str] = field(default_factory=list)
    last: tuple[str, str] | None = None


@dataclass(frozen=True)
class Letter:
    """One generated letter: its folder, whether it is the client's, and its octets with LF line ends."""

    folder: str
    client: bool
    at: datetime
    raw: bytes


class _Writer:
    def __init__(self, count: int, share: float, attachments: bool) -> None:
        self.random = random.Random(f"{count}|{share}|{attachments}")
        self.share = share
        self.attachments = attachments
        self.threads: list[_Thread] = []
        self.people = [(f"Person {n}", f"person{n}@firm{n % 60}.example") for n in range(300)]
        self.sentences = {language: [self._sentence(language) for _ in range(4000)] for language in _WORDS}

    def _sentence(self, language: str) -> str:
        words = [self.random.choice(_WORDS[language]) for _ in range(self.random.randint(5, 16))]
        if self.random.random() < 0.3:
            words.insert(1, str(self.random.randint(2, 99_999)))
        text = " ".join(words)
        return text[0].upper() + text[1:] + "."

    def _own(self, language: str) -> str:
        """About 200 words; every third letter has a pointed sentence."""
        paragraphs = [
            " ".join(self.random.choice(self.sentences[language]) for _ in range(self.random.randint(1, 9)))
            for _ in range(self.random.randint(1, 6))
        ]
        if self.random.random() < 0.33:
            paragraphs.insert(self.random.randint(0, len(paragraphs)), self.random.choice(_POINTED[language]))
        return "\n\n".join(paragraphs)

    def _thread(self) -> _Thread:
        if self.threads and self.random.random() < 0.6:
            back = min(len(self.threads), 1 + int(self.random.expovariate(1 / 40)))
            return self.threads[-back]
        client = self.random.random() < self.share
        language = "ru" if self.random.random() < 0.65 else "en"
        other = CLIENT[0] if client else self.random.choice(self.people)
        made = _Thread(client, language, other, self.random.choice(self.sentences[language])[:60].rstrip("., "))
        self.threads.append(made)
        return made

    def letter(self, at: datetime) -> Letter:
        rnd, thread = self.random, self._thread()
        if thread.client:
            thread.other = rnd.choice(CLIENT)
        outgoing = rnd.random() < 0.35
        incoming = [name for name in FOLDERS if name != "Sent"]
        folder = "Sent" if outgoing else rnd.choices(incoming, [FOLDERS[name] for name in incoming])[0]
        if folder == "Junk" and thread.client:
            folder = "Клиенты"
        sender, recipient = (OURS, thread.other) if outgoing else (thread.other, OURS)
        date = format_datetime(at)
        message_id = f"<{int(at.timestamp())}.{rnd.getrandbits(40):010x}@{sender[1].partition('@')[2]}>"
        text = self._own(thread.language) + f"\n\n-- \n{sender[0]}\n"
        if thread.last and rnd.random() < 0.8:
            text += f"\n{thread.last[0]}:\n" + "".join(f"> {line}\n" for line in thread.last[1].splitlines()[:80])
        charset = (
            rnd.choices(["utf-8", "koi8-r", "windows-1251"], [0.72, 0.08, 0.2])[0]
            if thread.language == "ru"
            else "utf-8"
        )
        lines = [f"Return-Path: <{sender[1]}>"]
        for hop in range(0 if outgoing else rnd.randint(2, 4)):
            lines.append(
                f"Received: from mx{hop}.relay.example (mx{hop}.relay.example [192.0.2.{rnd.randint(1, 254)}])\n"
                f"\tby mail{hop}.north.example (Postfix) with ESMTPS id {rnd.getrandbits(44):X}\n\tfor <{recipient[1]}>; {date}"
            )
        lines += [
            f"From: {_words(sender[0], charset)} <{sender[1]}>",
            f"To: {_words(recipient[0], charset)} <{recipient[1]}>",
            "Subject: " + _words(("Re: " if thread.ids else "") + thread.subject, charset),
            f"Date: {date}",
            f"Message-ID: {message_id}",
        ]
        if thread.ids:
            lines += [f"In-Reply-To: {thread.ids[-1]}", "References: " + "\n ".join(thread.ids[-8:])]
        lines += ["MIME-Version: 1.0", "X-Mailer: Mozilla Thunderbird"]
        thread.ids.append(message_id)
        thread.last = (f"{date}, {sender[0]}", text)
        body = self._body(text, charset, thread.language)
        return Letter(folder, thread.client, at, "\n".join(lines).encode() + b"\n" + body)

    def _body(self, text: str, charset: str, language: str) -> bytes:
        rnd = self.random
        encoding = rnd.choices(["base64", "quoted-printable", "8bit"], [0.45, 0.4, 0.15])[0]
        part = _part("plain", text, charset, encoding)
        if rnd.random() < 0.6:
            escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            html = "".join(f"<p>{p.replace(chr(10), '<br>' + chr(10))}</p>\n" for p in escaped.split("\n\n"))
            html = f'<html><head><meta charset="{charset}"></head><body>\n{html}</body></html>\n'
            hidden = "quoted-printable" if encoding == "8bit" else encoding
            part = _multipart("alternative", [part, _part("html", html, charset, hidden)], rnd.getrandbits(64))
        if self.attachments and rnd.random() < 0.3:
            files = [self._attachment(language) for _ in range(1 if rnd.random() < 0.8 else 2)]
            part = _multipart("mixed", [part, *files], rnd.getrandbits(64))
        return part

    def _attachment(self, language: str) -> bytes:
        rnd = self.random
        size = int(min(3 << 20, max(20 << 10, rnd.lognormvariate(math.log(125 * 1024) - 0.6, 1.1))))
        name = _words(f"{'Акт' if language == 'ru' else 'act'} {rnd.randint(1, 999)}.jpg", "utf-8")
        head = f'Content-Type: image/jpeg; name="{name}"\nContent-Transfer-Encoding: base64\n'
        head += f'Content-Disposition: attachment; filename="{name}"\n\n'
        return head.encode() + base64.encodebytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + rnd.randbytes(size))


def _words(text: str, charset: str) -> str:
    return text if text.isascii() else Header(text, charset, maxlinelen=70).encode(linesep="\n")


def _part(subtype: str, text: str, charset: str, encoding: str) -> bytes:
    octets = text.encode(charset, "replace")
    if encoding == "base64":
        octets = base64.encodebytes(octets)
    elif encoding == "quoted-printable":
        octets = binascii.b2a_qp(octets, istext=True)
    head = f'Content-Type: text/{subtype}; charset="{charset}"\nContent-Transfer-Encoding: {encoding}\n\n'
    return head.encode() + octets + (b"" if octets.endswith(b"\n") else b"\n")


def _multipart(subtype: str, parts: list[bytes], number: int) -> bytes:
    mark = f"part{number:016x}".encode()
    inner = b"".join(b"--" + mark + b"\n" + part for part in parts)
    return b'Content-Type: multipart/%b; boundary="%b"\n\n' % (subtype.encode(), mark) + inner + b"--" + mark + b"--\n"


def letters(count: int, *, share: float = 0.1, attachments: bool = True) -> Iterator[Letter]:
    """``count`` letters over three years, in date order; ``share`` of the threads are the client's."""
    writer = _Writer(count, share, attachments)
    began, step = datetime(2023, 1, 1, 8, tzinfo=UTC), timedelta(days=3 * 365) / max(1, count)
    for number in range(count):
        yield writer.letter((began + number * step).replace(microsecond=0))


def modified_utf7(name: str) -> str:
    """A folder's name as IMAP4rev1 writes it (RFC 3501 §5.1.3); enough for names without mixed scripts."""
    if name.isascii():
        return name
    return "&" + base64.b64encode(name.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def _repeated(count: int, share: float, written: list[tuple[Letter, Path]]) -> Iterator[Letter]:
    """``count`` letters; beyond REPEATED the first ones again, each with a line of its own, which takes a tenth of the time."""
    yield from letters(min(count, REPEATED), share=share)
    for number in range(REPEATED, count):
        letter, path = written[number % REPEATED]
        yield replace(letter, raw=b"X-Round: %d\n" % (number // REPEATED) + path.read_bytes())


def made(root: Path, count: int, *, share: float = 0.1) -> dict[str, object]:
    """Write the tree and ``manifest.json`` beside it: per folder the count, the octets sent and the hashes in UID order."""
    places = {name: root if name == "INBOX" else root / f".{modified_utf7(name)}" for name in FOLDERS}
    for place in places.values():
        for part in ("cur", "new", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
    names: dict[str, list[str]] = {name: [] for name in FOLDERS}
    hashes: dict[str, list[str]] = {name: [] for name in FOLDERS}
    octets, matching = 0, 0
    written: list[tuple[Letter, Path]] = []
    for number, letter in enumerate(_repeated(count, share, written)):
        sent = letter.raw.replace(b"\n", b"\r\n")
        file = f"{int(letter.at.timestamp())}.M{number:07}P1.bench,S={len(letter.raw)},W={len(sent)}"
        path = places[letter.folder] / "cur" / f"{file}:2,S"
        path.write_bytes(letter.raw)
        os.utime(path, (letter.at.timestamp(),) * 2)
        if count > REPEATED and number < REPEATED:
            written.append((replace(letter, raw=b""), path))
        names[letter.folder].append(file)
        hashes[letter.folder].append(hashlib.sha256(sent).hexdigest())
        octets += len(sent)
        matching += letter.client
    for name, place in places.items():  # the list of UIDs fixes their order
        guid = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        uids = "".join(f"{uid} :{file}\n" for uid, file in enumerate(names[name], 1))
        (place / "dovecot-uidlist").write_text(f"3 V{UIDVALIDITY} N{len(names[name]) + 1} G{guid}\n{uids}")
    manifest = {"count": count, "octets": octets, "matching": matching, "folders": hashes}
    (root.parent / f"{root.name}.manifest.json").write_text(json.dumps(manifest, ensure_ascii=False))
    return manifest
