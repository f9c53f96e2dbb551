"""What goes into a bundle and under which number. Pure: values in, values out.

Everything in scope is taken. A filter makes an extract that counts what it leaves out. Numbers already issued never
change; new items are numbered after them in order of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from evidence.bundle.options import BundleOptions
from evidence.model import Flag, Letter
from evidence.ports import IssuedBundle, IssuedExhibit, OutsideFile, Review
from evidence.reckoning import as_decided


@dataclass(frozen=True, slots=True)
class Selection:
    """The printed letters and files with all numbers of the matter, and everything left out, counted by reason."""

    letters: tuple[Letter, ...]
    files: tuple[OutsideFile, ...]
    numbers: Mapping[str, int]  # sha256 of every numbered letter, "file:ID" of every outside file
    in_scope: int  # letters a full bundle holds
    omitted: int  # of them, left out by a filter
    earlier: int  # of them, in an earlier bundle (a supplement)
    context: int
    withheld: int
    excluded: tuple[tuple[Letter, Mapping[str, Any]], ...]
    included: tuple[tuple[Letter, Mapping[str, Any]], ...]
    copies: int
    printed: frozenset[str]  # sha256 of the printed letters

    def number_of_file(self, file: OutsideFile) -> int:
        return self.numbers[f"file:{file.id}"]

    def number_of(self, sha256: str | None) -> int | None:
        return None if sha256 is None else self.numbers.get(sha256)


def select(
    *,
    letters: Sequence[Letter],
    everything: Sequence[Letter],
    files: Sequence[OutsideFile],
    issued: Sequence[IssuedExhibit],
    selections: Mapping[str, Mapping[str, Any]],
    flags: Sequence[Flag],
    reviews: Mapping[tuple[str, str], Review],
    options: BundleOptions,
    zone: tzinfo,
    supplements: IssuedBundle | None = None,
) -> Selection:
    """Decide. ``letters`` are those in scope or included by a person; ``everything`` adds context and withheld ones."""
    excluded = tuple((x, _chosen(selections, x)) for x in letters if _action(selections, x) == "exclude")
    out = {x.sha256 for x, _ in excluded}
    base = tuple(x for x in letters if x.sha256 not in out and not x.withheld)
    included = tuple((x, _chosen(selections, x)) for x in base if _action(selections, x) == "include")
    numbers = number(base, files, issued)
    chosen = tuple(x for x in base if _passes(x, options, flags, reviews, zone))
    kept_files = tuple(f for f in files if _file_passes(f, options))
    earlier = 0
    if options.supplement:
        known = _printed(issued, supplements)
        fresh = tuple(
            x
            for x in chosen
            if not any(("message", s) in known for s in (x.sha256, *x.copies)) or _since(selections, x, supplements)
        )
        earlier = len(chosen) - len(fresh)
        chosen = fresh
        kept_files = tuple(f for f in kept_files if ("file", f.sha256) not in known)
    base_ids = {x.sha256 for x in base} | out
    return Selection(
        letters=chosen,
        files=kept_files,
        numbers=numbers,
        in_scope=len(base),
        omitted=len(base) - len(chosen) - earlier,
        earlier=earlier,
        context=sum(1 for x in everything if x.sha256 not in base_ids and not x.withheld),
        withheld=sum(1 for x in everything if x.withheld),
        excluded=excluded,
        included=included,
        copies=sum(len(x.copies) for x in chosen),
        printed=frozenset(x.sha256 for x in chosen),
    )


def supplemented(bundles: Sequence[IssuedBundle]) -> IssuedBundle | None:
    """The last bundle that held all there was: neither an extract nor a notary's sheet, which number what they leave out."""
    whole = [b for b in bundles if b.kind != "notary" and b.options.get("kind") != "notary" and not _filtered(b)]
    return max(whole, key=lambda b: b.number, default=None)


def _filtered(bundle: IssuedBundle) -> bool:
    return any(bundle.options.get(name) for name in ("since", "until", "category"))


