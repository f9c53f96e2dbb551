"""evidence flags: what was flagged, each with its quote."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import click

from evidence.cli.filters import chosen, read_view, reading
from evidence.cli.measured import measured
from evidence.cli.output import csv_rows, json_lines, table
from evidence.cli.session import Session
from evidence.cli.text import _, help_end, language, tier_in_words
from evidence.errors import UsageError
from evidence.i18n import translation
from evidence.model import CATEGORIES


@click.command(
    "flags",
    help=_(
        "Threats, demands, accusations, refusals, broken promises and the like, by either side, each with its "
        "exact quote. Tier “stated” rests on an exact rule; “possible” waits for a person's decision. What is "
        "not flagged may still be there."
    ),
    epilog=help_end(
        "evidence flags --category threat --tier stated --json",
        codes=(0, 2, 10),
    )
    + "\n\n"
    + measured(),
)
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice(list(CATEGORIES)),
    help=_("Only this category; may be repeated."),
)
@click.option("--tier", type=click.Choice(["stated", "possible"]), help=_("Only this tier."))
@click.option(
    "--review",
    type=click.Choice(["unreviewed", "accepted", "rejected"]),
    help=_("Only flags with this decision by a person."),
)
@click.option("--speaker", type=click.Choice(["us", "client", "third"]), help=_("Only this side's words."))
@click.option(
    "--explain",
    "explain_id",
    metavar="ID",
    help=_("Explain in words why this was flagged: sentence, rule, what was checked."),
)
@click.option("--html", "as_html", is_flag=True, help=_("As a separate HTML page."))
@reading
@click.pass_obj
def command(
    session: Session,
    categories: tuple[str, ...],
    tier: str | None,
    review: str | None,
    speaker: str | None,
    explain_id: str | None,
    as_html: bool,
    since: date | None,
    until: date | None,
    person: str | None,
    everything: bool,
    as_of: str | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    from evidence.pipeline.views import flag_rows
    from evidence.timeline.words import CATEGORY_WORDS, REVIEW_WORDS, SUBTYPE_WORDS

    case, shown = read_view(session, everything or bool(explain_id), as_of)
    if explain_id:
        return _explain(session, shown, explain_id)
    rows = [
        row
        for row in flag_rows(shown)
        if (not categories or row["category"] in categories)
        and (not tier or row["tier"] == tier)
        and (not review or row["review"] == review)
        and (not speaker or row["speaker"] == speaker)
        and chosen(session, shown, row["sha256"], since=since, until=until, person=person)
    ]
    if as_html:
        from evidence.cli.timeline import print_page

        wanted = {row["id"] for row in rows}
        return print_page(
            session, case, replace(shown, flags=tuple(flag for flag in shown.flags if flag.id in wanted)), "flags"
        )
    if as_json:
        json_lines(rows)
    elif as_csv:
        csv_rows(
            rows,
            [
                "id",
                "at",
                "speaker",
                "person",
                "category",
                "subtype",
                "tier",
                "review",
                "quote",
                "why",
                "sha256",
                "message_id",
                "folder",
            ],
        )
    else:
        said = translation("timeline", language).gettext
        for row in rows:
            row["when"] = shown.by_sha[row["sha256"]].at.astimezone(session.config.zone).strftime("%Y-%m-%d %H:%M")
            row["what"] = said(
                SUBTYPE_WORDS.get((row["category"], row["subtype"] or ""), CATEGORY_WORDS[row["category"]])
            )
            row["tier"] = tier_in_words(row["tier"])
            row["review"] = said(REVIEW_WORDS[row["review"]])
        table(
            rows,
            {
                "id": _("id"),
                "when": _("when"),
                "person": _("who"),
                "what": _("what"),
                "tier": _("tier"),
                "review": _("review"),
                "quote": _("quote"),
            },
            empty=_("Nothing was flagged. What is not flagged may still be there."),
        )
    return 0


def _explain(session: Session, shown, flag_id: str) -> int:  # type: ignore[no-untyped-def]
    from evidence.timeline.explain import explain
    from evidence.timeline.rules import load_packs

    found = [flag for flag in shown.flags if flag.id.startswith(flag_id)]
    if len(found) != 1:
        raise UsageError(
            _("No flag, or more than one, has an id that begins with {id}.").format(id=flag_id),
            "",
            _("`evidence flags` lists them."),
        )
    own = session.config.folder / "packs"
    packs = load_packs([own] if own.is_dir() else [])
    click.echo(explain(found[0], shown.by_sha[found[0].sha256], packs, language))
    return 0
