"""The columns of what is held behave as a dictionary does, and take a fraction of its memory."""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.mailbox.held import Held

SHA = [hashlib.sha256(bytes([n])).hexdigest() for n in range(5)]
VALUES = st.tuples(st.integers(0, 2**40), st.sampled_from(SHA))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.integers(1, 30), VALUES, max_size=10),
    st.lists(st.tuples(st.integers(1, 30), st.none() | VALUES), max_size=40),
)
def test_it_is_a_dictionary_in_order_of_uids(
    known: dict[int, tuple[int, str]], steps: list[tuple[int, tuple[int, str] | None]]
) -> None:
    held, plain = Held(known), dict(known)
    for uid, value in steps:
        if value is None:
            assert held.pop(uid, None) == plain.pop(uid, None)
        else:
            held[uid] = plain[uid] = value
        assert held.get(uid) == plain.get(uid)
        assert (uid in held) == (uid in plain)
    assert list(held.items()) == sorted(plain.items())
    assert (len(held), bool(held)) == (len(plain), bool(plain))


def test_what_is_no_hash_is_refused_and_nothing_is_changed() -> None:
    held = Held({1: (1, SHA[0])})
    with pytest.raises(ValueError):
        held[2] = (2, "ab")
    with pytest.raises(KeyError):
        held[2]
    assert dict(held) == {1: (1, SHA[0])}


def test_a_hundred_thousand_messages_take_a_few_megabytes() -> None:
    tracemalloc.start()
    held = Held()
    for uid in range(1, 100_001):
        held[uid] = (uid, SHA[uid % 5])
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 7_000_000
