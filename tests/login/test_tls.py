"""No password leaves this machine for a server that cannot prove who it is (N6, N7)."""

from __future__ import annotations

import hashlib
import logging
import ssl
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from evidence.config import Account
from evidence.errors import EvidenceError, LoginRefused
from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.login import Secret, bearer_secret, password_secret
from evidence.mailbox.mailbox import MailboxError
from tests.login.tls_server import Pair, certificate, mail_server, write

CANARY = "canary-password-51c9"


@dataclass
class Authority:
    folder: Path
    pair: Pair
    file: Path

    def context(self, pair: Pair) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*write(self.folder, "server", pair))
        return context

    def server(self, host: str = "localhost", **options: Any) -> ssl.SSLContext:
        return self.context(certificate(host, signed_by=self.pair, **options))


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("EVIDENCE_LANG", "en")
    pair = certificate("Test authority", authority=True)
    return Authority(tmp_path, pair, write(tmp_path, "authority", pair)[0])


def account(port: int, authority: Authority, **options: Any) -> Account:
    given = {"name": "office", "host": "localhost", "port": port, "username": "office@north.example"}
    return Account(**given | {"ca_file": str(authority.file)} | options)


def connect(wanted: Account, secret: Callable[[Account], Secret] = lambda a: password_secret(a, CANARY)) -> ImapMailbox:
    return ImapMailbox.connect(wanted, secret(wanted), deadline=5)


def test_a_server_that_proves_itself_gets_the_password_once(authority: Authority) -> None:
    pair = certificate("localhost", signed_by=authority.pair)
    with mail_server(authority.context(pair)) as heard:
        mailbox = connect(account(heard.port, authority))
        mailbox.close()
    assert heard.logins == 1
    assert CANARY.encode() in heard.plain
    assert CANARY.encode() not in heard.raw  # it went encrypted
    assert mailbox.tls_fingerprint == hashlib.sha256(pair[0].public_bytes(serialization.Encoding.DER)).hexdigest()


def test_starttls_encrypts_before_the_password(authority: Authority) -> None:
    with mail_server(authority.server(), starttls=True, offers=b"IMAP4rev1 STARTTLS AUTH=PLAIN") as heard:
        connect(account(heard.port, authority, tls="starttls")).close()
    assert heard.logins == 1
    assert CANARY.encode() not in heard.raw


BAD: dict[str, Callable[[Authority], ssl.SSLContext]] = {
    "expired": lambda a: a.server(days=(-60, -1)),
    "not valid yet": lambda a: a.server(days=(2, 60)),
    "of another host": lambda a: a.server("imap.elsewhere.example"),
    "self-signed": lambda a: a.context(certificate("localhost")),
    "of an unknown authority": lambda a: a.context(
        certificate("localhost", signed_by=certificate("Another authority", authority=True))
    ),
    "signed by a certificate that is no authority": lambda a: a.context(
        certificate("localhost", signed_by=certificate("leaf.example", signed_by=a.pair))
    ),
}


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_certificate_that_proves_nothing_gets_no_password(authority: Authority, fault: str, tls: str) -> None:
    offers = b"IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=XOAUTH2"
    with mail_server(BAD[fault](authority), starttls=tls == "starttls", offers=offers) as heard:
        with pytest.raises(MailboxError, match="certificate of localhost cannot be trusted") as caught:
            connect(account(heard.port, authority, tls=tls))
        with pytest.raises(MailboxError):
            connect(account(heard.port, authority, tls=tls), lambda a: bearer_secret(a, lambda force: CANARY))
    assert not heard.hold(CANARY)
    assert heard.logins == 0
    assert caught.value.next_step


def test_without_its_own_authority_file_the_systems_authorities_decide(authority: Authority) -> None:
    with (
        mail_server(authority.server()) as heard,
        pytest.raises(MailboxError, match="cannot be trusted"),
    ):
        connect(account(heard.port, authority, ca_file=None))
    assert not heard.hold(CANARY)


def test_an_old_tls_gets_no_password(authority: Authority) -> None:
    context = authority.server()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with mail_server(context) as heard, pytest.raises(MailboxError):
        connect(account(heard.port, authority))
    assert not heard.hold(CANARY)


def test_a_stripped_starttls_gets_no_password(authority: Authority) -> None:
    with mail_server(None) as heard, pytest.raises(MailboxError, match="does not offer STARTTLS"):
        connect(account(heard.port, authority, tls="starttls"))
    assert not heard.hold(CANARY)


def test_text_injected_before_encryption_gets_no_password(authority: Authority) -> None:
    injected = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n* OK trust me\r\n"
    with (
        mail_server(authority.server(), starttls=True, offers=b"IMAP4rev1 STARTTLS", injected=injected) as heard,
        pytest.raises(MailboxError, match="before encryption"),
    ):
        connect(account(heard.port, authority, tls="starttls"))
    assert not heard.hold(CANARY)


def test_a_server_that_says_preauth_gets_no_password(authority: Authority) -> None:
    with (
        mail_server(None, greeting=b"* PREAUTH welcome", offers=b"IMAP4rev1 STARTTLS") as heard,
        pytest.raises(MailboxError, match="PREAUTH"),
    ):
        connect(account(heard.port, authority, tls="starttls"))
    assert not heard.hold(CANARY)


def test_plain_talk_on_the_tls_port_gets_no_password(authority: Authority) -> None:
    with mail_server(None) as heard, pytest.raises(MailboxError):
        connect(account(heard.port, authority))
    assert not heard.hold(CANARY)


@pytest.mark.parametrize("as_token", [False, True])
def test_a_refused_login_leaves_the_secret_in_no_error_and_no_log(
    authority: Authority, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], as_token: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("imapclient").setLevel(logging.DEBUG)
    try:
        with mail_server(authority.server(), refuse=b"[AUTHENTICATIONFAILED] wrong", echo=True) as heard:
            wanted = account(heard.port, authority)
            with pytest.raises(LoginRefused) as caught:
                if as_token:
                    connect(wanted, lambda a: bearer_secret(a, lambda force: CANARY))
                else:
                    connect(wanted)
    finally:
        logging.getLogger("imapclient").setLevel(logging.WARNING)
    assert heard.logins == 1
    out, err = capfd.readouterr()
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + out + err + str(caught.value)
    assert "51c9" not in told
    assert "•••" in caught.value.why


def test_a_line_cut_at_the_login_leaves_the_secret_in_no_error(authority: Authority) -> None:

    with mail_server(authority.server()) as heard:
        wanted = account(heard.port, authority)

        def cutting(a: Account) -> Secret:
            def prove(client: Any) -> None:
                client.guarded.sock.shutdown(2)
                password_secret(a, CANARY).authenticate(client)

            return Secret(prove)

        with pytest.raises(EvidenceError) as caught:
            connect(wanted, cutting)
    assert not isinstance(caught.value, LoginRefused)
    assert "51c9" not in "".join(traceback.format_exception(caught.value))


def test_a_name_and_password_with_quotes_and_russian_letters_arrive_whole(authority: Authority) -> None:
    with mail_server(authority.server()) as heard:
        connect(account(heard.port, authority), lambda a: password_secret(a, 'a "b\\ c')).close()
    assert b'LOGIN office@north.example "a \\"b\\\\ c"\r\n' in heard.plain
    with mail_server(authority.server()) as heard:
        connect(account(heard.port, authority), lambda a: password_secret(a, "пароль")).close()
    import base64

    sent = next(line for line in heard.plain.split(b"\r\n") if line.startswith(b"AG"))
    assert base64.b64decode(sent) == "\0office@north.example\0пароль".encode()
