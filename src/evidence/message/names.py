"""File names a sender chose, made harmless and unique; and warnings about names that pretend to be others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from evidence.message.limits import MAX_FILENAME
from evidence.model import Address

# Windows device names (Microsoft, "Naming Files, Paths, and Namespaces"), with any extension, superscript digits too.
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])(?:\..*)?", re.I | re.S)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')
_SUFFIXES = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/csv": ".csv",
    "text/calendar": ".ics",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "application/pkcs7-signature": ".p7s",
    "application/x-pkcs7-signature": ".p7s",
    "application/pgp-signature": ".asc",
}
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)


def safe_name(filename: str, content_type: str, number: int, taken: set[str]) -> str:
    """A file name of one path component on any system; differs from all ``taken`` (case folded) and is added there.

    Direction marks and invisible characters go, so that what is read is what is opened. Raises nothing.
    """
    name = unicodedata.normalize("NFC", filename.replace("\\", "/").rsplit("/", 1)[-1])
    name = _INVISIBLE.sub("", name)
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C" and unicodedata.category(c) not in {"Zl", "Zp"})
    name = re.sub(r"\s+", " ", _FORBIDDEN.sub("_", name)).strip(" .")
    stem, suffix = _split(name)
    if not stem.strip("._ -"):
        stem = f"part-{number}"
        suffix = suffix or _SUFFIXES.get(content_type, ".bin")
    if _DEVICE.fullmatch(f"{stem}{suffix}"):
        stem = f"_{stem}"
    stem = _clip(stem, MAX_FILENAME - len(suffix), 200 - len(suffix.encode()))
    candidate, attempt = f"{stem}{suffix}", 1
    while candidate.casefold() in taken:
        attempt += 1
        candidate = f"{stem}-{attempt}{suffix}"
    taken.add(candidate.casefold())
    return candidate


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    if dot and stem and 0 < len(suffix) <= 12 and " " not in suffix:
        return stem.rstrip(" ."), f".{suffix}"
    return name, ""


def _clip(text: str, characters: int, octets: int) -> str:
    text = text[:characters]
    while len(text.encode("utf-8", "replace")) > octets:
        text = text[:-1]
    return text.rstrip(" .") or "_"


# Letters of one script that look like letters of another (Unicode TR39 confusables, those of Latin and Cyrillic).
_LOOKALIKE = re.compile("[аеорсухіјѕһԁԛԝѵАВЕКМНОРСТХІЈЅ]")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,250}\.[A-Za-z]{2,24}")


def address_warnings(boxes: Iterable[Address]) -> list[str]:
    """Codes for boxes that may deceive a reader: ``CODE:HEADER`` and what is meant, punycode shown bare.

    - ``display-name-address``: the name holds another address than the real one
    - ``display-name-bidi``, ``display-name-invisible``: direction marks or invisible characters in the name
    - ``display-name-mixed-script``: Latin and look-alike Cyrillic letters within one word
    - ``domain-mixed-script``, ``domain-non-ascii``, ``domain-punycode``: domains beyond ASCII, with their ASCII form
    """
    found: list[str] = []
    for box in boxes:
        where = box.header
        name, address = box.name, box.address
        if name:
            if BIDI.search(name):
                found.append(f"display-name-bidi:{where}")
            elif _INVISIBLE.search(name):
                found.append(f"display-name-invisible:{where}")
            claimed = _ADDRESS.search(name) if "@" in name else None
            if claimed and address and claimed.group().lower() != address.lower():
                found.append(f"display-name-address:{where}:{claimed.group().lower()}≠{address}")
            if not name.isascii() and any(_mixed(word) for word in re.findall(r"[^\W\d_]+", name)):
                found.append(f"display-name-mixed-script:{where}")
        domain = address.rpartition("@")[2]
        if not domain.isascii():
            code = "domain-mixed-script" if any(_mixed(label) for label in domain.split(".")) else "domain-non-ascii"
            found.append(f"{code}:{where}:{ascii_domain(domain)}")
        elif "xn--" in domain:
            found.append(f"domain-punycode:{where}:{domain}")
    return list(dict.fromkeys(found))


def _mixed(word: str) -> bool:
    """Latin letters and Cyrillic ones that look Latin in one word."""
    return any(c.isascii() and c.isalpha() for c in word) and bool(_LOOKALIKE.search(word))


def ascii_domain(domain: str) -> str:
    """The domain as a resolver asks for it (RFC 3492), label by label; a label that has no such form is escaped."""
    labels = []
    for label in domain.split("."):
        if label.isascii():
            labels.append(label)
        elif len(label) > 63:
            labels.append(label.encode("unicode_escape").decode("ascii")[:80])
        else:
            try:
                labels.append("xn--" + label.lower().encode("punycode").decode("ascii"))
            except UnicodeError:
                labels.append(label.encode("unicode_escape").decode("ascii"))
    return ".".join(labels)
