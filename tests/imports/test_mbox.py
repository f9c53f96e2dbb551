"""Each dialect of mbox, byte for byte, and what it cannot prove."""

from __future__ import annotations

import base64
import hashlib
import io
import mailbox
import os
import random
import re
import resource
import sys
import time
from pathlib import Path

import pytest

from evidence.mailbox import imports_mbox as mboxes
from tests.imports.conftest import Matter, letter

SEPARATOR = b"From director@romashka.example Mon Mar  3 08:12:53 2025"


def joined(messages: list[bytes], *, end: bytes = b"\n", separator: bytes = SEPARATOR) -> bytes:
    return b"".join(separator + end + message + end for message in messages)


def cut(octets: bytes, dialect: mboxes.Dialect = "auto") -> list[bytes | None]:
    stream = io.BytesIO(octets)
    return [m.raw for m in mboxes.messages(stream, mboxes.survey(stream, dialect), dialect)]


def signed(body: bytes, *, end: bytes = b"\n") -> bytes:
    """A header whose DKIM body hash is of ``body``; nothing else of the signature matters here."""
    canonical = re.sub(rb"\r?\n", b"\r\n", body).rstrip(b"\r\n") + b"\r\n"
    proof = base64.b64encode(hashlib.sha256(canonical).digest())
    header = (
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=romashka.example; s=s1;\n"
        b"\th=from; bh=" + proof + b";\n\tb=AAAA\nFrom: director@romashka.example\nSubject: signed\n\n"
    )
    return header.replace(b"\n", end)


def test_every_message_keeps_its_octets_with_either_line_end() -> None:
    for end in ("\n", "\r\n"):
        messages = [letter(n, f"строка {n}\n\n\nещё\n", ends=end) for n in range(5)]
        assert cut(joined(messages, end=end.encode())) == messages


def test_the_stock_library_reads_the_same_messages(tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = mailbox.mbox(path)
    for n in range(20):
        box.add(letter(n, f"line {n}\n\nlast line\n", ends="\n"))
    box.close()
    assert cut(path.read_bytes()) == [letter(n, f"line {n}\n\nlast line\n", ends="\n") for n in range(20)]


def test_a_message_without_body_keeps_the_empty_line_that_ends_its_header() -> None:
    bare = b"From: a@romashka.example\nSubject: nothing\n\n"
    assert cut(joined([bare, letter(1, ends="\n"), bare])) == [bare, letter(1, ends="\n"), bare]
    assert cut(SEPARATOR + b"\n" + bare) == [bare]  # no empty line of the writer's at the end


def test_a_body_line_that_begins_with_From_does_not_part_a_message() -> None:
    message = letter(1, "first\n\nFrom our side all was done.\nFrom: not a header\n", ends="\n")
    mbox = mboxes.survey(io.BytesIO(joined([message, letter(2, ends="\n")])))
    assert cut(joined([message, letter(2, ends="\n")])) == [message, letter(2, ends="\n")]
    assert any(c.startswith(mboxes.FROM_LINES) for c in mbox.caveats)


def test_unproven_escapes_are_kept_and_counted() -> None:
    message = letter(1, "\n>From our side\n>>From theirs\n", ends="\n")
    assert cut(joined([message])) == [message]


@pytest.mark.parametrize(
    ("dialect", "in_file", "original"),
    [
        ("mboxrd", b"x\n\n>From us\n>>From them\n", b"x\n\nFrom us\n>From them\n"),
        ("mboxo", b"x\n\n>From us\n>>From them\n", b"x\n\nFrom us\n>>From them\n"),
        ("mboxcl2", b"x\n\n>From us\n>>From them\n", b"x\n\n>From us\n>>From them\n"),
    ],
)
def test_the_operators_word_on_the_dialect_is_followed(
    dialect: mboxes.Dialect, in_file: bytes, original: bytes
) -> None:
    header = b"From: a@romashka.example\nSubject: x\n\n"
    assert cut(joined([header + in_file]), dialect) == [header + original]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("original", "in_file"),
    [
        (b"x\n\nFrom us\n>From them\n", b"x\n\n>From us\n>>From them\n"),  # mboxrd
        (b"x\n\nFrom us\n>>From them\n", b"x\n\n>From us\n>>From them\n"),  # mboxo
        (b"x\n\n>From us\n", b"x\n\n>From us\n"),  # never escaped
    ],
)
def test_a_senders_body_hash_proves_the_octets_whatever_the_dialect(
    original: bytes, in_file: bytes, end: bytes
) -> None:
    original, in_file = original.replace(b"\n", end), in_file.replace(b"\n", end)
    header = signed(original, end=end)
    (raw,) = cut(joined([header + in_file], end=end))
    assert raw == header + original


