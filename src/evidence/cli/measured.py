"""How well the flags do, for `evidence flags --help`: what `tools/measure_flags.py --shut --write` found and kept."""

from __future__ import annotations

import json
from importlib.resources import files
from math import sqrt
from typing import Any

from evidence.cli.text import _

_Z = 1.96  # a 95 % interval


def measured() -> str:
    """The measured shares per category and language with their Wilson (1927) intervals, as lines of under 80 characters."""
    kept: dict[str, Any] = json.loads(
        files("evidence.timeline").joinpath("model_data", "measured.json").read_text(encoding="utf-8")
    )
    head = _(
        "How well this works, measured on {letters} messages from {disputes} disputes on which nothing that "
        "flags was built. They are invented, so your mail will differ; and unflagged does not mean absent. "
        "Right: the share of flags that are right; found: the share of what should be flagged that was; in "
        "brackets, the 95 % interval."
    ).format(letters=kept["letters"], disputes=kept["disputes"])
    lines = ["\b", f"{'':<21} {_('stated: right, found'):<27} {_('stated and possible')}"]
    for row in kept["rows"]:
        cells = [
            f"{_share(row[tier]['right'], row[tier]['flagged'])} {_share(row[tier]['found'], row[tier]['labels'])}"
            for tier in ("stated", "both")
        ]
        name = _("all") if row["category"] == "all" else row["category"]
        lines.append(f"{name:<18} {row['language']} {cells[0]} {cells[1]}".rstrip())
    return head + "\n\n" + "\n".join(lines)


def _share(part: int, whole: int) -> str:
    """``.95 [.91-.98]``, or a dash where there was no case; 13 characters."""
    if not whole:
        return f"{'-':<13}"
    p, d = part / whole, 1 + _Z * _Z / whole
    middle, half = (p + _Z * _Z / (2 * whole)) / d, _Z * sqrt(p * (1 - p) / whole + _Z * _Z / (4 * whole * whole)) / d
    return f"{_short(p)} [{_short(max(0.0, middle - half))}-{_short(min(1.0, middle + half))}]"


def _short(share: float) -> str:
    text = f"{share:.2f}"
    return text[1:] if text.startswith("0") else text[:3]
