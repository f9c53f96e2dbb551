"""What stands before the exhibits, as values for ``templates/front.html``: cover, facts, people, summary, chronology."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from markupsafe import Markup

from evidence.bundle import labels
from evidence.bundle.options import BundleOptions, ManifestRow
from evidence.bundle.pages import Pages
from evidence.bundle.select import Selection, category_of, stands
from evidence.bundle.text import Words, looks_like, one_line, punycode
from evidence.config import Config
from evidence.model import CATEGORIES, Flag, Letter, Request
from evidence.ports import CaseFile, IssuedBundle, LogHead, Review
from evidence.reckoning import Assessment, TimelineEntry


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything the front and back matter are made of: read once, used by every page."""

    case: CaseFile
    config: Config
    options: BundleOptions
    words: Words
    selection: Selection
    head: LogHead
    number: int
    dated: datetime
    flags: tuple[Flag, ...]
    requests: tuple[Request, ...]
    reviews: Mapping[tuple[str, str], Review]
    assessment: Assessment | None
    entries: Sequence[TimelineEntry]
    picture: str
    known: frozenset[str]
    supplements: IssuedBundle | None
    letters: Mapping[str, Letter]  # every letter in scope, by the hash of each of its copies

    def _(self, text: str) -> str:
        return self.words.gettext(text)

    def decision(self, target: str, target_id: str) -> str:
        review = self.reviews.get((target, target_id))
        return review.decision if review else "unreviewed"

    def printed(self, sha256: str | None) -> bool:
        return sha256 is not None and any(x.sha256 == sha256 for x in self.selection.letters)


def stated(value: Any) -> Mapping[str, Any]:
    """A record that may come as JSON text or as values."""
    if isinstance(value, str):
        value = json.loads(value or "{}")
    return value if isinstance(value, Mapping) else {}


def moment(value: Any) -> datetime | None:
    """A time that may come as text of the database or as a value."""
    if isinstance(value, str) and value:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    return value if isinstance(value, datetime) else None


def front_values(
    b: Brief, pages: Pages, contents: Sequence[Mapping[str, str]]
) -> tuple[dict[str, Any], list[ManifestRow]]:
    """Values of the front matter, and the chronology as rows for the package."""
    chronology, rows = _chronology(b)
    summary = _summary(b)
    return {
        **_cover(b),
        "contents": contents,
        "anchor_line": _anchor_line(b),
        "court": _court(b),
        **_custody(b),
        "people": _people(b),
        **summary,
        "picture": Markup(picture_markup(b)),  # noqa: S704 - our own timeline stage's SVG
        "chronology": chronology,
        "chronology_note": b._(
            "In order of time, in the zone %(zone)s. The time is the one that orders the exhibit; where the clocks of a letter differ, its page says so."
        )
        % {"zone": b.words.zone_name},
    }, rows


def kind_name(b: Brief) -> str:
    names = {
        "full": b._("Bundle of correspondence"),
        "police": b._("Bundle of correspondence with a statement of events"),
        "notary": b._("Sheet for the inspection of a mailbox"),
        "extract": b._("Extract from a bundle of correspondence"),
    }
    name = names["extract"] if b.options.kind == "full" and b.options.selective else names[b.options.kind]
    return b._("Supplement: %s") % name if b.options.supplement else name


# ---- cover ---------------------------------------------------------------------------------


