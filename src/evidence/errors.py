"""Every error a person can meet: what happened, why, and the next step, with its exit code.

EvidenceError (1)
├── Unwritable (1): read-only for this person, or on a read-only medium
├── UsageError (2): configuration or command line
├── Incomplete (3): something was owed and is listed
├── NoArchive (10)
├── Locked (11)
├── LoginRefused (12)
└── IntegrityFailure (20)
"""

from __future__ import annotations


class EvidenceError(Exception):
    """Failed. ``what`` happened, ``why`` if known, and the ``next_step`` a person can take."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        return "\n".join(line for line in (self.what, self.why, self.next_step) if line)


class Unwritable(EvidenceError):
    """The archive can be read and not written: no right to, or a read-only medium."""


class UsageError(EvidenceError):
    """The configuration or the command line cannot be used."""

    exit_code = 2


class Incomplete(EvidenceError):
    """The run ended, but something was owed and is listed."""

    exit_code = 3


class NoArchive(EvidenceError):
    """There is no archive where one was named."""

    exit_code = 10


class Locked(EvidenceError):
    """Another run holds the archive."""

    exit_code = 11


class LoginRefused(EvidenceError):
    """The mail server refused the name or the password."""

    exit_code = 12


class IntegrityFailure(EvidenceError):
    """Stored evidence is not what the custody log says it was."""

    exit_code = 20


class NetworkError(EvidenceError):
    """A server could not be reached, or the connection to it broke."""
