"""The features of the learned reader: hashed word, word-pair and character n-grams, and what surrounds a sentence.

Hashes are CRC-32 (ISO 3309) of UTF-8, mixed by 64-bit multiplication; the same on every machine. Training and use share this file,
whole: what is trained on must be what is read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
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
    row = np.array([borders[0], *[lemma_hash(f.word.lemma) for f in sentence.forms], borders[1]], dtype=np.uint64)
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

    words: list[tuple[NDArray[np.intp], NDArray[np.int64]]]
    classes: list[tuple[NDArray[np.intp], NDArray[np.int64]]]


def batched(row: Sequence[Sequence[int]]) -> Batch:
    """The n-grams that ``groups`` gives for each sentence, reckoned for all of them together. ``row``: ``traits_of`` each."""
    lengths = np.fromiter(map(len, row), dtype=np.int64, count=len(row)) + 2  # with the borders
    number = np.repeat(np.arange(len(row)), lengths)
    last = np.cumsum(lengths) - 1
    inner = np.ones(len(number), dtype=bool)
    inner[last] = inner[last - lengths + 1] = False
    forms = np.fromiter(chain.from_iterable(row), dtype=np.intp)
    made = []
    for kind, hashes in enumerate((_TRAITS.lemma, _TRAITS.shape)):
        h = np.empty(len(number), dtype=np.uint64)
        h[inner] = hashes.take(forms)
        h[last - lengths + 1], h[last] = lemma_hash("\x01bos"), lemma_hash("\x01eos")
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
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The n-grams that lie within one sentence, and the borders between sentences (count + 1 numbers)."""
    inside = number[:-reach] == number[reach:]
    kept = mixed[inside]
    borders = np.searchsorted(number[:-reach][inside], np.arange(count + 1))
    return ((kept ^ (kept >> _SHIFT)) & _MASK).astype(np.intp), borders


@lru_cache(maxsize=200_000)
def shape_hash(shape: str) -> int:
    return lemma_hash("~" + shape)


# ---- what a single form brings to its sentence -----------------------------------------------

_SPOKEN = frozenset("will 'll should would you your i we n't not if".split())
_NOT = frozenset("не ни нет not no never нельзя никто nobody".split())
_IF = frozenset("если unless if иначе otherwise либо or else раз пока until".split())
_YOU = frozenset("вы вас вам вами ваш ты тебя тебе твой you your yours u ur".split())
_I = frozenset("я мы мой наш i we my our me us".split())


class _Traits:
    """What forms bring to their sentences, a row a form: the hashes of its lemma and its shape, and ``brings``, a bit for each of the
    plain facts (see ``_FACTS_OF``), for each word list that has it, and for what it says as a verb form. These bits are joined by "or"."""

    def __init__(self) -> None:
        self.count = 0
        self.lemma, self.shape = np.zeros(1024, dtype=np.uint64), np.zeros(1024, dtype=np.uint64)
        self.brings = np.zeros(1024, dtype=np.int64)
        self.spoken: dict[str, int] = {}  # what verb forms say, some two dozen -> its bit

    def add(self, lemma: int, shape: int, facts: int, lists: int, spoken: Iterable[str]) -> int:
        """The number of the new row."""
        at = self.count
        if at == len(self.lemma):
            for name in ("lemma", "shape", "brings"):
                setattr(self, name, np.resize(getattr(self, name), 2 * at))
        said = sum(1 << self.spoken.setdefault(one, len(self.spoken)) for one in spoken)
        self.lemma[at], self.shape[at] = lemma, shape
        self.brings[at] = facts | lists << _LISTS | said << _SPOKEN_AT
        self.count += 1
        return at

    def named(self, brings: int) -> list[str]:
        """What is said in verb forms, in order of the alphabet."""
        return sorted(one for one, bit in self.spoken.items() if brings >> _SPOKEN_AT + bit & 1)


_TRAITS = _Traits()
_LISTS, _SPOKEN_AT = 6, 30  # the lowest bits of word lists (a dozen a language) and of what is said


