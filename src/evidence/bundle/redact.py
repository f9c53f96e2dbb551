"""Redactions, burned in: what is hidden stands in no text, no picture, no embedded file of the bundle.

A person redacts an address (hidden everywhere), a passage of one message (hidden there and wherever the same words
are quoted), or an attachment (hidden wherever the same octets are attached). An original that holds any of it is withheld too.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from evidence.bundle.text import decoded_domain, punycode
from evidence.model import Letter, ParsedMessage

MARK = "█████"
_GAP = r"(?:\s|[>|│]|&gt;|&nbsp;|</?(?:div|span|p|br|td|tr|wbr)\b[^<>]{0,80}>)+"
_MARKUP = re.compile(r"<style\b.*?</style>|<[^<>]*>", re.DOTALL)
_SPOKEN = re.compile(r'\b(?:alt|title)="([^"]*)"')  # the attributes that are read out
_HASH = re.compile(r"[0-9a-f]{40,}")
_CHARSETS = ("utf-8", "cp1251", "koi8-r", "utf-16-le")
_UNPACKED = 50_000_000  # octets of an archive's members that are looked through
_DEEPEST = 8  # messages attached to messages


@dataclass(frozen=True, slots=True)
class Redactions:
    """What to hide. ``secrets`` are patterns over plain or escaped text; ``attachments`` are (sha256, index), ``octets``
    the SHA-256 of what they hold."""

    secrets: tuple[re.Pattern[str], ...]
    plain: tuple[str, ...]
    attachments: frozenset[tuple[str, int]]
    rows: tuple[Mapping[str, Any], ...]
    octets: frozenset[str] = frozenset()

    def burn(self, text: str) -> str:
        """Plain text with every secret blacked out; hashes stay what they are."""
        for pattern in self.secrets:
            if pattern.search(text):
                text = pattern.sub(_outside([m.span() for m in _HASH.finditer(text)]), text)
        return text

    def burn_markup(self, html: str) -> str:
        """HTML with every secret blacked out; tags, also those between its words, style sheets and hashes stay."""
        for pattern in self.secrets:
            if pattern.search(html):
                html = pattern.sub(_outside(_kept(html), tags=True), html)
        return html

    def excerpt(self, text: str, wholes: Iterable[str]) -> str:
        """An excerpt of one of ``wholes`` blacked out also where it begins or ends inside a secret.

        An excerpt that cannot be found again in a text with a secret cannot be shown to be clean, and is blacked out whole.
        """
        if not self.secrets or not text:
            return text
        core = " ".join(text.split()).removesuffix("…").rstrip(" ,;:–—-")
        flat = [" ".join(whole.split()) for whole in wholes]
        cuts: list[tuple[int, int]] = []
        found = False
        for whole in flat:
            hidden = [m.span() for pattern in self.secrets for m in pattern.finditer(whole)]
            start = whole.find(core) if hidden else -1
            while start >= 0:
                found = True
                end = start + len(core)
                cuts += [(max(a, start) - start, min(z, end) - start) for a, z in hidden if a < end and z > start]
                start = whole.find(core, start + 1)
        if not found:
            return MARK if self.touches(flat) and not any(core in whole for whole in flat) else self.burn(text)
        return self.burn(_without(" ".join(text.split()), cuts))

    def letter(self, letter: Letter) -> Letter:
        """The letter as it is listed: its subject burned before a list cuts it."""
        return replace(letter, subject=self.burn(letter.subject)) if self.secrets else letter

    def quote(self, quote: str, part: str, letter: Letter | None) -> str:
        """A quote from a part of ``letter``; nothing is quoted from an attachment that is hidden."""
        if letter is None:
            return self.burn(quote)
        kind, _, index = part.partition(":")
        if kind == "attachment" and index.isdigit() and self.hides(letter, int(index)):
            return MARK
        return self.excerpt(quote, (*letter.texts.values(), letter.subject))

    def hides(self, message: Letter | ParsedMessage, index: int) -> bool:
        """Whether a person withheld this attachment, or one of the same octets."""
        hashes = {a.sha256 for a in message.attachments if a.index == index}
        return (message.sha256, index) in self.attachments or bool(hashes & self.octets)

    def parsed(self, parsed: ParsedMessage) -> ParsedMessage:
        """The message with everything burned that pages, bookmarks or lists may cut short."""
        if not self.secrets:
            return parsed
        return replace(
            parsed,
            subject=self.burn(parsed.subject),
            message_id=self.burn(parsed.message_id) if parsed.message_id else parsed.message_id,
            date_raw=self.burn(parsed.date_raw) if parsed.date_raw else parsed.date_raw,
            received=tuple(replace(hop, raw=self.burn(hop.raw)) for hop in parsed.received),
            headers=tuple((name, self.burn(value)) for name, value in parsed.headers),
        )

    def hides_file(self, sha256: str, octets: bytes | None) -> bool:
        """Whether a file from outside the mail holds what is hidden. ``octets`` None: too many to be looked through."""
        return sha256 in self.octets or (octets is not None and bool(self.secrets) and self.holds(octets))

    def touches(self, texts: Iterable[str]) -> bool:
        return any(pattern.search(text) for text in texts for pattern in self.secrets)

    def withholds(self, raw: bytes, parsed: ParsedMessage) -> bool:
        """Whether this message's original must stay out of the bundle."""
        if any(r.get("sha256") == parsed.sha256 for r in self.rows):
            return True
        if any(self.hides(parsed, a.index) for a in parsed.attachments):
            return True
        if not self.secrets and not self.octets:
            return False
        texts = [*parsed.texts.values(), parsed.html or "", *(f"{k}: {v}" for k, v in parsed.headers)]
        texts += [f"{a.name} {a.address}" for a in parsed.addresses]
        return self.touches(texts) or self.holds(raw)

    def holds(self, octets: bytes) -> bool:
        """Whether octets, a message or a file, hold a secret: as they are, decoded, or in what is attached to them."""
        if self._in_raw(octets):
            return True
        try:
            for leaf in _leaves(octets):
                if hashlib.sha256(leaf).hexdigest() in self.octets:
                    return True
                if self.touches(leaf.decode(charset, "replace") for charset in _CHARSETS):
                    return True
        except Exception:  # what cannot be read cannot be shown to be clean
            return True
        return False

    def _in_raw(self, octets: bytes) -> bool:
        """In the octets as they are: whole words only, for any three digits stand in base64 somewhere."""
        text = octets.decode("utf-8", "replace")
        for pattern in self.secrets:
            for found in pattern.finditer(text):
                before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
                if not (_base64(before) and _base64(text[found.start()])) and not (
                    _base64(after) and _base64(text[found.end() - 1])
                ):
                    return True
        return False


