"""What is stored in English is said in the reader's language: every sentence of every closed set has its Russian, none its English changed."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from evidence import message
from evidence.i18n import translated
from evidence.mailbox import words as of_mailbox
from evidence.message import words as of_message
from evidence.message.parse import parse_message
from evidence.message.zones import find_zones
from evidence.wording.reading import DEFECTS, stored_in_words


def sentences(module: ModuleType) -> list[str]:
    return [text for name, text in vars(module).items() if name.isupper() and isinstance(text, str)]


@pytest.mark.parametrize(("package", "module"), [("message", of_message), ("mailbox", of_mailbox)])
def test_every_stored_word_has_its_russian(package: str, module: ModuleType) -> None:
    found = sentences(module)
    assert len(found) > 5
    for text in found:
        stored = text.replace("{n}", "17").replace("{m}", "4")
        russian = translated(package, "ru", stored)
        assert re.search("[а-яё]{4}", russian), stored
        assert translated(package, "en", stored) == stored
        for number in re.findall(r"\d+", stored):
            assert number in russian, (stored, russian)


def test_numbers_within_a_sentence_keep_their_order() -> None:
    assert translated("mailbox", "ru", "15 octets announced, 5 allowed") == "сервер объявил 15 байт, допускается 5"
    assert translated("mailbox", "ru", "5 octets announced, 15 allowed") == "сервер объявил 5 байт, допускается 15"
    assert translated("mailbox", "ru", "NO [LIMIT] 5 of 15") == "NO [LIMIT] 5 of 15"  # what a server said stays


LETTER = """From: Ivan Petrov <ivan@them.example>
To: anna@us.example
Date: Mon, 3 Mar 2025 10:00:00 +0300
Subject: Re: Shelf
Message-ID: <a@them.example>
Content-Type: text/plain; charset=utf-8

Fine, but when will you pay?

> We sent the invoice.
> It is for 500.

--
Ivan Petrov

On Sun, 2 Mar 2025 at 10:00, Anna <anna@us.example> wrote:
We sent the invoice for the shelf on Friday.
"""  # fmt: skip


def test_every_reason_that_the_zones_give_is_of_the_closed_set() -> None:
    parsed = parse_message(LETTER.replace("\n", "\r\n").encode())
    reasons = {zone.why for zone in find_zones(parsed) if zone.why}
    assert reasons >= {of_message.QUOTE_MARK, of_message.REPLY_SUBJECT}
    assert reasons <= set(sentences(of_message))


NO_DEFECTS = frozenset(("no-key", "out-of-memory", "timed-out"))  # a verdict of DKIM; ends of "attachment-text-…"
CODE = re.compile(
    r'(?:defects|found)\.append\(\s*f?"([a-z][a-z0-9-]*)[:"]|defect = "([a-z0-9-]+)"|, "([a-z0-9]+-[a-z-]+)(?::|"\s*$)',
    re.M,
)


def test_every_defect_that_reading_can_name_is_said_in_words() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(message.__file__).parent.glob("*.py")))
    codes = {next(filter(None, found)) for found in CODE.findall(sources)} - NO_DEFECTS
    assert len(codes) > 35
    assert sorted(codes - DEFECTS.keys()) == []


@pytest.mark.parametrize(
    ("code", "english", "russian"),
    [
        ("charset-guessed:windows-1251:body", "the encoding of the characters was guessed; encoding: windows-1251, body",
         "кодировка символов определена по тексту; кодировка: windows-1251, body"),
        ("no-from", "there is no From header", "заголовка From нет"),
        ("repeated:subject", "a header that may stand once stands several times: subject",
         "заголовок, который допускается один раз, стоит несколько раз: subject"),
        ("date-misplaced-date-separator", "the Date header departs from the standard: misplaced-date-separator",
         "заголовок Date отступает от стандарта: misplaced-date-separator"),
        ("encrypted", "encrypted", "зашифровано"),
        ("Short key, bits: 768", "Short key, bits: 768", "Короткий ключ, бит: 768"),
        ("something-new:7", "something-new:7", "something-new:7"),
    ],
)  # fmt: skip
def test_a_defect_is_a_sentence_with_its_particulars(code: str, english: str, russian: str) -> None:
    assert stored_in_words("en", code) == english
    assert stored_in_words("ru", code) == russian
