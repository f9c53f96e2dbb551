"""What speaks for and against one letter being the answer to one asking, as numbers: its words, its place, what came after.

The same features are read in training (``tools/train_letters.py``) and at work. All are whole numbers (shares in thousandths), so that
a score is the same on every machine. Nothing here knows which side asked: the ledger is a mirror.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from evidence.model import Flag
from evidence.stems import words
from evidence.timeline.answers_features import (
    alternatives,
    ask_type,
    attachment_features,
    content,
    cues,
    pair_parts,
    parts_asked,
    passages,
    reply_run,
    sentence_features,
    sentence_lemmas,
)
from evidence.timeline.answers_model import TreeModel, letter_model, models
from evidence.timeline.answers_rules import Overlap, combined, conditional, typed_points
from evidence.timeline.gates import Gate
from evidence.timeline.requests_sentences import Sentence

UNSHOWN_AT_MOST = 0.25
DOUBT_AT = 0.1  # see docs/reckoning.md, "When silence is asserted"
READS_AS_ANSWER = 800  # of "together"
DEFER_AT = 0.5  # the score from which a passage counts as putting an answer off

_THANKS = Gate(
    r"\b(?:спасибо|благодар\w+|thanks|thank\s+you|cheers|ta\b|получил\w*|принято|поня(?:л|ла|ли|тно)|супер|отлично|хорошо|договорились|годится|ладно|окей|ок\b"
    r"|got\s+it|received|perfect|great|lovely|brilliant|noted|understood|agreed|fine|good|ok(?:ay)?\b)",
    re.I,
)
_STILL = Gate(
    r"\b(?:(?:так\s+и\s+)?не\s+(?:ответил\w*|прислал\w*|получил\w*|получен\w*|пришл\w+|отвеча\w+|услышал\w*|увидел\w*|дождал\w+|оплачен\w*|оплатил\w*|поступил\w*|сказал\w*)|жд[уё]\w*|повтор\w+|ещ[её]\s+раз|напомин\w+|в\s+(?:третий|второй|который)\s+раз|снова|опять|до\s+сих\s+пор|где\b|молч\w+|без\s+ответа|вопрос\s+(?:прежний|остал\w+|открыт)"
    r"|(?:you|u)\s+(?:haven't|have\s+not|didn't|did\s+not|still)|still|again|reminder|remind\w*|chas\w+|waiting|awaiting|no\s+(?:answer|reply|response|word)|never\s+(?:got|received|answered|replied|heard)|second|third\s+time|unanswered|outstanding|nothing\s+(?:from|yet)|i\s+asked|we\s+asked|my\s+question|as\s+asked)\b",
    re.I,
)
_DIGITS = re.compile(r"\d[\d\s.,:/-]*\d|\d")
# A name that says what the file is; IMG_4471.jpg and scan0012.pdf say nothing.
_NAMED_FILE = re.compile(
    r"(?<![^\W\d_])(?!(?:img|dsc|pic|photo|image|scan|doc|document|file|whatsapp|screenshot|mvi|vid|video|скан|фото|снимок|документ|файл)(?![^\W\d_]))[^\W\d_]{3,}(?=.*\.)",
    re.I,
)
CUE_NAMES = (
    "date", "day", "period", "time", "number", "money", "yes", "no", "bare-no", "refuse", "defer", "because", "done", "attached", "we-will",
    "thanks", "sorry", "vague", "accuse", "place", "both", "name", "question",
)  # fmt: skip
TYPES = ("when", "how-much", "why", "who", "where", "which", "how", "confirm", "what", "yes-no", "pay", "send", "do")


FLAGGED = ("threat", "insult", "accusation", "refusal", "admission")
_HOSTILE = ("threat", "insult", "accusation", "demand")


@dataclass(frozen=True, slots=True)
class Tone:
    """What was flagged in a letter: how often each of ``FLAGGED``, and how many passages attack or demand.

    Who answers with a threat or an insult in the words of the question has mostly not answered it.
    """

    counts: tuple[int, ...] = (0,) * len(FLAGGED)
    hostile: int = 0

    @classmethod
    def of(cls, flags: Iterable[Flag]) -> Tone:
        """Of a letter's flags as the rules and the learned reader found them, whatever a person decided since."""
        found = list(flags)
        counts = Counter(flag.category for flag in found)
        return cls(
            tuple(counts[category] for category in FLAGGED),
            len({(flag.part, flag.start, flag.end) for flag in found if flag.category in _HOSTILE}),
        )


