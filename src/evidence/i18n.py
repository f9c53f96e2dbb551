"""Russian and English. Each package with text for people has its own catalogue in ``<package>/locale``.

The msgid is the English text. ``tools/catalogues.py`` extracts, updates and compiles; the compiled ``.mo`` files are shipped.
"""

from __future__ import annotations

import gettext
import locale
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

LANGUAGES = ("ru", "en")


@cache
def translation(package: str, language: str) -> gettext.NullTranslations:
    """The catalogue of ``package`` (such as ``"bundle"``, or ``""`` for the command line) in ``language``."""
    if language == "en":
        return gettext.NullTranslations()
    root = Path(__file__).parent / package / "locale"
    return gettext.translation("messages", root, languages=[language], fallback=True)


def talk(package: str) -> Callable[[str], str]:
    """``gettext`` of ``package`` in the language of the talk, looked up when it is called: for errors and hints to the person."""

    def gettext_now(msgid: str) -> str:
        return translation(package, default_language()).gettext(msgid)

    return gettext_now


def translated(package: str, language: str, text: str) -> str:
    """``text`` in ``language`` where it is a msgid, or a msgid, ``": "`` and particulars that stay as they are.

    For sentences that are stored as values (a DKIM warning, a caveat of an import) and rendered later. Up to two numbers
    within the sentence stand as ``{n}`` and ``{m}`` in the msgid.
    """
    said = translation(package, language).gettext
    if said(text) != text:
        return said(text)
    at = len(text)
    while (at := text.rfind(": ", 0, at)) > 0:
        if (head := said(text[:at])) != text[:at]:
            return head + text[at:]
    numbers = dict(zip("nm", re.findall(r"\d+", text), strict=False))
    form = text
    for name, number in numbers.items():
        form = form.replace(number, "{" + name + "}", 1)
    return said(form).format(**numbers) if said(form) != form else text


def quoted(text: str, language: str) -> str:
    """``text`` between the quotation marks of ``language``: « » in Russian, “ ” in English."""
    return f"«{text}»" if language == "ru" else f"“{text}”"


def default_language() -> str:
    """``ru`` where the person's locale is Russian, else ``en``. EVIDENCE_LANG decides first."""
    for name in ("EVIDENCE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return "ru" if value.lower().startswith("ru") else "en"
    stated = locale.getlocale()[0] or ""
    return "ru" if stated.lower().startswith(("ru", "russian")) else "en"
