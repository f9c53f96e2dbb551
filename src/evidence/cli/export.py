"""evidence export: hand data on."""

from __future__ import annotations

from pathlib import Path

import click

from evidence.cli.output import TerminalProgress
from evidence.cli.session import Session
from evidence.cli.text import _, help_end
from evidence.errors import EvidenceError


@click.command(
    "export",
    help=_(
        "Export the archived mail: a tree of .eml files with their hashes, a single mbox, a CSV of the messages, "
        "or a lawyer's load file (Concordance DAT and Opticon OPT)."
    ),
    epilog=help_end(
        "evidence export eml handover/",
        codes=(0, 1, 2, 10),
    ),
)
@click.argument("form", type=click.Choice(["eml", "mbox", "csv", "load-file"]))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--all", "everything", is_flag=True, help=_("Include context messages as well, but never counsel's mail.")
)
@click.pass_obj
def command(session: Session, form: str, target: Path, everything: bool) -> int:
    from evidence.pipeline.hand_on import export

    session.current().close()
    progress = TerminalProgress()
    with session.read() as case:
        unread = case.connection.execute(
            "SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM parsed_message p WHERE p.message = m.id)"
        ).fetchone()[0]
        if unread:  # a run in progress has the archive: what is handed on must not lack letters without a word
            raise EvidenceError(
                _("Archived messages that have not been read yet: {n}. An export now would leave them out.").format(
                    n=unread
                ),
                "",
                _("Wait until the sync has finished, or run `evidence reindex`; then export again."),
            )
        count = export(case, session.config, form, target, everything=everything, progress=progress)
    progress.clear()
    click.echo(_("{count} messages written to {path}.").format(count=count, path=target), err=True)
    return 0
