"""The command line's words in the person's language, chosen once at start."""

from __future__ import annotations

from evidence.i18n import default_language, translation

language = default_language()
_catalogue = translation("cli", language)
_ = _catalogue.gettext
ngettext = _catalogue.ngettext
