"""A message's page says in the reader's language what is stored in English: zones, attachments, sightings, signatures, links."""

from __future__ import annotations

import asyncio
import html
import json
import re
import sqlite3
from pathlib import Path

import pytest

from evidence.browse import serve
from evidence.mailbox import words as of_mailbox
from evidence.message import dkim_words
from evidence.message import words as of_message
from tests.browse.make_archive import Made

RUSSIAN = {
    "zone": "знак цитаты в начале строки",
    "attachment": "не открыто частей: 3; зашифровано",
    "sighting": "те же место, Message-ID, размер и дата, что до смены UIDVALIDITY; повторно не загружалось",
    "reason": "Тело — не то, которое было подписано; подписанные заголовки не изменены",
    "warning": "Короткий ключ, бит: 768",
    "link": "прежнее обещание: ",
}
ENGLISH = {
    "zone": of_message.QUOTE_MARK,
    "attachment": "3 parts not opened; encrypted",
    "sighting": of_mailbox.SAME_PLACE,
    "reason": dkim_words.BODY_DIFFERS,
    "warning": f"{dkim_words.SHORT_KEY}: 768",
    "link": "earlier promise: ",
}


@pytest.fixture
def marked(own_copy: Made) -> tuple[Path, str]:
    """A copy whose one flagged letter carries each of the stored words."""
    connection = sqlite3.connect(own_copy.path)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{trigger}"')
    number, sha256, flag = connection.execute(
        "SELECT p.message, p.sha256, f.id FROM flag f JOIN parsed_message p ON p.message = f.message WHERE f.part = 'body' ORDER BY f.id LIMIT 1"
    ).fetchone()
    (text,) = connection.execute("SELECT text FROM text_part WHERE message = ? AND part = 'body'", (number,)).fetchone()
    connection.execute("DELETE FROM zone WHERE message = ? AND part = 'body'", (number,))
    zones = [(1, 0, len(text) - 5, "own", ""), (2, len(text) - 5, len(text), "quoted", ENGLISH["zone"])]
    for zone in zones:
        connection.execute(
            'INSERT INTO zone (message, part, number, start, "end", kind, why) VALUES (?, \'body\', ?, ?, ?, ?, ?)', (number, *zone)
        )  # fmt: skip
    connection.execute(
        "INSERT OR REPLACE INTO attachment VALUES (?, 99, '2', 'act.zip', 'act.zip', 'application/zip', 'attachment', 5, ?, '', ?)",
        (number, "0" * 64, ENGLISH["attachment"]),
    )
    connection.execute("UPDATE sighting SET note = ? WHERE message = ?", (ENGLISH["sighting"], number))
    connection.execute(
        "INSERT OR REPLACE INTO dkim (message, number, domain, selector, result, reason, signed_headers, length_tag, key_bits, algorithm,"
        " canonicalization, warnings, dns_key) VALUES (?, 9, 'them.example', 's1', 'fail', ?, '[]', NULL, 768, 'rsa-sha256', '', ?, NULL)",
        (number, ENGLISH["reason"], json.dumps([ENGLISH["warning"]])),
    )
    link = {"sha256": sha256, "part": "body", "start": 0, "end": 4, "quote": "цитата", "role": "commitment"}
    searched = {
        "accounts": ["office"], "addresses": ["office@them.example"], "automatic_replies": ["0" * 64], "letters": 3,
        "folders": [{"account": "office", "folder": "INBOX", "uidvalidity": 1, "up_to_uid": 42, "at": "2026-03-01T10:00:00Z"}],
        "not_searched": ["telephone", "messengers", "paper", "other mailboxes"], "returned": [], "up_to": "2026-03-01T10:00:00Z",
    }  # fmt: skip
    connection.execute("UPDATE request SET searched = ?", (json.dumps(searched),))
    connection.execute("UPDATE flag SET links = ? WHERE id = ?", (json.dumps([link]), flag))
    connection.commit()
    connection.close()
    return own_copy.path, sha256


def page_of(path: Path, language: str, place: str) -> str:
    datasette = serve.build(path, language=language)

    async def ask() -> str:
        await datasette.invoke_startup()
        found = await datasette.client.get(place, cookies={"evidence_language": language})
        assert found.status_code == 200
        return str(found.text)

    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", asyncio.run(ask()))).split())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Folders: office / INBOX (up to UID 42, ", "Mail from: office@them.example", "3 later messages of theirs were read",
                "1 automatic reply does not count as an answer", "Not searched: telephone, messaging apps, paper, other mailboxes"]),
        ("ru", ["Папки: office / INBOX (до UID 42, ", "Письма с адресов: office@them.example", "прочитано 3 позднейших письма той стороны",
                "1 автоматический ответ ответом не считается", "Не просматривались: телефон, мессенджеры, бумажная почта, другие ящики"]),
    ],
)  # fmt: skip
def test_what_was_searched_is_told_in_words(marked: tuple[Path, str], language: str, words: list[str]) -> None:
    page = page_of(marked[0], language, "/-/evidence/requests")
    assert [text for text in words if text not in page] == []
    assert "up_to_uid" not in page
    assert "not_searched" not in page


@pytest.mark.parametrize(("language", "words", "others"), [("ru", RUSSIAN, ENGLISH), ("en", ENGLISH, RUSSIAN)])
def test_stored_words_are_shown_in_the_readers_language(
    marked: tuple[Path, str], language: str, words: dict[str, str], others: dict[str, str]
) -> None:
    path, sha256 = marked
    page = page_of(path, language, f"/-/evidence/message/{sha256}")
    for what, text in words.items():
        assert text in page, what
    for what, text in others.items():
        assert text not in page, what
