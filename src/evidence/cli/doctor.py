"""evidence doctor: ✓ and ✗, each ✗ with the next command."""

from __future__ import annotations

from pathlib import Path

import click

from evidence.cli.hints import pasteable
from evidence.cli.output import json_lines
from evidence.cli.session import Session, now
from evidence.cli.text import _, help_end


@click.command(
    "doctor",
    help=_(
        "Check Python, Pango, fonts, disk, configuration, login, folders, clock, archive, last sync, anchor and schedule; each ✗ comes with the next step."
    ),
    epilog=help_end(
        "evidence doctor",
        codes=(0, 1),
    ),
)
@click.option("--offline", is_flag=True, help=_("Do not connect to the mailboxes."))
@click.option("--json", "as_json", is_flag=True, help=_("One JSON object per line."))
@click.pass_obj
def command(session: Session, offline: bool, as_json: bool) -> int:
    from evidence.operate.doctor import examine

    path = session.config_path or Path("config.toml")
    if path.is_dir():
        path /= "config.toml"
    failed = False
    for check in examine(path, now=now, online=not offline):
        failed |= check.ok is False
        if as_json:
            json_lines(
                [
                    {
                        "name": check.name,
                        "ok": check.ok,
                        "said": check.said,
                        "next_step": "" if check.ok else check.next_step,
                    }
                ]
            )
            continue
        mark, colour = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", None)}[check.ok]
        click.echo(click.style(mark, fg=colour) + f" {check.name}: {check.said}")
        if check.ok is False and check.next_step:
            click.echo(f"    → {pasteable(check.next_step)}")
    return int(failed)
