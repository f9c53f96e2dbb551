"""What is stored of a message in words and shown later: why a zone is what it is, what is odd about an attachment.

Closed sets, English msgids of this package's catalogue (``i18n.translated``). ``{n}`` stands for a number.
"""

from __future__ import annotations

FORWARD_SUBJECT = "subject of a forward"
REPLY_SUBJECT = "subject of a reply"
CHANGED_SUBJECT = "subject changed in the reply"
ATTACHED_MESSAGE = "attached message"
BLOCKQUOTE = "blockquote"
ATTRIBUTION_IN_HTML = "attribution in HTML"
SIGNATURE_IN_HTML = "signature in HTML"
QUOTE_IN_HTML = "quote container in HTML"
QUOTE_MARK = "quote mark"
INITIALS_MARK = "initials mark"
WRAPPED_QUOTE = "wrapped quote"
FORWARD_MARK = "forward mark"
REPLY_HEADER = "reply header"
ORIGINAL_MESSAGE = "original message"
ATTRIBUTION = "attribution"
IN_PARENT = "in the parent message"
NOT_IN_PARENT = "not in the parent message"
BANNER = "gateway banner"
DISCLAIMER = "disclaimer"
DELIMITER = "delimiter"
DELIMITER_LINE = "delimiter line"
SENT_FROM = "sent from"
CLOSING = "closing phrase"
SENDER_NAME = "sender's name"
SENDER_CONTACTS = "sender's contacts"

TOO_DEEP = "nested too deep"
NOT_OPENED = "{n} parts not opened"
ENCRYPTED = "encrypted"
SIGNED = "signed"
