"""Where the writer's own words end: signature, telephone block, "sent from", disclaimer, banner.

A doubt is decided for the writer's own words: a signature taken for words costs little, words taken for a signature are
words withheld.
"""

from __future__ import annotations

import re

from evidence.message import words as stored
from evidence.message import zones_patterns as pattern
from evidence.message.zones_lines import Lines

_NAME = re.compile(r"[^\W\d_]{2,}")
_MAX_SIGNATURE = 12  # lines with words


def part_own_run(lines: Lines, first: int, last: int, own_name: str, own_address: str, *, last_run: bool) -> None:
    """Label the signature and disclaimers in the own run ``first:last`` (lines)."""
    _banner(lines, first, last)
    end = _disclaimers(lines, first, last)
    start = _signature_start(lines, first, end, own_name, own_address, last_run=last_run)
    if start is None:
        return
    index, why = start
    seen = 0
    while index < end:
        text = lines.texts[index]
        if lines.kinds[index] != "own":
            index += 1
            continue
        if pattern.POSTSCRIPT.match(text):
            return  # own words go on
        if text.strip():
            seen += 1
            if seen > 1 and why == stored.SENT_FROM and not pattern.MOBILE.match(text):
                return  # telephones sign below what was written first; what was typed under that is words again
            if seen > _MAX_SIGNATURE or (seen > 1 and why != stored.DELIMITER and pattern.like_sentence(text)):
                return
            if why == stored.DELIMITER and seen > 6 and pattern.like_sentence(text):
                return
        lines.label(index, index + 1, "signature", why)
        index += 1


def _banner(lines: Lines, first: int, last: int) -> None:
    """A gateway's warning above the letter."""
    if first != 0:
        return
    index = lines.next_words(first)
    if index < last and pattern.BANNER.match(lines.texts[index]):
        while index < last and not lines.blank(index):
            lines.label(index, index + 1, "disclaimer", stored.BANNER)
            index += 1


def _disclaimers(lines: Lines, first: int, last: int) -> int:
    """Label disclaimers at the foot of the run; returns where they begin (``last`` if there are none)."""
    begin = last
    index = first
    inside = False
    while index < last:
        if lines.blank(index) or lines.kinds[index] != "own":
            index += 1
            continue
        stop = index
        while stop < last and not lines.blank(stop) and lines.kinds[stop] == "own":
            stop += 1
        paragraph = " ".join(text.strip() for text in lines.texts[index : min(stop, index + 12)])[:1500]
        if pattern.DISCLAIMER.match(paragraph) or (inside and pattern.LEGAL_WORD.search(paragraph)):
            lines.label(index, stop, "disclaimer", stored.DISCLAIMER)
            begin = min(begin, index)
            inside = True
        else:
            at = _disclaimer_line(lines, index, stop)
            if at is not None:
                lines.label(at, stop, "disclaimer", stored.DISCLAIMER)
                begin = min(begin, at)
                inside = True
            else:
                inside = False
        index = stop
    return begin if begin > first else last


def _disclaimer_line(lines: Lines, first: int, last: int) -> int | None:
    """A disclaimer set right under the signature, without an empty line."""
    for index in range(first + 1, last):
        paragraph = " ".join(text.strip() for text in lines.texts[index : min(last, index + 6)])[:1000]
        if pattern.DISCLAIMER.match(paragraph):
            return index
    return None


def _signature_start(
    lines: Lines, first: int, last: int, own_name: str, own_address: str, *, last_run: bool
) -> tuple[int, str] | None:
    """(line, reason) where the signature of the run begins. Looked for near its end only, but for the «-- » line."""
    for index in range(first, last):
        if (
            pattern.DELIMITER.match(lines.texts[index])
            and lines.kinds[index] == "own"
            and not _words_below(lines, index, last)
        ):
            return index, stored.DELIMITER
    worded = [i for i in range(first, last) if not lines.blank(i) and lines.kinds[i] == "own"]
    if not worded:
        return None
    near = worded[-_MAX_SIGNATURE - 2 :]
    for position, index in enumerate(near):
        text = lines.texts[index]
        if pattern.MOBILE.match(text):
            return index, stored.SENT_FROM
        rest = near[position + 1 :]
        if any(pattern.like_sentence(lines.texts[i]) for i in rest) and not _only_postscript(lines, rest):
            continue
        if pattern.SOFT_DELIMITER.match(text) and rest and index != worded[0]:
            return index, stored.DELIMITER_LINE
        if index != worded[0] and pattern.closing_rest(text) is not None:
            return index, stored.CLOSING
    return _named_block(lines, first, near, own_name, own_address) if last_run else None


def _words_below(lines: Lines, index: int, last: int) -> bool:
    """A person's two dashes (RFC 3676 section 4.3 has a space after them) with a sentence right below are a rule, no signature."""
    if lines.texts[index].endswith(" "):
        return False
    following = lines.next_words(index + 1)
    return following < last and lines.kinds[following] == "own" and pattern.like_sentence(lines.texts[following])


def _only_postscript(lines: Lines, rest: list[int]) -> bool:
    for index in rest:
        if pattern.POSTSCRIPT.match(lines.texts[index]):
            return True
        if pattern.like_sentence(lines.texts[index]):
            return False
    return False


def _named_block(lines: Lines, first: int, near: list[int], own_name: str, own_address: str) -> tuple[int, str] | None:
    """The last paragraph, when it opens with the sender's name or holds the sender's own address."""
    index = near[-1]
    while index > first and not lines.blank(index - 1) and lines.kinds[index - 1] == "own":
        index -= 1
    block = [i for i in near if i >= index]
    if index == near[0] and lines.next_words(first) == index:
        return None  # the only paragraph is the letter
    texts = [lines.texts[i] for i in block]
    if len(block) > 8 or any(pattern.like_sentence(t) for t in texts):
        return None
    names = {word.casefold() for word in _NAME.findall(own_name)}
    opening = re.split(r"[|,•·/—–-]", texts[0], maxsplit=1)[0]
    words = [word.casefold() for word in _NAME.findall(opening)]
    if words and names and all(word in names for word in words) and len(words) <= 4:
        return index, stored.SENDER_NAME
    contacts = sum(bool(pattern.CONTACT.search(t)) for t in texts)
    domain = own_address.rpartition("@")[2]
    if len(block) >= 2 and contacts and own_address and any(own_address in t or f"@{domain}" in t for t in texts):
        return index, stored.SENDER_CONTACTS
    return None
