"""Slots: what one place of a rule accepts, and the search for a row of slots in the words of a clause.

A slot is written as alternatives parted by ``|``:

    сдать            a lemma (English: the word in any form that has the same stem)
    =ваш             exactly this form
    /^возмещ/        a regular expression on the folded form
    @police          a list of the pack or of ``common.toml``
    #num #cur        a number, a currency sign
    {verb,1per,!past}  grammemes (pymorphy's, lower case; one reading must have all and none of those after !)
    подать{infn}     both: this lemma in that form

``slot?`` may be missing. ``..3`` before a slot lets up to three words stand between. A rule with ``order = "any"`` takes its
slots in any order inside ``window`` words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evidence.i18n import talk
from evidence.timeline.morph import Form, Token, fold, lemma_of

_ = talk("timeline")

_PIECE = re.compile(r"(/(?:[^/\\]|\\.)+/|[^|{]*)(\{[^}]*\})?")


@dataclass(frozen=True, slots=True)
class Alternative:
    """Words looked up by lemma or form, or a pattern, and the grammemes one reading must show."""

    lemmas: frozenset[str]
    forms: frozenset[str]
    pattern: re.Pattern[str] | None
    needs: frozenset[str]
    bars: frozenset[str]

    def accepts(self, token: Token | Form) -> bool:
        word = token.word
        if self.lemmas or self.forms or self.pattern is not None:
            hit = not self.lemmas.isdisjoint(word.lemmas) or token.form in self.forms
            if not hit and not (self.pattern is not None and self.pattern.search(token.form)):
                return False
        if not self.needs and not self.bars:
            return True
        return any(self.needs <= r and self.bars.isdisjoint(r) for r in word.readings)


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a rule. ``gap`` is how many words may stand between it and the slot before."""

    source: str
    alternatives: tuple[Alternative, ...]
    gap: int = 0
    optional: bool = False
    known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)  # forms already tried

    def accepts(self, token: Token) -> bool:
        found = self.known.get(token.form)
        if found is None:
            found = any(a.accepts(token) for a in self.alternatives)
            if len(self.known) < 20_000:
                self.known[token.form] = found
        return found

    def anchors(self) -> frozenset[str] | None:
        """Lemmas and ``=forms`` one of which must be there for the slot to match; None where a pattern decides."""
        found: set[str] = set()
        for a in self.alternatives:
            if a.pattern is not None or not (a.lemmas or a.forms):
                return None
            found |= a.lemmas
            found |= {f"={f}" for f in a.forms}
        return frozenset(found)


def parse_slots(texts: Sequence[str], lists: Mapping[str, Sequence[str]]) -> tuple[Slot, ...]:
    """Slots as written. Raises ValueError naming what cannot be read."""
    slots: list[Slot] = []
    gap = 0
    for text in texts:
        if re.fullmatch(r"\.\.\d+", text):
            gap = int(text[2:])
            continue
        optional = text.endswith("?")
        slots.append(Slot(text, tuple(_alternatives(text.removesuffix("?"), lists)), gap, optional))
        gap = 0
    if gap or not slots:
        raise ValueError(_("a sequence of slots cannot be empty or end in a gap"))
    return tuple(slots)


def _alternatives(text: str, lists: Mapping[str, Sequence[str]]) -> list[Alternative]:
    found: list[Alternative] = []
    plain_lemmas: set[str] = set()
    plain_forms: set[str] = set()
    at = 0
    while at <= len(text):
        match = _PIECE.match(text, at)
        if match is None or (match.end() < len(text) and text[match.end()] != "|"):
            raise ValueError(_("cannot read the slot “{text}” at “{rest}”").format(text=text, rest=text[at:]))
        word, features = match.group(1).strip(), (match.group(2) or "").strip("{}")
        lemmas, forms, pattern = _words(word, lists)
        needs, bars = _grammemes(features)
        if pattern is None and not features:
            plain_lemmas |= lemmas
            plain_forms |= forms
        else:
            found.append(Alternative(frozenset(lemmas), frozenset(forms), pattern, needs, bars))
        at = match.end() + 1
    if plain_lemmas or plain_forms:
        found.append(Alternative(frozenset(plain_lemmas), frozenset(plain_forms), None, frozenset(), frozenset()))
    if not found:
        raise ValueError(_("the slot “{text}” accepts nothing").format(text=text))
    return found


