"""What to fetch: pure decisions over header octets, listings and what is known already.

In scope is the conversation: sender on one side, a recipient on the other. Any other message with the client's address in an
address header, and (``scope.messages = "linked"``) whatever References or In-Reply-To tie to a message in scope, is context.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from evidence.addresses import normal
from evidence.canonical import canonical_json
from evidence.config import Config
from evidence.mailbox.addresses import (
    Mention,
    addresses,
    digest,
    fields,
    hides_address,
    identifiers,
    references,
)
from evidence.mailbox.mailbox import Uids
from evidence.model import Scope

SENDERS = frozenset({"from", "sender", "resent-from", "resent-sender"})
RECIPIENTS = frozenset({"to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "delivered-to"})
ADDRESS_HEADERS = SENDERS | RECIPIENTS | {"reply-to"}
LINK_HEADERS = ("in-reply-to", "references")
SPURIOUS_CONFIRMATIONS = 20
SPURIOUS_SHARE = 0.8
EMPTY_DOUBTED_FROM = 5  # messages we hold of a folder before its sudden emptiness is doubted


@dataclass(frozen=True, slots=True)
class Side:
    """The addresses and whole domains of one side, in ``normal`` form."""

    addresses: frozenset[str]
    domains: frozenset[str]

    @classmethod
    def of(cls, values: Iterable[str]) -> Side:
        whole = {normal(v) for v in values}
        return cls(
            frozenset(v for v in whole if not v.startswith("@")), frozenset(v[1:] for v in whole if v.startswith("@"))
        )

    def has(self, address: str) -> bool:
        found = normal(address)
        return found in self.addresses or found.rpartition("@")[2] in self.domains

    def near(self, address: str) -> bool:
        """A subdomain of one of our domains: close enough to keep, not to decide."""
        domain = normal(address).rpartition("@")[2]
        return any(domain.endswith("." + d) for d in self.domains)

    def needles(self) -> tuple[bytes, ...]:
        out = set(self.addresses) | set(self.domains)
        for value in tuple(out):
            try:
                local, at, domain = value.rpartition("@")
                out.add(local + at + domain.encode("ascii").decode("idna"))
            except UnicodeError:
                continue
        return tuple(sorted(v.encode("utf-8") for v in out))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message is archived and why, in one English line that quotes the header."""

    scope: Scope
    reason: str = ""
    tied: bool = False  # by its thread, not by an address


@dataclass(frozen=True, slots=True)
class Links:
    """Digests of a message's own identifier (0: none) and of those it refers to, and the identifiers themselves."""

    own: int
    refs: tuple[int, ...]
    identifier: str = ""

    @property
    def all(self) -> frozenset[int]:
        return frozenset((self.own, *self.refs)) - {0}


OUT = Verdict("out-of-scope")


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """The scope settings of a matter. ``key`` changes when they do; mail passed over is then looked at again."""

    messages: Literal["client", "linked", "all"]
    us: Side
    client: Side
    counsel: Side
    accounts: tuple[str, ...] = ()
    _needles: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def from_config(cls, config: Config) -> ScopeRule:
        ours = [a for p in (config.us, *config.us.staff) for a in p.addresses]
        ours += [a.username for a in config.account if "@" in a.username]  # the mailbox's own address is ours
        theirs = [a for p in (config.client, *config.client.delegates) for a in p.addresses]
        client = Side.of(theirs)
        us = Side.of(a for a in ours if not client.has(a))
        return cls(
            config.scope.messages,
            us,
            client,
            Side.of(config.counsel.addresses),
            tuple(a.name for a in config.account),
            client.needles(),
        )

    @property
    def key(self) -> str:
        sides = [sorted(s) for side in (self.us, self.client) for s in (side.addresses, side.domains)]
        return hashlib.sha256(canonical_json(["scope-1", self.messages, *sides]).encode()).hexdigest()[:16]

    def judge(self, header: bytes) -> Verdict:
        """By addresses alone; ties are ``tie``'s. Header octets may be the whole header or the fields we ask servers for."""
        named_here = [(name, value) for name, value in fields(header) if name in ADDRESS_HEADERS]
        if not self._may_name_client(b"\n".join([value for _, value in named_here])):
            return self._outside()
        found = [m for name, value in named_here for m in addresses(name, value)]
        plain = [m for m in found if not m.shown]
        from_client = _first(plain, SENDERS, self.client)
        to_client = _first(plain, RECIPIENTS, self.client)
        from_us = _first(plain, SENDERS, self.us)
        to_us = _first(plain, RECIPIENTS, self.us)
        if from_client and to_us:
            return Verdict("in-scope", f"{_said(from_client)}; {_said(to_us)}")
        if from_us and to_client:
            return Verdict("in-scope", f"{_said(from_us)}; {_said(to_client)}")
        named = from_client or to_client or _first(plain, ADDRESS_HEADERS, self.client)
        if named:
            return Verdict("context", f"{_said(named)}, and no address of ours on the other side")
        for mention in found:
            if mention.shown and self.client.has(mention.address):
                return Verdict(
                    "context", f"the client's address {mention.address} in a display name of {mention.header}"
                )
            if self.client.near(mention.address):
                return Verdict("context", f"{_said(mention)}, below the client's domain")
        return self._outside()

    def _outside(self) -> Verdict:
        return Verdict("context", "everything is archived (scope: all)") if self.messages == "all" else OUT

    def _may_name_client(self, values: bytes) -> bool:
        """False only if no address field (their values, one a line) can hold an address of the client: most mail ends here."""
        squeezed = values.translate(None, b' \t\r\n"\\').lower()
        for needle in self._needles:
            if needle in squeezed:
                return True
        return hides_address(values) or (not values.isascii() and any(not n.isascii() for n in self._needles))

    def tie(self, header: bytes, linked: Collection[int]) -> Verdict:
        """Context by thread: which identifier ties it. ``linked``: digests of the threads in scope. OUT where none does."""
        found = sorted(
            fields(header), key=lambda f: f[0] not in LINK_HEADERS
        )  # what it answers says more than what answers it
        for name, value in found:
            for identifier in identifiers(value) if name in ("message-id", *LINK_HEADERS) else ():
                if digest(identifier) in linked:
                    said = "named in" if name == "message-id" else f"in its {name.title()},"
                    return Verdict("context", f"{said} a thread in scope: <{identifier[:200]}>", tied=True)
        return OUT

    def strangers(self, header: bytes) -> tuple[Mention, ...]:
        """Addresses of a message that belong to no side we know: who may be writing for the client."""
        out: dict[str, Mention] = {}
        for name, value in fields(header):
            if name not in ADDRESS_HEADERS or name == "delivered-to":
                continue
            for mention in addresses(name, value):
                known = any(s.has(mention.address) for s in (self.us, self.client, self.counsel))
                if not mention.shown and not known:
                    out.setdefault(normal(mention.address), mention)
        return tuple(out.values())


