"""evidence sync: acquire what is new from every account."""

from __future__ import annotations

import click

from evidence.cli.output import TerminalProgress, one_json
from evidence.cli.session import Session, now
from evidence.cli.talk import report_lines
from evidence.cli.text import _, help_end


@click.command(
    "sync",
    help=_(
        "Archive what is new in every mailbox. The mailboxes are only read: no message is marked, moved or deleted."
    ),
    epilog=help_end(
        "evidence sync --dry-run",
        codes=(0, 1, 2, 3, 11, 12, 130),
    ),
)
@click.option(
    "--account", "accounts", multiple=True, help=_("Only this account of the configuration; may be repeated.")
)
@click.option("--dry-run", is_flag=True, help=_("Count what would be archived; write nothing."))
@click.option("--no-index", is_flag=True, help=_("Archive only; leave the timeline as it is until `evidence reindex`."))
@click.option(
    "--trust-reset",
    "trust_reset",
    multiple=True,
    metavar="FOLDER",
    help=_(
        "Accept this folder's doubtful renumbering (UIDVALIDITY), once you have checked the folder; may be repeated."
    ),
)
@click.option(
    "--scheduled", is_flag=True, help=_("Run as the schedule does: log to logs/sync.log, notify when needed.")
)
@click.option("--json", "as_json", is_flag=True, help=_("One JSON object on standard output."))
@click.option("-q", "--quiet", is_flag=True, help=_("Print nothing unless something is wrong."))
@click.pass_obj
def command(
    session: Session,
    accounts: tuple[str, ...],
    dry_run: bool,
    no_index: bool,
    trust_reset: tuple[str, ...],
    scheduled: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    from evidence import pipeline

    if scheduled:
        from evidence.operate.scheduled import run_scheduled

        return run_scheduled(session.config, now=now)
    progress = TerminalProgress(quiet=quiet or as_json)
    result = pipeline.sync(
        session.config,
        accounts=accounts,
        dry_run=dry_run,
        index=not no_index,
        trust_reset=trust_reset,
        now=now,
        progress=progress,
    )
    progress.clear()
    if as_json:
        one_json(result.as_row())
    elif not quiet:
        for line in report_lines(result):
            click.echo(line, err=True)
    return result.exit_code
