"""Hostile and broken octets: never a raise, never a hang, limits are hit and named."""

from __future__ import annotations

import base64
import email
import email.policy
import os
import random
import time
import unicodedata
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from evidence.message.html import html_to_text
from evidence.message.limits import MAX_DEPTH, MAX_PARTS
from evidence.message.mime import leaves, read_tree
from evidence.message.parse import attachment_octets, parse_message
from evidence.message.zones import find_zones
from tests.message.letters import HEAD, assert_covers, letter

FULL = bool(os.environ.get("EVIDENCE_TEST_FULL"))
CORPUS = sorted(Path("fixtures/corpus").glob("*/messages/*.eml"))
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
WEB = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def read(raw: bytes, parent: str | None = None) -> None:
    """Everything that is done with one message; asserts what must hold for any octets."""
    one = parse_message(raw)
    assert one.failed is None
    for text in one.texts.values():
        text.encode("utf-8")  # no lone surrogate
    assert not {"\r"} & set(one.texts["body"])
    assert not {"\n", "\r", "\x00"} & set(one.subject)
    zones = find_zones(one, parent)
    for part, text in one.texts.items():
        assert_covers([z for z in zones if z.part == part], text)
    for start, end, _ in one.quote_hints:
        assert 0 <= start < end <= len(one.texts["body"])
    names = [a.safe_name.casefold() for a in one.attachments]
    assert len(set(names)) == len(names)


CRASHERS: dict[str, bytes] = {
    "74 octets, rfc822 around an empty multipart": b"Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=x\n\n",
    "a megabyte in one line": HEAD + TEXT + b"x" * 1_000_000,
    "a megabyte of attribution words in one line": HEAD + TEXT + b"On Mon wrote: " * 70_000,
    "a megabyte of quote marks": HEAD + TEXT + b"> " * 500_000,
    "5,000 nested quotes": HEAD + TEXT + b"\r\n".join(b">" * i + b" q" for i in range(0, 5000, 5)),
    "5,000 nested blockquotes": HEAD + WEB + b"<blockquote>" * 5000 + b"x" + b"</blockquote>y" * 5000,
    "a million empty lines": HEAD + TEXT + b"\n" * 1_000_000,
    "markup of opening brackets": HEAD + WEB + b"<" * 300_000,
    "unclosed attribute quotes": HEAD + WEB + b'<a b="' * 150_000 + b">",
    "mixed attribute quotes": HEAD + WEB + b"<a b='x\" c=\"" * 80_000 + b">",
    "unclosed comments": HEAD + WEB + b"<!--" * 200_000,
    "unclosed styles": HEAD + WEB + b"<style>" * 100_000,
    "100,000 elements": HEAD + WEB + b"<div>" * 100_000,
    "a character reference of a million digits": HEAD + WEB + b"money &#" + b"9" * 1_000_000 + b"; back",
    "a megabyte of commas in To": b"From: a@n.example\r\nTo: " + b"," * 1_000_000 + b"\r\n\r\nx",
    "brackets in To": b"From: a@n.example\r\nTo: " + b"(" * 500_000 + b"\r\n\r\nx",
    "addresses in To": b"From: a@n.example\r\n" + (b"To: " + b'"A B" <a@b.example>, ' * 1000 + b"\r\n") * 40 + b"\r\nx",
    "half a megabyte of encoded word openings": b"From: a@n.example\r\nSubject: " + b"=?" * 250_000 + b"\r\n\r\nx",
    "parameters": HEAD + b"Content-Type: text/plain; " + b'a*0="x"; ' * 50_000 + b"\r\n\r\nx",
    "references": HEAD + b"References: " + b"<a@b> " * 100_000 + b"\r\n\r\nx",
    "received": b"Received: from x by y; Mon, 3 Mar 2025 10:00:00 +0300\r\n" * 5000 + HEAD + b"\r\nx",
    "900 nested multiparts": HEAD + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(900)) + b"\r\nx",
    "5,000 nested messages": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    "100,000 parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--",
    "boundaries that are none": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * 50_000,
    "boundary of nothing": HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n',
    "quoted-printable of equal signs": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
    "base64 of paddings": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QQ==" * 250_000,
    "undecodable octets": HEAD + b"\r\n" + b"\x81\xfe" * 200_000,
    "nul": b"\x00" * 100_000,
    "colons": b":" * 100_000,
    "utf-7": HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA- +AD0 x",
    "utf-16 with a lone surrogate": HEAD + b"Content-Type: text/plain; charset=utf-16le\r\n\r\n\x00\xd8a\x00",
    "date of brackets": b"Date: " + b"(" * 5000 + b"\r\n" + HEAD + b"\r\nx",
}  # fmt: skip


