"""Words on paper: characters no font has, dates in the reader's language, sizes, addresses that look like others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import Literal

from evidence.addresses import normal
from evidence.i18n import quoted, translation

Language = Literal["ru", "en"]
FONTS = Path(__file__).parent / "fonts"
NBSP = "\u00a0"

# Default-ignorable marks that fonts answer with nothing and PDF/A accepts: joiners, directional marks, variation
# selectors, soft hyphen, zero-width spaces. Overrides and embeddings (U+202A-202E, U+2066-2069) are not here:
# they make text read otherwise than it is stored, so they are shown.
_SILENT = frozenset(
    [0x00AD, 0x034F, 0x061C, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0xFE00, 0xFE10)]
)
_ALLOWED_CONTROLS = frozenset([0x09, 0x0A])
# Bidirectional overrides, and interlinear annotation marks: a font has the latter, Pango draws none of them.
_SHOWN = frozenset([*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFFF9, 0xFFFC)])


@cache
def covered() -> frozenset[int]:
    """Code points at least one shipped font has a glyph for (``fonts/coverage.txt``)."""
    points: set[int] = set()
    for line in (FONTS / "coverage.txt").read_text("ascii").splitlines():
        first, _, last = line.partition("-")
        points.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(points)


@cache
def _printable(character: str) -> bool:
    point = ord(character)
    if point in _ALLOWED_CONTROLS or point in _SILENT:
        return True
    if point in _SHOWN or unicodedata.category(character) in ("Cc", "Co", "Cs", "Cn", "Zl", "Zp"):
        return False
    return point in covered()


# Everything ASCII and Cyrillic prints; only other characters are looked up one by one.
_SUSPECT = re.compile("[^\t\n -~\u00a0-\u00ac\u00ae-\u02ff\u0400-\u045f\u2010-\u2027\u20bd\u2116]")


def visible(text: str) -> tuple[str, int]:
    """``text`` with every character that cannot be printed as ``[U+XXXX]``, and how many there were.

    Never drops one. CR before LF is a line end; a lone CR is shown.
    """
    count = 0

    def shown(match: re.Match[str]) -> str:
        nonlocal count
        character = match.group()
        if _printable(character):
            return character
        count += 1
        return f"[U+{ord(character):04X}]"

    return _SUSPECT.sub(shown, text.replace("\r\n", "\n")), count


_NUMERIC = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,8})|([0-9]{1,9}));?")


def plain_references(markup: str) -> str:
    """Numeric character references of ``markup`` as characters, save the five XML needs, so that ``visible`` sees them."""

    def character(match: re.Match[str]) -> str:
        point = int(match.group(1), 16) if match.group(1) else int(match.group(2))
        if point in (0x22, 0x26, 0x27, 0x3C, 0x3E):
            return match.group()
        return chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"

    return _NUMERIC.sub(character, markup)


# ---- long text -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines of a text as they go to paper. ``total`` and ``shown`` are code points; they differ when it was too long."""

    lines: tuple[str, ...]
    total: int
    shown: int


LONGEST_TEXT = 300_000  # about 100 pages; the whole is in the embedded original
LONGEST_LINE = 2_000  # Pango breaks one paragraph in worse than linear time


def printed(text: str) -> Printed:
    """``text`` cut into lines that lay out in linear time. A longer line continues on the next without loss."""
    shown = text[:LONGEST_TEXT]
    lines: list[str] = []
    for line in shown.replace("\r\n", "\n").split("\n"):
        if len(line) <= LONGEST_LINE:
            lines.append(line)
        else:
            lines.extend(line[i : i + LONGEST_LINE] for i in range(0, len(line), LONGEST_LINE))
    return Printed(tuple(lines), len(text), len(shown))


def one_line(text: str, limit: int = 0) -> str:
    """``text`` on one line: line breaks and runs of blanks become one space (a forged header cannot start a line)."""
    line = " ".join(text.split())
    return line if not limit or len(line) <= limit else line[: limit - 1].rstrip() + "…"


