"""What is read out of octets: headers, body, attachments; on mail as it really comes."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from email.header import Header
from pathlib import Path

import pytest

from evidence.message import envelope
from evidence.message.parse import attachment_octets, parse_message
from evidence.message.zones import find_zones
from tests.message.letters import letter, own_words, parsed

SUBJECT = "Договор № 5 на 100 тыс. рублей"


def message(headers: bytes, body: bytes = b"x") -> bytes:
    return headers.replace(b"\n", b"\r\n") + b"\r\n" + body


# ---- headers


@pytest.mark.parametrize("charset", ["windows-1251", "koi8-r", "utf-8", "cp866", "iso-8859-5"])
def test_a_raw_8bit_subject_loses_no_letter_and_the_guess_is_recorded(charset: str) -> None:
    text = SUBJECT if charset in {"windows-1251", "utf-8"} else SUBJECT.replace("№", "N")
    one = parse_message(message(b"From: a@north.example\nSubject: " + text.encode(charset) + b"\n"))
    assert one.subject == text
    assert "raw-8bit:subject" in one.defects
    assert f"charset-guessed:{'cp866' if charset == 'cp866' else charset}:subject" in one.defects


@pytest.mark.parametrize("charset", ["windows-1251", "koi8-r", "utf-8", "iso-8859-5"])
@pytest.mark.parametrize("label", [None, "us-ascii", "x-unknown", "utf-8", "unicode_escape", "idna", "hex"])
def test_a_body_with_a_missing_or_wrong_charset_loses_no_letter(charset: str, label: str | None) -> None:
    text = "Верните деньги до пятницы, иначе обратимся в суд. Жду ответа."
    kind = f"text/plain; charset={label}" if label else "text/plain"
    one = parse_message(message(f"From: a@north.example\nContent-Type: {kind}\n".encode(), text.encode(charset)))
    assert one.texts["body"] == text
    assert bool([d for d in one.defects if d.startswith("charset")]) == (charset != label)


@pytest.mark.parametrize("label", ["win-1251", "x-cp1251", "cp1251", "WINDOWS1251", '"windows-1251"'])
def test_charset_names_as_programs_write_them(label: str) -> None:
    one = parse_message(
        message(
            f"From: a@n.example\nContent-Type: text/plain; charset={label}\n".encode(),
            "Ёлка №1 — «да»".encode("cp1251"),
        )
    )
    assert one.texts["body"] == "Ёлка №1 — «да»"
    assert not [d for d in one.defects if d.startswith("charset")]


def test_western_letters_are_not_taken_for_cyrillic() -> None:
    one = parse_message(
        message(b"From: a@n.example\nContent-Type: text/plain\n", "Für das Café in Zürich größer".encode("cp1252"))
    )
    assert one.texts["body"] == "Für das Café in Zürich größer"


@pytest.mark.parametrize("charset", ["utf-8", "koi8-r", "windows-1251"])
def test_a_letter_split_between_two_encoded_words_is_whole(charset: str) -> None:
    octets = "Претензия".encode(charset)
    for cut in range(1, len(octets)):
        halves = [base64.b64encode(o).decode() for o in (octets[:cut], octets[cut:])]
        value = "\r\n ".join(f"=?{charset}?B?{half}?=" for half in halves)
        one = parse_message(f"From: a@n.example\r\nSubject: {value}\r\n\r\nx".encode())
        assert one.subject == "Претензия"


def test_encoded_words_with_plain_text_between_them() -> None:
    one = parse_message(
        b"From: a@n.example\r\nSubject: Re: =?utf-8?Q?=D0=B4=D0=B0?= and =?koi8-r?B?zsXU?= =?bad?X?y?=\r\n\r\nx"
    )
    assert one.subject == "Re: да and нет =?bad?X?y?="


def test_encoded_line_ends_cannot_forge_a_header_line() -> None:
    evil = base64.b64encode("Счёт\r\nBcc: thief@evil.example\r\n\r\nbody".encode()).decode()
    one = parse_message(f"From: a@n.example\r\nSubject: =?utf-8?B?{evil}?=\r\n\r\nx".encode())
    assert "\n" not in one.subject and "\r" not in one.subject
    assert one.texts["subject"] == one.subject
    assert "control-characters:subject" in one.defects
    assert not one.of("bcc")


def test_every_from_is_shown_and_repeats_are_named() -> None:
    one = parse_message(
        b"From: Anna <anna@north.example>\r\nFrom: Boss <boss@romashka.example>\r\nSubject: a\r\nSubject: b\r\n\r\nx"
    )
    assert [a.address for a in one.of("from")] == ["anna@north.example", "boss@romashka.example"]
    assert {"repeated:from", "repeated:subject"} <= set(one.defects)
    assert [v for n, v in one.headers if n == "Subject"] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"Ivanov, Ivan" <i@N.Example>', [("Ivanov, Ivan", "i@n.example")]),
        ("=?utf-8?Q?Ivanov,_Ivan?= <i@n.example>, b@n.example", [("Ivanov, Ivan", "i@n.example"), ("", "b@n.example")]),
        ('"=?utf-8?B?0JDQvdC90LA=?=" <a@n.example>', [("Анна", "a@n.example")]),
        ("Anna.Plus+Tag@North.EXAMPLE", [("", "Anna.Plus+Tag@north.example")]),
        ("friends: a@n.example, b@n.example;", [("", "a@n.example"), ("", "b@n.example")]),
        ("undisclosed-recipients:;", []),
        ("a@n.example (Anna)", [("Anna", "a@n.example")]),
        ("Анна <a@n.example>", [("Анна", "a@n.example")]),
    ],
)
def test_mailboxes(value: str, expected: list[tuple[str, str]]) -> None:
    one = parse_message(f"From: x@n.example\r\nTo: {value}\r\n\r\nx".encode())
    assert [(a.name, a.address) for a in one.of("to")] == expected


def test_an_ambiguous_mailbox_keeps_every_candidate() -> None:
    one = parse_message(b"From: Pay <a@north.example> <b@romashka.example>\r\n\r\nx")
    assert {a.address for a in one.of("from")} == {"a@north.example", "b@romashka.example"}
    assert "address-ambiguous-angle-address:from" in one.defects


def test_an_unreadable_mailbox_keeps_its_text() -> None:
    one = parse_message(b"From: our dear client\r\n\r\nx")
    assert [(a.name, a.address) for a in one.of("from")] == [("our dear client", "")]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (
            '"anna@north.example" <thief@evil.example>',
            "display-name-address:from:anna@north.example≠thief@evil.example",
        ),
        ("=?utf-8?Q?Anna_=E2=80=AEexe?= <a@n.example>", "display-name-bidi:from"),
        ("Аnna <a@n.example>", "display-name-mixed-script:from"),
        ("Anna <a@nоrth.example>", "domain-mixed-script:from:xn--nrth-55d.example"),
        ("Anna <a@xn--nrth-55d.example>", "domain-punycode:from:xn--nrth-55d.example"),
    ],
)
def test_names_that_pretend_are_warned_of(value: str, code: str) -> None:
    one = parse_message(f"From: {value}\r\n\r\nx".encode())
    assert code in one.defects
    assert one.of("from")[0].address.rpartition("@")[2] != "north.example"  # never merged with the real one


@pytest.mark.parametrize("name", ["Анна Орлова", "Anna Orlova", "ООО «Ромашка»", "Иван Petrov"])
def test_ordinary_names_raise_no_warning(name: str) -> None:
    one = parse_message(letter("x", sender=str(Header(name, "utf-8"))))
    assert not [d for d in one.defects if d.startswith(("display-name", "domain"))]


@pytest.mark.parametrize(
    ("value", "iso", "codes"),
    [
        ("Mon, 03 Mar 2025 11:12:53 +0300", "2025-03-03T11:12:53+03:00", set()),
        ("3 Mar 2025 11:12 GMT", "2025-03-03T11:12:00+00:00", set()),
        ("Mon, 03 Mar 2025 11:12:53 -0000", "2025-03-03T11:12:53+00:00", {"date-no-offset"}),
        ("Mon, 03 Mar 2025 11:12:53 +0530 (IST)", "2025-03-03T11:12:53+05:30", set()),
        ("Tue, 03 Mar 2025 11:12:53 +0300", "2025-03-03T11:12:53+03:00", {"date-weekday-mismatch"}),
        ("Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00+00:00", {"date-absurd"}),
        ("Fri, 31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59+00:00", {"date-absurd"}),
        ("Tue, 19 Jan 2038 03:14:08 +0000", "2038-01-19T03:14:08+00:00", set()),
        ("yesterday", None, {"date-invalid-date-syntax", "date-unreadable"}),
        ("", None, {"date-empty"}),
        ("Mon, 32 Mar 2025 11:12:53 +0300", None, {"date-invalid-calendar-date", "date-unreadable"}),
    ],
)
def test_dates_keep_their_own_offset_and_doubts_are_named(value: str, iso: str | None, codes: set[str]) -> None:
    one = parse_message(f"From: a@n.example\r\nDate: {value}\r\n\r\nx".encode())
    assert (one.date.isoformat() if one.date else None) == iso
    assert {d for d in one.defects if d.startswith("date")} == codes
    assert one.date_raw == value


def test_no_date_is_named() -> None:
    one = parse_message(b"From: a@n.example\r\n\r\nx")
    assert one.date is None and one.date_raw is None and "date-missing" in one.defects


def test_received_trail_topmost_first_in_utc() -> None:
    one = parse_message(
        b"Received: from mx1.romashka.example (mx1.romashka.example [198.51.100.1])\r\n\tby mx.north.example with ESMTPS id 1\r\n"
        b"\tfor <a@north.example>; Mon, 03 Mar 2025 11:13:00 +0300\r\n"
        b"Received: from [203.0.113.5] by mx1.romashka.example; Mon, 03 Mar 2025 11:12:55 +0300\r\n"
        b"Received: nonsense\r\nFrom: a@n.example\r\n\r\nx"
    )
    assert [h.position for h in one.received] == [0, 1, 2]
    assert one.received[0].at == datetime(2025, 3, 3, 8, 13, tzinfo=UTC)
    assert one.received[0].by_host == "mx.north.example" and one.received[0].from_host.startswith(
        "mx1.romashka.example"
    )
    assert one.received[2].at is None and one.received[2].raw == "nonsense"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"<a@b.example>", "a@b.example"), (b"a@b.example", "a@b.example"), (b"<[abc]@microsoft.example>", "[abc]@microsoft.example"),
     (b"", None), (b"<>", None), (b"<a b@c>", None)],
)  # fmt: skip
def test_message_ids_as_they_come(value: bytes, expected: str | None) -> None:
    one = parse_message(b"From: a@n.example\r\nMessage-ID: " + value + b"\r\n\r\nx")
    assert one.message_id == expected


# ---- body


def test_line_ends_become_lf_and_nothing_else_changes() -> None:
    body = b"  a\tb \r\n\r\nc\rd\ne\x00\xc2\xa0f \r\n"
    one = parse_message(b"From: a@n.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body)
    assert one.texts["body"] == "  a\tb \n\nc\nd\ne\x00\u00a0f \n"
    assert "nul:body" in one.defects


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_all_line_ends_are_read(end: bytes) -> None:
    raw = end.join([b"From: a@n.example", b"Subject: folded", b" twice", b"", b"one", b"two"])
    one = parse_message(raw)
    assert one.subject == "folded twice" and one.texts["body"] == "one\ntwo"


def test_a_missing_empty_line_does_not_swallow_the_body() -> None:
    one = parse_message("From: a@n.example\r\nSubject: s\r\nВерните деньги\r\nпожалуйста\r\n\r\nконец".encode())
    assert "Верните деньги" in one.texts["body"] and "конец" in one.texts["body"]
    assert one.subject == "s" and "no-empty-line-before-body" in one.defects


def test_an_unfolded_header_line_does_not_end_the_headers() -> None:
    one = parse_message(
        b"From: a@n.example\r\nX-Odd: one\r\ntwo without space\r\nSubject: s\r\nContent-Type: text/plain\r\n\r\nbody"
    )
    assert one.subject == "s" and one.texts["body"] == "body" and "header-line-unreadable" in one.defects


def multipart(subtype: str, *parts: bytes, boundary: str = "b1") -> bytes:
    inner = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        f"From: a@n.example\r\nSubject: s\r\nContent-Type: multipart/{subtype}; boundary={boundary}\r\n\r\n".encode()
        + inner
        + b"--" + boundary.encode() + b"--\r\n"
    )  # fmt: skip


PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\nPlain words of the letter."
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>Plain <b>words</b> of the letter.</p>"
PDF = b'Content-Type: application/pdf; name="act.pdf"\r\nContent-Disposition: attachment; filename="act.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0='


def test_plain_text_is_the_body_and_html_is_kept_beside_it() -> None:
    one = parse_message(multipart("alternative", PLAIN, HTML))
    assert one.texts["body"] == "Plain words of the letter." and one.body_source == "plain"
    assert one.html and "<b>words</b>" in one.html and not one.attachments


def test_an_empty_or_stub_plain_part_gives_way_to_html() -> None:
    empty = parse_message(multipart("alternative", b"Content-Type: text/plain\r\n\r\n \r\n", HTML))
    assert empty.body_source == "html" and empty.texts["body"] == "Plain words of the letter."
    stub = parse_message(multipart("alternative", b"Content-Type: text/plain\r\n\r\nYour program does not show HTML.",
                                   b"Content-Type: text/html\r\n\r\n<p>" + b"Real words. " * 40 + b"</p>"))  # fmt: skip
    assert stub.body_source == "html" and "plain-is-a-stub" in stub.defects


def test_two_alternatives_that_say_different_things_are_named() -> None:
    plain = "We accept your offer and agree to pay the whole sum next Monday morning."
    html = "Never shall anything like this happen; proceed with whatever lawsuits seem suitable."
    one = parse_message(multipart("alternative", f"Content-Type: text/plain\r\n\r\n{plain}".encode(),
                                  f"Content-Type: text/html\r\n\r\n<p>{html}</p>".encode()))  # fmt: skip
    assert "alternatives-differ" in one.defects
    assert "alternatives-differ" not in parse_message(multipart("alternative", PLAIN, HTML)).defects


def test_text_around_a_picture_is_one_body() -> None:
    png = b"Content-Type: image/png; name=p.png\r\nContent-Disposition: inline; filename=p.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw=="
    one = parse_message(
        multipart("mixed", b"Content-Type: text/plain\r\n\r\nbefore", png, b"Content-Type: text/plain\r\n\r\nafter")
    )
    assert one.texts["body"] == "before\nafter" and [a.filename for a in one.attachments] == ["p.png"]


def test_a_letter_whose_text_has_a_file_name_is_still_read() -> None:
    named = b'Content-Type: text/plain; name="msg.txt"\r\n\r\nThe words.'
    assert parse_message(b"From: a@n.example\r\n" + named).texts["body"] == "The words."
    one = parse_message(multipart("mixed", named, PDF))
    assert one.texts["body"] == "The words." and [a.filename for a in one.attachments] == ["act.pdf"]
    sent = b'Content-Type: text/plain; name="list.txt"\r\nContent-Disposition: attachment\r\n\r\nNot the letter.'
    assert parse_message(multipart("mixed", sent)).texts["body"] == ""
    beside = parse_message(multipart("mixed", PLAIN, named))
    assert beside.texts["body"] == "Plain words of the letter." and [a.filename for a in beside.attachments] == [
        "msg.txt"
    ]


@pytest.mark.parametrize("path", sorted(Path("fixtures/corpus").glob("*/messages/*.eml"))[::7], ids=lambda p: p.stem)
def test_the_body_is_the_one_mail_parser_reads(path: Path) -> None:
    """An independent reading of the same octets, on mail that holds none of mail-parser's traps."""
    import mailparser

    raw = path.read_bytes()
    ours, theirs = parse_message(raw), mailparser.parse_from_bytes(raw)
    if ours.body_source == "plain" and ours.kind == "human":
        assert ours.texts["body"] == "\n".join(theirs.text_plain).replace("\r\n", "\n")
    assert ours.subject == theirs.subject
    assert [a.address for a in ours.of("to")] == [address for _, address in theirs.to]


