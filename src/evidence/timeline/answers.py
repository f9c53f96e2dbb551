"""Searches the other side's later letters for an answer to one asking, and says where and why it found one.

A letter can answer in its own words (inline under the quoted question, or by typed evidence), by what it attaches, or by
a call that a letter reports. Nothing here decides an outcome: that is ``requests.py``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from evidence.model import Letter
from evidence.stems import words
from evidence.timeline.answers_features import (
    ask_type,
    content,
    cues,
    pair_features,
    passages,
    reply_run,
    sentence_features,
)
from evidence.timeline.answers_model import models
from evidence.timeline.answers_rules import Overlap, combined, conditional, typed_points
from evidence.timeline.requests_find import Ask

Verdict = Literal["answered", "deferred", "none"]

DIRECT_AT = 0.5  # a reply to the very letter
LATER_AT = 0.6  # a later letter of the thread, which must also speak of the same thing
ELSEWHERE_AT = 0.6  # a letter of another thread, which must speak of it plainly
SURE_AT = 0.75
DEFER_AT = 0.5
ACKNOWLEDGED_WITHIN = timedelta(days=10)  # "the money has come" without a word on what for

_CALL = re.compile(
    r"\b(?:(?:по|при|в)\s+(?:телефон\w*|звонк\w*|разговор\w*)|созвон\w*|звонил[аи]?|позвонил[аи]?|устно"
    r"|(?:on|by|over)\s+the\s+(?:phone|telephone)|(?:by|over|via)\s+(?:phone|telephone)|our\s+(?:call|phone\s+call|conversation)|when\s+(?:we|you)\s+(?:spoke|rang|called|phoned)"
    r"|(?:your|the)\s+(?:call|phone\s+call)|picking\s+up|spoke\s+(?:to|with)|rang\s+me|called\s+me|phoned)\b",
    re.I,
)
_SAID = re.compile(
    r"\b(?:сказал[аи]?|подтвердил[аи]?|сообщил[аи]?|ответил[аи]?|назвал[аи]?|обещал[аи]?|договорил\w+|согласил\w+|пояснил[аи]?|объяснил[аи]?"
    r"|said|told|confirmed|agreed|promised|explained|mentioned|answered|gave)\b",
    re.I,
)
_RECEIVED = re.compile(
    r"\b(?:оплат\w+|деньги|плат[её]ж\w*|перевод|акт\w*|документ\w*|накладн\w+|сч[её]т\w*|реквизит\w*|файл\w*|фото\w*|скан\w*)\b.{0,30}\b(?:получил\w*|пришл[аои]|пришёл|видим|вижу|поступил\w*|дошл[аои]|дошёл|получен\w*)"
    r"|\b(?:получил\w*|видим|вижу|дошл[аои])\b.{0,25}\b(?:оплат\w+|деньги|плат[её]ж\w*|акт\w*|документ\w*|накладн\w+|сч[её]т\w*|реквизит\w*|файл\w*|фото\w*|скан\w*)"
    r"|\b(?:money|payment|deposit|transfer|funds|remittance|file|files|document|documents|photo|photos|logo|invoice|copy)\b.{0,30}\b(?:arrived|received|landed|cleared|came\s+through|is\s+in)\b"
    r"|\b(?:got|received)\b.{0,20}\b(?:both|your|the|them|it|payment|deposit|file|files|document|documents|photo|photos|logo)\b",
    re.I,
)
_NEGATED = re.compile(
    r"\b(?:не|нет|пока|ни|not|no|never|hasn't|haven't|didn't|yet|still|once|when|until|when\s+can)\b|\?", re.I
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one letter shows for one asking. ``start`` and ``end`` are offsets into the letter's body; None without a span."""

    sha256: str
    verdict: Verdict
    probability: float
    sure: bool
    why: str
    quote: str | None = None
    start: int | None = None
    end: int | None = None


class Vocabulary:
    """How telling a stem is in this matter: rare ones tie letters together, common ones do not."""

    def __init__(self, letters: Iterable[Letter]) -> None:
        self._seen: Counter[str] = Counter()
        self._count = 0
        for letter in letters:
            self.learn(stems_of(letter.own_text()))

    def learn(self, stems: Iterable[str]) -> None:
        """Take in one more text."""
        self._seen.update(stems)
        self._count += 1

    def weight(self, stem: str) -> float:
        return math.log((self._count + 1) / (self._seen[stem] + 0.5)) + 0.3

    def overlap(self, asked: Iterable[str], said: frozenset[str]) -> float:
        """The weighted share (0 … 1) of the asked stems that are said."""
        total = shared = 0.0
        for stem in asked:
            weight = self.weight(stem)
            total += weight
            shared += weight if stem in said else 0.0
        return shared / total if total else 0.0

    def share(self, ask: str, text: str) -> float:
        """``overlap`` of the words of two texts."""
        return self.overlap(stems_of(ask), stems_of(text))


