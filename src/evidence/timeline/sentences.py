"""Sentences and clauses with offsets.

A sentence ends at ``.``, ``!``, ``?``, ``…``, at ``))`` as people write it, at an empty line, and at a line end that is no
wrap. A clause ends at ``;``, ``:``, a dash or a bracket, at a comma before a conjunction, and, when a condition
opened it, at the next comma. Rules never match across a clause unless they say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from evidence.timeline.morph import TOKEN, Token, language_of, read

# A run of marks is tried from its beginning only: linear on "!!!!…".
_BREAK = re.compile(r"(?<![.!?…])[.!?…]++[)»”\"']*+(?=\s)|(?<!\))\){2,}+(?=\s)|\n[^\S\n]*\n|\n")
_ABBREVIATIONS = frozenset(
    "г ул д кв стр руб коп тыс млн т п пп ч ст рис им см др пр тел доб обл mr mrs ms dr no st inc ltd co vs e.g i.e etc approx dept ref".split()
)
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


@dataclass(frozen=True)
class Sentence:
    """A sentence of a part: offsets, text, and its tokens with clause numbers."""

    start: int
    end: int
    text: str
    number: int

    @cached_property
    def language(self) -> str:
        return language_of(self.text)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return _with_clauses(self.text, self.start)

    @cached_property
    def lemmas(self) -> frozenset[str]:
        return frozenset().union(*(t.word.lemmas for t in self.tokens))

    @cached_property
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
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip(" \t\n\r\xa0>•*·"))
    start += lead
    piece = text[start:end].rstrip()
    if not any(c.isalnum() for c in piece):
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
    if mark.startswith(".") and len(mark) == 1:
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


def _with_clauses(text: str, offset: int) -> tuple[Token, ...]:
    found: list[Token] = []
    clause = 0
    conditional = False
    last_end = 0
    for match in TOKEN.finditer(text):
        start, end = match.span()
        form, word = read(match.group(), match.lastgroup or "word")
        if end - last_end > 1 and found:  # a space alone is the usual case
            between = text[last_end:start]
            comma = "," in between
            if between != " " and (_CLAUSE_BREAK.search(between) or (comma and (conditional or form in _CONJUNCTIONS))):
                clause += 1
                conditional = False
        if form in _CONDITIONS:
            conditional = True
        found.append(Token(start + offset, end + offset, form, word, clause))
        last_end = end
    return tuple(found)
