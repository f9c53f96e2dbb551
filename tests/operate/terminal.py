"""A pseudo-terminal with a program in it, as a person would sit before it."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from pathlib import Path


class Terminal:
    """``words`` of the command line, run in ``cwd``. ``until`` waits for a pattern and forgets what came before it."""

    def __init__(self, words: list[str], cwd: Path, environment: dict[str, str]) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(
                sys.executable,
                [sys.executable, "-c", "from evidence.cli import main; main()", *words],
                os.environ | environment,
            )
        self.seen = self.passed = ""

    def until(self, pattern: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, f"no {pattern!r} in:\n{self.seen}"
            if select.select([self.descriptor], [], [], 0.2)[0]:
                try:
                    octets = os.read(self.descriptor, 65536)
                except OSError:
                    octets = b""
                assert octets or re.search(pattern, self.seen), f"ended without {pattern!r}:\n{self.seen}"
                self.seen += octets.decode("utf-8", "replace")
        self.passed = self.seen
        self.seen = self.seen[re.search(pattern, self.seen).end() :]  # type: ignore[union-attr]

    def answer(self, text: str = "") -> None:
        os.write(self.descriptor, text.encode() + b"\n")

    def ended(self) -> int:
        while True:
            try:
                if not os.read(self.descriptor, 65536):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        """Walk away: the terminal is gone, and the program with it."""
        os.close(self.descriptor)
        os.waitpid(self.pid, 0)