CALM = Tone()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a letter stands to the asking, and what was flagged in it: what is known of it without reading its words."""

    direct: bool  # a reply to the very letter
    in_thread: bool
    same_subject: bool
    before: int  # letters of the answering side in the thread between the asking and this one
    between: int  # letters of the asker in the thread between them
    asks: int  # askings in the asking letter
    asks_before: int  # … that stand before this one
    hours: int
    late: bool
    repeated: bool  # the asker asks the same again later, by the rules of ``requests_repeats``
    again: float  # how like it the likest later asking of the same side is (0 … 1), after this letter
    again_marked: bool  # … and whether one that shares words with it says that it is a repeat
    following: str  # own words of the asker's next letter in the thread after this one ("": none)
    hours_left: int = 0  # until the time to answer is up; negative when late
    since_asker: int = 0  # letters of the asker between, in any thread
    since_theirs: int = 0  # … and of the answering side
    since_elsewhere: int = 0  # … of these in other threads than the asking's
    answers_later: bool = False  # a reply to a letter that the asker wrote after the asking
    asker_after: int = 0  # letters of the asker in the asking's thread after this one
    theirs_after: int = 0  # … and of the answering side
    subjects: float = 0.0  # weighted share of the words of the asking's subject that this one's has
    letters: float = 0.0  # … and of the asking letter's words that this letter says
    next_near: float = 0.0  # how much of the asked words the asker's next letter anywhere says
    to_asker: bool = True  # addressed to the person who asked
    tone: Tone = CALM
    speaks_of_it: bool = (
        True  # in the thread, or says two of the asked words and a weighted third; no feature of the trees
    )


# Under the quoted question itself: nothing else of the place is known, nor needed.
UNDER_THE_QUESTION = Place(True, True, True, 0, 0, 1, 0, 0, False, False, 0.0, False, "")


@dataclass(frozen=True, slots=True)
class Reading:
    """The features of one letter for one asking, the sentence that shows most, and reasons in words."""

    features: Mapping[str, int]
    best: int | None
    deferral: int | None
    deferred: float
    reasons: tuple[str, ...]


def letter_score(features: Mapping[str, int], model: TreeModel | None = None) -> float:
    """The probability that the letter answers. Where nothing in it shows an answer, its place alone makes none.

    A letter of the thread whose words by themselves read as the answer leaves a doubt, however unlikely its place makes it.
    """
    score = (model or letter_model()).score(features)
    if features.get("in thread", 0) and features.get("together", 0) >= READS_AS_ANSWER:
        score = max(score, DOUBT_AT)
    return score if shows(features) else min(score, UNSHOWN_AT_MOST)


def shows(features: Mapping[str, int]) -> bool:
    """Whether something in the letter can be pointed at as the answer.

    A document and a payment must be seen: typed evidence, a file not named as something else, or any file with a word shared; a day and an
    amount too, or a word shared.
    So must anything in a letter of three words. What answers other questions often shares nothing with them: there the trees decide.
    """
    speaking = ("typed anywhere", "files named", "files unnamed")
    if features.get("shared", 0) and not any(features.get(name, 0) for name in ("type send", "type pay")):
        return True
    if any(features.get(name, 0) for name in speaking) or features.get("points", 0) > 0:
        return True
    if features.get("files", 0) and features.get(
        "shared", 0
    ):  # a file of another name, sent with words about what was asked
        return True
    if features.get("weights", 0) >= 500:
        return True
    asked = ("type send", "type pay", "type when", "type how-much")
    return features.get("words", 0) > 3 and not any(features.get(name, 0) for name in asked)


def read_letter(ask: str, kind: str, reply: str, attachments: Sequence[str], place: Place, overlap: Overlap) -> Reading:
    """Read ``reply`` (a letter's own text) as an answer to ``ask``."""
    run = reply_run(reply)
    of = ask_type(ask, kind)
    asked = content(ask)
    out = _of_place(place, of, ask, asked)
    named = attachment_features(ask, of, attachments)
    out["files"] = len(attachments)
    out["files named"] = int(f"{of}+files:named" in named)
    out["files unnamed"] = sum(not _NAMED_FILE.search(a) for a in attachments)
    out["files for send"] = int(bool(attachments) and kind == "document")
    if not run:
        out["empty"] = 1
        return Reading(out, None, None, 0.0, ("nothing but an attachment",) if attachments else ("no own words",))
    answered, deferred = 0.0, 0.0
    passage: tuple[int, int] = (0, 0)
    for first, end in passages(run):
        showing, score = pair_score(ask, kind, run[first:end], attachments)
        answered = max(answered, showing)
        if score > deferred:
            deferred, passage = score, (first, end)
    deferral = _deferring(ask, kind, run, *passage, attachments) if deferred >= DEFER_AT else None
    points = typed_points(ask, kind, run, attachments, overlap)
    tokens = sum(len(words(s.text)) for s in run)
    whole = cues(reply)
    best = points.index
    near = [round(1000 * overlap(ask, s.text)) for s in run]
    closest = max(range(len(run)), key=lambda i: (near[i], -i))
    said = [content(s.text) for s in run]
    out |= {
        "words": min(tokens, 300),
        "sentences": min(len(run), 30),
        "questions": sum("?" in s.text for s in run),
        "questions share": 1000 * sum("?" in s.text for s in run) // len(run),
        "weights": round(1000 * answered),
        "deferred": round(1000 * deferred),
        "points": round(1000 * points.total),
        "tied": int(points.tied),
        "together": round(1000 * combined(answered, points)),
        "near": near[closest],
        "near best": near[best],
        "near at": closest,
        "near is a question": int("?" in run[closest].text),
        "shared": len(asked & frozenset().union(*said)),
        "shared at once": max(len(asked & s) for s in said),
        "whole near": round(1000 * overlap(ask, reply + " " + " ".join(attachments))),
        "hostile share": 1000 * place.tone.hostile // len(run),
        "alternative": int(bool(alternatives(ask) & frozenset().union(*said))),
        "numbers new": min(len(set(_DIGITS.findall(reply)) - set(_DIGITS.findall(ask))), 5),
        "conditional": int(conditional(run[best].text)),
        "puts off": int("defer" in cues(" ".join(s.text for s in run[slice(*passage)]))),
        "accuse": int("accuse" in whole),
    }
    nearest = cues(run[closest].text) if near[closest] >= 150 else ()
    for where, found in (("first", cues(run[0].text)), ("best", cues(run[best].text)), ("near", nearest)):
        out |= {f"{where} {c}": int(c in found) for c in CUE_NAMES}
    typed = _TYPED_CUES.get(of, ())
    out["typed anywhere"] = sum(any(c in cues(s.text) for c in typed) for s in run)
    out["typed best"] = int(any(c in cues(run[best].text) for c in typed))
    out["typed near"] = int(any(c in nearest for c in typed))
    if points.total <= 0:  # no rule points at a sentence: the weights do
        model = models()["answered-sentence"]
        best = max(range(len(run)), key=lambda i: (model.score(sentence_features(ask, kind, run, i, attachments)), -i))
    shown: int | None = best
    if kind == "document" and attachments and not asked & said[best] and "attached" not in cues(run[best].text):
        # The file is the answer: words about something else are not quoted for it.
        shown = next((i for i, one in enumerate(run) if "attached" in cues(one.text) or asked & said[i]), None)
    reasons = (*points.names, f"weights {answered:.2f}")
    return Reading(out, shown, deferral, deferred, reasons)


def pair_score(ask: str, kind: str, run: Sequence[Sentence], attachments: Sequence[str]) -> tuple[float, float]:
    """The probabilities that a passage answers, and that it puts off: of ``pair_features``, without writing each word's name down."""
    plain = set(pair_parts(ask, kind, run, attachments))
    spoken: dict[str | tuple[str, str], tuple[int, int]] = {}
    before = ""
    for sentence in run:
        first, last, weights = _spoken(sentence.text)
        if first:
            if before and any(across := _pair_weights(before, first)):
                spoken[before, first] = across
            spoken |= weights
            before = last
    answered, deferred = (models()[name] for name in ("answered", "deferred"))
    return (
        answered.score_with(plain, sum(w for w, _ in spoken.values())),
        deferred.score_with(plain, sum(w for _, w in spoken.values())),
    )


@lru_cache(maxsize=4_000)
def _spoken(sentence: str) -> tuple[str, str, dict[str | tuple[str, str], tuple[int, int]]]:
    """The first and last lemma of a sentence, and what its words and pairs of words weigh for "answered" and for "deferred"."""
    lemmas = sentence_lemmas(sentence)
    if not lemmas:
        return "", "", {}
    found: dict[str | tuple[str, str], tuple[int, int]] = {}
    answered, deferred = (models()[name].words for name in ("answered", "deferred"))
    for word in lemmas:
        if not word.isdigit() and any(both := (answered.get(word, 0), deferred.get(word, 0))):
            found[word] = both
    for pair in pairwise(lemmas):
        if any(both := _pair_weights(*pair)):
            found[pair] = both
    return lemmas[0], lemmas[-1], found


def _pair_weights(one: str, two: str) -> tuple[int, int]:
    return models()["answered"].pairs.get((one, two), 0), models()["deferred"].pairs.get((one, two), 0)


_TYPED_CUES: Mapping[str, tuple[str, ...]] = {
    "when": ("date", "day", "time", "period"), "how-much": ("number", "money"), "why": ("because",), "who": ("name",), "where": ("place", "name"),
    "which": ("both", "name", "number"), "how": ("number", "done", "we-will"), "what": ("number", "name", "date"), "yes-no": ("yes", "bare-no"),
    "confirm": ("yes", "done", "bare-no"), "send": ("attached", "done"), "pay": ("done", "yes"), "do": ("done", "yes", "we-will", "bare-no"),
}  # fmt: skip


def _deferring(ask: str, kind: str, run: Sequence[Sentence], first: int, end: int, files: Sequence[str]) -> int:
    """The sentence of ``run[first:end]`` that puts the answer off most plainly."""
    model = models()["deferred-sentence"]
    return max(range(first, end), key=lambda i: (model.score(sentence_features(ask, kind, run, i, files)), -i))


def _of_place(place: Place, of: str, ask: str, asked: frozenset[str]) -> dict[str, int]:
    follow = place.following
    stems = content(follow)
    head = " ".join(follow.split()[:8])
    return {
        "direct": int(place.direct),
        "in thread": int(place.in_thread),
        "same subject": int(place.same_subject),
        "before": min(place.before, 5),
        "between": min(place.between, 5),
        "asks": min(place.asks, 8),
        "asks before": min(place.asks_before, 8),
        "asks after": min(place.asks - place.asks_before - 1, 8),
        "hours": min(place.hours, 2000),
        "late": int(place.late),
        "repeated": int(place.repeated),
        "again": round(1000 * place.again),
        "again marked": int(place.again_marked),
        "hours left": max(min(place.hours_left, 2000), -2000),
        "since asker": min(place.since_asker, 20),
        "since theirs": min(place.since_theirs, 20),
        "since elsewhere": min(place.since_elsewhere, 20),
        "answers later": int(place.answers_later),
        "asker after": min(place.asker_after, 5),
        "theirs after": min(place.theirs_after, 20),
        "subjects": round(1000 * place.subjects),
        "letters": round(1000 * place.letters),
        "next near": round(1000 * place.next_near),
        "to asker": int(place.to_asker),
        **{f"says {name}": min(n, 5) for name, n in zip(FLAGGED, place.tone.counts, strict=True)},
        "hostile": min(place.tone.hostile, 8),
        "parts": min(parts_asked(ask), 4),
        "ask words": min(len(words(ask)), 60),
        "ask question": int("?" in ask),
        "followed": int(bool(follow)),
        "follow thanks": int(bool(_THANKS.search(head))),
        "follow thanks anywhere": int(bool(_THANKS.search(follow))),
        "follow still": int(bool(_STILL.search(follow))),
        "follow near": 1000 * len(asked & stems) // max(1, len(asked)),
        "follow asks": min(follow.count("?"), 4),
        "follow words": min(len(follow.split()), 200),
        **{f"type {name}": int(name == of) for name in TYPES},
    }
