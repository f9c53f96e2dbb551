"""What stands before the exhibits, as values for ``templates/front.html``: cover, contents, facts, people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.bundle.brief import Brief
from evidence.bundle.cover import cover
from evidence.bundle.custody import anchor_line, court, custody
from evidence.bundle.people import people


def front_values(b: Brief, contents: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Values of the front matter up to the summary."""
    return {
        **cover(b),
        "contents": contents,
        "anchor_line": anchor_line(b),
        "court": court(b),
        **custody(b),
        "people": people(b),
    }
