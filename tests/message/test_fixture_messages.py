"""The single messages of fixtures/messages, each named by its trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.message.parse import parse_message
from tests.message.letters import own_words

FOLDER = Path("fixtures/messages")

EXPECTED: dict[str, tuple[str, str, set[str]]] = {
    # name: subject, own words, defects that must be named
    "koi8-r-subject": ("Договор 5 на 100 тыс", "Текст.", {"raw-8bit:subject", "charset-guessed:koi8-r:subject"}),
    "cp1251-body-without-charset": (
        "shelf",
        "Верните деньги до пятницы, иначе обратимся в суд.",
        {"charset-guessed:windows-1251:body"},
    ),
    "cp1251-body-called-utf-8": (
        "shelf",
        "Верните деньги до пятницы, иначе обратимся в суд.",
        {"charset-guessed:windows-1251:body"},
    ),
    "split-letter-in-subject": ("Претензия", "Текст.", set()),
    "encoded-line-ends-in-subject": (
        "Счёт  Bcc: thief@evil.example    body",
        "Текст.",
        {"control-characters:subject"},
    ),
    "second-from": ("shelf", "Who wrote this?", {"repeated:from"}),
    "bare-lf": ("shelf", "one two", set()),
    "nul-in-body": ("shelf", "before\x00after", {"nul:body"}),
    "no-final-line-end": ("shelf", "no line end here", set()),
    "no-empty-line-before-body": ("shelf", "Верните деньги пожалуйста", {"no-empty-line-before-body"}),
    "date-1970": ("shelf", "x", {"date-absurd"}),
    "date-9999": ("shelf", "x", {"date-absurd"}),
    "date-missing": ("shelf", "x", {"date-missing"}),
    "homograph-sender": ("shelf", "x", {"domain-mixed-script:from:xn--nrth-55d.example"}),
    "address-in-display-name": (
        "shelf",
        "x",
        {"display-name-address:from:anna@north.example≠thief@evil.example"},
    ),
    "rfc822-with-our-fake-reply": ("shelf", "See what you wrote.", set()),
    "alternatives-differ": (
        "shelf",
        "We accept your offer and agree to pay the whole sum next Monday morning.",
        {"alternatives-differ"},
    ),
    "hidden-text-in-html": ("shelf", "Seen.", {"hidden-text:20"}),
    "base64-padding-inside": ("shelf", "first, second!!", {"base64-padding-inside:body"}),
    "nasty-attachment-names": ("shelf", "x", {"bidi:attachment:5"}),
    "inline-answers": ("Re: shelf", "Отвечаю по пунктам. Денег не будет. В приложении.", set()),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_trouble_is_read_and_named(name: str) -> None:
    subject, own, defects = EXPECTED[name]
    one = parse_message((FOLDER / f"{name}.eml").read_bytes())
    assert one.failed is None
    assert one.subject == subject
    assert own_words(one) == own
    assert defects <= set(one.defects)


def test_every_fixture_has_its_expectation() -> None:
    found = {path.stem for path in FOLDER.glob("*.eml")}
    assert found == set(EXPECTED) | {"rfc822-around-empty-multipart"}
    crasher = parse_message((FOLDER / "rfc822-around-empty-multipart.eml").read_bytes())
    assert crasher.failed is None and len(crasher.attachments) == 1
