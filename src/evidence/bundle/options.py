"""What is asked of a bundle, and what comes back: the values ``pipeline``, ``package`` and ``sign`` work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from evidence.model import Side
from evidence.ports import IssuedExhibit
from evidence.wording.bundles import shown_kind

BundleKind = Literal["full", "police", "notary", "extract"]
KINDS: tuple[BundleKind, ...] = ("full", "police", "notary", "extract")


@dataclass(frozen=True, slots=True)
class BundleOptions:
    """What a person asked for. Everything here is recorded with the bundle, so that it can be built again.

    ``since`` and ``until`` are days of the matter's time zone, both inclusive. ``language`` None is ``matter.language``;
    ``dated`` None is today in the matter's time zone; ``number`` None is the next free number; ``at_size`` None is the
    log's size now. ``jobs`` is the count of rendering processes (0: one per core) and never changes the bytes.
    """

    kind: BundleKind = "full"
    language: Literal["ru", "en"] | None = None
    since: date | None = None
    until: date | None = None
    category: tuple[str, ...] = ()
    only_accepted: bool = False
    supplement: bool = False
    at_size: int | None = None
    dated: date | None = None
    number: int | None = None
    tool_version: str = ""
    jobs: int = 0

    @property
    def selective(self) -> bool:
        """True where some messages in scope are left out by a filter: an extract, whatever its kind."""
        return bool(self.since or self.until or self.category)

    @property
    def shown_kind(self) -> BundleKind:
        """The kind the cover, the folder and the custody log name: a full bundle that leaves some out is an extract."""
        return shown_kind(self.kind, self.record())  # type: ignore[return-value]

    def record(self) -> dict[str, Any]:
        """The options as plain values for the custody log (canonical JSON). ``jobs`` is left out: it changes no byte."""
        return {
            "kind": self.kind,
            "language": self.language,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "category": list(self.category),
            "only_accepted": self.only_accepted,
            "supplement": self.supplement,
            "at_size": self.at_size,
            "dated": self.dated.isoformat() if self.dated else None,
            "tool_version": self.tool_version,
        }


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """An attachment of an exhibit, or an outside file. ``withheld`` is the reason its octets are not handed over."""

    name: str
    sha256: str
    size: int
    content_type: str
    path: str = ""  # MIME path of an attachment; empty for an outside file
    outside: int | None = None  # ports.OutsideFile.id
    embedded: bool = False  # is a file of its own inside the PDF
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class ManifestExhibit:
    """One exhibit as printed. ``embedded_as`` is the name of the original inside the PDF, empty when it is withheld."""

    number: int
    kind: Literal["message", "file"]
    sha256: str
    copies: tuple[str, ...]
    first_page: int
    last_page: int
    bates_first: str
    bates_last: str
    at: datetime | None
    title: str
    sender: str
    recipients: tuple[str, ...]
    side: Side | None
    message_id: str | None
    embedded_as: str
    event: int | None  # the custody event that binds the octets
    files: tuple[ManifestFile, ...] = ()
    withheld: str = ""  # why the original is not handed over (a redaction)


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One line of the chronology as printed, for chronology.csv and .xlsx."""

    at: datetime
    kind: str
    who: str
    to: str
    text: str
    marks: tuple[str, ...]
    exhibit: int | None
    page: int | None


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """Everything the package writer needs and cannot ask the PDF: exhibits and rows in printed order, the pinned log head."""

    title: str
    language: Literal["ru", "en"]
    exhibits: tuple[ManifestExhibit, ...]
    chronology: tuple[ManifestRow, ...]
    log_size: int
    root: str
    anchors: tuple[Mapping[str, Any], ...]
    earlier: tuple[int, str] | None = None  # (size, root) of the bundle supplemented
    consistency: tuple[bytes, ...] = ()  # RFC 9162 section 2.1.4 from there
    omitted: int = 0
    withheld: int = 0
    excluded: tuple[str, ...] = ()
    replaced_characters: int = 0


@dataclass(frozen=True, slots=True)
class BundleResult:
    """A bundle that lies finished on disk; nothing is recorded yet. ``exhibits`` are all numbers this issue freezes.

    ``exhibits`` with empty Bates labels were numbered but not printed (an extract or a notary's sheet reserves the
    numbers of the whole matter, so that a later full bundle agrees with it).
    """

    number: int
    kind: BundleKind
    folder: Path
    pdf: Path
    pages: int
    pdf_sha256: str
    exhibits: tuple[IssuedExhibit, ...]
    log_size: int
    root: str
    dated: str
    issued_at: datetime
    language: Literal["ru", "en"]
    supplements: int | None
    options: Mapping[str, Any]
    manifest: BundleManifest
    notes: tuple[str, ...] = field(
        default=()
    )  # for the terminal: what was left out, text fallbacks, characters replaced