@lru_cache(maxsize=20_000)
def stems_of(text: str) -> frozenset[str]:
    """The stems of ``text`` that carry meaning."""
    return frozenset(content(text))


def judge(
    ask: str, kind: str, reply: str, attachments: Sequence[str], overlap: Overlap
) -> tuple[float, float, int | None, int | None, str]:
    """(probability of answered, of deferred, index of the best sentence for each, reasons) for a reply's own text."""
    run = reply_run(reply)
    if not run:
        # Nothing but an attachment: only its name can speak.
        sent = kind == "document" and bool(attachments)
        return 0.8 if sent else 0.0, 0.0, None, None, "nothing but an attachment"
    best: dict[str, tuple[float, int, int, list[str]]] = {}
    for name in ("answered", "deferred"):
        model = models()[name]
        for first, end in passages(run):
            named = pair_features(ask, kind, run[first:end], attachments)
            found = (model.score(named), -first, end, named)
            if name not in best or found[:2] > best[name][:2]:
                best[name] = found
    index = {}
    for name, (_score, first, end, _named) in best.items():
        model = models()[f"{name}-sentence"]
        index[name] = max(
            range(-first, end), key=lambda i: (model.score(sentence_features(ask, kind, run, i, attachments)), -i)
        )
    points = typed_points(ask, kind, run, attachments, overlap)
    shown = points.index if points.total > 0 else index["answered"]
    probability = combined(best["answered"][0], points)
    weights = ", ".join(models()["answered"].reasons(best["answered"][3], 2))
    return probability, best["deferred"][0], shown, index["deferred"], "; ".join((*points.names, weights))


def inline_reply(ask: Ask, asked_in: Letter, reply: Letter) -> tuple[int, int] | None:
    """The own words that stand right under the asking in ``reply``, where it was quoted back and answered in place."""
    body = reply.texts.get("body", "")
    zones = {z.number: z for z in reply.zones_of("body")}
    wanted = _letters_only(ask.quote)
    for zone in zones.values():
        if (
            zone.kind != "own"
            or zone.answers is None
            or zone.answers not in zones
            or not body[zone.start : zone.end].strip()
        ):
            continue
        quoted = _letters_only(re.sub(r"(?m)^[> ]+", "", body[zones[zone.answers].start : zones[zone.answers].end]))
        if not wanted or not quoted:
            continue
        # The answer belongs to what stands last above it; a long quotation may hold several questions.
        at = quoted.rfind(wanted)
        if at >= 0 and len(quoted) - at - len(wanted) <= 40:
            return zone.start, zone.end
        if at < 0 and len(quoted) >= 12 and wanted.endswith(quoted):
            return zone.start, zone.end
    return None


