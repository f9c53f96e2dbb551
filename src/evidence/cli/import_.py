"""evidence import: mail files into the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evidence.cli.output import TerminalProgress, one_json
from evidence.cli.session import Session, now
from evidence.cli.talk import report_lines
from evidence.cli.text import _, help_end


@click.command(
    "import",
    help=_(
        "Archive mail from mbox files, Maildir folders, folders of .eml files, .zip archives of these, Outlook "
        ".msg and .pst files, and Gmail Takeout. All of it is archived; the hash of each source file is "
        "recorded, and the archive states what its format cannot prove."
    ),
    epilog=help_end(
        "evidence import Takeout/Mail.mbox saved-letters/",
        codes=(0, 1, 2, 3, 11),
    ),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--mbox-dialect",
    type=click.Choice(["auto", "mboxo", "mboxrd", "mboxcl", "mboxcl2"]),
    default="auto",
    show_default=True,
    help=_("How the mbox marks lines that begin with From; auto changes bytes only where there is proof."),
)
@click.option("--no-index", is_flag=True, help=_("Archive only; leave the timeline as it is until `evidence reindex`."))
@click.option("--json", "as_json", is_flag=True, help=_("One JSON object on standard output."))
@click.pass_obj
def command(session: Session, paths: tuple[Path, ...], mbox_dialect: Any, no_index: bool, as_json: bool) -> int:
    from evidence import pipeline

    progress = TerminalProgress(quiet=as_json)
    report = pipeline.import_files(
        session.config, paths, index=not no_index, mbox_dialect=mbox_dialect, now=now, progress=progress
    )
    progress.clear()
    if as_json:
        one_json(report.as_row())
    else:
        for line in report_lines(report):
            click.echo(line, err=True)
    return report.exit_code