# ---- dates, sizes, numbers -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """Everything said in one language and one time zone: translation, dates, sizes, plurals."""

    language: Language
    zone: tzinfo
    zone_name: str

    @property
    def gettext(self) -> Callable[[str], str]:
        return translation("bundle", self.language).gettext

    @property
    def ngettext(self) -> Callable[[str, str, int], str]:
        return translation("bundle", self.language).ngettext

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def day(self, at: datetime | date) -> str:
        """12 March 2025 / 12 марта 2025 г."""
        from babel.dates import format_date

        day = self.local(at).date() if isinstance(at, datetime) else at
        pattern = "d MMMM y" if self.language == "en" else "d MMMM y 'г.'"
        return format_date(day, pattern, locale=self.language).replace(" ", NBSP)

    def short_day(self, at: datetime | date) -> str:
        """12 Mar 2025 / 12.03.2025"""
        from babel.dates import format_date

        day = self.local(at).date() if isinstance(at, datetime) else at
        pattern = "d MMM y" if self.language == "en" else "dd.MM.y"
        return format_date(day, pattern, locale="en_GB" if self.language == "en" else "ru").replace(" ", NBSP)

    def short_days(self, first: datetime, last: datetime) -> str:
        """01.04.2025, or 20.03.2025 — 31.03.2025 where the last day is another."""
        begin, end = self.short_day(first), self.short_day(last)
        return begin if begin == end else f"{begin}{NBSP}— {end}"

    def stated_day(self, stated: str) -> str:
        """A day a person stated in ISO form, with its time if one was stated; anything else as it stands."""
        try:
            at = datetime.fromisoformat(stated)
        except ValueError:
            return stated
        day = self.short_day(at.date())
        return day if len(stated) <= 10 else f"{day},{NBSP}{at:%H:%M}" + (f"{NBSP}{offset(at)}" if at.tzinfo else "")

    def days(self, times: Sequence[datetime]) -> str:
        """The day of the first of ``times``, and of the last where it is another. ``times`` are not empty."""
        first, last = self.day(min(times)), self.day(max(times))
        return first if first == last else f"{first} — {last}"

    def clock(self, at: datetime) -> str:
        return self.local(at).strftime("%H:%M")

    def moment(self, at: datetime) -> str:
        """12 Mar 2025, 10:20:33 +03:00, in the matter's zone."""
        local = self.local(at)
        return f"{self.short_day(local)},{NBSP}{local:%H:%M:%S}{NBSP}{offset(local)}"

    def stated(self, at: datetime) -> str:
        """A time with the offset it was stated with."""
        return f"{self.short_day(at.date())},{NBSP}{at:%H:%M:%S}{NBSP}{offset(at)}"

    def utc(self, at: datetime) -> str:
        value = at.astimezone(UTC)
        return f"{value:%Y-%m-%d}{NBSP}{value:%H:%M:%S}Z"

    def month(self, at: datetime) -> str:
        from babel.dates import format_date

        return format_date(self.local(at).date(), "LLLL y", locale=self.language)

    def size(self, octets: int) -> str:
        """Octets exactly; from a kilobyte on with a rounded form beside."""
        exact = f"{octets:,}".replace(",", NBSP if self.language == "ru" else ",")
        unit = self.ngettext("%s byte", "%s bytes", octets) % exact
        if octets < 10_000:
            return unit
        for limit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
            if octets >= limit:
                rounded = f"{octets / limit:.1f}"
                if self.language == "ru":
                    rounded = rounded.replace(".", ",")
                return f"{rounded}{NBSP}{self.gettext(name)} ({unit})"
        return unit

    def number(self, value: int) -> str:
        return f"{value:,}".replace(",", NBSP if self.language == "ru" else ",")

    def count(self, one: str, many: str, value: int) -> str:
        """``"%s message", "%s messages"`` with the number grouped."""
        return (self.ngettext(one, many, value) % self.number(value)).replace(" ", NBSP, 1)

    def span(self, time: timedelta) -> str:
        """A length of time in the unit a reader grasps: minutes up to three hours, hours up to two days, then days."""
        minutes = int(abs(time.total_seconds()) // 60)
        if minutes < 3 * 60:
            return self.count("%s minute", "%s minutes", minutes)
        if minutes < 48 * 60:
            return self.count("%s hour", "%s hours", minutes // 60)
        return self.count("%s day", "%s days", minutes // (24 * 60))

    def quote(self, text: str) -> str:
        return quoted(text, self.language)


def offset(at: datetime) -> str:
    """+03:00; ``(no offset)`` never happens here: a header without one is read as UTC and noted."""
    delta = at.utcoffset() or timedelta()
    minutes = int(delta.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


# ---- addresses -----------------------------------------------------------------------------

_SCRIPTS = (("LATIN", "Latin"), ("CYRILLIC", "Cyrillic"), ("GREEK", "Greek"))
_TWINS = str.maketrans(
    dict(
        zip(
            "аеорсухіјѕԁһӏмтвкнзбοαρνυ01",
            "aeopcyxijsdhlmtbkh36oapvuol",
            strict=True,
        )
    )
)


@dataclass(frozen=True, slots=True)
class ShownAddress:
    """An address as printed: ``ascii`` is its punycode form (RFC 3492) when it is not plain ASCII; ``warning`` or ''."""

    name: str
    address: str
    ascii: str
    warning: str


def punycode(address: str) -> str:
    """The address with its domain in A-labels (RFC 5891), or '' when it already is ASCII or cannot be encoded."""
    local, at, domain = address.rpartition("@")
    if address.isascii() or not at:
        return ""
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in address)


def decoded_domain(address: str) -> str:
    """The address with ``xn--`` labels of its domain as the letters they stand for, or '' when there are none."""
    local, at, domain = address.rpartition("@")
    if "xn--" not in domain.lower() or not at:
        return ""
    try:
        return f"{local}@{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return ""


def scripts(text: str) -> tuple[str, ...]:
    """Which of Latin, Cyrillic and Greek letters stand in ``text``."""
    found = {word for c in text if c.isalpha() for key, word in _SCRIPTS if unicodedata.name(c, "").startswith(key)}
    return tuple(word for _, word in _SCRIPTS if word in found)


def skeleton(address: str) -> str:
    """A form in which letters of different alphabets that look alike are the same (in the spirit of UTS 39)."""
    folded = unicodedata.normalize("NFKC", decoded_domain(address) or address).casefold()
    return folded.translate(_TWINS).replace("rn", "m").replace("vv", "w")


def looks_like(address: str, known: frozenset[str]) -> str:
    """The known address or domain that ``address`` imitates without being it, or ''."""
    plain = normal(address)
    shapes = {skeleton(k): k for k in sorted(known)}
    if plain in set(map(normal, known)):
        return ""
    if (twin := shapes.get(skeleton(address))) is not None:
        return twin
    domain = plain.rpartition("@")[2]
    known_domains = {normal(k).rpartition("@")[2] for k in known}
    if domain in known_domains:
        return ""
    shape = skeleton("@" + domain)
    for k in sorted(known_domains):
        if skeleton("@" + k) == shape:
            return "@" + k
    return ""


def name_imitates(name: str, address: str) -> bool:
    """True when the display name holds an address that is not the one mail goes to."""
    found = re.findall(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+\.[^\s<>\"'(),;:]+", name)
    return any(f.casefold() != address.casefold() for f in found)
