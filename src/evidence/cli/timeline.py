"""evidence timeline: both sides in order."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from evidence.cli.filters import narrowing, read_view, reading
from evidence.cli.output import csv_rows, json_lines, table
from evidence.cli.session import Session
from evidence.cli.text import _, help_end, language
from evidence.model import CATEGORIES


@click.command(
    "timeline",
    help=_(
        "One entry per message or outside event: who wrote to whom, when and by which clock, a quoted line, what "
        "was flagged, which requests were opened and closed, silences and disappearances."
    ),
    epilog=help_end(
        "evidence timeline --since 2026-03-01 --html > timeline.html",
        codes=(0, 2, 10),
    ),
)
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice(list(CATEGORIES)),
    help=_("Only entries with this flag."),
)
@click.option("--tier", type=click.Choice(["stated", "possible"]), help=_("Only flags of this tier."))
@click.option("--html", "as_html", is_flag=True, help=_("As a separate HTML page, with the picture."))
@click.option("--svg", "as_svg", is_flag=True, help=_("Only the picture, as SVG."))
@reading
@click.pass_obj
def command(
    session: Session,
    categories: tuple[str, ...],
    tier: str | None,
    as_html: bool,
    as_svg: bool,
    since: date | None,
    until: date | None,
    person: str | None,
    everything: bool,
    as_of: str | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    from evidence.pipeline.views import entries_of, standing_of
    from evidence.timeline.build import ViewFilter, to_rows

    case, shown = read_view(session, everything, as_of)
    # A page or picture is a document: there only what stands; in the terminal also what waits, when it is asked for by name.
    shown = standing_of(shown, tier=None if as_html or as_svg else tier)
    filters = ViewFilter(since=since, until=until, category=categories, person=person, tier=tier)
    entries = entries_of(session.config, case, shown, filters)
    if as_of:  # later mail is not looked at, nor is what happened later outside it
        entries = tuple(e for e in entries if e.at <= shown.as_of)
    if as_svg:
        from evidence.timeline.picture import picture

        click.echo(
            picture(
                entries,
                shown.flags,
                shown.requests,
                language=session.config.matter.language,
                timezone=session.config.matter.timezone,
            )
        )
        return 0
    if as_html:
        return print_page(session, case, shown, "timeline", entries)
    rows = to_rows(
        entries,
        shown.flags,
        shown.requests,
        timezone=session.config.matter.timezone,
        language=language,
        reviews=shown.reviews,
    )
    if as_json:
        json_lines(rows)
    elif as_csv:
        csv_rows(rows, list(rows[0]) if rows else ["at"])
    else:
        for row in rows:
            if row["kind"] == "outside":  # whoever archived the file is not whose deed it shows
                row["actor"] = _("outside mail")
        table(rows, {"when": _("when"), "actor": _("who"), "gist": _("what"), "marks": _("flags and requests")})
    return 0


def print_page(session: Session, case: Any, shown: Any, what: Any, entries: Any = None, effort: Any = None) -> int:
    """A self-contained HTML page on stdout: a document, so only what may stand in one is printed. ``effort``: for the page of that."""
    from evidence.pipeline.views import assessment_of, entries_of, standing_of
    from evidence.timeline.page import html_page

    config = session.config
    source = shown
    if what == "assess" and shown.whole is not None:
        source = shown.whole  # counted is a part; what became of it is linked to wherever it stands
    printed = shown if entries is not None else standing_of(source)
    click.echo(
        html_page(
            what,
            title=config.matter.title,
            language=config.matter.language,
            timezone=config.matter.timezone,
            entries=entries if entries is not None else entries_of(config, case, printed),
            flags=printed.flags,
            requests=printed.requests,
            letters=shown.by_sha,
            reviews=shown.reviews,
            assessment=assessment_of(config, case, shown) if what == "assess" else None,
            effort=effort,
            as_of=shown.as_of,
            part=narrowing(),
            files=case.outside_files(),
        )
    )
    return 0
