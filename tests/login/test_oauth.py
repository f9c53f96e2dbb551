"""Microsoft's device flow against a scripted endpoint on loopback: sign in, renew, refuse, and keep tokens to oneself."""

from __future__ import annotations

import json
import logging
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from evidence.config import Account
from evidence.errors import LoginRefused, NetworkError, UsageError
from evidence.mailbox import login, oauth
from evidence.mailbox.login import bearer_secret, secret_for
from tests.login.test_secret import Client
from tests.login.tls_server import certificate, write

requests = pytest.importorskip("requests")
pytest.importorskip("msal")

CANARY = "refresh-canary-88d2"
ACCOUNT = Account(
    name="office", host="outlook.office365.com", username="office@north.example", oauth="microsoft",
    oauth_client_id="11111111-2222-3333-4444-555555555555",
)  # fmt: skip


@dataclass
class Endpoint:
    """Plays login.microsoftonline.com. ``answers`` are the token endpoint's, by grant, the last one repeated."""

    url: str = ""
    http: Any = None
    answers: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    issued: int = 0

    def tokens(self, *, expires_in: int = 3600) -> tuple[int, dict[str, Any]]:
        return 200, {"token_type": "Bearer", "expires_in": expires_in, "scope": " ".join(oauth.SCOPES)}

    def answer(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(form)
        grant = form["grant_type"].rpartition(":")[2]
        waiting = self.answers.get(grant, [self.tokens()])
        status, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if status == 200:
            self.issued += 1
            claims = {"preferred_username": "office@north.example", "sub": "s", "oid": "o", "tid": "t", "aud": "x"}
            body = body | {
                "access_token": f"access-canary-88d2-{self.issued}",
                "refresh_token": f"{CANARY}-{self.issued}",
                "client_info": _b64({"uid": "o", "utid": "t"}),
                "id_token": ".".join([_b64({"alg": "none"}), _b64(claims), ""]),
            }
        return status, body


def _b64(value: dict[str, str]) -> str:
    import base64

    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("EVIDENCE_LANG", "en")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    authority = certificate("Test authority", authority=True)
    ca_file, _ = write(tmp_path, "authority", authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write(tmp_path, "server", certificate("localhost", signed_by=authority)))
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def _say(self, status: int, body: dict[str, Any]) -> None:
            octets = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def do_GET(self) -> None:
            base = f"{state.url.rpartition('/')[0]}/north.example"
            self._say(
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                },
            )

        def do_POST(self) -> None:
            form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
            if self.path.endswith("/devicecode"):
                state.asked.append(form)
                self._say(
                    200,
                    {
                        "device_code": "device", "user_code": "ABCD-EFGH", "expires_in": 900, "interval": 0,
                        "verification_uri": "https://microsoft.example/devicelogin", "message": "open it",
                    },
                )  # fmt: skip
            else:
                self._say(*state.answer(form))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    state.url = f"https://localhost:{server.server_port}/north.example"
    state.http = requests.Session()
    state.http.trust_env = False
    state.http.verify = str(ca_file)
    yield state
    state.http.close()
    server.shutdown()
    thread.join()
    server.server_close()


PENDING = (400, {"error": "authorization_pending"})


def signed_in(endpoint: Endpoint, cache: Path, *, expires_in: int = 3600) -> list[str]:
    said: list[str] = []
    endpoint.answers["device_code"] = [PENDING, endpoint.tokens(expires_in=expires_in)]
    oauth.sign_in(ACCOUNT, cache=cache, say=said.append, authority=endpoint.url, http=endpoint.http)
    return said


def token(endpoint: Endpoint, cache: Path, **options: Any) -> str:
    return oauth.access_token(ACCOUNT, cache=cache, authority=endpoint.url, http=endpoint.http, **options)


def test_signing_in_says_page_and_code_waits_and_keeps_tokens_for_the_owner_only(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    cache = oauth.cache_path(ACCOUNT, tmp_path)
    said = signed_in(endpoint, cache)
    assert said == [
        "Open https://microsoft.example/devicelogin in a browser, sign in as office@north.example "
        "and type the code ABCD-EFGH"
    ]
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.glob(".oauth-*")] == [cache.name]
    assert "https://outlook.office.com/IMAP.AccessAsUser.All" in endpoint.asked[0]["scope"]
    assert "offline_access" in endpoint.asked[0]["scope"]
    assert token(endpoint, cache) == "access-canary-88d2-1"
    assert endpoint.issued == 1  # from the cache, without asking again


