"""The second reader, if the user has one: its proposals become judgement-kind records and wait in the review queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from evidence.config import Config
from evidence.errors import UsageError
from evidence.i18n import talk
from evidence.model import Flag, Letter
from evidence.ports import CaseFile, Progress

_ = talk("cli")


def propose(config: Config, *, now: Callable[[], datetime], progress: Progress) -> int:
    """Ask the model on this machine about every letter it has not proposed for yet; keep what it quotes. Returns how many.

    Raises UsageError where none is configured or it is not on loopback, NetworkError where it gives no usable answer; what
    was kept until then stays. Nothing it says changes what the rules found.
    """
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.store import Archive
    from evidence.timeline.assist import PROMPT_VERSION, loopback_url, propose_flags

    if not config.assist.url or not config.assist.model:
        raise UsageError(
            _("The configuration names no second reader."),
            "",
            _("Set url and model under [assist]: an OpenAI-compatible server that runs on this machine."),
        )
    url = loopback_url(config.assist.url)
    with ArchiveReader(config.archive_path) as case:
        letters = [letter for letter in case.letters() if not letter.withheld]
        known = {flag.id for flag in case.flags()}
        asked = {(p["sha256"], p["model"], p["prompt_version"]) for p in case.proposals()}
    kept = 0
    for done, letter in enumerate(letters, 1):
        progress.step(_("asking the second reader"), done, len(letters))
        if (letter.sha256, config.assist.model, PROMPT_VERSION) in asked:
            continue
        found = [p for p in propose_flags(letter, url=url, model=config.assist.model, now=now()) if p.id not in known]
        if not found:
            continue
        rows = [
            {
                "what": p.what,
                "target_id": p.id,
                "sha256": p.sha256,
                "part": p.part,
                "start": p.start,
                "end": p.end,
                "quote": p.quote,
                "category": p.value,
                "outcome": None,
                "model": p.model,
                "prompt_version": p.prompt_version,
            }
            for p in found
        ]
        with Archive.open(config.archive_path, write=True, now=now, run=False) as archive:
            kept += archive.propose(rows)
    return kept


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


def _still_there(row: Mapping[str, Any], letter: Letter) -> bool:
    return bool(letter.texts.get(row["part"], "")[row["start"] : row["end"]] == row["quote"])