def _words(word: str, lists: Mapping[str, Sequence[str]]) -> tuple[set[str], set[str], re.Pattern[str] | None]:
    if not word:
        return set(), set(), None
    if word.startswith("/"):
        return set(), set(), re.compile(word.strip("/"))
    if word.startswith("="):
        return set(), {fold(word[1:])}, None
    if word.startswith("@"):
        if word[1:] not in lists:
            raise ValueError(_("there is no list called {word}").format(word=word))
        lemmas: set[str] = set()
        forms: set[str] = set()
        for entry in lists[word[1:]]:
            more_lemmas, more_forms, pattern = _words(entry, lists)
            if pattern is not None:
                raise ValueError(_("the list {word} contains a pattern; lists contain words only").format(word=word))
            lemmas |= more_lemmas
            forms |= more_forms
        return lemmas, forms, None
    return {lemma_of(word)}, set(), None


# pymorphy's own spellings, so that packs may be written in lower case throughout
_GRAMMEMES = {
    g.lower(): g for g in ("Poss", "Name", "Surn", "Prnt", "Geox", "Orgn", "Sgtm", "Pltm", "Anum", "Apro", "Impx")
}


def _grammemes(text: str) -> tuple[frozenset[str], frozenset[str]]:
    needs: set[str] = set()
    bars: set[str] = set()
    for item in filter(None, (i.strip().lower() for i in text.split(","))):
        target = bars if item.startswith("!") else needs
        name = item.removeprefix("!")
        target.add(_GRAMMEMES.get(name, name if name in _LOWER else name.upper()))
    return frozenset(needs), frozenset(bars)


_LOWER = frozenset(
    "1per 2per 3per past pres futr indc impr incl excl perf impf tran intr sing plur masc femn neut nomn gent datv accs ablt loct voct"
    " gen2 acc2 loc2 actv pssv anim inan".split()
)


def find(
    slots: Sequence[Slot], tokens: Sequence[Token], *, any_order: bool, window: int, across: bool
) -> list[tuple[int, ...]]:
    """Rows of token numbers, one per matched slot, first match from each starting place. Gaps never cross a clause unless ``across``."""
    if any_order:
        return _any_order(slots, tokens, window, across)
    rows: list[tuple[int, ...]] = []
    known = slots[0].known if not slots[0].optional else {}
    for start, token in enumerate(tokens):
        if known.get(token.form) is False:
            continue  # no row begins here
        row = _from(slots, 0, tokens, start, across, first=True)
        if row and (not rows or row[-1] > rows[-1][-1]):
            rows.append(row)
    return rows


def _from(
    slots: Sequence[Slot], number: int, tokens: Sequence[Token], at: int, across: bool, first: bool
) -> tuple[int, ...] | None:
    if number == len(slots):
        return ()
    slot = slots[number]
    reach = at if first else at + slot.gap
    for place in range(at, min(reach, len(tokens) - 1) + 1):
        if not across and not first and tokens[place].clause != tokens[at - 1].clause:
            break
        if slot.accepts(tokens[place]):
            rest = _from(slots, number + 1, tokens, place + 1, across, first=False)
            if rest is not None:
                return (place, *rest)
    if slot.optional and not (first and number + 1 == len(slots)):
        return _from(slots, number + 1, tokens, at, across, first)
    return None


def _any_order(slots: Sequence[Slot], tokens: Sequence[Token], window: int, across: bool) -> list[tuple[int, ...]]:
    places: list[list[int]] = []
    for slot in slots:
        if slot.optional:
            continue
        known = slot.known
        found = [i for i, t in enumerate(tokens) if (known[t.form] if t.form in known else slot.accepts(t))]
        if not found:
            return []
        places.append(found)
    rows: list[tuple[int, ...]] = []
    anchor = min(places, key=len)
    for centre in anchor:
        row: list[int] = []
        for found in places:
            if found is anchor:
                row.append(centre)
                continue
            near = [
                i
                for i in found
                if abs(i - centre) <= window
                and i not in row
                and i != centre
                and (across or tokens[i].clause == tokens[centre].clause)
            ]
            if not near:
                break
            row.append(min(near, key=lambda i: (abs(i - centre), i)))
        if len(row) == len(places) and max(row) - min(row) <= window:
            rows.append(tuple(row))
    return rows
