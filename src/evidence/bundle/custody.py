"""Where the letters came from and what binds them: the four questions of a court, the statement of custody, anchors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evidence.bundle import labels
from evidence.bundle.brief import Brief, moment, stated
from evidence.bundle.text import one_line


def real_anchors(b: Brief) -> list[Mapping[str, Any]]:
    return [a for a in b.case.anchors() if not a.get("test")]


def anchor_line(b: Brief) -> str:
    real = real_anchors(b)
    if not real:
        return b._(
            "This archive has no trusted time stamp yet: the third step therefore shows only that no single part was changed."
        )
    last = max(real, key=lambda a: int(a["size"]))
    return b._("The latest time stamp: %(who)s, %(when)s, covering %(size)s of the log.") % {
        "who": last.get("authority") or "—",
        "when": _when(b, last.get("stated_at") or last.get("at")),
        "size": b.words.count("%s event", "%s events", int(last["size"])),
    }


def _when(b: Brief, value: Any) -> str:
    at = moment(value)
    return b.words.moment(at) if at else "—"


def court(b: Brief, withheld: int) -> list[dict[str, Any]]:
    _, words, s = b._, b.words, b.selection
    sightings = [b.case.sightings(x.sha256) for x in s.letters]
    from_server = sum(any(x.uid is not None for x in found) for found in sightings)
    signatures = [b.case.dkim(x.sha256) for x in s.letters]
    passed = sum(any(d.result == "pass" for d in found) for found in signatures)
    counts = b.case.folder_counts()
    runs = b.case.acquisitions()
    gone = sum(1 for found in sightings for x in found if x.gone_at)
    letters = len(s.letters)
    return [
        {
            "question": _("Is it what it claims to be?"),
            "facts": [
                (_("Each message is shown with all its addresses, four independent clocks and the server's own Received line."), _first_exhibit(b)),
                (_("Messages with a valid domain signature: %(n)s of %(all)s; signatures checked: %(checked)s.")
                 % {"n": words.number(passed), "all": words.number(letters), "checked": words.number(sum(map(len, signatures)))}, "s-dkim"),
                (_("All header lines are printed, save those of messages of which a part was redacted (%(withheld)s of %(all)s): they are withheld with the original.")
                 % {"withheld": words.number(withheld), "all": words.number(letters)} if withheld else _("All header lines are printed."), "s-headers"),
            ],
        },
        {
            "question": _("Is it complete?"),
            "facts": [
                (_("Everything in scope is here in date order, whichever side it helps; what is left out is counted on the cover."), "s-cover"),
                (_("Counted folder by folder: %(folders)s, %(on)s on the server, %(owed)s not retrieved.")
                 % {"folders": words.count("%s folder", "%s folders", len(counts)),
                    "on": words.count("%s message", "%s messages", sum(c.on_server for c in counts)),
                    "owed": words.number(len(b.case.owed_now()))}, "s-complete"),
                (_("Messages that vanished from the server after they were archived and are kept here: %s.") % words.number(gone), "s-complete"),
            ],
        },
        {
            "question": _("Where did it come from, and who has handled it?"),
            "facts": [
                (_("%(runs)s recorded, with machine, program, time and outcome.") % {"runs": words.count("%s acquisition", "%s acquisitions", len(runs))}, "s-custody"),
                (_("Read from the mail server in read-only mode: %(n)s of %(all)s messages; any others were imported from files, which are named on their pages.")
                 % {"n": words.number(from_server), "all": words.number(letters)}, "s-custody"),
                (_("Every step is an event in the custody log: %(size)s, bound by one root.") % {"size": words.count("%s event", "%s events", b.head.size)}, "s-log"),
                (_("Time stamps kept outside the archive: %s.") % words.number(len(real_anchors(b))), "s-log"),
            ],
        },
        {
            "question": _("Is it the best original available?"),
            "facts": [
                (_("The exact bytes of each message are embedded in this file, save of those of which a part was redacted (%(withheld)s of %(all)s); the SHA-256 of each is printed on the exhibit and in the list of hashes.")
                 % {"withheld": words.number(withheld), "all": words.number(letters)} if withheld else
                 _("The exact bytes of each message are embedded in this file; their SHA-256 is printed on the exhibit and in the list of hashes."), "s-hashes"),
                (_("The mailboxes named in the statement of custody remain the place where the originals can be inspected.")
                 if from_server else
                 _("The files read are named on the exhibits; where their originals are kept is for the person signing the statement of custody to state."), "s-custody"),
            ],
        },
    ]  # fmt: skip


def _first_exhibit(b: Brief) -> str | None:
    numbers = [b.selection.numbers[x.sha256] for x in b.selection.letters]
    return f"x{min(numbers)}" if numbers else None


def custody(b: Brief) -> dict[str, Any]:
    _, words = b._, b.words
    russian = words.language == "ru"
    acquisitions = b.case.acquisitions()
    runs = []
    for run in acquisitions:
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
    kinds = {str(run["kind"]) for run in acquisitions}
    read = {str(run.get("account")) for run in acquisitions if run["kind"] == "sync"}
    accounts = [f"{a.username} ({a.host}, IMAP)" for a in b.config.account if a.name in read]
    text = [
        _("Mailboxes read: %s.") % ("; ".join(accounts or sorted(read)) or _("none; the mail was imported from files"))
    ]
    if "sync" in kinds:
        text += [
            _(
                "Each mailbox was opened in read-only mode (IMAP EXAMINE and BODY.PEEK): no message was marked, moved or deleted by the program. The bytes delivered by the server were stored first, with their SHA-256, and interpreted afterwards."
            ),
            _("The originals remain in the mailboxes, and the archive file is available for inspection."),
        ]
    if "import" in kinds:
        text += [
            _(
                "Files were read as they were found, and the bytes they contain were stored with their SHA-256 before being interpreted. The program does not know how these files came into being; that is for the person signing to state."
            ),
            _("Where the originals of imported messages can be inspected: to be stated by the person signing."),
        ]
    text.append(_("The bundle was made from the archive as it stood at the custody log size stated on the cover."))
    if russian:
        text.append(
            _(
                "Which address belongs to whom is stated by the owner; evidence of this (a contract, an invoice, a website, earlier correspondence) is to be attached by the person signing."
            )
        )
    return {
        "sign_rows": [
            _("Name of the person making the statement"),
            _("Position, and right of access to the mailbox"),
            _("Contact details"),
            _("Evidence that the other side uses its addresses"),
        ],
        "custody_text": text,
        "acquisitions": runs,
        "not_done": [
            _("It made no finding as to who wrote a message."),
            _("It made no legal assessment of any statement."),
            _("It did not search telephones, messaging apps or any mailbox not named here."),
        ],
        "declaration": _(
            "I have compared the SHA-256 values of the copies with those of the originals, in the manner and with the result stated below."
        ),
    }
