"""Inclusion proofs against an independent implementation, and against the archive's own log."""

from __future__ import annotations

import hashlib

import pytest
from pymerkle import InmemoryTree

from evidence.browse.proof import EMPTY_ROOT, Tree, included, leaf_hash


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31, 33, 100])
def test_every_leaf_of_a_log_is_proved_and_no_other(size: int) -> None:
    bodies = [f"event {i}".encode() for i in range(size)]
    tree = Tree.over([leaf_hash(b) for b in bodies])
    theirs = InmemoryTree(algorithm="sha256")
    for body in bodies:
        theirs.append_entry(body)
    assert tree.root == theirs.get_root()
    for i in range(size):
        path = tree.path(i)
        assert included(leaf_hash(bodies[i]), i, size, path, tree.root)
        assert not included(leaf_hash(b"another"), i, size, path, tree.root)
        assert not included(leaf_hash(bodies[i]), i, size, path, hashlib.sha256(b"root").digest())
        if size > 1:
            assert not included(leaf_hash(bodies[i]), (i + 1) % size, size, path, tree.root)
            assert not included(leaf_hash(bodies[i]), i, size, path[:-1], tree.root)
        assert not included(leaf_hash(bodies[i]), i, size, (*path, path[0] if path else tree.root), tree.root)


def test_an_empty_log_has_the_root_of_the_standard() -> None:
    assert Tree.over([]).root == EMPTY_ROOT == hashlib.sha256(b"").digest()
    with pytest.raises(IndexError):
        Tree.over([]).path(0)
    assert not included(b"", 0, 0, (), EMPTY_ROOT)
