"""evidence draft: a letter from the open requests, to edit and send oneself."""

from __future__ import annotations

import click

from evidence.cli.filters import read_view
from evidence.cli.session import Session, now
from evidence.cli.text import _, help_end


@click.command(
    "draft",
    help=_(
        "Draft a letter in the matter's language that lists the open requests with dates and quotes: a reminder, "
        "a final notice, a notice of termination, or a request to preserve evidence. It is a draft for a lawyer "
        "to check; the program never sends anything."
    ),
    epilog=help_end(
        "evidence draft reminder > reminder.txt",
        codes=(0, 2, 10),
    ),
)
@click.argument("kind", type=click.Choice(["reminder", "final-notice", "termination", "preservation"]))
@click.option("--html", "as_html", is_flag=True, help=_("As HTML."))
@click.option("--as-of", help=_("List the requests open at the end of this day."))
@click.pass_obj
def command(session: Session, kind: str, as_html: bool, as_of: str | None) -> int:
    from evidence.timeline.drafts import draft

    _case, shown = read_view(session, False, as_of)
    click.echo(
        draft(
            kind,  # type: ignore[arg-type]  # click.Choice holds exactly these
            shown.requests,
            session.config,
            shown.by_sha,
            now=now(),
            language=session.config.matter.language,
            format="html" if as_html else "text",
            reviews=shown.reviews,
            as_of=shown.as_of,
        )
    )
    return 0
