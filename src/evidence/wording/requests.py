"""Why a request was judged as it was, in the reader's language.

``Request.why`` is stored in English, as parts joined by "; ", and stays as it is in the database and in JSON. The parts are few and fixed,
some with a name or a figure in them; ``request_why_in_words`` says each in the reader's language. A part it does not know stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from evidence.i18n import translation


def _mark(text: str) -> str:
    """Marks a text for the catalogue where it is translated later."""
    return text


_ = _mark
SENTENCES = (
    _("the time to answer is not up"),
    _("they wrote in the thread in time"),
    _("no answer is visible"),
    _("no reply in this thread by the deadline"),
    _("their later messages in it show no answer"),
    _("no reply in this thread"),
    _("no answer found in their other messages"),
    _("no later message of theirs was found"),
    _("says that an answer will follow"),
    _("written right under the quoted request"),
    _("written under the quoted request: an answer will follow"),
    _("a letter reports a telephone call about it"),
    _("the asker's own letter says that it came"),
    _("direct reply"),
    _("later in the thread"),
    _("another thread"),
    _("no own words"),
    _("nothing but an attachment"),
    _("is a question"),
    _("declines it"),
    _("declines something else"),
    _("speaks of doing it later"),
    _("only asks back"),
    _("says that it is attached"),
    _("an attached file is named like what was asked for"),
)
# A part with something in it: what it looks like, and how it is said.
TEMPLATES = (
    (re.compile(r"the letter was returned undelivered from (?P<addresses>.+)"), _("the letter was returned undelivered from {addresses}")),
    (re.compile(r"what answers «(?P<asked>.+)», about the same thing \((?P<share>.+)\)"), _("what answers «{asked}», about the same thing ({share})")),
    (re.compile(r"what answers «(?P<asked>.+)», in a short reply"), _("what answers «{asked}», in a short reply")),
    (re.compile(r"what answers «(?P<asked>.+)», not visibly about it"), _("what answers «{asked}», not visibly about it")),
    (re.compile(r"about the same thing \((?P<share>.+)\), nothing that answers «(?P<asked>.+)»"), _("about the same thing ({share}), nothing that answers «{asked}»")),
    (re.compile(r"nothing that answers «(?P<asked>.+)»"), _("nothing that answers «{asked}»")),
    (re.compile(r"weights (?P<share>\d\S*)"), _("weights {share}")),
)  # fmt: skip
# What is asked for, as it stands between the quotation marks.
ASKED: Mapping[str, str] = {
    "when": _("when"), "how-much": _("how much"), "why": _("why"), "who": _("who"), "where": _("where"), "which": _("which"), "how": _("how"),
    "confirm": _("confirm"), "what": _("what"), "yes-no": _("yes or no"), "pay": _("pay"), "send": _("send"), "do": _("do"),
}  # fmt: skip
# What the trees that weigh a whole letter speak of, beside the figure by which it counted.
FEATURES: Mapping[str, str] = {
    "direct": _("reply to the very letter"),
    "in thread": _("in the same thread"),
    "same subject": _("same subject"),
    "before": _("their letters in between"),
    "between": _("letters of the asker in between"),
    "asks": _("how many things the letter asks"),
    "asks before": _("how many it asks before this"),
    "asks after": _("how many it asks after this"),
    "hours": _("hours passed"),
    "late": _("after the deadline"),
    "repeated": _("asked again later"),
    "again": _("likeness of a later request"),
    "again marked": _("a later request says that it is a repeat"),
    "parts": _("parts of the request"),
    "ask words": _("length of the request"),
    "ask question": _("the request is a question"),
    "followed": _("the asker wrote again"),
    "follow thanks": _("the asker then begins with thanks"),
    "follow thanks anywhere": _("the asker then gives thanks"),
    "follow still": _("the asker is still waiting"),
    "follow near": _("the asker then speaks of the same thing"),
    "follow asks": _("questions in the asker's next letter"),
    "follow words": _("length of the asker's next letter"),
    "files": _("attached files"),
    "files named": _("files named like what was asked for"),
    "files unnamed": _("files whose names say nothing"),
    "files for send": _("files where a document was asked for"),
    "empty": _("no own words"),
    "words": _("length of the reply"),
    "sentences": _("sentences of the reply"),
    "questions": _("questions in the reply"),
    "questions share": _("share of questions in the reply"),
    "weights": _("weights of the words"),
    "deferred": _("puts the answer off"),
    "points": _("points by rule"),
    "tied": _("something ties the reply to the request"),
    "together": _("words and rules together"),
    "near": _("the asked words in its nearest sentence"),
    "near best": _("the asked words in its best sentence"),
    "near at": _("place of the nearest sentence"),
    "near is a question": _("the nearest sentence is a question"),
    "shared": _("words in common"),
    "shared at once": _("words in common in one sentence"),
    "whole near": _("the asked words in the whole reply"),
    "alternative": _("names an alternative that was offered"),
    "numbers new": _("figures that the request does not have"),
    "conditional": _("sets a condition"),
    "puts off": _("speaks of later"),
    "accuse": _("reproaches"),
    "typed anywhere": _("sentences of the kind that answers"),
    "typed best": _("the best sentence is of the kind that answers"),
    "typed near": _("the nearest sentence is of the kind that answers"),
}
PLACES: Mapping[str, str] = {
    "first": _("in the first sentence: {cue}"),
    "best": _("in the best sentence: {cue}"),
    "near": _("in the nearest sentence: {cue}"),
}
TYPE = _("asked for: «{asked}»")
CUES: Mapping[str, str] = {
    "date": _("a date"), "day": _("a day"), "period": _("a period"), "time": _("a time"), "number": _("a number"), "money": _("a sum"),
    "yes": _("yes"), "no": _("no"), "bare-no": _("a bare no"), "refuse": _("a refusal"), "defer": _("a putting off"), "because": _("a reason"),
    "done": _("a done deed"), "attached": _("a mention of an attachment"), "we-will": _("a promise"), "thanks": _("thanks"), "sorry": _("an apology"),
    "vague": _("generalities"), "accuse": _("a reproach"), "place": _("a place"), "both": _("a choice"), "name": _("a name"), "question": _("a question"),
}  # fmt: skip
del _

_FEATURE = re.compile(r"(?P<name>[a-z][a-z -]*[a-z])(?P<value>[+-]\d+\.\d\d)")


def request_why_in_words(language: str, why: str) -> str:
    """The reason of a request in ``language`` (``ru`` or ``en``; English is what is stored). Raises nothing."""
    if language == "en":
        return why
    _ = translation("wording", language).gettext
    return "; ".join(_part(part, _) for part in why.split("; "))


def _part(part: str, _: Callable[[str], str]) -> str:
    if part in SENTENCES:
        return _(part)
    for pattern, template in TEMPLATES:
        if match := pattern.fullmatch(part):
            named = {name: _value(name, value, _) for name, value in match.groupdict().items()}
            return _(template).format(**named)
    match = _FEATURE.fullmatch(part)
    said = _feature(match["name"], _) if match else None
    return f"{said} ({_number(match['value'])})" if match and said else part


def _value(name: str, value: str, _: Callable[[str], str]) -> str:
    if name == "asked":
        return _(ASKED[value]) if value in ASKED else value
    return _number(value) if name == "share" else value


def _feature(name: str, _: Callable[[str], str]) -> str | None:
    if name in FEATURES:
        return _(FEATURES[name])
    place, _space, rest = name.partition(" ")
    if place == "type" and rest in ASKED:
        return _(TYPE).format(asked=_(ASKED[rest]))
    if place in PLACES and rest in CUES:
        return _(PLACES[place]).format(cue=_(CUES[rest]))
    return None


def _number(value: str) -> str:
    """With a comma, as Russian writes it, and a true minus."""
    return value.replace(".", ",").replace("-", "−")
