"""DKIM on the raw octets, offline, for ever: what passes, what fails, and what must be said beside it."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import re
import socket
import time
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dkim
from evidence.message import dkim as ours
from evidence.message import dkim_signature
from evidence.message import dkim_words as said
from evidence.message.dkim import needed_keys, verify_message, verify_with_history
from evidence.message.dkim_key import Result
from evidence.model import DkimResult
from tests.dkim.signing import (
    ASKED,
    LETTER,
    NAME,
    SIGNED_AT,
    answer,
    ed25519_pair,
    history,
    kept,
    record,
    rsa_key,
    sign,
)

KEY = kept(answer(record(rsa_key(2048))))
SIGNED = sign()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **named: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refused)


def one(raw: bytes, key_of: Any = KEY) -> DkimResult:
    (result,) = verify_message(raw, key_of)
    return result


@pytest.mark.parametrize("header", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
def test_a_sound_signature_passes_and_shows_what_it_covers(header: bytes, body: bytes) -> None:
    raw = sign(canonicalize=(header, body))
    result = one(raw)
    assert (result.result, result.reason) == ("pass", said.PASSED)
    assert (result.domain, result.selector, result.key_bits) == ("romashka.example", "s1", 2048)
    assert result.signed_headers == ("from", "to", "subject", "date", "message-id")
    assert result.canonicalization == f"{header.decode()}/{body.decode()}"
    assert (result.algorithm, result.length_tag, result.warnings) == ("rsa-sha256", None, ())
    assert needed_keys(raw) == (NAME,)
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: record(rsa_key(2048)))


def test_a_tampered_body_fails_and_the_signed_headers_are_said_to_stand() -> None:
    result = one(sign().replace("пятницы".encode(), "субботы".encode()))
    assert (result.result, result.reason) == ("fail", said.BODY_DIFFERS)


def test_a_tampered_date_fails_and_the_body_is_said_to_stand() -> None:
    result = one(sign().replace(b"3 Mar 2025 11", b"4 Mar 2025 11"))
    assert (result.result, result.reason) == ("fail", said.HEADERS_DIFFER)


def test_another_key_under_the_name_fails_both_ways_of_tampering() -> None:
    other = kept(answer(record(rsa_key(2048, 1))))
    assert one(sign(), other).reason == said.HEADERS_DIFFER
    assert one(sign().replace("Верните".encode(), "Оставьте".encode()), other).reason == said.ALL_DIFFERS


def test_a_letter_without_signature_has_no_result_at_all() -> None:
    assert verify_message(LETTER, KEY) == ()
    assert needed_keys(LETTER) == ()


def test_nobody_asked_is_unchecked_and_the_body_is_still_compared() -> None:
    result = one(sign(), lambda name: None)
    assert (result.result, result.reason) == ("unchecked", said.NOT_ASKED)
    assert said.BODY_MATCHES in result.warnings
    changed = one(sign() + b"more\r\n", lambda name: None)
    assert said.BODY_DOES_NOT_MATCH in changed.warnings


@pytest.mark.parametrize("error", ["timeout", "servfail", "no-resolver"])
def test_dns_that_did_not_answer_is_unchecked_not_a_missing_key(error: str) -> None:
    result = one(sign(), kept(answer(b"", error=error)))
    assert (result.result, result.reason) == ("unchecked", f"{said.NO_ANSWER}: {error}")


def test_a_key_that_is_gone_is_no_key_and_says_how_late_it_was_asked_for() -> None:
    late = SIGNED_AT + timedelta(days=400)
    result = one(sign(), kept(answer(b"", error="nxdomain", at=late)))
    assert (result.result, result.reason) == ("no-key", said.NO_KEY)
    assert f"{said.LATE}: 400" in result.warnings


def test_a_revoked_key_is_no_key() -> None:
    result = one(sign(), kept(answer(b"v=DKIM1; k=rsa; p=")))
    assert (result.result, result.reason) == ("no-key", said.REVOKED)


def test_a_key_asked_for_at_capture_keeps_verifying_after_it_was_rotated() -> None:
    first, later = answer(record(rsa_key(2048))), answer(record(rsa_key(2048, 1)), at=ASKED + timedelta(days=90))
    (result,) = verify_with_history(sign(), history(later, first))
    assert result.result == "pass"
    gone = answer(b"", error="nxdomain", at=ASKED + timedelta(days=200))
    (result,) = verify_with_history(sign(), history(first, later, gone))
    assert result.result == "pass"


def test_a_rotated_key_fails_with_the_warning_that_it_came_late() -> None:
    late = answer(record(rsa_key(2048, 1)), at=SIGNED_AT + timedelta(days=30))
    result = one(sign(), kept(late))
    assert (result.result, result.reason) == ("fail", said.HEADERS_DIFFER)
    assert f"{said.LATE}: 30" in result.warnings


def test_lateness_is_measured_from_the_date_header_where_the_signature_has_no_time() -> None:
    result = one(sign(at=None), kept(answer(record(rsa_key(2048)), at=SIGNED_AT + timedelta(days=9))))
    assert f"{said.LATE}: 9" in result.warnings


def test_an_expired_signature_passes_for_ever_and_says_when_it_ended() -> None:
    ends = SIGNED_AT + timedelta(days=1)
    raw = sign(extra=b"x=%d" % ends.timestamp())
    assert one(raw).warnings == ()
    late = one(raw, kept(answer(record(rsa_key(2048)), at=SIGNED_AT + timedelta(days=5))))
    assert late.result == "pass"
    assert late.warnings == (f"{said.EXPIRED}: 2025-03-04T08:12:53Z",)


def test_a_length_tag_lets_text_be_added_and_is_warned_of() -> None:
    raw = sign(length=True)
    assert one(raw).warnings == ()
    result = one(raw.rstrip(b"\r\n") + b"\r\nAnd I admit everything.\r\n")
    assert (result.result, result.reason) == ("pass", said.PASSED_IN_PART)
    (warning,) = [w for w in result.warnings if w.startswith(said.PART_OF_BODY)]
    signed, whole = (int(n) for n in warning.rpartition(" ")[2].split("/"))
    assert signed < whole
    assert result.length_tag == signed


def test_a_length_beyond_the_body_is_no_pass() -> None:
    raw = sign(length=True)
    assert one(re.sub(rb"l=\d+", b"l=99999", raw)).result == "fail"


@pytest.mark.parametrize("name", ["From", "Subject"])
def test_a_second_header_of_a_kind_is_warned_of(name: str) -> None:
    added = f"{name}: Someone else <x@north.example>\r\n".encode()
    result = one(added + sign())
    assert any(w.startswith(said.REPEATED) and name.lower() in w for w in result.warnings)
    assert result.result == ("fail" if name == "From" else "pass")


def test_important_headers_outside_the_signature_are_named() -> None:
    result = one(sign(include_headers=[b"from", b"to"]))
    assert result.result == "pass"
    assert f"{said.UNSIGNED}: subject, date, message-id" in result.warnings


def test_a_signature_of_another_domain_is_said_to_be_one() -> None:
    raw = sign(domain="mailer.example")
    name = "s1._domainkey.mailer.example"
    result = one(raw, kept(answer(record(rsa_key(2048)), name=name)))
    assert result.result == "pass"
    assert f"{said.NOT_ALIGNED}: mailer.example / romashka.example" in result.warnings


@pytest.mark.parametrize(
    ("signer", "sender", "together"),
    [
        ("romashka.example", "romashka.example", True),
        ("romashka.example", "mail.romashka.example", True),
        ("mail.romashka.example", "news.romashka.example", True),
        ("romashka.example", "evil-romashka.example", False),
        ("one.co.uk", "two.co.uk", False),
        ("one.com.ru", "two.com.ru", False),
        ("example", "romashka.example", False),
    ],
)
def test_which_domains_belong_together(signer: str, sender: str, together: bool) -> None:
    assert ours.aligned(signer, sender) is together


def test_a_key_below_1024_bits_does_not_count_and_one_below_2048_is_called_short() -> None:
    short = sign(key=rsa_key(1024))
    result = one(short, kept(answer(record(rsa_key(1024)))))
    assert (result.result, result.key_bits) == ("pass", 1024)
    assert f"{said.SHORT_KEY}: 1024" in result.warnings


def test_a_512_bit_signature_that_matches_is_not_counted() -> None:
    modulus_key = _tiny_key()
    raw = _signed_by(modulus_key)
    result = one(raw, kept(answer(_tiny_record(modulus_key))))
    assert (result.result, result.reason, result.key_bits) == ("error", said.KEY_TOO_SHORT, 512)


def test_sha1_is_not_counted() -> None:
    raw = sign(signature_algorithm=b"rsa-sha1")
    result = one(raw)
    assert (result.result, result.reason, result.algorithm) == ("error", said.SHA1, "rsa-sha1")


def test_ed25519_passes_and_fails() -> None:
    private, text = ed25519_pair()
    template = sign(canonicalize=(b"relaxed", b"relaxed")).replace(b"a=rsa-sha256", b"a=ed25519-sha256")
    head, _, rest = template.partition(b"From:")
    bare = re.sub(rb"([;\s])b=[^;]*$", rb"\1b=", head.rstrip(b"\r\n"))
    signed = b"".join(
        name + b":" + re.sub(rb"\s+", b" ", value).strip() + b"\r\n"
        for name, value in (
            re.match(rb"([^:]+):(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
            for line in (b"From:" + rest).split(b"\r\n\r\n")[0].split(b"\r\n")
        )
        for name in [name.lower()]
    )
    own = b"dkim-signature:" + re.sub(rb"[ \t]+", b" ", re.sub(rb"\r\n", b"", bare.partition(b":")[2])).strip()
    proof = base64.b64encode(private.sign(hashlib.sha256(signed + own).digest()))
    raw = bare + proof + b"\r\nFrom:" + rest
    result = one(raw, kept(answer(text)))
    assert (result.result, result.key_bits) == ("pass", 256)
    assert one(raw.replace(b"Claim", b"Blame"), kept(answer(text))).result == "fail"


@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        (b"k=ed25519; p=" + base64.b64encode(b"x" * 32), "error", said.KEY_OF_OTHER_KIND),
        (b"v=DKIM2; p=AAAA", "error", said.KEY_UNREADABLE),
        (b"v=DKIM1; p=!!!!", "error", said.KEY_UNREADABLE),
        (b"v=DKIM1; p=" + base64.b64encode(b"\x30\x82\xff\xff" + b"\0" * 40), "error", said.KEY_UNREADABLE),
        (b"just a text record", "error", said.KEY_UNREADABLE),
        (b"v=DKIM1; s=tlsrpt; " + record(rsa_key(2048)).partition(b"; ")[2], "error", said.KEY_NOT_FOR_MAIL),
        (b"v=DKIM1; h=sha1; " + record(rsa_key(2048)).partition(b"; ")[2], "error", said.KEY_NOT_FOR_MAIL),
        (b"", "no-key", said.NO_KEY),
    ],
)
def test_a_key_record_that_is_none_says_why(text: bytes, verdict: str, reason: str) -> None:
    result = one(sign(), kept(answer(text)))
    assert (result.result, result.reason) == (verdict, reason)


def test_a_testing_domain_and_several_records_are_warned_of() -> None:
    assert said.TESTING in one(sign(), kept(answer(record(rsa_key(2048), b"t=y; ")))).warnings
    both = b"\n".join([b"some other text", record(rsa_key(2048))])
    result = one(sign(), kept(answer(both)))
    assert (result.result, said.SEVERAL_KEYS in result.warnings) == ("pass", True)


def test_a_strict_key_refuses_a_sub_domain_identity() -> None:
    raw = sign(identity=b"@mail.romashka.example")
    assert one(raw).result == "pass"
    assert one(raw, kept(answer(record(rsa_key(2048), b"t=s; ")))).reason == said.KEY_NOT_FOR_MAIL


def test_a_copy_with_lf_line_ends_passes_and_says_so() -> None:
    result = one(sign().replace(b"\r\n", b"\n"))
    assert (result.result, result.warnings) == ("pass", (said.LF_READ_AS_CRLF,))


def test_each_signature_has_its_own_result_in_order() -> None:
    raw = sign(sign(), domain="mailer.example", selector="k2")
    results = verify_message(raw, KEY)
    assert [(r.index, r.domain, r.result) for r in results] == [
        (0, "mailer.example", "unchecked"),
        (1, "romashka.example", "pass"),
    ]
    assert needed_keys(raw) == ("k2._domainkey.mailer.example", NAME)


@pytest.mark.parametrize(
    ("old", "new", "tag"),
    [
        (b"v=1;", b"v=2;", "v="),
        (b"a=rsa-sha256", b"a=rsa-md5", "a="),
        (b"d=romashka.example", b"d=romashka..example", "d="),
        (b"d=romashka.example", b"d=example", "d="),
        (b"s=s1;", b"s=s1 x;", "s="),
        (b"q=dns/txt", b"q=finger", "q="),
        (b"i=@romashka.example", b"i=@north.example", "i="),
        (b"c=relaxed/simple", b"c=odd/simple", "c="),
        (b"bh=", b"bh=*", "bh="),
    ],
)
def test_a_malformed_signature_is_an_error_that_names_the_tag(old: bytes, new: bytes, tag: str) -> None:
    raw = sign()
    assert old in raw
    result = one(raw.replace(old, new, 1))
    assert (result.result, result.reason) == ("error", f"{said.MALFORMED}: {tag}")
    assert needed_keys(raw.replace(old, new, 1)) == ()


def test_a_signature_that_leaves_out_from_is_an_error() -> None:
    result = one(re.sub(rb"h=from : ", b"h=", sign()))
    assert result.result == "error"


def test_nothing_a_sender_writes_reaches_dns_but_a_plain_name() -> None:
    for value in (
        b"d=evil.example\0x",
        b"d=a b.example",
        b"d=" + b"x" * 300 + b".example",
        b"d=*.example",
        b"d=-a.example",
    ):
        assert needed_keys(re.sub(rb"d=romashka\.example", lambda m, v=value: v, sign())) == ()  # type: ignore[misc]


HOSTILE = {
    "spaces": LETTER + b" " * 3_000_000 + b"x\r\n",
    "lines of spaces": LETTER + b" \t" * 500_000 + b"\r\n" + b" \r\n" * 500_000,
    "empty lines": LETTER + b"\r\n" * 1_500_000,
    "carriage returns": LETTER + b"\r" * 2_000_000,
    "headers": b"".join(b"X-%d: y\r\n" % n for n in range(4_000)) + LETTER,
    "too many headers": b"From: a@romashka.example\r\n" * 60_000 + LETTER,
    "long header": b"X-A: " + b" \r\n\t" * 200_000 + b"\r\n" + LETTER,
    "from": b"From: " + b"<@" * 400_000 + b"\r\n" + LETTER,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_and_headers_take_bounded_time(name: str) -> None:
    template = sign(canonicalize=(b"relaxed", b"relaxed"))
    signature = template[: len(template) - len(LETTER)]
    raw = b"".join(signature.replace(b"s=s1", b"s=s%d" % n) for n in range(3)) + HOSTILE[name]
    began = time.process_time()
    results = verify_message(raw, lambda name: answer(record(rsa_key(2048)), name=name))
    assert time.process_time() - began < 5
    assert results


@pytest.mark.parametrize(
    "value",
    [
        b"v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AAAA; b=" + b"\r\n " * 8_000,
        b"v=1; a=rsa-sha256; d=x.example; s=s; h=" + b"from:" * 1_500 + b"; bh=AAAA; b=AAAA",
        b"v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AAAA; b=" + b" b" * 3_000,
        b";" * 8_000,
        b"",
        b"b=" + b"\r\n \r\n " * 900 + b"; v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AAAA",
        b"v=1; a=rsa-sha256; c=simple; d=x.example; s=s; h=from; bh=AAAA; b=" + (b"A" + b"\r\n " * 60) * 40,
    ],
    ids=range(7),
)
def test_hostile_signature_headers_take_bounded_time(value: bytes) -> None:
    raw = (b"DKIM-Signature: " + value + b"\r\n") * 40 + LETTER
    began = time.process_time()
    results = verify_message(raw, lambda name: answer(record(rsa_key(2048)), name=name))
    assert time.process_time() - began < 5
    assert len(results) <= dkim_signature.MAX_SIGNATURES + 1
    assert results[-1].reason == said.TOO_MANY


@pytest.mark.parametrize(("bits", "exponent_bits"), [(60_000, 17), (2048, 60_000), (8, 2), (2048, 1)])
def test_a_hostile_key_takes_bounded_time(bits: int, exponent_bits: int) -> None:
    octets = _der_key((1 << (bits - 1)) | 1, (1 << (exponent_bits - 1)) | 1)
    began = time.process_time()
    result = one(sign(), kept(answer(b"p=" + base64.b64encode(octets))))
    assert time.process_time() - began < 2
    assert result.result == "error"


@settings(max_examples=int((os.environ.get("EVIDENCE_TEST_FULL") and 5_000) or 300), deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_octets_never_raise(octets: bytes) -> None:
    for raw in (octets, b"DKIM-Signature: " + octets + b"\r\n" + LETTER, SIGNED[:200] + octets + SIGNED[200:]):
        results = verify_message(raw, KEY)
        assert [r.index for r in results] == list(range(len(results)))
        assert {r.result for r in results} <= set(get_args(Result))
        names = needed_keys(raw)
        assert len(set(names)) == len(names) <= 20


BODIES = st.lists(
    st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r", b"\n", b"b c", b"\r\n\r\n", b" \r\n"]), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(BODIES, st.sampled_from([b"simple", b"relaxed"]))
def test_the_verdict_is_dkimpys_own_for_any_shape_of_body(parts: list[bytes], way: bytes) -> None:
    head = LETTER.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    raw = sign(head + b"".join(parts), canonicalize=(b"relaxed", way))
    assert one(raw).result == "pass"
    signed, body = raw[: raw.index(head) + len(head)], raw[raw.index(head) + len(head) :]
    for changed in (body + b"x", body + b"\r\n", body + b" ", body[:-1], body.replace(b"a", b"aa")):
        theirs = dkim.verify(signed + changed, dnsfunc=lambda name, timeout=5: record(rsa_key(2048)))
        assert (one(signed + changed).result == "pass") is theirs


def test_flipping_any_octet_of_body_or_signed_headers_is_found() -> None:
    raw = sign(canonicalize=(b"simple", b"simple"))
    start = raw.index(b"From:")
    seed = random.Random(5)
    for at in seed.sample(range(start, len(raw) - 4), 60):
        changed = bytearray(raw)
        changed[at] ^= 0x02
        assert one(bytes(changed)).result in ("fail", "error"), at


# ---- a key too short for the cryptography package to make -----------------------------------------------------------


def _tiny_key() -> tuple[int, int, int]:
    """(modulus, public, private exponent): 512 bits, by Miller-Rabin over a fixed seed."""
    seed = random.Random(7)

    def prime() -> int:
        while True:
            number = seed.getrandbits(256) | (3 << 254) | 1
            if number % 65537 != 1 and all(pow(a, number - 1, number) == 1 for a in (2, 3, 5, 7, 11)):
                return number

    p, q = prime(), prime()
    return p * q, 65537, pow(65537, -1, (p - 1) * (q - 1))


def _tiny_record(key: tuple[int, int, int]) -> bytes:
    return b"p=" + base64.b64encode(_der_key(key[0], key[1]))


def _der_key(modulus: int, exponent: int) -> bytes:
    """RSAPublicKey (RFC 8017 appendix A.1.1) in DER."""

    def wrapped(tag: int, octets: bytes) -> bytes:
        size = len(octets)
        if size < 128:
            return bytes([tag, size]) + octets
        stated = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes([tag, 0x80 | len(stated)]) + stated + octets

    numbers = (n.to_bytes(n.bit_length() // 8 + 1, "big") for n in (modulus, exponent))
    return wrapped(0x30, b"".join(wrapped(0x02, n) for n in numbers))


def _signed_by(key: tuple[int, int, int]) -> bytes:
    raw = sign(canonicalize=(b"simple", b"simple"), include_headers=[b"from"])
    head, _, rest = raw.partition(b"\r\nFrom:")
    bare = re.sub(rb"([;\s])b=[^;]*$", rb"\1b=", head)
    hasher = hashlib.sha256(b"From:" + rest.split(b"\r\n")[0] + b"\r\n" + bare)
    from dkim.crypto import EMSA_PKCS1_v1_5_encode, int2str, str2int

    proof = pow(str2int(EMSA_PKCS1_v1_5_encode(hasher, 64)), key[2], key[0])
    return bare + base64.b64encode(bytes(int2str(proof, 64))) + b"\r\nFrom:" + rest