NOTHING = Redactions((), (), frozenset(), ())


def _base64(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character in ("+", "/"))


def _leaves(octets: bytes, depth: int = 0) -> Iterator[bytes]:
    """Every leaf of a message decoded by its transfer encoding, and those of messages attached as files."""
    import email
    import email.policy
    from email.header import decode_header, make_header

    for part in email.message_from_bytes(octets, policy=email.policy.compat32).walk():
        encoded = [str(value) for value in part.values() if "=?" in str(value)]
        yield from (str(make_header(decode_header(value))).encode("utf-8", "replace") for value in encoded)
        if part.is_multipart():
            continue
        leaf = part.get_payload(decode=True)
        if not isinstance(leaf, bytes):
            continue
        yield leaf
        if leaf.startswith(b"PK\x03\x04"):
            yield from _members(leaf)
        name = str(part.get_filename() or "").lower()
        attached = part.get_content_maintype() == "message" or name.endswith(".eml") or _LIKE_MAIL.match(leaf)
        if attached and depth < _DEEPEST:
            yield from _leaves(leaf, depth + 1)


def _members(octets: bytes) -> Iterator[bytes]:
    """What is packed in an office document or a zip, its markup taken away; nothing of what cannot be unpacked."""
    import io
    import zipfile
    import zlib

    left = _UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as packed:
            for entry in packed.infolist():
                left -= entry.file_size
                if left < 0:
                    return
                with packed.open(entry) as stream:
                    member = stream.read(entry.file_size)
                yield re.sub(rb"<[^<>]*>", b"", re.sub(rb"</(?:\w+:)?(?:p|si|row|c|h)>", b" ", member))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        return


_LIKE_MAIL = re.compile(rb"\s*(?:[A-Za-z-]{2,40}:[ \t][^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){2}")


