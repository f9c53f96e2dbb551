"""What servers on the way *claim* to have checked: Authentication-Results (RFC 8601) and ARC (RFC 8617).

Recorded as their words. Nothing here was verified by us, and anybody may write such a header: ``Claim.above`` tells
how many servers handled the message after it was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_CLAIMS = 50
MAX_VALUE = 16_384
MAX_RESULTS = 200

_METHOD = re.compile(
    r"([A-Za-z][A-Za-z0-9-]{0,60})(?:\s*/\s*\d{1,3})?\s*=\s*([A-Za-z][A-Za-z0-9-]{0,30})(.*)", re.DOTALL
)
_PROPERTY = re.compile(
    r"\b(smtp|header|body|policy|arc)\.([A-Za-z0-9-]{1,60})\s*=\s*(\"[^\"]{0,998}\"|[^\s;]{1,998})", re.IGNORECASE
)
_REASON = re.compile(r"\breason\s*=\s*(\"[^\"]{0,998}\"|[^\s;]{1,998})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Claim:
    """One method's result as a server states it: ``dkim=pass header.d=…``.

    ``source`` is the header's name, ``server`` the name it goes by (authserv-id), ``instance`` ARC's number. ``above``:
    how many Received headers stand above it (0: added by the last server, or later).
    """

    source: str
    server: str
    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    instance: int | None = None
    above: int = 0

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.properties)
        return f"{self.server}: {self.method}={self.result}" + (f" {told}" if told else "")


def claims(headers: Sequence[tuple[str, str]]) -> tuple[Claim, ...]:
    """All claims of a message's headers, (name, value) in header order; at most 50 headers and about 200 results are read."""
    found: list[Claim] = []
    received = read = 0
    for name, value in headers:
        key = name.lower()
        if key == "received":
            received += 1
        if key not in ("authentication-results", "arc-authentication-results", "arc-seal", "received-spf"):
            continue
        read += 1
        if read > MAX_CLAIMS or len(found) >= MAX_RESULTS:
            break
        text = _unfolded(value)
        if key == "authentication-results":
            found += _results(key, text, None, received)
        elif key == "arc-authentication-results":
            instance, rest = _instance(text)
            found += _results(key, rest, instance, received)
        elif key == "arc-seal":
            found += _seal(text, received)
        else:
            result = re.match(r"[A-Za-z]+", text)
            if result:
                found.append(Claim(key, "", "spf", result[0].lower(), above=received))
    return tuple(found[:MAX_RESULTS])


def _results(source: str, text: str, instance: int | None, above: int) -> list[Claim]:
    parts = _split(_without_comments(text))
    if not parts:
        return []
    named = parts[0].split()
    server = named[0][:255] if named else ""
    found = []
    for part in parts[1 : MAX_RESULTS + 1]:
        method = _METHOD.match(part.strip())
        if not method:
            continue
        properties = tuple(
            (f"{kind.lower()}.{name.lower()}", value.strip('"')) for kind, name, value in _PROPERTY.findall(method[3])
        )
        reason = _REASON.search(method[3])
        found.append(
            Claim(
                source,
                server,
                method[1].lower(),
                method[2].lower(),
                properties[:20],
                reason[1].strip('"') if reason else "",
                instance,
                above,
            )
        )
    return found


def _seal(text: str, above: int) -> list[Claim]:
    tags = {k.strip().lower(): v.strip() for k, eq, v in (p.partition("=") for p in text.split(";")) if eq}
    number = tags.get("i", "")
    if "cv" not in tags:
        return []
    properties = tuple((f"arc.{name}", tags[name][:255]) for name in ("d", "s") if name in tags)
    instance = int(number) if re.fullmatch(r"\d{1,2}", number) else None
    return [Claim("arc-seal", tags.get("d", "")[:255], "arc", tags["cv"].lower()[:30], properties, "", instance, above)]


def _instance(text: str) -> tuple[int | None, str]:
    found = re.match(r"\s*i\s*=\s*(\d{1,2})\s*;", text)
    return (int(found[1]), text[found.end() :]) if found else (None, text)


def _unfolded(value: str) -> str:
    return re.sub(r"[\r\n\t ]+", " ", value[:MAX_VALUE]).strip()


def _without_comments(text: str) -> str:
    """Comments (RFC 5322 section 3.2.2) taken out, quoted strings left; linear, whatever the nesting."""
    out: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"' and depth == 0:
            quoted = not quoted
        elif letter == "(" and not quoted:
            depth += 1
        elif letter == ")" and not quoted and depth:
            depth -= 1
            continue
        if depth == 0:
            out.append(letter)
    return "".join(out)


def _split(text: str) -> list[str]:
    """At semicolons outside quoted strings."""
    parts, start, quoted = [], 0, False
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == ";" and not quoted:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [p.strip() for p in parts]
