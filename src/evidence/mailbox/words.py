"""What is stored of an acquisition in words and shown later: notes on a sighting, and why a message was not received.

Closed sets, English msgids of this package's catalogue (``i18n.translated``). ``{n}`` and ``{m}`` stand for numbers. What a server
said itself is stored as it said it.
"""

from __future__ import annotations

SAME_LETTER = "same X-GM-MSGID as a message held; not fetched again"
SAME_PLACE = "same place, Message-ID, size and date before UIDVALIDITY changed; not fetched again"
SUBSTITUTE = "substitute"
CONVERTED = "converted from .msg"
GONE = "no longer on the server"
NOTHING_SENT = "the server said OK and sent nothing"
TOO_LARGE = "{n} octets announced, {m} allowed"