def _cover(b: Brief) -> dict[str, Any]:
    _, words, s = b._, b.words, b.selection
    letters = s.letters
    sides = {side: sum(1 for x in letters if x.speaker == side) for side in ("us", "client", "third")}
    numbers = sorted([s.numbers[x.sha256] for x in letters] + [s.numbers[f"file:{f.id}"] for f in s.files])
    rows = [
        (_("Compiled by"), b.config.us.name),
        (_("Other side"), b.config.client.name),
        (_("Period covered"), _span(b, [x.at for x in letters])),
        (
            _("Letters"),
            _("%(all)s: %(us)s from our side, %(client)s from the other side, %(third)s from third parties")
            % {"all": words.number(len(letters)), **{k: words.number(v) for k, v in sides.items()}},
        ),
        (_("Files from outside the mail"), words.number(len(s.files))),
        (_("Exhibits"), ranges(numbers) or _("none")),
        (_("Times"), _("in the zone %s, with offset; UTC beside them on each exhibit") % words.zone_name),
        (_("Dated"), words.day(b.dated)),
        (_("State of the archive"), _("custody log of %s") % words.count("%s event", "%s events", b.head.size)),
    ]
    extract = ""
    if s.omitted:
        extract = _(
            "This is an extract. It leaves out %(omitted)s of %(all)s in scope. A full bundle of the matter exists or can be made at any time from the same archive."
        ) % {
            "omitted": words.number(s.omitted),
            "all": words.count("%s letter", "%s letters", s.in_scope),
        }
    supplement = ""
    if b.options.supplement and b.supplements:
        supplement = _(
            "This supplement adds to bundle No. %(number)s of %(day)s. It holds only what is new; exhibit numbers continue and none has changed."
        ) % {"number": b.supplements.number, "day": words.day(b.supplements.issued_at)}
    return {
        "kind_name": kind_name(b),
        "number": f"{b.number:04d}",
        "title": b.config.matter.title,
        "between": _("%(us)s and %(client)s") % {"us": b.config.us.name, "client": b.config.client.name},
        "cover_rows": rows,
        "root": b.head.root,
        "extract_note": extract,
        "supplement_note": supplement,
        "left_out": left_out(b),
        "us": b.config.us.name,
        "client": b.config.client.name,
    }


def left_out(b: Brief) -> list[str]:
    """Every reason for which something is not here, with its count. Zeroes are said too: silence is not an answer."""
    _, words, s = b._, b.words, b.selection
    lines = []
    if s.omitted:
        lines.append(_filter_line(b))
    if s.earlier:
        lines.append(_("Already in an earlier bundle: %s.") % words.count("%s letter", "%s letters", s.earlier))
    lines.append(_("Withheld as correspondence with counsel: %s.") % words.count("%s letter", "%s letters", s.withheld))
    lines.append(
        _("Archived as context only (no party of ours writes to one of theirs or back) and not included: %s.")
        % words.count("%s letter", "%s letters", s.context)
    )
    reasons = "; ".join(f"{words.short_day(x.at)}: {r.get('reason', '')}" for x, r in s.excluded[:6])
    lines.append(
        _("Left out by a person, with a reason: %s.") % words.count("%s letter", "%s letters", len(s.excluded))
        + (f" {reasons}" if reasons else "")
    )
    counts = b.case.folder_counts()
    lines.append(
        _("On the server, but with no address of the other side, and therefore not archived: %s.")
        % words.count("%s message", "%s messages", sum(c.out_of_scope for c in counts))
    )
    lines.append(
        _("Asked for and not received from the server: %s.")
        % words.count("%s message", "%s messages", len(b.case.owed_now()))
    )
    if redacted := b.case.redactions():
        lines.append(_("Redacted by a person: %s.") % words.count("%s place", "%s places", len(redacted)))
    lines.append(_("Telephone, messengers and other channels were not searched."))
    return lines


def _filter_line(b: Brief) -> str:
    _, words, o = b._, b.words, b.options
    parts = []
    if o.since:
        parts.append(_("before %s") % words.day(o.since))
    if o.until:
        parts.append(_("after %s") % words.day(o.until))
    if o.category:
        parts.append(_("without: %s") % ", ".join(labels.group(words, c) for c in o.category))
    return _("Left out by the filter of this extract (%(why)s): %(count)s.") % {
        "why": "; ".join(parts),
        "count": words.count("%s letter", "%s letters", b.selection.omitted),
    }


def _span(b: Brief, times: Sequence[datetime]) -> str:
    if not times:
        return b._("none")
    first, last = b.words.day(min(times)), b.words.day(max(times))
    return first if first == last else f"{first} — {last}"


def ranges(numbers: Sequence[int]) -> str:
    """1–43, 45"""
    found: list[list[int]] = []
    for n in numbers:
        if found and n == found[-1][1] + 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return ", ".join(str(a) if a == z else f"{a}–{z}" for a, z in found)


# ---- proof ---------------------------------------------------------------------------------


def real_anchors(b: Brief) -> list[Mapping[str, Any]]:
    return [a for a in b.case.anchors() if not a.get("test")]


def _anchor_line(b: Brief) -> str:
    real = real_anchors(b)
    if not real:
        return b._(
            "This archive has no trusted time stamp yet: the third step then shows only that nothing was changed in part."
        )
    last = max(real, key=lambda a: int(a["size"]))
    return b._("The latest time stamp: %(who)s, %(when)s, over %(size)s of the log.") % {
        "who": last.get("authority") or "—",
        "when": _when(b, last.get("stated_at") or last.get("at")),
        "size": b.words.count("%s event", "%s events", int(last["size"])),
    }


