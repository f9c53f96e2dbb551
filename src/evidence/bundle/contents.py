"""Sections of a bundle, its table of contents and its bookmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evidence.bundle.brief import Brief
from evidence.bundle.catalog import Bookmark
from evidence.bundle.chronology import recipients_of
from evidence.bundle.exhibits import Exhibit
from evidence.bundle.outside import OutsideDrawn
from evidence.bundle.text import one_line


def sections(b: Brief) -> list[tuple[str, str]]:
    _ = b._
    found = [
        ("s-cover", _("Cover")),
        ("s-contents", _("Contents")),
        ("s-verify", _("How to verify this bundle")),
        ("s-court", _("Four questions a court asks about e-mail")),
        ("s-custody", _("Statement of custody")),
        ("s-people", _("People and addresses")),
        ("s-summary", _("Summary")),
        ("s-picture", _("The correspondence over time")),
        ("s-chronology", _("Chronology")),
        ("x", _("Exhibits")),
        ("s-complete", _("Statement of completeness")),
        ("s-dkim", _("Domain signatures (DKIM)")),
        ("s-headers", _("Full headers")),
        ("s-hashes", _("List of hashes")),
        ("s-log", _("Custody log and anchors")),
    ]
    if b.options.kind == "police":
        found.insert(0, ("s-police", _("Statement of events")))
    return [(a, t) for a, t in found if a != "s-picture" or b.picture]


def contents(b: Brief, printed: Sequence[int]) -> list[dict[str, str]]:
    """The table of contents. ``printed`` are the numbers of the exhibits in this bundle."""
    found = []
    numbers = sorted(printed)
    for anchor, title in sections(b):
        if anchor in ("s-cover", "s-contents"):
            continue
        if anchor == "x":
            if numbers:
                found.append({"anchor": f"x{numbers[0]}", "title": title, "note": f"{numbers[0]}–{numbers[-1]}"})
            continue
        found.append({"anchor": anchor, "title": title, "note": ""})
    return found


def bookmarks(
    b: Brief, clean: Callable[[str], str], exhibits: Sequence[Exhibit], files: Sequence[OutsideDrawn]
) -> list[Bookmark]:
    words = b.words
    found = []
    for anchor, title in sections(b):
        if anchor != "x":
            found.append(Bookmark(title, anchor))
            continue
        items = []
        for e in exhibits:
            who = e.letter.person or e.letter.sender
            to = one_line(", ".join(recipients_of(b, e.letter)), 60)
            label = f"{e.number} · {words.short_day(e.letter.at)} · {who} → {to} · {one_line(e.parsed.subject, 80)}"
            items.append(Bookmark(clean(label), e.anchor, 2))
        for file, *_ in files:
            number = b.selection.number_of_file(file)
            items.append(
                Bookmark(
                    clean(
                        f"{number} · {words.stated_day(file.event_date)} · {one_line(b.hidden.burn(file.title), 100)}"
                    ),
                    f"x{number}",
                    2,
                )
            )
        if items:
            found.append(Bookmark(title, items[0].anchor))
            found += items
    return found
