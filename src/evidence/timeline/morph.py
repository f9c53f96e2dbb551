"""Words with their lemmas and grammar: pymorphy3 for Russian, Snowball stems and a table of irregular forms for English.

A token is a word, a number or a currency sign with code-point offsets. Each word form is analysed once per process
(``analyse`` is cached), and so is each piece of text between two spaces (``PIECES``), so that a letter costs a look-up per
piece. ё is read as е throughout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple
from unicodedata import is_normalized, normalize

from evidence.stems import stem

# What nobody sees inside a word, and marks set over letters (a decomposed й, an accent): soft hyphens and zero-width characters
# come with text pasted from pages and files, and must not cut a word in two.
_UNSEEN = "\u00ad\u200b-\u200d\u2060\ufeff"
_MARKS = "\u0300-\u036f"
TOKEN = re.compile(
    r"(?P<num>\d+(?:[  .,:/]\d+)*)"
    r"|(?P<cur>[£$€₽%№])"
    r"|(?P<neg>[A-Za-z]+(?=n['’]t\b))|(?P<nt>n['’]t\b)|(?P<clitic>['’](?:ll|re|ve|m|d|s)\b)"
    rf"|(?P<word>[^\W\d_]+(?:-[^\W\d_]+|[{_UNSEEN}{_MARKS}]+[^\W\d_]*)*)"
)
_HIDDEN = re.compile(f"[{_UNSEEN}]")
_ACCENTS = re.compile(f"(?<=[а-яё])[{_MARKS}]", re.I)
_TWINS = str.maketrans("aceopxykmtbh", "асеорхукмтвн")  # Latin letters typed for the Cyrillic ones they look like
_CYRILLIC = re.compile(r"[а-яА-ЯёЁ]")
_LATIN = re.compile(r"[A-Za-z]")
_CYRILLIC_RUNS, _LATIN_RUNS = re.compile(r"[а-яА-ЯёЁ]+"), re.compile(r"[A-Za-z]+")

# Irregular English forms whose Snowball stem is not that of the base form. "was" and "were" stay apart from "be": tense matters.
_IRREGULAR = {
    "paid": "pay", "told": "tell", "said": "say", "lost": "lose", "broke": "break", "broken": "break", "sent": "send",
    "kept": "keep", "made": "make", "took": "take", "taken": "take", "gave": "give", "given": "give", "went": "go", "gone": "go",
    "got": "get", "gotten": "get", "stole": "steal", "stolen": "steal", "lied": "lie", "lying": "lie", "wrote": "write",
    "written": "write", "spoke": "speak", "spoken": "speak", "swore": "swear", "sworn": "swear", "forgot": "forget",
    "forgotten": "forget", "held": "hold", "left": "leave", "let": "let", "met": "meet", "ran": "run", "saw": "see", "seen": "see",
    "sold": "sell", "thought": "think", "threw": "throw", "thrown": "throw", "understood": "understand", "withdrew": "withdraw",
    "withdrawn": "withdraw", "began": "begin", "begun": "begin", "bought": "buy", "brought": "bring", "came": "come", "did": "do",
    "done": "do", "does": "do", "doing": "do", "found": "find", "has": "have", "had": "have", "having": "have", "owing": "owe",
    "owed": "owe", "owes": "owe", "sue": "sue", "sued": "sue", "sues": "sue", "suing": "sue", "failed": "fail", "ruined": "ruin",
    "'ll": "will", "'re": "are", "'ve": "have", "'m": "am", "n't": "not", "'d": "would", "cannot": "not", "ca": "can", "wo": "will",
    "sha": "shall", "dunno": "not",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """What is known of a word form: its lemmas (English: stems) and, for each Russian reading, its grammemes."""

    lemmas: frozenset[str]
    readings: tuple[frozenset[str], ...]
    lemma: str  # the likeliest
    shape: str = ""  # word class and form where the word itself is too rare to be learned


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A folded form and what is known of it: one object a form in a process, so that what is reckoned of it is kept by its identity."""

    form: str
    word: Word


class Piece(NamedTuple):
    """What stands between two spaces: its forms, its letters counted (see ``counted``), and whether it begins or ends in a digit."""

    forms: tuple[Form, ...]
    counts: int
    digit_first: bool
    digit_last: bool


class Token(NamedTuple):
    start: int
    end: int
    form: str  # folded
    word: Word
    clause: int = 0

    @property
    def lemmas(self) -> frozenset[str]:
        return self.word.lemmas


@cache
def analyser() -> Any:
    """The Russian dictionary, loaded once in a process."""
    import pymorphy3

    return pymorphy3.MorphAnalyzer()


@lru_cache(maxsize=200_000)
def analyse(form: str) -> Word:
    """The reading of a folded form (see ``fold``). Readings under a tenth of the likelihood are left out."""
    if not _CYRILLIC.search(form):
        base = _IRREGULAR.get(form) or (stem(form) if _LATIN.search(form) else form)
        return Word(frozenset((base,)), (), base, _english_shape(form, base))
    lemmas: list[str] = []
    readings: list[frozenset[str]] = []
    for parse in analyser().parse(form)[:6]:
        if readings and parse.score < 0.1:
            continue
        lemmas.append(str(parse.normal_form).replace("ё", "е"))
        readings.append(frozenset(str(parse.tag).replace(" ", ",").split(",")))
    return Word(frozenset(lemmas), tuple(readings), lemmas[0], _russian_shape(lemmas[0], readings[0]))


