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

from evidence.timeline.morph import Form
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


def batched(row: Sequence[Sequence[Traits]]) -> Batch:
    """The n-grams that ``groups`` gives for each sentence, reckoned for all of them together."""
    bos, eos = lemma_hash("\x01bos"), lemma_hash("\x01eos")
    lemmas: list[int] = []
    shapes: list[int] = []
    lengths: list[int] = []
    for traits in row:
        lemmas.append(bos)
        lemmas.extend([one.lemma for one in traits])
        lemmas.append(eos)
        shapes.append(bos)
        shapes.extend([one.shape for one in traits])
        shapes.append(eos)
        lengths.append(len(traits) + 2)
    number = np.repeat(np.arange(len(row)), np.asarray(lengths, dtype=np.int64))
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


# ---- what a single form brings to its sentence -----------------------------------------------

_SPOKEN = frozenset("will 'll should would you your i we n't not if".split())
_NOT = frozenset("не ни нет not no never нельзя никто nobody".split())
_IF = frozenset("если unless if иначе otherwise либо or else раз пока until".split())
_YOU = frozenset("вы вас вам вами ваш ты тебя тебе твой you your yours u ur".split())
_I = frozenset("я мы мой наш i we my our me us".split())


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """Of one form: the hashes of its lemma and its shape, a bit for each word list that has it, what it says as a verb form, and
    a bit for each of the plain facts of a sentence that it brings (see ``_facts``)."""

    lemma: int
    shape: int
    lists: int
    spoken: frozenset[str]
    facts: int


class _Known(dict[Form, Traits]):
    """Form -> its traits, in a text of one language. Lists hold plain words: a form is in one by itself or by a lemma."""

    def __init__(self, language: str) -> None:
        self._by_form: dict[str, int] = {}
        self._by_lemma: dict[str, int] = {}
        for number, (_, slot) in enumerate(_lists(language)):
            for one in slot.alternatives:
                for table, words in ((self._by_form, one.forms), (self._by_lemma, one.lemmas)):
                    table.update({word: table.get(word, 0) | 1 << number for word in words})

    def __missing__(self, form: Form) -> Traits:
        if len(self) >= _MOST_FORMS:
            self.clear()
        found = self[form] = self._read(form)
        return found

    def _read(self, form: Form) -> Traits:
        word, shape = form.word, form.word.shape
        lists = self._by_form.get(form.form, 0)
        for lemma in word.lemmas:
            lists |= self._by_lemma.get(lemma, 0)
        spoken = {shape} if shape.startswith(("VERB", "INFN")) or shape in _SPOKEN else set()
        if form.form == "если":
            spoken.add("if")
        facts = (
            form.form in _NOT or "not" in word.lemmas,
            form.form in _IF,
            form.form in _YOU or not _YOU.isdisjoint(word.lemmas),
            form.form in _I or not _I.isdisjoint(word.lemmas),
            "#num" in word.lemmas,
            not _MONEY.isdisjoint(word.lemmas),
        )
        return Traits(
            lemma_hash(word.lemma),
            shape_hash(shape or word.lemma),
            lists,
            frozenset(spoken),
            sum(1 << n for n, fact in enumerate(facts) if fact),
        )


_MONEY = frozenset(("#cur", "рубль", "руб"))
_MOST_FORMS = 100_000


@cache
def _lists(language: str) -> tuple[tuple[str, Slot], ...]:
    return tuple(
        (name, parse_slots([f"@{name}"], common_lists()[language])[0]) for name in sorted(common_lists()[language])
    )


@cache
def _known(language: str) -> _Known:
    return _Known(language)


def traits_of(sentence: Sentence) -> Sequence[Traits]:
    return list(map(_known(sentence.language).__getitem__, sentence.forms))


def list_features(sentence: Sentence) -> NDArray[np.uint64]:
    """Which word lists of the packs the sentence touches, alone, in pairs, and with the verb forms beside them."""
    return list_buckets(list_key(sentence, traits_of(sentence)))


ListKey = tuple[str, int, frozenset[str]]


def list_key(sentence: Sentence, traits: Sequence[Traits]) -> ListKey:
    """All that ``list_features`` depends on."""
    lists = 0
    spoken = _ASKED if sentence.question else _SAID
    for one in traits:
        lists |= one.lists
        if one.spoken:
            spoken |= one.spoken
    return sentence.language, lists, spoken


_SAID: frozenset[str] = frozenset()
_ASKED = frozenset("?")


