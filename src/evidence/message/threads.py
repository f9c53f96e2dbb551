"""Which messages belong together, and which is the copy of which.

Threads after Jamie Zawinski's method, kept small: References and In-Reply-To first, then, for a reply whose program lost
them, the words it quotes and its subject, among the same people within a month. No recursion; the same input in any
order gives the same answer.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evidence.message.zones import base_subject
from evidence.message.zones_patterns import REPLY_SUBJECT
from evidence.model import ThreadPlace, sha256_hex

SUBJECT_DAYS = timedelta(days=30)
QUOTE_DAYS = timedelta(days=90)
_CANDIDATES = 200  # earlier messages of one writer compared with a quote
_RUN = 4  # words in a row
_WORD = re.compile(r"\w+")
_LONG = 200_000
_YEAR_ONE = 62_135_596_800  # seconds from 0001-01-01 to 1970-01-01


@dataclass(frozen=True, slots=True)
class ThreadInput:
    """What threading reads of a message. ``people``: lower-cased addresses of sender and recipients; ``own`` and
    ``quoted``: the body's zones of these kinds; ``number``: order of first acquisition; ``own_mark`` stands for ``own``
    where the words themselves are not at hand."""

    sha256: str
    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    subject: str
    at: datetime
    people: frozenset[str]
    sender: str = ""
    own: str = ""
    quoted: str = ""
    date_raw: str | None = None
    number: int = 0
    own_mark: str = ""


@dataclass(frozen=True, slots=True)
class CopyGroups:
    """``first_of`` maps every copy (but the first) to the first acquired of its group. ``alarms`` are Message-IDs borne
    by messages that differ in From, Date or own text, with their hashes in order of acquisition."""

    first_of: Mapping[str, str]
    alarms: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(slots=True)
class _Sets:
    """Disjoint sets with path halving."""

    parent: dict[str, str] = field(default_factory=dict)

    def root(self, key: str) -> str:
        parent = self.parent
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def join(self, one: str, other: str) -> None:
        first, second = self.root(one), self.root(other)
        if first != second:
            low, high = sorted((first, second))
            self.parent[high] = low


def _own(item: ThreadInput) -> str:
    return item.own


def build_threads(
    items: Iterable[ThreadInput], *, own_of: Callable[[ThreadInput], str] = _own
) -> dict[str, ThreadPlace]:
    """sha256 -> place, for all items. ``thread`` is the hash of the thread's first message by (at, sha256).

    ``own_of`` fetches the own words of the few messages that a quote is compared with, where the items do not bear them.
    """
    ordered = sorted({item.sha256: item for item in items}.values(), key=lambda i: (i.at, i.sha256))
    holders: dict[str, list[ThreadInput]] = {}
    for item in ordered:
        if item.message_id:
            holders.setdefault(item.message_id, []).append(item)
    sets = _Sets()
    parents: dict[str, tuple[str, str]] = {}
    lost: list[ThreadInput] = []
    for item in ordered:
        node = f"#{item.sha256}"
        sets.root(node)
        if item.message_id:
            sets.join(node, item.message_id)
        for identifier in (*item.references, *item.in_reply_to):
            sets.join(node, identifier)
        found = _by_headers(item, holders)
        if found is not None:
            parents[item.sha256] = found
        elif not item.references and not item.in_reply_to:
            lost.append(item)
    for item, (parent, by) in _by_words(lost, ordered, own_of):
        parents[item.sha256] = (parent, by)
        sets.join(f"#{item.sha256}", f"#{parent}")
    _break_cycles(parents, ordered)
    first: dict[str, str] = {}
    for item in ordered:
        first.setdefault(sets.root(f"#{item.sha256}"), item.sha256)
    places: dict[str, ThreadPlace] = {}
    for item in ordered:
        known = parents.get(item.sha256)
        by = known[1] if known else ""
        if not known and (item.references or item.in_reply_to):
            by = "references" if item.references else "in-reply-to"  # to a message we do not hold
        places[item.sha256] = ThreadPlace(first[sets.root(f"#{item.sha256}")], known[0] if known else None, by)
    return places


def _by_headers(item: ThreadInput, holders: Mapping[str, Sequence[ThreadInput]]) -> tuple[str, str] | None:
    """The message replied to, if we hold it: In-Reply-To names it (RFC 5322 section 3.6.4), else the last reference."""
    direct = [(identifier, "in-reply-to") for identifier in item.in_reply_to]
    last = [(identifier, "references") for identifier in item.references[-1:]]
    for identifier, by in (*direct, *last):
        for holder in holders.get(identifier, ()):
            if holder.sha256 != item.sha256:
                return holder.sha256, by
    return None


def _by_words(
    lost: Sequence[ThreadInput], ordered: Sequence[ThreadInput], own_of: Callable[[ThreadInput], str]
) -> Iterable[tuple[ThreadInput, tuple[str, str]]]:
    """Parents for messages that name none: by the words quoted, else by subject, people and days."""
    if not lost:
        return
    by_sender: dict[str, list[ThreadInput]] = {}
    by_subject: dict[str, list[ThreadInput]] = {}
    for item in ordered:
        by_sender.setdefault(item.sender.lower(), []).append(item)
        by_subject.setdefault(base_subject(item.subject), []).append(item)
    runs: dict[str, frozenset[int]] = {}
    for item in lost:
        parent = _quoted_message(item, by_sender, runs, own_of)
        if parent is not None:
            yield item, (parent.sha256, "quote")
            continue
        subject = base_subject(item.subject)
        if len(subject) < 3 or not REPLY_SUBJECT.match(item.subject):
            continue
        parent = _same_subject(item, by_subject[subject])
        if parent is not None:
            yield item, (parent.sha256, "subject")


def _earlier(item: ThreadInput, candidates: Sequence[ThreadInput], days: timedelta) -> Sequence[ThreadInput]:
    """The candidates (in order) before the item and within ``days`` of it."""
    end = bisect_left(candidates, (item.at, item.sha256), key=lambda c: (c.at, c.sha256))
    if item.at.timestamp() < days.total_seconds() - _YEAR_ONE:  # before it there is no date to compare with
        return candidates[:end]
    start = bisect_left(candidates, item.at - days, key=lambda c: c.at, hi=end)
    return candidates[start:end]


def _same_subject(item: ThreadInput, candidates: Sequence[ThreadInput]) -> ThreadInput | None:
    """The latest earlier message with this subject between the same two people; from the other one, if there is."""
    sender = item.sender.lower()
    fallback: ThreadInput | None = None
    for candidate in reversed(_earlier(item, candidates, SUBJECT_DAYS)[-_CANDIDATES:]):
        if len(candidate.people & item.people) < min(2, len(item.people)):
            continue
        if candidate.sender.lower() != sender:
            return candidate
        fallback = fallback or candidate
    return fallback


def _quoted_message(
    item: ThreadInput,
    by_sender: Mapping[str, Sequence[ThreadInput]],
    runs: dict[str, frozenset[int]],
    own_of: Callable[[ThreadInput], str],
) -> ThreadInput | None:
    """The latest earlier message of one of the item's people most of whose own words stand in the item's quote."""
    if len(item.quoted) < 20:
        return None
    quoted = _runs(item.quoted)
    best: ThreadInput | None = None
    for person in sorted(item.people - {item.sender.lower()}):
        for candidate in reversed(_earlier(item, by_sender.get(person, ()), QUOTE_DAYS)[-_CANDIDATES:]):
            if best is not None and (candidate.at, candidate.sha256) <= (best.at, best.sha256):
                break
            if candidate.sha256 not in runs:
                runs[candidate.sha256] = _runs(own_of(candidate))
            own = runs[candidate.sha256]
            if len(own) >= 3 and len(own & quoted) * 10 >= len(own) * 6:
                best = candidate
                break
    return best


def _runs(text: str) -> frozenset[int]:
    words = _WORD.findall(text[:_LONG].casefold())
    return frozenset(hash(tuple(words[at : at + _RUN])) for at in range(len(words) - _RUN + 1))


def _break_cycles(parents: dict[str, tuple[str, str]], ordered: Sequence[ThreadInput]) -> None:
    """Forged headers can make two messages each other's parent: the first of such a ring loses its parent."""
    settled: set[str] = set()
    for item in ordered:
        path: dict[str, None] = {}
        at: str | None = item.sha256
        while at is not None and at not in settled and at not in path:
            path[at] = None
            at = parents[at][0] if at in parents else None
        if at is not None and at in path:
            ring = list(path)[list(path).index(at) :]
            position = {one.sha256: number for number, one in enumerate(ordered)} if len(ring) > 1 else {ring[0]: 0}
            parents.pop(min(ring, key=lambda sha: position[sha]))
        settled.update(path)


