"""evidence include and exclude: a person's choice of what stands in bundles, with a reason, logged."""

from __future__ import annotations

import click

from evidence.cli.session import Session, whole_sha256
from evidence.cli.text import _, help_end
from evidence.errors import UsageError


def _kept_from_others(session: Session, sha256: str) -> bool:
    with session.current() as case:
        return any(x.withheld for x in case.letters(everything=True) if sha256 in (x.sha256, *x.copies))


def _choose(session: Session, sha256: str, action: str, reason: str) -> int:
    whole = whole_sha256(session, sha256)
    if not reason.strip():
        raise click.UsageError(_("Give a reason: it is logged and printed."))
    if action == "include" and _kept_from_others(session, whole):
        raise UsageError(
            _("This message is correspondence with your counsel and is never shown in a bundle."),
            _("Neither the other side nor a third party is among its sender and recipients."),
            _("If that is wrong, correct the addresses under [counsel] in the configuration."),
        )
    with session.judge() as archive:
        archive.select(whole, action, reason.strip(), actor=session.actor)
    said = (
        _("{sha} will be included in bundles.")
        if action == "include"
        else _("{sha} will be left out of bundles; the omission and its reason are printed.")
    )
    click.echo(said.format(sha=whole[:16]), err=True)
    return 0


@click.command(
    "include",
    help=_(
        "Include a context message (internal mail, a third party's, one tied in by a thread) in bundles. The "
        "reason is logged and printed."
    ),
    epilog=help_end(
        'evidence include 3fa9c1 --reason "carrier confirms the delivery"',
        codes=(0, 2, 10, 11),
    ),
)
@click.argument("sha256")
@click.option("--reason", required=True, help=_("The reason; printed in the bundle."))
@click.pass_obj
def include(session: Session, sha256: str, reason: str) -> int:
    return _choose(session, sha256, "include", reason)


@click.command(
    "exclude",
    help=_("Leave a message out of bundles. The bundle says how many were left out, and why."),
    epilog=help_end(
        'evidence exclude 3fa9c1 --reason "another client\'s personal data"',
        codes=(0, 2, 10, 11),
    ),
)
@click.argument("sha256")
@click.option("--reason", required=True, help=_("The reason; printed in the bundle."))
@click.pass_obj
def exclude(session: Session, sha256: str, reason: str) -> int:
    return _choose(session, sha256, "exclude", reason)
