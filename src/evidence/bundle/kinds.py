"""The other sheets: a statement of events for the police, a sheet for a notary's inspection of a mailbox.

Facts only: who, what word for word, when, on which page. No offence is named and nothing is signed in advance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evidence.bundle import labels
from evidence.bundle.brief import Brief, kind_name
from evidence.bundle.exhibits import Exhibit
from evidence.bundle.select import category_of, kind_of
from evidence.bundle.summary import flag_groups
from evidence.bundle.text import one_line

_INTENT = ("threat", "demand", "insult", "accusation")  # what a statement of events is about
MOST_QUOTES = 12


def police_values(b: Brief) -> dict[str, Any]:
    """Values of ``police_ru.html`` and ``police_en.html``: accepted statements of the other side, word for word.

    Only what a person accepted stands in a statement that somebody signs.
    """
    words = b.words
    quotes = []
    for f in sorted(b.flags, key=lambda f: (b.letters[f.sha256].at if f.sha256 in b.letters else b.dated, f.start)):
        if f.speaker != "client" or category_of(f, b.reviews) not in _INTENT or not b.printed(f.sha256):
            continue
        if b.decision("flag", f.id) != "accepted":
            continue
        letter = b.letters[f.sha256]
        quotes.append(
            {
                "date": words.moment(letter.at),
                "who": f"{letter.person or letter.sender} <{letter.sender}>",
                "quote": words.quote(one_line(f.quote)),
                "what": labels.category(words, *kind_of(f, b.reviews)),
                "exhibit": b.selection.numbers[letter.sha256],
                "anchor": f"x{b.selection.numbers[letter.sha256]}",
            }
        )
    waiting = sum(
        1
        for f in b.flags
        if f.speaker == "client"
        and category_of(f, b.reviews) in _INTENT
        and b.printed(f.sha256)
        and b.decision("flag", f.id) == "unreviewed"
    )
    people = [(p.name, ", ".join(p.addresses)) for p in (b.config.client, *b.config.client.delegates)]
    letters = b.selection.letters
    return {
        "us": b.config.us.name,
        "addresses": ", ".join(a for p in (b.config.us, *b.config.us.staff) for a in p.addresses),
        "opponent": people,
        "quotes": quotes[:MOST_QUOTES],
        "more": max(0, len(quotes) - MOST_QUOTES),
        "waiting": waiting,
        "first": words.day(min(x.at for x in letters)) if letters else "—",
        "last": words.day(max(x.at for x in letters)) if letters else "—",
        "letters": words.count("%s message", "%s messages", len(letters)),
        "files": words.count("%s file", "%s files", len(b.selection.files)),
        "dated": words.day(b.dated),
        "groups": flag_groups(b),
    }


def notary_values(b: Brief, exhibits: Sequence[Exhibit]) -> dict[str, Any]:
    """Values of ``notary.html``: how to reach each mailbox, and folder by folder the letters to open."""
    words = b.words
    folders: dict[tuple[str, str, int | None], list[dict[str, Any]]] = {}
    imported = 0
    for e in exhibits:
        place = next((s for s in e.sightings if s.uid is not None and s.gone_at is None), None)
        if place is None:
            imported += 1
            continue
        folders.setdefault((place.account, place.folder, place.uidvalidity), []).append(
            {
                "number": e.number,
                "uid": place.uid,
                "date": e.parsed.date.strftime("%d.%m.%Y %H:%M:%S %z")
                if e.parsed.date
                else one_line(e.parsed.date_raw or "—"),
                "sender": e.letter.sender,
                "subject": one_line(e.parsed.subject, 90),
                "message_id": e.parsed.message_id or "—",
                "sha256": e.letter.sha256,
            }
        )
    return {
        "kind": kind_name(b),
        "number": f"{b.number:04d}",
        "title": b.config.matter.title,
        "dated": words.day(b.dated),
        "us": b.config.us.name,
        "client": b.config.client.name,
        "accounts": [
            {"name": a.name, "username": a.username, "server": f"{a.host}:{a.port}", "tls": {
                "implicit": "TLS", "starttls": "STARTTLS", "none": "—"}[a.tls]}
            for a in b.config.account
        ],
        "folders": [
            {"account": account, "folder": folder, "validity": validity, "rows": sorted(rows, key=lambda r: r["uid"])}
            for (account, folder, validity), rows in sorted(folders.items(), key=lambda x: (x[0][0], x[0][1], x[0][2] or 0))
        ],
        "imported": imported,
        "count": words.count("%s message", "%s messages", len(exhibits) - imported),
        "omitted": b.selection.omitted,
        "root": b.head.root,
    }  # fmt: skip
