"""evidence assess: the four questions, both sides; a person answers."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from evidence.cli.filters import not_empty, read_view, reading
from evidence.cli.session import Session
from evidence.cli.text import _, help_end


@click.group(
    "assess",
    invoke_without_command=True,
    help=_(
        "The four questions a business asks before it parts with a client, with what was found under each for "
        "both sides, and the answer a person recorded. The program counts; people judge."
    ),
    epilog=help_end(
        "evidence assess",
        'evidence assess answer 3 yes --note "invoice 1042"',
        codes=(0, 2, 10, 11),
    ),
)
@click.option("--html", "as_html", is_flag=True, help=_("As a separate HTML page."))
@reading
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
    from evidence.pipeline.views import assessment_of, narrowed, to_json

    case, shown = read_view(session, everything, as_of)
    shown = narrowed(session.config, shown, since=since, until=until, person=person)
    if as_html:
        from evidence.cli.timeline import print_page

        return print_page(session, case, shown, "assess")
    assessment = assessment_of(session.config, case, shown)
    if as_json:
        click.echo(to_json(assessment))
        return 0
    from evidence.cli.output import csv_rows
    from evidence.cli.text import language
    from evidence.timeline.page_assess import assessment_lines

    if as_csv:
        csv_rows(
            _rows(assessment),
            ["question", "side", "accepted", "unreviewed", "rejected", "requests", "first", "last", "answer"],
        )
        return 0
    for line in assessment_lines(
        assessment, language=language, timezone=session.config.matter.timezone, letters=shown.by_sha
    ):
        click.echo(line)
    return 0


def _rows(assessment: Any) -> list[dict[str, Any]]:
    rows = []
    for question in assessment.questions:
        for side in ("client", "us"):
            part = getattr(question, side)
            rows.append(
                {
                    "question": question.number,
                    "side": side,
                    "accepted": part.accepted,
                    "unreviewed": part.unreviewed,
                    "rejected": part.rejected,
                    "requests": len(part.requests),
                    "first": part.first.isoformat() if part.first else "",
                    "last": part.last.isoformat() if part.last else "",
                    "answer": question.answer or "",
                }
            )
    return rows


@command.command(
    "answer",
    help=_("Record a person's answer to one of the four questions. The last one counts; all are kept."),
    epilog=help_end(
        'evidence assess answer 1 no --note "the demands were within the contract"',
        codes=(0, 2, 10, 11),
    ),
)
@click.argument("question", type=click.IntRange(1, 4))
@click.argument("answer", type=click.Choice(["yes", "no", "unclear"]))
@click.option("--note", default="", help=_("The reason."))
@click.pass_obj
def answer(session: Session, question: int, answer: str, note: str) -> int:
    with session.judge() as archive:
        archive.answer(question, answer, note=note, actor=session.actor)
    click.echo(_("Recorded."), err=True)
    return 0


@command.command(
    "claim",
    help=_(
        "Give a claim of theirs (or ours) a name, so that files and messages can be linked to it with --about NAME."
    ),
    epilog=help_end(
        'evidence assess claim steamer "A steamer was lost"',
        codes=(0, 2, 10, 11),
    ),
)
@click.argument("name")
@click.argument("title")
@click.pass_obj
def claim(session: Session, name: str, title: str) -> int:
    name, title = not_empty(_("NAME"), name), not_empty(_("TITLE"), title)
    with session.judge() as archive:
        archive.claim(name, title, actor=session.actor)
    click.echo(_("Recorded."), err=True)
    return 0
