"""The pure Merkle log against RFC 9162's own shape and an independent implementation (pymerkle)."""

from __future__ import annotations

import hashlib
import random

import pytest
from pymerkle import InmemoryTree
from pymerkle import verify_consistency as peer_consistency
from pymerkle import verify_inclusion as peer_inclusion

from evidence.archive.log import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = [f'{{"seq":{n}}}'.encode() for n in range(70)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def peer(size: int) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for entry in ENTRIES[:size]:
        tree.append_entry(entry)
    return tree


def test_empty_and_single_leaf_as_the_rfc_defines_them() -> None:
    assert Tree([]).root() == EMPTY_ROOT == hashlib.sha256(b"").digest() == Frontier().root()
    assert Tree(LEAVES[:1]).root() == hashlib.sha256(b"\x00" + ENTRIES[0]).digest()


def test_seven_leaves_as_the_rfcs_example_hangs_them() -> None:
    """RFC 9162 section 2.1.5: ((ab)(cd))((ef)g)."""

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = node(a, b), node(c, d), node(e, f)
    k = node(i, j)
    assert Tree(LEAVES[:7]).root() == node(node(g, h), k)
    assert Tree(LEAVES[:7]).inclusion_proof(0, 7) == (b, h, k)
    assert Tree(LEAVES[:7]).inclusion_proof(6, 7) == (i, node(g, h))
    assert Tree(LEAVES[:7]).consistency_proof(3, 7) == (c, d, g, k)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31, 33, 64, 70])
def test_roots_and_proofs_equal_the_independent_implementation(size: int) -> None:
    tree, other = Tree(LEAVES[:size]), peer(size)
    assert tree.root() == other.get_root(size) == root_of(LEAVES[:size])
    for index in range(size):
        proof = other.prove_inclusion(index + 1, size)
        assert verify_inclusion(LEAVES[index], index, size, tree.inclusion_proof(index, size), tree.root())
        peer_inclusion(LEAVES[index], tree.root(), proof)
        ours, theirs = set(tree.inclusion_proof(index, size)), set(proof.path)
        assert ours <= theirs
    for first in range(1, size + 1):
        path = tree.consistency_proof(first, size)
        assert tree.root(first) == other.get_root(first)
        assert verify_consistency(first, size, tree.root(first), tree.root(), path)
        peer_consistency(other.get_root(first), tree.root(), other.prove_consistency(first, size))


def test_frontier_has_the_root_after_every_append() -> None:
    frontier, tree = Frontier(), Tree(LEAVES)
    for size, leaf in enumerate(LEAVES, 1):
        frontier.append(leaf)
        assert (frontier.size, frontier.root()) == (size, tree.root(size))


def test_altered_proofs_do_not_hold() -> None:
    tree = Tree(LEAVES)
    rnd = random.Random(1)
    for _ in range(300):
        size = rnd.randrange(2, 71)
        index = rnd.randrange(size)
        proof = list(tree.inclusion_proof(index, size))
        root = tree.root(size)
        assert not verify_inclusion(LEAVES[(index + 1) % 70], index, size, proof, root)
        assert not verify_inclusion(LEAVES[index], (index + 1) % size, size, proof, root)
        assert not verify_inclusion(LEAVES[index], index, size, proof[:-1], root)
        assert not verify_inclusion(LEAVES[index], index, size, [*proof, root], root)
        place = rnd.randrange(len(proof))
        proof[place] = bytes(32)
        assert not verify_inclusion(LEAVES[index], index, size, proof, root)


def test_altered_consistency_proofs_do_not_hold() -> None:
    tree = Tree(LEAVES)
    rnd = random.Random(2)
    for _ in range(300):
        second = rnd.randrange(2, 71)
        first = rnd.randrange(1, second)
        path = list(tree.consistency_proof(first, second))
        old, new = tree.root(first), tree.root(second)
        assert not verify_consistency(first, second, bytes(32), new, path)
        assert not verify_consistency(first, second, old, bytes(32), path)
        assert not verify_consistency(first, second, old, new, [*path, bytes(32)])
        assert not verify_consistency(first, second, old, new, path[:-1])
        path[rnd.randrange(len(path))] = bytes(32)
        assert not verify_consistency(first, second, old, new, path)


def test_edges_of_consistency() -> None:
    tree = Tree(LEAVES)
    assert tree.consistency_proof(0, 5) == tree.consistency_proof(5, 5) == ()
    assert verify_consistency(0, 5, EMPTY_ROOT, tree.root(5), ())
    assert not verify_consistency(0, 5, tree.root(1), tree.root(5), ())
    assert verify_consistency(5, 5, tree.root(5), tree.root(5), ())
    assert not verify_consistency(5, 5, tree.root(5), tree.root(5), (bytes(32),))
    assert not verify_consistency(6, 5, tree.root(6), tree.root(5), ())
    assert not verify_inclusion(LEAVES[0], 5, 5, (), tree.root(5))


@pytest.mark.parametrize(
    "asked",
    [
        lambda t: t.root(71),
        lambda t: t.inclusion_proof(5, 5),
        lambda t: t.inclusion_proof(-1, 5),
        lambda t: t.inclusion_proof(0, 71),
        lambda t: t.consistency_proof(6, 5),
        lambda t: t.consistency_proof(1, 71),
    ],
)
def test_asking_beyond_the_log_is_an_error(asked: object) -> None:
    with pytest.raises(ValueError, match="log"):
        asked(Tree(LEAVES))  # type: ignore[operator]
