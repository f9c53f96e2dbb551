"""Why a flag stands, or why none does, in words a lawyer follows: the sentence, its words, the rule, what was tried against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from evidence.errors import UsageError
from evidence.i18n import quoted, translation
from evidence.model import Flag, Letter
from evidence.timeline.ranker import Ranker, load_ranker
from evidence.timeline.rules import Match, Packs, packs_of, read_pack, try_rule
from evidence.timeline.rules_blockers import Context
from evidence.timeline.sentences import Sentence, sentences
from evidence.timeline.words import CATEGORY_WORDS

Say = Callable[[str], str]


def _category(category: str, _: Say) -> str:
    return _(CATEGORY_WORDS[category])


def _blocker(name: str, _: Say) -> str:
    return {
        "negation": _("is it negated?"),
        "question": _("is it a question?"),
        "reported": _("does it report what somebody else said?"),
        "unreal": _("is it unreal or a joke?"),
        "quotation": _("does it stand between quotation marks?"),
        "boilerplate": _("is it boilerplate?"),
        "addressee": _("is the reader addressed?"),
        "past": _("is it a step already taken?"),
        "name": _("is it the name of a person or a place?"),
        "idiom": _("is it a figure of speech?"),
        "kind": _("is it kind praise?"),
        "third": _("is it somebody else's affair?"),
        "context": _("do other words in the sentence speak against it?"),
    }[name]


def _stop(name: str, words: str, language: str) -> str:
    """A blocker with the words it was seen by."""
    _ = translation("timeline", language).gettext
    named = {
        "negation": _("negation"),
        "question": _("question"),
        "reported": _("reported"),
        "unreal": _("unreal"),
        "quotation": _("quotation"),
        "boilerplate": _("boilerplate"),
        "addressee": _("addressee"),
        "past": _("past"),
        "name": _("name"),
        "idiom": _("idiom"),
        "kind": _("kind"),
        "third": _("third"),
        "context": _("context"),
    }
    return f"{named.get(name, name)} {quoted(words, language)}"


_STORED_STOP = re.compile(r"(?P<rule>.*): (?P<name>\w+) «(?P<words>.*)»", re.DOTALL)


def _stored_stop(stop: str, language: str) -> str:
    """``Flag.detail["blocked"]`` holds a rule, a blocker and its words in one text, between « » in every language."""
    found = _STORED_STOP.fullmatch(stop)
    return f"{found['rule']}: {_stop(found['name'], found['words'], language)}" if found else stop


def explain(flag: Flag, letter: Letter, packs: Packs, language: str) -> str:
    """Several lines of text in ``language`` (ru, en) on how ``flag`` came about."""
    _ = translation("timeline", language).gettext
    text = letter.texts[flag.part]
    sentence = _sentence_at(text, flag.start)
    lines = [
        f"{_category(flag.category, _)} · {_tier(flag, _)}",
        f"{_('Quote')}: {quoted(flag.quote, language)}",
        f"{_('Found in')}: {flag.part}, {flag.start}–{flag.end}",
    ]
    if sentence is not None:
        lines.append(f"{_('Sentence')}: {sentence.text}")
        lines.append(f"{_('Words and base forms')}: {_lemmas(sentence)}")
    rule = next((r for r in packs.rules if r.id == flag.rule), None)
    if rule is not None:
        lines.append(f"{_('Rule')}: {rule.id} ({flag.pack}){_note(rule.note)}")
        if rule.tier == "seconded":
            carried = ", ".join(flag.detail.get("words", ()))
            lines.append(
                f"  {_('a wide rule: it counts because the learned reader is sure of the sentence')}: {carried}"
            )
        slots = flag.detail.get("slots", ())
        named = [s for s in rule.slots if not s.optional]
        for slot, word in zip(named if len(named) == len(slots) else rule.slots, slots, strict=False):
            lines.append(f"  {quoted(word, language)} ← {slot.source}")
        for name in flag.detail.get("blockers", ()):
            lines.append(
                f"  {_blocker(name, _)} {_('no, nothing of the kind found') if name != 'addressee' else _('yes')}"
            )
        if also := flag.detail.get("also"):
            lines.append(f"{_('Found by other rules too')}: {', '.join(also)}")
    else:
        lines.append(f"{_('Proposed by')}: {flag.pack}; {_('score')} {_hundredths(flag.score, language)}")
        if words := flag.detail.get("words"):
            lines.append(f"{_('Based on the words')}: {', '.join(words)}")
        for stop in flag.detail.get("blocked", ()):
            lines.append(f"  {_('a rule was stopped')}: {_stored_stop(stop, language)}")
    if objection := flag.detail.get("objection"):
        lines.append(f"{_('Only possible, because')}: {_objection(str(objection), _)}")
    for one in flag.links:
        lines.append(f"{_role(str(one['role']), _)}: {quoted(str(one['quote']), language)}{_due(one.get('due'), _)}")
    lines.append(
        _("The words are quoted; what they mean in law is for a person to say. Unflagged does not mean absent.")
    )
    return "\n".join(lines)


def _tier(flag: Flag, _: Say) -> str:
    return _("stated by a rule") if flag.tier == "stated" else _("possible, for a person to confirm")


def _objection(objection: str, _: Say) -> str:
    return {
        "the learned reader does not see it here": _("the learned reader does not see it here"),
        "the other side is not among the recipients": _("the other side is not among the recipients"),
        "whose words an attachment holds is not known": _("whose words an attachment holds is not known"),
    }.get(objection, objection)


def _role(role: str, _: Say) -> str:
    return {
        "condition": _("Condition"),
        "consequence": _("Consequence"),
        "commitment": _("Earlier promise"),
        "invoice": _("Earlier invoice"),
        "answers": _("Answers"),
    }.get(role, role)


def _due(day: object, _: Say) -> str:
    return f" ({_('due')} {day})" if day else ""


def _note(note: str) -> str:
    return f": {note}" if note else ""


def _lemmas(sentence: Sentence) -> str:
    return " · ".join(f"{t.form}={t.word.lemma}" if t.word.lemma != t.form else t.form for t in sentence.tokens)


def _sentence_at(text: str, at: int) -> Sentence | None:
    low = max(0, text.rfind("\n\n", 0, at) + 1)
    return next((s for s in sentences(text, low) if s.end > at), None)


def explain_text(text: str, packs: Packs, language: str = "en") -> str:
    """What every rule sees in ``text``: matched, or what stopped it, and the learned reader's scores. For ``rules explain``."""
    _ = translation("timeline", language).gettext
    row = list(sentences(text))
    matched = [tuple(packs.match(s, Context())) for s in row]
    ranker = load_ranker() if packs.ranked else None
    scores = ranker.score(row, matched) if ranker is not None else []
    lines: list[str] = []
    for number, sentence in enumerate(row):
        lines.append(quoted(sentence.text, language))
        lines.append(f"  {_('Words and base forms')}: {_lemmas(sentence)}")
        seconded = _seconded(packs, ranker, sentence, scores[number]) if ranker is not None else []
        for match in (*matched[number], *seconded):
            lines.append("  " + _match_line(match, sentence, language))
        if not matched[number] and not seconded:
            lines.append(f"  {_('no rule has all its words here')}")
        if ranker is not None:
            best = sorted(((ranker.share(scores[number], c), c) for c in ranker.categories), reverse=True)[:2]
            for share, category in best:
                words = ", ".join(ranker.carrying_words(sentence, category))
                proposed = (
                    _("proposes") if ranker.proposes(scores[number], category, sentence) else _("does not propose")
                )
                lines.append(
                    f"  {_('learned reader')}: {proposed} {_kind(category, language)} ({_hundredths(share, language)}; {words})"
                )
    return "\n".join(lines)


