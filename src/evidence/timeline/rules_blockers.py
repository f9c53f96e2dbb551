"""Blockers: what stops a rule although its words are there. Each says which words stopped it.

They answer the traps of business mail: negation, questions, past and reported speech, unreal conditions, words between
quotation marks, sentences about third parties. A rule may ``allow`` a blocker by name where the trap is its very point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evidence.timeline.gates import Gate
from evidence.timeline.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Context:
    """What a sentence alone does not show: who writes, the part, the sentences around it."""

    speaker: str | None = None
    part: str = "body"
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A blocker that stopped a rule, the words that did, and where it is defined."""

    blocker: str
    words: str
    where: str = ""


_NEGATIONS = frozenset(
    "не ни нет никто никогда нельзя незачем без not never no nobody nothing without neither nor hardly".split()
)
_NOT_ONLY = frozenset("только просто лишь only just merely".split())
_SECOND = frozenset("вы вас вам вами ваш ты тебя тебе тобой твой you your yours yourself yourselves u ur".split())
_SAY = frozenset(
    "сказать говорить написать писать сообщить утверждать заявить рассказать прочитать услышать"
    " say tell write claim state report hear read mention".split()
)
_FIRST = frozenset("я мы i we".split())
_THIRD = frozenset("он она они he she they".split())
_UNREAL = Gate(
    r"\b(?:если бы|бы (?:мы|я)\b|(?:would|could|should|might) (?:not |n['’]t )?have\b|as if\b|as though\b|imagine\b|suppose\b|представьте\b|"
    r"допустим\b|в шутку|шучу|шутк[аиу]\b|joking\b|kidding\b|\bjoke\b|just teasing|pun intended|шутим\b)",
    re.IGNORECASE,
)
_REPORTED = Gate(
    r"(?:по (?:его|её|ее|их) словам|according to|\b(?:he|she|they|someone|people|everyone|customer|neighbour|supplier|landlord|friend) (?:has |have |had )?"
    r"(?:said|says|told|claimed|claims|wrote|threatened|threatens|was|were|has been)\b|(?:он|она|они|сосед\w*|друг|кто-то|клиент|поставщик|покупател\w+) "
    r"(?:сказал|написал|говорит|пишет|говорил|угрожал|заявил|грозил)\w*)",
    re.IGNORECASE,
)
_QUOTES = re.compile(r"[«“„\"]([^«»“”„\"]{2,300})[»”“\"]")
_BOILERPLATE = Gate(
    r"(?:intended recipient|confidential(?:ity)? notice|это письмо и вложения|настоящее письмо конфиденциально|предназначен\w* исключительно|"
    r"unsubscribe|отписаться|terms and conditions appl|newsletter|рассылк|privacy policy|политик\w+ конфиденциальности|"
    r"автоматический ответ|out of office|do not reply to this|это автоматическое)",
    re.IGNORECASE,
)


