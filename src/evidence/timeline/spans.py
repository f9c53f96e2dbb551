"""Which part of a sentence a flag quotes: its clause, the parts of a list of demands, the condition of an ultimatum."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from evidence.timeline.gates import Gate
from evidence.timeline.rules import Match, common_lists
from evidence.timeline.rules_slots import Alternative, parse_slots
from evidence.timeline.sentences import Sentence

_WHOLE = 24  # words: a shorter sentence is quoted whole, so that nothing is torn out of it
# Not the comma or colon of a number: «£2,400» and «17:40» stay whole.
_SEPARATOR = re.compile(
    r"(?:(?<!\d)[,:]|[,:](?!\d)|[;—])|\s[-–]\s|\s(?:и|а также|and|plus|as well as)\s", re.IGNORECASE
)
_AND = re.compile(r"[\s,]*\b(?:и|а также|and|plus|as well as)\s+", re.IGNORECASE)
_IF = frozenset("если unless if иначе".split())


def clause_span(sentence: Sentence, places: Sequence[int]) -> tuple[int, int]:
    """The clauses a match touches, from first to last; a short sentence whole."""
    tokens = sentence.tokens
    if len(tokens) <= _WHOLE:
        return sentence.start, sentence.end
    low, high = tokens[min(places)].clause, tokens[max(places)].clause
    inside = [t for t in tokens if low <= t.clause <= high]
    start = sentence.start if inside[0] is tokens[0] else inside[0].start
    end = sentence.end if inside[-1] is tokens[-1] else inside[-1].end
    return start, end


def demand_segments(sentence: Sentence, matches: Sequence[Match]) -> list[tuple[int, int, Match]]:
    """A sentence with several demands (pay, apologise, by Friday) as one span each; empty where there is only one kind."""
    kinds: dict[str, Match] = {}
    for match in matches:
        kinds.setdefault(match.rule.subtype or "other", match)
    named = {k: m for k, m in kinds.items() if k != "other"}
    if len(named) < 2:
        return []
    cuts = [
        0,
        *sorted({c for m in _SEPARATOR.finditer(sentence.text) for c in (m.start(), m.end())}),
        len(sentence.text),
    ]
    spans: dict[tuple[int, int], Match] = {}
    for kind, match in named.items():
        first, last = sentence.tokens[min(match.places)], sentence.tokens[max(match.places)]
        end = min(c for c in cuts if c >= last.end - sentence.start) + sentence.start
        if kind == "deadline":  # its own words only: beside another demand of the clause it belongs to that
            spans.setdefault((first.start, end), match)
            continue
        start = _past_blanks(sentence.text, max(c for c in cuts if c <= first.start - sentence.start)) + sentence.start
        spans.setdefault((start, end), match)
    return _apart(sentence, [(a, b, m) for (a, b), m in sorted(spans.items(), key=lambda x: x[0])])


def _past_blanks(text: str, at: int) -> int:
    return len(text) - len(text[at:].lstrip())


def _apart(sentence: Sentence, spans: Sequence[tuple[int, int, Match]]) -> list[tuple[int, int, Match]]:
    """Spans that overlap joined into one: «Верните деньги в течение трёх дней» is one demand with its date, not two.

    What an "and" adds is a demand of its own.
    """
    found: list[tuple[int, int, Match]] = []
    for start, end, match in spans:
        wide = max(range(len(found)), key=lambda n: found[n][1], default=0)  # the one that reaches furthest
        first, last, before = found[wide] if found else (0, 0, match)
        more = _AND.match(sentence.text, last - sentence.start, end - sentence.start) if start < last < end else None
        if start >= last:
            found.append((start, end, match))
        elif more:
            found.append((more.end() + sentence.start, end, match))
        else:
            found[wide] = (first, max(last, end), match if before.rule.subtype == "deadline" else before)
    return found


def conditions(sentence: Sentence) -> list[tuple[str, int, int]]:
    """``condition`` and ``consequence`` spans of a sentence that makes the one depend on the other; empty otherwise."""
    if _IF.isdisjoint([one.form for one in sentence.forms]):
        return []
    tokens = sentence.tokens
    opening = [t for t in tokens if t.form in _IF]
    number = opening[0].clause
    inside = [t for t in tokens if t.clause == number]
    rest = [t for t in tokens if t.clause != number]
    if not rest or inside[0].form not in _IF:
        return []
    before = [t for t in rest if t.clause < number]
    after = [t for t in rest if t.clause > number]
    other = after or before
    return [("condition", inside[0].start, inside[-1].end), ("consequence", other[0].start, other[-1].end)]


_THREAT_LISTS = (("police", "police"), ("court", "court"), ("regulator", "regulator"), ("reputation", "publicity"))
_DEMAND_WORDS = (
    ("apology", r"извин|apolog|sorry"),
    ("refund", r"верн[иу]|возврат|назад|обратно|refund|\bback\b|reimburs"),
    ("discount", r"скидк|процент|пополам|\boff\b|discount|reduc|half|%"),
    ("compensation", r"компенс|возмест|ущерб|compens|damages|liable|cover"),
    ("deadline", r"^\W*(?:срок|до |крайний|by |you have|within|в течение)"),
)
_VIOLENCE = Gate(
    r"ноги|морд|зуб|голов[уы]|сломаю|бит[ауой]|ребят|кулак|убью|прибью|legs|teeth|\bface\b|smash|punch|break your|lads|baseball bat|knee|hurt",
    re.IGNORECASE,
)
_ECONOMIC = Gate(
    r"неустойк|пен[яию]|приостанов|прекрат|отключ|поставк|отгрузк|чарджб|оспор|друг(?:ому|ой) (?:подряд|постав)|chargeback|suspend|supply|interest|"
    r"collect|elsewhere|competitor|withhold|invoice",
    re.IGNORECASE,
)


def subtype_of(category: str, sentence: Sentence) -> str | None:
    """The subtype by the words of the sentence; ``other`` where none tells."""
    if category == "threat":
        found = next((kind for kind, name in _THREAT_LISTS if _has(sentence, name)), None)
        if found:
            return found
        if _VIOLENCE.search(sentence.text):
            return "violence"
        return "economic" if _ECONOMIC.search(sentence.text) else "other"
    if category == "demand":
        folded = sentence.text.casefold()
        return next((kind for kind, pattern in _DEMAND_WORDS if re.search(pattern, folded)), "action")
    return None


@cache
def _list(language: str, name: str) -> tuple[Alternative, ...]:
    return parse_slots([f"@{name}"], common_lists()[language])[0].alternatives


def _has(sentence: Sentence, name: str) -> bool:
    return any(a.accepts(t) for a in _list(sentence.language, name) for t in sentence.forms)
