"""The second reader, if the user has one: its proposals become judgement-kind records and wait in the review queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from evidence.config import Config
from evidence.errors import UsageError
from evidence.i18n import talk
from evidence.model import Flag, Letter, Request
from evidence.ports import CaseFile, Progress

_ = talk("cli")

LETTERS_AT_MOST = 3  # asked about one request: the first ones after it


def propose(config: Config, *, now: Callable[[], datetime], progress: Progress) -> int:
    """Ask the model on this machine about every letter, and every reply in which no answer was visible, that it has not been asked
    about yet; keep what it quotes. Returns how many proposals.

    That it was asked and proposed nothing is kept too (``what`` = ``none``). Raises UsageError where none is configured or it is not
    on loopback, NetworkError where it gives no usable answer; what was kept until then stays. Nothing it says changes what the rules found.
    """
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.store import Archive
    from evidence.timeline.assist import loopback_url

    if not config.assist.url or not config.assist.model:
        raise UsageError(
            _("The configuration names no second reader."),
            "",
            _("Set url and model under [assist]: an OpenAI-compatible server that runs on this machine."),
        )
    loopback_url(config.assist.url)
    with ArchiveReader(config.archive_path) as case:
        letters = {letter.sha256: letter for letter in case.letters() if not letter.withheld}
        flags = {flag.id for flag in case.flags()}
        requests = [request for request in case.requests() if request.sha256 in letters]
        proposals = case.proposals()
    questions = [
        *_of_letters(config, letters.values(), flags, proposals, now),
        *_of_requests(config, requests, letters, proposals, now),
    ]
    kept = 0
    for done, ask in enumerate(questions, 1):
        progress.step(_("asking the second reader"), done, len(questions))
        rows = ask()
        with Archive.open(config.archive_path, write=True, now=now, run=False) as archive:
            archive.propose(rows)
        kept += sum(row["what"] != "none" for row in rows)
    return kept


Question = Callable[[], list[dict[str, Any]]]


def _of_letters(
    config: Config,
    letters: Iterable[Letter],
    known: set[str],
    proposals: Sequence[Mapping[str, Any]],
    now: Callable[[], datetime],
) -> Iterator[Question]:
    """What to ask of each letter that this model was not asked about."""
    from evidence.timeline.assist import PROMPT_VERSION, propose_flags

    url, model = config.assist.url, config.assist.model
    asked = {
        (p["sha256"], p["model"], p["prompt_version"]) for p in proposals if p["what"] == "flag" or not p["target_id"]
    }

    def ask(letter: Letter) -> list[dict[str, Any]]:
        found = [p for p in propose_flags(letter, url=url, model=model, now=now()) if p.id not in known]
        rows = [_row("flag", p.id, p.sha256, model, (p.start, p.end), p.quote, category=p.value) for p in found]
        return rows or [_row("none", "", letter.sha256, model)]

    for letter in letters:
        if letter.kind == "human" and letter.own_text().strip() and (letter.sha256, model, PROMPT_VERSION) not in asked:
            yield partial(ask, letter)


def _of_requests(
    config: Config,
    requests: Iterable[Request],
    letters: Mapping[str, Letter],
    proposals: Sequence[Mapping[str, Any]],
    now: Callable[[], datetime],
) -> Iterator[Question]:
    """What to ask of the replies to a request in which the search saw no answer: the rest is decided without a reader."""
    from evidence.timeline.assist import PROMPT_VERSION, propose_outcome

    url, model = config.assist.url, config.assist.model
    asked = {(p["target_id"], p["sha256"], p["model"], p["prompt_version"]) for p in proposals if p["what"] != "flag"}

    def ask(request: Request, reply: Letter) -> list[dict[str, Any]]:
        p = propose_outcome(request, reply, url=url, model=model, now=now())
        if p is None:
            return [_row("none", request.id, reply.sha256, model)]
        return [_row("request", request.id, p.sha256, model, (p.start, p.end), p.quote, outcome=p.value)]

    for request in requests:
        if request.outcome != "reply-without-answer":
            continue
        replies = [letters[x] for x in request.other_messages if x in letters and letters[x].kind == "human"]
        for reply in sorted(replies, key=lambda x: (x.at, x.number))[:LETTERS_AT_MOST]:
            if (request.id, reply.sha256, model, PROMPT_VERSION) not in asked:
                yield partial(ask, request, reply)


def _row(
    what: str,
    target_id: str,
    sha256: str,
    model: str,
    span: tuple[int, int] = (0, 0),
    quote: str = "",
    *,
    category: str = "",
    outcome: str | None = None,
) -> dict[str, Any]:
    from evidence.timeline.assist import PROMPT_VERSION

    return {
        "what": what, "target_id": target_id, "sha256": sha256, "part": "body", "start": span[0], "end": span[1], "quote": quote,
        "category": category, "outcome": outcome, "model": model, "prompt_version": PROMPT_VERSION,
    }  # fmt: skip


def proposed_flags(case: CaseFile, letters: Mapping[str, Letter], known: Iterable[str]) -> tuple[Flag, ...]:
    """Kept proposals as flags of tier possible, where no rule found the same; the first of each."""
    from evidence.timeline.assist import Proposal

    taken = set(known)
    found = []
    for row in case.proposals():
        letter = letters.get(row["sha256"])
        if row["what"] != "flag" or row["target_id"] in taken or letter is None or not _still_there(row, letter):
            continue
        taken.add(row["target_id"])
        proposal = Proposal(
            id=row["target_id"],
            what="flag",
            sha256=row["sha256"],
            part=row["part"],
            start=row["start"],
            end=row["end"],
            quote=row["quote"],
            value=row["category"],
            model=row["model"],
            prompt_version=row["prompt_version"],
            at=datetime.fromisoformat(str(row["at"]).replace("Z", "+00:00")),
        )
        found.append(proposal.as_flag(letter))
    return tuple(found)


def proposed_outcomes(case: CaseFile, letters: Mapping[str, Letter]) -> dict[str, list[Mapping[str, Any]]]:
    """Kept proposals on what became of a request, by its id, in the order kept: rows of ``proposal`` whose quote still stands."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in case.proposals():
        letter = letters.get(row["sha256"])
        if row["what"] == "request" and letter is not None and _still_there(row, letter):
            found.setdefault(row["target_id"], []).append(row)
    return found


def _still_there(row: Mapping[str, Any], letter: Letter) -> bool:
    return bool(letter.texts.get(row["part"], "")[row["start"] : row["end"]] == row["quote"])