def list_buckets(key: ListKey) -> NDArray[np.uint64]:
    language, lists, spoken = key
    met = [name for n, (name, _) in enumerate(_lists(language)) if lists >> n & 1]
    hashes = [lemma_hash("@" + a) for a in met]
    verbs = [lemma_hash("^" + b) for b in sorted(spoken)]
    found = list(hashes)
    found += [(a * 3 + b) for n, a in enumerate(hashes) for b in hashes[n + 1 :]]
    found += [(a * 5 + b) for a in hashes for b in verbs]
    found += [(a * 7 + b) for n, a in enumerate(verbs) for b in verbs[n + 1 :]]
    mixed = np.asarray(found or [0], dtype=np.uint64) * _D
    return (mixed ^ (mixed >> _SHIFT)) & _MASK


def shape_features(sentence: Sentence) -> list[int]:
    """Buckets for what punctuation and letters show: a question, an exclamation, capitals, figures, quotation marks, length."""
    return shape_buckets(shape_key(sentence))


_LENGTHS = [int(log2(n + 1)) for n in range(64)]
ShapeKey = tuple[int, bool, bool, bool, bool, bool, bool]


def shape_key(sentence: Sentence) -> ShapeKey:
    """All that ``shape_features`` depends on."""
    text = sentence.text
    forms, _, letters, capitals = sentence.read
    return (
        _LENGTHS[len(forms)] if len(forms) < 64 else 6,
        sentence.question,
        "!" in text,
        "«" in text or "“" in text or '"' in text,
        "..." in text or "…" in text,
        letters > 8 and capitals > 0.6 * letters,
        text[:1].islower(),
    )


@lru_cache(maxsize=1024)
def shape_buckets(key: ShapeKey) -> list[int]:
    names = [f"len{key[0]}"]
    names += [name for name, there in zip(("?", "!", "quote", "dots", "caps", "lower"), key[1:], strict=True) if there]
    mask = int(_MASK)
    return [_crc("s:" + n) & mask for n in names]


NEW_RULE_TRUST = 1.0  # log-odds of a rule the training never saw, such as one of a user's own pack


def surroundings(
    row: Sequence[Sentence], matches: Sequence[Sequence[Match]], trust: Mapping[str, float]
) -> NDArray[np.float64]:
    """One line per sentence of a part: rule hits per category, plain facts of the sentence, of the one before and of its place, and
    last the ``trust`` (log-odds of being right on the open text) of the best rule per category, 0 where none matched."""
    return surroundings_of([(row, matches)], [traits_of(sentence) for sentence in row], trust)


def surroundings_of(
    parts: Sequence[tuple[Sequence[Sentence], Sequence[Sequence[Match]]]],
    traits: Sequence[Sequence[Traits]],
    trust: Mapping[str, float],
) -> NDArray[np.float64]:
    """``surroundings`` of several parts, one after the other. ``traits``: those of each sentence, in the same order."""
    count = len(CATEGORIES)
    facts: list[tuple[float, ...]] = []
    known = iter(traits)
    for row, _ in parts:
        before: tuple[float, ...] = _NO_FACTS
        size, last = min(4.0, log2(len(row) or 1)) / 4, len(row) - 1
        for number, sentence in enumerate(row):
            own = _facts(sentence, next(known))
            place = (float(number == 0), float(number == last), min(1.0, number / 10), size)
            facts.append((*own, before[2], before[0], *place, log2(len(sentence.forms) + 1) / 4))
            before = own
    lines = np.zeros((len(facts), 4 * count + len(FACTS)), dtype=np.float64)
    if facts:
        lines[:, 3 * count : 3 * count + len(FACTS)] = facts
    for number, found in enumerate(found for _, matches in parts for found in matches):
        for match in found:
            at = CATEGORIES.index(match.rule.category)
            kind = 2 if match.blocked else (0 if match.rule.tier == "stated" else 1)
            lines[number, 3 * at + kind] = min(3.0, lines[number, 3 * at + kind] + 1.0)
        if found:
            lines[number, 3 * count + len(FACTS) :] = trust_of(
                [(CATEGORIES.index(m.rule.category), m.rule.id) for m in found if not m.blocked], trust
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


_NO_FACTS = (0.0,) * 8


def _facts(sentence: Sentence, traits: Sequence[Traits]) -> tuple[float, ...]:
    found = 0
    for one in traits:
        found |= one.facts
    return (float(sentence.question), *_FACTS_OF[found], float("!" in sentence.text))


_FACTS_OF = [tuple(float(bits >> n & 1) for n in range(6)) for bits in range(64)]
