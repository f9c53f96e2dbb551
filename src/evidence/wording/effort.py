"""The formula of the hours spent, in the reader's language.

``Effort.formula`` is stored in English, with the numbers of the configuration; pages and the command line say the same in the reader's
language.
"""

from __future__ import annotations

from evidence.i18n import translation
from evidence.wording import mark

_ = mark
PARTS = (_("min per message"), _("own words read"), _("own words written"), _("per min"))
del _


def formula_in_words(formula: str, language: str) -> str:
    """``Effort.formula`` with its words in ``language`` (``ru`` or ``en``); the numbers stay. Unknown words stay, too."""
    said = translation("wording", language).gettext
    for part in PARTS:
        formula = formula.replace(part, said(part))
    return formula
