"""Questions at the terminal, asked on stderr; yes and no in the person's own language and in English."""

from __future__ import annotations

import click

from evidence.cli.text import _, language

_YES = frozenset(("y", "yes", "д", "да"))
_NO = frozenset(("n", "no", "н", "нет"))
_SHOWN = {("ru", True): "[Д/н]", ("ru", False): "[д/Н]", ("en", True): "[Y/n]", ("en", False): "[y/N]"}


def yes(question: str, default: bool = True) -> bool:
    """Whether the person agrees; Enter takes the default, which is the capital letter."""
    while True:
        shown = f"{question} {_SHOWN[language, default]}"
        reply = click.prompt(shown, default="", show_default=False, prompt_suffix=" ", err=True).strip().lower()
        if not reply:
            return default
        if reply in _YES or reply in _NO:
            return reply in _YES
        click.echo(_("Please answer yes or no."), err=True)
