"""People and addresses, each counted as sender and recipient of the letters of this bundle."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from evidence.bundle.brief import Brief
from evidence.bundle.text import looks_like, one_line, punycode


def people(b: Brief) -> list[dict[str, Any]]:
    _, words, config = b._, b.words, b.config
    sent: dict[str, list[datetime]] = defaultdict(list)
    received: dict[str, list[datetime]] = defaultdict(list)
    names: dict[str, str] = {}
    for letter in b.selection.letters:
        seen = set()
        for a in letter.addresses:
            key = a.address.lower()
            if not key or (key, a.header == "from") in seen:
                continue
            seen.add((key, a.header == "from"))
            names.setdefault(key, a.name)
            if a.name and not names[key]:
                names[key] = a.name
            if a.header == "from":
                sent[key].append(letter.at)
            elif a.header in ("to", "cc", "bcc"):
                received[key].append(letter.at)
    roles = [
        (config.us.name, "", config.us.addresses, "us"),
        *((p.name, _("staff"), p.addresses, "us") for p in config.us.staff),
        (config.client.name, "", config.client.addresses, "client"),
        *((p.name, _("writes for the other side"), p.addresses, "client") for p in config.client.delegates),
    ]

    def role_of(address: str) -> tuple[str, str, str]:
        for exact in (True, False):
            for name, role, addresses, side in roles:
                for known in addresses:
                    k = known.lower()
                    if (exact and k == address) or (not exact and k.startswith("@") and address.endswith(k)):
                        return name if exact else names.get(address, ""), role, side
        return names.get(address, ""), "", "third"

    groups: dict[str, list[dict[str, Any]]] = {"us": [], "client": [], "third": []}
    for address in sorted(set(sent) | set(received)):
        name, role, side = role_of(address)
        times = sent[address] + received[address]
        twin = looks_like(address, b.known) if side == "third" else ""
        groups[side].append(
            {
                "name": one_line(name or names.get(address, "")) or "—",
                "role": role,
                "address": address,
                "ascii": punycode(address),
                "warning": _("⚠ looks like %s, but is another address") % twin if twin else "",
                "sent": words.number(len(sent[address])),
                "received": words.number(len(received[address])),
                "span": words.short_days(min(times), max(times)) if times else "",
            }
        )
    titles = {"us": config.us.name, "client": config.client.name, "third": _("Third parties")}
    return [{"title": titles[side], "people": people} for side, people in groups.items() if people]