def _first(mentions: Iterable[Mention], headers: Collection[str], side: Side) -> Mention | None:
    return next((m for m in mentions if m.header in headers and side.has(m.address)), None)


def _said(mention: Mention) -> str:
    return f"{mention.header}: {mention.address}"


def links(header: bytes) -> Links:
    """The identifiers that place a message in a thread."""
    own = ""
    refs: dict[int, None] = {}
    for name, value in fields(header):
        if name == "message-id" and not own:
            own = next(iter(identifiers(value)), "")
        elif name in LINK_HEADERS:
            refs.update(dict.fromkeys(references(value)))
    return Links(digest(own) if own else 0, tuple(refs), own)


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """One folder: UIDs to look at or fetch, known UIDs that are gone, and what became of a changed UIDVALIDITY."""

    fetch: Uids
    vanished: tuple[int, ...]
    reset: Literal["", "genuine", "spurious", "doubtful"] = ""


def plan_folder(known: Uids, listing: Uids, retry: Iterable[int] = ()) -> SyncPlan:
    """``known`` and ``listing`` ascending. New UIDs and those to retry are wanted; known ones that are not listed vanished."""
    fetch: Uids = array("I")
    vanished: list[int] = []
    i = j = 0
    while i < len(known) and j < len(listing):
        a, b = known[i], listing[j]
        if a == b:
            i += 1
            j += 1
        elif a < b:
            vanished.append(a)
            i += 1
        else:
            fetch.append(b)
            j += 1
    vanished.extend(known[i:])
    fetch.extend(listing[j:])
    here = set(retry) - set(vanished)
    if here:
        fetch = array("I", sorted({*fetch, *here}))
    return SyncPlan(fetch, tuple(vanished))


Fingerprint = tuple[int, int]  # (digest of Message-ID or 0, digest of size and INTERNALDATE)


def judge_reset(
    old: Mapping[int, Fingerprint], new: Mapping[int, Fingerprint], expected: int
) -> Literal["genuine", "spurious", "doubtful"]:
    """Is a changed UIDVALIDITY true? ``old`` and ``new``: what lies at the same UIDs; ``expected``: how many could agree.

    One contradiction makes it genuine. Twenty agreements, or four fifths of what could agree, make it spurious: the server
    changed the number and nothing else. No UID in common is genuine too. Anything between is doubtful.
    """
    agreed = 0
    for uid, (own, shape) in old.items():
        if uid not in new:
            continue
        other_own, other_shape = new[uid]
        if (own or other_own) and own != other_own:
            return "genuine"
        if not own and shape != other_shape:
            return "genuine"
        agreed += 1
    if agreed == 0:
        return "genuine"
    if agreed >= SPURIOUS_CONFIRMATIONS or agreed >= SPURIOUS_SHARE * expected:
        return "spurious"
    return "doubtful"
