"""Certificates made for the test, and a mail server on loopback that keeps every octet it was sent, raw and decrypted."""

from __future__ import annotations

import base64
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(
    host: str, *, signed_by: Pair | None = None, authority: bool = False, days: tuple[int, int] = (-1, 30)
) -> Pair:
    """A certificate for ``host``; without ``signed_by`` it signs itself. ``days``: valid from and until, from today."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    today = datetime.datetime.now(datetime.UTC)
    issuer, signer = (signed_by[0].subject, signed_by[1]) if signed_by else (name, key)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + datetime.timedelta(days=days[0]))
        .not_valid_after(today + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    return made, key


def write(folder: Path, name: str, pair: Pair) -> tuple[Path, Path]:
    """(certificate file, key file) in PEM."""
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(pair[0].public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        pair[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


@dataclass
class Heard:
    """What reached the server: ``raw`` off the wire, ``plain`` as decrypted (or sent in the clear)."""

    port: int = 0
    raw: bytearray = field(default_factory=bytearray)
    plain: bytearray = field(default_factory=bytearray)
    logins: int = 0

    def hold(self, secret: str) -> bool:
        forms = (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-1])
        return any(form in octets for form in forms for octets in (self.raw, self.plain))


class _Line:
    """One connection, with TLS begun at once or on STARTTLS, through memory so that every octet passes our hands."""

    def __init__(self, sock: socket.socket, heard: Heard) -> None:
        self.sock, self.heard = sock, heard
        self.tls: ssl.SSLObject | None = None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.pending = b""

    def _receive(self) -> bytes:
        octets = self.sock.recv(65_536)
        self.heard.raw += octets
        return octets

    def begin_tls(self, context: ssl.SSLContext) -> None:
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        try:
            self._pump(self.tls.do_handshake)
        finally:
            with suppress(OSError):
                self.sock.sendall(self.outgoing.read())

    def _pump(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                done = step()
                self.sock.sendall(self.outgoing.read())
                return done
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                octets = self._receive()
                if not octets:
                    raise ConnectionError("closed") from None
                self.incoming.write(octets)

    def readline(self) -> bytes:
        while b"\n" not in self.pending:
            octets = self._receive() if self.tls is None else self._pump(partial(self.tls.read, 65_536))
            if not octets:
                raise ConnectionError("closed")
            self.heard.plain += octets
            self.pending += octets
        line, _, self.pending = self.pending.partition(b"\n")
        return line.rstrip(b"\r")

    def send(self, octets: bytes) -> None:
        if self.tls is None:
            self.sock.sendall(octets)
        else:
            self._pump(partial(self.tls.write, octets))


@contextmanager
def mail_server(
    context: ssl.SSLContext | None,
    *,
    starttls: bool = False,
    greeting: bytes = b"* OK ready",
    offers: bytes = b"IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2",
    injected: bytes = b"",
    refuse: bytes = b"",
    echo: bool = False,
) -> Iterator[Heard]:
    """An IMAP server that can log in and out. ``injected``: sent in the clear behind the OK to STARTTLS; ``refuse``: the
    answer to every login; ``echo``: repeats the login in its refusal.
    """
    heard = Heard()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    heard.port = listener.getsockname()[1]
    stopping = threading.Event()

    def talk(line: _Line) -> None:
        if context is not None and not starttls:
            line.begin_tls(context)
        line.send(greeting + b"\r\n")
        while True:
            said = line.readline()
            tag, _, rest = said.partition(b" ")
            verb = rest.split(b" ")[0].upper()
            if verb == b"CAPABILITY":
                line.send(b"* CAPABILITY " + offers + b"\r\n" + tag + b" OK done\r\n")
            elif verb == b"STARTTLS":
                if context is None:
                    line.send(tag + b" BAD what\r\n")
                    continue
                line.send(tag + b" OK begin\r\n" + injected)
                line.begin_tls(context)
            elif verb in (b"LOGIN", b"AUTHENTICATE"):
                given = rest
                if verb == b"AUTHENTICATE":
                    line.send(b"+ \r\n")
                    given = line.readline()
                heard.logins += 1
                if refuse:
                    line.send(tag + b" NO " + refuse + (b" " + given if echo else b"") + b"\r\n")
                else:
                    line.send(tag + b" OK logged in\r\n")
            elif verb == b"LOGOUT":
                line.send(b"* BYE\r\n" + tag + b" OK done\r\n")
                return
            else:
                line.send(tag + b" OK done\r\n")

    def serve() -> None:
        while not stopping.is_set():
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            sock.settimeout(5)
            with sock, suppress(OSError, ssl.SSLError, ConnectionError):
                talk(_Line(sock, heard))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        stopping.set()
        thread.join()
        listener.close()
