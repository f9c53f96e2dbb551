"""An anchor without an authority: the root as a short text, mailed to one's lawyer, and that mail taken back.

What it proves rests on the mailbox of the one who got it: the same text lies there, dated by another's mail server.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from evidence.archive.words import _
from evidence.errors import UsageError
from evidence.ports import LogHead

_LINE = r"^[>\s|]*{}:?\s+({})\s*$"
_ARCHIVE = re.compile(
    _LINE.format("archive", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), re.MULTILINE | re.IGNORECASE
)
_SIZE = re.compile(_LINE.format("size", r"\d{1,15}"), re.MULTILINE | re.IGNORECASE)
_ROOT = re.compile(_LINE.format("root", r"[0-9a-f]{64}"), re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Witness:
    """What a mail says of a log, who sent it and when it was received (else: what its Date says)."""

    uuid: str
    size: int
    root: str
    sender: str
    at: datetime | None


def root_lines(uuid: str, head: LogHead) -> str:
    """The lines that a witness's mail must hold: archive, size and root."""
    return f"archive {uuid}\nsize    {head.size}\nroot    {head.root}\n"


def read_witness(raw: bytes) -> Witness:
    """Find the lines of ``root_lines`` in a mail, also when quoted. Raises UsageError when they are not there."""
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    for part in message.walk():
        if part.get_content_maintype() != "text":
            continue
        octets = part.get_payload(decode=True)
        text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else ""
        text = re.sub(r"<[^>]{0,500}>", " ", text) if part.get_content_subtype() == "html" else text
        archive, size, root = _ARCHIVE.search(text), _SIZE.search(text), _ROOT.search(text)
        if archive and size and root:
            sender = email.utils.parseaddr(str(message.get("From", "")))[1]
            received = str((message.get_all("Received") or [""])[0]).rpartition(";")[2]
            at = _date(received) or _date(str(message.get("Date", "")))
            return Witness(archive[1].lower(), int(size[1]), root[1].lower(), sender, at)
    raise UsageError(
        _("This e-mail does not contain the root of a custody log."),
        _("It must contain the lines “archive”, “size” and “root” as `evidence anchor --print` prints them."),
        _("Save the e-mail as .eml with its full text and try again."),
    )


def _date(text: str) -> datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(text.strip())
    except (ValueError, IndexError, TypeError):
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