def _when(b: Brief, value: Any) -> str:
    at = moment(value)
    return b.words.moment(at) if at else "—"


def _court(b: Brief) -> list[dict[str, Any]]:
    _, words, s = b._, b.words, b.selection
    sightings = [x for letter in s.letters for x in b.case.sightings(letter.sha256)]
    from_server = sum(1 for x in s.letters if any(y.uid is not None for y in b.case.sightings(x.sha256)))
    dkim = [d.result for x in s.letters for d in b.case.dkim(x.sha256)][:]
    passed = sum(1 for x in s.letters if any(d.result == "pass" for d in b.case.dkim(x.sha256)))
    counts = b.case.folder_counts()
    runs = b.case.acquisitions()
    gone = sum(1 for x in sightings if x.gone_at)
    letters = len(s.letters)
    return [
        {
            "question": _("Is it what it claims to be?"),
            "facts": [
                (_("Each letter is shown with all its addresses, four independent clocks and the server's own line of receipt."), _first_exhibit(b)),
                (_("Letters with a valid domain signature: %(n)s of %(all)s; signatures checked: %(checked)s.")
                 % {"n": words.number(passed), "all": words.number(letters), "checked": words.number(len(dkim))}, "s-dkim"),
                (_("All header lines are printed."), "s-headers"),
            ],
        },
        {
            "question": _("Is it complete?"),
            "facts": [
                (_("Everything in scope is here in order of time, whomever it helps; what is left out is counted on the cover."), "s-cover"),
                (_("Counted per folder: %(folders)s, %(on)s on the server, %(owed)s owed.")
                 % {"folders": words.count("%s folder", "%s folders", len(counts)),
                    "on": words.count("%s message", "%s messages", sum(c.on_server for c in counts)),
                    "owed": words.number(len(b.case.owed_now()))}, "s-complete"),
                (_("Letters that vanished from the server after they were archived and are kept here: %s.") % words.number(gone), "s-complete"),
            ],
        },
        {
            "question": _("Where did it come from, and who touched it?"),
            "facts": [
                (_("%(runs)s recorded, with machine, program, time and outcome.") % {"runs": words.count("%s acquisition", "%s acquisitions", len(runs))}, "s-custody"),
                (_("Read from the mail server in read-only mode: %(n)s of %(all)s letters; the others were imported from files, named on their pages.")
                 % {"n": words.number(from_server), "all": words.number(letters)}, "s-custody"),
                (_("Every step is an event of the custody log: %(size)s, bound by one root.") % {"size": words.count("%s event", "%s events", b.head.size)}, "s-log"),
                (_("Time stamps kept outside the archive: %s.") % words.number(len(real_anchors(b))), "s-log"),
            ],
        },
        {
            "question": _("Is it the best original there is?"),
            "facts": [
                (_("The exact octets of each letter are embedded in this file; their SHA-256 is printed on the exhibit and listed."), "s-hashes"),
                (_("The mailboxes named in the statement of custody remain the place where the originals can be inspected."), "s-custody"),
            ],
        },
    ]  # fmt: skip


def _first_exhibit(b: Brief) -> str | None:
    numbers = [b.selection.numbers[x.sha256] for x in b.selection.letters]
    return f"x{min(numbers)}" if numbers else None


