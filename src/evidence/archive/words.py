"""What the archive says to people, in their language; the msgid is the English."""

from __future__ import annotations

from evidence.i18n import default_language, translation


def _(msgid: str) -> str:
    return translation("archive", default_language()).gettext(msgid)
