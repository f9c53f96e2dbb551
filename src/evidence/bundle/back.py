"""What stands behind the exhibits, as values: completeness, DKIM, headers, hashes, custody log and anchors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from evidence.bundle import labels
from evidence.bundle.brief import Brief, moment, stated
from evidence.bundle.custody import real_anchors
from evidence.bundle.exhibits import Exhibit
from evidence.bundle.text import one_line
from evidence.i18n import translated

HASH = re.compile("[0-9a-f]{64}")


def back_values(b: Brief, exhibits: Sequence[Exhibit], names: Mapping[str, str]) -> dict[str, Any]:
    """Values of ``back.html`` and ``hashes.html``. ``names`` maps ``file:ID`` to the embedded file's name."""
    return {
        **_completeness(b),
        "hashes": _hashes(b, exhibits, names),
        "log_size": b.words.count("%s event", "%s events", b.head.size),
        "root": b.head.root,
        "earlier": _earlier(b),
        "anchors": [_anchor(b, a) for a in b.case.anchors()],
        "made_with": ", ".join(
            [
                f"evidence {b.options.tool_version}".strip(),
                *(f"{p} {version(p)}" for p in ("weasyprint", "pikepdf", "pypdfium2", "jinja2")),
            ]
        ),
    }


def dkim_values(b: Brief, exhibits: Sequence[Exhibit]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Rows of ``dkim.html``: every signature of every exhibit, and the keys they were checked with."""
    keys = [
        {
            "name": k.name,
            "answer": one_line(k.answer.decode("ascii", "backslashreplace"), 700) or k.error,
            "asked": f"{k.resolver}{', DNSSEC' if k.authenticated else ''}, {b.words.moment(k.asked_at)}",
        }
        for k in _keys_used(b, exhibits)
    ]
    return [row for e in exhibits for row in _dkim(b, e)], keys


def _completeness(b: Brief) -> dict[str, Any]:
    _, words, case = b._, b.words, b.case
    counts = case.folder_counts()
    text = [
        _(
            "For every folder that was read, the table shows how many messages the server held when the folder was last read, and what became of each of them. A folder not listed here was not read."
        ),
        _(
            "In scope: a message between our side and the other side. Context: archived because a thread or the owner's own choice connects it to the matter, shown only when a person includes it. Out of scope: no address of the other side in it; not archived."
        ),
    ]
    imports = [r for r in case.acquisitions() if r.get("kind") == "import"]
    if imports:
        text.append(
            _("Messages also came from %s of files; what such files cannot prove is stated below.")
            % words.count("%s import", "%s imports", len(imports))
        )
    folders = [
        {
            "place": f"{c.account}, {words.quote(one_line(c.folder))}",
            "state": _("UIDVALIDITY %(v)s, up to UID %(uid)s, on %(at)s")
            % {"v": c.uidvalidity, "uid": c.last_uid, "at": words.moment(c.at)},
            "on_server": words.number(c.on_server),
            "in_scope": words.number(c.in_scope),
            "context": words.number(c.context),
            "out": words.number(c.out_of_scope),
            "owed": words.number(c.owed),
            "vanished": words.number(c.vanished),
        }
        for c in counts
    ]
    sources = [
        {
            "place": f"{one_line(b.hidden.burn(str(s.get('path') or '')), 160)}, {words.size(int(s.get('size') or 0))}",
            "sha256": str(s.get("sha256") or ""),
            "caveats": [translated("mailbox", words.language, c) for c in str(s.get("caveat") or "").split("\n") if c],
        }
        for s in case.sources()
    ]
    numbers = b.selection.numbers
    gone = []
    for d in case.disappearances():
        if d.get("kind") == "moved":
            continue
        letter = b.letters.get(str(d.get("sha256")))
        at = moment(d.get("noticed_at"))
        gone.append(
            {
                "place": f"{d.get('account') or ''}, {words.quote(str(d.get('folder') or ''))}",
                "at": words.moment(at) if at else "—",
                "number": numbers.get(letter.sha256) if letter else None,
                "printed": bool(letter and b.printed(letter.sha256)),
            }
        )
    owed = [
        f"{o.get('account') or ''}, {words.quote(str(o.get('folder') or ''))}, UID {o.get('uid')}: {translated('mailbox', words.language, str(o.get('reason')))}"
        for o in case.owed_now()
    ]
    observations = [_observation(b, o) for o in case.observations()]
    withdrawn = [
        {
            "what": what,
            "letter": f"{words.moment(x.at)}, {one_line(b.hidden.burn(x.subject), 120)}",
            "sha256": x.sha256,
            "reason": f"{r.get('reason', '')} — {r.get('actor', '')}, {_day(b, r.get('at'))}",
        }
        for what, found in ((_("left out"), b.selection.excluded), (_("included"), b.selection.included))
        for x, r in found
    ]
    redactions = [
        _("%(what)s, by %(who)s, %(when)s: %(why)s")
        % {
            "what": {"address": _("an address"), "passage": _("a passage"), "attachment": _("an attachment")}[
                r["kind"]
            ],
            "who": r.get("actor", ""),
            "when": _day(b, r.get("at")),
            "why": r.get("reason", ""),
        }
        for r in case.redactions()
    ]
    return {
        "complete_text": text,
        "folders": folders,
        "sources": sources,
        "owed": owed,
        "gone": gone,
        "observations": observations,
        "repeated_ids": _repeated_ids(b),
        "withdrawn": withdrawn,
        "redactions": redactions,
    }


def _observation(b: Brief, o: Mapping[str, Any]) -> str:
    """What was noticed, where and when; the octets it is about by their hash. Its whole record is in the custody log."""
    at, detail = moment(o.get("at")), stated(o.get("detail"))
    facts = [labels.observation(b.words, str(o.get("kind")))]
    if o.get("folder"):
        facts.append(b._("folder %s") % b.words.quote(one_line(str(o["folder"]))))
    if o.get("uid") is not None:
        facts.append(f"UID {o['uid']}")
    facts += [v for v in detail.values() if isinstance(v, str) and HASH.fullmatch(v)]
    return f"{b.words.moment(at) if at else '—'} — {'; '.join(facts)}"


def _repeated_ids(b: Brief) -> list[str]:
    """Message-IDs that stand on letters with different words: no copies, but something to be asked about."""
    found: dict[str, list[str]] = {}
    for letter in b.case.letters(everything=True):
        if letter.message_id and not letter.withheld:
            found.setdefault(letter.message_id, []).append(letter.sha256)
    lines = []
    for message_id, hashes in sorted(found.items()):
        printed = [b._("Exhibit %s") % b.selection.numbers[s] for s in hashes if b.printed(s)]
        if len(hashes) > 1 and printed:
            other = len(hashes) - len(printed)
            more = [b._("not in this bundle: %s") % b.words.number(other)] if other else []
            lines.append(f"{one_line(b.hidden.burn(message_id), 200)} — {', '.join([*printed, *more])}")
    return lines


def _day(b: Brief, value: Any) -> str:
    at = moment(value)
    return b.words.short_day(at) if at else "—"


def _dkim(b: Brief, e: Exhibit) -> list[dict[str, Any]]:
    _ = b._
    claim = next((v for k, v in e.parsed.headers if k.lower() == "authentication-results"), "")
    rows = []
    for d in e.dkim:
        facts = [d.algorithm, d.canonicalization, _("%s bits") % d.key_bits if d.key_bits else ""]
        signed = _("signed headers: %s") % ", ".join(d.signed_headers)
        if d.length_tag is not None:
            signed += "; " + _("only the first %s bytes of the body are signed (l=)") % b.words.number(d.length_tag)
        rows.append(
            {
                "number": e.number,
                "domain": f"{d.domain}, {d.selector}",
                "algorithm": ", ".join(f for f in facts if f),
                "result": labels.dkim(b.words, d.result),
                "reason": translated("message", b.words.language, d.reason),
                "signed": signed,
                "warnings": tuple(translated("message", b.words.language, w) for w in d.warnings),
                "claim": _("the receiving provider's claim: %s") % one_line(b.hidden.burn(claim), 240) if claim else "",
            }
        )
    return rows


def _keys_used(b: Brief, exhibits: Sequence[Exhibit]) -> list[Any]:
    names = {f"{d.selector}._domainkey.{d.domain}".lower() for e in exhibits for d in e.dkim}
    return [k for k in b.case.dns_keys() if k.name.lower().rstrip(".") in names]


def headers_values(b: Brief, e: Exhibit) -> dict[str, Any]:
    """Header lines of one exhibit, decoded, in their order."""
    withheld = b._("Withheld with the original, because a part of it was redacted.") if e.withheld else ""
    lines = [] if withheld else [f"{name}: {one_line(value)}" for name, value in e.parsed.headers]
    return {"number": e.number, "lines": lines, "withheld": withheld}


def _hashes(b: Brief, exhibits: Sequence[Exhibit], names: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = [{"number": e.number, "sha256": e.letter.sha256, "name": e.embedded_as or b._("withheld")} for e in exhibits]
    rows += [
        {
            "number": b.selection.number_of_file(f),
            "sha256": f.sha256,
            "name": names.get(f"file:{f.id}") or b._("in the package"),
        }
        for f in b.selection.files
    ]
    return sorted(rows, key=lambda r: int(r["number"]))


def _earlier(b: Brief) -> dict[str, Any] | None:
    if b.supplements is None:
        return None
    proof = b.case.consistency_proof(b.supplements.log_size, b.head.size)
    return {
        "text": b._("No. %(number)s, %(day)s, custody log of %(size)s")
        % {
            "number": f"{b.supplements.number:04d}",
            "day": b.words.day(b.supplements.issued_at),
            "size": b.words.count("%s event", "%s events", b.supplements.log_size),
        },
        "root": b.supplements.root,
        "proof": [p.hex() for p in proof],
    }


def _anchor(b: Brief, a: Mapping[str, Any]) -> dict[str, Any]:
    at = moment(a.get("stated_at") or a.get("at"))
    note = ""
    if a.get("test"):
        note = b._("TEST: self-issued, proves nothing about time")
    elif a.get("kind") == "witness":
        note = b._("an e-mail held by a witness, not a time-stamp authority")
    return {
        "at": b.words.moment(at) if at else "—",
        "who": ", ".join(x for x in (str(a.get("authority") or ""), str(a.get("serial") or "")) if x),
        "note": note,
        "root": a.get("root", ""),
        "size": b.words.number(int(a["size"])),
    }


__all__ = ["back_values", "headers_values", "real_anchors"]
