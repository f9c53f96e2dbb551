"""Links between letters: a broken promise and the promise, a missing payment and the invoice, an answer and what it answers.

A link is a second span, quoted: ``{sha256, part, start, end, quote, role}`` with role ``commitment`` (and ``due``), ``invoice`` or
``answers``. It is made only where the words of both agree (shared stems, the same date, the same sum); otherwise the flag stands
alone and says no more than its sentence: "claims a broken promise".
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from evidence.model import Flag, Letter
from evidence.stems import stem, words
from evidence.timeline.dates import due_dates
from evidence.timeline.morph import Form
from evidence.timeline.sentences import Sentence, sentences

_PROMISES = frozenset(
    "обещать гарантировать обязаться обязуемся обязуюсь promise guarante assur commit undertak".split()
)
_STOP = frozenset(
    stem(w)
    for w in (
        "обещали обещал обещала обещаю вы ваш мы я наш не и в на с по до к за что это как уже был была были будет сегодня завтра день нас вас вам мне"
        " the a an to of and in on for you your we our i my it is was be been that this with by not have has had will would said promised told never still"
    ).split()
)
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"\d[\d  .,]*\d|\d{2,}")
_INVOICE = re.compile(r"\b(?:сч[её]т\w*|invoice\w*|акт\w*|№)", re.IGNORECASE)
_LOOK_BACK = 400  # letters before a flag that are searched for what it speaks of
_ENOUGH = 3


@dataclass(frozen=True)
class Commitment:
    """A sentence of ``letter``'s body in which somebody binds themselves, and the day it names (None: none)."""

    letter: Letter
    start: int
    end: int
    due: date | None

    @cached_property
    def stems(self) -> frozenset[str]:
        return content_stems(self.letter.texts["body"][self.start : self.end])


def link(
    letters: Sequence[Letter],
    flags: Sequence[Flag],
    *,
    timezone: str,
    promised: Callable[[Letter], Sequence[Commitment]] | None = None,
) -> tuple[Flag, ...]:
    """The flags with their links to earlier letters. ``letters`` in order of time; ``timezone`` is the matter's (IANA name).

    ``promised`` gives what ``commitments`` gives, where somebody has it already (worker processes, say).
    """
    earlier = _Earlier(letters, ZoneInfo(timezone), promised)
    by_letter: dict[str, list[Flag]] = {}
    for flag in flags:
        by_letter.setdefault(flag.sha256, []).append(flag)
    done: list[Flag] = []
    for flag in flags:
        number = earlier.place[flag.sha256]
        letter = letters[number]
        made: Mapping[str, Any] | None = None
        if flag.category == "broken_promise":
            made = _commitment(flag, letter, earlier.promised(number), earlier.zone)
        elif flag.category == "nonpayment":
            made = _invoice(flag, letters, earlier, number)
        elif flag.category in ("refusal", "admission"):
            made = _answered(flag, letter, letters, earlier.place, by_letter)
        before = earlier.before(number)
        detail = {**flag.detail, "before": before} if before else flag.detail
        done.append(replace(flag, links=(*flag.links, made) if made else flag.links, detail=detail))
    return tuple(done)


