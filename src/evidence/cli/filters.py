"""Options that several commands share: dates, people, formats."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evidence.cli.text import _
from evidence.errors import UsageError

if TYPE_CHECKING:
    from evidence.cli.session import Session
    from evidence.pipeline import View

F = TypeVar("F", bound=Callable[..., Any])


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD or DD.MM.YYYY."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        for form in ("%Y-%m-%d", "%d.%m.%Y"):
            try:
                return datetime.strptime(value, form).date()  # a day has no zone
            except ValueError:
                continue
        return self.fail(_("“{text}” is not a day; write 2026-03-31 or 31.03.2026.").format(text=value), param, ctx)


DAY = Day()


def reading_of(person: str) -> Callable[[F], F]:
    """--since --until --person --all --as-of --json --csv: every view has them. ``person``: what ``--person`` means there."""

    def decorated(command: F) -> F:
        return _with_options(command, person)

    return decorated


def reading(command: F) -> F:
    """The options of a view of messages: there ``--person`` is who sent them, and the same in each."""
    return _with_options(command, _("Only messages sent by this person (part of a name or address)."))


def _with_options(command: F, person: str) -> F:
    for option in reversed(
        [
            click.option("--since", type=DAY, help=_("From this day on, inclusive.")),
            click.option("--until", type=DAY, help=_("Up to this day, inclusive.")),
            click.option("--person", help=person),
            click.option("--all", "everything", is_flag=True, help=_("Include context messages as well.")),
            click.option(
                "--as-of", help=_("Assess what is pending as of the end of this day (default: the last acquisition).")
            ),
            click.option("--json", "as_json", is_flag=True, help=_("One JSON object per line.")),
            click.option("--csv", "as_csv", is_flag=True, help=_("Comma-separated values.")),
        ]
    ):
        command = option(command)
    return command


def not_empty(name: str, text: str) -> str:
    """``text`` without blanks around it. Raises UsageError where nothing is left: what is recorded cannot be taken back."""
    text = " ".join(text.split())
    if not text:
        raise UsageError(_("{name} must not be empty.").format(name=name))
    return text


def if_to_come(session: Session, day: date) -> None:
    """Warn of a day later than today: what is recorded cannot be taken back."""
    from evidence.cli.session import now

    if day > now().astimezone(session.config.zone).date():
        click.echo(_("Note: {day} is yet to come.").format(day=day.isoformat()), err=True)


NARROWING = ("since", "until", "person", "categories", "tier", "review", "speaker", "outcomes", "asker")


def narrowing() -> str:
    """The options of this command that leave something out, as typed; a page that shows a part says so with them."""
    context = click.get_current_context(silent=True)
    said: list[str] = []
    for option in context.command.params if context else ():
        value = context.params.get(option.name or "") if context else None
        if option.name in NARROWING and value:
            for one in value if isinstance(value, tuple) else (value,):
                said.append(f"{option.opts[0]} {shlex.quote(str(one))}")
    return " ".join(said)


def read_view(session: Session, everything: bool, as_of: str | None) -> tuple[Any, View]:
    """The archive's reader and the view the options ask for. Brings stale derived tables up to date first."""
    from evidence import pipeline

    context = click.get_current_context(silent=True)
    asked = context.params if context else {}
    if asked.get("since") and asked.get("until") and asked["since"] > asked["until"]:
        raise UsageError(
            _("--since {since} is later than --until {until}: there is no day between.").format(
                since=asked["since"], until=asked["until"]
            )
        )
    from evidence.pipeline.views import end_of_day, stated_as_of

    moment = None
    if as_of:
        try:
            moment = end_of_day(as_of, session.config)
        except ValueError:
            raise UsageError(
                _("“{text}” is neither a day nor a time; write 2026-03-31, 31.03.2026 or 2026-03-31T12:00.").format(
                    text=as_of
                )
            ) from None
    case = session.current()
    reached = stated_as_of(case)
    if moment is not None and reached is not None and moment > reached:
        shown = f"{reached.astimezone(session.config.zone):%Y-%m-%d %H:%M}"
        click.echo(
            _("Note: mail was last taken in at {when}; whether anything came after that is not known here.").format(
                when=shown
            ),
            err=True,
        )
    return case, pipeline.view(session.config, case, as_of=moment, everything=everything)


def chosen(
    session: Session,
    shown: View,
    sha256: str,
    *,
    since: date | None,
    until: date | None,
    person: str | None,
) -> bool:
    """Whether the letter with this hash is inside the asked days and sent by the asked person."""
    from evidence.timeline.build import sent_by

    letter = shown.by_sha[sha256]
    day = letter.at.astimezone(session.config.zone).date()
    if (since and day < since) or (until and day > until):
        return False
    return not person or sent_by(letter, person)