def _custody(b: Brief) -> dict[str, Any]:
    _, words = b._, b.words
    russian = words.language == "ru"
    runs = []
    for run in b.case.acquisitions():
        record, result = stated(run.get("record")), stated(run.get("result"))
        began, ended = moment(run.get("began_at")), moment(run.get("ended_at"))
        libraries = record.get("libraries")
        facts = [str(record[k]) for k in ("host", "system", "operator", "tool") if record.get(k)]
        if isinstance(libraries, Mapping):
            facts += [f"{k} {v}" for k, v in libraries.items() if v]
        machine = ", ".join(facts)
        offset = result.get("clock_offset_seconds", result.get("clock_offset"))
        if offset:
            machine += "; " + _("clock differs from the server's by %s s") % offset
        server = one_line(str(result.get("greeting") or ""), 90)
        if fingerprint := result.get("tls_fingerprint"):
            server += f"; TLS {str(fingerprint)[:23]}…"
        runs.append(
            {
                "id": run["id"],
                "began": words.moment(began) if began else "—",
                "ended": words.moment(ended) if ended else _("not finished"),
                "source": f"{labels.run_kind(words, str(run['kind']))}: {run.get('account') or '—'}"
                + (f"; {server}" if server else ""),
                "outcome": labels.run_outcome(words, run.get("outcome")),
                "machine": machine or "—",
            }
        )
    accounts = [f"{a.username} ({a.host}, IMAP)" for a in b.config.account]
    text = [
        _("Mailboxes read: %s.") % ("; ".join(accounts) or _("none; the mail was imported from files")),
        _(
            "Each mailbox was opened in read-only mode (IMAP EXAMINE and BODY.PEEK): no message was marked, moved or deleted by the program. The octets delivered by the server were stored first, with their SHA-256, and read afterwards."
        ),
        _(
            "The originals remain in the mailboxes, and the archive file is available for inspection. The bundle was made from the archive at the size of the custody log named on the cover."
        ),
    ]
    if russian:
        text.append(
            _(
                "Whose address is whose is stated by the owner; what shows it (a contract, an invoice, a website, earlier correspondence) is to be attached by the person signing."
            )
        )
    return {
        "sign_rows": [
            _("Name of the person making the statement"),
            _("Position, and right of access to the mailbox"),
            _("Contact details"),
            _("What shows that the other side uses its addresses"),
        ],
        "custody_text": text,
        "acquisitions": runs,
        "not_done": [
            _("It made no finding on who wrote a letter."),
            _("It made no legal assessment of any statement."),
            _("It did not search telephones, messengers or any mailbox not named here."),
        ],
        "declaration": _(
            "I have compared the SHA-256 of the copies with those of the originals, with the result and in the way stated below."
        ),
    }


# ---- people --------------------------------------------------------------------------------


def _people(b: Brief) -> list[dict[str, Any]]:
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
                "span": f"{words.short_day(min(times))} — {words.short_day(max(times))}" if times else "",
            }
        )
    titles = {"us": config.us.name, "client": config.client.name, "third": _("Third parties")}
    return [{"title": titles[side], "people": people} for side, people in groups.items() if people]


# ---- summary -------------------------------------------------------------------------------


def _summary(b: Brief) -> dict[str, Any]:
    _, words = b._, b.words
    in_scope = set(b.selection.numbers)
    flags = [f for f in b.flags if f.sha256 in in_scope]
    counts = []
    for key in CATEGORIES:
        mine = [f for f in flags if category_of(f, b.reviews) == key]
        cell = {
            side: (
                sum(1 for f in mine if f.speaker == side and b.decision("flag", f.id) == "accepted"),
                sum(
                    1
                    for f in mine
                    if f.speaker == side and b.decision("flag", f.id) == "unreviewed" and f.tier == "stated"
                ),
            )
            for side in ("us", "client")
        }
        rejected = sum(1 for f in mine if b.decision("flag", f.id) == "rejected")
        if any(cell["us"]) or any(cell["client"]) or rejected:
            counts.append({"name": labels.group(words, key), **cell, "rejected": rejected})
    waiting = sum(1 for f in flags if f.tier == "possible" and b.decision("flag", f.id) == "unreviewed")
    return {
        "us_short": labels.side(words, "us"),
        "client_short": labels.side(words, "client"),
        "counts": counts,
        "waiting": _("Found as possible only, waiting for a person's review and printed nowhere: %s.")
        % words.number(waiting),
        "questions": _questions(b),
        "ours_line": _ours(b),
        "flag_groups": flag_groups(b),
        "request_groups": _request_groups(b),
        "search_note": _(
            "“No reply found” means: no letter of the other side in the folders searched, up to the time stated. Other channels were not searched."
        ),
    }


def flag_groups(b: Brief) -> list[dict[str, Any]]:
    groups = []
    for key in CATEGORIES:
        found = [
            f
            for f in b.flags
            if category_of(f, b.reviews) == key and stands(f, b.reviews, b.options) and f.sha256 in b.selection.numbers
        ]
        if b.options.selective or b.options.supplement:
            found = [f for f in found if b.printed(f.sha256)]
        if found:
            rows = [_flag_row(b, f) for f in sorted(found, key=lambda f: (b.letters[f.sha256].at, f.part, f.start))]
            groups.append({"title": f"{labels.group(b.words, key)} · {len(rows)}", "flags": rows})
    return groups


