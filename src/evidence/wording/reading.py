"""What was odd when a message was read, in the reader's language.

``ParsedMessage.defects`` and ``Attachment.note`` hold codes for programs: ``charset-guessed:windows-1251:body``. ``defect_in_words``
says a code as a sentence, and what stands behind its first colon after it. A code that is not known stays as it is.
"""

from __future__ import annotations

from evidence.i18n import translated, translation
from evidence.wording import mark

_ = mark
DEFECTS = {
    "address-invalid-or-ambiguous-address": _("an address that is not written by the standard"),
    "address-invalid-angle-address": _("an address between angle brackets that is not written by the standard"),
    "address-ambiguous-angle-address": _("angle brackets that leave the address in doubt"),
    "address-invalid-display-name": _("a display name that is not written by the standard"),
    "address-invalid-utf8": _("an address field that is not valid UTF-8"),
    "address-list-cut": _("only the beginning of a very long list of addresses was read"),
    "address-unreadable": _("the addresses cannot be read"),
    "alternatives-differ": _("the plain text and the HTML of the message say different things"),
    "attachment-text-cut": _("only the beginning of the text of an attachment was read; attachment"),
    "attachment-text-failed": _("the text of an attachment could not be read; attachment"),
    "attachment-text-out-of-memory": _(
        "reading the text of an attachment took more memory than is allowed; attachment"
    ),
    "attachment-text-timed-out": _("reading the text of an attachment took longer than is allowed; attachment"),
    "attachment-text-unreadable": _("an attachment is damaged or locked, so its text was not read; attachment"),
    "attachment-too-large": _("an attachment is too large for its text to be read; attachment"),
    "base64-broken": _("broken base64; what could be decoded is shown"),
    "base64-padding-inside": _("base64 with its end mark in the middle; all pieces were decoded"),
    "bidi": _("hidden marks that turn the direction of the text"),
    "body-cut": _("only the beginning of a very long text was read"),
    "charset-broken": _("characters that the stated encoding does not have were replaced; encoding"),
    "charset-guessed": _("the encoding of the characters was guessed; encoding"),
    "charset-unknown": _("an encoding of characters that is not known"),
    "content-type-unreadable": _("the Content-Type header cannot be read"),
    "control-characters": _("control characters in a header"),
    "date-absurd": _("the Date header states an impossible year"),
    "date-empty": _("the Date header is empty"),
    "date-lenient": _("the Date header is not written by the standard; it was read leniently"),
    "date-missing": _("there is no Date header"),
    "date-no-offset": _("the Date header states no offset; it is read as UTC"),
    "date-unreadable": _("the Date header cannot be read as a date"),
    "display-name-address": _("a display name holds an address other than the one used"),
    "display-name-bidi": _("a display name holds hidden marks that turn the direction of the text"),
    "display-name-invisible": _("a display name holds invisible characters"),
    "display-name-mixed-script": _("a display name mixes letters of two alphabets in one word"),
    "domain-mixed-script": _("a domain mixes letters of two alphabets"),
    "domain-non-ascii": _("a domain with letters beyond ASCII"),
    "domain-punycode": _("a domain with letters beyond ASCII, written in its ASCII form"),
    "header-block-cut": _("only the beginning of a very long header was read"),
    "header-fields-cut": _("only the first of very many header fields were read"),
    "header-line-unreadable": _("a line of the header cannot be read"),
    "hidden-text": _("text that the HTML hides from the eye; characters"),
    "html-comment-not-closed": _("a comment in the HTML is not closed"),
    "html-cut": _("only the beginning of a very long HTML part was read"),
    "message-id-missing": _("there is no Message-ID"),
    "message-id-unreadable": _("the Message-ID cannot be read"),
    "multipart-not-closed": _("the parts of the message are not closed: the end may be missing"),
    "multipart-without-boundary": _("the message states no mark between its parts"),
    "multipart-without-parts": _("the message says it has parts and has none"),
    "nested-too-deep": _("parts are nested too deep to be opened"),
    "no-empty-line-before-body": _("no empty line stands between the header and the text"),
    "no-from": _("there is no From header"),
    "no-header": _("the message has no header"),
    "nul": _("NUL characters"),
    "plain-is-a-stub": _("the plain text only stands in for the HTML; the HTML was read"),
    "raw-8bit": _("a header with unencoded letters beyond ASCII"),
    "repeated": _("a header that may stand once stands several times"),
    "text-after-last-part": _("text after the last part of the message"),
    "too-many-parts": _("too many parts; the rest was not opened"),
    "transfer-encoding-unknown": _("a transfer encoding that is not known; the bytes are left as they are"),
    "uuencode-broken": _("broken uuencode; what could be decoded is shown"),
}
_OTHER = (
    ("date-", _("the Date header departs from the standard")),
    ("address-", _("an address field departs from the standard")),
)
del _


def defect_in_words(language: str, code: str) -> str:
    """``code`` in ``language`` (``ru`` or ``en``), its particulars after a colon. Raises nothing."""
    said = translation("wording", language).gettext
    name, _colon, particulars = code.partition(":")
    sentence = DEFECTS.get(name)
    if sentence is None:
        for family, words in _OTHER:
            if name.startswith(family):
                sentence, particulars = words, ":".join(filter(None, (name.removeprefix(family), particulars)))
                break
        else:
            return code
    return said(sentence) + (f": {', '.join(particulars.split(':'))}" if particulars else "")


def stored_in_words(language: str, text: str) -> str:
    """A sentence or a code that the message stage stores as a value, in ``language``. What is neither stays as it is."""
    said = translated("message", language, text)
    return said if said != text else defect_in_words(language, text)
