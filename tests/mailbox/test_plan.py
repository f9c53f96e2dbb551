"""Scope by headers, thread links, folder plans, and the test of a changed UIDVALIDITY."""

from __future__ import annotations

import base64
from array import array
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.addresses import normal
from evidence.mailbox.addresses import addresses, digest, identifiers
from evidence.mailbox.plan import judge_reset, links, plan_folder
from evidence.model import Scope
from tests.mailbox import matter
from tests.mailbox.matter import CLIENT, DELEGATE, US


def header(**named: str) -> bytes:
    return "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in named.items()).encode()


IN_SCOPE = {
    "client to us": header(From=CLIENT, To=US),
    "us to client": header(From=US, To=CLIENT),
    "a domain of ours": header(From=CLIENT, To="new.colleague@north.example"),
    "a delegate": header(From=DELEGATE, To=US),
    "somebody of the client's domain": header(From="lawyer@romashka.example", Cc=US, To="x@y.example"),
    "sender field": header(From="x@y.example", Sender=CLIENT, To=US),
    "resent": header(From="x@y.example", To="z@y.example", Resent_From=CLIENT, Resent_To=US),
    "bcc": header(From=US, Bcc=CLIENT),
    "delivered-to": header(From=CLIENT, To="undisclosed-recipients:;", Delivered_To=US),
    "upper case": header(From="Director@ROMASHKA.Example", To="Office@North.EXAMPLE"),
    "quoted local part": header(From='"director"@romashka.example', To=US),
    "comment in the address": header(From="director@(ha)romashka.example", To=US),
    "folded": b"From: Romashka\r\n <director@\r\n romashka.example>\r\nTo: office@north.example\r\n",
    "a group": header(From=CLIENT, To="staff: x@y.example, office@north.example;"),
    "a route": header(From="<@relay.example:director@romashka.example>", To=US),
    "encoded word around the address": header(
        From="=?utf-8?B?" + base64.b64encode(f"<{CLIENT}>".encode()).decode() + "?=", To=US
    ),
    "q-encoded address": header(From="=?utf-8?Q?director=40romashka.example?=", To=US),
    "raw koi8-r name": "From: Директор <director@romashka.example>\r\nTo: office@north.example\r\n".encode("koi8-r"),
    "bare line feeds": header(From=CLIENT, To=US).replace(b"\r\n", b"\n"),
    "second From": header(From="x@y.example") + header(From=CLIENT, To=US),
    "trailing dot": header(From="director@romashka.example.", To=US),
    "many recipients": header(From=US, To=", ".join(f"p{n}@y.example" for n in range(3000)) + ", " + CLIENT),
}
CONTEXT = {
    "client to a third": header(From=CLIENT, To="x@y.example"),
    "a third to the client and us": header(From="x@y.example", To=f"{US}, {CLIENT}"),
    "reply-to": header(From="form@shop.example", To=US, Reply_To=CLIENT),
    "display name": header(From=f'"{CLIENT}" <evil@other.example>', To=US),
    "subdomain": header(From="bot@crm.romashka.example", To=US),
}
OUT = {
    "strangers": header(From="x@y.example", To="z@y.example"),
    "us among ourselves": header(From=US, To="anna@north.example"),
    "a longer domain": header(From="director@notromashka.example", To=US),
    "client in the subject": header(From="x@y.example", To=US, Subject=CLIENT),
    "nothing": b"",
    "rubbish": b"\xff\xfe\x00: \x00\r\n\r\n",
}


@pytest.mark.parametrize("case", IN_SCOPE)
def test_sender_on_one_side_and_recipient_on_the_other_is_in_scope(case: str) -> None:
    verdict = matter.rule().judge(IN_SCOPE[case])
    assert verdict.scope == "in-scope", verdict


@pytest.mark.parametrize("case", CONTEXT)
def test_the_clients_address_without_ours_opposite_is_context(case: str) -> None:
    assert matter.rule().judge(CONTEXT[case]).scope == "context"


@pytest.mark.parametrize("case", OUT)
def test_others_are_passed_over_and_context_where_everything_is_archived(case: str) -> None:
    assert matter.rule().judge(OUT[case]).scope == "out-of-scope"
    assert matter.rule("all").judge(OUT[case]).scope == "context"


