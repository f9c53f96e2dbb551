"""A local time-stamp authority: `openssl ts -reply` behind HTTP on 127.0.0.1, with a certificate revocation list."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

TODAY = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

CONFIG = """
[tsa]
dir = .
serial = ./serial
crypto_device = builtin
signer_cert = ./signer.pem
certs = ./chain.pem
signer_key = ./signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def need_openssl() -> None:
    if shutil.which("openssl") is None:
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
            pytest.fail("openssl is missing")
        pytest.skip("openssl is missing")


@dataclass
class Authority:
    """Certificates in ``folder`` and an HTTP server. ``answer`` may be replaced to answer wrongly."""

    folder: Path
    name: str = "Test time stamps"
    valid_from: datetime = TODAY - 30 * DAY
    valid_to: datetime = TODAY + 700 * DAY
    timestamping: bool = True
    intermediate: bool = False
    rsa: bool = False
    arguments: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        need_openssl()
        self.folder.mkdir(parents=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.base}/tsa"
        self._make()
        (self.folder / "tsa.cnf").write_text(CONFIG)
        (self.folder / "serial").write_text("01\n")

    def _make(self) -> None:
        self.root_key, key = (rsa.generate_private_key(65537, 2048) if self.rsa else _key()), _key()
        self.root = _certificate(
            f"{self.name} root", self.root_key, None, TODAY - 900 * DAY, TODAY + 9000 * DAY, ca=True
        )
        issuer, issuer_key, above = self.root, self.root_key, []
        if self.intermediate:
            issuer_key = _key()
            issuer = _certificate(
                f"{self.name} CA",
                issuer_key,
                (self.root, self.root_key),
                TODAY - 900 * DAY,
                TODAY + 2000 * DAY,
                ca=True,
            )
            above = [issuer]
        self.issuer, self.issuer_key = issuer, issuer_key
        self.signer = _certificate(
            self.name,
            key,
            (issuer, issuer_key),
            self.valid_from,
            self.valid_to,
            stamping=self.timestamping,
            base=self.base,
        )
        pem = serialization.Encoding.PEM
        (self.folder / "root.pem").write_bytes(self.root.public_bytes(pem))
        (self.folder / "signer.pem").write_bytes(self.signer.public_bytes(pem))
        (self.folder / "chain.pem").write_bytes(b"".join(c.public_bytes(pem) for c in [*above, self.root]))
        (self.folder / "signer.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self.revoked: datetime | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "root.pem"

    def answer(self, query: bytes) -> bytes:
        return self.reply(query)

    def reply(self, query: bytes) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        self._openssl("ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query.tsq", "-out", "reply.tsr",
                      *self.arguments)  # fmt: skip
        return (self.folder / "reply.tsr").read_bytes()

    def query(self, digest: str) -> bytes:
        """A request of somebody else's, over ``digest``, with a nonce of its own."""
        self._openssl("ts", "-query", "-digest", digest, "-sha256", "-cert", "-out", "other.tsq")
        return (self.folder / "other.tsq").read_bytes()

    def crl(self) -> bytes:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.issuer.subject)
        builder = builder.last_update(TODAY - DAY).next_update(TODAY + 7 * DAY)
        if self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(self.signer.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(self.revoked).build())
        return builder.sign(self.issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def ocsp(self, query: bytes) -> bytes:
        from cryptography.x509 import ocsp

        asked = ocsp.load_der_ocsp_request(query)
        assert asked.serial_number == self.signer.serial_number
        builder = ocsp.OCSPResponseBuilder().add_response(
            self.signer, self.issuer, hashes.SHA1(),
            ocsp.OCSPCertStatus.REVOKED if self.revoked else ocsp.OCSPCertStatus.GOOD,
            TODAY - DAY, TODAY + DAY, self.revoked, None,
        )  # fmt: skip
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, self.issuer)
        return builder.sign(self.issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def __enter__(self) -> Authority:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(authority: Authority) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked.append(self.path)
            octets = authority.ocsp(body) if self.path == "/ocsp" else authority.answer(body)
            self._send(octets, "application/timestamp-reply")

        def do_GET(self) -> None:
            authority.asked.append(self.path)
            self._send(authority.crl(), "application/pkix-crl")

        def _send(self, octets: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    name: str, key: Key, issuer: tuple[x509.Certificate, Key] | None, valid_from: datetime,
    valid_to: datetime, *, ca: bool = False, stamping: bool = True, base: str = "",
) -> x509.Certificate:  # fmt: skip
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, with_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(valid_from).not_valid_after(valid_to)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )  # fmt: skip
    if not ca:
        usage = ExtendedKeyUsageOID.TIME_STAMPING if stamping else ExtendedKeyUsageOID.EMAIL_PROTECTION
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(f"{base}/crl")], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        responder = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{base}/ocsp")
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
    return builder.sign(with_key, hashes.SHA256())
