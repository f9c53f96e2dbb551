"""One message's octets to a ``ParsedMessage``. Never raises on mail: what cannot be read is named in ``failed``.

1. ``mime`` cuts the octets into a tree; message/rfc822 stays closed, so a forwarded text never becomes this sender's.
2. ``headers`` and ``envelope`` (mail-parser) read fields from their raw octets, every occurrence of each.
3. The body is text/plain, or else the HTML turned to text (``html``), with LF line ends and nothing else changed.
4. Every other leaf is an attachment, with the hash of its decoded octets and a harmless name (``names``).
"""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass, field
from typing import Literal

from evidence.message import words as stored
from evidence.message.charsets import decode_octets
from evidence.message.envelope import ADDRESS_FIELDS, addresses_of, date_of, received_trail
from evidence.message.headers import Field, decode_field, split_fields
from evidence.message.html import Hint, HtmlText, html_to_text
from evidence.message.kinds import failed_recipients, kind_of, language_of
from evidence.message.limits import MAX_ADDRESS_TOTAL, MAX_ADDRESS_VALUE, MAX_BODY, MAX_HTML, MAX_REFERENCES
from evidence.message.mime import Part, read_tree
from evidence.message.names import BIDI, address_warnings, safe_name
from evidence.model import Address, Attachment, ParsedMessage, sha256_hex

_MESSAGE_ID = re.compile(rb"<([^<>\s]{1,990})>")
_LINE_END = re.compile(r"\r\n?")
_WORD = re.compile(r"[^\W\d_]{4,}")
_SILENT = re.compile(r"<(style|script|head|title)\b.*?</\1\s*>|<!--.*?-->", re.I | re.S)
_HUGE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}")
_SILENT_OPEN = re.compile(r"<(?:style|script|head|title|!--)", re.I)
_TAGS = re.compile(r"<[^<>]*>")
_NEEDS_HTML = re.compile(r"\bhtml\b|браузер|browser", re.I)


BodySource = Literal["plain", "html", "none"]


@dataclass(slots=True)
class _Reading:
    """What the walk over the leaves gathers."""

    plain: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)  # the HTML a mail program shows
    attached: list[Part] = field(default_factory=list)


