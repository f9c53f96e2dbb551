"""One import as it runs: what is found in a source, what is stored of it, what is owed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from evidence.i18n import default_language, translated
from evidence.interrupts import uninterrupted
from evidence.mailbox import imports_files as files
from evidence.mailbox.imports_files import Unreadable
from evidence.mailbox.imports_mbox import Dialect
from evidence.ports import AcquisitionSink, Progress

COMMIT_MESSAGES = 500
COMMIT_OCTETS = 32 << 20
CHANGED = "It changed while it was being read"


@dataclass(frozen=True, slots=True)
class ImportedSource:
    """One source as it was recorded: ``found`` messages, ``new`` of them not held before, ``owed`` not read."""

    path: str
    kind: str
    size: int
    sha256: str
    caveat: str
    found: int
    new: int
    owed: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did. ``owed`` are lines «place: reason», in the person's language; ``passed_over`` are files that are no mail by name and look.

    ``outcome`` is ``complete`` or ``incomplete`` (something is owed).
    """

    acquisition: int
    outcome: str
    sources: tuple[ImportedSource, ...]
    sightings: int
    new: int
    owed: tuple[str, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    position: str
    raw: bytes
    flags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    position: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """``members`` may be drawn once. ``check`` says afterwards whether the source is still what was hashed."""

    path: str
    kind: str
    size: int
    sha256: str
    caveats: tuple[str, ...]
    members: Iterator[Found | Owed]
    check: Callable[[], bool] = lambda: True


@dataclass(slots=True)
class Run:
    """The state of one import: what was counted, and what is not yet committed."""

    sink: AcquisitionSink
    acquisition: int
    progress: Progress | None
    dialect: Dialect
    sources: list[ImportedSource] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    found: int = 0
    new: int = 0
    waiting: int = 0
    octets: int = 0

    def take(self, source: Source) -> None:
        number = self.sink.source(
            self.acquisition, source.path, source.kind, source.size, source.sha256, "\n".join(source.caveats)
        )
        found = new = owed = 0
        for member in without_raising(source.members):
            if isinstance(member, Owed):
                owed += 1
                self.owe(source.path, member.position, member.reason)
                continue
            with uninterrupted:  # never a message without its sighting
                stored = self.sink.store(self.acquisition, member.raw)
                self.sink.sight(
                    self.acquisition,
                    stored.number,
                    source=number,
                    position=member.position,
                    flags=member.flags,
                    labels=member.labels,
                    scope="all",
                    reason="import",
                    note=member.note,
                )
            found += 1
            new += stored.new
            self.tick(len(member.raw))
        if not source.check():
            owed += 1
            self.sink.observe(
                self.acquisition, "source-changed", {"path": source.path, "sha256": source.sha256}, severity="alarm"
            )
            self.owe(source.path, "", CHANGED)
        self.found += found
        self.new += new
        self.sources.append(
            ImportedSource(
                source.path, source.kind, source.size, source.sha256, "\n".join(source.caveats), found, new, owed
            )
        )
        self.commit()

    def owe(self, path: str, position: str, reason: str) -> None:
        place = f"{path}#{position}" if position else path
        self.owed.append(f"{place}: {translated('mailbox', default_language(), reason)}")
        self.sink.owe(self.acquisition, None, None, f"import:{place}", reason)

    def pass_over(self, path: str) -> None:
        self.passed_over.append(path)

    def tick(self, octets: int) -> None:
        self.waiting += 1
        self.octets += octets
        if self.progress is not None:
            self.progress.step("import", self.found + self.waiting)
        if self.waiting >= COMMIT_MESSAGES or self.octets >= COMMIT_OCTETS:
            self.commit()

    def commit(self) -> None:
        self.sink.commit()
        self.waiting = self.octets = 0


def without_raising(members: Iterator[Found | Owed]) -> Iterator[Found | Owed]:
    """What could be read before a source broke off, and then that it did."""
    try:
        yield from members
    except Unreadable as error:
        yield Owed("", str(error))
    except OSError as error:
        yield Owed("", f"{files.CANNOT_READ}: {error.strerror or type(error).__name__}")
