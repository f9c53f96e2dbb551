"""evidence schedule: run the sync by itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from evidence.cli.ask import yes as yes_to
from evidence.cli.session import Session
from evidence.cli.text import _, help_end


@click.group(
    "schedule",
    help=_(
        "Run the sync automatically: by a systemd user timer, cron, launchd or the Windows Task Scheduler. The "
        "entry is shown before it is installed."
    ),
    epilog=help_end(
        "evidence schedule install --every hourly",
        codes=(0, 1, 2),
    ),
)
def command() -> None:
    pass


def _entry(session: Session, every: str, kind: str | None):  # type: ignore[no-untyped-def]
    from evidence.operate.schedule import best_kind, make_entry

    config = session.config.folder / (
        session.config_path.name if session.config_path and session.config_path.is_file() else "config.toml"
    )
    found = Path(sys.argv[0])
    program = found if found.is_absolute() and found.exists() else Path(shutil.which("evidence") or found.resolve())
    return make_entry(config, program, every, kind or best_kind())  # type: ignore[arg-type]


_kind = click.option(
    "--kind",
    type=click.Choice(["systemd", "cron", "launchd", "schtasks"]),
    help=_("Which scheduler; default: this machine's."),
)
_every = click.option(
    "--every",
    type=click.Choice(["15min", "hourly", "daily"]),
    default="hourly",
    show_default=True,
    help=_("How often to run."),
)


@command.command(
    "install",
    help=_("Show the entry, ask, and install it."),
    epilog=help_end(
        "evidence schedule install --print",
        codes=(0, 1, 2),
    ),
)
@_kind
@_every
@click.option("--print", "print_only", is_flag=True, help=_("Show the entry only."))
@click.option("--yes", is_flag=True, help=_("Do not ask."))
@click.pass_obj
def install(session: Session, kind: str | None, every: str, print_only: bool, yes: bool) -> int:
    from evidence.operate import schedule

    entry = _entry(session, every, kind)
    for path, text in entry.files:
        click.echo(f"# {path}")
        click.echo(text)
    if entry.cron_line:
        click.echo(entry.cron_line)
    for words in entry.activate:
        click.echo("# " + " ".join(words))
    if print_only:
        return 0
    for account in session.config.account:
        if account.password_env:
            click.secho(
                _(
                    "Account “{name}” takes its password from the environment variable {variable}, which scheduled runs do "
                    "not see: set password_command or keyring for it."
                ).format(name=account.name, variable=account.password_env),
                fg="yellow",
                err=True,
            )
    if not yes and not yes_to(_("Install this?")):
        return 0
    schedule.install(entry)
    click.echo(_("Installed: {name}.").format(name=entry.name), err=True)
    for hint in entry.hints:
        click.echo(_("To let it run while nobody is logged in, run once:  {command}").format(command=hint), err=True)
    return 0


@command.command(
    "status",
    help=_("Show whether the entry is installed, and when it last ran."),
    epilog=help_end(
        "evidence schedule status",
        codes=(0, 1, 2),
    ),
)
@_kind
@click.pass_obj
def status(session: Session, kind: str | None) -> int:
    from evidence.operate import schedule

    entry = _entry(session, "hourly", kind)
    stands = schedule.installed(entry)
    click.echo(f"{entry.name} ({entry.kind}): " + (_("installed") if stands else _("not installed")))
    log = session.config.folder / "logs" / "sync.log"
    if log.exists():
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]:
            click.echo("  " + line)
    return 0 if stands else 1


@command.command(
    "remove",
    help=_("Remove the entry."),
    epilog=help_end(
        "evidence schedule remove",
        codes=(0, 1, 2),
    ),
)
@_kind
@click.pass_obj
def remove(session: Session, kind: str | None) -> int:
    from evidence.operate import schedule

    removed = schedule.remove(_entry(session, "hourly", kind))
    click.echo(_("Removed.") if removed else _("There was none to remove."), err=True)
    return 0