def test_a_hash_that_fits_no_reading_changes_nothing() -> None:
    header = signed(b"another body\n")
    assert cut(joined([header + b"x\n>From us\n"])) == [header + b"x\n>From us\n"]


def with_length(body: bytes) -> bytes:
    return b"From: a@romashka.example\nContent-Length: %d\n\n" % len(body) + body


def test_content_length_keeps_a_mailbox_inside_a_message_together() -> None:
    inner = b"see below\n\n" + SEPARATOR + b"\nFrom: forged@north.example\nSubject: forged\n\nnot a message\n"
    messages = [with_length(inner), with_length(b"From the start\n"), with_length(b"no final line end")]
    octets = joined(messages)
    assert cut(octets) == messages
    mbox = mboxes.survey(io.BytesIO(octets))
    assert mbox.dialect == "mboxcl2"
    assert f"{mboxes.INSIDE}: 1" in mbox.caveats


def test_one_senders_content_length_cannot_swallow_the_messages_after_it() -> None:
    victim = [letter(n, ends="\n") for n in range(3)]
    swallowed = len(joined(victim)) + 1
    hostile = b"From: a@romashka.example\nContent-Length: %d\n\nhello\n" % (swallowed - 300)
    assert cut(joined([hostile, *victim])) == [hostile, *victim]


def test_a_file_whose_writer_leaves_no_empty_lines_is_still_cut() -> None:
    messages = [letter(n, "text\n", ends="\n") for n in range(4)]
    octets = b"".join(SEPARATOR + b"\n" + m for m in messages)
    assert cut(octets) == messages
    assert mboxes.NO_EMPTY_LINES in mboxes.survey(io.BytesIO(octets)).caveats


def test_thunderbird_takeout_and_daemon_separators() -> None:
    separators = [
        b"From - Mon Mar 03 11:12:53 2025",
        b"From 1789345672345678901@xxx Mon Mar 03 08:12:53 +0000 2025",
        b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011",
        b"From ",
        b"From ???@??? Thu Jan 01 00:00:00 1997",
    ]
    messages = [letter(n, ends="\r\n") for n in range(len(separators))]
    octets = b"".join(s + b"\r\n" + m + b"\r\n" for s, m in zip(separators, messages, strict=True))
    assert cut(octets) == messages


def test_octets_before_the_first_separator_are_named() -> None:
    mbox = mboxes.survey(io.BytesIO(b"\n\njunk\n\n" + joined([letter(1, ends="\n")])))
    assert f"{mboxes.TRAILING}: 8" in mbox.caveats
    assert len(mbox) == 1


def test_hostile_octets_never_raise_and_lose_nothing_between_the_cuts() -> None:
    seed = random.Random(3)
    pieces = [
        SEPARATOR,
        b"From ",
        b">From x",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"A: b",
        b"Content-Length: 9",
        b"\0",
        b" ",
        b"x",
    ]
    for _ in range(400):
        octets = b"".join(seed.choice(pieces) for _ in range(seed.randrange(60)))
        stream = io.BytesIO(octets)
        mbox = mboxes.survey(stream)
        assert mbox.sha256 == hashlib.sha256(octets).hexdigest()
        last = 0
        for start, begin, end in zip(mbox.starts, mbox.begins, mbox.ends, strict=True):
            assert last <= start < begin <= end <= len(octets)
            assert octets[last:start].strip(b"\r\n") == b"" or start == mbox.starts[0]
            last = end
        for found in mboxes.messages(stream, mbox):
            assert found.raw is not None


