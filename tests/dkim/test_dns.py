"""What DNS said is kept as it was said: the answer, who gave it, when, and whether DNSSEC vouched for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import dns.message
import dns.rcode
import pytest

from evidence.errors import UsageError
from evidence.mailbox.dns import fetch_key, make_resolver
from evidence.mailbox.presets import PRESETS, discover, preset_for, preset_of_host
from evidence.message.dkim import verify_message
from tests.dkim.nameserver import name_server, zone
from tests.dkim.signing import NAME, kept, record, rsa_key, sign

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def in_strings(text: bytes) -> str:
    return " ".join('"' + text[n : n + 200].decode() + '"' for n in range(0, len(text), 200))


def test_an_answer_in_several_strings_is_kept_joined_and_verifies_the_letter() -> None:
    text = record(rsa_key(2048))
    with name_server(zone({(NAME + ".", "TXT"): [in_strings(text)]})) as server:
        key = fetch_key(NAME, resolver=server.address, now=NOW)
    assert (key.name, key.answer, key.error, key.asked_at) == (NAME, text, "", NOW)
    assert (key.resolver, key.authenticated) == (server.address, False)
    assert server.asked == [(NAME + ".", "TXT")]
    (result,) = verify_message(sign(), kept(key))
    assert result.result == "pass"


def test_the_ad_bit_is_asked_for_and_kept() -> None:
    with name_server(zone({(NAME + ".", "TXT"): ['"v=DKIM1; p="']}, authenticated=True)) as server:
        assert fetch_key(NAME, resolver=server.address, now=lambda: NOW).authenticated
    assert server.flags[0] & 0x0020  # AD in the query, RFC 6840 section 5.7


def test_several_records_are_kept_sorted() -> None:
    with name_server(zone({(NAME + ".", "TXT"): ['"zzz"', '"v=DKIM1; p="']})) as server:
        assert fetch_key(NAME, resolver=server.address, now=NOW).answer == b"v=DKIM1; p=\nzzz"


def test_a_name_that_does_not_exist_and_one_without_text() -> None:
    with name_server(zone({(NAME + ".", "A"): ["127.0.0.1"]})) as server:
        assert fetch_key(NAME, resolver=server.address, now=NOW).error == "no-answer"
        assert fetch_key("s2._domainkey.romashka.example", resolver=server.address, now=NOW).error == "nxdomain"


def test_silence_ends_in_time() -> None:
    with name_server(lambda query: None) as server:
        began = time.monotonic()
        key = fetch_key(NAME, resolver=server.address, now=NOW, timeout=0.5)
        assert time.monotonic() - began < 3
    assert (key.error, key.answer) == ("timeout", b"")


def test_a_failing_server_is_named_so() -> None:
    def failing(query: dns.message.QueryMessage) -> dns.message.Message:
        made = dns.message.make_response(query)
        made.set_rcode(dns.rcode.SERVFAIL)
        return made

    with name_server(failing) as server:
        assert fetch_key(NAME, resolver=server.address, now=NOW, timeout=1).error == "servfail"


def test_an_answer_too_long_for_a_datagram_comes_by_tcp() -> None:
    text = record(rsa_key(2048)) + b"; n=" + b"x" * 3_000
    with name_server(zone({(NAME + ".", "TXT"): [in_strings(text)]})) as server:
        assert fetch_key(NAME, resolver=server.address, now=NOW).answer == text


def test_an_endless_answer_is_cut() -> None:
    with name_server(zone({(NAME + ".", "TXT"): [in_strings(b"x" * 40_000)]})) as server:
        key = fetch_key(NAME, resolver=server.address, now=NOW)
    assert (key.error, len(key.answer)) == ("too-long", 16_384)


@pytest.mark.parametrize(
    "name", ["", "x", "a b._domainkey.x.example", "a..b.example", "x" * 64 + ".b.example", "a\n.b"]
)
def test_what_is_no_name_is_never_asked(name: str) -> None:
    with name_server(zone({})) as server:
        assert fetch_key(name, resolver=server.address, now=NOW).error == "bad-name"
    assert server.asked == []


@pytest.mark.parametrize("text", ["not an address", "9.9.9.9:x", "https://dns.example"])
def test_a_resolver_that_is_no_address_is_a_configuration_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"dkim\.resolver"):
        make_resolver(text)


def test_resolver_addresses() -> None:
    assert make_resolver("9.9.9.9").port == 53
    assert make_resolver("[::1]:5353").port == 5353
    assert make_resolver("::1").nameservers == ["::1"]


def test_every_provider_has_both_languages_and_a_server() -> None:
    assert [p.key for p in PRESETS] == ["gmail", "yandex", "mailru", "microsoft", "icloud", "fastmail"]
    for preset in PRESETS:
        russian = preset.in_language("ru")
        assert preset.in_language("en") == preset
        for name in ("expects", "where", "refused"):
            text = getattr(russian, name)
            assert text != getattr(preset, name), (preset.key, name)
            assert any("а" <= letter <= "я" for letter in text)
        assert (preset.port, preset.tls) == (993, "implicit")
        assert preset_of_host(preset.host) == preset


@pytest.mark.parametrize(
    ("address", "key"),
    [("anna@GMAIL.com", "gmail"), ("a@ya.ru", "yandex"), ("a@bk.ru", "mailru"), ("a@hotmail.com", "microsoft"),
     ("a@me.com", "icloud"), ("a@fastmail.com", "fastmail"), ("a@north.example", None), ("a@sub.gmail.com", None),
     ("no address", None)],
)  # fmt: skip
def test_a_provider_is_known_by_the_domain(address: str, key: str | None) -> None:
    preset = preset_for(address)
    assert (preset.key if preset else None) == key


SRV = {
    ("north.example.", "MX"): ["10 mail.north.example."],
    ("_imaps._tcp.north.example.", "SRV"): ["10 0 993 imap2.north.example.", "0 5 993 imap1.north.example."],
    ("_imap._tcp.north.example.", "SRV"): ["0 0 143 imap.hoster.example."],
}


def test_without_leave_no_packet_is_sent() -> None:
    with name_server(zone(SRV)) as server:
        assert discover("a@north.example", allow_dns=False, resolver=make_resolver(server.address)) == ()
        assert (
            discover("a@gmail.com", allow_dns=True, resolver=make_resolver(server.address))[0].host == "imap.gmail.com"
        )
    assert server.asked == []


def test_srv_records_give_servers_in_order_and_strangers_are_marked() -> None:
    with name_server(zone(SRV)) as server:
        found = discover("a@north.example", allow_dns=True, resolver=make_resolver(server.address))
    assert [(f.host, f.port, f.tls, f.foreign) for f in found] == [
        ("imap1.north.example", 993, "implicit", False),
        ("imap2.north.example", 993, "implicit", False),
        ("imap.hoster.example", 143, "starttls", True),
    ]


def test_a_firms_own_domain_at_yandex_is_found_by_its_mail_exchanger() -> None:
    with name_server(zone({("north.example.", "MX"): ["10 mx.yandex.net."]})) as server:
        (found,) = discover("office@north.example", allow_dns=True, resolver=make_resolver(server.address))
    assert (found.found_by, found.host, found.preset and found.preset.key) == ("mx", "imap.yandex.ru", "yandex")


def test_a_domain_that_declines_imap_has_none() -> None:
    with name_server(zone({("_imaps._tcp.north.example.", "SRV"): ["0 0 0 ."]})) as server:
        assert discover("a@north.example", allow_dns=True, resolver=make_resolver(server.address)) == ()


def test_a_domain_in_russian_letters_is_asked_for_in_ascii() -> None:
    with name_server(zone({})) as server:
        discover("а@почта.example", allow_dns=True, resolver=make_resolver(server.address))
    assert all(name.isascii() and "xn--" in name for name, _ in server.asked)


def test_discovery_that_gets_no_answer_finds_nothing() -> None:
    with name_server(lambda query: None) as server:
        assert discover("a@north.example", allow_dns=True, resolver=make_resolver(server.address), timeout=0.2) == ()