def copy_groups(items: Iterable[ThreadInput]) -> CopyGroups:
    """Copies share Message-ID, From, Date and own text (trailing spaces aside); one that shares only the first alarms."""
    bearers: dict[str, list[ThreadInput]] = {}
    for item in sorted(items, key=lambda i: (i.number, i.at, i.sha256)):
        if item.message_id:
            bearers.setdefault(item.message_id, []).append(item)
    first_of: dict[str, str] = {}
    alarms: list[tuple[str, tuple[str, ...]]] = []
    for message_id, group in bearers.items():
        if len(group) == 1:
            continue
        firsts: dict[tuple[str, str, str], str] = {}
        for item in group:
            key = (item.sender.lower(), (item.date_raw or "").strip(), item.own_mark or own_mark(item.own))
            head = firsts.setdefault(key, item.sha256)
            if head != item.sha256:
                first_of[item.sha256] = head
        if len(firsts) > 1:
            alarms.append((message_id, tuple(dict.fromkeys(i.sha256 for i in group))))
    return CopyGroups(first_of, tuple(sorted(alarms)))


def own_mark(own: str) -> str:
    """A hash of own words, spaces at the ends of lines aside: two copies have the same."""
    words = "\n".join(line.rstrip() for line in own.split("\n")).strip()
    return sha256_hex(words.encode("utf-8", "surrogatepass"))
