"""evidence log: the custody log, its root and proofs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evidence.cli.output import _cell, json_lines
from evidence.cli.session import Session, whole_sha256
from evidence.cli.text import _, help_end
from evidence.errors import UsageError
from evidence.wording.bundles import shown_kind


@click.group(
    "log",
    invoke_without_command=True,
    help=_(
        "The custody log: every stored message, sighting, decision, anchor and bundle is an event in it, bound by one root hash."
    ),
    epilog=help_end(
        "evidence log --last 20",
        "evidence log proof 3fa9c1 --out proofs/",
        codes=(0, 2, 10),
    ),
)
@click.option("--kind", help=_("Only events of this kind."))
@click.option("--last", type=click.IntRange(min=1), help=_("Only this many, the newest."))
@click.option("--root", "root_only", is_flag=True, help=_("Only the size and the root."))
@click.option("--json", "as_json", is_flag=True, help=_("One JSON object per line: the events' bodies as logged."))
@click.pass_context
def command(ctx: click.Context, kind: str | None, last: int | None, root_only: bool, as_json: bool) -> int:
    if ctx.invoked_subcommand:
        return 0
    session: Session = ctx.obj
    with session.read() as case:
        head = case.head()
        if root_only:
            if as_json:
                json_lines([{"size": head.size, "root": head.root}])
            else:
                click.echo(f"{head.size} {head.root}")
            return 0
        bodies = [json.loads(body) for _seq, body, _leaf in case.events()]
    if kind:
        bodies = [body for body in bodies if body["kind"] == kind]
    bodies = bodies[-last:] if last else bodies
    if as_json:
        json_lines(bodies)
        return 0
    for body in bodies:
        row = body.get("row") or body.get("detail") or {}
        if body["kind"] == "bundle-issued":
            row = {**row, "issued": shown_kind(row["kind"], json.loads(row["options"]))}
        brief = ", ".join(
            f"{k}={str(v)[:60]}"
            for k, v in row.items()
            if k in ("sha256", "account", "name", "uid", "outcome", "decision", "title", "root", "number", "issued")
        )
        click.echo(_cell(f"{body['seq']:>7}  {body['at']}  {body['kind']:22} {brief}"))
    click.echo(_("{size} events, root {root}").format(size=head.size, root=head.root), err=True)
    return 0


@command.command(
    "proof",
    help=_(
        "Write a proof to files: that one message is in the log (without showing its neighbours), or, with "
        "--from, that nothing in the log at an earlier size has been changed since. How to recompute it is shown "
        "in docs/archive-format.md."
    ),
    epilog=help_end(
        "evidence log proof 3fa9c1 --out proofs/",
        "evidence log proof --from 120 --out proofs/",
        codes=(0, 2, 10),
    ),
)
@click.argument("sha256", required=False)
@click.option("--from", "first", type=click.IntRange(min=1), help=_("An earlier size of the log."))
@click.option(
    "--to", "second", type=click.IntRange(min=1), help=_("A later size of the log; default: the present one.")
)
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help=_("The folder to write to."))
@click.pass_obj
def proof(session: Session, sha256: str | None, first: int | None, second: int | None, out: Path) -> int:
    from evidence.archive.proofs import write_consistency, write_inclusion

    if (sha256 is None) == (first is None):
        raise click.UsageError(_("Give a message's SHA-256, or an earlier size with --from."))
    whole = whole_sha256(session, sha256) if sha256 else ""
    with session.read() as case:
        size = case.head().size
        if max(first or 0, second or 0) > size or (first and second and first > second):
            raise UsageError(
                _("The log has no such size, or the earlier is not the smaller one."),
                _("It has {size} events now.").format(size=size),
                _(
                    "`evidence log --root` prints its size; the size at an earlier time stands in a bundle or an anchor."
                ),
            )
        paths = (
            write_inclusion(case, whole, out, size=second)
            if whole
            else write_consistency(case, first or 0, second, out)
        )
    for path in paths:
        click.echo(str(path))
    return 0
