"""Which letters may answer an asking, and where each stands to it: threads, subjects, what came between and after.

Of other threads the next letters, if they are not long, are candidates whatever they say ("Which colour?" – "Sage, please." under another subject), and those
further off that speak of what was asked. What is told of a place is counted and compared only; whether it answers is ``answers_letter.py``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.model import Letter, other_side
from evidence.timeline.answers import Vocabulary, stems_of
from evidence.timeline.answers_letter import CALM, Place, Tone
from evidence.timeline.requests_find import Ask
from evidence.timeline.requests_repeats import Again, bare_subject

THREAD_AT_MOST, ELSEWHERE_AT_MOST = 25, 200  # letters looked at for one asking
ELSEWHERE_NEAR = 3  # letters of other threads, the next ones, that are weighed whatever they say …
NEAR_WORDS = 120  # … if they are no longer: of the labelled answers that share no word none has more than 90
ELSEWHERE_OVERLAP = 0.34  # weighted share of the asked words that one further off must say


@dataclass(frozen=True, slots=True)
class Asking:
    """One asking as a place to reckon from. ``repeated_at``: when the same was asked again; answers after that are the repeat's."""

    letter: Letter
    ask: Ask
    due: datetime
    repeated_at: datetime | None
    asks: int
    asks_before: int
    again: Sequence[Again]


class Run:
    """Letters in order of time, cut by bisection."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters = letters
        self._at = [x.at for x in letters]

    def after(self, moment: datetime, until: datetime | None = None) -> Sequence[Letter]:
        """Later than ``moment``; up to and with ``until``, where it is given."""
        end = len(self._at) if until is None else bisect_right(self._at, until)
        return self.letters[bisect_right(self._at, moment) : end]

    def first_after(self, moment: datetime) -> Letter | None:
        at = bisect_right(self._at, moment)
        return self.letters[at] if at < len(self.letters) else None

    def count(self, since: datetime, before: datetime) -> int:
        """Later than ``since`` and earlier than ``before``."""
        return max(0, bisect_left(self._at, before) - bisect_right(self._at, since))

    def count_after(self, moment: datetime) -> int:
        return len(self._at) - bisect_right(self._at, moment)


_NONE = Run(())


def _short(letter: Letter) -> bool:
    return len(letter.own_text().split()) <= NEAR_WORDS


class Correspondence:
    """The human letters between the sides. ``stems``: of each one's words, by its sha256; ``tones``: of what was flagged in it."""

    def __init__(
        self,
        letters: Sequence[Letter],
        vocabulary: Vocabulary,
        stems: Mapping[str, frozenset[str]],
        tones: Mapping[str, Tone],
    ) -> None:
        self._tones = tones
        human = [x for x in letters if x.speaker != "third" and x.sha256 in stems]
        self._by_hash = {x.sha256: x for x in human}
        self._vocabulary = vocabulary
        self._stems = stems
        self.of: Mapping[str, Run] = {s: Run([x for x in human if x.speaker == s]) for s in ("us", "client")}
        threads: dict[tuple[str, str], list[Letter]] = {}
        for x in human:
            threads.setdefault((x.speaker, x.thread), []).append(x)
        self._thread = {key: Run(found) for key, found in threads.items()}

    def in_thread(self, side: str, thread: str) -> Run:
        """The letters of one side in one thread."""
        return self._thread.get((side, thread), _NONE)

    def candidates(self, asking: Asking) -> list[tuple[Letter, Place]]:
        """The letters of the other side that may answer, with their places."""
        letter, until = asking.letter, asking.repeated_at
        side = other_side(letter.speaker)
        stems = stems_of(asking.ask.quote) or stems_of(letter.own_text())
        thread = self.in_thread(side, letter.thread).after(letter.at, until)[:THREAD_AT_MOST]
        window = self.of[side].after(letter.at, until)[: ELSEWHERE_AT_MOST + len(thread)]
        elsewhere = [x for x in window if x.thread != letter.thread]
        found = [(x, True) for x in thread]
        for number, other in enumerate(elsewhere):
            speaks = self._speaks_of(stems, other)
            if speaks or (number < ELSEWHERE_NEAR and _short(other)):
                found.append((other, speaks))
        return [(x, self._place(asking, stems, x, speaks)) for x, speaks in found]

    def _speaks_of(self, stems: frozenset[str], other: Letter) -> bool:
        """One word in common ties nothing to another thread: everybody speaks of payments."""
        said = self._stems[other.sha256]
        return len(stems & said) >= 2 and self._vocabulary.overlap(stems, said) >= ELSEWHERE_OVERLAP

    def _place(self, asking: Asking, asked: frozenset[str], other: Letter, speaks: bool) -> Place:
        letter = asking.letter
        subject = bare_subject(letter.subject)
        overlap = self._vocabulary.overlap
        mine, theirs = self.of[letter.speaker], self.of[other.speaker]
        my_thread, their_thread = (self.in_thread(x.speaker, letter.thread) for x in (letter, other))
        before = their_thread.count(letter.at, other.at)
        since = theirs.count(letter.at, other.at)
        following = self.in_thread(letter.speaker, other.thread).first_after(other.at)
        following_anywhere = mine.first_after(other.at)
        parent = self._by_hash.get(other.parent or "")
        return Place(
            direct=other.parent == letter.sha256,
            in_thread=other.thread == letter.thread,
            same_subject=bool(subject) and bare_subject(other.subject) == subject,
            before=before,
            between=my_thread.count(letter.at, other.at),
            asks=asking.asks,
            asks_before=asking.asks_before,
            hours=int((other.at - letter.at) / timedelta(hours=1)),
            late=other.at > asking.due,
            repeated=asking.repeated_at is not None,
            again=max((a.likeness for a in asking.again if a.at > other.at), default=0.0),
            again_marked=any(a.marked and a.at > other.at for a in asking.again),
            following=following.own_text() if following else "",
            hours_left=int((asking.due - other.at) / timedelta(hours=1)),
            since_asker=mine.count(letter.at, other.at),
            since_theirs=since,
            since_elsewhere=since - before,
            answers_later=parent is not None and parent.speaker == letter.speaker and parent.at > letter.at,
            asker_after=my_thread.count_after(other.at),
            theirs_after=their_thread.count_after(other.at),
            subjects=overlap(stems_of(letter.subject), stems_of(other.subject)),
            letters=overlap(self._stems[letter.sha256], self._stems[other.sha256]),
            next_near=overlap(asked, self._stems[following_anywhere.sha256]) if following_anywhere else 0.0,
            to_asker=letter.sender.casefold() in {a.address.casefold() for a in other.addresses},
            tone=self._tones.get(other.sha256, CALM),
            speaks_of_it=speaks,
        )
