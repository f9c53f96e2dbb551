"""The ledger equals a dictionary, in memory and through its joined blobs."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.mailbox.ledger import Kind, Ledger

entry = st.tuples(
    st.sampled_from(list(Kind)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.lists(st.integers(1, 2**64 - 1), max_size=4),
)
step = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 40), entry),
    st.tuples(st.just("drop"), st.sets(st.integers(1, 40), max_size=5), st.none()),
    st.tuples(st.just("link"), st.sets(st.integers(1, 99), max_size=3), st.none()),
    st.tuples(st.just("blob"), st.none(), st.none()),
)


def same(ledger: Ledger, model: dict[int, tuple[Kind, int, int, list[int]]], linked: set[int]) -> None:
    assert list(ledger.uids) == sorted(model)
    for uid, (kind, shape, own, refs) in model.items():
        assert ledger.kind(uid) is kind
        assert ledger.fingerprint(uid) == (own, shape)
        if kind is Kind.OUT:
            for ref in refs:
                assert uid in set(ledger.tied({ref}))
            assert uid in set(ledger.tied({own}))
    assert ledger.links == linked
    for kind in Kind:
        assert ledger.count(kind) == sum(1 for k, *_ in model.values() if k is kind)


@given(st.lists(step, max_size=40))
def test_a_ledger_is_a_dictionary_that_survives_its_blobs(steps: list[tuple[str, object, object]]) -> None:
    ledger, model, linked, blobs = Ledger(), {}, set(), b""
    for what, first, second in steps:
        if what == "put":
            kind, shape, own, refs = second  # type: ignore[misc]
            ledger.put(first, kind, shape, own, tuple(refs))  # type: ignore[arg-type]
            model[first] = (kind, shape, own, refs if kind is Kind.OUT else [])
        elif what == "drop":
            ledger.drop(set(first))  # type: ignore[call-overload]
            for uid in first:  # type: ignore[attr-defined]
                model.pop(uid, None)
        elif what == "link":
            ledger.link(frozenset(first))  # type: ignore[call-overload]
            linked |= first  # type: ignore[operator]
        else:
            blobs += ledger.blob()
            same(Ledger.read(blobs), model, linked)
    same(ledger, model, linked)
    blobs += ledger.blob()
    same(Ledger.read(blobs), model, linked)
    assert Ledger.read(blobs).blob() == b""


def filled(blobs: bytes = b"") -> tuple[Ledger, bytes]:
    ledger = Ledger.read(blobs)
    for uid in range(1, 200):
        ledger.put(uid, Kind.OUT, uid, uid * 7, (uid * 11,))
    blobs += ledger.blob()
    ledger.put(500, Kind.IN, 1, 2)
    return ledger, blobs + ledger.blob()


def test_a_change_costs_a_change_and_nothing_changed_costs_nothing() -> None:
    ledger, blobs = filled()
    assert len(ledger.blob()) == 0
    ledger.put(501, Kind.OUT, 1, 2, (3,))
    assert len(ledger.blob()) < 100 < len(blobs)


@pytest.mark.parametrize("damage", ["first frame lost", "cut", "flipped", "not zlib"])
def test_a_chain_that_does_not_fit_is_taken_as_unknown(damage: str) -> None:
    _, blobs = filled()
    full = 9 + int.from_bytes(blobs[1:5], "little")
    broken = {
        "first frame lost": blobs[full:],
        "cut": blobs[: full + 12],
        "flipped": blobs[:40] + bytes([blobs[40] ^ 1]) + blobs[41:],
        "not zlib": b"F" + (4).to_bytes(4, "little") + bytes(4) + b"oops",
    }[damage]
    with_it = Ledger.read(broken)
    assert len(with_it) == 0
    assert not with_it.links


def test_a_chain_of_answers_is_followed_in_both_directions() -> None:
    ledger = Ledger()
    for uid in range(1, 5001):
        ledger.put(uid, Kind.OUT, 0, uid * 2 + 1_000_001, (uid * 2 + 999_999,))
    linked = {2500 * 2 + 1_000_001}
    assert ledger.tied(linked) == list(range(1, 5001))
    assert len(linked) == 5001


def test_a_large_drop_equals_a_small_one() -> None:
    ledger, _ = filled()
    ledger.drop(set(range(1, 180)))
    assert list(ledger.uids) == [*range(180, 200), 500]
    assert set(ledger.tied({185 * 11})) == {185}


def test_a_blob_is_compressed_and_bounded() -> None:
    _, blobs = filled()
    assert len(blobs) < 199 * 40
    assert zlib.decompress(blobs[9 : 9 + int.from_bytes(blobs[1:5], "little")])


ENTRIES = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.sampled_from(list(Kind)),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.lists(st.integers(0, 2**64 - 1), max_size=4).map(tuple),
    ),
    max_size=40,
)


@given(ENTRIES, st.sets(st.integers(1, 60), max_size=8))
def test_a_first_frame_holds_the_columns_that_its_rows_one_by_one_would_give(
    entries: list[tuple[int, Kind, int, int, tuple[int, ...]]], gone: set[int]
) -> None:
    ledger = Ledger()
    for entry in entries:
        ledger.put(*entry)
    ledger.drop(gone)
    whole, by_row = ledger._whole_columns(), ledger._columns_of(list(range(len(ledger.uids))))
    assert whole == by_row
    assert [c.typecode for c in whole] == [c.typecode for c in by_row]
