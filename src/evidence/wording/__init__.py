"""Why a flag stands, in the reader's language: for every stage that shows a flag to a person (pages, bundle, command line).

``Flag.why`` is stored in English and stays as it is in the database and in JSON. ``why_in_words`` says the same in Russian or English,
composed from the rule, ``Flag.links`` and ``Flag.detail`` (``slots``, ``words``, ``objection``, ``model``). The catalogue is this
package's own, so that all who show a flag say it with the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.i18n import translation


def mark(text: str) -> str:
    """Marks a text for the catalogue where it is translated later."""
    return text


_ = mark
OBJECTIONS = (
    _("the learned reader does not see it here"),
    _("the other side is not among the recipients"),
    _("whose words an attachment holds is not known"),
)
del _


def why_in_words(
    language: str, *, why: str, rule: str, category: str, links: Sequence[Mapping[str, Any]], detail: Mapping[str, Any]
) -> str:
    """The reason of a flag in ``language`` (``ru`` or ``en``).

    ``category`` is the one the rule found, not a person's. Words of the letter are quoted as they stand. A flag whose ``detail``
    names nothing to compose from keeps its stored ``why``. Raises nothing.
    """
    _ = translation("wording", language).gettext
    if rule == "assist":
        return _("proposed by {model}").format(model=detail["model"]) if detail.get("model") else why
    if "slots" in detail:
        said = [_("words: {words}").format(words=_listed(detail["slots"]))]
        if links and category == "threat":
            said.append(_("said under a condition"))
        if detail.get("words"):
            said.append(_("the learned reader is sure: {words}").format(words=_listed(detail["words"])))
        if detail.get("objection"):
            said.append(_("only possible: {objection}").format(objection=_(str(detail["objection"]))))
        return "; ".join(said)
    if "words" in detail:
        if detail["words"]:
            return _("carried by: {words}").format(words=_listed(detail["words"]))
        return _("carried by the sentence as a whole and what stands around it")
    return why


def _listed(words: Sequence[object]) -> str:
    return ", ".join(str(word) for word in words)
