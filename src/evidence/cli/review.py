"""evidence review: a person's decision on flags and requests, one by id or one after another."""

from __future__ import annotations

import sys
from typing import Any

import click

from evidence.cli.filters import read_view
from evidence.cli.output import _cell, json_lines
from evidence.cli.session import Session, whole_sha256
from evidence.cli.text import _, help_end, language, tier_in_words
from evidence.errors import UsageError
from evidence.i18n import quoted
from evidence.model import CATEGORIES

OUTCOMES = ["answered", "answered-late", "deferred", "reply-without-answer", "no-reply", "pending"]


@click.command(
    "review",
    help=_(
        "Accept or reject flags and requests. With an id, decide on that one; without an id, they are shown one "
        "after another in the terminal, the surest first. Each decision is kept with its author and time; the "
        "last one counts. `evidence browse` does the same in the browser."
    ),
    epilog=help_end(
        'evidence review 4be1c2d3a4b5c6d7 --accept --note "checked with Anna"',
        "evidence review --list",
        codes=(0, 2, 10, 11),
    ),
)
@click.argument("target_id", required=False)
@click.option("--accept", "decision", flag_value="accepted", help=_("Accept: the flag or request is right."))
@click.option("--reject", "decision", flag_value="rejected", help=_("Reject: the flag or request is wrong."))
@click.option("--undo", "decision", flag_value="unreviewed", help=_("Undo the decision: back to not reviewed."))
@click.option("--category", type=click.Choice(list(CATEGORIES)), help=_("Accept a flag under another category."))
@click.option("--outcome", type=click.Choice(OUTCOMES), help=_("Accept a request with another outcome."))
@click.option("--answered-by", help=_("SHA-256 of the message that answered the request."))
@click.option("--note", default="", help=_("A remark, kept with the decision."))
@click.option(
    "--list",
    "list_only",
    is_flag=True,
    help=_("List what is waiting for a decision, and decisions whose flag no longer exists."),
)
@click.option(
    "--propose",
    is_flag=True,
    help=_(
        "Ask the second reader set under [assist], a model on this machine, for proposals; they only join the "
        "review queue."
    ),
)
@click.option("--json", "as_json", is_flag=True, help=_("With --list: one JSON object per line."))
@click.pass_obj
def command(
    session: Session,
    target_id: str | None,
    decision: str | None,
    category: str | None,
    outcome: str | None,
    answered_by: str | None,
    note: str,
    list_only: bool,
    propose: bool,
    as_json: bool,
) -> int:
    if propose:
        return _propose(session)
    _case, shown = read_view(session, True, None)
    targets = {("flag", f.id): f for f in shown.flags} | {("request", r.id): r for r in shown.requests}
    if list_only:
        return _list(shown, targets, as_json)
    if target_id is None:
        if not sys.stdin.isatty():
            raise UsageError(
                _("Give the id to decide on, or run this in a terminal."),
                "",
                _("`evidence review --list` lists what is waiting."),
            )
        return _one_after_another(session, shown, targets)
    found = [key for key in targets if key[1].startswith(target_id)]
    if len(found) != 1:
        raise UsageError(
            _("No flag or request, or more than one, has an id that begins with {id}.").format(id=target_id),
            "",
            _("`evidence review --list` lists them."),
        )
    kind, whole = found[0]
    if decision is None and not (category or outcome or answered_by):
        raise UsageError(_("Give --accept, --reject or --undo."))
    if category and kind != "flag":
        raise UsageError(_("--category is for flags; this is a request."))
    if (outcome or answered_by) and kind != "request":
        raise UsageError(_("--outcome and --answered-by are for requests; this is a flag."))
    answering = whole_sha256(session, answered_by) if answered_by else None
    with session.judge() as archive:
        archive.review(
            kind,
            whole,
            decision or "accepted",
            actor=session.actor,
            note=note,
            category=category,
            outcome=outcome or (_answered(targets[kind, whole], shown.by_sha.get(answering)) if answering else None),
            answering_sha256=answering,
        )
    click.echo(_("Recorded."), err=True)
    return 0


def _answered(request: Any, answer: Any) -> str:
    """What a request has become if ``answer`` answers it; one that came after the deadline is late, whoever's it is."""
    late = answer is not None and request.due_at is not None and answer.at > request.due_at
    return "answered-late" if late else "answered"


def _propose(session: Session) -> int:
    from evidence.cli.output import TerminalProgress
    from evidence.cli.session import now
    from evidence.pipeline.second_reader import propose

    session.current().close()
    progress = TerminalProgress()
    kept = propose(session.config, now=now, progress=progress)
    progress.clear()
    click.echo(_("Proposals kept for review: {n}.").format(n=kept), err=True)
    return 0