def test_attachments_are_hashed_decoded() -> None:
    one = parse_message(multipart("mixed", PLAIN, PDF))
    (attachment,) = one.attachments
    assert (attachment.index, attachment.path, attachment.filename, attachment.size) == (1, "2", "act.pdf", 5)
    assert attachment.sha256 == hashlib.sha256(b"%PDF-").hexdigest()
    assert attachment_octets(multipart("mixed", PLAIN, PDF), 1) == b"%PDF-"
    with pytest.raises(IndexError):
        attachment_octets(multipart("mixed", PLAIN, PDF), 2)


def test_a_forwarded_message_with_our_fake_reply_is_an_attachment_and_never_our_words() -> None:
    fake = b"From: anna@north.example\r\nSubject: Re: we admit\r\nContent-Type: text/plain\r\n\r\nYes, we stole your goods and will pay."
    for subtype in (b"rfc822", b"global"):
        raw = multipart("mixed", PLAIN, b"Content-Type: message/" + subtype + b"\r\n\r\n" + fake)
        one = parse_message(raw, attachment_text=True)
        assert "stole" not in one.texts["body"] and "stole" not in own_words(one)
        assert one.attachments[0].content_type == f"message/{subtype.decode()}"
        assert one.attachments[0].filename == "Re: we admit.eml"
        assert "stole" in one.texts["attachment:1"]
        zone = next(z for z in find_zones(one) if z.part == "attachment:1")
        assert zone.kind == "forwarded"
    whole = parse_message(b"From: a@n.example\r\nContent-Type: message/rfc822\r\n\r\n" + fake)
    assert whole.texts["body"] == "" and whole.attachments[0].size == len(fake)


