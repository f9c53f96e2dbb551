"""What every page of the front and back matter is made of: read once from the case file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.bundle.options import BundleOptions
from evidence.bundle.redact import Redactions
from evidence.bundle.select import Selection
from evidence.bundle.text import Words
from evidence.config import Config
from evidence.model import Flag, Letter, Request
from evidence.ports import CaseFile, IssuedBundle, LogHead, Review
from evidence.reckoning import Assessment, TimelineEntry


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything the front and back matter are made of: read once, used by every page."""

    case: CaseFile
    config: Config
    options: BundleOptions
    words: Words
    selection: Selection
    head: LogHead
    number: int
    dated: datetime
    flags: tuple[Flag, ...]
    requests: tuple[Request, ...]
    reviews: Mapping[tuple[str, str], Review]
    assessment: Assessment | None
    entries: Sequence[TimelineEntry]
    picture: str
    known: frozenset[str]
    supplements: IssuedBundle | None
    hidden: Redactions
    letters: Mapping[str, Letter]  # every letter in scope, by the hash of each of its copies

    def _(self, text: str) -> str:
        return self.words.gettext(text)

    def decision(self, target: str, target_id: str) -> str:
        review = self.reviews.get((target, target_id))
        return review.decision if review else "unreviewed"

    @property
    def partial(self) -> bool:
        """True where letters in scope stand elsewhere: left out of an extract, or printed in an earlier bundle."""
        return self.options.selective or self.options.supplement

    def printed(self, sha256: str | None) -> bool:
        return sha256 in self.selection.printed


def stated(value: Any) -> Mapping[str, Any]:
    """A record that may come as JSON text or as values."""
    if isinstance(value, str):
        value = json.loads(value or "{}")
    return value if isinstance(value, Mapping) else {}


def moment(value: Any) -> datetime | None:
    """A time that may come as text of the database or as a value."""
    if isinstance(value, str) and value:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    return value if isinstance(value, datetime) else None


def kind_name(b: Brief) -> str:
    names = {
        "full": b._("Bundle of correspondence"),
        "police": b._("Bundle of correspondence with a statement of events"),
        "notary": b._("Mailbox inspection sheet"),
        "extract": b._("Extract from a bundle of correspondence"),
    }
    name = names[b.options.shown_kind]
    return b._("Supplement: %s") % name if b.options.supplement else name