def _waiting(shown: Any, targets: dict[tuple[str, str], Any]) -> list[tuple[tuple[str, str], Any]]:
    """Not yet decided: possible ones first by score, for they are in no document until decided."""
    waiting = [
        (key, item)
        for key, item in targets.items()
        if key not in shown.reviews or shown.reviews[key].decision == "unreviewed"
    ]
    return sorted(waiting, key=lambda pair: (pair[1].tier != "possible", -getattr(pair[1], "score", 0.5), pair[0]))


def _list(shown: Any, targets: dict[tuple[str, str], Any], as_json: bool) -> int:
    rows = [
        {
            "target": key[0],
            "id": key[1],
            "tier": item.tier,
            "what": getattr(item, "category", None) or item.outcome,
            "quote": item.quote,
            "sha256": item.sha256,
            "orphaned": False,
        }
        for key, item in _waiting(shown, targets)
    ]
    for key, review in sorted(shown.reviews.items()):
        if key not in targets:
            rows.append(
                {
                    "target": key[0],
                    "id": key[1],
                    "tier": None,
                    "what": review.decision,
                    "quote": review.note,
                    "sha256": None,
                    "orphaned": True,
                }
            )
    if as_json:
        json_lines(rows)
    else:
        targets_in_words = {"flag": _("flag"), "request": _("request")}
        for row in rows:
            if row["orphaned"]:
                mark = _("orphaned: its text is no longer flagged")
            else:
                mark = f"{tier_in_words(row['tier'])}, {_what(targets[row['target'], row['id']])}"
            quote = " ".join(_cell(row["quote"]).split())
            click.echo(
                f"{row['id']}  {targets_in_words.get(row['target'], row['target']):8}{mark}  {quoted(quote, language)}"
            )
    return 0


def _what(item: Any) -> str:
    """What a flag says, or who asked and what became of it, for people."""
    from evidence.i18n import translation
    from evidence.timeline.words import CATEGORY_WORDS, SIDE_WORDS, SUBTYPE_WORDS

    said = translation("timeline", language).gettext
    if category := getattr(item, "category", None):
        return said(SUBTYPE_WORDS.get((category, item.subtype or "")) or CATEGORY_WORDS[category])
    return f"{said(SIDE_WORDS[item.asker])}: {_outcome(item.outcome)}"


def _outcome(outcome: str) -> str:
    from evidence.i18n import translation
    from evidence.timeline.words import OUTCOME_WORDS

    return translation("timeline", language).gettext(OUTCOME_WORDS[outcome])


def _why(kind: str, item: Any) -> str:
    from evidence.wording import why_in_words
    from evidence.wording.requests import request_why

    if kind == "request":
        return request_why(language, item.why)
    return why_in_words(
        language, why=item.why, rule=item.rule, category=item.category, links=item.links, detail=item.detail
    )


def _one_after_another(session: Session, shown: Any, targets: dict[tuple[str, str], Any]) -> int:
    waiting = _waiting(shown, targets)
    if not waiting:
        click.echo(_("Nothing is waiting for a decision."), err=True)
        return 0
    click.echo(_("a accept, r reject, s skip, q stop"), err=True)
    for number, ((kind, whole), item) in enumerate(waiting, 1):
        letter = shown.by_sha[item.sha256]
        day = letter.at.astimezone(session.config.zone)
        click.echo(
            f"\n{number}/{len(waiting)}  {day:%Y-%m-%d}  {_cell(letter.person)}  [{tier_in_words(item.tier)}] {_what(item)}"
        )
        click.echo(f"    {quoted(' '.join(_cell(item.quote).split()), language)}")
        click.echo(f"    {_why(kind, item)}")
        for row in shown.proposed.get(whole, ()) if kind == "request" else ():
            said = _("proposed by {model}: {outcome}, {day}").format(
                model=row["model"], outcome=_outcome(row["outcome"]), day=f"{shown.by_sha[row['sha256']].at:%Y-%m-%d}"
            )
            click.echo(f"    {said}: {quoted(_cell(row['quote']), language)}")
        key = click.prompt(">", type=click.Choice(["a", "r", "s", "q"]), show_choices=False, err=True)
        if key == "q":
            break
        if key in "ar":
            with session.judge() as archive:
                archive.review(kind, whole, "accepted" if key == "a" else "rejected", actor=session.actor)
    return 0
