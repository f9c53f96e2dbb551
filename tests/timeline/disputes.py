"""The labelled disputes as letters: built from gold, so that the reckoning is tested apart from parsing and zoning.

Zones come from the gold's own text, the threads from its true threads; one body is made of the own runs and nothing else.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from evidence.config import Config
from evidence.model import Address, Attachment, Flag, Letter, Zone, sha256_hex
from evidence.timeline.flags import find_flags_in
from evidence.timeline.parties import Parties
from evidence.timeline.requests import RequestSettings
from evidence.timeline.rules import load_packs

CORPUS = Path(__file__).resolve().parents[2] / "fixtures" / "corpus"
ZONES = {"shelf": "Europe/Moscow", "studio": "Europe/London", "supply": "Europe/Moscow"}


def config_of(dispute: str) -> Config:
    parties = json.loads((CORPUS / dispute / "parties.json").read_text(encoding="utf-8"))["parties"]

    def people(side: str) -> list[dict[str, Any]]:
        return [{"name": p["name"], "addresses": p["addresses"]} for p in parties[side]["people"]]

    us, client = people("us"), people("client")
    return Config.model_validate(
        {
            "matter": {"title": dispute, "language": "en" if dispute == "studio" else "ru", "timezone": ZONES[dispute]},
            "us": {"name": parties["us"]["name"], "addresses": [], "staff": [{**p, "hourly_rate": 900} for p in us]},
            "client": {"name": parties["client"]["name"], "addresses": client[0]["addresses"], "delegates": client[1:]},
        }
    )


def settings_of(dispute: str) -> RequestSettings:
    gold = gold_of(dispute)
    parties = Parties(config_of(dispute))
    return RequestSettings(
        gold["reply_days"], "calendar", "RU", ZONES[dispute], parties.own_addresses, parties.their_addresses
    )


@cache
def gold_of(dispute: str) -> dict[str, Any]:
    gold: dict[str, Any] = json.loads((CORPUS / dispute / "gold.json").read_text(encoding="utf-8"))
    return gold


def as_of(dispute: str) -> datetime:
    day = datetime.fromisoformat(gold_of(dispute)["as_of"]).replace(tzinfo=UTC)
    return day + timedelta(hours=23, minutes=59)


@cache
def letters_of(dispute: str) -> tuple[Letter, ...]:
    import email
    import email.policy
    from email.utils import getaddresses

    gold, parties = gold_of(dispute), Parties(config_of(dispute))
    raw = {m["id"]: (CORPUS / dispute / m["file"]).read_bytes() for m in gold["messages"]}
    hashes = {key: sha256_hex(value) for key, value in raw.items()}
    found = []
    for number, m in enumerate(sorted(gold["messages"], key=lambda m: datetime.fromisoformat(m["date"])), 1):
        message = email.message_from_bytes(raw[m["id"]], policy=email.policy.default)
        addresses = tuple(
            Address(h, str(name), address)
            for h in ("from", "to", "cc")
            for name, address in getaddresses([str(message.get(h, ""))])
            if address
        )
        side, person = parties.speaker(addresses)
        body, zones = "", []
        for run in m["own"]:
            start = len(body)
            body += run + "\n\n"
            zones.append(Zone("body", len(zones), start, len(body), "own"))
        attachments = tuple(
            Attachment(
                i, str(i), str(p.get_filename()), str(p.get_filename()), p.get_content_type(), "attachment", 0, ""
            )
            for i, p in enumerate((p for p in message.walk() if p.get_filename()), 1)
        )
        at = datetime.fromisoformat(m["date"])
        found.append(
            Letter(
                number=number,
                sha256=hashes[m["id"]],
                copies=(),
                message_id=m["message_id"],
                date=at,
                at=at.astimezone(UTC),
                at_clock="date",
                at_note="",
                folders=(m["folder"],),
                speaker=side,
                person=person,
                sender=addresses[0].address,
                addresses=addresses,
                subject=str(message["subject"] or ""),
                kind=m["kind"],
                scope=parties.scope(addresses)[0],
                withheld=parties.withheld(addresses),
                thread=hashes[m["thread"]],
                parent=hashes.get(m["reply_to"] or ""),
                language="",
                texts={"body": body, "subject": ""},
                zones=tuple(zones),
                attachments=attachments,
                addressees=parties.addressees(addresses),
            )
        )
    return tuple(found)


@cache
def flags_of(dispute: str) -> tuple[Flag, ...]:
    """What is flagged in the letters."""
    return tuple(flag for found in find_flags_in(letters_of(dispute), load_packs()) for flag in found)
