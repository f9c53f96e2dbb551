"""The Received trail and other servers' claims, read as what they are."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from evidence.message import received
from evidence.message.claims import claims
from evidence.message.received import hops_of, observations, read_received

TRAIL = [
    "from mx.romashka.example (mx.romashka.example [192.0.2.7])\r\n\tby mx1.north.example (Postfix) with ESMTPS id 4A\r\n"
    "\tfor <office@north.example>; Mon,  3 Mar 2025 11:13:05 +0300 (MSK)",
    "from [10.0.0.5] (helo=desk) by mx.romashka.example with esmtpsa; Mon, 3 Mar 2025 08:13:01 +0000",
]
DATE = ("Date", "Mon, 3 Mar 2025 11:12:53 +0300")


def headers(values: list[str], *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("Received", value) for value in values] + list(more)


def kinds(values: list[str], *more: tuple[str, str], sender_domain: str = "romashka.example") -> list[str]:
    return [o.what for o in observations(headers(values, *more), sender_domain=sender_domain)]


def test_hops_are_read_topmost_first_with_hosts_and_times_in_utc() -> None:
    top, bottom = read_received(TRAIL)
    assert (top.position, top.from_host, top.by_host) == (0, "mx.romashka.example", "mx1.north.example")
    assert top.at == datetime(2025, 3, 3, 8, 13, 5, tzinfo=UTC)
    assert (bottom.from_host, bottom.by_host) == ("[10.0.0.5]", "mx.romashka.example")
    assert bottom.at == datetime(2025, 3, 3, 8, 13, 1, tzinfo=UTC)
    assert hops_of(headers(TRAIL)) == (top, bottom)


def test_an_ordinary_trail_has_nothing_odd() -> None:
    assert kinds(TRAIL, DATE) == []


def test_large_providers_hand_over_inside_their_own_domain() -> None:
    trail = [
        "by 2002:a05:6402:1234:b0:5e5 with SMTP id x; Mon, 3 Mar 2025 00:13:09 -0800 (PST)",
        "from mail-sor-f41.google.com (mail-sor-f41.google.com. [209.85.220.41]) by mx.google.com with SMTPS;"
        " Mon, 3 Mar 2025 00:13:08 -0800 (PST)",
        "by 2002:a05:600c:1:b0:43b with SMTP id y; Mon, 3 Mar 2025 00:13:07 -0800 (PST)",
    ]
    assert kinds(trail, DATE, sender_domain="gmail.com") == []


def test_time_that_runs_backwards_is_remarked_with_both_times() -> None:
    trail = [TRAIL[0].replace("11:13:05", "10:13:05"), TRAIL[1]]
    (odd,) = observations(headers(trail), sender_domain="romashka.example")
    assert (odd.what, odd.position) == (received.TIME_BACKWARDS, 0)
    assert "2025-03-03T08:13:01Z" in odd.detail
    assert "2025-03-03T07:13:05Z" in odd.detail


def test_clocks_a_few_minutes_apart_are_not_remarked() -> None:
    assert kinds([TRAIL[0].replace("11:13:05", "11:10:05"), TRAIL[1]]) == []


def test_a_missing_hop_is_remarked() -> None:
    trail = [TRAIL[0].replace("mx.romashka.example", "relay.elsewhere.example"), TRAIL[1]]
    (odd,) = observations(headers(trail), sender_domain="romashka.example")
    assert odd.what == received.MISSING_HOP
    assert odd.detail == "mx.romashka.example → relay.elsewhere.example"


def test_a_first_server_outside_the_senders_domain_is_remarked() -> None:
    assert kinds(TRAIL, sender_domain="kolokol.example") == [received.FOREIGN_FIRST_HOP]


def test_a_date_after_the_first_server_and_a_day_on_the_way_are_remarked() -> None:
    late = [TRAIL[0].replace("Mon,  3 Mar", "Wed,  5 Mar"), TRAIL[1]]
    assert kinds(late) == [received.LONG_DELAY]
    assert kinds(TRAIL, ("Date", "Tue, 4 Mar 2025 11:12:53 +0300")) == [received.BEFORE_FIRST_HOP]


def test_no_trail_and_an_unreadable_date_are_remarked() -> None:
    assert kinds([]) == [received.NO_TRAIL]
    assert received.NO_DATE in kinds([TRAIL[0], "from a.romashka.example by mx.romashka.example; yesterday"])


def test_hostile_received_headers_take_bounded_time() -> None:
    began = time.process_time()
    values = ["(" * 100_000, "from " * 100_000, "by " + "x." * 100_000, "; " * 100_000, "()" * 100_000] * 200
    assert len(read_received(values)) == received.MAX_HOPS
    observations(headers(values), sender_domain="x" * 10_000)
    assert time.process_time() - began < 5


AUTH = (
    "mx.north.example;\r\n dkim=pass (2048-bit key; unprotected) header.d=romashka.example header.i=@romashka.example"
    ' header.b="abc/12";\r\n spf=softfail (mx.north.example: domain; of x) smtp.mailfrom=director@romashka.example;'
    ' dmarc=fail reason="policy; said so" (p=none) header.from=romashka.example'
)


def test_authentication_results_are_the_servers_claim() -> None:
    found = claims([("Received", TRAIL[0]), ("Authentication-Results", AUTH), ("Received", TRAIL[1])])
    assert [(c.server, c.method, c.result, c.above) for c in found] == [
        ("mx.north.example", "dkim", "pass", 1),
        ("mx.north.example", "spf", "softfail", 1),
        ("mx.north.example", "dmarc", "fail", 1),
    ]
    assert found[0].properties[0] == ("header.d", "romashka.example")
    assert found[0].properties[2] == ("header.b", "abc/12")
    assert found[1].properties == (("smtp.mailfrom", "director@romashka.example"),)
    assert found[2].reason == "policy; said so"
    assert str(found[1]) == "mx.north.example: spf=softfail smtp.mailfrom=director@romashka.example"


def test_arc_is_kept_with_its_instance() -> None:
    found = claims(
        [
            ("ARC-Seal", "i=2; a=rsa-sha256; t=1; cv=pass; d=list.example; s=arc; b=AAAA"),
            ("ARC-Authentication-Results", "i=2; list.example; arc=pass; dkim=pass header.d=romashka.example"),
        ]
    )
    assert [(c.source, c.server, c.method, c.result, c.instance) for c in found] == [
        ("arc-seal", "list.example", "arc", "pass", 2),
        ("arc-authentication-results", "list.example", "arc", "pass", 2),
        ("arc-authentication-results", "list.example", "dkim", "pass", 2),
    ]


def test_claims_that_are_none_give_nothing() -> None:
    assert claims([("Authentication-Results", "mx.north.example; none"), ("Authentication-Results", "")]) == ()


def test_hostile_claims_take_bounded_time() -> None:
    began = time.process_time()
    for value in ("(" * 200_000, "a=b;" * 100_000, '"' * 100_000, "x.y=" * 50_000, "reason=" * 50_000, "\\" * 99_999):
        claims([("Authentication-Results", "mx; dkim=pass " + value)] * 200)
    assert time.process_time() - began < 10


def test_every_stored_sentence_has_its_russian() -> None:
    from evidence.i18n import translated
    from evidence.mailbox import imports_files, imports_mbox, imports_outlook, imports_run, imports_sources
    from evidence.message import dkim_words

    for package, modules in {
        "message": (dkim_words, received),
        "mailbox": (imports_files, imports_mbox, imports_outlook, imports_run, imports_sources),
    }.items():
        sentences = {
            name: text
            for module in modules
            for name, text in vars(module).items()
            if name.isupper() and not name.startswith("_") and isinstance(text, str) and " " in text
        }
        assert len(sentences) > 20
        for name, text in sentences.items():
            assert ": " not in text or translated(package, "ru", text) != text, name
            russian = translated(package, "ru", f"{text}: romashka.example")
            assert russian.endswith(": romashka.example")
            assert any("а" <= letter <= "я" for letter in russian), (name, russian)
            assert translated(package, "en", text) == text
