"""Letters made straight from text: one own zone unless told otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from evidence.model import Flag, Letter, Side, Zone
from evidence.timeline.commitments import link
from evidence.timeline.flags import find_flags_in
from evidence.timeline.rules import Packs

AT = datetime(2025, 3, 12, 9, 0, tzinfo=UTC)  # a Wednesday


def letter(text: str, speaker: Side = "client", zones: Sequence[Zone] | None = None, **fields: Any) -> Letter:
    values: dict[str, Any] = {
        "number": 1, "sha256": hashlib.sha256(f"{speaker}{text}{fields.get('at', AT)}".encode()).hexdigest(), "copies": (), "message_id": None,
        "date": AT, "at": AT, "at_clock": "date", "at_note": "", "folders": ("INBOX",), "speaker": speaker, "person": "", "sender": "",
        "addresses": (), "subject": "", "kind": "human", "scope": "in-scope", "withheld": False, "thread": "t", "parent": None,
        "language": "", "texts": {"body": text}, "zones": tuple(zones) if zones is not None else (Zone("body", 0, 0, len(text), "own"),),
        "addressees": ("us",) if speaker == "client" else ("client",),
    }  # fmt: skip
    return Letter(**{**values, **fields})


def find_all(letters: Sequence[Letter], packs: Packs, *, timezone: str) -> tuple[Flag, ...]:
    """The flags of all letters with the links between them, as a rebuild finds them."""
    ordered = sorted(letters, key=lambda x: (x.at, x.sha256))
    return link(ordered, [f for found in find_flags_in(ordered, packs) for f in found], timezone=timezone)
