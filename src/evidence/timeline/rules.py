"""Rule packs: TOML read into rules, and the matcher that tries them on a sentence.

``packs/{ru,en}/*.toml`` come with the program; ``*.toml`` in a matter's ``packs`` folder are the user's own. A pack has a name, a
version, a language and a category; its hash is SHA-256 of the file, so that a flag names exactly the rules it came from.
``docs/rules.md`` explains how to write one. Rules of tier ``seconded`` are wide: they are tried only where the learned reader is sure of
their category, and are no part of what it reads. The anchor index keeps the cost of a sentence to the rules whose rarest word it has.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from evidence.errors import UsageError
from evidence.i18n import talk
from evidence.model import CATEGORIES
from evidence.timeline.morph import Form, Token
from evidence.timeline.rules_blockers import BLOCKERS, DEFAULT_BLOCKERS, Blocked, Context
from evidence.timeline.rules_slots import Slot, find, parse_slots
from evidence.timeline.sentences import Sentence

_ = talk("timeline")

PACKS = Path(__file__).parent / "packs"
TIERS = ("stated", "possible", "seconded")
_MOST_FORMS = 100_000  # of which it is kept what they call
_KEYS = frozenset(
    "id subtype slots order window across requires forbids before allow addressee speaker tier whole note must_match must_not_match".split()
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``requires`` and ``forbids`` are rows of slots looked for anywhere in the sentence."""

    id: str
    category: str
    subtype: str | None
    language: str
    pack: str
    slots: tuple[Slot, ...]
    any_order: bool
    window: int
    across: bool
    requires: tuple[tuple[Slot, ...], ...]
    forbids: tuple[tuple[Slot, ...], ...]
    blockers: tuple[str, ...]
    addressee: bool
    speaker: str | None
    tier: str
    note: str
    must_match: tuple[str, ...]
    must_not_match: tuple[str, ...]

    @property
    def anchors(self) -> tuple[frozenset[str], ...]:
        """For each needed slot that is looked up by words, the lemmas and ``=forms`` one of which must be in the sentence."""
        return tuple(a for s in self.slots if not s.optional and (a := s.anchors()) is not None)


@dataclass(frozen=True, slots=True)
class Match:
    """A rule found in a sentence: the tokens of its slots, and every blocker tried; ``blocked`` names what stopped it."""

    rule: Rule
    places: tuple[int, ...]
    tried: tuple[str, ...]
    blocked: tuple[Blocked, ...] = ()


class _Called(dict[Form, tuple[int, tuple[int, ...]]]):
    """Form -> the bits that it gives, and the numbers of the rules that it calls."""

    def __init__(self, bits: Mapping[str, int], index: Mapping[str, tuple[int, ...]]) -> None:
        self._bits, self._index = bits, index
        self._by_lemmas: dict[frozenset[str], tuple[int, tuple[int, ...]]] = {}

    def __missing__(self, form: Form) -> tuple[int, tuple[int, ...]]:
        if len(self) >= _MOST_FORMS:
            self.clear()
            self._by_lemmas.clear()
        lemmas, itself = form.word.lemmas, f"={form.form}"
        found = self._by_lemmas.get(lemmas)
        if found is None:
            found = self._by_lemmas[lemmas] = self._of(lemmas)
        if itself in self._bits or itself in self._index:
            found = self._of((*lemmas, itself))
        self[form] = found
        return found

    def _of(self, keys: Iterable[str]) -> tuple[int, tuple[int, ...]]:
        gives = 0
        calls: set[int] = set()
        for key in keys:
            gives |= self._bits.get(key, 0)
            calls.update(self._index.get(key, ()))
        return gives, tuple(sorted(calls))


