"""What the client claims (loss, damage, insult …): where first said, how often, what proof was asked for, what answers it.

A claim a person named stands as recorded; others are proposed from flags that speak of the same thing, and are marked so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from evidence.model import Flag, Letter, Request
from evidence.ports import OutsideFile
from evidence.reckoning import ClaimLine, Notice
from evidence.timeline.answers import Vocabulary, stems_of

CLAIMING = ("accusation", "broken_promise", "nonpayment", "demand")
# What a claim is about, by the client's own words; the first that fits.
KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("loss", re.compile(r"\b(?:потер[яиюеь]\w*|утер[яиюеь]\w*|утрат\w*|утрач\w*|пропа[лвж]\w*|исчез\w*|недоста[чю]\w*|недовоз\w*|недовез\w*|украл\w*|кра[жд]\w*|lost|lose|losing|missing|disappear\w*|vanish\w*|stol\w+|steal\w*|theft|short\s+by)\b", re.I)),
    ("damage", re.compile(r"\b(?:повре[жд]\w*|слом\w+|разби\w+|испор\w+|порч\w+|поцарап\w*|царапин\w*|брак\w*|бракован\w*|дефект\w*|залил\w*|прож[её]г\w*|треснул\w*|трещин\w*|damag\w*|brok\w+|break\w*|scratch\w*|ruin\w*|crack\w*|defect\w*|faulty|leak\w*|spoil\w*)\b", re.I)),
    ("conduct", re.compile(r"\b(?:хам\w+|нахам\w*|груб\w*|оскорб\w+|крич\w+|кри[кч]\w*|орал\w*|угрож\w+|врать|вр[её]те|врал\w*|солгал\w*|лж[её]т\w*|обман\w*|rude\w*|insult\w*|abus\w+|shout\w*|yell\w*|swor\w+|threaten\w*|lied|lying|liar\w*|cheat\w*)\b", re.I)),
    ("delay", re.compile(r"\b(?:опозд\w+|задерж\w*|просроч\w*|сорвал\w*|срыв\w*|срок\w*|late|delay\w*|overdue|behind\s+schedule|missed)\b", re.I)),
    ("money", re.compile(r"\b(?:оплат\w*|деньг\w*|денег|задолж\w*|долг\w*|долж(?:ен|на|ны)|переплат\w*|списал\w*|завысил\w*|paid|pay\w*|owe\w*|money|overcharg\w*|invoice\w*|refund\w*)\b", re.I)),
)  # fmt: skip
SAME_AT = 0.3  # weighted overlap at which two flags speak of one thing
PROOF_AT = 0.3


def claim_lines(
    letters: Sequence[Letter],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    claims: Sequence[Mapping[str, Any]],
    links: Sequence[Mapping[str, Any]],
    outside_files: Sequence[OutsideFile],
) -> tuple[ClaimLine, ...]:
    """Recorded claims in order of recording, then proposed ones in order of first saying."""
    at = {x.sha256: x.at for x in letters}
    letter_of = {x.sha256: x for x in letters}
    vocabulary = Vocabulary(x for x in letters if x.kind == "human")
    claiming = sorted(
        (f for f in flags if f.speaker == "client" and f.category in CLAIMING and f.sha256 in at),
        key=lambda f: (at[f.sha256], f.start),
    )
    taken: set[str] = set()
    lines = []
    for claim in claims:
        name = str(claim["name"])
        linked = _linked(links, name)
        stems = stems_of(str(claim["title"]))
        own = [
            f
            for f in claiming
            if f.id in linked["flag"]
            or (stems and vocabulary.overlap(stems, stems_of(f.quote)) >= SAME_AT)
            or _named_by(str(claim["title"]), f)
        ]
        taken |= {f.id for f in own}
        words = stems.union(*(stems_of(f.quote) for f in own)) if own else stems
        files = sorted({f.id for f in outside_files if ("claim", name) in f.bears_on or str(f.id) in linked["file"]})
        lines.append(
            _line(
                name,
                str(claim["title"]),
                own,
                words,
                at,
                letter_of,
                requests,
                tuple(files),
                tuple(sorted(linked["message"])),
                vocabulary,
                True,
            )
        )
    free = [f for f in claiming if f.id not in taken and f.category != "demand"]
    groups = _groups(free, vocabulary)
    by_flag = {x: f.id for f in outside_files for what, x in f.bears_on if what == "flag"}
    for group in groups:
        words = frozenset[str]().union(*(stems_of(f.quote) for f in group))
        files = sorted({by_flag[f.id] for f in group if f.id in by_flag})
        lines.append(
            _line(
                group[0].id, group[0].quote, group, words, at, letter_of, requests, tuple(files), (), vocabulary, False
            )
        )
    return tuple(lines)


def kind_of_claim(flags: Sequence[Flag], title: str = "") -> str:
    """loss, damage, conduct, delay, money or other, by the quoted words."""
    said = " ".join([title, *(f.quote for f in flags)])
    named = next((kind for kind, words in KINDS if words.search(said)), "other")
    if named == "other" and any(f.category == "nonpayment" for f in flags):
        return "money"
    return named


def _groups(flags: Sequence[Flag], vocabulary: Vocabulary) -> list[list[Flag]]:
    """Flags that speak of one thing, in order of first saying: like any one of a group, or of its kind and of one of its objects.

    What a kind is told by («потеряли», "lost") ties nothing by itself; reproaches for conduct are one claim.
    """
    groups: list[tuple[str, list[Flag], list[frozenset[str]]]] = []
    for flag in flags:
        stems, kind = stems_of(flag.quote), kind_of_claim([flag])
        objects = stems_of(_without_kind(flag.quote))
        for of, members, said in groups:
            same_kind = of == kind != "other"
            like = any((vocabulary.overlap(stems, s) + vocabulary.overlap(s, stems)) / 2 >= SAME_AT for s in said)
            shared = objects & frozenset().union(*(stems_of(_without_kind(f.quote)) for f in members))
            if like or (same_kind and (kind == "conduct" or any(vocabulary.weight(s) >= 1.0 for s in shared))):
                members.append(flag)
                said.append(stems)
                break
        else:
            groups.append((kind, [flag], [stems]))
    return [members for _kind, members, _said in groups]


def _named_by(title: str, flag: Flag) -> bool:
    """Whether a title says in other words what a flag does («утрата отпаривателя», «потеряли отпариватель»): its kind, and an object."""
    kind = kind_of_claim((), title)
    if kind == "other" or kind != kind_of_claim([flag]):
        return False
    return not stems_of(_without_kind(title)).isdisjoint(stems_of(_without_kind(flag.quote)))


def _without_kind(text: str) -> str:
    for _kind, words in KINDS:
        text = words.sub(" ", text)
    return text


def _about(
    request: Request, words: frozenset[str], objects: frozenset[str], kind: str, letter_of: Mapping[str, Letter]
) -> bool:
    """Whether a request asks for proof of a claim: by its own words, by naming its kind and one of its ``objects``, or, for a document,
    by the words of the letter it stands in.

    Shares are unweighted here: what a claim is about is the commonest word of the dispute, and a weight would hide it.
    """
    asked = stems_of(request.quote)
    if len(asked & words) >= PROOF_AT * max(len(asked), 1):
        return True
    same_kind = request.kind == "document" and kind != "other" and kind_of_claim((), request.quote) == kind
    if same_kind and objects & stems_of(_without_kind(request.quote)):
        return True
    letter = letter_of.get(request.sha256)
    return bool(
        letter and request.kind == "document" and len(words & stems_of(letter.own_text())) >= PROOF_AT * len(words)
    )


def _linked(links: Sequence[Mapping[str, Any]], name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"flag": set(), "message": set(), "file": set(), "request": set()}
    for link in links:
        ends = ((str(link["subject"]), str(link["subject_id"])), (str(link["object"]), str(link["object_id"])))
        for one, other in (ends, ends[::-1]):
            if one == ("claim", name) and other[0] in found:
                found[other[0]].add(other[1])
    return found


def _line(
    name: str, title: str, own: Sequence[Flag], words: frozenset[str], at: Mapping[str, datetime],
    letter_of: Mapping[str, Letter], requests: Sequence[Request],
    files: tuple[int, ...], messages: tuple[str, ...], vocabulary: Vocabulary, recorded: bool,
) -> ClaimLine:  # fmt: skip
    first = min((at[f.sha256] for f in own), default=None)
    kind = kind_of_claim(own, title if recorded else "")
    objects = frozenset[str]().union(*(stems_of(_without_kind(said)) for said in (title, *(f.quote for f in own))))
    proofs = [
        r for r in requests
        if r.asker == "us" and r.kind in ("document", "question") and first is not None and r.asked_at >= first
        and words and _about(r, words, objects, kind, letter_of)
    ]  # fmt: skip
    answered = any(r.outcome in ("answered", "answered-late") for r in proofs)
    return ClaimLine(
        name=name, title=title, by="client", flags=tuple(f.id for f in own), first=first, repeats=max(len({f.sha256 for f in own}) - 1, 0),
        proof_requests=tuple(r.id for r in proofs), files=files, messages=messages, kind=kind,
        open=not files and not messages and not answered, recorded=recorded,
    )  # fmt: skip


def notices(letters: Sequence[Letter], flags: Sequence[Flag], around: Sequence[Letter] = ()) -> tuple[Notice, ...]:
    """Our deadline and termination notices, whether a bounce came back, and their first human letter after it, in the thread or else anywhere.

    ``around``: messages that are not between the sides; a bounce is one, since a server sends it.
    """
    by_hash = {x.sha256: x for x in letters}
    ordered = sorted(letters, key=lambda x: (x.at, x.number))
    bounces = [x for x in {y.sha256: y for y in (*letters, *around)}.values() if x.kind == "bounce"]
    found = []
    for flag in flags:
        letter = by_hash.get(flag.sha256)
        if not letter or flag.speaker != "us" or flag.category not in ("deadline_notice", "termination_notice"):
            continue
        after = [
            x
            for x in ordered  # what replies to it came after it, whatever the clock of who wrote it says
            if x.parent == letter.sha256 or (x.at > letter.at and x.thread == letter.thread)
        ]
        sent_to = {a.address.casefold() for a in letter.addresses if a.header in ("to", "cc")}
        bounced = any(
            x.at >= letter.at
            and (x.thread == letter.thread or x.parent == letter.sha256)
            and x.parent in (letter.sha256, None)
            and any(a in x.texts.get("body", "").casefold() for a in sent_to)
            for x in bounces
        )
        theirs = (x for x in after if x.kind == "human" and x.speaker == "client")
        answer = next(theirs, None)
        elsewhere = None
        if answer is None:  # they may have answered under another subject: that is named before silence is
            elsewhere = next(
                (x for x in ordered if x.at > letter.at and x.kind == "human" and x.speaker == "client" and "us" in x.addressees),
                None,
            )  # fmt: skip
        found.append(
            Notice(
                flag.id,
                flag.sha256,
                flag.category,
                letter.at,
                bounced,
                answer.sha256 if answer else None,
                elsewhere.sha256 if elsewhere else None,
            )
        )
    return tuple(sorted(found, key=lambda n: (n.at, n.flag)))
