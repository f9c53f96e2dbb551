"""The command line. One file per command; ``main`` turns errors into one clear message and an exit code."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """The ``evidence`` command. Never returns; exit codes as in docs/cli.md."""
    arguments = sys.argv[1:]
    for index, word in enumerate(arguments):
        # The language of the talk is needed before any command module is imported.
        if word == "--lang" and index + 1 < len(arguments):
            os.environ["EVIDENCE_LANG"] = arguments[index + 1]
        elif word.startswith("--lang="):
            os.environ["EVIDENCE_LANG"] = word.partition("=")[2]
    from evidence.cli.app import run

    sys.exit(run(arguments))