@dataclass(frozen=True, slots=True)
class Packs:
    """All rules, and what tells quickly which of them a sentence can match.

    ``index`` leads, per language, from an anchor lemma or ``=form`` to the rules it calls; ``always`` are those nothing calls.
    ``needs`` has, per rule, a bit for each of its sets of anchors, ``bits`` the bits that a lemma or form gives. ``files`` maps a
    pack's label to where it came from. ``wide`` are the rules of tier ``seconded`` by language and category; the rest leave them out."""

    rules: tuple[Rule, ...]
    index: Mapping[str, Mapping[str, tuple[int, ...]]]
    always: Mapping[str, tuple[int, ...]]
    needs: tuple[int, ...]
    bits: Mapping[str, Mapping[str, int]]
    files: Mapping[str, Path] = field(default_factory=dict)
    ranked: bool = True
    wide: Mapping[tuple[str, str], tuple[Rule, ...]] = field(default_factory=dict)
    known: dict[str, _Called] = field(default_factory=dict, compare=False, repr=False)

    def candidates(self, sentence: Sentence) -> list[Rule]:
        """The rules with a word of each anchor in the sentence, in the order of the packs."""
        language = sentence.language
        known = self.known.get(language)
        if known is None:
            known = self.known[language] = _Called(self.bits.get(language, {}), self.index.get(language, {}))
        have = 0
        called: tuple[int, ...] = self.always.get(language, ())
        for gives, calls in map(known.__getitem__, sentence.forms):
            have |= gives
            if calls:
                called += calls
        if not called:
            return []
        needs = self.needs
        return [self.rules[n] for n in sorted([n for n in set(called) if needs[n] & have == needs[n]])]

    def match(self, sentence: Sentence, context: Context) -> list[Match]:
        """Every rule whose slots are there, blocked or not, in the order of the packs."""
        return matches(self.candidates(sentence), sentence, context)

    def second(self, sentence: Sentence, category: str, context: Context) -> list[Match]:
        """What the wide rules of a category find, blocked or not: to be asked only where the learned reader is sure of it."""
        return matches(self.wide.get((sentence.language, category), ()), sentence, context)


def matches(rules: Sequence[Rule], sentence: Sentence, context: Context) -> list[Match]:
    found = (try_rule(rule, sentence, context) for rule in rules)
    return [match for match in found if match is not None]


def try_rule(rule: Rule, sentence: Sentence, context: Context) -> Match | None:
    """None where a slot, speaker or required context is missing; otherwise the first unblocked row, or the first with what blocked it."""
    tokens = sentence.tokens
    if rule.speaker is not None and context.speaker is not None and rule.speaker != context.speaker:
        return None
    rows = find(rule.slots, tokens, any_order=rule.any_order, window=rule.window, across=rule.across)
    if not rows:
        return None
    if any(not _somewhere(r, tokens) for r in rule.requires):
        return None
    blocked: tuple[Blocked, ...] = ()
    for row in rows:
        stops = [stop for name in rule.blockers if (stop := BLOCKERS[name](sentence, row, context)) is not None]
        for number, forbidden in enumerate(rule.forbids):
            if hit := _somewhere(forbidden, tokens):
                words = " ".join(tokens[i].form for i in hit)
                stops.append(Blocked("context", words, f"forbids[{number}]"))
        if not stops:
            return Match(rule, row, (*rule.blockers, *(["context"] if rule.forbids else [])))
        blocked = blocked or tuple(stops)
    return Match(rule, rows[0], (*rule.blockers, *(["context"] if rule.forbids else [])), blocked)


def _somewhere(row: tuple[Slot, ...], tokens: Sequence[Token]) -> tuple[int, ...]:
    found = find(row, tokens, any_order=False, window=0, across=True)
    return found[0] if found else ()


def load_packs(extra_dirs: Sequence[Path] = ()) -> Packs:
    """The packs of the program and those in ``extra_dirs``. Raises UsageError for a pack that cannot be read."""
    rules: list[Rule] = []
    files: dict[str, Path] = {}
    common = common_lists()
    sources = sorted(PACKS.glob("*/*.toml")) + [f for d in extra_dirs for f in sorted(Path(d).glob("*.toml"))]
    for path in sources:
        label, found = read_pack(path, common)
        files[label] = path
        rules.extend(found)
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise UsageError(
                _("Two rules are called {name}.").format(name=rule.id),
                _("One is in {first}, one in {second}.").format(first=seen[rule.id], second=rule.pack),
                _("Rename yours."),
            )
        seen[rule.id] = rule.pack
    return _indexed(tuple(rules), files)


def packs_of(rules: Sequence[Rule]) -> Packs:
    """Packs of just these rules, indexed: what tests and ``rules explain`` use."""
    return _indexed(tuple(rules), {})


@cache
def common_lists() -> dict[str, dict[str, list[str]]]:
    path = PACKS / "common.toml"
    table = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    return {language: dict(table.get(language, {})) for language in ("ru", "en")}