_KEPT_GRAMMEMES = (
    "1per",
    "2per",
    "3per",
    "past",
    "pres",
    "futr",
    "impr",
    "nomn",
    "gent",
    "datv",
    "accs",
    "ablt",
    "loct",
)
_FUNCTION_CLASSES = frozenset(("PREP", "CONJ", "PRCL", "NPRO", "INTJ", "PRED"))


def _russian_shape(lemma: str, reading: frozenset[str]) -> str:
    for name in sorted(_FUNCTION_CLASSES & reading):
        return f"{name}.{lemma}"
    word_class = next((g for g in sorted(reading) if g.isupper() and len(g) == 4), "X")
    return ".".join((word_class, *(g for g in _KEPT_GRAMMEMES if g in reading)))


_ENGLISH_FUNCTION = frozenset(
    "i you he she it we they me him her us them my your his its our their this that these those a an the and or but if unless when until while because so"
    " as of in on at to from for with by about into over after before not no never none nothing am is are was were be been being have has had do does did"
    " will would shall should can could may might must 'll 're 've 'm 'd 's n't who which what where why how there here all any some more most than then"
    " too very just only still yet again ever please sorry yes one".split()
)


def _english_shape(form: str, base: str) -> str:
    if form in _ENGLISH_FUNCTION:
        return form
    for ending in ("ing", "ed", "ly", "tion", "ment", "s"):
        if form.endswith(ending) and len(form) > len(ending) + 2:
            return f"*{ending}"
    return "*irr" if base != form and not form.startswith(base) else "*"


def fold(text: str) -> str:
    """Small letters, ё as е, ’ as ', without what is not seen; Latin twins of Cyrillic letters within a Cyrillic word are those."""
    if not text.isascii():
        if _HIDDEN.search(text):
            text = _HIDDEN.sub("", text)
        if not is_normalized("NFC", text):
            text = normalize("NFC", text)
        text = _ACCENTS.sub("", text)
    folded = text.casefold().replace("ё", "е").replace("’", "'")
    if not folded.isascii() and _LATIN.search(folded) and _CYRILLIC.search(folded) and " " not in folded:
        native = folded.translate(_TWINS)
        return folded if _LATIN.search(native) else native
    return folded


def lemma_of(entry: str) -> str:
    """How a word of a rule is looked up: Russian as written, English as its stem."""
    folded = fold(entry)
    if folded.startswith("#") or _CYRILLIC.search(folded):
        return folded
    return _IRREGULAR.get(folded) or stem(folded)


_NUMBER = Word(frozenset(("#num",)), (), "#num")
_CURRENCY = Word(frozenset(("#cur",)), (), "#cur")
_KEPT = 200_000  # forms and pieces
_LONGEST = 64  # code points of a piece that is kept


@lru_cache(maxsize=_KEPT)
def read(written: str, kind: str) -> Form:
    """The folded form of what a group of ``TOKEN`` found, and what is known of it."""
    return _form(fold(written), kind)


@lru_cache(maxsize=_KEPT)
def _form(form: str, kind: str) -> Form:
    if kind == "num":
        return Form(form, _NUMBER)
    if kind == "cur" and form not in "%№":
        return Form(form, _CURRENCY)
    return Form(form, analyse(form))


def forms_in(text: str) -> tuple[Form, ...]:
    return tuple(read(match.group(), match.lastgroup or "word") for match in TOKEN.finditer(text))


class _Pieces(dict[str, Piece]):
    """Piece as written -> what is known of it."""

    def __missing__(self, written: str) -> Piece:
        counts = 0
        if not written.isdecimal():
            cyrillic, latin = (sum(map(len, runs.findall(written))) for runs in (_CYRILLIC_RUNS, _LATIN_RUNS))
            letters, capitals = sum(map(str.isalpha, written)), sum(map(str.isupper, written))
            counts = cyrillic | latin << _COUNT | letters << 2 * _COUNT | capitals << 3 * _COUNT
        found = Piece(forms_in(written), counts, written[:1].isdigit(), written[-1:].isdigit())
        if len(self) >= _KEPT:
            self.clear()
        if len(written) <= _LONGEST:
            self[written] = found
        return found


PIECES = _Pieces()
_COUNT = 32  # bits: four counts in one number are added up in one go


def counted(counts: int) -> tuple[int, int, int, int]:
    """(Cyrillic letters, Latin letters, letters, capitals) of added-up ``Piece.counts``."""
    most = (1 << _COUNT) - 1
    return counts & most, counts >> _COUNT & most, counts >> 2 * _COUNT & most, counts >> 3 * _COUNT


def language_of(text: str) -> str:
    """``ru`` where Cyrillic letters are at least as many as Latin ones, else ``en``."""
    cyrillic, latin = (sum(map(len, runs.findall(text))) for runs in (_CYRILLIC_RUNS, _LATIN_RUNS))
    return "ru" if cyrillic >= max(1, latin) else "en"
