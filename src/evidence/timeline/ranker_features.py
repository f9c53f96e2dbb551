"""The features of the learned reader: hashed word, word-pair and character n-grams, and what surrounds a sentence.

Hashes are CRC-32 (ISO 3309) of UTF-8, mixed by 64-bit multiplication; the same on every machine. Training and use share this file.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import log2

import numpy as np
from numpy.typing import NDArray

from evidence.timeline.morph import Token
from evidence.timeline.rules import Match, common_lists
from evidence.timeline.rules_slots import Slot, parse_slots
from evidence.timeline.sentences import Sentence

BITS = 18
_MASK = np.uint64((1 << BITS) - 1)
# Odd 64-bit constants (the golden ratio and two primes of xxHash) that keep the orders of n-gram apart.
_A, _B, _C = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
_D = np.uint64(0x27D4EB2F165667C5)
GROUP_WEIGHT = (1.0, 0.5, 0.5)  # words; word classes; lists
_SHIFT = np.uint64(29)
CATEGORIES = (
    "threat",
    "demand",
    "accusation",
    "insult",
    "refusal",
    "broken_promise",
    "nonpayment",
    "admission",
    "deadline_notice",
    "termination_notice",
)
OUTPUTS = (*CATEGORIES, "promise", "deferral", "request")


def _crc(text: str) -> int:
    return zlib.crc32(text.encode("utf-8"))


@lru_cache(maxsize=200_000)
def word_features(form: str, lemma: str) -> tuple[int, ...]:
    """Buckets of one word: form, lemma, and character 3- to 5-grams of the form with its borders."""
    mask = int(_MASK)
    found = [_crc("w:" + form) & mask, _crc("l:" + lemma) & mask]
    if not lemma.startswith("#"):
        padded = f"<{form[:24]}>"
        found += [_crc("c:" + padded[i : i + n]) & mask for n in (3, 4, 5) for i in range(len(padded) - n + 1)]
    return tuple(found)


@lru_cache(maxsize=200_000)
def lemma_hash(lemma: str) -> int:
    return _crc("g:" + lemma)


def grams_of(row: NDArray[np.uint64]) -> NDArray[np.uint64]:
    a, b = row[:-1], row[1:]
    pairs = a * _A + b * _B
    parts = [pairs ^ (pairs >> _SHIFT)]
    if len(row) > 2:
        skips = row[:-2] * _B + row[2:] * _C
        triples = row[:-2] * _A + row[1:-1] * _C + row[2:] * _B
        parts += [skips ^ (skips >> _SHIFT), triples ^ (triples >> _SHIFT)]
    return np.concatenate(parts) & _MASK


def word_pairs(sentence: Sentence) -> NDArray[np.uint64]:
    """Buckets of the lemma pairs, borders included: one more than there are words."""
    borders = (lemma_hash("\x01bos"), lemma_hash("\x01eos"))
    row = np.array([borders[0], *[lemma_hash(t.word.lemma) for t in sentence.tokens], borders[1]], dtype=np.uint64)
    pairs: NDArray[np.uint64] = row[:-1] * _A + row[1:] * _B
    found: NDArray[np.uint64] = (pairs ^ (pairs >> _SHIFT)) & _MASK
    return found


def groups(sentence: Sentence) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Buckets beyond single words, in three groups: lemma n-grams and punctuation, n-grams of word classes, lists met together."""
    tokens = sentence.tokens
    row = np.empty(len(tokens) + 2, dtype=np.uint64)
    shapes = np.empty(len(tokens) + 2, dtype=np.uint64)
    row[0], row[-1] = lemma_hash("\x01bos"), lemma_hash("\x01eos")
    shapes[0], shapes[-1] = row[0], row[-1]
    for number, token in enumerate(tokens):
        row[number + 1] = lemma_hash(token.word.lemma)
        shapes[number + 1] = lemma_hash("~" + (token.word.shape or token.word.lemma))
    words = np.concatenate([grams_of(row), np.asarray(shape_features(sentence), dtype=np.uint64)])
    classes = grams_of(shapes)
    if len(shapes) > 3:
        fours = shapes[:-3] * _A + shapes[1:-2] * _B + shapes[2:-1] * _C + shapes[3:] * _D
        classes = np.concatenate([classes, (fours ^ (fours >> _SHIFT)) & _MASK])
    return words, classes, list_features(sentence)