def _negation(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    tokens = sentence.tokens
    first, last = min(row), max(row)
    for place in range(max(0, first - 3), last + 1):
        if place in row or (tokens[place].form not in _NEGATIONS and tokens[place].word.lemma != "not"):
            continue
        if place < first and tokens[place].clause != tokens[first].clause:
            continue
        if place + 1 < len(tokens) and tokens[place + 1].form in _NOT_ONLY:
            continue
        return Blocked("negation", tokens[place].form)
    return None


def _question(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    return Blocked("question", "?") if sentence.question else None


def _reported(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    match = _REPORTED.search(sentence.text)
    return Blocked("reported", match.group()) if match else None


def _unreal(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    match = _UNREAL.search(sentence.text)
    return Blocked("unreal", match.group()) if match else None


def _quoted_words(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    first, last = sentence.tokens[min(row)], sentence.tokens[max(row)]
    for match in _QUOTES.finditer(sentence.text):
        start, end = match.start(1) + sentence.start, match.end(1) + sentence.start
        if start <= first.start and last.end <= end and len(match.group()) < len(sentence.text) - 4:
            return Blocked("quotation", match.group(1)[:40])
    return None


def _boilerplate(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    match = _BOILERPLATE.search(sentence.text)
    return Blocked("boilerplate", match.group()) if match else None


def _addressee(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    for token in sentence.tokens:
        if token.form in _SECOND or not _SECOND.isdisjoint(token.word.lemmas):
            return None
        if any("2per" in r or "impr" in r for r in token.word.readings[:1]):
            return None
    return Blocked("addressee", "nobody is addressed")


def _past(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    """A verb of the match in the past tense: a step taken is a fact, not an announcement."""
    for place in row:
        token = sentence.tokens[place]
        readings = token.word.readings
        if readings and "past" in readings[0] and ("VERB" in readings[0]):
            return Blocked("past", token.form)
        if token.form in _COMPELLED:
            near = sentence.tokens[max(0, place - 2) : place + 2]
            if before := next((t for t in near if t.form in _WAS), None):
                return Blocked("past", before.form)
    return None


_WAS = frozenset("был была были было".split())
_COMPELLED = frozenset("вынужден вынуждена вынуждены готов готова готовы намерен намерена намерены".split())
_IDIOM = Gate(
    r"двух зайцев|death of me|two birds|dressed to kill|kill(?:ing)? (?:the|some) (?:time|lights?|green|red|blue)|killing me|убить время|"
    r"убивает время|рассмеш\w+|break a leg|ни пуха|сорвать голову|голову сломал|руки дойдут",
    re.IGNORECASE,
)
_KIND = Gate(
    r"(?:хорош|отличн|положительн|т[её]пл|прекрасн|восторженн)\w+ (?:отзыв|слов)|(?:пять|5) зв[её]зд|"
    r"\b(?:good|great|glowing|lovely|kind|positive|nice|excellent|five[- ]star|5[- ]star) (?:review|feedback|words)|five stars|5 stars",
    re.IGNORECASE,
)
_PLACE = frozenset("road street lane house avenue close drive hotel yard farm square place".split())
_KIN = Gate(
    r"\b(?:my|his|her) (?:sister|brother|mother|mum|dad|father|neighbou?r|friend|cousin|ex|uncle|aunt)\b|"
    r"\b(?:her|his|their) (?:landlord|employer|boss|builder|neighbou?r|husband|wife|insurer|supplier)\b",
    re.IGNORECASE,
)


def _name(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    """Sue is a person, and Court Road a place."""
    tokens = sentence.tokens
    for place in row:
        token = tokens[place]
        written = sentence.text[token.start - sentence.start : token.end - sentence.start]
        if written == "Sue" or (written.istitle() and place + 1 < len(tokens) and tokens[place + 1].form in _PLACE):
            return Blocked("name", written)
    return None


def _idiom(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    match = _IDIOM.search(sentence.text)
    return Blocked("idiom", match.group()) if match else None


def _kind(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    match = _KIND.search(sentence.text)
    return Blocked("kind", match.group()) if match else None


def _third(sentence: Sentence, row: Sequence[int], context: Context) -> Blocked | None:
    """Somebody else's affair: a relative or their landlord acts, and the reader is not spoken to."""
    match = _KIN.search(sentence.text)
    if match is None or any(t.form in _SECOND for t in sentence.tokens):
        return None
    return Blocked("third", match.group())


BLOCKERS: Mapping[str, Callable[[Sentence, Sequence[int], Context], Blocked | None]] = {
    "negation": _negation,
    "question": _question,
    "reported": _reported,
    "unreal": _unreal,
    "quotation": _quoted_words,
    "boilerplate": _boilerplate,
    "addressee": _addressee,
    "past": _past,
    "name": _name,
    "idiom": _idiom,
    "kind": _kind,
    "third": _third,
}

_ALWAYS = ("unreal", "quotation", "boilerplate")
DEFAULT_BLOCKERS: Mapping[str, tuple[str, ...]] = {
    "threat": ("negation", "question", "past", "reported", "third", "name", "idiom", "kind", *_ALWAYS),
    "demand": ("negation", "reported", *_ALWAYS),
    "accusation": ("negation", "question", "reported", "addressee", *_ALWAYS),
    "insult": ("negation", "addressee", "idiom", *_ALWAYS),
    "refusal": ("question", "reported", *_ALWAYS),
    "broken_promise": ("question", *_ALWAYS),
    "nonpayment": ("question", "reported", *_ALWAYS),
    "admission": ("question", "reported", *_ALWAYS),
    "deadline_notice": ("question", "reported", *_ALWAYS),
    "termination_notice": ("question", "reported", *_ALWAYS),
}