def test_rfc2231_and_other_file_names() -> None:
    names = {
        b"filename*=utf-8''%D0%90%D0%BA%D1%82%20%E2%84%961.pdf": "Акт №1.pdf",
        b"filename*0*=utf-8''%D0%90%D0; filename*1*=%BA%D1%82.pdf": "Акт.pdf",
        b'filename*0="long "; filename*1="name.pdf"': "long name.pdf",
        b'filename="=?windows-1251?B?wOryLnBkZg==?="': "Акт.pdf",
        b'filename="' + "Акт.pdf".encode("koi8-r") + b'"': "Акт.pdf",
        b'filename="a;b \\"c\\".pdf"': 'a;b "c".pdf',
    }
    for value, expected in names.items():
        raw = multipart(
            "mixed", PLAIN, b"Content-Type: application/pdf\r\nContent-Disposition: attachment; " + value + b"\r\n\r\nx"
        )
        assert parse_message(raw).attachments[0].filename == expected


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit", "7bit", "x-unknown"])
def test_transfer_encodings(encoding: str) -> None:
    text = "Верните деньги = 100 %"
    octets = text.encode()
    body = {"base64": base64.encodebytes(octets), "quoted-printable": __import__("quopri").encodestring(octets)}.get(
        encoding, octets
    )
    one = parse_message(
        f"From: a@n.example\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        + body
    )
    assert one.texts["body"].strip() == text
    assert ("transfer-encoding-unknown:x-unknown:body" in one.defects) == (encoding == "x-unknown")


