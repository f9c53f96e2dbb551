"""Which patterns a text can match at all, told by its words before any pattern is tried.

A pattern such as ``\\b(?:paid|refund\\w*)\\b`` matches nothing in a text without the word "paid" and without a word that begins with
"refund". ``Gate`` reads such keys off the pattern itself (Cox 2012 does the same for an index of trigrams): every match must contain
one of them. Each word form is held against the keys of all gates once in a process, so that a text costs a look-up per word. A gate
only ever spares a search that finds nothing; where no key can be read, or a word has letters beyond Basic Latin and Russian, whose
case may be folded in more ways than one, it stands open.

Where a text has to be searched, the characters that a match can begin with are asked for first (``begun``): without that, ``re`` tries
each of fifty alternatives at the beginning of every word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from importlib import import_module
from operator import or_
from typing import Any

_RUN = re.compile(r"\w+")
_PLAIN = re.compile(r"[0-9A-Z_a-zА-Яа-яЁё]+")
_LETTERS = frozenset("0123456789_abcdefghijklmnopqrstuvwxyzабвгдежзийклмнопрстуфхцчшщъыьэюяё")
_MOST_WORDS = 200_000  # word forms kept
_LONGEST = 40  # letters: what is longer is no word, and opens every gate


@dataclass(frozen=True, slots=True)
class Key:
    """Letters that stand within one word; ``begins`` and ``ends``: the word begins, or ends, with them. "" is any digit. Or one mark."""

    letters: str
    begins: bool = False
    ends: bool = False

    @property
    def telling(self) -> int:
        """How rare it may be: long letters more than where in a word they stand."""
        return 2 * (len(self.letters) or 2) + self.begins + self.ends


class Gate:
    """A pattern that is only tried on texts whose words, digits or marks let it match. ``search`` and ``match`` give what it gives.

    ``written`` is the pattern as given; ``pattern`` is compiled, finds the same and has the same groups, but sooner.
    """

    __slots__ = ("bit", "pattern", "written")

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.written = pattern
        row = _parsed(pattern, flags)
        self.bit = _WORDS.add(_best(row, False, False) if row else None)  # of ``mask_of`` the texts it can match in
        self.pattern = re.compile(f"{begun(row)}(?:{pattern})" if row else pattern, flags)

    def search(self, text: str) -> re.Match[str] | None:
        return self.pattern.search(text) if mask_of(text) & self.bit else None

    def match(self, text: str) -> re.Match[str] | None:
        return self.pattern.match(text) if mask_of(text) & self.bit else None


class _Words(dict[str, int]):
    """Word as written -> the gates that it opens."""

    def __init__(self) -> None:
        self._count = 0
        self._open = 1  # the lowest bit is set for every text: that of gates without keys
        self._anywhere: dict[str, int] = {}
        self._sizes: dict[str, set[int]] = {}  # two letters -> the lengths of keys anywhere that begin with them
        self._begins: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        self._digit = 0
        self.marks: dict[str, int] = {}

    def add(self, keys: frozenset[Key] | None) -> int:
        if keys is None:
            return 1
        self.clear()
        _PIECES.clear()
        mask_of.cache_clear()
        self._count += 1
        bit = 1 << self._count
        for key in keys:
            if not key.letters:
                self._digit |= bit
                continue
            if key.letters not in _LETTERS and len(key.letters) == 1:
                self.marks[key.letters] = self.marks.get(key.letters, 0) | bit
                continue
            tables = ((self._anywhere, self._ends), (self._begins, self._whole))
            table = tables[key.begins][key.ends]
            table[key.letters] = table.get(key.letters, 0) | bit
            if table is self._anywhere:
                self._sizes.setdefault(key.letters[:2], set()).add(len(key.letters))
        return bit

    def __missing__(self, word: str) -> int:
        found = self._read(word)
        if len(self) < _MOST_WORDS and len(word) <= _LONGEST:
            self[word] = found
        return found

    def _read(self, word: str) -> int:
        if len(word) > _LONGEST or not _PLAIN.fullmatch(word):
            return (2 << self._count) - 1
        folded = word.lower()
        size = len(folded)
        mask = self._open | self._whole.get(folded, 0)
        if not word.isalpha() and any(c.isdigit() for c in word):
            mask |= self._digit
        for at in range(size):
            mask |= self._begins.get(folded[: at + 1], 0) | self._ends.get(folded[at:], 0)
            for length in self._sizes.get(folded[at : at + 2], ()):
                mask |= self._anywhere.get(folded[at : at + length], 0)
        return mask


class _Pieces(dict[str, int]):
    """What stands between two spaces -> the gates that its words and marks open."""

    def __missing__(self, piece: str) -> int:
        found = reduce(or_, map(_WORDS.__getitem__, _RUN.findall(piece)), 1)
        if not piece.isalnum():
            found = reduce(or_, (_WORDS.marks.get(c, 0) for c in set(piece)), found)
        if len(self) < _MOST_WORDS and len(piece) <= 2 * _LONGEST:
            self[piece] = found
        return found


_PIECES = _Pieces()
_WORDS = _Words()


def opened(text: str) -> int:
    """The bits of all gates that ``text`` opens."""
    return reduce(or_, map(_PIECES.__getitem__, text.split()), 1)


mask_of = lru_cache(maxsize=4096)(opened)  # a sentence is held against several gates in turn


# ---- keys of a pattern -----------------------------------------------------------------------

Row = Sequence[tuple[Any, Any]]


def keys_of(pattern: re.Pattern[str]) -> frozenset[Key] | None:
    """Keys of which every match of ``pattern`` contains one; None where that cannot be told."""
    row = _parsed(pattern.pattern, pattern.flags)
    return _best(row, False, False) if row else None


def _parsed(pattern: str, flags: int) -> Row | None:
    """The parts of a pattern as ``re`` reads them; None where they cannot be told, or where nothing may be written before it."""
    if flags & (re.ASCII | re.VERBOSE):
        return None  # another idea of where a word ends; or a comment may stand at the end
    try:
        parsed = import_module("re._parser").parse(pattern, flags & ~re.DEBUG)
        own_flags = parsed.state.flags & ~flags & ~re.UNICODE
    except (ImportError, AttributeError):  # no promised interface: without it, every gate is open
        return None
    return None if own_flags else list(parsed)


def _best(row: Row, begins: bool, ends: bool) -> frozenset[Key] | None:
    """The most telling of the sets of keys that each part of a sequence gives. ``begins``: no letter can stand right before it."""
    found = [keys for keys in _all(row, begins, ends) if keys]
    return max(found, key=lambda keys: (min(k.telling for k in keys), -len(keys)), default=None)


def _all(row: Row, begins: bool, ends: bool) -> Iterator[frozenset[Key] | None]:
    letters, whole = "", False  # the run of letters before here, and whether it stands at the beginning of a word
    for at, (name, value) in enumerate(row):
        before = _edge(row[at - 1], last=True) if at else begins
        letter = _letter(name, value)
        if letter:
            if not letters:
                whole = before
            letters += letter
            continue
        if letters:
            yield _key(letters, whole, _edge((name, value), last=False))
            letters = ""
        if mark := _mark(str(name), value):
            yield frozenset((Key(mark),))
            continue
        after = _edge(row[at + 1], last=False) if at + 1 < len(row) else ends
        yield _part(str(name), value, before, after)
    if letters:
        yield _key(letters, whole, ends)


def _part(name: str, value: Any, begins: bool, ends: bool) -> frozenset[Key] | None:
    if name == "SUBPATTERN":
        return _best(list(value[-1]), begins, ends)
    if name == "ATOMIC_GROUP":
        return _best(list(value), begins, ends)
    if name == "BRANCH":
        return _joined(_best(list(one), begins, ends) for one in value[1])
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[0] >= 1:
        return _best(list(value[2]), begins and value[1] == 1, ends and value[1] == 1)
    if name == "IN":
        return _joined(_member(str(kind), one) for kind, one in value)
    return None


def _joined(sets: Iterable[frozenset[Key] | None]) -> frozenset[Key] | None:
    joined: frozenset[Key] = frozenset()
    for one in sets:
        if one is None:
            return None
        joined |= one
    return joined


def _key(letters: str, begins: bool, ends: bool) -> frozenset[Key] | None:
    if len(letters) == 1 and not (begins or ends):
        return None
    return frozenset((Key(letters, begins, ends),))


def _letter(name: Any, value: Any) -> str:
    """The lower-case letter that a part of a pattern stands for; "" for anything else."""
    folded = chr(value).lower() if str(name) == "LITERAL" else ""
    return folded if folded in _LETTERS else ""


def _mark(name: str, value: Any) -> str:
    """The mark (no letter, digit, underscore or space) that a part of a pattern stands for; "" for anything else."""
    mark = chr(value) if name == "LITERAL" else ""
    return "" if not mark or mark.isalnum() or mark.isspace() or mark == "_" else mark


def _member(kind: str, value: Any) -> frozenset[Key] | None:
    """The key that a member of a set gives, if it is a mark or a digit."""
    mark = "" if _is_digit(kind, value) else _mark(kind, value)
    return frozenset((Key(mark),)) if mark or _is_digit(kind, value) else None


def _is_digit(kind: str, value: Any) -> bool:
    if kind == "CATEGORY":
        return str(value) == "CATEGORY_DIGIT"
    low, high = value if kind == "RANGE" else (value, value) if kind == "LITERAL" else (0, 0)
    return ord("0") <= low <= high <= ord("9")


_AT = ("AT_BOUNDARY", "AT_BEGINNING", "AT_BEGINNING_STRING", "AT_END", "AT_END_STRING")


def _edge(part: tuple[Any, Any], *, last: bool) -> bool:
    """Whether no letter, digit or underscore can stand where ``part`` ends (``last``) or begins, seen from the letter beside it."""
    name, value = str(part[0]), part[1]
    if name == "AT":
        return str(value) in _AT
    if name == "LITERAL":
        return not (chr(value).isalnum() or value == ord("_"))
    if name == "IN":
        return all(_outside(str(kind), one) for kind, one in value)
    inner: Sequence[Any] = ()
    if name == "SUBPATTERN":
        inner = [value[-1]]
    elif name == "BRANCH":
        inner = value[1]
    elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[0] >= 1:
        inner = [value[2]]
    elif name == "ASSERT" and (value[0] < 0) == last:
        inner = [value[1]]
    return bool(inner) and all(len(one) and _edge(one[-1 if last else 0], last=last) for one in inner)


def _outside(kind: str, value: Any) -> bool:
    if kind == "LITERAL":
        return not (chr(value).isalnum() or value == ord("_"))
    return kind == "CATEGORY" and str(value) in ("CATEGORY_SPACE", "CATEGORY_NOT_WORD")


# ---- what a match begins with ----------------------------------------------------------------

_CLASSES = {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s"}
_FEW = 3  # characters: a pattern that begins with fewer alternatives is as quick by itself


def begun(row: Row) -> str:
    """What may be written before a pattern of several alternatives: "here stands a character that one of them begins with".

    It takes no character and no group, so that the pattern finds the same. "" where it cannot be told, or a match may begin with a
    space: that stands beside every word.
    """
    found, empty = _first(row)
    if empty or found is None or r"\s" in found or len(found) < _FEW:
        return ""
    border = r"\b" if (str(row[0][0]), str(row[0][1])) == ("AT", "AT_BOUNDARY") else ""  # the cheaper question
    return f"{border}(?=[{''.join(sorted(found))}])"


def _first(row: Row) -> tuple[frozenset[str] | None, bool]:
    """(members of a character class, one of which a match of ``row`` begins with, or None for any; whether it may be empty)."""
    found: frozenset[str] = frozenset()
    for name, value in row:
        one, empty = _first_of(str(name), value)
        if one is None:
            return None, False
        found |= one
        if not empty:
            return found, False
    return found, True


def _first_of(name: str, value: Any) -> tuple[frozenset[str] | None, bool]:
    if name in ("AT", "ASSERT", "ASSERT_NOT"):
        return frozenset(), True  # no character of the match
    if name in ("LITERAL", "IN"):
        members = [_class_member(str(kind), one) for kind, one in ([(name, value)] if name == "LITERAL" else value)]
        return (None if "" in members else frozenset(members)), False
    if name == "SUBPATTERN" and not (value[1] or value[2]):  # no flags of its own
        return _first(value[3])
    if name == "BRANCH":
        parts = [_first(one) for one in value[1]]
        sets = [one for one, _ in parts if one is not None]
        return (frozenset().union(*sets) if len(sets) == len(parts) else None), any(empty for _, empty in parts)
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        one, empty = _first(value[2])
        return one, empty or value[0] == 0
    return None, False


def _class_member(kind: str, value: Any) -> str:
    """A member of a set as written in one; "" for what is no plain member."""
    if kind == "LITERAL":
        return re.escape(chr(value))
    if kind == "RANGE":
        return "-".join(re.escape(chr(end)) for end in value)
    return _CLASSES.get(str(value), "") if kind == "CATEGORY" else ""