def _letters_only(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def weigh(
    ask: Ask,
    asked_in: Letter,
    reply: Letter,
    *,
    direct: bool,
    in_thread: bool,
    same_subject: bool,
    vocabulary: Vocabulary,
) -> Evidence:
    """What ``reply`` (a human letter of the other side) shows for ``ask``."""
    body = reply.texts.get("body", "")
    names = [
        a.filename for a in reply.attachments if a.disposition != "inline" or not a.content_type.startswith("image/")
    ]
    under = inline_reply(ask, asked_in, reply)
    if under:
        return _inline(ask, reply, body, under, names, vocabulary)
    own = reply.own_text()
    asked = stems_of(ask.quote) or stems_of(asked_in.own_text())
    overlap = vocabulary.overlap(asked, stems_of(own) | stems_of(" ".join(names)))
    shared = asked & (stems_of(own) | stems_of(" ".join(names)))
    # One word in common ties nothing to another thread: everybody speaks of payments.
    if not direct and (overlap < (0.2 if in_thread or same_subject else 0.34) or (not in_thread and len(shared) < 2)):
        return Evidence(reply.sha256, "none", 0.0, False, f"speaks of other things (overlap {overlap:.2f})")
    answered, deferred, index, deferred_index, reasons = judge(ask.quote, ask.kind, own, names, vocabulary.share)
    limit = DIRECT_AT if direct else LATER_AT if in_thread else ELSEWHERE_AT
    if answered >= limit and answered >= deferred:
        span = _span(reply, own, index)
        why = f"{'direct reply' if direct else 'later in the thread' if in_thread else 'another thread'}; overlap {overlap:.2f}; {reasons}"
        return Evidence(reply.sha256, "answered", answered, answered >= SURE_AT, why, *span)
    if deferred >= DEFER_AT and direct and _puts_off(own, deferred_index):
        return Evidence(
            reply.sha256,
            "deferred",
            deferred,
            deferred >= SURE_AT,
            "says that an answer will follow",
            *_span(reply, own, deferred_index),
        )
    return Evidence(reply.sha256, "none", answered, False, f"no visible answer; {reasons}")


def _puts_off(own: str, index: int | None) -> bool:
    """Whether the sentence says in so many words that something will follow, and sets no condition for it."""
    if index is None:
        return False
    text = reply_run(own)[index].text
    return "defer" in cues(text) and not conditional(text)


def _inline(
    ask: Ask, reply: Letter, body: str, under: tuple[int, int], names: Sequence[str], vocabulary: Vocabulary
) -> Evidence:
    start, end = under
    while start < end and body[start].isspace():
        start += 1
    while end > start and body[end - 1].isspace():
        end -= 1
    text = body[start:end]
    answered, deferred, *_ = judge(ask.quote, ask.kind, text, names, vocabulary.share)
    if deferred >= DEFER_AT and deferred > answered:
        return Evidence(
            reply.sha256,
            "deferred",
            deferred,
            True,
            "written under the quoted request: an answer will follow",
            text,
            start,
            end,
        )
    if text.rstrip().endswith("?") and len(words(text)) < 25 and answered < DIRECT_AT:
        return Evidence(
            reply.sha256, "none", answered, False, "written under the quoted request: asks back", text, start, end
        )
    return Evidence(
        reply.sha256, "answered", max(answered, 0.9), True, "written right under the quoted request", text, start, end
    )


def _span(reply: Letter, own: str, index: int | None) -> tuple[str | None, int | None, int | None]:
    """The sentence's place in the body: own text is the own zones joined by line breaks, so offsets are walked back."""
    if index is None:
        return None, None, None
    sentence = reply_run(own)[index]
    body = reply.texts.get("body", "")
    at = 0
    for zone in reply.zones_of("body"):
        if zone.kind != "own":
            continue
        length = zone.end - zone.start
        if at <= sentence.start and sentence.end <= at + length:
            start = zone.start + sentence.start - at
            end = zone.start + sentence.end - at
            return body[start:end], start, end
        at += length + 1
    return None, None, None


def may_report(letter: Letter) -> bool:
    """Whether a letter speaks of a call or of something received at all: the others need not be read for it."""
    own = letter.own_text()
    return bool(_CALL.search(own) or _RECEIVED.search(own))


def reported_call(ask: Ask, letter: Letter, vocabulary: Vocabulary) -> Evidence | None:
    """A letter (of either side) that says the matter asked about was spoken of by telephone."""
    body = letter.texts.get("body", "")
    asked = stems_of(ask.quote)
    for zone in letter.zones_of("body"):
        if zone.kind != "own":
            continue
        text = body[zone.start : zone.end]
        call = _CALL.search(text)
        if not call:
            continue
        for sentence in reply_run(text):
            near = sentence.start <= call.end() + 400 and sentence.end >= call.start() - 20
            said = _SAID.search(sentence.text) or _CALL.search(sentence.text)
            if (
                near
                and said
                and "?" not in sentence.text
                and vocabulary.overlap(asked, stems_of(sentence.text)) >= 0.25
            ):
                start = zone.start + sentence.start
                return Evidence(
                    letter.sha256,
                    "answered",
                    0.6,
                    False,
                    "a letter reports a telephone call about it",
                    sentence.text,
                    start,
                    start + len(sentence.text),
                )
    return None


def acknowledged(ask: Ask, asked_in: Letter, letter: Letter, vocabulary: Vocabulary) -> Evidence | None:
    """The asker's own later ``letter`` confirming that the payment or document came: the asker's word against their interest."""
    if ask.kind not in ("payment", "document"):
        return None
    body = letter.texts.get("body", "")
    soon = letter.at - asked_in.at <= ACKNOWLEDGED_WITHIN
    for zone in letter.zones_of("body"):
        if zone.kind != "own":
            continue
        for sentence in reply_run(body[zone.start : zone.end]):
            if not _RECEIVED.search(sentence.text) or _NEGATED.search(sentence.text):
                continue
            overlap = vocabulary.overlap(stems_of(ask.quote), stems_of(sentence.text))
            pays = (
                soon
                and ask_type(ask.quote, ask.kind) == "pay"
                and re.search(r"оплат|деньг|плат[её]ж|money|payment|funds", sentence.text, re.I)
            )
            if overlap >= 0.2 or pays:
                start = zone.start + sentence.start
                return Evidence(
                    letter.sha256,
                    "answered",
                    0.8,
                    True,
                    "the asker's own letter says that it came",
                    sentence.text,
                    start,
                    start + len(sentence.text),
                )
    return None


def counts(evidence: Sequence[Evidence]) -> Mapping[str, int]:
    return Counter(e.verdict for e in evidence)
