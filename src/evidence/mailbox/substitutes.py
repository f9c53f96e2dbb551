"""Texts that servers send in place of a message they cannot deliver. Such a text is kept, marked, and the message stays owed."""

from __future__ import annotations

import re

# Exchange and Microsoft 365 (offlineimap#62): subject and first body line; nothing of the message itself is in it
_SUBJECT = re.compile(
    rb"^Subject:[ \t]*(?:Retrieval using the IMAP4 protocol failed for the following message|Message retrieval failure)",
    re.IGNORECASE | re.MULTILINE,
)
_BODY = re.compile(
    rb"\A\s*(?:The server couldn't retrieve the following message"
    rb"|Retrieval using the IMAP4 protocol failed for the following message"
    rb"|The following message could not be retrieved)",
    re.IGNORECASE,
)
LARGEST = 16 * 1024


def is_substitute(raw: bytes) -> bool:
    """Is this a server's own text? Only small messages that *begin* so: a letter that quotes the phrase is a letter."""
    if len(raw) > LARGEST or b"retriev" not in raw.lower():  # the word is in every one of those texts
        return False
    header, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    return bool(_SUBJECT.search(header) or (_BODY.match(body) and b"\nReceived:" not in b"\n" + header))