def test_base64_with_padding_in_the_middle_and_rubbish_is_read_to_the_end() -> None:
    body = base64.b64encode(b"first, ") + b"\r\n" + base64.b64encode(b"second!") + b"\r\n***\r\n"
    one = parse_message(
        b"From: a@n.example\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body
    )
    assert one.texts["body"] == "first, second!"
    assert "base64-padding-inside:body" in one.defects


# ---- kinds and languages


@pytest.mark.parametrize(
    ("extra", "subject", "kind"),
    [
        (b"", "Полка", "human"),
        (b"Auto-Submitted: auto-replied\r\n", "Re: shelf", "auto"),
        (b"Auto-Submitted: no\r\n", "Re: shelf", "human"),
        (b"X-Autoreply: yes\r\n", "Re: shelf", "auto"),
        (b"Precedence: auto_reply\r\n", "Re: shelf", "auto"),
        (b"", "Автоответ: я в отпуске", "auto"),
        (b"", "Out of office: shelf", "auto"),
        (b"", "Automatic reply: shelf", "auto"),
        (b"", "Отпуск сотрудников и график", "human"),
        (b"List-Id: <news.north.example>\r\n", "News", "list"),
        (b"Precedence: bulk\r\n", "News", "list"),
        (b"Return-Path: <>\r\n", "Undelivered Mail Returned to Sender", "bounce"),
    ],
)  # fmt: skip
def test_kinds(extra: bytes, subject: str, kind: str) -> None:
    assert parse_message(letter("Words.", subject=subject, extra=extra)).kind == kind


