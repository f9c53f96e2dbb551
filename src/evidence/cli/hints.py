"""Next steps that can be pasted as they stand: begun as this program was called, with the matter that was named."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

# These take no matter: a -c before them would only puzzle.
_WITHOUT_MATTER = frozenset(("demo", "init", "completion", "rules"))
_named: list[Path] = []


def remember_matter(config: Path | None) -> None:
    """The ``-c`` of this run, where one was given on the command line."""
    _named[:] = [config] if config is not None else []


def program() -> str:
    """How the person calls the program: ``evidence``, or the path of ``./run``, which says so in EVIDENCE_PROGRAM."""
    return shlex.quote(os.environ.get("EVIDENCE_PROGRAM") or "evidence")


def pasteable(text: str) -> str:
    """``text`` with every ``evidence COMMAND`` in it made the line to paste; commands with a ``-c`` of their own keep it."""
    from evidence.cli.app import COMMANDS

    def line(found: re.Match[str]) -> str:
        command = found["command"]
        matter = f"-c {shlex.quote(str(_named[0]))} " if _named and command not in _WITHOUT_MATTER else ""
        return f"{program()} {found['given'] or matter}{command}"

    names = "|".join(map(re.escape, COMMANDS))
    return re.sub(rf"(?<![\w./-])evidence (?P<given>-c (?:'[^']*'|\S+) )?(?P<command>{names})(?![\w-])", line, text)
