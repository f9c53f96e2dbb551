"""What stands for a value in help and errors, in the person's language: click derives it from the names of types and arguments."""

from __future__ import annotations

import re

import click

from evidence.cli.text import _

_WORDS = {
    "ACCOUNT": _("ACCOUNT"),
    "ADDRESS": _("ADDRESS"),
    "ARGS": _("ARGS"),
    "COMMAND": _("COMMAND"),
    "DAY": _("DAY"),
    "DIR": _("DIR"),
    "DIRECTORY": _("DIRECTORY"),
    "FILE": _("FILE"),
    "FILES": _("FILES"),
    "FOLDER": _("FOLDER"),
    "ID": _("ID"),
    "INTEGER": _("INTEGER"),
    "INTEGER RANGE": _("INTEGER RANGE"),
    "LABEL": _("LABEL"),
    "MINUTES": _("MINUTES"),
    "NAME": _("NAME"),
    "OPTIONS": _("OPTIONS"),
    "PATH": _("PATH"),
    "PATHS": _("PATHS"),
    "PERSON": _("PERSON"),
    "QUESTION": _("QUESTION"),
    "RATE": _("RATE"),
    "TARGET": _("TARGET"),
    "TARGET_ID": _("TARGET_ID"),
    "TEXT": _("TEXT"),
    "TITLE": _("TITLE"),
}
# SHA256 is a name, and what a choice lists is typed as it stands, in small letters: both pass.
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]+(?: [A-Z]+)*")


def placeholder(text: str) -> str:
    """``text`` such as ``[TARGET_ID]`` or ``NAME=ADDRESS``, each word of it in the person's language."""
    return _PLACEHOLDER.sub(lambda found: _WORDS.get(found[0], found[0]), text)


def name_values(command: click.Command) -> None:
    """The placeholders of ``command`` and of its parts in the person's language. Doing it again changes nothing."""
    context = click.Context(command)
    if command.options_metavar:
        command.options_metavar = placeholder(command.options_metavar)
    for parameter in command.params:
        if (said := placeholder(shown := parameter.make_metavar(context))) != shown:
            parameter.metavar = said
    if isinstance(command, click.Group):
        command.subcommand_metavar = placeholder(command.subcommand_metavar)
        for part in command.commands.values():
            name_values(part)
