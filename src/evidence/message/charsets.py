"""Octets to text: the declared charset where it holds, else a guess that is named.

Mail in Russian comes undeclared or misdeclared as windows-1251, koi8-r, cp866, iso-8859-5 or UTF-8. Short strings (a
Subject) defeat general detectors, so the Cyrillic encodings are told apart by letter frequency and by case: text in
windows-1251 read as koi8-r has its capitals inside the words.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_ALIASES = {
    "win-1251": "cp1251",
    "win1251": "cp1251",
    "windows1251": "cp1251",
    "x-cp1251": "cp1251",
    "cp-1251": "cp1251",
    "x-windows-1251": "cp1251",
    "ansi": "cp1251",
    "ms-cyrl": "cp1251",
    "koi8r": "koi8_r",
    "koi-8-r": "koi8_r",
    "koi8": "koi8_r",
    "x-koi8-r": "koi8_r",
    "cskoi8r": "koi8_r",
    "koi8-ru": "koi8_u",
    "dos-866": "cp866",
    "x-cp866": "cp866",
    "x-mac-cyrillic": "mac_cyrillic",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "ascii",
    "ansi_x3.4-1968": "ascii",
    "utf8": "utf_8",
    "unicode-1-1-utf-8": "utf_8",
    "utf-8mb4": "utf_8",
    "unicode-1-1-utf-7": "utf_7",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "iso-8859-8-i": "iso8859_8",
    "windows-874": "cp874",
}
# Python also knows codecs that are not charsets (unicode_escape, punycode, idna, hex …): a sender may not choose those.
_CHARSET = re.compile(
    r"(utf_?(7|8|8_sig|16|16_le|16_be|32|32_le|32_be)|ascii|latin_1|iso8859_\d+|cp\d+|koi8_[rut]|mac_\w+|gb\w+|big5\w*"
    r"|shift_jis\w*|euc_\w+|iso2022_\w+|hz|tis_620|johab|ptcp154|kz1048|hp_roman8)",
    re.ASCII,
)
_CYRILLIC_CODECS = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")
_NAMES = {"cp1251": "windows-1251", "koi8_r": "koi8-r", "iso8859_5": "iso-8859-5", "cp1252": "windows-1252"}
# Letters per 10,000 of running Russian text.
_FREQUENCY = dict(
    zip(
        "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
        (1097, 845, 801, 735, 670, 626, 547, 473, 454, 440, 349, 321, 298, 281, 262, 201, 190, 174, 170, 165, 159, 144,
         121, 97, 94, 73, 64, 48, 36, 32, 26, 4, 13),
        strict=True,
    )
)  # fmt: skip


@lru_cache(maxsize=512)
def codec_of(charset: str) -> str | None:
    """The Python codec for a charset label as mail uses it, or None where it is unknown or no charset."""
    label = charset.strip().strip("\"'").split("*", 1)[0].lower()
    label = _ALIASES.get(label, label)
    try:
        name = codecs.lookup(label).name.replace("-", "_")
    except (LookupError, ValueError, UnicodeError):
        return None
    name = _ALIASES.get(name, name)
    return name if _CHARSET.fullmatch(name) else None


def decode_octets(octets: bytes, charset: str | None) -> tuple[str, str]:
    """(text, defect). ``defect`` is empty when the declared charset held; else ``charset-guessed:NAME`` and the like.

    Never raises. U+FFFD stands where no reading was found; a lone surrogate is never returned.
    """
    if octets.isascii() and not octets.count(b"\x1b") and (charset is None or not _shifts(charset)):
        return octets.decode("ascii"), ""
    codec = codec_of(charset) if charset else None
    if codec and codec != "ascii":
        text = _strictly(octets, codec)
        if text is not None:
            return _read_otherwise(octets, codec) or (text, "")
    text = _strictly(octets, "utf_8")
    if text is not None:
        return text, "charset-guessed:utf-8"
    if codec in {None, "utf_8", "ascii"} and _nearly_utf8(octets):
        return octets.decode("utf-8", "replace"), "charset-broken:utf-8"
    guess, sure = _guess(octets)
    if codec and codec not in {"ascii", "utf_8"} and not sure:
        return _no_surrogates(octets.decode(codec, "replace")), f"charset-broken:{charset}"
    return octets.decode(guess, "replace"), f"charset-guessed:{_NAMES.get(guess, guess)}"


_ONE_OCTET = re.compile(r"cp125\d|cp866|koi8_\w|iso8859_\d+|latin_1|mac_\w+")
_RUN_OF_LETTERS = re.compile(rb"[\x80-\xff]{4,}")


def _read_otherwise(octets: bytes, codec: str) -> tuple[str, str] | None:
    """What the octets plainly are where the label is one that fits any octets and so proves nothing.

    Four or more letters of UTF-8 come about by chance in no one-octet charset; words of Russian letters labelled as
    Western («Ïðèâåò») come from programs that never ask for the charset. Cyrillic labels are believed among themselves.
    """
    if not _ONE_OCTET.fullmatch(codec):
        return None
    text = _strictly(octets, "utf_8")
    if text is not None and sum(1 for c in text if c > "\x7f") >= 4:
        return text, "charset-guessed:utf-8"
    if codec not in {"cp1252", "latin_1", "iso8859_15"}:
        return None
    high = sum(1 for b in octets[:20_000] if b > 0x7F)
    if sum(map(len, _RUN_OF_LETTERS.findall(octets[:20_000]))) * 2 < high:
        return None
    guess, sure = _guess(octets)
    if not sure or guess not in _CYRILLIC_CODECS:
        return None
    return octets.decode(guess, "replace"), f"charset-guessed:{_NAMES.get(guess, guess)}"


def _shifts(charset: str) -> bool:
    """Charsets in which ASCII octets do not mean ASCII letters."""
    return (codec_of(charset) or "").startswith(("utf_7", "utf_16", "utf_32", "iso2022", "hz"))


def _strictly(octets: bytes, codec: str) -> str | None:
    try:
        text = octets.decode(codec)
    except (UnicodeError, ValueError):
        if codec != "cp1252":
            return None
        text = octets.decode("latin_1")  # five octets are unassigned in windows-1252; ISO 8859-1 has them as C1
    if codec.startswith(("utf_7", "utf_16", "utf_32")):
        text = _no_surrogates(text)
    return text


def _no_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8") if re.search(r"[\ud800-\udfff]", text) else text


def _nearly_utf8(octets: bytes) -> bool:
    """A cut or stray octet in what is UTF-8 otherwise."""
    text = octets.decode("utf-8", "replace")
    high = sum(1 for c in text if c > "\x7f")
    return text.count("�") <= max(1, high // 20) < high


def _guess(octets: bytes) -> tuple[str, bool]:
    """The likeliest one-octet codec, and whether that is sure enough to overrule a declared one."""
    sample = octets[:20_000]
    best, best_score = "cp1252", 0.0
    letters = sum(1 for b in sample if b > 0x7F)
    for codec in _CYRILLIC_CODECS:
        score = _cyrillic_score(sample.decode(codec, "replace"))
        if score > best_score + 1e-9:
            best, best_score = codec, score
    if letters and best_score / letters > 0.25 and not _western(sample):
        return best, best_score / letters > 0.6
    if _western(sample):
        return "cp1252" if _strictly(sample, "cp1252") is not None and not _c1(sample) else "latin_1", False
    from charset_normalizer import from_bytes

    found = from_bytes(sample).best()
    likely = codec_of(found.encoding) if found else None
    return (likely, False) if likely else ("cp1252" if not _c1(sample) else "latin_1", False)


def _c1(octets: bytes) -> bool:
    return any(b in octets for b in (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"))


_WORDS = re.compile(rb"[A-Za-z\x80-\xff]+")


def _western(octets: bytes) -> bool:
    """Letters with marks inside words that are otherwise ASCII: «café», «für»."""
    mixed = whole = 0
    for word in _WORDS.findall(octets):
        high = sum(1 for b in word if b > 0x7F)
        if high:
            whole += 1
            mixed += high * 2 <= len(word) and len(word) > 1
    return whole > 0 and mixed * 2 > whole


_PAIR = 0.5
# The commonest pairs of letters in running Russian text.
_PAIRS = frozenset(
    "ст но то на ен ов ни ра во ко по пр ре де не ер ан ли ро ос от он ит та ал ве го ка ор ть тр ел ло ль ол ле ри ак ва ес за да ме ны "
    "те ет ти ть пе ин ат ом об ск об до же из бо ми ии ие ия ог ся ла нн".split()
)
_CAPITALS = 0.95  # of two readings, one all in capitals, one all in small letters, that is a little less likely


def _cyrillic_score(text: str) -> float:
    if max((c for c in text if c.isalpha()), default="") >= "А" and text == text.upper():
        return _CAPITALS * _cyrillic_score(text.lower())  # ПРЕТЕНЗИЯ: capitals are no mark of a wrong table here
    score, before = 0.0, ""
    for c in text:
        if c > "\x7f":
            weight = _FREQUENCY.get(c)
            if weight is not None:
                score += 0.4 + weight / 1000 + (_PAIR if before + c in _PAIRS else 0.0)
            elif (lower := c.lower()) in _FREQUENCY:
                # A capital after a small letter is the mark of a wrong table.
                score += -0.8 if before.islower() else 0.3 + _FREQUENCY[lower] / 2500
            elif c in "«»—–№…“”„’ ":
                score += 0.2
            elif c.isalpha() or c == "�" or "─" <= c <= "◿":
                score -= 0.8
            else:
                score -= 0.3
        before = c
    return score