def read_pack(path: Path, common: Mapping[str, Mapping[str, list[str]]] | None = None) -> tuple[str, list[Rule]]:
    """The label ``name@version#hash`` and the rules of one file. Raises UsageError naming the rule and the mistake."""
    octets = path.read_bytes()
    try:
        table = tomllib.loads(octets.decode("utf-8"))
        head = table.get("pack", {})
        language, category = head.get("language"), head.get("category")
        if language not in ("ru", "en") or category not in CATEGORIES:
            raise ValueError(_("[pack] needs language = ru | en and a known category"))
        label = f"{head.get('name', path.stem)}@{head.get('version', '0')}#{hashlib.sha256(octets).hexdigest()[:12]}"
        lists = {**(common or common_lists()).get(language, {}), **table.get("lists", {})}
        defaults = table.get("defaults", {})
        rules = [_rule({**defaults, **raw}, label, language, category, lists) for raw in table.get("rule", [])]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UsageError(
            _("The rule pack {name} cannot be used.").format(name=path.name),
            str(error),
            _("Correct it and run `evidence rules check {path}`.").format(path=path),
        ) from None
    return label, rules


def _rule(raw: Mapping[str, Any], pack: str, language: str, category: str, lists: Mapping[str, list[str]]) -> Rule:
    name = raw.get("id", "(without id)")
    try:
        if unknown := sorted(set(raw) - _KEYS):
            raise ValueError(_("no such key: {names}").format(names=", ".join(unknown)))
        subtype = raw.get("subtype")
        if subtype is not None and subtype not in CATEGORIES[category]:
            raise ValueError(_("{category} has no subtype {subtype}").format(category=category, subtype=subtype))
        allow = frozenset(raw.get("allow", ()))
        if wrong := sorted(allow - set(BLOCKERS)):
            raise ValueError(_("no such blocker: {names}").format(names=", ".join(wrong)))
        addressee = bool(raw.get("addressee", category in ("insult", "accusation")))
        blockers = [b for b in DEFAULT_BLOCKERS[category] if b not in allow]
        if not addressee and "addressee" in blockers:
            blockers.remove("addressee")
        tier = str(raw.get("tier", "stated"))
        if tier not in TIERS:
            raise ValueError(_("no such tier: {tier}").format(tier=tier))
        return Rule(
            id=str(raw["id"]),
            category=category,
            subtype=subtype,
            language=language,
            pack=pack,
            slots=parse_slots(raw["slots"], lists),
            any_order=raw.get("order") == "any",
            window=int(raw.get("window", 8)),
            across=bool(raw.get("across", False)),
            requires=tuple(parse_slots(r, lists) for r in raw.get("requires", ())),
            forbids=tuple(parse_slots(r, lists) for r in raw.get("forbids", ())),
            blockers=tuple(blockers),
            addressee=addressee,
            speaker=raw.get("speaker"),
            tier=tier,
            note=str(raw.get("note", "")),
            must_match=tuple(raw.get("must_match", ())),
            must_not_match=tuple(raw.get("must_not_match", ())),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(_("rule {name}: {error}").format(name=name, error=error)) from None


_COMMON_WORDS = frozenset(
    "вы ваш мы я наш мой не нет ни и в на по с за к у от до что это быть весь так you your we i our my not no the a to of in on for is are be have do"
    " will am it this that and if".split()
)


def _indexed(rules: tuple[Rule, ...], files: Mapping[str, Path]) -> Packs:
    index: dict[str, dict[str, list[int]]] = {"ru": {}, "en": {}}
    always: dict[str, list[int]] = {"ru": [], "en": []}
    bits: dict[str, dict[str, int]] = {"ru": {}, "en": {}}
    bit_of: dict[tuple[str, frozenset[str]], int] = {}
    wide: dict[tuple[str, str], tuple[Rule, ...]] = {}
    needs = []
    for number, rule in enumerate(rules):
        if rule.tier == "seconded":
            wide[rule.language, rule.category] = (*wide.get((rule.language, rule.category), ()), rule)
            needs.append(0)
            continue
        need = 0
        for anchor in rule.anchors:
            bit = bit_of.setdefault((rule.language, anchor), 1 << len(bit_of))
            need |= bit
            for key in anchor:
                bits[rule.language][key] = bits[rule.language].get(key, 0) | bit
        needs.append(need)
        if not rule.anchors:
            always[rule.language].append(number)
            continue
        best = min(rule.anchors, key=lambda a: (sum(w.lstrip("=") in _COMMON_WORDS for w in a), len(a)))
        for lemma in best:
            index[rule.language].setdefault(lemma, []).append(number)
    return Packs(
        rules,
        {language: {k: tuple(v) for k, v in table.items()} for language, table in index.items()},
        {language: tuple(v) for language, v in always.items()},
        tuple(needs),
        bits,
        files,
        wide=wide,
    )
