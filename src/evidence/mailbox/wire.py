"""The connection: sockets, TLS, deadlines, byte caps, and the gate every octet to the server passes.

imapclient connects, negotiates STARTTLS and logs in over it; the responses of the reading commands are taken from the same
buffer without passing through imaplib, which would format every literal for its log.
"""

from __future__ import annotations

import contextlib
import hashlib
import imaplib
import io
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from imapclient import IMAPClient

from evidence.i18n import talk
from evidence.mailbox.commands import check_line
from evidence.mailbox.discretion import Unsaid
from evidence.mailbox.mailbox import CommandRefused, MailboxError

_ = talk("mailbox")

BUFFER = 1 << 18
_TOLD = re.compile(rb"\* OK \[CAPABILITY ([^\]\r\n]*)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a server can make us wait for or hold. Seconds and octets.

    A command may last ``deadline`` plus the time its octets need at ``slowest`` octets a second, however they drip in.
    """

    deadline: float = 120.0
    slowest: int = 2048
    message: int = 300 * 1024 * 1024
    line: int = 16 * 1024 * 1024
    stray: int = 64 * 1024 * 1024  # octets of lines, literals apart, in one command


class _Clocked(io.RawIOBase):
    """The reading half of a socket, with an overall deadline instead of one per read."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self._sock = sock
        self._limits = limits
        self._closed_for_now = False
        self._timeout = 0.0  # set on the socket now; setting it costs a system call
        self.begin()

    def begin(self) -> None:
        self._started = time.monotonic()
        self._received = 0

    def sending(self) -> None:
        """A command may take the whole deadline to go out."""
        if self._timeout != self._limits.deadline:
            self._timeout = self._limits.deadline
            self._sock.settimeout(self._timeout)

    def readable(self) -> bool:
        return True

    def buffered_only(self, reader: io.BufferedReader[_Clocked]) -> bytes:
        """What ``reader`` holds already, without asking the socket."""
        self._closed_for_now = True
        try:
            return reader.peek(1)
        finally:
            self._closed_for_now = False

    def readinto(self, buffer: Any) -> int:
        if self._closed_for_now:
            return 0
        while True:
            allowed = self._limits.deadline + self._received / self._limits.slowest
            remaining = self._started + allowed - time.monotonic()
            if remaining <= 0:
                raise MailboxError(
                    _("The mail server responds too slowly; the connection was closed."),
                    _("{octets} bytes in {seconds:.0f} seconds.").format(
                        octets=self._received, seconds=time.monotonic() - self._started
                    ),
                    _("Run the command again later; what was stored is kept."),
                )
            if not 0 < self._timeout <= remaining:  # a shorter one only looks at the clock more often
                self._timeout = remaining / 2 if remaining > 2 else remaining
                self._sock.settimeout(self._timeout)
            try:
                count = self._sock.recv_into(buffer)
                break
            except TimeoutError:
                self._timeout = 0.0
            except OSError as error:
                raise lost(str(error)) from None
        self._received += count
        return count


def lost(why: str) -> MailboxError:
    return MailboxError(
        _("The connection to the mail server broke."), why, _("Run the command again; it continues where it stopped.")
    )


class GuardedImap(imaplib.IMAP4):
    """imaplib over a clocked, capped connection that lets only reading commands out."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, limits: Limits) -> None:
        self._tls = tls
        self._limits = limits
        self._dialogue = False  # an AUTHENTICATE exchange is running: its answers are no commands
        self._stray = 0
        self._greeted = True
        self.unsaid = Unsaid()
        super().__init__(host, port, timeout=min(limits.deadline, 30.0))

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host = host
        self.port = port
        try:
            sock = socket.create_connection((host, port), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=host)
        except OSError as error:
            raise _unreachable(host, port, error) from error
        self._attach(sock)

    def _get_capabilities(self) -> None:
        """From the greeting where it tells them (RFC 9051 section 7.1), which saves a round trip; else by asking."""
        told = _TOLD.match(self.welcome or b"") if self._greeted else None
        self._greeted = False  # asked again, after STARTTLS, the greeting counts for nothing
        if told is None:
            super()._get_capabilities()  # type: ignore[misc]  # typeshed lacks it
            return
        self.capabilities = tuple(told[1].decode("ascii", "replace").upper().split())
        self.untagged_responses.pop("CAPABILITY", None)  # of before the login: not to be taken for what holds after it

    def _attach(self, sock: socket.socket) -> None:
        self.sock = sock
        self._clock = _Clocked(sock, self._limits)
        self._reader = io.BufferedReader(self._clock, BUFFER)

    def begin_command(self) -> None:
        self._clock.begin()
        self._stray = 0

    def read(self, size: int) -> bytes:
        if size > self._limits.message:
            raise MailboxError(
                _("The mail server announced more data than this program accepts in one piece."),
                _("{size} bytes announced, {limit} allowed.").format(size=size, limit=self._limits.message),
                _("The connection was closed before reading them."),
            )
        octets = self._buffered(self._reader.read, size)
        if octets is None or len(octets) < size:
            raise lost("The server closed it in the middle of a message.")
        return octets

    def readline(self) -> bytes:
        line = self._buffered(self._reader.readline, self._limits.line + 1)
        self._stray += len(line)
        if len(line) > self._limits.line or self._stray > self._limits.stray:
            raise MailboxError(
                _("The mail server sends data without end; the connection was closed."),
                _("{octets} bytes that were not requested.").format(octets=self._stray),
            )
        if not line:
            raise lost("The server closed it.")
        if not line.endswith(b"\n"):
            raise lost("The server closed it in the middle of a line.")
        return line

    def _buffered(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except ValueError:  # how a reader says that it was closed: what was sent early is still asked for after a cut
            raise lost("It is closed already.") from None

    def skip(self, size: int) -> None:
        """Read and drop ``size`` octets."""
        while size:
            size -= len(self.read(min(size, BUFFER)))

    def send(self, data: Any) -> None:
        """The gate. Raises CommandRefused; everything imaplib, imapclient and this package send passes here."""
        octets = bytes(data)
        if (
            self._dialogue and b" " not in octets
        ):  # base64 or "*" (RFC 9051 section 6.2.2); commands have a tag and a blank
            if octets.rstrip(b"\r\n").translate(None, b"\r\n") != octets.rstrip(b"\r\n"):
                raise CommandRefused(_("An answer with a line break in it was not sent."))
            self.unsaid.hear_answer(octets)
        else:
            line = octets.removesuffix(b"\r\n")
            check_line(line)
            if self.state == "NONAUTH":
                self.unsaid.hear_command(line)
            self._dialogue = line.split(b" ", 2)[1].upper() == b"AUTHENTICATE"
            self.begin_command()
        self.put(octets)

    def put(self, octets: bytes) -> None:
        try:
            self._clock.sending()
            self.sock.sendall(octets)
        except OSError as error:
            raise lost(str(error)) from None

    def abandon(self) -> None:
        """End the connection from another thread: a read that waits in it comes back at once."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def shutdown(self) -> None:
        for close in (self._reader.close, self.sock.close):
            with contextlib.suppress(OSError, MailboxError):
                close()

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:
        """RFC 9051 section 6.2.1. Refuses a server that offers none, and text that came before the handshake."""
        if ssl_context is None or self._tls is not None:
            raise MailboxError(_("STARTTLS was requested on a connection that already uses TLS."))
        if self.state != "NONAUTH" or "STARTTLS" not in self.capabilities:
            self.starttls_missing()
        typ, answer = self._simple_command("STARTTLS")
        if typ != "OK":
            raise MailboxError(_("The mail server refused STARTTLS, so the password was not sent."), str(answer))
        if self._clock.buffered_only(self._reader):
            raise MailboxError(
                _("The mail server sent text before encryption began, so the password was not sent."),
                _("Such text can be injected by someone in between (CVE-2011-0411 and similar attacks)."),
            )
        try:
            sock = ssl_context.wrap_socket(self.sock, server_hostname=self.host)
        except OSError as error:
            raise _unreachable(self.host, self.port, error) from error
        self._tls = ssl_context
        self._attach(sock)
        self.untagged_responses.clear()  # what was said in the clear counts for nothing
        self._get_capabilities()
        return typ, answer

    def starttls_missing(self) -> NoReturn:
        raise MailboxError(
            _("The mail server does not offer STARTTLS, so the password was not sent."),
            _("Someone between you and the server may have removed the offer."),
            _('Use tls = "implicit" with port 993 if the provider offers it.'),
        )

    def fingerprint(self) -> str:
        """SHA-256 of the peer's certificate in DER; empty without TLS."""
        if isinstance(self.sock, ssl.SSLSocket):
            return hashlib.sha256(self.sock.getpeercert(binary_form=True) or b"").hexdigest()
        return ""


def _unreachable(host: str, port: int, error: OSError) -> MailboxError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return MailboxError(
            _("The certificate of {host} cannot be trusted, so the password was not sent.").format(host=host),
            error.verify_message,
            _("Check the host name; for a server with its own certificate authority, name its file in ca_file."),
        )
    if isinstance(error, ssl.SSLError):
        return MailboxError(
            _("An encrypted connection to {host}:{port} could not be established.").format(host=host, port=port),
            str(error),
            _("Check port and tls."),
        )
    return MailboxError(
        _("{host}:{port} could not be reached.").format(host=host, port=port),
        str(error),
        _("Check the host name, the port and the network."),
    )


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Verifies certificate and host name; TLS 1.2 or later. ``ca_file``: PEM of an own authority. Raises MailboxError."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise MailboxError(
            _("The certificate authority file {ca_file} cannot be read.").format(ca_file=ca_file), str(error)
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class ReadOnlyClient(IMAPClient):  # type: ignore[misc]
    """imapclient whose connection is a ``GuardedImap``."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, limits: Limits) -> None:
        self._guard = (host, port, tls, limits)
        super().__init__(host, port, ssl=tls is not None, ssl_context=tls, timeout=limits.deadline)
        # imapclient sets 5, at which imaplib formats the repr of every literal and logs passwords at DEBUG
        self._imap.debug = 0
        self._imap._mesg = lambda *_: None
        self._imap._log = lambda *_: None  # imaplib keeps its last lines, LOGIN among them, in memory
        self.normalise_times = False
        self.folder_encode = False

    def _create_IMAP4(self) -> GuardedImap:
        return GuardedImap(*self._guard)

    @property
    def guarded(self) -> GuardedImap:
        guarded: GuardedImap = self._imap
        return guarded


logging.getLogger("imapclient").setLevel(logging.WARNING)
