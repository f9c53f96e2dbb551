"""Whose words a text holds: own, quoted, forwarded, signature, disclaimer. Nothing is removed; every character is in one zone.

Lines are judged once from top to bottom (marks, attribution lines, header blocks, what the HTML said), then against the
parent message where it is held, then the own runs are parted from signatures and disclaimers. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evidence.message import words as stored
from evidence.message import zones_patterns as pattern
from evidence.message.attachments_text import form_of
from evidence.message.zones_lines import Lines, split_lines
from evidence.message.zones_parent import ParentWords
from evidence.message.zones_tail import part_own_run
from evidence.model import ParsedMessage, Zone, ZoneKind

Hint = tuple[int, int, str]


def find_zones(
    parsed: ParsedMessage, parent_text: str | None = None, *, parent_subject: str | None = None
) -> tuple[Zone, ...]:
    """Zones of every text part: the body judged line by line, the others whole.

    ``parent_text`` is the body of the message replied to, if we hold it: what stands there first is quoted here, marked
    or not, and what does not stand there was not quoted. The subject of a reply repeats another's words (``quoted``),
    unless ``parent_subject`` shows that it was changed; that of a forward is ``forwarded``.
    """
    zones: list[Zone] = []
    for part, text in parsed.texts.items():
        if not text:
            continue
        if part == "body":
            zones.extend(_body_zones(parsed, text, parent_text))
        elif part == "subject":
            kind, why = _subject_kind(text, parent_subject)
            zones.append(Zone(part, 1, 0, len(text), kind, why))
        else:
            kind, why = _part_kind(parsed, part)
            zones.append(Zone(part, 1, 0, len(text), kind, why))
    return tuple(zones)


def _subject_kind(subject: str, parent_subject: str | None) -> tuple[ZoneKind, str]:
    if pattern.FORWARD_SUBJECT.match(subject):
        return "forwarded", stored.FORWARD_SUBJECT
    if pattern.REPLY_SUBJECT.match(subject):
        if parent_subject is not None and base_subject(subject) != base_subject(parent_subject):
            return "own", stored.CHANGED_SUBJECT
        return "quoted", stored.REPLY_SUBJECT
    return "own", ""


_PREFIX = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)?(?:re|отв|ответ|на|aw|sv|fwd?|пер|пересл|wg|ha)\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*:\s*",
    re.I,
)


def base_subject(subject: str) -> str:
    """The subject without reply and forward marks, case and extra spaces (RFC 5256 section 2.1, both languages)."""
    text = subject[:1000]
    for _ in range(50):
        shorter = _PREFIX.sub("", text, count=1)
        if shorter == text:
            break
        text = shorter
    text = re.sub(r"\s*\((?:fwd?|пер)\)\s*$", "", text, flags=re.I)
    return re.sub(r"\s+", " ", text).strip().casefold()


def _part_kind(parsed: ParsedMessage, part: str) -> tuple[ZoneKind, str]:
    name, _, number = part.partition(":")
    if name == "attachment" and number.isdigit():
        for one in parsed.attachments:
            # programs that do not know the type send .eml files as octets: their text is read all the same
            if one.index == int(number) and (
                form_of(one.content_type, one.filename) == "message" or one.filename.lower().endswith(".eml")
            ):
                return "forwarded", stored.ATTACHED_MESSAGE
    return "own", ""


# ---- the body


def _body_zones(parsed: ParsedMessage, text: str, parent_text: str | None) -> list[Zone]:
    lines = split_lines(text)
    reply = bool(parsed.in_reply_to or parsed.references or pattern.REPLY_SUBJECT.match(parsed.subject))
    forward = bool(pattern.FORWARD_SUBJECT.match(parsed.subject))
    _apply_hints(lines, parsed.quote_hints)
    _scan(lines, reply=reply, forward=forward)
    if parent_text:
        _compare(lines, parent_text)
    own_name = " ".join(a.name for a in parsed.addresses if a.header in {"from", "sender"})
    own_address = next((a.address for a in parsed.addresses if a.header == "from"), "")
    runs = [run for run in _own_runs(lines) if lines.next_words(run[0]) < run[1]]
    for first, last in runs:
        part_own_run(lines, first, last, own_name, own_address, last_run=last == runs[-1][1])
    return _zones(lines, len(text))


def _own_runs(lines: Lines) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    first: int | None = None
    for index, kind in enumerate(lines.kinds):
        if kind == "own":
            first = index if first is None else first
        elif first is not None:
            runs.append((first, index))
            first = None
    if first is not None:
        runs.append((first, len(lines)))
    return runs


def _apply_hints(lines: Lines, hints: Sequence[Hint]) -> None:
    """What the HTML says: quoted blocks, attribution lines, signatures."""
    if not hints:
        return
    covered = -1
    blocks: list[tuple[int, int]] = []
    for start, end, kind in hints:
        if kind != "quoted" or end <= covered:
            continue
        covered = end
        blocks.append((start, end))
    _mark(lines, blocks, "quoted", stored.BLOCKQUOTE)
    for start, end, kind in hints:
        if kind == "attribution":
            _mark(lines, [(start, end)], "quoted", stored.ATTRIBUTION_IN_HTML)
        elif kind == "signature":
            _mark(lines, [(start, end)], "signature", stored.SIGNATURE_IN_HTML)
        elif kind == "container" and not any(start <= s and e <= end for s, e in blocks):
            _mark(lines, [(start, end)], "quoted", stored.QUOTE_IN_HTML)


def _mark(lines: Lines, spans: Sequence[tuple[int, int]], kind: ZoneKind, why: str) -> None:
    from bisect import bisect_left, bisect_right

    for start, end in spans:
        first = max(bisect_right(lines.starts, start) - 1, 0)
        last = bisect_left(lines.starts, end)
        for index in range(first, last):
            shared = min(end, lines.ends[index]) - max(start, lines.starts[index])
            if lines.kinds[index] == "own" and 2 * shared > lines.ends[index] - lines.starts[index]:
                lines.kinds[index] = kind
                lines.whys[index] = why


def _scan(lines: Lines, *, reply: bool, forward: bool) -> None:
    count = len(lines)
    initials = _initials(lines) if reply or any(map(_plainly_attribution, lines.texts)) else frozenset()
    marked = [">" in text and bool(pattern.MARK.match(text)) for text in lines.texts]
    if not reply and not forward and sum(marked) <= 3 and not any(map(_plainly_attribution, lines.texts)):
        # «> 50 %» in a first letter is the writer's own sign.
        marked = [m and not re.match(r"\s*>\s?[\d=]", t) for m, t in zip(marked, lines.texts, strict=True)]
    for index, text in enumerate(lines.texts):
        if marked[index]:
            lines.label(index, index + 1, "quoted", stored.QUOTE_MARK)
        elif initials and (match := pattern.INITIALS.match(text)) and match.group(1) in initials:
            lines.label(index, index + 1, "quoted", stored.INITIALS_MARK)
    index = 0
    while index < count:
        if lines.blank(index):
            index += 1
            continue
        if lines.kinds[index] == "quoted":
            index = _quoted_block(lines, index)
            continue
        index = _unmarked(lines, index, forward=forward)
    _join_wrapped(lines)


def _plainly_attribution(text: str) -> bool:
    return pattern.attribution_strength(text) > 0


def _initials(lines: Lines) -> frozenset[str]:
    """Initials that mark quotes: seen twice, or once where nothing but a mark can be meant (two capitals, words behind)."""
    seen: dict[str, int] = {}
    for text in lines.texts:
        match = pattern.INITIALS.match(text)
        if match:
            name = match.group(1)
            alone = 2 <= len(name) <= 3 and name.isupper() and bool(text[match.end() :].strip())
            seen[name] = seen.get(name, 0) + (2 if alone else 1)
    return frozenset(name for name, times in seen.items() if times > 1)


def _bare(text: str) -> str:
    match = pattern.MARK.match(text)
    return text[match.end() :] if match else text


def _quoted_block(lines: Lines, index: int) -> int:
    """A block that is marked already: if it opens as a forward does, it is one. Returns the line after it."""
    end = index
    while end < len(lines) and (lines.kinds[end] == "quoted" or lines.blank(end)):
        end += 1
    first = _bare(lines.texts[index])
    if pattern.FORWARD.match(first):
        lines.label(index, end, "forwarded", stored.FORWARD_MARK)
    return end


def _unmarked(lines: Lines, index: int, *, forward: bool) -> int:
    """An own line so far: does a quote or a forward begin here? Returns where to go on."""
    text = lines.texts[index]
    count = len(lines)
    if pattern.FORWARD.match(text):
        return _forwarded(lines, index)
    if pattern.ORIGINAL.match(text):
        kind: ZoneKind = "forwarded" if forward else "quoted"
        return _to_end(lines, index, kind, stored.ORIGINAL_MESSAGE)
    if pattern.REPLY_ABOVE.match(text) and lines.next_words(0) < index:
        return _to_end(lines, index, "quoted", stored.ORIGINAL_MESSAGE)
    if pattern.RULE.match(text):
        following = lines.next_words(index + 1)
        if following < count and _header_block(lines, following, 2):
            return _to_end(lines, index, "forwarded" if forward else "quoted", stored.REPLY_HEADER)
        return index + 1
    if pattern.header_key(text) in {"from", "date"} and _header_block(lines, index, 3):
        return _to_end(lines, index, "forwarded" if forward else "quoted", stored.REPLY_HEADER)
    if pattern.ATTRIBUTION_START.match(text):
        return _attributed(lines, index)
    return index + 1


def _forwarded(lines: Lines, index: int) -> int:
    """A forward mark: to its end mark, or as far as the marked or hinted block goes, or to the end."""
    count = len(lines)
    following = lines.next_words(index + 1)
    if following < count and lines.kinds[following] == "quoted":
        end = following
        while end < count and (lines.kinds[end] == "quoted" or lines.blank(end)):
            end += 1
        lines.label(index, end, "forwarded", stored.FORWARD_MARK)
        return end
    for end in range(index + 1, count):
        if pattern.FORWARD_END.match(lines.texts[end]):
            lines.label(index, end + 1, "forwarded", stored.FORWARD_MARK)
            return end + 1
    return _to_end(lines, index, "forwarded", stored.FORWARD_MARK)


def _header_block(lines: Lines, index: int, needed: int) -> bool:
    """Whether From, Sent, To, Subject stand here together: ``needed`` different ones, a date or a subject among them."""
    found: set[str] = set()
    strays = 0
    for text in lines.texts[index : index + 14]:
        if not text.strip():
            if found and len(found) < needed:
                continue  # some programs put an empty line between the fields
            break
        key = pattern.header_key(text)
        if key:
            found.add(key)
            strays = 0
        else:
            strays += 1  # a long list of recipients runs over the line
            if strays > 3:
                break
    return len(found) >= needed and "from" in found and bool(found & {"date", "subject"})


def _attributed(lines: Lines, index: int) -> int:
    """An attribution line, perhaps broken over three: what follows it is quoted."""
    count = len(lines)
    joined = ""
    for length in range(1, 4):
        at = index + length - 1
        if at >= count or lines.blank(at) or lines.kinds[at] != "own":
            break
        joined = f"{joined} {lines.texts[at].strip()}"
        if not pattern.may_attribute(lines.texts[at]):
            continue
        strength = pattern.attribution_strength(joined)
        if not strength:
            continue
        if length > 1 and _stands_alone(lines, index, at, strength):
            return index + 1  # the line above it is a sentence of its own; the next ones are asked in their turn
        following = lines.next_words(at + 1)
        start = _with_fields_above(lines, index)
        if following < count and lines.kinds[following] != "own":
            kind = lines.kinds[following]
            lines.label(start, following, kind if kind in {"quoted", "forwarded"} else "quoted", stored.ATTRIBUTION)
            return following
        if strength == 2 and following < count:
            return _to_end(lines, start, "quoted", stored.ATTRIBUTION)
        if strength == 2:
            lines.label(start, at + 1, "quoted", stored.ATTRIBUTION)
            return at + 1
    return index + 1


def _stands_alone(lines: Lines, index: int, at: int, strength: int) -> bool:
    """Whether the attribution that ends with line ``at`` begins below ``index``: a sentence ends above, or no more is needed."""
    above = [lines.texts[i].strip() for i in range(index, at)]
    if any(pattern.ENDED.search(text) for text in above):
        return True
    if pattern.BROKEN_START.match(above[0]):
        return False
    rest = (" ".join(lines.texts[i].strip() for i in range(first, at + 1)) for first in range(index + 1, at + 1))
    return any(pattern.attribution_strength(text) >= strength for text in rest)


def _with_fields_above(lines: Lines, index: int) -> int:
    """Yandex sets a rule, «Кому:» and «Тема:» above its attribution line: where that begins."""
    first = index
    while first > 0 and index - first < 5 and pattern.header_key(lines.texts[first - 1]):
        first -= 1
    if first > 0 and pattern.header_key(lines.texts[first]) and pattern.RULE.match(lines.texts[first - 1]):
        first -= 1
    return first


def _to_end(lines: Lines, index: int, kind: ZoneKind, why: str) -> int:
    lines.label(index, len(lines), kind, why)
    return len(lines)


def _join_wrapped(lines: Lines) -> None:
    """A quoted line that was wrapped without its mark: one short line, set tight between two marked ones."""
    for index in range(1, len(lines) - 1):
        if (
            lines.kinds[index] == "own"
            and not lines.blank(index)
            and lines.whys[index - 1] == lines.whys[index + 1] == stored.QUOTE_MARK
            and len(lines.texts[index - 1]) >= 60
            and len(lines.texts[index]) < 40
            and _bare(lines.texts[index - 1]).strip()
            and _bare(lines.texts[index + 1]).strip()
            and lines.texts[index].lstrip()[:1].islower()
        ):
            lines.label(index, index + 1, "quoted", stored.WRAPPED_QUOTE)


def _compare(lines: Lines, parent_text: str) -> None:
    """Against the parent's words: unmarked quotes are found, and answers written into an unmarked quote."""
    parent = ParentWords(parent_text)
    # 1. own so far, yet word for word in what the parent's writer wrote: two lines together, or one long one
    index = lines.worded[0]
    while index < len(lines):
        end = index
        size = words = 0
        while (
            end < len(lines) and lines.kinds[end] == "own" and (lines.blank(end) or parent.own_line(lines.texts[end]))
        ):
            size += len(lines.texts[end].strip())
            words += not lines.blank(end)
            end += 1
        while end > index and lines.blank(end - 1):
            end -= 1
        if size >= 80 or (words >= 2 and size >= 50):
            lines.label(lines.next_words(index), end, "quoted", stored.IN_PARENT)
        index = lines.worded[min(max(end, index) + 1, len(lines))]
    # 2. within a quote that runs to the end by its header only: lines the parent does not have, between lines it has
    whys = lines.whys
    top = next(
        (i for i, why in enumerate(whys) if why in {stored.REPLY_HEADER, stored.ATTRIBUTION, stored.ORIGINAL_MESSAGE}),
        None,
    )
    if top is None or lines.kinds[top] != "quoted":
        return
    inside = [i for i in range(top, len(lines)) if whys[i] == whys[top] and not lines.blank(i)]
    held = [i for i in inside if parent.any_line(lines.texts[i])]
    if not held:
        return
    strange = [i for i in inside if held[0] < i < held[-1] and parent.strange(lines.texts[i])]
    judged = [i for i in range(held[0], held[-1] + 1) if len(lines.texts[i].strip()) >= 15]
    if strange and len(held) * 2 > len(judged):
        for i in strange:
            lines.label(i, i + 1, "own", stored.NOT_IN_PARENT)


def _zones(lines: Lines, size: int) -> list[Zone]:
    """Runs of one kind as zones; blank lines go with what stands before them."""
    kinds = list(lines.kinds)
    before: ZoneKind | None = None
    for index in range(len(lines)):
        if lines.blank(index) and before is not None:
            kinds[index] = before
        elif before is None and lines.blank(index):
            following = lines.next_words(index)
            kinds[index] = lines.kinds[following] if following < len(lines) else "own"
        before = kinds[index]
    zones: list[Zone] = []
    start = 0
    for index in range(1, len(lines) + 1):
        if index < len(lines) and kinds[index] == kinds[start]:
            continue
        begin = lines.starts[start] if start else 0
        end = lines.starts[index] if index < len(lines) else size
        why = next((w for w in lines.whys[start:index] if w), "")
        above = zones[-1] if zones else None
        answers = above.number if above and above.kind == "quoted" and kinds[start] == "own" else None
        if end > begin:
            zones.append(Zone("body", len(zones) + 1, begin, end, kinds[start], why, answers))
        start = index
    return zones