class _Earlier:
    """What stands before a letter, ``_LOOK_BACK`` letters back at most, counsel's withheld mail left out. Each letter is cut once."""

    def __init__(
        self, letters: Sequence[Letter], zone: ZoneInfo, promised: Callable[[Letter], Sequence[Commitment]] | None
    ) -> None:
        self.zone = zone
        self.place = {letter.sha256: n for n, letter in enumerate(letters)}
        self._letters = letters
        self._times = [letter.at for letter in letters]
        self._threads: dict[str, list[int]] = {}
        for n, letter in enumerate(letters):
            if not letter.withheld:
                self._threads.setdefault(letter.thread, []).append(n)
        self._made = promised or (lambda letter: commitments(letter, zone))
        self._promised: dict[int, Sequence[Commitment]] = {}
        self._digits: dict[int, str] = {}
        self._named: dict[int, tuple[tuple[Sentence, frozenset[str]], ...]] = {}

    def numbers(self, number: int) -> Iterator[int]:
        """The places of the letters written before the one at ``number``, in order."""
        end = bisect_left(self._times, self._times[number])
        return (n for n in range(max(0, number - _LOOK_BACK), end) if not self._letters[n].withheld)

    def promised(self, number: int) -> list[Commitment]:
        found: list[Commitment] = []
        for n in self.numbers(number):
            if n not in self._promised:
                self._promised[n] = self._made(self._letters[n])
            found.extend(self._promised[n])
        return found

    def named(self, n: int, numbers: frozenset[str]) -> tuple[tuple[Sentence, frozenset[str]], ...]:
        """The sentences of a letter that name numbers; none where the digits of ``numbers`` stand nowhere in it."""
        if n not in self._digits:
            self._digits[n] = "".join(_DIGITS.findall(self._letters[n].own_text()))
        if not any(number in self._digits[n] for number in numbers):
            return ()
        if n not in self._named:
            cut = _own_sentences(self._letters[n])
            self._named[n] = tuple((s, found) for s in cut if (found := _numbers(s.text)))
        return self._named[n]

    def before(self, number: int) -> dict[str, str] | None:
        """The last letter of the thread before this one: what the reader should look at first."""
        letter = self._letters[number]
        row = self._threads.get(letter.thread, [])
        at = bisect_left(row, bisect_left(self._times, letter.at)) - 1
        if at < 0 or row[at] < number - _LOOK_BACK:
            return None
        other = self._letters[row[at]]
        return {"sha256": other.sha256, "speaker": other.speaker, "at": other.at.strftime("%Y-%m-%dT%H:%M:%SZ")}


def commitments(letter: Letter, zone: ZoneInfo) -> list[Commitment]:
    """The letter's own sentences that announce an act of the writer: first person future, or a word of promising."""
    found: list[Commitment] = []
    text = letter.texts.get("body", "")
    written = letter.at.astimezone(zone).date()
    for span in letter.zones_of("body"):
        if span.kind != "own":
            continue
        for sentence in sentences(text, span.start, span.end):
            if sentence.question or not _binds(sentence):
                continue
            days = list(due_dates(sentence.text, written))
            found.append(Commitment(letter, sentence.start, sentence.end, days[0].day if days else None))
    return found


def _binds(sentence: Sentence) -> bool:
    forms = sentence.forms
    for number, one in enumerate(forms):
        what = _BINDING[one]
        if not what or (number and forms[number - 1].form in ("не", "not", "n't", "never")):
            continue
        if what == _ITSELF:
            return True
        if what == _AFTER_I and number and forms[number - 1].form in ("i", "we"):
            following = forms[number + 1].form if number + 1 < len(forms) else ""
            return following not in ("not", "never")
        if what == _WITH_A_DAY and any(d for d in due_dates(sentence.text, date(2000, 1, 3))):
            return True
    return False


_ITSELF, _AFTER_I, _WITH_A_DAY = 1, 2, 3


class _Binding(dict[Form, int]):
    """Form -> how it binds its writer; 0: not at all."""

    def __missing__(self, form: Form) -> int:
        if len(self) >= 100_000:
            self.clear()
        found = self[form] = self._read(form)
        return found

    @staticmethod
    def _read(form: Form) -> int:
        if any({"VERB", "1per", "futr"} <= r for r in form.word.readings) or not _PROMISES.isdisjoint(form.word.lemmas):
            return _ITSELF
        if form.form in ("'ll", "will", "shall"):
            return _AFTER_I
        return _WITH_A_DAY if form.form in ("будет", "уйдет", "leave", "leaves") else 0


_BINDING = _Binding()


