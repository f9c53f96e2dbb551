"""evidence reindex: rebuild everything derived."""

from __future__ import annotations

import click

from evidence.cli.output import TerminalProgress
from evidence.cli.session import Session, now
from evidence.cli.text import _, help_end


@click.command(
    "reindex",
    help=_(
        "Drop and rebuild all derived tables (headers, zones, threads, flags, requests, full text) from the archived bytes. "
        "Two rebuilds give identical rows; evidence and decisions are not touched."
    ),
    epilog=help_end(
        "evidence reindex",
        codes=(0, 1, 2, 10, 11),
    ),
)
@click.option("--list-tables", is_flag=True, help=_("List the derived tables, one per line, and do nothing else."))
@click.option("--jobs", type=int, default=0, help=_("Number of processes; default: one per core."))
@click.pass_obj
def command(session: Session, list_tables: bool, jobs: int) -> int:
    if list_tables:
        from evidence.archive.schema import DERIVED_TABLES

        for name in DERIVED_TABLES:
            click.echo(name)
        return 0
    from evidence import pipeline

    progress = TerminalProgress()
    with session.write() as archive:
        report = pipeline.reindex(archive, session.config, now=now, progress=progress, jobs=jobs or None)
    progress.clear()
    click.echo(
        _("{messages} messages, {flags} flags, {requests} requests.").format(
            messages=report.messages, flags=report.flags, requests=report.requests
        ),
        err=True,
    )
    for sha256 in report.unreadable:
        click.echo(_("Kept as raw bytes, could not be read: {sha}").format(sha=sha256), err=True)
    return 0
