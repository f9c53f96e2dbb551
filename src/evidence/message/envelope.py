"""The one place that knows mail-parser: mailboxes, Received trail and dates out of header values.

Its scanners are strict and bounded where the standard library's are not, and say why they refused a value. Its traps
are kept out: it is given text whose 8-bit letters we have decoded, one field at a time, every occurrence of a field,
and never a body (by itself it drops raw 8-bit letters, keeps the first From only, and merges forwarded messages).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from mailparser.dates import parse_mail_date
from mailparser.exceptions import MailParserError
from mailparser.utils import get_addresses, parse_received

from evidence.message.charsets import decode_octets
from evidence.message.headers import ENCODED_WORD, Field, decode_field
from evidence.message.limits import MAX_ADDRESS_VALUE, MAX_RECEIVED
from evidence.model import Address, ReceivedHop

_COLON_ZONE = re.compile(r"(?:\b(?:GMT|UTC)\s?|(?<=[\s\d]))([+-]\d\d):?(\d\d)(?=\s*(?:\([^()]*\))?\s*$)")
_CLOCK_OF_TWELVE = re.compile(r"\b(\d{1,2})(:\d\d(?::\d\d)?)\s*([AP])M\b", re.I)
_ZONE = re.compile(r"[\s\d][+-]\d{4}\s*$|\b(?:UT|UTC|GMT|Z|[ECMP][SD]T)\s*$", re.I)
# One address anywhere in a field from which no scanner gets one
_ANY_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_NUMERIC_ZONE = re.compile(r"(?:\+\d{4}|-(?!0000)\d{4})\s*(?:\([^()]*\))?$")
# The plain RFC 5321 form, comments not nested: most Received fields, read without the full scanner and to the same result.
_COMMON_HOP = re.compile(
    r"from (?P<from>[^\s();\"]+(?: \([^()\"\\]*\))?) by (?P<by>[^\s();\"]+(?: \([^()\"\\]*\))?)"
    r"(?: (?:with|id|via) [^\s();\"]+){0,3}(?: for <[^\s();\"<>]+>)?; (?P<date>[^();]+)(?: \([^()]*\))?"
)

ADDRESS_FIELDS = (
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "delivered-to",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-bcc",
)
_RECIPIENTS = frozenset(("to", "cc", "bcc", "delivered-to", "resent-to", "resent-cc", "resent-bcc"))
_RUN = re.compile(rf"{ENCODED_WORD.pattern}(?:[ \t]*{ENCODED_WORD.pattern})*")
_TOKEN = re.compile("\ue000(\\d+)\ue001")
_PLAIN = re.compile(
    r"(?:\"([^\"\\<>\r\n]*)\"|([\w .\-'’«»\ue000\ue001]*?))[ \t]*<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+)>"
)
_BARE = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


def addresses_of(field: Field) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """The mailboxes of one address field and its defects. A mailbox nobody can read keeps its text, with no address."""
    raw = field.unfolded()
    defects: list[str] = []
    if len(raw) > MAX_ADDRESS_VALUE:
        raw = raw[: raw.rfind(b",", 0, MAX_ADDRESS_VALUE)]
        defects.append(f"address-list-cut:{field.key}")
    text, found = _structure_text(raw)
    defects.extend(f"{d}:{field.key}" for d in found)
    words: list[str] = []

    def shelve(match: re.Match[str]) -> str:
        words.append(match.group())
        return f"\ue000{len(words) - 1}\ue001"

    # An encoded word may hold a comma or a bracket (in Q, unescaped): it must not part mailboxes. So words are shelved
    # under private characters while the structure is read, and decoded after.
    shelved = "\ue000" not in text and "=?" in text
    if shelved:
        text = _RUN.sub(shelve, text)

    def restore(value: str, *, decoded: bool) -> str:
        if not shelved:
            return value

        def put_back(match: re.Match[str]) -> str:
            word = words[int(match.group(1))] if int(match.group(1)) < len(words) else ""
            if not decoded:
                return word
            plain, found = decode_field(word.encode("ascii", "replace"))
            defects.extend(f"{d}:{field.key}" for d in found)
            return plain

        return _TOKEN.sub(put_back, value)

    boxes = [
        Address(field.key, restore(name, decoded=True).strip(), _bare(lower_domain(restore(address, decoded=False))))
        for name, address in _mailboxes(text, field.key, defects)
    ]
    # A sender is read out of such a text only where there is no other: who is named beside an address may be named to deceive.
    if not all(box.address for box in boxes) and (field.key in _RECIPIENTS or not any(box.address for box in boxes)):
        boxes = [one for box in boxes for one in ([box] if box.address else _recovered(box))]
    return tuple(boxes), tuple(dict.fromkeys(defects))


def _recovered(box: Address) -> list[Address]:
    """The addresses in a text that no scanner could part: a box encoded whole («=?utf-8?B?…?=» over name and address, as PHP and
    1C scripts do), left without a bracket, or a list of recipients parted by semicolons or spaces. The defect that named the field stays."""
    found = list(dict.fromkeys(_ANY_ADDRESS.findall(box.name[:2_000])))
    if len(found) == 1:
        name = box.name.replace(found[0], " ").replace("mailto:", " ")
        name = re.sub(r"\s+", " ", re.sub(r"[<>\[\]()]", " ", name)).strip(" \"'\t,;")
        return [Address(box.header, name, lower_domain(found[0]))]
    if not found or box.header not in _RECIPIENTS:
        return [box]
    return [Address(box.header, "", lower_domain(one)) for one in found]


def _mailboxes(text: str, key: str, defects: list[str]) -> list[tuple[str, str]]:
    """(name, address) pairs. One plain mailbox, by far the commonest field, needs no scanner."""
    plain = _PLAIN.fullmatch(text)
    if plain:
        return [((plain.group(1) or plain.group(2) or "").strip(), plain.group(3))]
    if _BARE.fullmatch(text):
        return [("", text)]
    diagnostics: list[dict[str, object]] = []
    try:
        pairs = [(name, address) for name, address in get_addresses(text, defects=diagnostics) if address]
    except (ValueError, TypeError, IndexError, AttributeError, RecursionError):
        pairs, diagnostics = [], [{"raw": text, "reason": "unreadable", "recovered": False, "candidates": []}]
    for one in diagnostics:
        defects.append(f"address-{str(one['reason']).split(',')[0]}:{key}")
        if one["recovered"]:
            continue
        candidates = one["candidates"]
        if isinstance(candidates, list) and candidates:
            pairs.extend((str(c["display_name"]), str(c["address"])) for c in candidates)
        elif raw := str(one["raw"]).strip():
            pairs.append((raw, ""))
    return pairs


def _structure_text(raw: bytes) -> tuple[str, list[str]]:
    """Field octets as one line of text with encoded words left closed."""
    if raw.isascii():
        text, found = raw.decode("ascii"), []
    else:
        text, defect = decode_octets(raw, None)
        found = ["raw-8bit", defect] if defect else ["raw-8bit"]
    if re.search("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]", text):
        found.append("control-characters")
        text = re.sub("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]", " ", text)
    return text, found


def lower_domain(address: str) -> str:
    """The address with its domain in lower case; nothing else is folded, plus signs and dots are evidence."""
    local, at, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}" if at else address


def _bare(address: str) -> str:
    """Outlook's apostrophes around an address it took for a name are not the address's."""
    return address[1:-1] if address[:1] == address[-1:] == "'" and "@" in address[2:-2] else address


def date_of(value: str) -> tuple[datetime | None, tuple[str, ...]]:
    """A Date value (RFC 5322 section 3.3) with its own offset, or None; and why it is doubtful."""
    value = value.strip()
    if not value:
        return None, ("date-empty",)
    if len(value) > 1000:
        return None, ("date-unreadable",)
    reading = parse_mail_date(value)
    defects = [f"date-{reason}" for reason in reading.reasons]
    at: datetime | None = None
    if reading.value is not None:
        minutes = round(float(reading.timezone) * 60)
        at = _in_offset(reading.value, minutes)
        if (
            not _NUMERIC_ZONE.search(value)
            and re.search(r"-0000\b|(?<![A-Za-z])[A-Za-z]+\s*$", _uncommented(value))
            and not re.search(r"\b(UT|UTC|GMT|Z|[ECMP][SD]T)\s*$", _uncommented(value), re.I)
        ):
            defects.append("date-no-offset")
    else:
        at, more = _lenient(value)
        defects.extend(more)
    if at is not None and not 1990 <= at.year <= 2100:
        defects.append("date-absurd")
    return at, tuple(dict.fromkeys(defects))


def _uncommented(value: str) -> str:
    return re.sub(r"\([^()]*\)", " ", value).rstrip()


def _in_offset(utc: datetime, minutes: int) -> datetime | None:
    try:
        return utc.astimezone(timezone(timedelta(minutes=minutes))) if minutes else utc
    except (OverflowError, ValueError):
        return utc


def _lenient(value: str) -> tuple[datetime | None, list[str]]:
    """Forms old programs write against the standard, as the standard library reads them."""
    try:
        # «+03:00» and «GMT+03:00» (RFC 3339, JavaScript) would be read as UTC: hours lost without a word
        value = _CLOCK_OF_TWELVE.sub(_of_24, _COLON_ZONE.sub(r" \1\2", value))
        read = parsedate_tz(value)
        if read is None:
            return None, ["date-unreadable"]
        seconds = read[9] or 0
        at = datetime(*read[:5], min(read[5], 59), tzinfo=timezone(timedelta(seconds=seconds)))
        at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None, ["date-unreadable"]
    # parsedate_tz says 0 where there is no offset, too
    return at, ["date-lenient"] + ([] if _ZONE.search(_uncommented(value)) else ["date-no-offset"])


def _of_24(match: re.Match[str]) -> str:
    hour = int(match.group(1))
    if not 1 <= hour <= 12:
        return match.group(1) + match.group(2)
    return f"{hour % 12 + 12 * (match.group(3) in 'pP'):02d}{match.group(2)}"


def received_trail(fields: Sequence[Field]) -> tuple[ReceivedHop, ...]:
    """The Received fields, topmost first, at most MAX_RECEIVED. A sender can forge all below the first trusted one."""
    return tuple(_hop(position, field) for position, field in enumerate(fields[:MAX_RECEIVED]))


def _hop(position: int, field: Field) -> ReceivedHop:
    text, _ = decode_field(field.unfolded()[:8_000])
    at: datetime | None = None
    from_host, by_host, stamp = _clauses(re.sub(r" {2,}", " ", text))
    stamp = stamp or text.rpartition(";")[2]
    if stamp:
        at, defects = date_of(stamp)
        at = None if at is None or "date-no-offset" in defects else _utc(at)
    return ReceivedHop(position, text, from_host, by_host, at)


def _clauses(text: str) -> tuple[str, str, str]:
    """(from, by, date) of a Received value; empty where there is none."""
    common = _COMMON_HOP.fullmatch(text)
    if common:
        return common["from"], common["by"], common["date"].strip()
    return full_clauses(text)


def full_clauses(text: str) -> tuple[str, str, str]:
    """The same by mail-parser's scanner, which minds nested comments and words that only look like clauses."""
    try:
        clauses = parse_received(text)
    except (MailParserError, ValueError, TypeError, AttributeError, IndexError):
        return "", "", ""
    return str(clauses.get("from", "")), str(clauses.get("by", "")), str(clauses.get("date", ""))


def _utc(at: datetime) -> datetime | None:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None