def test_an_internationalised_domain_is_found_in_both_spellings() -> None:
    text = matter.CONFIG.replace('"@romashka.example"]', '"@ромашка.example"]', 1)
    from pathlib import Path

    from evidence.config import parse_config
    from evidence.mailbox.plan import ScopeRule

    rule = ScopeRule.from_config(parse_config(text, Path("config.toml")))
    for spelled in ("a@ромашка.example", "a@" + "ромашка.example".encode("idna").decode()):
        assert rule.judge(header(From=spelled, To=US)).scope == "in-scope", spelled


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_header_is_too_strange_to_judge(raw: bytes) -> None:
    rule = matter.rule()
    assert rule.judge(raw).scope in get_args(Scope)
    strangers = [normal(m.address) for m in rule.strangers(raw)]
    assert len(set(strangers)) == len(strangers)
    assert not {CLIENT, DELEGATE, US} & set(strangers)
    found = links(raw)
    assert found.own == (digest(found.identifier) if found.identifier else 0)


@given(st.text(alphabet='ab@.,;:<>()"\\ \t=?_-', max_size=80))
def test_the_quick_look_never_hides_what_the_full_reading_finds(noise: str) -> None:
    rule = matter.rule()
    raw = f"From: {noise} <{CLIENT}>\r\nTo: {US}\r\n".encode()
    full = {normal(m.address) for m in addresses("from", raw.split(b"\r\n")[0][6:]) if not m.shown}
    if CLIENT in full:
        assert rule.judge(raw).scope != "out-of-scope"


def test_references_are_read_across_folds_and_a_bare_id_counts() -> None:
    raw = b"Message-ID: <a@x>\r\nReferences: <b@x>\r\n\t<c\r\n @x>\r\nIn-Reply-To: Message of 1 May <d@x>\r\n"
    found = links(raw)
    assert found.own == digest("a@x")
    assert set(found.refs) == {digest("b@x"), digest("c@x"), digest("d@x")}
    assert identifiers(b"bare@x") == ["bare@x"]


def test_a_tie_names_what_ties() -> None:
    rule = matter.rule()
    verdict = rule.tie(header(From="x@y.example", References="<root@x>"), {digest("root@x")})
    assert verdict.tied
    assert "<root@x>" in verdict.reason
    assert rule.tie(header(From="x@y.example", References="<other@x>"), {digest("root@x")}).scope == "out-of-scope"


def test_strangers_are_those_on_no_side() -> None:
    raw = header(From=CLIENT, To=f"{US}, New Manager <m@crisis.example>", Cc="a@lawfirm.example")
    assert [(m.address, m.name) for m in matter.rule().strangers(raw)] == [("m@crisis.example", "New Manager")]


def test_the_key_changes_with_the_scope_and_not_with_the_title() -> None:
    assert matter.rule().key == matter.rule().key
    assert matter.rule().key != matter.rule("client").key


uid_sets = st.sets(st.integers(1, 60)).map(lambda s: array("I", sorted(s)))


@given(uid_sets, uid_sets, st.sets(st.integers(1, 60)))
def test_a_plan_fetches_what_is_new_and_names_what_vanished(
    known: array[int], listing: array[int], retry: set[int]
) -> None:
    plan = plan_folder(known, listing, retry & set(known))
    assert set(plan.fetch) == (set(listing) - set(known)) | (retry & set(known) & set(listing))
    assert set(plan.vanished) == set(known) - set(listing)


def marks(*uids: int, own: int = 0) -> dict[int, tuple[int, int]]:
    return {u: (own or 1000 + u, 7) for u in uids}


@pytest.mark.parametrize(
    ("old", "new", "expected", "verdict"),
    [
        (marks(*range(1, 31)), marks(*range(1, 31)), 30, "spurious"),
        (marks(*range(1, 31)), marks(*range(1, 22)), 30, "spurious"),  # twenty agreements
        (marks(1, 2, 3, 4, 5), marks(1, 2, 3, 4), 5, "spurious"),  # four fifths
        (marks(*range(1, 31)), {**marks(*range(1, 30)), 30: (1, 1)}, 30, "genuine"),  # one contradiction
        (marks(*range(1, 11)), marks(1, 2, 3), 10, "doubtful"),
        (marks(1, 2, 3), marks(11, 12), 3, "genuine"),  # nothing in common
        ({}, marks(1, 2), 0, "genuine"),
        ({1: (0, 7)}, {1: (0, 8)}, 1, "genuine"),  # no Message-ID: size and date speak
        ({1: (0, 7)}, {1: (0, 7)}, 1, "spurious"),
    ],
)
def test_a_changed_uidvalidity_is_tested(
    old: dict[int, tuple[int, int]], new: dict[int, tuple[int, int]], expected: int, verdict: str
) -> None:
    assert judge_reset(old, new, expected) == verdict