def test_a_token_that_has_run_out_is_renewed_and_the_new_one_kept(endpoint: Endpoint, tmp_path: Path) -> None:
    cache = oauth.cache_path(ACCOUNT, tmp_path)
    signed_in(endpoint, cache, expires_in=1)
    time.sleep(0.1)
    assert token(endpoint, cache) == "access-canary-88d2-2"
    assert endpoint.asked[-1]["refresh_token"] == f"{CANARY}-1"
    assert token(endpoint, cache) == "access-canary-88d2-2"
    assert token(endpoint, cache, force=True) == "access-canary-88d2-3"
    assert endpoint.asked[-1]["refresh_token"] == f"{CANARY}-2"  # the rotated one was kept


def test_a_token_refused_in_the_middle_of_a_run_is_renewed_and_the_login_succeeds(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    import imaplib

    cache = oauth.cache_path(ACCOUNT, tmp_path)
    signed_in(endpoint, cache)
    client = Client(b"AUTH=XOAUTH2", refuses=lambda n: imaplib.IMAP4.error("expired") if n == 1 else None)
    bearer_secret(ACCOUNT, lambda force: token(endpoint, cache, force=force)).authenticate(client)
    assert [said[1].partition("Bearer ")[2].strip("\1") for said in client.said] == [
        "access-canary-88d2-1",
        "access-canary-88d2-2",
    ]


def test_consent_that_was_withdrawn_asks_to_sign_in_again(endpoint: Endpoint, tmp_path: Path) -> None:
    cache = oauth.cache_path(ACCOUNT, tmp_path)
    signed_in(endpoint, cache, expires_in=1)
    time.sleep(0.1)
    endpoint.answers["refresh_token"] = [
        (400, {"error": "invalid_grant", "error_description": "AADSTS700082: expired.\r\nTrace ID: 1"})
    ]
    with pytest.raises(LoginRefused, match="did not grant access") as caught:
        token(endpoint, cache)
    assert "AADSTS700082" in caught.value.why
    assert "Trace" not in caught.value.why
    assert "evidence login office" in caught.value.next_step
    assert "88d2" not in str(caught.value)


def test_a_person_who_declines_is_a_refusal(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.answers["device_code"] = [(400, {"error": "authorization_declined", "error_description": "no"})]
    with pytest.raises(LoginRefused, match="did not grant access"):
        oauth.sign_in(ACCOUNT, cache=tmp_path / "c", say=lambda text: None, authority=endpoint.url, http=endpoint.http)


def test_nobody_signed_in_sends_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(LoginRefused, match="Nobody has signed in") as caught:
        secret_for(ACCOUNT, environ={}, folder=tmp_path).authenticate(Client(b"AUTH=XOAUTH2"))
    assert "evidence login office" in caught.value.next_step
    assert endpoint.asked == []


def test_a_service_that_cannot_be_reached_is_a_network_error(endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="cannot be reached"):
        oauth.sign_in(
            ACCOUNT, cache=tmp_path / "c", say=lambda text: None,
            authority="https://localhost:9/north.example", http=endpoint.http,
        )  # fmt: skip


def test_a_sign_in_service_without_a_trusted_certificate_gets_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.http.verify = True
    with pytest.raises(NetworkError):
        signed_in(endpoint, tmp_path / "c")
    assert endpoint.asked == []


def test_a_damaged_or_open_token_file(endpoint: Endpoint, tmp_path: Path) -> None:
    cache = oauth.cache_path(ACCOUNT, tmp_path)
    signed_in(endpoint, cache)
    cache.chmod(0o644)
    token(endpoint, cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    cache.write_text("{not json", encoding="utf-8")
    with pytest.raises(LoginRefused, match="damaged"):
        token(endpoint, cache)


def test_without_a_client_id_the_next_step_is_named(tmp_path: Path) -> None:
    bare = ACCOUNT.model_copy(update={"oauth_client_id": None})
    with pytest.raises(UsageError, match="oauth_client_id"):
        login.sign_in(bare, folder=tmp_path, say=lambda text: None)
    other = ACCOUNT.model_copy(update={"oauth": "command", "token_command": "x"})
    with pytest.raises(UsageError, match="token_command"):
        login.sign_in(other, folder=tmp_path, say=lambda text: None)


def test_no_token_gets_into_a_log(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    cache = oauth.cache_path(ACCOUNT, tmp_path)
    signed_in(endpoint, cache, expires_in=1)
    token(endpoint, cache, force=True)
    out, err = capfd.readouterr()
    assert "88d2" not in caplog.text + out + err


@pytest.mark.parametrize(
    ("username", "tenant"),
    [
        ("a@north.example", "north.example"),
        ("a@outlook.com", "consumers"),
        ("a@hotmail.co.uk", "consumers"),
        ("a", "organizations"),
    ],
)
def test_the_sign_in_address_follows_the_domain(username: str, tenant: str) -> None:
    assert oauth.authority_for(username) == f"https://login.microsoftonline.com/{tenant}"
