"""What stands before the exhibits, as values for ``templates/front.html``: cover, facts, people, summary, chronology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from evidence.bundle.brief import Brief
from evidence.bundle.chronology import chronology, picture_markup
from evidence.bundle.cover import cover
from evidence.bundle.custody import anchor_line, court, custody
from evidence.bundle.options import ManifestRow
from evidence.bundle.people import people
from evidence.bundle.summary import summary


def front_values(b: Brief, contents: Sequence[Mapping[str, str]]) -> tuple[dict[str, Any], list[ManifestRow]]:
    """Values of the front matter, and the chronology as rows for the package."""
    listed, rows = chronology(b)
    return {
        **cover(b),
        "contents": contents,
        "anchor_line": anchor_line(b),
        "court": court(b),
        **custody(b),
        "people": people(b),
        **summary(b),
        "picture": Markup(picture_markup(b)),  # noqa: S704 - our own timeline stage's SVG
        "chronology": listed,
        "chronology_note": b._(
            "In order of time, in the zone %(zone)s. The time is the one that orders the exhibit; where the clocks of a letter differ, its page says so."
        )
        % {"zone": b.words.zone_name},
    }, rows
