"""What a letter reports of an answer given outside it: a telephone call about the matter, a payment or document that came.

Each letter is read once; an asking is then held against the few sentences that report something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from evidence.model import Letter
from evidence.timeline.answers import Evidence, Vocabulary, stems_of
from evidence.timeline.answers_features import ask_type, reply_run
from evidence.timeline.gates import Gate, opened
from evidence.timeline.requests_find import Ask

ACKNOWLEDGED_WITHIN = timedelta(days=10)  # "the money has come" without a word on what for

_CALL = Gate(
    r"\b(?:(?:по|при|в)\s+(?:телефон\w*|звонк\w*|разговор\w*)|созвон\w*|звонил[аи]?|позвонил[аи]?|устно"
    r"|(?:on|by|over)\s+the\s+(?:phone|telephone)|(?:by|over|via)\s+(?:phone|telephone)|our\s+(?:call|phone\s+call|conversation)|when\s+(?:we|you)\s+(?:spoke|rang|called|phoned)"
    r"|(?:your|the)\s+(?:call|phone\s+call)|picking\s+up|spoke\s+(?:to|with)|rang\s+me|called\s+me|phoned)\b",
    re.I,
)
_SAID = Gate(
    r"\b(?:сказал[аи]?|подтвердил[аи]?|сообщил[аи]?|ответил[аи]?|назвал[аи]?|обещал[аи]?|договорил\w+|согласил\w+|пояснил[аи]?|объяснил[аи]?"
    r"|said|told|confirmed|agreed|promised|explained|mentioned|answered|gave)\b",
    re.I,
)
_RECEIVED = Gate(
    r"\b(?:оплат\w+|деньги|плат[её]ж\w*|перевод|акт\w*|документ\w*|накладн\w+|сч[её]т\w*|реквизит\w*|файл\w*|фото\w*|скан\w*)\b.{0,30}\b(?:получил\w*|пришл[аои]|пришёл|видим|вижу|поступил\w*|дошл[аои]|дошёл|получен\w*)"
    r"|\b(?:получил\w*|видим|вижу|дошл[аои])\b.{0,25}\b(?:оплат\w+|деньги|плат[её]ж\w*|акт\w*|документ\w*|накладн\w+|сч[её]т\w*|реквизит\w*|файл\w*|фото\w*|скан\w*)"
    r"|\b(?:money|payment|deposit|transfer|funds|remittance|file|files|document|documents|photo|photos|logo|invoice|copy)\b.{0,30}\b(?:arrived|received|landed|cleared|came\s+through|is\s+in)\b"
    r"|\b(?:got|received)\b.{0,20}\b(?:both|your|the|them|it|payment|deposit|file|files|document|documents|photo|photos|logo)\b",
    re.I,
)
_NEGATED = Gate(
    r"\b(?:не|нет|пока|ни|not|no|never|hasn't|haven't|didn't|yet|still|once|when|until|when\s+can)\b|\?", re.I
)

_MONEY = Gate(r"оплат|деньг|плат[её]ж|money|payment|funds", re.I)


# A sum or a number as people write it: 1 440, 1,440.00, INV-207. Two digits name nothing.
_NUMBER = re.compile(r"(?:\d{1,3}(?:[\u00a0\u202f .,]\d{3})+(?!\d)|\d+)(?:[.,]\d{1,2}(?!\d))?")
_MADE = Gate(
    r"\b(?:оплачен\w*|оплатил\w*|перевел\w*|перевёл|переведен\w*|переведён\w*|перечислил\w*|перечислен\w*|отправил\w*|отправлен\w*|внес(?:ли|ла|ён\w*|ен\w*)|внёс|возвращен\w*|вернул\w*"
    r"|paid|transferred|remitted|settled|sent|refunded|credited)\b",
    re.I,
)


def names_as_made(asked_in: Letter, reply: Letter) -> bool:
    """Whether ``reply`` says in one sentence that something with a number of ``asked_in`` (a sum, an invoice) was paid or sent.

    That proves no answer, but silence about it is not to be asserted before a person has looked.
    """
    asked = _numbers(asked_in.own_text())
    if not asked or not _MADE.search(reply.own_text()):
        return False
    return any(
        _MADE.search(s.text) and not _NEGATED.search(s.text) and asked & _numbers(s.text)
        for s in reply_run(reply.own_text())
    )


_SUM = re.compile(
    r"[£€$]\s?(\d[\d\u00a0\u202f .,]*)(k\b)?|(\d[\d\u00a0\u202f .,]*)(?:(тыс(?:\.|яч[аиу]?)?|k|т\.)\s*)?(?:[£€$₽]|руб|р\.|евро|долл|dollars|euros?|pounds?|quid)",
    re.I,
)


def another_sum(asked_in: Letter, answer: str) -> bool:
    """Whether an answer to a request for payment names sums, and none that was asked for: part of it may have been paid."""
    asked, said = (frozenset().union(*(_sum(m) for m in _SUM.finditer(text))) for text in (asked_in.own_text(), answer))
    return bool(asked and said and not asked & said)


def _sum(found: re.Match[str]) -> frozenset[str]:
    """The sum as whole units in digits; «15 тыс. руб.» and "$1.5k" are thousands."""
    number, thousands = found[1] or found[3], found[2] or found[4]
    if not thousands:
        return _numbers(number)
    whole = re.sub(r"[^\d,.]", "", number).strip(",.").replace(",", ".")
    return frozenset({str(round(float(whole) * 1000))}) if whole.count(".") < 2 else _numbers(number)


def _numbers(text: str) -> frozenset[str]:
    """The numbers of a text as digits, without kopecks or pence; no years, nothing below three digits."""
    found = (re.sub(r"[.,]\d{1,2}$", "", m.group()) for m in _NUMBER.finditer(text))
    numbers = (re.sub(r"\D", "", one) for one in found if not re.fullmatch(r"(?:19|20)\d\d", one))
    return frozenset(digits for digits in numbers if len(digits) >= 3)


@dataclass(frozen=True, slots=True)
class Reported:
    """A sentence of a letter's own words that reports a call, or that something came. ``start``: its place in the body."""

    letter: Letter
    start: int
    text: str
    stems: frozenset[str]
    call: bool
    money: bool

    def evidence(self, probability: float, sure: bool, why: str) -> Evidence:
        return Evidence(
            self.letter.sha256, "answered", probability, sure, why, self.text, self.start, self.start + len(self.text)
        )


