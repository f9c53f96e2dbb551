"""Hours spent: estimated from the length of each message by a stated formula, plus hours logged by hand, times rates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from evidence.model import Letter
from evidence.reckoning import Effort, EffortLine
from evidence.stems import words


@dataclass(frozen=True, slots=True)
class EffortSettings:
    """The formula: minutes a message, and words a minute read and written. All can be changed in the configuration."""

    minutes_per_message: float = 3.0
    words_per_minute_reading: float = 150.0
    words_per_minute_writing: float = 20.0
    currency: str = ""
    timezone: str = "Europe/Moscow"

    @property
    def formula(self) -> str:
        return (
            f"{self.minutes_per_message:g} min per message + own words read / {self.words_per_minute_reading:g} per min"
            f" + own words written / {self.words_per_minute_writing:g} per min"
        )


@dataclass(slots=True)
class _Tally:
    messages_in: int = 0
    messages_out: int = 0
    words_in: int = 0
    words_out: int = 0
    logged: int = 0


def effort(
    letters: Sequence[Letter],
    hours: Sequence[Mapping[str, Any]],
    staff_rates: Mapping[str, float],
    settings: EffortSettings,
    share: float | None = None,
    own_names: Mapping[str, str] | None = None,
) -> Effort:
    """Per person of ours and month: mail read and written, minutes, cost. ``share`` is this dispute's share of all traffic, if known.

    A message of theirs counts once, as read by the one of us it is addressed to (the first of To, then Cc); copies to others
    are not counted, so that the sum stays the lower bound. The estimate of a line is rounded to a tenth of a minute; the cost is
    reckoned from the minutes as given. A human message only; own words only. ``own_names``: the name of each of our addresses, in
    lower case; None: of those who wrote one of ``letters``.
    """
    zone = ZoneInfo(settings.timezone)
    tallies: dict[tuple[str, date], _Tally] = defaultdict(_Tally)
    names_of = _own_names(letters) if own_names is None else own_names
    for letter in letters:
        if letter.kind != "human" or letter.scope != "in-scope":
            continue
        month = letter.at.astimezone(zone).date().replace(day=1)
        count = len(words(letter.own_text()))
        if letter.speaker == "us":
            tally = tallies[letter.person or letter.sender, month]
            tally.messages_out += 1
            tally.words_out += count
        elif letter.speaker == "client":
            tally = tallies[_reader(letter, names_of), month]
            tally.messages_in += 1
            tally.words_in += count
    for row in hours:
        day = date.fromisoformat(str(row["day"])[:10])
        tallies[str(row["person"]), day.replace(day=1)].logged += int(row["minutes"])
    lines = []
    for (person, month), t in sorted(tallies.items(), key=lambda x: (x[0][1], x[0][0])):
        exact = (
            settings.minutes_per_message * (t.messages_in + t.messages_out)
            + t.words_in / settings.words_per_minute_reading
            + t.words_out / settings.words_per_minute_writing
        )
        estimated = Decimal(str(round(exact, 1)))
        rate = staff_rates.get(person, 0.0)
        lines.append(
            EffortLine(
                person,
                month,
                t.messages_in,
                t.messages_out,
                t.words_in,
                t.words_out,
                float(estimated),
                t.logged,
                rate,
                _cost(estimated + t.logged, rate),
            )
        )
    return Effort(tuple(lines), settings.formula, settings.currency, share)


def _cost(minutes: Decimal, rate: float) -> float:
    """Minutes at a rate per hour, to the hundredth, halves up, as an invoice is reckoned (in decimals, not in binary)."""
    amount = minutes * Decimal(str(rate)) / 60
    return float(amount.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _own_names(letters: Sequence[Letter]) -> Mapping[str, str]:
    """Address -> name of those of us who wrote."""
    return {x.sender.casefold(): x.person for x in letters if x.speaker == "us" and x.person}


def _reader(letter: Letter, names_of: Mapping[str, str]) -> str:
    to = [a for h in ("to", "cc", "delivered-to", "bcc") for a in letter.addresses if a.header == h]
    for address in to:
        if address.address.casefold() in names_of:
            return names_of[address.address.casefold()]
    return (to[0].name or to[0].address) if to else letter.sender
