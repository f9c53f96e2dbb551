"""evidence add: a file from outside mail."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from evidence.cli.filters import DAY, if_to_come, not_empty
from evidence.cli.session import Session, now
from evidence.cli.text import _, help_end

KINDS = ["recording", "act", "photo", "screenshot", "contract", "statement", "other"]


@click.command(
    "add",
    help=_(
        "Archive a file that did not come by e-mail: a call recording, an acceptance certificate, a photo, a "
        "screenshot of a review, a contract, a staff statement. Its bytes, its hash, its date and who added it "
        "become evidence; the file itself is not moved."
    ),
    epilog=help_end(
        'evidence add act-17.pdf --date 2026-03-02 --title "Acceptance certificate 17" --about steamer',
        codes=(0, 1, 2, 11),
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--date", "event_date", type=DAY, required=True, help=_("The day of the event that the file shows."))
@click.option("--title", required=True, help=_("What it is, as it will be printed in the bundle."))
@click.option(
    "--kind", type=click.Choice(KINDS), default="other", show_default=True, help=_("What kind of file it is.")
)
@click.option("--note", default="", help=_("A remark, printed with the file."))
@click.option(
    "--about",
    multiple=True,
    help=_("What it relates to: a claim's name, a flag's or request's id, a message's SHA-256; may be repeated."),
)
@click.pass_obj
def command(
    session: Session,
    files: tuple[Path, ...],
    event_date: date,
    title: str,
    kind: str,
    note: str,
    about: tuple[str, ...],
) -> int:
    from evidence import pipeline

    title = not_empty("--title", title)
    if_to_come(session, event_date)

    def named(claim: str) -> None:
        click.echo(
            _(
                "A new claim now has the name {name}; say what is claimed with `evidence assess claim NAME TITLE`."
            ).format(name=claim),
            err=True,
        )

    for number, path in enumerate(files, 1):
        titled = title if len(files) == 1 else f"{title} ({number}/{len(files)})"
        sha256 = pipeline.add_file(
            session.config,
            path,
            title=titled,
            event_date=event_date.isoformat(),
            kind=kind,
            note=note,
            about=about,
            actor=session.actor,
            now=now,
            named=named,
        )
        click.echo(sha256)
        click.echo(_("Archived: {name}.").format(name=path.name), err=True)
    return 0
