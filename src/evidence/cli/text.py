"""The command line's words in the person's language, chosen once at start."""

from __future__ import annotations

import os
from gettext import bindtextdomain
from pathlib import Path

from evidence.i18n import default_language, translation

language = default_language()
_catalogue = translation("cli", language)
_ = _catalogue.gettext
ngettext = _catalogue.ngettext

if language != "en":
    # Click asks the standard library for its own words ("Usage:", "Missing option"): in gettext's default domain, which is
    # "messages", and in the language that LANGUAGE names (GNU gettext manual, 2.3.3). Their Russian is marked "kept" in our
    # catalogue. This stands before any command is declared, for click translates some words when an option is made.
    bindtextdomain("messages", Path(__file__).parent / "locale")
    os.environ["LANGUAGE"] = language


def help_end(*examples: str, codes: tuple[int, ...]) -> str:
    """The end of a command's help: an example or more, and the exit codes it can give, in words."""
    meanings = {
        0: _("ok"),
        1: _("failed"),
        2: _("usage or configuration error"),
        3: _("incomplete (what was not retrieved is listed)"),
        10: _("no archive"),
        11: _("locked by another run"),
        12: _("login refused"),
        20: _("integrity failure"),
        130: _("interrupted"),
    }
    shown = "\n".join(
        f"{_('Example:') if n == 0 else ' ' * len(_('Example:'))} {text}" for n, text in enumerate(examples)
    )
    said = ", ".join(f"{code} {meanings[code]}" for code in codes)
    return f"{shown}\n\n{_('Exit codes:')} {said}."


def category_in_words(category: str) -> str:
    """What a category means, for people; the JSON keys stay as they are."""
    return {
        "threat": _("possible threats"),
        "demand": _("demands"),
        "accusation": _("accusations"),
        "insult": _("disparaging words"),
        "refusal": _("refusals"),
        "broken_promise": _("broken promises"),
        "nonpayment": _("non-payment"),
        "admission": _("points conceded"),
        "deadline_notice": _("deadlines set"),
        "termination_notice": _("notices of termination"),
    }.get(category, category)


def tier_in_words(tier: str) -> str:
    """Which rules found it: exact ones, or such as a person has to confirm."""
    return {"stated": _("stated"), "possible": _("possible")}.get(tier, tier)


def grouped(n: int) -> str:
    """A count with its thousands parted: 126 175 in Russian, 126,175 in English."""
    return f"{n:,}".replace(",", "\u00a0") if language == "ru" else f"{n:,}"


def decimal(value: float, digits: int) -> str:
    """A number for people with so many decimals: 0,4 in Russian, 0.4 in English. JSON and CSV have machine form instead."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language == "ru" else text


def days_in_words(days: float | None) -> str:
    """Days waited: whole ones, below three with a decimal, nothing where nobody waited."""
    if days is None:
        return ""
    return f"{days:.0f}" if days >= 3 else decimal(days, 1)


def outcome_in_words(outcome: str) -> str:
    """How a run ended."""
    return {
        "complete": _("complete"),
        "incomplete": _("incomplete"),
        "failed": _("failed"),
        "interrupted": _("interrupted"),
    }.get(outcome, outcome)
