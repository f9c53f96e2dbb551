"""Typed evidence by rule: what kind of words answer what kind of question, and whether they speak of the same thing.

The trained weights know how answers sound; letters in a dispute are long and speak of many things, so the weights alone
would take any refusal for an answer. Here each sentence is held against the asking, and every point given is named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evidence.stems import words
from evidence.timeline.answers_features import alternatives, ask_type, attachment_features, content, cues
from evidence.timeline.gates import Gate
from evidence.timeline.requests_sentences import Sentence

SHORT = 40  # words: the length of reply the weights were trained on
Overlap = Callable[[str, str], float]  # (ask, text) -> weighted share of the asked words that the text has

# Which cues are the type of answer that a type of question asks for.
TYPED: dict[str, frozenset[str]] = {
    "when": frozenset(("date", "day", "time", "period")),
    "how-much": frozenset(("number", "money")),
    "why": frozenset(("because", "sorry")),
    "who": frozenset(("name",)),
    "where": frozenset(("place", "name")),
    "which": frozenset(("both", "name", "number", "date", "day")),
    "how": frozenset(("number", "done", "we-will")),
    "what": frozenset(("number", "name", "date")),
    "yes-no": frozenset(("yes", "bare-no", "no")),
    "confirm": frozenset(("yes", "done", "bare-no")),
    "send": frozenset(("attached", "done")),
    "pay": frozenset(("done", "yes")),
    "do": frozenset(("done", "yes", "we-will", "attached", "bare-no")),
}
_OWN_REFUSAL = {
    "pay": re.compile(r"плат|оплат|денег|деньг|копейк|рубл|верн|возмещ|pay|penny|refund|money|transfer", re.I),
    "send": re.compile(
        r"прис|высл|предостав|переда|отда|дава|дадим|дам|раскры|send|give|share|provide|disclose|release|hand|get\b",
        re.I,
    ),
}
_WITHHOLDS = Gate(
    r"(?:не\s+(?:скажу|скажем|раскры|сообщ|обсужда|коммент)|rather\s+not\s+say|our\s+business|won't\s+(?:say|tell|discuss)|not\s+(?:telling|at\s+liberty|going\s+to\s+say)|confidential)",
    re.I,
)
_CONDITION = Gate(r"(?:^|[,;]\s*)(?:если|пока\s+не|if|unless|until)\b", re.I)


@dataclass(frozen=True, slots=True)
class Points:
    """Points for "answered" (a logit), the sentence that earned most, and their names."""

    total: float
    index: int
    names: tuple[str, ...]
    short: bool
    tied: bool  # something ties the letter to what was asked: its words, its shortness, a file; else the weights may not speak for it


def typed_points(ask: str, kind: str, run: Sequence[Sentence], attachments: Sequence[str], overlap: Overlap) -> Points:
    """What the sentences of one letter show as an answer to ``ask``."""
    of = ask_type(ask, kind)
    short = sum(len(words(s.text)) for s in run) <= SHORT
    best: tuple[float, int, list[str]] = (-9.0, 0, [])
    elsewhere = False
    for index in range(len(run)):
        points, names = _sentence(of, ask, run, index, short, overlap)
        elsewhere = elsewhere or "declines something else" in names
        if points > best[0]:
            best = (points, index, names)
    total, index, names = best
    tied = (short and not elsewhere) or total >= 1.0
    if attachments and kind == "document":
        features = attachment_features(ask, of, attachments)
        if f"{of}+files:named" in features:
            total, tied, names = (
                max(total, 0.0) + 3.0,
                True,
                [*names, "an attached file is named like what was asked for"],
            )
        elif any("attached" in cues(s.text) and overlap(ask, s.text) >= 0.2 for s in run):
            total, tied, names = max(total, 0.0) + 2.0, True, [*names, "says that it is attached"]
    if run and all("?" in s.text for s in run if len(words(s.text)) > 2):
        total, names = total - 1.5, [*names, "only asks back"]
    return Points(total, index, tuple(names), short, tied)


def conditional(text: str) -> bool:
    return bool(_CONDITION.search(text))


def _sentence(
    of: str, ask: str, run: Sequence[Sentence], index: int, short: bool, overlap: Overlap
) -> tuple[float, list[str]]:
    text = run[index].text
    found = set(cues(text))
    near = overlap(ask, text)
    if index and near < 0.2:
        near = max(near, 0.7 * overlap(ask, run[index - 1].text))
    typed = bool(found & TYPED[of]) if of in TYPED else False
    if of == "yes-no":
        # Yes or no counts where it opens the sentence, or where the asked words are said again.
        typed = bool({"yes", "bare-no"} & set(cues(" ".join(text.split()[:3])))) or near >= 0.45
    if of == "which" and alternatives(ask) & content(text):
        typed = True
    if of == "which" and re.match(r"\W*[A-ZА-Я1-9]\b[.,!]", text):
        typed = True
    points, names = 0.0, []
    if "question" in found:
        return -1.5, ["is a question"]
    opens = of == "yes-no" and near >= 0.1 and bool({"yes", "bare-no"} & set(cues(" ".join(text.split()[:3]))))
    if typed and (near >= 0.2 or opens):
        points, names = 2.0 + min(near, 0.6), [f"what answers «{of}», about the same thing ({near:.2f})"]
    elif typed and index <= 1 and short:
        points, names = 1.2, [f"what answers «{of}», in a short reply"]
    elif typed and index <= 1:
        points, names = 0.1, [f"what answers «{of}», not visibly about it"]
    elif near >= 0.45:
        points, names = 0.4, [f"about the same thing ({near:.2f}), nothing that answers «{of}»"]
    else:
        points, names = -1.0, [f"nothing that answers «{of}»"]
    if "refuse" in found or "bare-no" in found:
        own = _OWN_REFUSAL.get(of)
        if _WITHHOLDS.search(text) or (
            of in ("pay", "send", "do", "yes-no")
            and (near >= 0.2 or (own and own.search(text)) or (short and index == 0))
        ):
            if not (of == "pay" and "до" in text.split() and near < 0.2):
                points, names = max(points, 1.6), [*names, "declines it"]
        elif near < 0.2:
            points, names = min(points, -0.8), [*names, "declines something else"]
    if "defer" in found and of in ("do", "pay", "send") and "done" not in found:
        points, names = points - 1.0, [*names, "speaks of doing it later"]
    if _CONDITION.search(text):
        points -= 0.5
    if "accuse" in found:
        points -= 0.5
    return points, names


def combined(probability: float, points: Points) -> float:
    """The weights' probability and the rules' points as one probability.

    In a short reply the weights lead, for they were trained on such; in a long letter the rules do, for it speaks of much else.
    """
    clipped = min(max(probability, 0.02), 0.98)
    logit = math.log(clipped / (1 - clipped))
    if not points.tied:
        logit = min(logit, 0.0)
    if points.short and points.total < 2.0:
        total = logit + 0.35 * points.total - 0.2
    else:
        logit = min(max(logit, -1.4), 1.4)
        total = 0.9 * logit + (0.7 if points.short else 0.8) * points.total - 0.1
    return round(1 / (1 + math.exp(-total)), 3)
