"""Redactions, burned in: what is hidden stands in no text, no picture, no embedded file of the bundle.

A person redacts an address (hidden everywhere), a passage of one message (hidden there and wherever the same words
are quoted), or an attachment. An original that holds any of it is withheld too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from evidence.model import ParsedMessage

MARK = "█████"
_GAP = r"(?:\s|[>|│]|&gt;|&nbsp;|</?(?:div|span|p|br|td|tr|wbr)\b[^<>]{0,80}>)+"


@dataclass(frozen=True, slots=True)
class Redactions:
    """What to hide. ``secrets`` are patterns over plain or escaped text; ``attachments`` are (sha256, index)."""

    secrets: tuple[re.Pattern[str], ...]
    plain: tuple[str, ...]
    attachments: frozenset[tuple[str, int]]
    rows: tuple[Mapping[str, Any], ...]

    def burn(self, text: str) -> str:
        """``text`` or HTML with every secret blacked out, tags between its words kept."""
        for pattern in self.secrets:
            text = pattern.sub(_black, text)
        return text

    def touches(self, texts: Iterable[str]) -> bool:
        return any(pattern.search(text) for text in texts for pattern in self.secrets)

    def withholds(self, raw: bytes, parsed: ParsedMessage) -> bool:
        """Whether this message's original must stay out of the bundle."""
        if any(sha256 == parsed.sha256 for sha256, _ in self.attachments):
            return True
        if any(r.get("sha256") == parsed.sha256 for r in self.rows):
            return True
        if not self.secrets:
            return False
        texts = [*parsed.texts.values(), parsed.html or "", *(f"{k}: {v}" for k, v in parsed.headers)]
        texts += [f"{a.name} {a.address}" for a in parsed.addresses] + [raw.decode("utf-8", "replace")]
        texts += _decoded_parts(raw)
        return self.touches(texts)


def _decoded_parts(raw: bytes) -> list[str]:
    """Every leaf decoded by its transfer encoding and read as UTF-8 and as windows-1251: a net, not a parser."""
    import email
    import email.policy

    found: list[str] = []
    try:
        for part in email.message_from_bytes(raw, policy=email.policy.compat32).walk():
            octets = part.get_payload(decode=True)
            if isinstance(octets, bytes):
                found += [octets.decode("utf-8", "replace"), octets.decode("cp1251", "replace")]
    except Exception:  # what cannot be read cannot be shown to be clean
        return [raw.decode("latin-1")]
    return found


def _black(match: re.Match[str]) -> str:
    inside = re.split(r"(<[^<>]*>)", match.group())
    return "".join(piece if piece.startswith("<") else (MARK if piece.strip() else piece) for piece in inside)


def redactions(rows: Sequence[Mapping[str, Any]], texts: Mapping[str, Mapping[str, str]]) -> Redactions:
    """The standing redactions. ``texts`` maps the sha256 of redacted messages to their parts, for passages by offset."""
    secrets: list[str] = []
    attachments: set[tuple[str, int]] = set()
    for row in rows:
        kind, part = row["kind"], str(row.get("part") or "")
        if kind == "address":
            secrets.append(str(row["value"]))
        elif kind == "passage":
            start, end = row.get("start"), row.get("end")
            whole = texts.get(row["sha256"], {}).get(part, "")
            passage = whole[start:end] if start is not None and end is not None else str(row.get("value") or "")
            secrets.append(passage or str(row.get("value") or ""))
        elif kind == "attachment":
            index = part.partition(":")[2] or str(row.get("value") or "")
            if index.isdigit():
                attachments.add((row["sha256"], int(index)))
    plain = tuple(dict.fromkeys(s for s in secrets if s.strip()))
    return Redactions(
        tuple(_pattern(s) for s in sorted(plain, key=len, reverse=True)), plain, frozenset(attachments), tuple(rows)
    )


def _pattern(secret: str) -> re.Pattern[str]:
    """The words of ``secret``, plain or escaped, parted by blanks, quotation marks of replies, or tags."""
    words = [w for w in re.split(r"[\s>|│]+", secret) if w]
    forms = []
    for word in words:
        variants = dict.fromkeys(
            [word, escape(word), escape(word).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")]
        )
        forms.append("(?:" + "|".join(re.escape(v) for v in variants) + ")")
    return re.compile(_GAP.join(forms), re.IGNORECASE)
