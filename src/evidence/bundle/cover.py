"""The cover, with what is left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evidence.bundle import labels
from evidence.bundle.brief import Brief, kind_name


def cover(b: Brief, withheld: int) -> dict[str, Any]:
    _, words, s = b._, b.words, b.selection
    letters = s.letters
    sides = {side: sum(1 for x in letters if x.speaker == side) for side in ("us", "client", "third")}
    numbers = sorted([s.numbers[x.sha256] for x in letters] + [s.number_of_file(f) for f in s.files])
    rows = [
        (_("Compiled by"), b.config.us.name),
        (_("Other side"), b.config.client.name),
        (_("Period covered"), words.days([x.at for x in letters]) if letters else _("none")),
        (
            _("Messages"),
            _("%(all)s: %(us)s from our side, %(client)s from the other side, %(third)s from third parties")
            % {"all": words.number(len(letters)), **{k: words.number(v) for k, v in sides.items()}},
        ),
        (_("Files from outside the mail"), words.number(len(s.files))),
        (_("Exhibits"), ranges(numbers) or _("none")),
        (_("Times"), _("in the time zone %s, with offset; UTC alongside on each exhibit") % words.zone_name),
        (_("Dated"), words.day(b.dated)),
        (_("State of the archive"), _("custody log of %s") % words.count("%s event", "%s events", b.head.size)),
    ]
    extract = ""
    if s.omitted:
        extract = _(
            "This is an extract. It leaves out %(omitted)s of %(all)s in scope. A full bundle of the matter exists or can be made at any time from the same archive."
        ) % {
            "omitted": words.number(s.omitted),
            "all": words.count("%s message", "%s messages", s.in_scope),
        }
    supplement = ""
    if b.options.supplement and b.supplements:
        supplement = _(
            "This supplement adds to bundle No. %(number)s of %(day)s. It holds only what is new; exhibit numbers continue and none has changed."
        ) % {"number": f"{b.supplements.number:04d}", "day": words.day(b.supplements.issued_at)}
    return {
        "kind_name": kind_name(b),
        "number": f"{b.number:04d}",
        "title": b.config.matter.title,
        "between": _("%(us)s and %(client)s") % {"us": b.config.us.name, "client": b.config.client.name},
        "cover_rows": rows,
        "root": b.head.root,
        "extract_note": extract,
        "supplement_note": supplement,
        "left_out": left_out(b, withheld),
    }


def left_out(b: Brief, withheld: int) -> list[str]:
    """Every reason for which something is not here, with its count. Zeroes are said too: silence is not an answer."""
    _, words, s = b._, b.words, b.selection
    lines = []
    if s.omitted:
        lines.append(_filter_line(b))
    if s.earlier:
        lines.append(_("Already in an earlier bundle: %s.") % words.count("%s message", "%s messages", s.earlier))
    lines.append(
        _("Withheld as correspondence with counsel: %s.") % words.count("%s message", "%s messages", s.withheld)
    )
    lines.append(
        _("Archived as context only (not sent between our side and the other side) and not included: %s.")
        % words.count("%s message", "%s messages", s.context)
    )
    reasons = "; ".join(f"{words.short_day(x.at)}: {r.get('reason', '')}" for x, r in s.excluded[:6])
    lines.append(
        _("Left out by a person, with a reason: %s.") % words.count("%s message", "%s messages", len(s.excluded))
        + (f" {reasons}" if reasons else "")
    )
    counts = b.case.folder_counts()
    lines.append(
        _("On the server, but with no address of the other side, and therefore not archived: %s.")
        % words.count("%s message", "%s messages", sum(c.out_of_scope for c in counts))
    )
    lines.append(
        _("Requested from the server but not received: %s.")
        % words.count("%s message", "%s messages", len(b.case.owed_now()))
    )
    if redacted := b.case.redactions():
        said = _("Redacted by a person: %s.") % words.count("%s place", "%s places", len(redacted))
        if withheld:
            said += " " + _("Originals withheld because of it: %s.") % words.count(
                "%s message", "%s messages", withheld
            )
        lines.append(said)
    lines.append(_("Telephone, messaging apps and other channels were not searched."))
    return lines


def _filter_line(b: Brief) -> str:
    _, words, o = b._, b.words, b.options
    parts = []
    if o.since:
        parts.append(_("before %s") % words.day(o.since))
    if o.until:
        parts.append(_("after %s") % words.day(o.until))
    if o.category:
        parts.append(_("no statement of the kind: %s") % ", ".join(labels.group(words, c) for c in o.category))
    return _("Left out by the filter of this extract (%(why)s): %(count)s.") % {
        "why": "; ".join(parts),
        "count": words.count("%s message", "%s messages", b.selection.omitted),
    }


def ranges(numbers: Sequence[int]) -> str:
    """1–43, 45"""
    found: list[list[int]] = []
    for n in numbers:
        if found and n == found[-1][1] + 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return ", ".join(str(a) if a == z else f"{a}–{z}" for a, z in found)