@dataclass(frozen=True, slots=True)
class Batch:
    """The buckets of several sentences at once: one array per kind of n-gram, and where each sentence begins and ends in it."""

    words: list[tuple[NDArray[np.uint64], NDArray[np.int64]]]
    classes: list[tuple[NDArray[np.uint64], NDArray[np.int64]]]


def batched(row: Sequence[Sentence]) -> Batch:
    """The n-grams that ``groups`` gives for each sentence, reckoned for all of them together."""
    bos, eos = lemma_hash("\x01bos"), lemma_hash("\x01eos")
    lemmas: list[int] = []
    shapes: list[int] = []
    lengths: list[int] = []
    for sentence in row:
        words = [t.word for t in sentence.tokens]
        lemmas += [bos, *[lemma_hash(w.lemma) for w in words], eos]
        shapes += [bos, *[shape_hash(w.shape or w.lemma) for w in words], eos]
        lengths.append(len(words) + 2)
    length = np.asarray(lengths, dtype=np.int64)
    number = np.repeat(np.arange(len(row)), length)
    made = []
    for kind, hashes in enumerate((lemmas, shapes)):
        h = np.asarray(hashes, dtype=np.uint64)
        grams = [
            _cut(h[:-1] * _A + h[1:] * _B, number, 1, len(row)),
            _cut(h[:-2] * _B + h[2:] * _C, number, 2, len(row)),
        ]
        grams.append(_cut(h[:-2] * _A + h[1:-1] * _C + h[2:] * _B, number, 2, len(row)))
        if kind == 1:
            grams.append(_cut(h[:-3] * _A + h[1:-2] * _B + h[2:-1] * _C + h[3:] * _D, number, 3, len(row)))
        made.append(grams)
    return Batch(*made)


