"""evidence requests: every request by either side, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import click

from evidence.cli.filters import chosen, read_view, reading
from evidence.cli.output import csv_rows, json_lines, table
from evidence.cli.session import Session
from evidence.cli.text import _, days_in_words, help_end, language, tier_in_words
from evidence.i18n import translation

OUTCOMES = ["answered", "answered-late", "deferred", "reply-without-answer", "no-reply", "pending"]


@click.command(
    "requests",
    help=_(
        "Questions asked, and documents, actions and payments requested, by either side, with what a search of "
        "the archive found by way of an answer. “no-reply” means: no reply found in the folders searched; "
        "telephone and messengers are not searched."
    ),
    epilog=help_end(
        "evidence requests --outcome no-reply --asker us",
        codes=(0, 2, 10),
    ),
)
@click.option(
    "--outcome", "outcomes", multiple=True, type=click.Choice(OUTCOMES), help=_("Only this outcome; may be repeated.")
)
@click.option("--asker", type=click.Choice(["us", "client"]), help=_("Only requests made by this side."))
@click.option("--tier", type=click.Choice(["stated", "possible"]), help=_("Only this tier."))
@click.option("--html", "as_html", is_flag=True, help=_("As a separate HTML page."))
@reading
@click.pass_obj
def command(
    session: Session,
    outcomes: tuple[str, ...],
    asker: str | None,
    tier: str | None,
    as_html: bool,
    since: date | None,
    until: date | None,
    person: str | None,
    everything: bool,
    as_of: str | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    from evidence.pipeline.views import request_rows
    from evidence.timeline.words import KIND_WORDS, OUTCOME_WORDS

    case, shown = read_view(session, everything, as_of)
    rows = [
        row
        for row in request_rows(shown)
        if (not outcomes or row["outcome"] in outcomes)
        and (not asker or row["asker"] == asker)
        and (not tier or row["tier"] == tier)
        and chosen(session, shown, row["sha256"], since=since, until=until, person=person)
    ]
    if as_html:
        from evidence.cli.timeline import print_page

        wanted = {row["id"] for row in rows}
        chosen_ones = tuple(request for request in shown.requests if request.id in wanted)
        return print_page(session, case, replace(shown, requests=chosen_ones), "requests")
    if as_json:
        json_lines(rows)
    elif as_csv:
        columns = [
            "id",
            "asked_at",
            "due_at",
            "asker",
            "person",
            "kind",
            "outcome",
            "tier",
            "review",
            "waited_days",
            "waited_working_days",
        ]
        csv_rows(rows, [*columns, "quote", "answer_quote", "answering_message_id", "sha256", "message_id"])
    else:
        said = translation("timeline", language).gettext
        for row in rows:
            row["kind"], row["outcome"] = said(KIND_WORDS[row["kind"]]), said(OUTCOME_WORDS[row["outcome"]])
            row["tier"] = tier_in_words(row["tier"])
            row["waited_days"] = days_in_words(row["waited_days"])
            row["when"] = shown.by_sha[row["sha256"]].at.astimezone(session.config.zone).strftime("%Y-%m-%d %H:%M")
        table(
            rows,
            {
                "id": _("id"),
                "when": _("asked"),
                "person": _("who"),
                "kind": _("kind"),
                "outcome": _("outcome"),
                "waited_days": _("days"),
                "tier": _("tier"),
                "quote": _("quote"),
            },
        )
        click.echo(
            _("As of {when}.").format(when=shown.as_of.astimezone(session.config.zone).strftime("%Y-%m-%d %H:%M %z")),
            err=True,
        )
    return 0
