"""evidence status: one screen."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import click

from evidence.cli.hints import pasteable
from evidence.cli.output import json_lines, one_json
from evidence.cli.session import Session
from evidence.cli.text import _, help_end, outcome_in_words


@click.command(
    "status",
    help=_(
        "Where the matter stands: last sync, messages, folders, what was not retrieved, what vanished, anchors, "
        "bundles, what is waiting for a decision."
    ),
    epilog=help_end(
        "evidence status",
        "evidence status --all ~/matters --json",
        codes=(0, 2, 3, 10),
    ),
)
@click.option(
    "--all",
    "all_in",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_("Every matter in the folders under this one, one line each."),
)
@click.option("--json", "as_json", is_flag=True, help=_("JSON."))
@click.pass_obj
def command(session: Session, all_in: Path | None, as_json: bool) -> int:
    if all_in is not None:
        return _all(all_in, as_json)
    from evidence.operate.health import health

    with session.read() as case:
        state = health(session.config, case)
        alarms = case.alarms
    if as_json:
        one_json(state.as_row() | {"archive_alarms": list(alarms)})
        return 3 if state.owed else 0
    zone = session.config.zone
    for alarm in alarms:
        click.secho(f"⚠ {alarm}", fg="red", bold=True)
    click.secho(state.title, bold=True)
    when = state.last_sync.astimezone(zone).strftime("%Y-%m-%d %H:%M %z") if state.last_sync else _("never")
    click.echo(
        _("Last sync       {when} {outcome}").format(
            when=when, outcome=f"({outcome_in_words(state.last_outcome)})" if state.last_outcome else ""
        )
    )
    click.echo(
        _(
            "Messages        {total}: {scope} between the two sides, {context} context, {withheld} withheld (counsel)"
        ).format(total=state.messages, scope=state.in_scope, context=state.context, withheld=state.withheld)
    )
    for folder in state.folders:
        click.echo(
            _(
                "  {account}/{folder}: {on_server} on the server = {in_scope} in scope + {context} context + "
                "{out_of_scope} out of scope + {owed} not retrieved; {vanished} vanished"
            ).format(**folder)
        )
    if state.owed:
        click.secho(
            pasteable(_("Not retrieved   {n}; run `evidence sync` again").format(n=len(state.owed))), fg="yellow"
        )
    if state.vanished:
        click.echo(_("Disappeared     {n} (our copies stay)").format(n=state.vanished))
    if state.alarms:
        click.secho(
            pasteable(_("Alarms          {n}; see `evidence log --kind observed`").format(n=state.alarms)), fg="red"
        )
    if state.same_message_id:
        click.secho(
            _("Alarms          {n} Message-IDs were used for different texts").format(n=state.same_message_id), fg="red"
        )
    for address in state.proposed_delegates:
        click.echo(
            _(
                "{address} writes in the client's threads. If on the client's behalf, add it under [[client.delegates]]."
            ).format(address=address)
        )
    if state.anchors:
        test = _(" (TEST authority)") if state.test_anchor else ""
        anchored = state.last_anchor.astimezone(zone).strftime("%Y-%m-%d %H:%M %z") if state.last_anchor else "—"
        click.echo(_("Anchors         {n}, last {when}{test}").format(n=state.anchors, when=anchored, test=test))
    else:
        click.echo(
            pasteable(
                _(
                    "Anchors         none: nothing outside this machine vouches for the time; see `evidence anchor --help`"
                )
            )
        )
    click.echo(_("Log             {size} events, root {root}").format(size=state.log_size, root=state.root))
    click.echo(_("Bundles         {n}").format(n=state.bundles))
    click.echo(_("To review       {n} possible flags").format(n=state.unreviewed_possible))
    return 3 if state.owed else 0


def _all(folder: Path, as_json: bool) -> int:
    from evidence.archive.reader import ArchiveReader
    from evidence.config import load_config
    from evidence.errors import EvidenceError
    from evidence.operate.health import health

    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("**/config.toml")):
        try:
            config = load_config(path)
            with ArchiveReader(config.archive_path) as case:
                state = health(config, case)
            rows.append({"folder": str(path.parent)} | state.as_row())
        except EvidenceError as error:
            rows.append({"folder": str(path.parent), "error": error.what})
        except sqlite3.Error as error:  # a file that is no archive must not hide the matters after it
            rows.append({"folder": str(path.parent), "error": f"{config.archive_path.name}: {error}"})
    if as_json:
        json_lines(rows)
    else:
        for row in rows:
            said = row.get("error") or _("{messages} messages, last sync {last_sync}, {n} not retrieved").format(
                n=len(row["owed"]), **(row | {"last_sync": row["last_sync"] or _("never")})
            )
            click.echo(f"{row['folder']}: {said}")
    return 1 if any("error" in row for row in rows) else 3 if any(row["owed"] for row in rows) else 0
