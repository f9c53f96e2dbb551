"""evidence effort: time spent, per person and month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from evidence.cli.filters import DAY, if_to_come, not_empty, read_view, reading_of
from evidence.cli.output import csv_rows, table
from evidence.cli.session import Session, now
from evidence.cli.text import _, decimal, help_end, language
from evidence.errors import UsageError
from evidence.wording.effort import clock, formula_in_words, rule_in_words

if TYPE_CHECKING:
    from evidence.pipeline import View
    from evidence.reckoning import Effort

DAY_MINUTES = 24 * 60


@click.group(
    "effort",
    invoke_without_command=True,
    help=_(
        "Hours spent on the dispute per member of staff and month: estimated from the mail by a stated formula, "
        "plus hours logged by hand, multiplied by the rates."
    ),
    epilog=help_end(
        "evidence effort --csv",
        'evidence effort log "Anna Orlova" 90 --about "call with the client"',
        codes=(0, 2, 10, 11),
    ),
)
@click.option("--html", "as_html", is_flag=True, help=_("As a separate HTML page, with a chart."))
@reading_of(
    _(
        "Only this person (part of a name or address): one of us with all they read, wrote and logged; another with "
        "the time their messages took."
    )
)
@click.pass_context
def command(
    ctx: click.Context,
    as_html: bool,
    since: date | None,
    until: date | None,
    person: str | None,
    everything: bool,
    as_of: str | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    if ctx.invoked_subcommand:
        return 0
    session: Session = ctx.obj
    from evidence.pipeline.views import to_json

    case, shown = read_view(session, everything, as_of)
    if as_of:  # hours logged for later days are not looked at either
        last = shown.as_of.astimezone(session.config.zone).date()
        until = min(until or last, last)
    shown, result = _narrowed(session, case, shown, since, until, person)
    if as_html:
        from evidence.cli.timeline import print_page

        return print_page(session, case, shown, "effort", effort=result)
    if as_json:
        click.echo(to_json(result))
        return 0
    rows: list[dict[str, Any]] = [
        {
            "person": line.person,
            "month": line.month.strftime("%Y-%m"),
            "messages_in": line.messages_in,
            "messages_out": line.messages_out,
            "words_in": line.words_in,
            "words_out": line.words_out,
            "estimated_hours": f"{line.estimated_minutes / 60:.4f}",
            "logged_hours": f"{line.logged_minutes / 60:.4f}",
            "cost": f"{line.cost:.2f}",
            "estimated_minutes": f"{line.estimated_minutes:.1f}",
            "logged_minutes": line.logged_minutes,
            "rate": f"{line.rate:.{_decimals(line.rate)}f}",
        }
        for line in result.lines
    ]
    if as_csv:
        csv_rows(rows, list(rows[0]) if rows else ["person"])
        return 0
    for row, line in zip(rows, result.lines, strict=True):
        row["estimated"], row["logged"] = clock(line.estimated_minutes), clock(line.logged_minutes)
        row["rate"], row["cost"] = decimal(line.rate, _decimals(line.rate)), decimal(line.cost, 2)
    table(
        rows,
        {
            "person": _("who"),
            "month": _("month"),
            "messages_in": _("read"),
            "messages_out": _("written"),
            "words_in": _("words read"),
            "words_out": _("words written"),
            "estimated": _("hours, estimated"),
            "logged": _("hours, logged"),
            "rate": _("rate"),
            "cost": _("cost"),
        },
    )
    click.echo(formula_in_words(result.formula, language) + ". " + rule_in_words(language) + ".", err=True)
    return 0


def _decimals(rate: float) -> int:
    """Two, more only where the configuration gives the rate more: a rate is never shown other than it was reckoned with."""
    return max(2, -int(Decimal(str(rate)).as_tuple().exponent))


def _narrowed(
    session: Session, case: Any, shown: View, since: date | None, until: date | None, person: str | None
) -> tuple[View, Effort]:
    """The view and the effort of the asked days and person: of ours, all they read, wrote and logged; of others, the time their mail took."""
    from evidence.pipeline.views import effort_of, narrowed

    shown = narrowed(session.config, shown, since=since, until=until, person=None)
    result = effort_of(session.config, case, shown, since=since, until=until)
    if not person:
        return shown, result
    own = tuple(line for line in result.lines if person.casefold() in line.person.casefold())
    if own:
        return shown, replace(result, lines=own, share_of_traffic=None)
    shown = narrowed(session.config, shown, since=None, until=None, person=person)
    return shown, effort_of(session.config, case, shown, since=date.max)  # hours are logged for our own people alone


@command.command(
    "log",
    help=_("Log time by hand: a call, an incident at the counter, a search of the warehouse."),
    epilog=help_end(
        'evidence effort log "Anna Orlova" 90 --about "searched the warehouse"',
        codes=(0, 2, 10, 11),
    ),
)
@click.argument("person")
@click.argument("minutes", type=click.IntRange(1, DAY_MINUTES))
@click.option("--date", "day", type=DAY, help=_("The day; default: today."))
@click.option("--about", required=True, help=_("What was done."))
@click.pass_obj
def log(session: Session, person: str, minutes: int, day: date | None, about: str) -> int:
    from evidence.pipeline.views import as_configured

    chosen = day or now().astimezone(session.config.zone).date()
    person, about = as_configured(session.config, not_empty(_("PERSON"), person)), not_empty("--about", about)
    with session.read() as case:
        of_day = [
            row
            for row in case.hours()
            if str(row["day"])[:10] == chosen.isoformat()
            and as_configured(session.config, str(row["person"])) == person
        ]
    if (logged := sum(int(row["minutes"]) for row in of_day)) + minutes > DAY_MINUTES:
        raise UsageError(
            _("{person} would have worked more than 24 hours on {day}.").format(person=person, day=chosen),
            _("Already logged on that day: {minutes} min.").format(minutes=logged),
        )
    if_to_come(session, chosen)
    staff = [one.name for one in session.config.us.staff]
    if person not in staff:
        click.echo(
            _("Note: the configuration names no “{person}” among the staff, so there is no rate for this time.").format(
                person=person
            ),
            err=True,
        )
    with session.judge() as archive:
        archive.hours(person, chosen.isoformat(), minutes, about, actor=session.actor)
    click.echo(
        _("Logged: {person}, {day}, {minutes} min.").format(person=person, day=chosen, minutes=minutes), err=True
    )
    return 0