def _cut(
    mixed: NDArray[np.uint64], number: NDArray[np.int64], reach: int, count: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The n-grams that lie within one sentence, and the borders between sentences (count + 1 numbers)."""
    inside = number[:-reach] == number[reach:]
    kept = mixed[inside]
    borders = np.searchsorted(number[:-reach][inside], np.arange(count + 1))
    return (kept ^ (kept >> _SHIFT)) & _MASK, borders


@lru_cache(maxsize=200_000)
def shape_hash(shape: str) -> int:
    return lemma_hash("~" + shape)


@cache
def _lists(language: str) -> tuple[tuple[str, Slot], ...]:
    return tuple(
        (name, parse_slots([f"@{name}"], common_lists()[language])[0]) for name in sorted(common_lists()[language])
    )


_MEMBERS: dict[tuple[str, str], tuple[str, ...]] = {}
_SPOKEN = frozenset("will 'll should would you your i we n't not if".split())


def _members(language: str, token: Token) -> tuple[str, ...]:
    key = (language, token.form)
    found = _MEMBERS.get(key)
    if found is None:
        found = tuple(name for name, slot in _lists(language) if slot.accepts(token))
        if len(_MEMBERS) < 200_000:
            _MEMBERS[key] = found
    return found


def list_features(sentence: Sentence) -> NDArray[np.uint64]:
    """Which word lists of the packs the sentence touches, alone, in pairs, and with the verb forms beside them."""
    lists: set[str] = set()
    forms: set[str] = set()
    for token in sentence.tokens:
        lists.update(_members(sentence.language, token))
        shape = token.word.shape
        if shape.startswith(("VERB", "INFN")) or shape in _SPOKEN:
            forms.add(shape)
        if token.form == "если":
            forms.add("if")
    if sentence.question:
        forms.add("?")
    return _list_buckets(tuple(sorted(lists)), tuple(sorted(forms)))


@lru_cache(maxsize=50_000)
def _list_buckets(met: tuple[str, ...], spoken: tuple[str, ...]) -> NDArray[np.uint64]:
    hashes = [lemma_hash("@" + a) for a in met]
    verbs = [lemma_hash("^" + b) for b in spoken]
    found = list(hashes)
    found += [(a * 3 + b) for n, a in enumerate(hashes) for b in hashes[n + 1 :]]
    found += [(a * 5 + b) for a in hashes for b in verbs]
    found += [(a * 7 + b) for n, a in enumerate(verbs) for b in verbs[n + 1 :]]
    mixed = np.asarray(found or [0], dtype=np.uint64) * _D
    return (mixed ^ (mixed >> _SHIFT)) & _MASK


def shape_features(sentence: Sentence) -> list[int]:
    """Buckets for what punctuation and letters show: a question, an exclamation, capitals, figures, quotation marks, length."""
    text = sentence.text
    names = [f"len{min(6, int(log2(len(sentence.tokens) + 1)))}"]
    if sentence.question:
        names.append("?")
    if "!" in text:
        names.append("!")
    if any(c in text for c in '«“"'):
        names.append("quote")
    if "..." in text or "…" in text:
        names.append("dots")
    letters = sum(map(str.isalpha, text))
    if letters > 8 and sum(map(str.isupper, text)) > 0.6 * letters:
        names.append("caps")
    if text[:1].islower():
        names.append("lower")
    mask = int(_MASK)
    return [_crc("s:" + n) & mask for n in names]


_IF = frozenset("если unless if иначе otherwise либо or else раз пока until".split())
_NOT = frozenset("не ни нет not no never нельзя никто nobody".split())
_YOU = frozenset("вы вас вам вами ваш ты тебя тебе твой you your yours u ur".split())
_I = frozenset("я мы мой наш i we my our me us".split())


NEW_RULE_TRUST = 1.0  # log-odds of a rule the training never saw, such as one of a user's own pack


def surroundings(
    row: Sequence[Sentence], matches: Sequence[Sequence[Match]], trust: Mapping[str, float]
) -> NDArray[np.float64]:
    """One line per sentence: rule hits per category, plain facts of the sentence, of the one before and of its place, and last the
    ``trust`` (log-odds of being right on the open text) of the best rule per category, 0 where none matched."""
    count = len(CATEGORIES)
    lines = np.zeros((len(row), 4 * count + len(FACTS)), dtype=np.float64)
    plain = [_facts(s) for s in row]
    for number, sentence in enumerate(row):
        for match in matches[number]:
            at = CATEGORIES.index(match.rule.category)
            kind = 2 if match.blocked else (0 if match.rule.tier == "stated" else 1)
            lines[number, 3 * at + kind] = min(3.0, lines[number, 3 * at + kind] + 1.0)
        lines[number, 3 * count + len(FACTS) :] = trust_of(
            [(CATEGORIES.index(m.rule.category), m.rule.id) for m in matches[number] if not m.blocked], trust
        )
        own = plain[number]
        before = plain[number - 1] if number else (0.0,) * 8
        lines[number, 3 * count : 3 * count + len(FACTS)] = (
            *own,
            before[2],
            before[0],
            float(number == 0),
            float(number == len(row) - 1),
            min(1.0, number / 10),
            min(4.0, log2(len(row))) / 4,
            log2(len(sentence.tokens) + 1) / 4,
        )
    return lines


def trust_of(hits: Sequence[tuple[int, str]], trust: Mapping[str, float]) -> list[float]:
    """Per category the trust of the best rule among ``hits`` (category number, rule id), shifted so that 0 means no rule."""
    best = [0.0] * len(CATEGORIES)
    for at, rule in hits:
        best[at] = max(best[at], 4.0 + max(-3.0, min(4.0, trust.get(rule, NEW_RULE_TRUST))))
    return best


FACTS = (
    "question", "negation", "condition", "second person", "first person", "number", "currency", "exclamation",
    "condition before", "question before", "first", "last", "place", "letter length", "length",
)  # fmt: skip


def _facts(sentence: Sentence) -> tuple[float, ...]:
    forms = {t.form for t in sentence.tokens}
    lemmas = sentence.lemmas
    return (
        float(sentence.question),
        float(not _NOT.isdisjoint(forms) or "not" in lemmas),
        float(not _IF.isdisjoint(forms)),
        float(not _YOU.isdisjoint(forms) or not _YOU.isdisjoint(lemmas)),
        float(not _I.isdisjoint(forms) or not _I.isdisjoint(lemmas)),
        float("#num" in lemmas),
        float("#cur" in lemmas or "рубль" in lemmas or "руб" in lemmas),
        float("!" in sentence.text),
    )
