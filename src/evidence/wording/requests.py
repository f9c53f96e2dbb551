"""Why a request has its outcome, in the reader's language.

``Request.why`` is stored in English, for experts too: pieces parted by "; ", the weights of the answer search among them. ``request_why``
says the pieces that a person can check in Russian or English; the weights stay in the database and in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from evidence.i18n import translation
from evidence.wording import mark

_ = mark
PIECES = (
    _("direct reply"),
    _("later in the thread"),
    _("another thread"),
    _("is a question"),
    _("an attached file is named like what was asked for"),
    _("says that it is attached"),
    _("only asks back"),
    _("declines it"),
    _("declines something else"),
    _("speaks of doing it later"),
    _("nothing but an attachment"),
    _("no own words"),
    _("says that an answer will follow"),
    _("written right under the quoted request"),
    _("written under the quoted request: an answer will follow"),
    _("written under the quoted request: asks back"),
    _("a letter reports a telephone call about it"),
    _("the asker's own letter says that it came"),
    _("the time to answer is not up"),
    _("they wrote in the thread in time"),
    _("no answer is visible"),
    _("no reply in this thread by the deadline"),
    _("their later messages in it show no answer"),
    _("no reply in this thread"),
    _("no answer found in their other messages"),
    _("no later message of theirs was found"),
    _("a message of theirs says that something with that number was paid or sent"),
    _("the request has no word of its own to search by"),
    _("names another sum than was asked for"),
)
ANSWERS = {
    "when": _("a date or a time"),
    "how-much": _("a number or a sum"),
    "why": _("a reason"),
    "who": _("a name"),
    "where": _("a place"),
    "which": _("a choice or a name"),
    "how": _("how it is done"),
    "what": _("a name, a number or a date"),
    "yes-no": _("a yes or a no"),
    "confirm": _("a confirmation"),
    "send": _("word that it was sent"),
    "pay": _("word that it was paid"),
    "do": _("word that it was or will be done"),
}
_FORMS = (
    (re.compile(r"what answers «([\w-]+)», about the same thing \([\d.]+\)"), _("there is {what}, about the same thing")),
    (re.compile(r"what answers «([\w-]+)», in a short reply"), _("there is {what}, in a short reply")),
    (re.compile(r"what answers «([\w-]+)», not visibly about it"), _("there is {what}, not visibly about the same thing")),
    (re.compile(r"about the same thing \([\d.]+\), nothing that answers «([\w-]+)»"), _("about the same thing, without {what}")),
    (re.compile(r"nothing that answers «([\w-]+)»"), _("without {what}")),
)  # fmt: skip
_RETURNED = re.compile(r"the letter was returned undelivered from (.+)")
_RETURNED_SAID = _("the letter was returned undelivered from {addresses}")
_WEIGHT = re.compile(r"weights \d|.*[+-]\d+\.\d\d$")
del _


def request_why(language: str, why: str) -> str:
    """``Request.why`` in ``language`` (``ru`` or ``en``). What is not known stays as it is stored. Raises nothing."""
    gettext = translation("wording", language).gettext
    said = [_piece(piece, gettext) for piece in why.split("; ") if not _WEIGHT.match(piece)]
    return "; ".join(said)


def _piece(piece: str, gettext: Callable[[str], str]) -> str:
    if piece in PIECES:
        return gettext(piece)
    for form, words in _FORMS:
        if (found := form.fullmatch(piece)) and found[1] in ANSWERS:
            return gettext(words).format(what=gettext(ANSWERS[found[1]]))
    if found := _RETURNED.fullmatch(piece):
        return gettext(_RETURNED_SAID).format(addresses=found[1])
    return piece