def _seconded(packs: Packs, ranker: Ranker, sentence: Sentence, scores: Mapping[str, int]) -> list[Match]:
    """What wide rules find in a sentence of whose category the learned reader is sure."""
    sure = [c for c in ranker.categories if ranker.agrees(scores, c, sentence)]
    return [m for category in sure for m in packs.second(sentence, category, Context())]


def _hundredths(share: float, language: str) -> str:
    """0,86 in Russian, 0.86 in English."""
    return f"{share:.2f}".replace(".", "," if language == "ru" else ".")


def _kind(category: str, language: str) -> str:
    """Rules are written with the keys of categories, which are English words; a reader of Russian is told what each means."""
    return category if language == "en" else _category(category, translation("timeline", language).gettext)


def _match_line(match: Match, sentence: Sentence, language: str) -> str:
    _ = translation("timeline", language).gettext
    tiers = {"stated": _("stated"), "possible": _("possible"), "seconded": _("seconded")}
    words = ", ".join(sentence.tokens[i].form for i in match.places)
    if not match.blocked:
        return f"✓ {match.rule.id} [{tiers.get(match.rule.tier, match.rule.tier)}]: {words}"
    stops = "; ".join(_stop(b.blocker, b.words, language) for b in match.blocked)
    return f"✗ {match.rule.id}: {words} — {_('stopped by')} {stops}"


def check_pack(path: Path, language: str = "en") -> list[str]:
    """What is wrong with a pack, one line each in ``language``; empty when every rule reads and keeps its own examples. For ``rules check``."""
    _ = translation("timeline", language).gettext
    try:
        label, rules = read_pack(path)
    except UsageError as error:
        return [str(error)]
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    problems: list[str] = []
    if not rules:
        problems.append(f"{label}: {_('no [[rule]] in it')}")
    names = [rule.id for rule in rules]
    problems += [f"{name}: {_('two rules have this id')}" for name in sorted({n for n in names if names.count(n) > 1})]
    for rule in rules:
        packs = packs_of([rule])
        if not rule.must_match:
            problems.append(f"{rule.id}: {_('must_match is empty; give at least one sentence the rule is for')}")
        if not rule.must_not_match:
            problems.append(
                f"{rule.id}: {_('must_not_match is empty; give at least one sentence the rule must leave alone')}"
            )
        for text in rule.must_match:
            if not matches(packs, text):
                problems.append(
                    f"{rule.id}: {_('does not match {text}').format(text=quoted(text, language))}{_stopped(packs, text, language)}"
                )
        for text in rule.must_not_match:
            if matches(packs, text):
                problems.append(
                    f"{rule.id}: {_('matches {text}, which it must not').format(text=quoted(text, language))}"
                )
    return problems


def matches(packs: Packs, text: str) -> bool:
    """Whether any rule of ``packs`` matches a sentence of ``text`` with every blocker passed."""
    return any(not m.blocked for s in sentences(text) for m in (*packs.match(s, Context()), *_wide(packs, s)))


def _wide(packs: Packs, sentence: Sentence) -> list[Match]:
    return [m for _, category in packs.wide for m in packs.second(sentence, category, Context())]


def _stopped(packs: Packs, text: str, language: str) -> str:
    _ = translation("timeline", language).gettext
    stops = [b for s in sentences(text) for r in packs.rules if (m := try_rule(r, s, Context())) for b in m.blocked]
    return f" ({_('stopped by')} {', '.join(_stop(b.blocker, b.words, language) for b in stops)})" if stops else ""