def test_a_file_of_separator_lines_takes_linear_time() -> None:
    began = time.process_time()
    for octets in (SEPARATOR + b"\n", b"From " + b" " * 300_000, b"From Mon, 1 Jan 1 1:1 " * 40_000):
        mboxes.survey(io.BytesIO(octets * (2_000_000 // len(octets) + 1)))
    assert time.process_time() - began < 20


def test_an_import_of_mbox_names_source_hash_positions_and_caveats(matter: Matter, tmp_path: Path) -> None:
    octets = joined([letter(1, "\n>From us\n", ends="\n"), letter(2, ends="\n")])
    path = tmp_path / "box.mbox"
    path.write_bytes(octets)
    result = matter.take(path)
    assert (result.outcome, result.sightings, result.new, result.owed) == ("complete", 2, 2, ())
    ((shown, kind, size, sha256, caveat),) = matter.rows("SELECT path, kind, size, sha256, caveat FROM source")
    assert (shown, kind, size, sha256) == (str(path), "mbox", len(octets), hashlib.sha256(octets).hexdigest())
    assert f"{mboxes.ESCAPES_UNSURE}: 1" in caveat.splitlines()
    assert mboxes.LF_ENDS in caveat.splitlines()
    assert matter.positions() == ["0", str(octets.index(SEPARATOR, 1))]
    assert matter.rows("SELECT DISTINCT scope FROM sighting") == [("all",)]


def test_takeout_labels_are_read_in_russian_and_the_headers_stay(matter: Matter, tmp_path: Path) -> None:
    labels = 'Входящие,"Спор, полка",Важное'
    coded = base64.b64encode(labels.encode()).decode()
    message = letter(1, headers="X-GM-THRID: 1789345672345678901\n")
    message = b"X-GM-THRID: 1789345672345678901\r\nX-Gmail-Labels: =?UTF-8?B?" + coded.encode() + b"?=\r\n" + message
    path = tmp_path / "All mail Including Spam and Trash.mbox"
    path.write_bytes(b"From 1789345672345678901@xxx Mon Mar 03 08:12:53 +0000 2025\r\n" + message + b"\r\n")
    matter.take(path)
    assert matter.raws() == [message]
    assert matter.rows("SELECT labels FROM sighting") == [('["Входящие","Спор, полка","Важное"]',)]
    assert mboxes.TAKEOUT in matter.rows("SELECT caveat FROM source")[0][0]


@pytest.mark.slow
def test_a_large_mbox_is_read_in_bounded_memory(matter: Matter, tmp_path: Path) -> None:
    path = tmp_path / "large.mbox"
    count = 2_000 if os.environ.get("EVIDENCE_TEST_FULL") else 70
    filler = "0123456789abcdef" * 4
    with path.open("wb") as file:
        for n in range(count):
            file.write(SEPARATOR + b"\n" + letter(n, (filler + "\n") * 16_000, ends="\n") + b"\n")
    assert path.stat().st_size > count * 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = matter.take(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (1 if sys.platform == "darwin" else 1024)
    assert (result.sightings, result.new) == (count, count)
    assert grown < 60, f"{grown:.0f} MB"


@pytest.mark.parametrize(
    "separator",
    [
        "From anna@north.example Пн Мар  3 11:12:53 2025".encode(),
        b"From anna@north.example 2025-03-03T11:12:53",
        b"From anna@north.example 03.03.2025 11:12",
    ],
)
def test_separators_dated_in_another_language_or_form_part_messages(separator: bytes) -> None:
    messages = [letter(n, ends="\n") for n in range(3)]
    octets = b"".join(separator + b"\n" + m + b"\n" for m in messages)
    assert cut(octets) == messages


def test_a_byte_order_mark_before_the_first_separator_costs_no_message() -> None:
    messages = [letter(n, ends="\n") for n in range(2)]
    assert cut(b"\xef\xbb\xbf" + joined(messages)) == messages


def test_a_line_from_in_a_table_does_not_cut_a_letter_in_two() -> None:
    messages = [
        letter(1, "Transfer:\n\nFrom\nAccount: 12\n\nFrom \nBank: North\n\nbye\n", ends="\n"),
        letter(2, ends="\n"),
    ]
    assert cut(joined(messages)) == messages


def test_mail_before_the_first_separator_and_a_file_without_any_are_owed(matter: Matter, tmp_path: Path) -> None:
    headless = tmp_path / "headless.mbox"
    headless.write_bytes(b"From nobody knows when\n" + letter(1, ends="\n") + b"\n" + joined([letter(2, ends="\n")]))
    result = matter.take(headless)
    assert (result.outcome, result.new) == ("incomplete", 1)
    assert len(result.owed) == 1 and mboxes.TRAILING in result.owed[0]
    without = tmp_path / "without.mbox"
    without.write_bytes(b"From the shelf\nnothing was taken\n")
    again = matter.take(without)
    assert (again.outcome, again.new, len(again.owed)) == ("incomplete", 0, 1)
