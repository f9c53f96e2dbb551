"""Sentences and clauses with offsets.

A sentence ends at ``.``, ``!``, ``?``, ``…``, at ``))`` as people write it, at an empty line, and at a line end that is no
wrap. A clause ends at ``;``, ``:``, a dash or a bracket, at a comma before a conjunction, and, when a condition
opened it, at the next comma. Rules never match across a clause unless they say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from evidence.timeline.morph import PIECES, TOKEN, Form, Token, counted, forms_in

# A run of marks is tried from its beginning only: linear on "!!!!…". What each way begins with is asked for first, for the search to skip by.
_BREAK = re.compile(
    r"[.!?…)\n](?:(?<=[.!?…])(?<![.!?…][.!?…])[.!?…]*+[)»”\"']*+(?=\s)|(?<=\))(?<!\)\))\)++(?=\s)|(?<=\n)(?:[^\S\n]*\n)?)"
)
_ABBREVIATIONS = frozenset(
    "г ул д кв стр руб коп тыс млн т п пп ч ст рис им см др пр тел доб обл mr mrs ms dr no st inc ltd co vs e.g i.e etc approx dept ref".split()
)
_LONGEST_ABBREVIATION = max(map(len, _ABBREVIATIONS))
_TAIL_WORD = re.compile(r"([\w.]+)\.$")
_BULLET = re.compile(r"[-–—•*·]|\d{1,2}[.)]\s")
_LONGEST = 1_500  # code points
_WRAP = 58  # a line at least this long that ends without a full stop goes on in the next one

_CLAUSE_BREAK = re.compile(r"[;:()]|\s[-–—]\s|—|\.{2,}|…")
_CONJUNCTIONS = frozenset(
    "если то а но что чтобы который которая которое которые когда пока поскольку потому так как хотя иначе зато однако ибо либо раз где куда"
    " if then but that which who because since unless until when while although though so or as whereas where otherwise".split()
)
_CONDITIONS = frozenset("если unless if раз когда when should пока until".split())


Value = TypeVar("Value")


class once(Generic[Value]):
    """A property reckoned at first use and kept; ``functools.cached_property`` takes a lock each time before Python 3.12."""

    def __init__(self, work: Callable[[Any], Value]) -> None:
        self._work = work
        self.__doc__ = work.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Value:
        found = instance.__dict__[self._name] = self._work(instance)
        return found


class Read(NamedTuple):
    """What a sentence's words show: their forms, its language, how many letters it has, and how many of them are capitals."""

    forms: tuple[Form, ...]
    language: str
    letters: int
    capitals: int


@dataclass(frozen=True)
class Sentence:
    """A sentence of a part: offsets, text, and its tokens with clause numbers."""

    start: int
    end: int
    text: str
    number: int

    @once
    def read(self) -> Read:
        found: list[Form] = []
        counts = 0
        number_before = number_goes_on = False
        for forms, more, digit_first, digit_last in map(PIECES.__getitem__, self.text.split()):
            found += forms
            counts += more
            if digit_first:
                number_goes_on |= number_before
            number_before = digit_last
        cyrillic, latin, letters, capitals = counted(counts)
        # Only a number goes on over a space ("15 000"): then the sentence is read whole.
        return Read(
            forms_in(self.text) if number_goes_on else tuple(found),
            "ru" if cyrillic >= max(1, latin) else "en",
            letters,
            capitals,
        )

    @once
    def forms(self) -> tuple[Form, ...]:
        """The forms of ``tokens``."""
        return self.read.forms

    @once
    def language(self) -> str:
        """``ru`` or ``en``, by the letters as ``morph.language_of`` counts them."""
        return self.read.language

    @once
    def tokens(self) -> tuple[Token, ...]:
        return _with_clauses(self.text, self.start, self.forms)

    @once
    def lemmas(self) -> frozenset[str]:
        return frozenset().union(*(form.word.lemmas for form in self.forms))

    @once
    def question(self) -> bool:
        return self.text.rstrip(")»”\"' ").endswith("?")


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[Sentence]:
    """The sentences of ``text[start:end]``, without surrounding space, never empty."""
    return iter(_cut(text, start, len(text) if end is None else end))