@lru_cache(maxsize=4096)  # what is answered is often answered by several
def content_stems(text: str) -> frozenset[str]:
    return frozenset(map(stem, {w for w in words(text) if len(w) > 2})) - _STOP


def _commitment(flag: Flag, letter: Letter, made: Sequence[Commitment], zone: ZoneInfo) -> Mapping[str, Any] | None:
    """The earlier promise a complaint speaks of: by whoever is complained about, best by words and date, the later on a tie."""
    own_words = content_stems(flag.quote)
    days = {d.day for d in due_dates(flag.quote, letter.at.astimezone(zone).date())}
    spoken = {(day.month, day.day) for day in days}
    weekdays = {d.weekday() for d in days}
    best: tuple[int, int] | None = None
    for number, one in enumerate(made):
        if own_words.isdisjoint(one.stems) and one.due not in days:
            continue
        score = 2 * len(own_words & one.stems)
        if one.due is not None:
            score += 2 * ((one.due.month, one.due.day) in spoken) + (one.due.weekday() in weekdays) + 1
        score += one.letter.thread == letter.thread
        score += one.letter.speaker != letter.speaker
        if score >= _ENOUGH and (best is None or score >= best[0]):
            best = (score, number)
    if best is None:
        return None
    one = made[best[1]]
    due = {"due": one.due.isoformat()} if one.due else {}
    return {**_span(one.letter, one.start, one.end, "commitment"), **due}


def _invoice(flag: Flag, letters: Sequence[Letter], earlier: _Earlier, number: int) -> Mapping[str, Any] | None:
    """The first earlier sentence that names the same sum or the same invoice number."""
    numbers = _numbers(flag.quote)
    if not numbers:
        return None
    for n in earlier.numbers(number):
        for sentence, found in earlier.named(n, numbers):
            shared = numbers & found
            if shared and (_INVOICE.search(sentence.text) or any(len(x) >= 4 for x in shared)):
                return _span(letters[n], sentence.start, sentence.end, "invoice")
    return None


def _numbers(text: str) -> frozenset[str]:
    """Sums and invoice numbers of at least three digits, without their separators."""
    return frozenset(plain for n in _NUMBER.findall(text) if len(plain := _plain(n)) >= 3)


def _plain(number: str) -> str:
    return re.sub(r"[^\d]", "", re.sub(r"[.,]\d\d$", "", number))


def _answered(
    flag: Flag, letter: Letter, letters: Sequence[Letter], place: Mapping[str, int], by_letter: Mapping[str, list[Flag]]
) -> Mapping[str, Any] | None:
    """What a refusal or an admission answers in the letter replied to: the flagged sentence or question nearest in words."""
    if letter.parent is None or letter.parent not in place:
        return None
    parent = letters[place[letter.parent]]
    if parent.speaker == letter.speaker or parent.withheld:
        return None
    own_words = content_stems(flag.quote)
    pressing = {
        (f.start, f.end)
        for f in by_letter.get(parent.sha256, [])
        if f.category in ("demand", "accusation", "nonpayment", "broken_promise")
    }
    best: tuple[int, Sentence] | None = None
    for sentence in _own_sentences(parent):
        asked = sentence.question or any(a < sentence.end and sentence.start < b for a, b in pressing)
        shared = len(own_words & content_stems(sentence.text))
        if asked and shared and (best is None or shared > best[0]):
            best = (shared, sentence)
    return _span(parent, best[1].start, best[1].end, "answers") if best else None


def _own_sentences(letter: Letter) -> list[Sentence]:
    text = letter.texts.get("body", "")
    return [s for z in letter.zones_of("body") if z.kind == "own" for s in sentences(text, z.start, z.end)]


def _span(letter: Letter, start: int, end: int, role: str) -> dict[str, Any]:
    quote = letter.texts["body"][start:end]
    return {"sha256": letter.sha256, "part": "body", "start": start, "end": end, "quote": quote, "role": role}
