"""The one place where IMAP commands are built and the one gate they leave through.

Only verbs that cannot change a mailbox pass (RFC 9051 section 6): EXAMINE in place of SELECT, BODY.PEEK[…] in place of BODY[…].
CR, LF and NUL are refused in every argument; nothing a sender wrote is ever an argument: UIDs are numbers, folder names
come from LIST, search keys are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from evidence.i18n import talk
from evidence.mailbox.mailbox import CommandRefused

_ = talk("mailbox")

ALLOWED = frozenset(
    "CAPABILITY NOOP LOGOUT STARTTLS LOGIN AUTHENTICATE ID ENABLE NAMESPACE LIST STATUS EXAMINE".split()
)  # UNSELECT and CLOSE are not here: the next EXAMINE or LOGOUT leaves a folder, and CLOSE may expunge
ALLOWED_UID = frozenset({"FETCH", "SEARCH"})
_FETCH_ITEM = re.compile(
    r"UID|FLAGS|INTERNALDATE|RFC822\.SIZE|X-GM-MSGID|X-GM-LABELS|BODY\.PEEK\[\]|BODY\.PEEK\[HEADER\.FIELDS \([A-Z \-]+\)\]"
)
_SET = re.compile(r"\d+(:(\d+|\*))?(,\d+(:(\d+|\*))?)*")
_SEARCH_KEYS = re.compile(r'(RETURN \(ALL\) )?(ALL|UID [\d:,*]+)( (FROM|TO|CC|BCC) "[!#-\[\]-~]+")*')
_TAG = re.compile(rb"[A-Za-z0-9]+")
_UNSAFE = re.compile(rb"[\r\n\0]")
_PLAIN = re.compile(rb"[ !#-\[\]-~]*")  # printable ASCII without quote and backslash


def check_line(line: bytes) -> None:
    """Refuse a command line (tag first, without its CR LF) that is not on the allow list.

    Raises CommandRefused for a foreign verb, a fetch item that could set \\Seen, or a control character.
    """
    if _UNSAFE.search(line):
        raise CommandRefused(
            _("A command with a line break or NUL in it was not sent."),
            _("It would have turned into more than one command."),
        )
    words = line.split(b" ", 3)
    if len(words) < 2 or not _TAG.fullmatch(words[0]):
        raise CommandRefused(_("A malformed command was not sent."), repr(line[:40]))
    verb = words[1].decode("ascii", "replace").upper()
    if verb == "UID":
        verb_uid = words[2].decode("ascii", "replace").upper() if len(words) > 2 else ""
        if verb_uid not in ALLOWED_UID:
            raise CommandRefused(
                _("The command UID {verb} was not sent.").format(verb=verb_uid), _("Only reading is allowed.")
            )
        if verb_uid == "FETCH":
            _check_fetch(words[3] if len(words) > 3 else b"")
        elif not _SEARCH_KEYS.fullmatch((words[3] if len(words) > 3 else b"").decode("ascii", "replace")):
            raise CommandRefused(_("A search with unexpected criteria was not sent."))
    elif verb not in ALLOWED:
        raise CommandRefused(_("The command {verb} was not sent.").format(verb=verb), _("Only reading is allowed."))


def _check_fetch(arguments: bytes) -> None:
    text = arguments.decode("ascii", "replace")
    uid_set, _blank, items = text.partition(" ")
    changed = re.fullmatch(r"(.*) \(CHANGEDSINCE \d+\)", items)
    inner = changed[1] if changed else items
    if not _SET.fullmatch(uid_set) or not (inner.startswith("(") and inner.endswith(")")):
        raise CommandRefused(_("A malformed FETCH was not sent."))
    if _FETCH_ITEM.sub("", inner[1:-1]).strip():
        raise CommandRefused(_("A FETCH item that is not on the allow list was not sent."), inner)


def mailbox_argument(wire: bytes) -> tuple[bytes, bytes | None]:
    """A folder name as a quoted string, or as a literal: (argument, octets that follow the continuation, or None).

    Raises CommandRefused for CR, LF, NUL: RFC 9051 section 5.1 allows none of them in a name.
    """
    if _UNSAFE.search(wire):
        raise CommandRefused(_("A folder whose name holds a line break or NUL was not opened."), repr(wire[:80]))
    if _PLAIN.fullmatch(wire):
        return b'"' + wire + b'"', None
    if wire.isascii() and not any(b < 0x20 or b == 0x7F for b in wire):
        return b'"' + wire.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"', None
    return b"{%d}" % len(wire), wire


def uid_set(uids: Iterable[int]) -> str:
    """UIDs as an IMAP sequence set, runs joined: ``1:3,7``. Raises CommandRefused when there are none."""
    parts: list[str] = []
    first = last = None
    for uid in uids:
        if last is not None and uid == last + 1:
            last = uid
            continue
        if first is not None:
            parts.append(f"{first}:{last}" if last != first else f"{first}")
        first = last = uid
    if first is None:
        raise CommandRefused(_("A FETCH of no message was not sent."))
    parts.append(f"{first}:{last}" if last != first else f"{first}")
    return ",".join(parts)


def fetch(uids: str, items: Sequence[str], *, changed_since: int | None = None) -> bytes:
    """``UID FETCH`` of our own items."""
    tail = f" (CHANGEDSINCE {changed_since})" if changed_since is not None else ""
    return f"UID FETCH {uids} ({' '.join(items)}){tail}".encode("ascii")


def search(window: str, *, extended: bool) -> bytes:
    """``UID SEARCH`` for the UIDs in a window; extended asks for the compact answer of RFC 9051 section 6.4.4."""
    return f"UID SEARCH {'RETURN (ALL) ' if extended else ''}UID {window}".encode("ascii")