@lru_cache(maxsize=512)  # a letter is read for flags and again for promises: its words are analysed once
def _cut(text: str, start: int, end: int) -> tuple[Sentence, ...]:
    found: list[Sentence] = []
    for low, high in _pieces(text, start, end):
        sentence = _trimmed(text, low, high, len(found))
        if sentence:
            found.append(sentence)
    return tuple(found)


def _pieces(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    at = start
    for match in _BREAK.finditer(text, start, stop):
        if match.start() < at or not _ends(text, at, match, stop):
            continue
        if match.end() - at <= _LONGEST:
            yield at, match.end()
        else:
            yield from _bounded(text, at, match.end())
        at = match.end()
    yield from _bounded(text, at, stop)


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What goes on without an end is cut at a space: the cost of a rule grows faster than the length of its sentence."""
    while end - start > _LONGEST:
        cut = text.rfind(" ", start + _LONGEST // 2, start + _LONGEST)
        cut = start + _LONGEST if cut < 0 else cut
        yield start, cut
        start = cut
    yield start, end


def _trimmed(text: str, start: int, end: int, number: int) -> Sentence | None:
    piece = text[start:end].lstrip(" \t\n\r\xa0>•*·")
    start = end - len(piece)
    piece = piece.rstrip()
    if not (piece[:1].isalnum() or any(map(str.isalnum, piece))):
        return None
    return Sentence(start, start + len(piece), piece, number)


def _ends(text: str, at: int, match: re.Match[str], stop: int) -> bool:
    mark = match.group()
    if mark == "\n":
        line = text[max(at, text.rfind("\n", at, match.start()) + 1) : match.start()]
        after = text[match.end() : min(stop, match.end() + 4)].lstrip(" \t>")
        if not after or _BULLET.match(after):
            return True
        return not (after[0].islower() or len(line) >= _WRAP)
    if mark == ".":
        if (
            match.start() - at > _LONGEST_ABBREVIATION
            and text[match.start() - _LONGEST_ABBREVIATION - 1 : match.start()].isalpha()
        ):
            return True
        word = _TAIL_WORD.search(text, max(at, match.start() - 12), match.end())
        if word:
            tail = word.group(1).casefold()
            last = tail.rsplit(".", 1)[-1]
            if tail in _ABBREVIATIONS or last in _ABBREVIATIONS:
                return _starts_sentence(text, match.end(), stop) and last in (
                    "руб",
                    "коп",
                    "г",
                    "д",
                    "etc",
                    "co",
                    "ltd",
                    "inc",
                )
            if last.isdigit() and match.start() - len(last) <= at:  # "1. Point"
                return False
            if len(last) == 1 and last.isalpha() and word.group(1)[-1].isupper():  # an initial
                return False
    return True


def _starts_sentence(text: str, at: int, stop: int) -> bool:
    rest = text[at : min(stop, at + 6)].lstrip()
    return not rest or rest[0].isupper() or not rest[0].isalnum()


def _with_clauses(text: str, offset: int, forms: Sequence[Form]) -> tuple[Token, ...]:
    found: list[Token] = []
    clause = 0
    conditional = False
    last_end = 0
    for match, known in zip(TOKEN.finditer(text), forms, strict=True):
        start, end = match.span()
        form = known.form
        if end - last_end > 1 and found:  # a space alone is the usual case
            between = text[last_end:start]
            comma = "," in between
            if between != " " and (_CLAUSE_BREAK.search(between) or (comma and (conditional or form in _CONJUNCTIONS))):
                clause += 1
                conditional = False
        if form in _CONDITIONS:
            conditional = True
        found.append(Token(start + offset, end + offset, form, known.word, clause))
        last_end = end
    return tuple(found)
