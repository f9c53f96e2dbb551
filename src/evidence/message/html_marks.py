"""What a tag says: its attributes, and whether mail programs mark quotes, attributions, reply headers or signatures with it."""

from __future__ import annotations

import html as entities
import re

_ATTRIBUTE = re.compile(r"""([a-zA-Z][\w:-]{0,40})\s*(?:=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_INDENT = re.compile(r"border\s*:\s*none", re.I)
_OUTLOOK_RULE = re.compile(r"border(?:-top)?\s*:[^;]*solid\s+#?(?:E1E1E1|B5C4DF)", re.I)
_CITE_BORDER = re.compile(r"border-left\s*:", re.I)
_SIGNATURE = re.compile(
    r"(?:^|[\s_-])(?:gmail_signature|moz-signature|signature|mail-signature|ms-outlook-mobile-signature|"
    r"js-compose-signature|x_signature|protonmail_signature_block|zmail_signature\w*|email-signature|_signature)(?:$|\s)",
    re.I,
)
_ATTRIBUTION = re.compile(r"gmail_attr|moz-cite-prefix|moz-email-headers-table|quote-header|reply-intro", re.I)
_REPLY_HEADER = re.compile(r"OutlookMessageHeader|divRplyFwdMsg|x_divRplyFwdMsg", re.I)
_CONTAINER = re.compile(
    r"(?:^|\s)(?:gmail_quote(?:_container)?|yahoo_quoted|protonmail_quote|zmail_extra|moz-forward-container|"
    r"mail-quote-collapse|tutanota_quote|quotedMessage)(?:$|\s)",
    re.I,
)
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{9,}|[xX][0-9a-fA-F]{9,});?")


def unescaped(text: str) -> str:
    """Character references undone; a number of endless digits is none (int() refuses it)."""
    return entities.unescape(_HUGE_REFERENCE.sub("\ufffd", text))


def open_quote(source: str, start: int, end: int) -> str:
    """The quote sign that opens an attribute value (after «=») and is not closed before ``end``; empty if none."""
    at = start
    while True:
        equals = source.find("=", at, end)
        if equals < 0:
            return ""
        at = equals + 1
        while at < end and source[at] in " \t\r\n":
            at += 1
        quote = source[at : at + 1] if at < end else ""
        if quote in {'"', "'"}:
            close = source.find(quote, at + 1, end)
            if close < 0:
                return quote
            at = close + 1


def attributes_of(inside: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(inside[:20_000]):
        value = match.group(2) or match.group(3) or match.group(4) or ""
        found.setdefault(match.group(1).lower(), unescaped(value) if "&" in value else value)
    return found


def hint_kind(name: str, found: dict[str, str], style: str) -> str:
    if name == "blockquote":
        # Gmail's «indent more» is a blockquote too: no cite, no border.
        indented = _INDENT.search(style) and found.get("type", "").lower() != "cite" and not _CITE_BORDER.search(style)
        return "" if indented else "quoted"
    marks = f"{found.get('class', '')} {found.get('id', '')}".strip()
    if not marks and not style:
        return ""
    if marks:
        if _REPLY_HEADER.search(marks):
            return "reply-header"
        if _ATTRIBUTION.search(marks):
            return "attribution"
        if _SIGNATURE.search(marks) or "data-signature-widget" in found:
            return "signature"
        if _CONTAINER.search(marks):
            return "container"
    if style and _OUTLOOK_RULE.search(style):
        return "reply-header"
    return ""
