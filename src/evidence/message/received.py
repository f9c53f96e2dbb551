"""The Received trail read hop by hop (RFC 5321 section 4.4), and what is odd about it: observations, not verdicts.

Whoever held the message wrote the header above the others: only hops added by servers one trusts are more than a claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise

from evidence.model import ReceivedHop

MAX_HOPS = 100
MAX_VALUE = 8_192
CLOCK_SLACK = timedelta(minutes=5)
"""Two servers' clocks may differ by this much before time is said to run backwards."""

TIME_BACKWARDS = "Time runs backwards between two hops"
MISSING_HOP = "A hop seems to be missing; the server that sent is not the one that had received"
FOREIGN_FIRST_HOP = "The first server is outside the sender's domain"
NO_DATE = "A hop has no date that can be read"
NO_TRAIL = "There is no Received header"
TOO_MANY_HOPS = "There are more hops than are read here"
LONG_DELAY = "A hop took longer than a day"
BEFORE_FIRST_HOP = "The Date header is later than the first server's time"

_COMMENT = re.compile(r"\([^()]*\)")
_HOST = r"[A-Za-z0-9\[\]._:-]{1,255}"
_FROM = re.compile(rf"\bfrom\s+({_HOST})", re.IGNORECASE)
_BY = re.compile(rf"\bby\s+({_HOST})", re.IGNORECASE)
_NAMED = re.compile(r"from\s+\S+\s+\(\s*([A-Za-z0-9._-]+)", re.IGNORECASE)
_LOCAL = ("localhost", "localdomain", "local", "internal", "lan", "home", "corp")


@dataclass(frozen=True, slots=True)
class Oddity:
    """One observation on the trail. ``what`` is a msgid of the package's catalogue, ``position`` the upper hop's.

    ``detail`` holds the hosts and times it rests on, as text.
    """

    what: str
    position: int | None
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


def read_received(values: Iterable[str]) -> tuple[ReceivedHop, ...]:
    """The hops of the Received values, given topmost first (header order), in that order; at most 100."""
    hops = []
    for position, value in enumerate(values):
        if position >= MAX_HOPS:
            break
        raw = value[:MAX_VALUE]
        text = re.sub(r"\s+", " ", raw).strip()
        trace, _, stamp = text.rpartition(";")
        if not trace:
            trace, stamp = text, ""
        bare = trace
        for _ in range(3):  # comments nest, though rarely deeper
            bare = _COMMENT.sub(" ", bare)
        hops.append(ReceivedHop(position, raw, _host(_FROM.search(bare)), _host(_BY.search(bare)), _stamp(stamp)))
    return tuple(hops)


def hops_of(headers: Sequence[tuple[str, str]]) -> tuple[ReceivedHop, ...]:
    """The hops of a message's headers, (name, value) in header order."""
    return read_received(value for name, value in headers if name.lower() == "received")


def oddities(
    hops: Sequence[ReceivedHop], *, sender_domain: str = "", date: datetime | None = None, more: bool = False
) -> tuple[Oddity, ...]:
    """What a careful reader would remark on, topmost hop first; empty for an ordinary trail.

    ``sender_domain`` is that of the From address, ``date`` the Date header (aware); ``more``: hops were cut.
    """
    if not hops:
        return (Oddity(NO_TRAIL, None, ""),)
    found: list[Oddity] = [Oddity(TOO_MANY_HOPS, None, str(len(hops)))] if more or len(hops) >= MAX_HOPS else []
    found += [Oddity(NO_DATE, hop.position, hop.by_host) for hop in hops if hop.at is None]
    for upper, lower in pairwise(hops):
        found += _between(upper, lower)
    first = hops[-1]
    if sender_domain and _foreign(first, sender_domain):
        found.append(Oddity(FOREIGN_FIRST_HOP, first.position, f"{first.by_host} / {sender_domain}"))
    if date is not None and first.at is not None and date - first.at > CLOCK_SLACK:
        found.append(Oddity(BEFORE_FIRST_HOP, first.position, f"{_iso(date)} / {_iso(first.at)}"))
    return tuple(found)


def observations(headers: Sequence[tuple[str, str]], *, sender_domain: str = "") -> tuple[Oddity, ...]:
    """``oddities`` of a message's headers, (name, value) in header order."""
    values = [value for name, value in headers if name.lower() == "received"]
    dates = [value for name, value in headers if name.lower() == "date"]
    return oddities(
        read_received(values),
        sender_domain=sender_domain,
        date=_stamp(dates[0]) if dates else None,
        more=len(values) > MAX_HOPS,
    )


def _between(upper: ReceivedHop, lower: ReceivedHop) -> list[Oddity]:
    found: list[Oddity] = []
    if upper.at is not None and lower.at is not None:
        passed = upper.at - lower.at
        times = f"{lower.by_host} {_iso(lower.at)} → {upper.by_host} {_iso(upper.at)}"
        if passed < -CLOCK_SLACK:
            found.append(Oddity(TIME_BACKWARDS, upper.position, times))
        elif passed > timedelta(days=1):
            found.append(Oddity(LONG_DELAY, upper.position, times))
    if not _handed_over(upper, lower):
        found.append(Oddity(MISSING_HOP, upper.position, f"{lower.by_host} → {upper.from_host}"))
    return found


def _handed_over(upper: ReceivedHop, lower: ReceivedHop) -> bool:
    """Whether the upper hop may have taken the message from the lower one's server, or says nothing about it.

    Large providers hand over inside their own domain, under other names and private addresses.
    """
    if not upper.from_host or not lower.by_host:
        return True
    named = _NAMED.search(upper.raw)
    names = {upper.from_host.lower(), named[1].lower() if named else upper.from_host.lower()}
    by = lower.by_host.lower()
    if _inner(by) or any(_inner(name) for name in names):
        return True
    inside = bool(upper.by_host) and _same_owner(upper.by_host, by)
    return inside or any(_same_owner(name, by) for name in names)


def _foreign(first: ReceivedHop, sender_domain: str) -> bool:
    if not first.by_host or _inner(first.by_host):
        return False
    return not _same_owner(first.by_host, sender_domain)


def _inner(host: str) -> bool:
    """A name or address that says nothing outside its own network."""
    bare = host.strip("[]").lower()
    return "." not in bare or bare.endswith(tuple("." + end for end in _LOCAL)) or bool(re.fullmatch(r"[\d.]+", bare))


def _same_owner(one: str, other: str) -> bool:
    ours, theirs = _tail(one), _tail(other)
    return bool(ours) and ours == theirs


def _tail(host: str) -> str:
    labels = host.strip("[].").lower().split(".")
    keep = 3 if len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in ("co", "com", "org", "net", "ac") else 2
    return ".".join(labels[-keep:])


def _host(found: re.Match[str] | None) -> str:
    return found[1].strip(".") if found else ""


def _stamp(text: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(text.strip()[:120])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
