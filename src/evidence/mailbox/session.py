"""The dialogue after login: commands go out under tags, also ahead of their turn; responses come back one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from evidence.i18n import talk
from evidence.mailbox.mailbox import CommandRefused, MailboxError, Throttled
from evidence.mailbox.responses import LITERAL, Response

if TYPE_CHECKING:
    from evidence.mailbox.wire import GuardedImap

_ = talk("mailbox")

LIMIT_CODES = frozenset({"THROTTLED", "OVERQUOTA", "LIMIT", "INUSE", "UNAVAILABLE"})  # RFC 5530 and Gmail's own
_TAGGED = re.compile(rb"(E\d+) ")  # our own tags
_LIMIT_WORDS = (
    "too many",
    "maximum number of connections",
    "simultaneous connections",
    "throttl",
    "rate limit",
    "bandwidth",
)


class Session:
    """Commands and responses after login: tags, literals, limits. One response in memory at a time."""

    def __init__(self, wire: GuardedImap) -> None:
        self._wire = wire
        self._number = 0
        self._early: dict[bytes, list[Response] | None] = {}  # in the order sent
        self._completed: dict[bytes, Response] = {}  # completions that came before they were waited for

    def send(self, command: bytes, literal: bytes | None = None, rest: bytes = b"") -> bytes:
        """Send a command; the tag. A literal waits for the server's continuation (RFC 9051 section 4.3)."""
        if literal is not None:
            self.settle()
        self._number += 1
        tag = b"E%d" % self._number
        self._wire.send(tag + b" " + command + b"\r\n")
        if literal is not None:
            while True:
                response = self.read()
                if response.line.startswith(b"+"):
                    break
                if response.line.startswith(tag + b" "):
                    raise MailboxError(_("The mail server refused a folder name."), response.text())
            if b"\r" in literal + rest or b"\n" in literal + rest or b"\0" in literal + rest:
                raise CommandRefused(_("A name with a line break in it was not sent."))
            self._wire.put(literal + rest + b"\r\n")
        return tag

    def early(self, command: bytes) -> bytes:
        """Send a command whose ``answer`` is wanted later, so that it costs no round trip of its own; the tag."""
        tag = self.send(command)
        self._early[tag] = None
        return tag

    def answer(self, tag: bytes) -> tuple[bool, list[Response]]:
        """What ``run`` would have returned for the command sent early."""
        self.settle()
        responses = self._early.pop(tag) or []
        return succeeded(responses[-1]), responses

    def settle(self) -> None:
        """Read what was sent early to its end.

        A server may work on commands side by side where that is not ambiguous, and mix their answers (RFC 9051 section 5.5).
        Each early command is therefore given all that came meanwhile; it picks what is its own by kind.
        """
        waiting = [tag for tag, responses in self._early.items() if responses is None]
        untagged: list[Response] = []
        ends: dict[bytes, Response] = {}
        for tag in waiting:
            *some, ends[tag] = self.until_next(tag)
            untagged += some
        for tag in waiting:
            self._early[tag] = [*untagged, ends[tag]]

    def begin(self) -> None:
        """Start the clock anew: a pipelined command's answer is now waited for."""
        self.settle()
        self._wire.begin_command()

    def read(self, largest: int | None = None) -> Response:
        """The next response with its literals. A literal over ``largest`` octets ends in ``TooLarge``, unread."""
        parts: list[bytes] = []
        while True:
            line = self._wire.readline()
            parts.append(line)
            found = LITERAL.match(line, line.rfind(b"{")) if line.endswith(b"}\r\n") else None
            if not found:
                return Response(parts, self._wire.unsaid.strike)
            size = int(found[1])
            if largest is not None and size > largest:
                raise TooLarge(Response(parts, self._wire.unsaid.strike), size)
            parts.append(self._wire.read(size))

    def until(self, tag: bytes) -> Iterator[Response]:
        """Untagged responses until ``tag`` completes; the completion is the last one. Raises on BYE and limits."""
        self.settle()
        yield from self.until_next(tag)

    def until_next(self, tag: bytes) -> Iterator[Response]:
        """``until`` for a command behind which others were sent early."""
        start = tag + b" "
        while True:
            response = self.kept(tag) or self.read()
            self.watch(response)
            if not response.line.startswith(start) and self.keep(response):
                continue
            yield response
            if response.line.startswith(start):
                return

    def keep(self, response: Response) -> bool:
        """Keep the completion of another command than the one that is read: a server may finish the later one first."""
        tagged = _TAGGED.match(response.line)
        if tagged is not None:
            self._completed[tagged[1]] = response
        return tagged is not None

    def kept(self, tag: bytes) -> Response | None:
        return self._completed.pop(tag, None)

    def watch(self, response: Response) -> None:
        """Raises MailboxError for a BYE, Throttled where its text or code names a limit."""
        if response.line[:6].upper() == b"* BYE ":
            raise bye(response)

    def run(self, command: bytes, literal: bytes | None = None, rest: bytes = b"") -> tuple[bool, list[Response]]:
        """(was it OK, all responses with the completion last)."""
        tag = self.send(command, literal, rest)
        responses = list(self.until(tag))
        return succeeded(responses[-1]), responses


class TooLarge(Exception):
    """A literal beyond the limit stands next in the stream; the connection cannot go on."""

    def __init__(self, response: Response, size: int) -> None:
        super().__init__(f"{size} octets announced")
        self.response = response
        self.size = size


def succeeded(completion: Response) -> bool:
    words = completion.line.split(b" ", 2)
    return len(words) > 1 and words[1].upper().strip() == b"OK"


def limit_seconds(code: str, text: str) -> float | None:
    """How long to wait when code or text names a provider's limit; None: it does not."""
    lower = text.lower()
    if code == "OVERQUOTA" or "bandwidth" in lower:
        return 24 * 3600.0  # Gmail locks an account for up to a day
    if code == "THROTTLED" or "throttl" in lower:
        return 15 * 60.0
    if code in LIMIT_CODES or any(word in lower for word in _LIMIT_WORDS):
        return 5 * 60.0
    return None


def bye(response: Response) -> MailboxError:
    code, _text = response.code()
    text = response.text().removeprefix("* ")
    wait = limit_seconds(code, text)
    if wait is not None:
        return Throttled(_("The mail server is limiting access and closed the connection."), text, retry_after=wait)
    return MailboxError(
        _("The mail server closed the connection."), text, _("Run the command again; it continues where it stopped.")
    )