def parse_message(raw: bytes, *, attachment_text: bool = False) -> ParsedMessage:
    """All that is read out of ``raw``. With ``attachment_text`` also the text of attachments (in a child process).

    ``defects`` are codes, ``CODE`` or ``CODE:WHERE``; docs/reading-mail.md lists them. Never raises on mail.
    """
    sha256 = sha256_hex(raw)
    try:
        return _parse(raw, sha256, attachment_text)
    except (RecursionError, MemoryError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # The octets are safe in the archive; one message that defeats the reader must not stop the run.
        return _failed(sha256, f"{type(error).__name__}: {error}"[:300])


def attachment_octets(raw: bytes, index: int) -> bytes:
    """The decoded octets of attachment ``index`` (from 1), those its hash is of. Raises IndexError if there is none."""
    attached = _sort(read_tree(raw)).attached
    if not 1 <= index <= len(attached):
        raise IndexError(f"no attachment {index}")
    return attached[index - 1].decoded()[0]


def _failed(sha256: str, reason: str) -> ParsedMessage:
    return ParsedMessage(
        sha256=sha256, message_id=None, in_reply_to=(), references=(), date_raw=None, date=None, subject="",
        addresses=(), received=(), kind="human", texts={}, body_source="none", html=None, attachments=(), headers=(),
        failed=reason,
    )  # fmt: skip


def _parse(raw: bytes, sha256: str, attachment_text: bool) -> ParsedMessage:
    root = read_tree(raw)
    by_name: dict[str, list[Field]] = {}
    for one in root.fields:
        by_name.setdefault(one.key, []).append(one)
    defects: list[str] = list(root.defects)
    if not root.fields:
        defects.append("no-header")
    for name in ("from", "subject", "date", "message-id", "to"):
        if len(by_name.get(name, ())) > 1:
            defects.append(f"repeated:{name}")
    if not by_name.get("from"):
        defects.append("no-from")

    boxes: list[Address] = []
    budget = MAX_ADDRESS_TOTAL
    for name in ADDRESS_FIELDS:
        for one in by_name.get(name, ()):
            budget -= min(len(one.raw), MAX_ADDRESS_VALUE)
            if budget < 0:
                defects.append(f"address-list-cut:{name}")
                break
            found, codes = addresses_of(one)
            boxes.extend(found)
            defects.extend(codes)
    defects.extend(address_warnings(boxes))

    hint = root.charset
    values = [(one, one.unfolded()) for one in root.fields]
    unfolded: dict[str, list[bytes]] = {}
    for one, value in values:
        unfolded.setdefault(one.key, []).append(value)
    subject, codes = decode_field(_first(unfolded, "subject"), hint)
    defects.extend(f"{code}:subject" for code in codes)
    if BIDI.search(subject):
        defects.append("bidi:subject")
    date_raw = decode_field(_first(unfolded, "date"))[0] if "date" in unfolded else None
    date = None
    if date_raw is None:
        defects.append("date-missing")
    else:
        date, codes = date_of(date_raw)
        defects.extend(codes)
    ids = _ids(_first(unfolded, "message-id"), 1)
    message_id = ids[0] if ids else _bare_id(_first(unfolded, "message-id"))
    if message_id is None:
        defects.append("message-id-missing" if not _first(unfolded, "message-id") else "message-id-unreadable")

    reading = _sort(root)
    body, source, html, hints, wrong = _body(reading)
    defects.extend(wrong)
    texts: dict[str, str] = {"body": body, "subject": subject}
    for box in boxes:
        if box.name:
            part = f"display-name:{box.header}"
            texts[part] = f"{texts[part]}\n{box.name}" if part in texts else box.name
    attachments, wrong = _attachments(reading.attached)
    defects.extend(wrong)
    if attachment_text and reading.attached:
        from evidence.message.attachments_text import form_of, read_attachment_texts

        read, notes = read_attachment_texts([(a.index, a.content_type, a.filename, p.decoded()[0])
                                             for a, p in zip(attachments, reading.attached, strict=True)
                                             if form_of(a.content_type, a.filename)])  # pictures stay as they are  # fmt: skip
        texts.update({f"attachment:{index}": text for index, text in read.items()})
        defects.extend(notes)

    kind = kind_of(unfolded, root, subject, [b for b in boxes if b.header in {"from", "sender"}])
    return ParsedMessage(
        sha256=sha256,
        message_id=message_id,
        in_reply_to=_ids(_first(unfolded, "in-reply-to"), MAX_REFERENCES),
        references=_ids(_first(unfolded, "references"), MAX_REFERENCES),
        date_raw=date_raw,
        date=date,
        subject=subject,
        addresses=tuple(boxes),
        received=received_trail(by_name.get("received", [])),
        kind=kind,
        texts=texts,
        body_source=source,
        html=html,
        attachments=attachments,
        headers=tuple((one.name, decode_field(value, hint)[0]) for one, value in values),
        x_mailer=decode_field(_first(unfolded, "x-mailer") or _first(unfolded, "user-agent"))[0],
        language=language_of(subject, body),
        defects=tuple(dict.fromkeys(defects)),
        quote_hints=hints,
        failed_recipients=failed_recipients(root, unfolded) if kind == "bounce" else (),
    )


def _first(unfolded: dict[str, list[bytes]], name: str) -> bytes:
    values = unfolded.get(name)
    return values[0] if values else b""


def _ids(value: bytes, limit: int) -> tuple[str, ...]:
    """Message identifiers without angle brackets, in order; comments and words between them fall away."""
    found: dict[str, None] = {}
    for match in _MESSAGE_ID.finditer(value):
        found.setdefault(match.group(1).decode("utf-8", "backslashreplace"), None)
        if len(found) >= limit:
            break
    return tuple(found)


def _bare_id(value: bytes) -> str | None:
    """A Message-ID written without brackets, as some programs do."""
    text = value.strip(b"<> \t").decode("utf-8", "backslashreplace")
    return text if text and len(text) < 990 and not re.search(r"\s", text) else None


# ---- which leaf is what


def _sort(root: Part) -> _Reading:
    reading = _Reading()
    _sort_into(root, reading)
    if not reading.plain and not reading.html:
        # Nothing but named parts: the first text that was not sent as an attachment is the letter.
        for part in reading.attached:
            if _is_text(part) and part.disposition != "attachment":
                reading.attached.remove(part)
                (reading.html if part.content_type == "text/html" else reading.plain).append(part)
                break
    return reading


def _sort_into(root: Part, reading: _Reading) -> None:
    """Depth is bounded by ``MAX_DEPTH``, so this recursion is."""
    if not root.children:
        if _is_text(root) and not _attached(root):
            if root.content_type == "text/html":
                if reading.plain and not reading.html:
                    reading.attached.append(root)  # an HTML part beside the text, no alternative to it
                else:
                    reading.html.append(root)
                    if reading.plain:
                        reading.plain.append(root)  # shown below the alternative: words of the letter in both its forms
            elif reading.html and not reading.plain:
                reading.html.append(root)  # a list's or a telephone's line below a letter that is HTML only
            else:
                reading.plain.append(root)
        else:
            reading.attached.append(root)
        return
    if root.content_type == "multipart/alternative":
        _sort_alternative(root, reading)
        return
    for child in root.children:
        _sort_into(child, reading)


def _sort_alternative(root: Part, reading: _Reading) -> None:
    """The same words in several forms: plain text is read, HTML is kept for showing, the rest are attachments."""
    inner = _Reading()
    for child in root.children:
        one = _Reading()
        _sort_into(child, one)
        inner.plain.extend(one.plain if not inner.plain else [])
        inner.html.extend(one.html if not inner.html else [])
        inner.attached.extend(one.attached)
        if inner.plain and one.plain and one.plain[0] not in inner.plain:
            inner.attached.extend(one.plain)
        if inner.html and one.html and one.html[0] not in inner.html:
            inner.attached.extend(one.html)
    reading.plain.extend(inner.plain)
    reading.html.extend(inner.html)
    reading.attached.extend(inner.attached)


def _is_text(part: Part) -> bool:
    if part.content_type in {"text/plain", "text/html"}:
        return True
    # text/enriched and the like are shown as text by mail programs; calendars, cards and reports are files.
    return part.content_type in {"text/enriched", "text/richtext", "text/x-amp-html", "text"} and not part.filename


def _attached(part: Part) -> bool:
    """A text that came as a file: said so, or named. The only part of a message is its text even if it has a name."""
    return part.disposition == "attachment" or (bool(part.filename) and part.path != "")


# ---- body


def _text_of(part: Part, defects: list[str]) -> str:
    octets, defect = part.decoded()
    if defect:
        defects.append(f"{defect}:body")
    text, defect = decode_octets(octets, part.charset)
    if defect:
        defects.append(f"{defect}:body")
    if "\x00" in text:
        defects.append("nul:body")
    if len(text) > MAX_BODY:
        text = text[:MAX_BODY]
        defects.append("body-cut")
    return _LINE_END.sub("\n", text) if "\r" in text else text


def _plain_of(part: Part, defects: list[str]) -> str:
    text = _text_of(part, defects)
    return html_to_text(text).text if part.content_type == "text/html" else text


def _html_of(part: Part, defects: list[str]) -> str:
    text = _text_of(part, defects)
    return text if part.content_type == "text/html" else f"<pre>{entities.escape(text, quote=False)}</pre>"


def _body(reading: _Reading) -> tuple[str, BodySource, str | None, tuple[Hint, ...], list[str]]:
    """(text, what it was made of, the HTML to show, hints into the text, defects)."""
    defects: list[str] = []
    plain = "\n".join(_plain_of(part, defects) for part in reading.plain)
    if not reading.html:
        return plain, "plain" if reading.plain else "none", None, (), defects
    html = "\n".join(_html_of(part, []) for part in reading.html)[:MAX_HTML]
    if plain.strip() and not _stub(plain, html):
        if _differ(plain, html):
            defects.append("alternatives-differ")
        return plain, "plain", html, (), defects
    if plain.strip():
        defects.append("plain-is-a-stub")
    defects = [d for d in defects if not d.endswith(":body")]
    read = _html_text([_html_of(part, defects) for part in reading.html])
    defects.extend(read.defects)
    if read.hidden:
        defects.append(f"hidden-text:{read.hidden}")
    return read.text, "html", html, read.hints, defects


def _html_text(sources: list[str]) -> HtmlText:
    if len(sources) == 1:
        return html_to_text(sources[0])
    text, hints, hidden, defects = "", list[Hint](), 0, list[str]()
    for source in sources:
        read = html_to_text(source)
        shift = len(text) + bool(text)
        text = f"{text}\n{read.text}" if text else read.text
        hints.extend((start + shift, end + shift, kind) for start, end, kind in read.hints)
        hidden += read.hidden
        defects.extend(read.defects)
    return HtmlText(text, tuple(hints), hidden, tuple(defects))


def _stub(plain: str, html: str) -> bool:
    """«Your program does not show HTML»: text that stands in for the letter and does not hold it."""
    return len(plain) < 300 and len(html) > 4 * len(plain) and bool(_NEEDS_HTML.search(plain))


def _differ(plain: str, html: str) -> bool:
    """Whether the two forms say different things: over half the plain words nowhere in the HTML, or far more in it.

    A reader sees one form, an archive reads the other: the difference must not pass unnoticed. Words only, cheaply.
    """
    if len(html) > 400_000 or len(plain) > 100_000 or len(_SILENT_OPEN.findall(html)) > 200:
        return False  # bounds what unclosed markup can cost
    visible = entities.unescape(_HUGE.sub("", _TAGS.sub(" ", _SILENT.sub(" ", html))))
    if visible.split() == plain.split():
        return False  # most mail: the same text, once with tags
    words = set(_WORD.findall(plain.casefold()))
    if len(words) < 8:
        return False
    shown = set(_WORD.findall(visible.casefold()))
    if len(words - shown) * 2 > len(words):
        return True
    return len(shown) > 30 and len(shown - words) * 2 > len(shown)


# ---- attachments


def _attachments(parts: list[Part]) -> tuple[tuple[Attachment, ...], list[str]]:
    taken: set[str] = set()
    defects: list[str] = []
    found: list[Attachment] = []
    for number, part in enumerate(parts, 1):
        octets, defect = part.decoded()
        note = "; ".join(n for n in (part.note, defect, _closed(part, octets)) if n)
        filename = part.filename or _embedded_subject(part, octets)
        if defect:
            defects.append(f"{defect}:attachment:{number}")
        if BIDI.search(filename):
            defects.append(f"bidi:attachment:{number}")
        found.append(
            Attachment(
                index=number,
                path=part.path or "1",
                filename=filename,
                safe_name=safe_name(filename, part.content_type, number, taken),
                content_type=part.content_type,
                disposition=part.disposition,
                size=len(octets),
                sha256=sha256_hex(octets),
                content_id=part.first("content-id").decode("utf-8", "backslashreplace").strip("<> \t"),
                note=note,
            )
        )
    return tuple(found), defects


def _embedded_subject(part: Part, octets: bytes) -> str:
    """A forwarded message has no file name; its subject serves."""
    if part.content_type not in {"message/rfc822", "message/global"}:
        return ""
    head = re.split(rb"\r?\n\r?\n", octets[:20_000], maxsplit=1)[0]
    for one in split_fields(head)[0]:
        if one.key == "subject":
            subject = decode_field(one.unfolded())[0][:80]
            return f"{subject}.eml" if subject else ""
    return ""


def _closed(part: Part, octets: bytes) -> str:
    """Whether the octets are locked: nobody can read them without a key."""
    if part.content_type in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        return stored.SIGNED if "signed" in part.type_parameters.get("smime-type", "") else stored.ENCRYPTED
    if part.content_type == "application/pgp-encrypted" or octets[:27] == b"-----BEGIN PGP MESSAGE-----":
        return stored.ENCRYPTED
    if octets[:4] == b"PK\x03\x04" and len(octets) > 8 and octets[6] & 1:
        return stored.ENCRYPTED
    if octets[:5] == b"%PDF-" and b"/Encrypt" in octets[-4096:]:
        return stored.ENCRYPTED
    return ""
