"""What is stored in English is said in the reader's language: every sentence of every closed set has its Russian, none its English changed."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from evidence.i18n import translated
from evidence.mailbox import words as of_mailbox
from evidence.message import words as of_message
from evidence.message.parse import parse_message
from evidence.message.zones import find_zones


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
