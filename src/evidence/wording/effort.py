"""The formula of the hours spent and how they are shown, in the reader's language.

``Effort.formula`` is stored in English, with the numbers of the configuration; pages and the command line say the same in the reader's
language. Wherever time and cost stand side by side they are written by ``clock`` and agree to the last digit shown.
"""

from __future__ import annotations

import re

from evidence.i18n import translation
from evidence.wording import mark

_ = mark
PARTS = (_("min per message"), _("own words read"), _("own words written"), _("per min"))
RULE = _(
    "Time is in hours, minutes and seconds; the estimate in each line is rounded to a tenth of a minute; cost = time × rate, "
    "to the hundredth"
)
del _


def formula_in_words(formula: str, language: str) -> str:
    """``Effort.formula`` with its words in ``language`` (``ru`` or ``en``); in Russian with a decimal comma. Unknown words stay."""
    said = translation("wording", language).gettext
    for part in PARTS:
        formula = formula.replace(part, said(part))
    return re.sub(r"(?<=\d)\.(?=\d)", ",", formula) if language == "ru" else formula


def rule_in_words(language: str) -> str:
    """How time and cost in one line hang together, without a full stop."""
    return translation("wording", language).gettext(RULE)


def clock(minutes: float) -> str:
    """Minutes as hours, minutes and seconds, ``0:05:00`` or ``126:30:06``: exact, where decimal hours would have to be rounded."""
    seconds = round(minutes * 60)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