def test_a_bounce_names_whom_it_did_not_reach() -> None:
    report = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.north.example\r\n\r\nFinal-Recipient: rfc822; director@romashka.example\r\nAction: failed\r\n"
    raw = multipart("report; report-type=delivery-status", PLAIN, report)
    one = parse_message(raw)
    assert one.kind == "bounce" and one.failed_recipients == ("director@romashka.example",)


def test_language_by_letters() -> None:
    assert parsed("Верните деньги, см. www.north.example", subject="s").language == "ru"
    assert parsed("Return the money, г-н Иванов, as we agreed last week", subject="s").language == "en"
    assert parse_message(b"From: a@n.example\r\nSubject: 1\r\n\r\n2").language == ""


def test_no_message_at_all() -> None:
    for raw in (b"", b"\n", b"\r\n\r\n", b"\x00", b"no header at all, only words"):
        one = parse_message(raw)
        assert one.failed is None and one.sha256 == hashlib.sha256(raw).hexdigest()
    assert parse_message(b"no header at all, only words").texts["body"] == "no header at all, only words"


@pytest.mark.parametrize(
    "value",
    [
        "from a.example (a.example [198.51.100.1]) by b.example with ESMTPS id 1 for <x@y.example>; Mon, 03 Mar 2025 11:13:00 +0300",
        "from [203.0.113.5] (unknown [203.0.113.5]) by b.example with ESMTPSA id 9; Mon, 03 Mar 2025 11:13:00 +0300 (MSK)",
        "from a.example by b.example (Postfix) with ESMTP id 7; Mon, 03 Mar 2025 11:13:00 +0300",
        "from a.example (helo=by evil.example) by b.example; Mon, 03 Mar 2025 11:13:00 +0300",
        "from a.example (x) by b.example (y) by c.example; Mon, 03 Mar 2025 11:13:00 +0300",
        "by b.example with HTTP; Mon, 03 Mar 2025 11:13:00 +0300",
    ],
)
def test_the_quick_reading_of_a_received_field_equals_the_full_one(value: str) -> None:
    quick, full = envelope._clauses(value), envelope.full_clauses(value)
    assert quick[:2] == full[:2]
    assert envelope.date_of(quick[2]) == envelope.date_of(full[2])


def test_the_quick_reading_equals_the_full_one_on_the_corpus() -> None:
    seen = 0
    for path in sorted(Path("fixtures/corpus").glob("*/messages/*.eml")):
        for hop in parse_message(path.read_bytes()).received:
            assert (hop.from_host, hop.by_host) == envelope.full_clauses(hop.raw)[:2]
            seen += 1
    assert seen > 100
