"""evidence login: store a mailbox password, or sign in with OAuth."""

from __future__ import annotations

import sys

import click

from evidence.cli.session import Session
from evidence.cli.text import _, help_end
from evidence.errors import UsageError


@click.command(
    "login",
    help=_(
        "Store a mailbox password in the system's keyring, or sign in with OAuth (a code to enter in the "
        "browser). Passwords never appear in arguments, logs or the archive."
    ),
    epilog=help_end(
        "evidence login office",
        codes=(0, 2, 12),
    ),
)
@click.argument("account", required=False)
@click.option("--password-stdin", is_flag=True, help=_("Read the password from standard input."))
@click.pass_obj
def command(session: Session, account: str | None, password_stdin: bool) -> int:
    from evidence.mailbox.login import sign_in, store_secret

    accounts = {a.name: a for a in session.config.account}
    if not accounts:
        raise UsageError(
            _("The configuration names no mailbox."),
            "",
            _("Add an [[account]] section, or bring in files with `evidence import PATH`."),
        )
    if account is None and len(accounts) == 1:
        account = next(iter(accounts))
    if account not in accounts:
        raise UsageError(_("Choose one of the accounts: {names}.").format(names=", ".join(accounts) or "—"))
    chosen = accounts[account]
    if chosen.oauth:
        sign_in(chosen, folder=session.config.folder, say=lambda text: click.echo(text, err=True))
    elif chosen.keyring:
        password = (
            sys.stdin.readline().rstrip("\n")
            if password_stdin
            else click.prompt(_("Password for {name}").format(name=chosen.username), hide_input=True, err=True)
        )
        store_secret(chosen, password)
    else:
        raise UsageError(
            _("This account takes its password from password_command or password_env; there is nothing to store."),
            "",
            _("Set keyring = true for this account to keep its password in the system's keyring."),
        )
    click.echo(_("Stored."), err=True)
    return 0