def _flag_row(b: Brief, f: Flag) -> dict[str, Any]:
    letter = b.letters[f.sha256]
    review = b.reviews.get(("flag", f.id))
    return {
        "date": f"{b.words.short_day(letter.at)}",
        "who": letter.person or letter.sender,
        "side": labels.side(b.words, f.speaker),
        "quote": b.words.quote(one_line(f.quote)),
        "what": labels.category(b.words, review.category if review and review.category else f.category, f.subtype),
        "review": _review_text(b, review),
        "rule": f"{f.rule} ({f.pack.partition('#')[0]})",
        "exhibit": b.selection.numbers[f.sha256],
        "printed": b.printed(f.sha256),
    }


def _review_text(b: Brief, review: Review | None) -> str:
    if review is None or review.decision == "unreviewed":
        return labels.review(b.words, "unreviewed")
    return f"{labels.review(b.words, review.decision)} ({review.actor}, {b.words.short_day(review.at)})"


def _request_groups(b: Brief) -> list[dict[str, Any]]:
    groups = []
    for asker, title in (("us", b._("Asked by our side")), ("client", b._("Asked by the other side"))):
        rows = []
        for r in b.requests:
            decision = b.decision("request", r.id)
            if r.asker != asker or r.sha256 not in b.selection.numbers or decision == "rejected":
                continue
            if decision == "unreviewed" and (r.tier != "stated" or b.options.only_accepted):
                continue
            if (b.options.selective or b.options.supplement) and not b.printed(r.sha256):
                continue
            rows.append(_request_row(b, r))
        if rows:
            groups.append({"title": f"{title} · {len(rows)}", "requests": rows})
    return groups


def _request_row(b: Brief, r: Request) -> dict[str, Any]:
    _, words = b._, b.words
    review = b.reviews.get(("request", r.id))
    outcome = (review.outcome if review else None) or r.outcome
    answering = (review.answering_sha256 if review else None) or r.answering_sha256
    detail = []
    if answering and (letter := b.letters.get(answering)):
        number = b.selection.number_of(letter.sha256)
        detail.append(
            _("on %(day)s, exhibit %(number)s") % {"day": words.short_day(letter.at), "number": number or "—"}
        )
    if r.waited_days is not None and outcome in ("answered", "answered-late"):
        days = f"{r.waited_days:.1f}".replace(".", "," if words.language == "ru" else ".")
        detail.append(_("after %s days") % days)
    if outcome == "no-reply" and r.due_at:
        detail.append(_("in this thread by %s") % words.short_day(r.due_at))
        others = [b.letters[s] for s in r.other_messages if s in b.letters]
        if others:
            days = ", ".join(dict.fromkeys(words.short_day(x.at) for x in others[:5]))
            detail.append(_("they wrote on %s; no answer found there") % days)
    if r.repeats:
        detail.append(_("asked again"))
    return {
        "date": words.short_day(r.asked_at),
        "quote": words.quote(one_line(r.quote)),
        "kind": labels.request_kind(words, r.kind),
        "review": _review_text(b, review),
        "outcome": labels.outcome(words, outcome),
        "detail": "; ".join(detail),
        "exhibit": b.selection.numbers[r.sha256],
        "printed": b.printed(r.sha256),
    }


def _questions(b: Brief) -> list[dict[str, Any]]:
    _, words = b._, b.words
    if b.assessment is None:
        return []

    def side(found: Any) -> str:
        text = _("accepted %(a)s, not reviewed %(u)s, rejected %(r)s") % {
            "a": found.accepted, "u": found.unreviewed, "r": found.rejected,
        }  # fmt: skip
        if found.first and found.last:
            text += f"; {words.short_day(found.first)} — {words.short_day(found.last)}"
        return text

    rows = []
    for q in b.assessment.questions:
        answer = labels.answer(words, q.answer)
        if q.answer:
            answer += f" ({q.answered_by}{', ' + words.short_day(q.answered_at) if q.answered_at else ''})"
            if q.answer_note:
                answer += f": {q.answer_note}"
        rows.append(
            {
                "number": q.number,
                "text": labels.question(words, q.number),
                "answer": _("A person's answer: %s") % answer,
                "client": side(q.client),
                "us": side(q.us),
            }
        )
    return rows


def _ours(b: Brief) -> str:
    if b.assessment is None:
        return ""
    return b._("Requests of the other side that we left without a reply: %(none)s; answered late: %(late)s.") % {
        "none": b.words.number(len(b.assessment.ours_unanswered)),
        "late": b.words.number(len(b.assessment.ours_late)),
    }


# ---- picture, chronology -------------------------------------------------------------------