@pytest.mark.parametrize("trouble", CRASHERS)
def test_no_message_stops_the_reader_or_takes_long(trouble: str) -> None:
    raw = CRASHERS[trouble]
    begun = time.process_time()
    read(raw)
    # The bound is generous for a loaded machine; what must not happen is a cost that grows with the square.
    assert time.process_time() - begun < 8
    read(raw[: len(raw) // 3])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("line", lambda n: letter("слово " * n, subject="Re: x")),
        ("quotes", lambda n: letter("> вопрос\nответ на вопрос\n" * n, subject="Re: x")),
        (
            "attributions",
            lambda n: letter("On Mon, 3 Mar 2025 at 11:12 Ivan <a@b.example> wrote\n" * n, subject="Re: x"),
        ),
        ("closings", lambda n: letter("Best regards,\n\n" * n, subject="Re: x")),
        ("rules", lambda n: letter("______\n" * n, subject="Re: x")),
        ("blockquotes", lambda n: letter("<blockquote>a" * n, html=True)),
        ("tags", lambda n: letter('<p class="x">a</p>' * n, html=True)),
    ],
)
def test_the_cost_grows_with_the_length_and_not_with_its_square(name: str, make: Callable[[int], bytes]) -> None:
    def cost(n: int) -> float:
        raw = make(n)
        best = 9.0
        for _ in range(2):
            begun = time.process_time()
            one = parse_message(raw)
            find_zones(one, "Совсем другие слова родителя.\n" * 20)
            best = min(best, time.process_time() - begun)
        return best

    small, large = cost(1_500), cost(12_000)
    assert large < 0.1 or large < small * 8 * 3, f"{name}: {small:.3f} s -> {large:.3f} s for eight times the length"


def test_limits_are_named() -> None:
    one = parse_message(CRASHERS["100,000 parts"])
    assert "too-many-parts" in one.defects and "not opened" in one.attachments[-1].note
    assert len(leaves(read_tree(CRASHERS["100,000 parts"]))) <= MAX_PARTS + 1
    deep = parse_message(CRASHERS["900 nested multiparts"])
    assert "nested-too-deep" in deep.defects and deep.attachments[0].path.count(".") == MAX_DEPTH - 1
    assert "header-block-cut" in parse_message(CRASHERS["a megabyte of commas in To"]).defects


def test_a_big_attachment_is_read_without_copying_it_about() -> None:
    content = random.Random(7).randbytes(20_000_000)
    raw = (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n"
        b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content) + b"--b--\r\n"
    )  # fmt: skip
    begun = time.process_time()
    one = parse_message(raw)
    assert time.process_time() - begun < 4
    assert one.attachments[0].size == len(content) and one.texts["body"] == "hello"
    assert attachment_octets(raw, 1) == content


# ---- names


NASTY = [
    "../../etc/passwd", "..\\..\\boot.ini", "CON", "con.txt", "COM1.pdf", "nul\x00.pdf", "a" * 300 + ".pdf", "я" * 300 + ".pdf",
    "invoice\u202efdp.exe", "  .hidden  ", "...", "", ".", "a/b", "C:\\x\\act.pdf", "act.pdf", "ACT.PDF", "act.pdf ", "a\r\nb.pdf",
    "a:b|c?*.txt", "акт\u200b.pdf", "акт.pdf", "e\u0301.txt", "\u00e9.txt", "-rf", "~", "$(x).sh", "`x`", "a" * 250 + "." + "b" * 250,
    "LPT¹.txt", "\ud83d\ude00.png".encode("utf-16", "surrogatepass").decode("utf-16"),
]  # fmt: skip


