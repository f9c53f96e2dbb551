"""What stands before the exhibits, as values for ``templates/front.html``: cover, contents, facts, people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.bundle.brief import Brief
from evidence.bundle.cover import cover
from evidence.bundle.custody import anchor_line, court, custody
from evidence.bundle.people import people


def front_values(b: Brief, contents: Sequence[Mapping[str, str]], withheld: int) -> dict[str, Any]:
    """Values of the front matter up to the summary. ``withheld``: how many originals are, because of a redaction."""
    return {
        **cover(b, withheld),
        "contents": contents,
        "anchor_line": anchor_line(b),
        "court": court(b, withheld),
        **custody(b),
        "people": people(b),
    }