def _printed(issued: Sequence[IssuedExhibit], supplements: IssuedBundle | None) -> set[tuple[str, str]]:
    """What the bundles up to the one supplemented have printed."""
    last = supplements.number if supplements else 0
    return {(e.kind, e.sha256) for e in issued if e.bundle <= last}


def _since(selections: Mapping[str, Mapping[str, Any]], letter: Letter, supplements: IssuedBundle | None) -> bool:
    """Whether a person took the letter in only after the bundle supplemented: it may have been numbered before, and left out."""
    chosen = _chosen(selections, letter)
    event = int(chosen.get("event", -1))
    return chosen.get("action") == "include" and supplements is not None and event >= supplements.log_size


def number(letters: Sequence[Letter], files: Sequence[OutsideFile], issued: Sequence[IssuedExhibit]) -> dict[str, int]:
    """sha256 (or ``file:ID``) -> exhibit number. Issued numbers stand; the rest follow by time, letters before files."""
    frozen = {(e.kind, e.sha256): e.number for e in issued}
    following = max((e.number for e in issued), default=0) + 1
    numbers: dict[str, int] = {}
    for letter in sorted(letters, key=lambda x: (x.at, x.number)):
        found = next((frozen[k] for s in (letter.sha256, *letter.copies) if (k := ("message", s)) in frozen), None)
        if found is None:
            found, following = following, following + 1
        numbers[letter.sha256] = found
    for file in sorted(files, key=lambda f: (f.event_date, f.id)):
        found = frozen.get(("file", file.sha256))
        if found is None:
            found, following = following, following + 1
            frozen["file", file.sha256] = found
        numbers[f"file:{file.id}"] = found
    return numbers


def _action(selections: Mapping[str, Mapping[str, Any]], letter: Letter) -> str:
    return str(_chosen(selections, letter).get("action", ""))


def _chosen(selections: Mapping[str, Mapping[str, Any]], letter: Letter) -> Mapping[str, Any]:
    """The last choice a person made of this letter, by the hash of whichever copy they named."""
    found = [selections[s] for s in (letter.sha256, *letter.copies) if s in selections]
    return max(found, key=lambda row: int(row.get("id", 0)), default={})


def _passes(
    letter: Letter,
    options: BundleOptions,
    flags: Sequence[Flag],
    reviews: Mapping[tuple[str, str], Review],
    zone: tzinfo,
) -> bool:
    day = letter.at.astimezone(zone).date()
    if options.since and day < options.since:
        return False
    if options.until and day > options.until:
        return False
    if not options.category:
        return True
    return any(
        f.sha256 == letter.sha256 and category_of(f, reviews) in options.category and stands(f, reviews, options)
        for f in flags
    )


def _file_passes(file: OutsideFile, options: BundleOptions) -> bool:
    try:
        day = datetime.fromisoformat(file.event_date).date()
    except ValueError:
        return not options.selective
    if (options.since and day < options.since) or (options.until and day > options.until):
        return False
    return not options.category


def kind_of(flag: Flag, reviews: Mapping[tuple[str, str], Review]) -> tuple[str, str | None]:
    """The category and subtype a person accepted it in, else the rule's."""
    review = reviews.get(("flag", flag.id))
    decided = review.category if review and review.decision == "accepted" else None
    return as_decided(flag.category, flag.subtype, decided)


def category_of(flag: Flag, reviews: Mapping[tuple[str, str], Review]) -> str:
    """The category a person accepted it in, else the rule's."""
    return kind_of(flag, reviews)[0]


def stands(flag: Flag, reviews: Mapping[tuple[str, str], Review], options: BundleOptions) -> bool:
    """Whether a flag is printed: accepted ones always; stated ones unless rejected or only accepted ones were asked for."""
    review = reviews.get(("flag", flag.id))
    decision = review.decision if review else "unreviewed"
    if decision == "accepted":
        return True
    return decision == "unreviewed" and flag.tier == "stated" and not options.only_accepted