def test_nasty_names_become_harmless_and_unique(tmp_path: Path) -> None:
    parts = b"".join(
        b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''"
        + "".join(f"%{o:02X}" for o in name.encode()).encode()
        + b"\r\n\r\nx\r\n"
        for name in NASTY
    )
    one = parse_message(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n")
    assert len(one.attachments) == len(NASTY)
    safe = [a.safe_name for a in one.attachments]
    assert len({unicodedata.normalize("NFKC", s).casefold() for s in safe}) == len(NASTY)
    for attachment in one.attachments:
        name = attachment.safe_name
        assert name == Path(name).name and name not in {"", ".", ".."} and not name.startswith((".", " "))
        assert not set(name) & set('/\\:*?"<>|\x00\r\n\u202e\u200b') and len(name.encode()) <= 240
        assert name.partition(".")[0].upper() not in {"CON", "NUL", "COM1", "LPT¹"}
        (tmp_path / name).write_bytes(b"x")
    assert len(list(tmp_path.iterdir())) == len(NASTY)
    assert any(d.startswith("bidi:attachment") for d in one.defects)
    assert one.attachments[0].filename == "../../etc/passwd"  # what the sender wrote stays known


# ---- fuzz


BYTES = st.binary(max_size=400)
LINES = st.lists(
    st.one_of(
        st.sampled_from([
            b"From: a@n.example", b"To: b@r.example, =?utf-8?Q?x,y?= <c@d>", b"Subject: =?koi8-r?B?8NLJ18XU?=", b"",
            b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/alternative; boundary=\"c\"", b"--b", b"--b--",
            b"--c", b"--c--", b"Content-Type: text/html; charset=koi8-r", b"Content-Type: message/rfc822",
            b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"> quoted", b"own words here",
            b"On Mon, 3 Mar 2025 at 11:12 Ivan <a@b.example> wrote:", b"From: x <a@b.example>", b"Sent: 3 Mar 2025 11:12", b"-- ",
            "С уважением,".encode(), "Верните деньги".encode("cp1251"), b"<blockquote>a</div>", b"<p style=\"display:none\">x",
            b"-------- Forwarded message --------", b"Content-Disposition: attachment; filename=../x", b" folded", b"=D0=9", b"0JQ=",
            b"Date: Mon, 3 Mar 2025 11:12:00 +0300", b"Received: from a by b; x",
        ]),
        BYTES,
    ),
    max_size=40,
)  # fmt: skip


@seed(20261122)
@settings(max_examples=3000 if FULL else 250, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(LINES, st.sampled_from([b"\r\n", b"\n", b"\r"]))
@example(
    [
        b"Content-Type: multipart/mixed; boundary=b",
        b"",
        b"--b",
        b"Content-Type: multipart/mixed; boundary=b",
        b"",
        b"--b",
        b"--b--",
    ],
    b"\n",
)
def test_any_lines_are_read(lines: list[bytes], end: bytes) -> None:
    read(end.join(lines), "own words here")


@seed(20261122)
@settings(max_examples=1500 if FULL else 150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.integers(0, 10**9))
def test_spoilt_real_mail_is_read(number: int) -> None:
    chance = random.Random(number)
    raw = bytearray(CORPUS[number % len(CORPUS)].read_bytes())
    for _ in range(chance.randint(1, 20)):
        at = chance.randrange(len(raw))
        what = chance.randrange(4)
        if what == 0:
            raw[at] = chance.randrange(256)
        elif what == 1:
            del raw[at : at + chance.randint(1, 80)]
        elif what == 2:
            raw[at:at] = chance.choice([b"\r\n\r\n", b"\n", b"--", b"<", b">", b"\x00", b'"', b"=?", b"\xff\xfe"])
        else:
            raw[at:at] = raw[max(0, at - 200) : at]
        if not raw:
            break
    read(bytes(raw))


@seed(20261122)
@settings(max_examples=1000 if FULL else 120, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.text(max_size=300), st.booleans())
def test_html_of_any_text_is_read_with_hints_in_range(text: str, wrap: bool) -> None:
    source = f"<blockquote type=cite>{text}</blockquote>after" if wrap else text
    found = html_to_text(source)
    assert "<blockquote" not in found.text or not wrap
    for start, end, _ in found.hints:
        assert 0 <= start < end <= len(found.text)


@seed(20261122)
@settings(max_examples=600 if FULL else 80, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.data())
def test_our_walk_and_the_standard_librarys_find_the_same_leaves(data: st.DataObject) -> None:
    """On well-formed mail: the same leaf types and the same decoded octets, in the same order."""

    def build(depth: int) -> EmailMessage:
        one = EmailMessage(policy=email.policy.SMTP)
        kind = data.draw(
            st.sampled_from(["text", "html", "binary", "mixed", "alternative"] if depth < 3 else ["text", "binary"])
        )
        words = data.draw(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=60))
        if kind == "text":
            one.set_content(words, cte=data.draw(st.sampled_from(["base64", "quoted-printable", "8bit"])))
        elif kind == "html":
            one.set_content(f"<p>{words}</p>", subtype="html")
        elif kind == "binary":
            one.set_content(
                data.draw(st.binary(max_size=200)),
                maintype="application",
                subtype="octet-stream",
                filename=words[:20].strip() or "x",
            )
        else:
            one["Content-Type"] = f"multipart/{kind}"
            for _ in range(data.draw(st.integers(1, 3))):
                one.attach(build(depth + 1))
        return one

    built = build(0)
    raw = built.as_bytes()
    theirs = [
        (p.get_content_type(), p.get_payload(decode=True))
        for p in email.message_from_bytes(raw).walk()
        if not p.is_multipart()
    ]
    ours = [(leaf.content_type, leaf.decoded()[0]) for leaf in leaves(read_tree(raw))]
    assert [t for t, _ in ours] == [t for t, _ in theirs]
    for (_, mine), (_, other) in zip(ours, theirs, strict=True):
        assert mine.rstrip(b"\r\n") == (other or b"").rstrip(b"\r\n")


@pytest.mark.parametrize("path", CORPUS[::9], ids=lambda p: f"{p.parent.parent.name}-{p.stem}")
def test_our_leaves_equal_the_standard_librarys_on_the_corpus(path: Path) -> None:
    raw = path.read_bytes()
    theirs = [
        (p.get_content_type(), p.get_payload(decode=True))
        for p in email.message_from_bytes(raw).walk()
        if not p.is_multipart() and p.get_content_maintype() != "message"
    ]
    ours = [
        (leaf.content_type, leaf.decoded()[0])
        for leaf in leaves(read_tree(raw))
        if not leaf.content_type.startswith("message/")
    ]
    if not any(leaf.content_type.startswith("message/") for leaf in leaves(read_tree(raw))):
        assert ours == theirs
