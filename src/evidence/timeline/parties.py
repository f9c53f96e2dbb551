"""Who stands behind an address: us, the client, a third party, or counsel; and which letters are between the two sides.

An exact address beats a whole domain (``@domain``), and both are compared in ``normal`` form: without regard to case (RFC 5321
lets the local part be case-sensitive; no mail provider uses that, and an owner who types ``Anna@`` means ``anna@``), a domain
in its own letters or in ASCII.
Counsel writes for us, as a delegate writes for the client: their letters to the client speak for our side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from evidence.addresses import normal
from evidence.config import Config
from evidence.model import Address, Scope, Side

Party = Literal["us", "client", "third", "counsel"]

SENDER_HEADERS = ("from", "sender", "resent-from", "resent-sender")
RECIPIENT_HEADERS = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "delivered-to")
_SIDE_OF: dict[Party, Side] = {"us": "us", "client": "client", "third": "third", "counsel": "us"}
_OTHER: dict[Side, Side] = {"us": "client", "client": "us"}


class Parties:
    """The parties of a matter as the configuration names them."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._exact: dict[str, tuple[Party, str]] = {}
        self._domain: dict[str, tuple[Party, str]] = {}
        # People before their firm, so that a shared address keeps the name of the person it was given to.
        for staff in config.us.staff:
            self._learn("us", staff.name, staff.addresses)
        for delegate in config.client.delegates:
            self._learn("client", delegate.name, delegate.addresses)
        self._learn("counsel", "", config.counsel.addresses)
        self._learn("us", config.us.name, config.us.addresses)
        self._learn("client", config.client.name, config.client.addresses)

    def _learn(self, party: Party, name: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            local, _, domain = normal(address).rpartition("@")
            if local:
                self._exact.setdefault(f"{local}@{domain}", (party, name))
            else:
                self._domain.setdefault(domain, (party, name))

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """Every address and ``@domain`` configured for our side."""
        people = (self._config.us, *self._config.us.staff)
        return tuple(dict.fromkeys(a for p in people for a in p.addresses))

    @property
    def their_addresses(self) -> tuple[str, ...]:
        """Every address and ``@domain`` configured for the client and those who write for them."""
        people = (self._config.client, *self._config.client.delegates)
        return tuple(dict.fromkeys(a for p in people for a in p.addresses))

    def who(self, address: str) -> tuple[Party, str]:
        """The party behind ``address`` and the configured name of the person or firm ("" where none is configured)."""
        folded = normal(address.strip().strip("<>"))
        if folded in self._exact:
            return self._exact[folded]
        return self._domain.get(folded.rpartition("@")[2], ("third", ""))

    def speaker(self, addresses: Sequence[Address]) -> tuple[Side, str]:
        """Whose words a letter holds, and the name to print: the configured one, else as the header shows it.

        From decides; Sender only where From is missing (RFC 5322 section 3.6.2).
        """
        for header in ("from", "sender", "resent-from"):
            for address in addresses:
                if address.header == header and address.address:
                    party, name = self.who(address.address)
                    return _SIDE_OF[party], self._printed(party, name, address)
        return "third", ""

    def _printed(self, party: Party, name: str, address: Address) -> str:
        firm = {"us": self._config.us.name, "client": self._config.client.name}.get(party, "")
        # A firm's name alone would hide which of its people wrote; the header's own name says more.
        if name and name != firm:
            return name
        return address.name or name or address.address

    def addressees(self, addresses: Sequence[Address]) -> tuple[Side, ...]:
        """The sides among the recipients, without repetition, in the order us, client, third. Counsel counts as us."""
        found = {_SIDE_OF[self.who(a.address)[0]] for a in addresses if a.header in RECIPIENT_HEADERS and a.address}
        sides: tuple[Side, ...] = ("us", "client", "third")
        return tuple(side for side in sides if side in found)

    def scope(self, addresses: Sequence[Address]) -> tuple[Scope, str]:
        """In scope: the sender on one side and a recipient on the other. All else that was archived is context."""
        side, _ = self.speaker(addresses)
        if side == "third":
            return "context", "sent by a third party"
        other = _OTHER[side]
        for address in addresses:
            if address.header in RECIPIENT_HEADERS and _SIDE_OF[self.who(address.address)[0]] == other:
                return "in-scope", f"from {side} to {other}: {address.header} {address.address}"
        return "context", "internal mail" if self.addressees(addresses) == (side,) else f"from {side}, not to {other}"

    def withheld(self, addresses: Sequence[Address]) -> bool:
        """True for mail with counsel that no client and no third party saw: kept and counted, shown to nobody else."""
        parties = {
            self.who(a.address)[0] for a in addresses if a.header in SENDER_HEADERS + RECIPIENT_HEADERS and a.address
        }
        return "counsel" in parties and not parties & {"client", "third"}