class _Known(dict[Form, int]):
    """Form -> its row in ``_TRAITS``, in a text of one language. Lists hold plain words: a form is in one by itself or by a lemma."""

    def __init__(self, language: str) -> None:
        self._by_form: dict[str, int] = {}
        self._by_lemma: dict[str, int] = {}
        for number, (_, slot) in enumerate(_lists(language)):
            for one in slot.alternatives:
                for table, words in ((self._by_form, one.forms), (self._by_lemma, one.lemmas)):
                    table.update({word: table.get(word, 0) | 1 << number for word in words})

    def __missing__(self, form: Form) -> int:
        found = self[form] = self._read(form)
        return found

    def _read(self, form: Form) -> int:
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
        return _TRAITS.add(
            lemma_hash(word.lemma),
            shape_hash(shape or word.lemma),
            sum(1 << n for n, fact in enumerate(facts) if fact),
            lists,
            spoken,
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


def traits_of(sentence: Sentence) -> list[int]:
    """The rows of its forms in ``_TRAITS``."""
    return list(map(_known(sentence.language).__getitem__, sentence.forms))


def traits_in(row: Sequence[Sentence]) -> list[list[int]]:
    """``traits_of`` each. Where too many forms are kept, all are forgotten first: rows given out before are no longer good."""
    if _TRAITS.count > _MOST_FORMS:
        _known.cache_clear()
        _TRAITS.count = 0
    return [traits_of(sentence) for sentence in row]


def brought(traits: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """What the forms of each sentence bring, joined (see ``_Traits``)."""
    lengths = np.fromiter(map(len, traits), dtype=np.int64, count=len(traits))
    found = np.zeros(len(traits), dtype=np.int64)
    here = np.flatnonzero(lengths)
    if len(here):
        each = _TRAITS.brings.take(np.fromiter(chain.from_iterable(traits), dtype=np.intp))
        found[here] = np.bitwise_or.reduceat(each, (np.cumsum(lengths) - lengths)[here])
    return found


def list_features(sentence: Sentence) -> NDArray[np.uint64]:
    """Which word lists of the packs the sentence touches, alone, in pairs, and with the verb forms beside them."""
    return list_buckets(list_key(sentence, int(brought([traits_of(sentence)])[0])))


ListKey = tuple[str, bool, int]


def list_key(sentence: Sentence, brings: int) -> ListKey:
    """All that ``list_features`` depends on."""
    return sentence.language, sentence.question, brings >> _LISTS


def list_buckets(key: ListKey) -> NDArray[np.uint64]:
    language, question, brings = key[0], key[1], key[2] << _LISTS
    met = [name for n, (name, _) in enumerate(_lists(language)) if brings >> _LISTS + n & 1]
    hashes = [lemma_hash("@" + a) for a in met]
    verbs = [lemma_hash("^" + b) for b in sorted([*_TRAITS.named(brings), *(["?"] if question else [])])]
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
    return surroundings_of([(row, matches)], brought([traits_of(sentence) for sentence in row]), trust)


def surroundings_of(
    parts: Sequence[tuple[Sequence[Sentence], Sequence[Sequence[Match]]]],
    brings: NDArray[np.int64],
    trust: Mapping[str, float],
) -> NDArray[np.float64]:
    """``surroundings`` of several parts, one after the other. ``brings``: what is ``brought`` to each sentence, in the same order."""
    count = len(CATEGORIES)
    row = [sentence for sentences, _ in parts for sentence in sentences]
    lines = np.zeros((len(row), 4 * count + len(FACTS)), dtype=np.float64)
    if row:
        lines[:, 3 * count : 3 * count + len(FACTS)] = _facts(row, [len(one) for one, _ in parts if one], brings)
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


def _facts(row: Sequence[Sentence], lengths: Sequence[int], brings: NDArray[np.int64]) -> NDArray[np.float64]:
    """``FACTS`` of each sentence. ``lengths``: how many sentences each part has that has any."""
    sizes = np.array(lengths, dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    number = np.arange(len(row)) - np.repeat(starts, sizes)
    question = np.array([sentence.question for sentence in row], dtype=np.float64)
    own = _FACTS_OF[brings & (1 << _LISTS) - 1]
    before = np.zeros((len(row), 2))  # a condition, a question
    before[1:, 0], before[1:, 1] = own[:-1, 1], question[:-1]
    before[starts] = 0
    first = number == 0
    last = np.zeros(len(row))
    last[starts + sizes - 1] = 1
    return np.column_stack(
        (
            question,
            own,
            ["!" in sentence.text for sentence in row],
            before,
            first,
            last,
            np.minimum(1.0, number / 10),
            np.repeat([min(4.0, log2(size)) / 4 for size in lengths], sizes),
            [log2(len(sentence.forms) + 1) / 4 for sentence in row],
        )
    )


_FACTS_OF = np.array([[float(bits >> n & 1) for n in range(_LISTS)] for bits in range(1 << _LISTS)])
