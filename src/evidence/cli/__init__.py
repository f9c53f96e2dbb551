"""The command line. One file per command; ``main`` turns errors into one clear message and an exit code."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """The ``evidence`` command. Never returns; exit codes as in docs/cli.md."""
    from evidence.i18n import LANGUAGES

    arguments = sys.argv[1:]
    for index, word in enumerate(arguments):
        # The language of the talk is needed before any command module is imported.
        asked = (
            arguments[index + 1] if word == "--lang" and index + 1 < len(arguments) else word.removeprefix("--lang=")
        )
        if asked != word and asked in LANGUAGES:  # another word is refused later, in the language that stands
            os.environ["EVIDENCE_LANG"] = asked
    from evidence.cli.app import run

    sys.exit(run(arguments))
