"""Letters as programs really save and send them: forms beside the standard that must cost no word, sender, hour or verdict."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from evidence.message.charsets import decode_octets
from evidence.message.headers import decode_field
from evidence.message.parse import parse_message
from evidence.message.zones import find_zones

THREAT = "Мы подадим на вас в суд завтра, если не вернёте деньги."
TOP = (
    b"From: Anna <anna@north.example>\r\nTo: d@romashka.example\r\nDate: Mon, 03 Mar 2025 11:12:53 +0300\r\n"
    b"Message-ID: <1@north.example>\r\nSubject: shelf\r\nMIME-Version: 1.0\r\n"
)


def mixed(*parts: tuple[str, str]) -> bytes:
    inside = "".join(f"--B\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n{text}\r\n" for kind, text in parts)
    return TOP + b"Content-Type: multipart/mixed; boundary=B\r\n\r\n" + inside.encode() + b"--B--\r\n"


def test_a_list_footer_does_not_take_the_place_of_a_letter_that_is_html_only() -> None:
    message = parse_message(mixed(("text/html", f"<p>{THREAT}</p>"), ("text/plain", "____\r\nlist@lists.example <1>")))
    assert message.texts["body"] == f"{THREAT}\n____\nlist@lists.example <1>"
    assert message.html is not None and THREAT in message.html and "&lt;1&gt;" in message.html


def test_html_shown_below_an_alternative_is_read_too() -> None:
    alternative = (
        "multipart/alternative; boundary=C",
        "--C\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nЗдравствуйте.\r\n--C\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        "<p>Здравствуйте.</p>\r\n--C--",
    )
    message = parse_message(mixed(alternative, ("text/html", f"<p>{THREAT}</p>")))
    assert message.texts["body"] == f"Здравствуйте.\n{THREAT}"
    assert message.html is not None and THREAT in message.html


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"\n\n", b"\xef\xbb\xbf\r\n"])
def test_a_byte_order_mark_or_empty_lines_before_the_header_cost_neither_sender_nor_date(before: bytes) -> None:
    message = parse_message(before + TOP + b"\r\nPay us.\r\n")
    assert [a.address for a in message.addresses if a.header == "from"] == ["anna@north.example"]
    assert message.date is not None and message.texts["body"] == "Pay us.\n"
    assert "header-line-unreadable" in message.defects


def test_a_body_without_any_header_stays_a_body() -> None:
    assert parse_message(b"\nHello: you\nPay: us\n").texts["body"] == "Hello: you\nPay: us\n"


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1252"])
@pytest.mark.parametrize("really", ["cp1251", "koi8_r", "cp866", "utf-8"])
def test_russian_labelled_as_western_is_read_and_the_guess_is_named(label: str, really: str) -> None:
    raw = TOP + f"Content-Type: text/plain; charset={label}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
    message = parse_message(raw + base64.encodebytes(THREAT.encode(really)))
    assert message.texts["body"] == THREAT
    assert any(d.startswith("charset-guessed:") for d in message.defects)


@pytest.mark.parametrize("label", ["windows-1251", "koi8-r", "iso-8859-5", "cp866"])
def test_utf8_labelled_as_another_cyrillic_charset_is_read(label: str) -> None:
    assert decode_octets(THREAT.encode(), label) == (THREAT, "charset-guessed:utf-8")


WESTERN = [
    "Café für alle — naïve façade",
    "À Évreux, été",
    "ÉTÉ À LA PLAGE",
    "£100 – £200",
    "Größe: 5°",
    "ÅÄÖ äöå",
    "ÆØÅæøå",
    "ÿþýüûú",
]


@pytest.mark.parametrize("text", WESTERN)
def test_western_words_labelled_as_such_are_left_alone(text: str) -> None:
    assert decode_octets(text.encode("cp1252"), "iso-8859-1") == (text, "")


@pytest.mark.parametrize(
    "text", ["ПРЕТЕНЗИЯ О ВОЗВРАТЕ", "ТРЕБОВАНИЕ", "ПОСЛЕДНЕЕ ПРЕДУПРЕЖДЕНИЕ", "Счёт на оплату", "верните деньги"]
)
@pytest.mark.parametrize("charset", ["cp1251", "koi8_r"])
def test_a_subject_in_bare_octets_is_read_in_capitals_too(text: str, charset: str) -> None:
    assert decode_field(text.encode(charset, "replace"))[0] == text.encode(charset, "replace").decode(charset)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?Q?=D0=93=D0=B4=D0=B5 =D0=BE=D0=BD??=", "Где он?"),
        (b"=?utf-8?Q?Where is it??= =?utf-8?Q?_now?=", "Where is it? now"),
        (b"=?utf-8?Q?a=b_=D0=93?=", "a=b Г"),
        (b"=?utf-8?Q?5%_off?= =?utf-8?Q?, =D0=93?=", "5% off, Г"),
    ],
)
def test_encoded_words_written_against_the_standard(raw: bytes, text: str) -> None:
    assert decode_field(raw)[0] == text


DATES = {
    "Wed, 25 Mar 2026 10:12:00 +03:00": datetime(2026, 3, 25, 7, 12, tzinfo=UTC),
    "Wed, 25 Mar 2026 10:12:00 GMT+03:00": datetime(2026, 3, 25, 7, 12, tzinfo=UTC),
    "Wed, 25 Mar 2026 10:12:00 GMT+0300 (MSK)": datetime(2026, 3, 25, 7, 12, tzinfo=UTC),
    "Wed, 25 Mar 2026 10:12:00 PM +0300": datetime(2026, 3, 25, 19, 12, tzinfo=UTC),
    "25-Mar-2026 10:12:00 +0300": datetime(2026, 3, 25, 7, 12, tzinfo=UTC),
}


@pytest.mark.parametrize("value", DATES)
def test_an_offset_written_against_the_standard_is_not_dropped(value: str) -> None:
    message = parse_message(TOP.replace(b"Mon, 03 Mar 2025 11:12:53 +0300", value.encode()) + b"\r\nx")
    assert message.date is not None and message.date.astimezone(UTC) == DATES[value]
    assert "date-no-offset" not in message.defects


def test_a_date_of_the_old_form_without_an_offset_says_so() -> None:
    message = parse_message(TOP.replace(b"Mon, 03 Mar 2025 11:12:53 +0300", b"Wed Mar 25 10:12:00 2026") + b"\r\nx")
    assert "date-no-offset" in message.defects


SENDERS = {
    b"=?utf-8?B?0JjQstCw0L0gPGlAcC5leGFtcGxlPg==?=": ("Иван", "i@p.example"),
    b"Ivan <i@p.example": ("Ivan", "i@p.example"),
    b"Ivan [mailto:i@p.example]": ("Ivan", "i@p.example"),
    '"Иван" i@p.example'.encode(): ("Иван", "i@p.example"),
}


@pytest.mark.parametrize("field", SENDERS)
def test_the_one_address_of_a_broken_from_field_is_the_senders(field: bytes) -> None:
    message = parse_message(TOP.replace(b"Anna <anna@north.example>", field) + b"\r\nx")
    assert [(a.name, a.address) for a in message.addresses if a.header == "from"] == [SENDERS[field]]
    assert any(d.startswith("address-") for d in message.defects)


def report(action: str, subject: str = "Report", more: str = "") -> bytes:
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: anna@north.example\r\nDate: Mon, 03 Mar 2025 11:12:53 +0300\r\n"
        f"Subject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n"
        "--B\r\nContent-Type: text/plain\r\n\r\nYour message to d@romashka.example\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; d@romashka.example\r\n{action}{more}\r\n\r\n--B--\r\n"
    ).encode()


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_a_report_that_mail_arrived_or_is_under_way_is_no_bounce(action: str) -> None:
    message = parse_message(report(f"Action: {action}\r\n"))
    assert message.kind == "auto" and message.failed_recipients == ()


def test_a_report_of_a_failure_is_a_bounce_and_names_those_not_reached_only() -> None:
    more = "Status: 5.1.1\r\n\r\nFinal-Recipient: rfc822; reached@romashka.example\r\nAction: delivered\r\n"
    message = parse_message(report("Action: failed\r\n", more=more))
    assert message.kind == "bounce" and message.failed_recipients == ("d@romashka.example",)
    assert parse_message(report("")).kind == "bounce"
    assert parse_message(report("", "Delivery Status Notification (Delay)")).kind == "auto"


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ('OOO "Romashka": claim', "human"),
        ("OOO Romashka - invoice 5", "human"),
        ("Re: OOO Romashka", "human"),
        ("OOO: Re: shelf", "auto"),
        ("OOO until Monday", "auto"),
        ("OOO", "auto"),
        ("OOO - back 5 May", "auto"),
    ],
)
def test_a_company_named_ooo_is_no_vacation(subject: str, kind: str) -> None:
    assert parse_message(TOP.replace(b"shelf", subject.encode()) + b"\r\nx").kind == kind


@pytest.mark.parametrize("kind", ["message/rfc822", "application/octet-stream", "text/plain"])
def test_an_attached_letter_is_never_the_senders_words_whatever_type_it_was_given(kind: str) -> None:
    inner = TOP.decode() + f"Content-Type: text/plain; charset=utf-8\r\n\r\n{THREAT}\r\n"
    raw = mixed(("text/plain", "См. ниже."), (f'{kind}; name="his.eml"', inner))
    message = parse_message(raw, attachment_text=True)
    assert THREAT in message.texts["attachment:1"]
    zones = {z.part: z.kind for z in find_zones(message)}
    assert zones["attachment:1"] == "forwarded" and zones["body"] == "own"


FOOTERS = [
    "_______________________\r\nMailing list shelf\r\nhttps://lists.example/shelf",
    "This e-mail was checked for viruses.",
    "-- \r\nlist",
]


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize("words", [THREAT, THREAT + "!", THREAT + "!!"])
def test_plain_text_that_a_list_set_below_base64_spoils_no_word(words: str, footer: str) -> None:
    raw = TOP + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    message = parse_message(raw + base64.encodebytes(words.encode()) + b"\r\n" + footer.encode())
    assert message.texts["body"] == words + "\n" + footer.replace("\r\n", "\n")
    assert "base64-broken:body" in message.defects


def test_an_encoded_word_cut_over_pieces_of_a_file_name_is_whole_again() -> None:
    raw = TOP + b'Content-Type: application/octet-stream\r\nContent-Disposition: attachment;\r\n filename*0="=?utf-8?B?0J/R";\r\n filename*1="gC50eHQ=?="\r\n\r\nx'  # fmt: skip
    assert parse_message(raw).attachments[0].filename == "Пр.txt"


RECIPIENTS = {
    b"a@x.example;b@y.example": {"a@x.example", "b@y.example"},
    b"Ivan <a@x.example>; Anna <b@y.example>;": {"a@x.example", "b@y.example"},
    b'"a@x.example; b@y.example"': {"a@x.example", "b@y.example"},
    b"a@x.example b@y.example": {"a@x.example", "b@y.example"},
    b"'a@x.example'; 'b@y.example'": {"a@x.example", "b@y.example"},
    b"mailto:a@x.example, b@y.example": {"a@x.example", "b@y.example"},
}


@pytest.mark.parametrize("field", RECIPIENTS)
def test_recipients_parted_against_the_standard_all_keep_their_address(field: bytes) -> None:
    message = parse_message(TOP.replace(b"d@romashka.example", field) + b"\r\nx")
    assert {a.address for a in message.addresses if a.header == "to"} == RECIPIENTS[field]
    assert any(d.startswith("address-") for d in message.defects)


def test_an_address_beside_the_senders_own_is_not_made_the_sender() -> None:
    message = parse_message(
        TOP.replace(b"Anna <anna@north.example>", b'"bank@bank.example" x, <evil@evil.example>') + b"\r\nx"
    )
    assert {a.address for a in message.addresses if a.header == "from" and a.address} == {"evil@evil.example"}