def _without(text: str, cuts: Sequence[tuple[int, int]]) -> str:
    """``text`` with these spans blacked out, each run of them once."""
    black = [False] * len(text)
    for start, end in cuts:
        black[start:end] = [True] * (min(end, len(text)) - start)
    pieces = []
    for index, character in enumerate(text):
        if not black[index]:
            pieces.append(character)
        elif index == 0 or not black[index - 1]:
            pieces.append(MARK)
    return "".join(pieces)


def _kept(html: str) -> list[tuple[int, int]]:
    """Spans of markup that are not words of anybody: hashes, style sheets, tags but for what is read out of them."""
    kept = [m.span() for m in _HASH.finditer(html)]
    for tag in _MARKUP.finditer(html):
        start = tag.start()
        for spoken in _SPOKEN.finditer(tag.group()):
            kept.append((start, tag.start() + spoken.start(1)))
            start = tag.start() + spoken.end(1)
        kept.append((start, tag.end()))
    return sorted(kept)


def _outside(kept: Sequence[tuple[int, int]], *, tags: bool = False) -> Callable[[re.Match[str]], str]:
    """Blacks out a match, save one that begins inside of a kept span (and does not cover it: a hash may be a secret)."""
    starts = [start for start, _ in kept]

    def black(match: re.Match[str]) -> str:
        at = bisect_right(starts, match.start()) - 1
        if at >= 0 and match.start() < kept[at][1] and match.span() != kept[at]:
            return match.group()
        if not tags:
            return MARK
        pieces = re.split(r"(<[^<>]*>)", match.group())
        return "".join(piece if piece.startswith("<") else (MARK if piece.strip() else piece) for piece in pieces)

    return black


def redactions(rows: Sequence[Mapping[str, Any]], messages: Mapping[str, ParsedMessage]) -> Redactions:
    """The standing redactions. ``messages`` are the redacted ones by sha256: their texts hold passages by offset."""
    secrets: dict[str, bool] = {}  # whether it is also found inside a longer number
    attachments: set[tuple[str, int]] = set()
    for row in rows:
        kind, part = row["kind"], str(row.get("part") or "")
        message = messages.get(row["sha256"])
        if kind == "address":
            secret = str(row["value"])
            for form in (secret, punycode(secret), decoded_domain(secret)):
                if form:
                    secrets.setdefault(form, False)
                    secrets.setdefault(form.replace("@", "%40"), False)  # in a link
        elif kind == "passage":
            start, end = row.get("start"), row.get("end")
            whole = message.texts.get(part, "") if message else ""
            secret, around = "", ("", "")
            if start is not None and end is not None:
                secret, around = whole[start:end], (whole[max(0, start - 1) : start], whole[end : end + 1])
            secret = secret or str(row.get("value") or "")
            cut = any(c.isdigit() for c in around)  # a number that was hidden in part
            secrets[secret] = cut or secrets.get(secret, False)
        elif kind == "attachment":
            index = part.partition(":")[2] or str(row.get("value") or "")
            if index.isdigit():
                attachments.add((row["sha256"], int(index)))
    octets = {
        a.sha256 for m in messages.values() for a in m.attachments if a.size and (m.sha256, a.index) in attachments
    }
    plain = tuple(s for s in secrets if s.strip())
    return Redactions(
        tuple(_pattern(s, within=secrets[s]) for s in sorted(plain, key=len, reverse=True)),
        plain,
        frozenset(attachments),
        tuple(rows),
        frozenset(octets),
    )


def _pattern(secret: str, *, within: bool = False) -> re.Pattern[str]:
    """The words of ``secret``, plain or escaped, parted by blanks, quotation marks of replies, or tags.

    A number is not found in a longer one (150 in 1500), unless ``within``: it is a part of one where it was hidden.
    """
    words = [w for w in re.split(r"[\s>|│]+", secret) if w]
    forms = []
    for word in words:
        variants = dict.fromkeys(
            [word, escape(word), escape(word).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")]
        )
        forms.append("(?:" + "|".join(re.escape(v) for v in variants) + ")")
    before = r"(?<!\d)" if not within and secret.strip()[:1].isdigit() else ""
    after = r"(?!\d)" if not within and secret.strip()[-1:].isdigit() else ""
    return re.compile(before + _GAP.join(forms) + after, re.IGNORECASE)