def picture_markup(b: Brief) -> str:
    """The timeline stage's SVG, without an XML prologue."""
    start = b.picture.find("<svg")
    if start < 0:
        return ""
    picture = b.picture[start:]
    if "<title" not in picture:  # the figure's words for those who cannot see it (ISO 14289-1, 7.3)
        opened = picture.index(">") + 1
        picture = f"{picture[:opened]}<title>{escape(b._('The correspondence over time'))}</title>{picture[opened:]}"
    return picture


def _chronology(b: Brief) -> tuple[list[dict[str, Any]], list[ManifestRow]]:
    _, words = b._, b.words
    flags: dict[str, list[Flag]] = defaultdict(list)
    for f in b.flags:
        if f.sha256 in b.letters and stands(f, b.reviews, b.options):
            flags[b.letters[f.sha256].sha256].append(f)
    entries = {e.sha256: e for e in b.entries if e.kind == "message" and e.sha256}
    shown: list[tuple[datetime, int, dict[str, Any], ManifestRow]] = []
    for letter in b.selection.letters:
        entry = entries.get(letter.sha256)
        marks = []
        for f in sorted(flags[letter.sha256], key=lambda f: (f.part, f.start)):
            review = b.reviews.get(("flag", f.id))
            text = labels.category(words, review.category if review and review.category else f.category, f.subtype)
            reviewed = b.decision("flag", f.id) == "accepted"
            marks.append(text if reviewed else f"{text} ({_('not reviewed')})")
        marks = list(dict.fromkeys(marks))
        number = b.selection.numbers[letter.sha256]
        gist = entry.gist if entry else ""
        subject = one_line(letter.subject, 160) or _("(no subject)")
        recipients = recipients_of(letter)
        row: dict[str, Any] = {
            "day": words.short_day(letter.at),
            "time": words.local(letter.at).strftime("%H:%M"),
            "who": letter.person or letter.sender,
            "to": one_line(", ".join(recipients), 120),
            "text": subject,
            "note": one_line(gist, 200) if gist and one_line(gist) != subject else "",
            "marks": marks,
            "exhibit": number,
            "printed": True,
            "event": False,
        }
        shown.append((letter.at, number, row, ManifestRow(
            letter.at, "message", row["who"], ", ".join(recipients), subject, tuple(marks), number, None,
        )))  # fmt: skip
    files = {f.sha256: f for f in b.selection.files}
    for entry in b.entries:
        if entry.kind == "message" or not _in_window(b, entry.at):
            continue
        if entry.kind == "outside" and entry.sha256 not in files:
            continue
        outside = b.selection.numbers.get(f"file:{files[entry.sha256].id}") if entry.sha256 in files else None
        row = {
            "day": words.short_day(entry.at),
            "time": f"— {words.short_day(entry.until)}" if entry.until and entry.until != entry.at else "",
            "who": entry.actor,
            "to": "",
            "text": one_line(entry.gist, 240),
            "note": one_line(entry.at_note, 160),
            "marks": [],
            "exhibit": outside,
            "printed": outside is not None,
            "event": entry.kind != "outside",
        }
        shown.append((entry.at, outside or 0, row, ManifestRow(
            entry.at, entry.kind, entry.actor, "", row["text"], (), outside, None,
        )))  # fmt: skip
    listed = {e.sha256 for e in b.entries if e.kind == "outside"}
    for file in b.selection.files:
        at = moment(f"{file.event_date}T12:00:00+00:00" if len(file.event_date) == 10 else file.event_date)
        if file.sha256 in listed or at is None:
            continue
        number = b.selection.numbers[f"file:{file.id}"]
        row = {
            "day": words.short_day(at), "time": "", "who": _("file from outside the mail"), "to": "", "text": one_line(file.title),
            "note": "", "marks": [], "exhibit": number, "printed": True, "event": False,
        }  # fmt: skip
        shown.append((at, number, row, ManifestRow(at, "outside", file.added_by, "", row["text"], (), number, None)))
    shown.sort(key=lambda x: (x[0], x[1]))
    return [x[2] for x in shown], [x[3] for x in shown]


def recipients_of(letter: Letter) -> list[str]:
    """Names, or addresses where there is no name, of To, Cc and Bcc."""
    return [one_line(a.name) or a.address for a in letter.addresses if a.header in ("to", "cc", "bcc")]


def _in_window(b: Brief, at: datetime) -> bool:
    day = b.words.local(at).date()
    if b.options.category or b.options.supplement:
        return False
    return not ((b.options.since and day < b.options.since) or (b.options.until and day > b.options.until))