def reported(letter: Letter) -> tuple[Reported, ...]:
    """The sentences of ``letter`` that report something, in order."""
    body = letter.texts.get("body", "")
    found = []
    for zone in letter.zones_of("body"):
        text = body[zone.start : zone.end]
        if zone.kind != "own":
            continue
        mask = opened(text)
        call = _CALL.pattern.search(text) if mask & _CALL.bit else None
        # What a sentence says stands in the text, and between the same characters: few texts need to be cut into sentences.
        if not call and not (mask & _RECEIVED.bit and _RECEIVED.pattern.search(text)):
            continue
        for sentence in reply_run(text):
            near = call and sentence.start <= call.end() + 400 and sentence.end >= call.start() - 20
            spoken = bool(
                near and "?" not in sentence.text and (_SAID.search(sentence.text) or _CALL.search(sentence.text))
            )
            arrived = bool(_RECEIVED.search(sentence.text)) and not _NEGATED.search(sentence.text)
            for by_call in (True,) * spoken + (False,) * arrived:
                found.append(
                    Reported(
                        letter, zone.start + sentence.start, sentence.text, stems_of(sentence.text), by_call,
                        bool(_MONEY.search(sentence.text)),
                    )
                )  # fmt: skip
    return tuple(found)


def reported_call(ask: Ask, sentences: Sequence[Reported], vocabulary: Vocabulary) -> Evidence | None:
    """A letter (of either side) that says the matter asked about was spoken of by telephone: for a person to confirm."""
    asked = stems_of(ask.quote)
    for one in sentences:
        if one.call and vocabulary.overlap(asked, one.stems) >= 0.25:
            return one.evidence(0.6, False, "a letter reports a telephone call about it")
    return None


def acknowledged(ask: Ask, asked_in: Letter, sentences: Sequence[Reported], vocabulary: Vocabulary) -> Evidence | None:
    """The asker's own later letter confirming that the payment or document came: the asker's word against their interest."""
    if ask.kind not in ("payment", "document"):
        return None
    asked = stems_of(ask.quote)
    for one in sentences:
        if one.call:
            continue
        soon = one.letter.at - asked_in.at <= ACKNOWLEDGED_WITHIN
        pays = soon and one.money and ask_type(ask.quote, ask.kind) == "pay"
        if pays or vocabulary.overlap(asked, one.stems) >= 0.2:
            return one.evidence(0.8, True, "the asker's own letter says that it came")
    return None
