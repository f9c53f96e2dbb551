"""A secret is fetched from one place, proved to the server, and seen by nothing else."""

from __future__ import annotations

import base64
import imaplib
import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.config import Account
from evidence.errors import EvidenceError, LoginRefused, UsageError
from evidence.mailbox import login
from evidence.mailbox.login import bearer_secret, password_secret, run_for_secret, secret_for, store_secret
from evidence.mailbox.mailbox import MailboxError, Throttled

CANARY = 'cAnAry "\\ pass-7f3a'


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_LANG", "en")


def account(**options: Any) -> Account:
    return Account(**{"name": "office", "host": "imap.north.example", "username": "office@north.example"} | options)


class Client:
    """A connected client of imapclient's shape; ``refuses`` gives the exception for the n-th attempt, or None."""

    def __init__(self, *offered: bytes, refuses: Callable[[int], Exception | None] = lambda n: None) -> None:
        self.offered = offered
        self.refuses = refuses
        self.said: list[tuple[str, ...]] = []

    def capabilities(self) -> tuple[bytes, ...]:
        return (b"IMAP4REV1", *self.offered)

    def _done(self) -> None:
        error = self.refuses(len(self.said))
        if error is not None:
            raise error

    def login(self, username: str, password: str) -> None:
        self.said.append(("LOGIN", username, password))
        self._done()

    def sasl_login(self, mechanism: str, answer: Callable[[bytes], bytes]) -> None:
        first = answer(b"").decode()
        error = self.refuses(len(self.said) + 1)
        second = answer(b'{"status":"401"}').decode() if error else ""
        self.said.append((mechanism, first, second))
        if error:
            raise error


def test_a_secret_shows_nothing_and_cannot_be_kept() -> None:
    secret = password_secret(account(), CANARY)
    assert repr(secret) == str(secret) == f"{secret}" == "Secret(…)"
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(AttributeError):
        secret.password = "x"  # type: ignore[attr-defined]


def test_a_plain_password_is_said_by_login() -> None:
    client = Client(b"AUTH=PLAIN")
    password_secret(account(), CANARY).authenticate(client)
    assert client.said == [("LOGIN", "office@north.example", CANARY)]


def test_a_name_with_spaces_is_quoted() -> None:
    client = Client()
    password_secret(account(username='Anna "A" Orlova'), "x").login(client)
    assert client.said == [("LOGIN", '"Anna \\"A\\" Orlova"', "x")]


@pytest.mark.parametrize(
    ("offered", "password"), [((b"AUTH=PLAIN",), "пароль"), ((b"AUTH=PLAIN", b"LOGINDISABLED"), "x")]
)
def test_what_login_cannot_carry_goes_by_authenticate_plain(offered: tuple[bytes, ...], password: str) -> None:
    client = Client(*offered)
    password_secret(account(), password).authenticate(client)
    assert client.said == [("PLAIN", f"\0office@north.example\0{password}", "")]


def test_a_password_that_cannot_be_carried_is_refused_before_a_word_is_said() -> None:
    client = Client()
    with pytest.raises(LoginRefused, match="letters") as caught:
        password_secret(account(), "пароль").authenticate(client)
    assert client.said == []
    assert "пароль" not in str(caught.value)
    with pytest.raises(LoginRefused, match="does not accept a password"):
        password_secret(account(), "x").authenticate(Client(b"LOGINDISABLED"))


@pytest.mark.parametrize("password", ["", "a\r\nA1 DELETE INBOX", "a\0b", "a\nb"])
def test_a_password_with_a_line_break_never_reaches_the_line(password: str) -> None:
    with pytest.raises(UsageError):
        password_secret(account(), password)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("imap.gmail.com", "apppasswords"),
        ("imap.yandex.ru", "resets all app passwords when"),
        ("imap.mail.ru", "external applications"),
        ("outlook.office365.com", "switched off passwords"),
        ("imap.mail.me.com", "app-specific"),
        ("imap.fastmail.com", "Basic plan"),
        ("imap.north.example", "app password"),
    ],
)
def test_a_refusal_says_what_to_do_at_this_provider(host: str, words: str) -> None:
    client = Client(refuses=lambda n: imaplib.IMAP4.error(b"[AUTHENTICATIONFAILED] Invalid credentials (Failure)"))
    with pytest.raises(LoginRefused) as caught:
        password_secret(account(host=host), "x").authenticate(client)
    assert caught.value.exit_code == 12
    assert words in caught.value.next_step
    assert "The server said: [AUTHENTICATIONFAILED] Invalid credentials (Failure)" in caught.value.why


def test_a_refusal_is_said_in_russian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_LANG", "ru")
    with pytest.raises(LoginRefused) as caught:
        password_secret(account(host="imap.yandex.ru"), "x").authenticate(
            Client(refuses=lambda n: imaplib.IMAP4.error("NO"))
        )
    assert "imap.yandex.ru отказал во входе" in caught.value.what
    assert "Яндекс сбрасывает все пароли приложений" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "wait"),
    [("[THROTTLED] slow down", 900), ("[UNAVAILABLE] temporary", 300), ("Too many simultaneous connections", 300)],
)
def test_not_now_is_not_a_refusal(text: str, wait: float) -> None:
    with pytest.raises(Throttled) as caught:
        password_secret(account(), "x").authenticate(Client(refuses=lambda n: imaplib.IMAP4.error(text)))
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("error", [imaplib.IMAP4.abort("socket error: EOF"), ConnectionResetError("reset")])
def test_a_line_that_breaks_is_not_a_refusal(error: Exception) -> None:
    with pytest.raises(MailboxError, match="hung up"):
        password_secret(account(), "x").authenticate(Client(refuses=lambda n: error))


@pytest.mark.parametrize(
    "echo",
    [
        CANARY,
        repr(CANARY.encode()),
        'LOGIN office "' + CANARY.replace("\\", "\\\\").replace('"', '\\"') + '"',
        base64.b64encode(b"\0office@north.example\0" + CANARY.encode()).decode(),
    ],
)
def test_a_server_that_echoes_the_password_does_not_get_it_into_an_error(echo: str) -> None:
    with pytest.raises(LoginRefused) as caught:
        password_secret(account(), CANARY).authenticate(
            Client(refuses=lambda n: imaplib.IMAP4.error(f"no such user: {echo}"))
        )
    _holds_no_canary(caught.value, echo)


def _holds_no_canary(error: BaseException, *forms: str) -> None:
    for form in (CANARY, "7f3a", base64.b64encode(CANARY.encode()).decode(), *forms):
        for text in (str(error), repr(error), repr(error.args), repr(getattr(error, "__cause__", None))):
            assert form not in text


# ---- OAuth over IMAP ------------------------------------------------------------------------------------------------


def test_xoauth2_is_preferred_and_says_user_and_token() -> None:
    client = Client(b"AUTH=OAUTHBEARER", b"AUTH=XOAUTH2")
    bearer_secret(account(), lambda force: "token1").authenticate(client)
    assert client.said == [("XOAUTH2", "user=office@north.example\1auth=Bearer token1\1\1", "")]


def test_oauthbearer_as_rfc_7628_writes_it() -> None:
    client = Client(b"AUTH=OAUTHBEARER")
    bearer_secret(account(username="a,b=c@north.example"), lambda force: "token1").authenticate(client)
    assert client.said == [
        (
            "OAUTHBEARER",
            "n,a=a=2Cb=3Dc@north.example,\1host=imap.north.example\1port=993\1auth=Bearer token1\1\1",
            "",
        )
    ]


def test_a_token_that_ran_out_is_renewed_once_and_the_error_is_answered_with_nothing() -> None:
    asked: list[bool] = []

    def token(force: bool) -> str:
        asked.append(force)
        return f"token{len(asked)}"

    client = Client(b"AUTH=XOAUTH2", refuses=lambda n: imaplib.IMAP4.error("expired") if n == 1 else None)
    bearer_secret(account(), token).authenticate(client)
    assert asked == [False, True]
    assert [said[1].partition("Bearer ")[2].strip("\1") for said in client.said] == ["token1", "token2"]
    assert client.said[0][2] == ""


def test_a_token_that_stays_refused_is_a_refusal_without_the_token() -> None:
    client = Client(
        b"AUTH=XOAUTH2", refuses=lambda n: imaplib.IMAP4.error(f"bad token {CANARY.rsplit(maxsplit=1)[-1]}")
    )
    with pytest.raises(LoginRefused) as caught:
        bearer_secret(account(), lambda force: CANARY.rsplit(maxsplit=1)[-1]).authenticate(client)
    assert CANARY.rsplit(maxsplit=1)[-1] not in str(caught.value)
    assert len(client.said) == 1  # the same token is not tried twice


def test_a_server_without_oauth_gets_no_token() -> None:
    client = Client(b"AUTH=PLAIN")
    with pytest.raises(LoginRefused, match="does not offer OAuth"):
        bearer_secret(account(), lambda force: "token").authenticate(client)
    assert client.said == []


@pytest.mark.parametrize("token", ["", "two words", "a\1b", "a\r\n", "жетон"])
def test_what_is_no_token_never_reaches_the_line(token: str) -> None:
    client = Client(b"AUTH=XOAUTH2")
    with pytest.raises(UsageError):
        bearer_secret(account(), lambda force: token).authenticate(client)
    assert client.said == []


# ---- where secrets come from ----------------------------------------------------------------------------------------


def said_by(secret: login.Secret) -> str:
    client = Client(b"AUTH=PLAIN", b"AUTH=XOAUTH2")
    secret.authenticate(client)
    return client.said[0][-1] if client.said[0][0] == "LOGIN" else client.said[0][1]


def command(tmp_path: Path, text: str) -> str:
    script = tmp_path / "a command.py"
    script.write_text(text, encoding="utf-8")
    return f"{sys.executable} '{script}'"


def test_a_commands_first_line_is_the_password(tmp_path: Path) -> None:
    line = command(tmp_path, "print('first  line ')\nprint('user: x')")
    assert said_by(secret_for(account(password_command=line), environ={})) == "first  line "


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    line = command(tmp_path, "import sys; print(sys.argv[1:])") + " '$(touch x)' `id` ; echo y"
    assert said_by(secret_for(account(password_command=line), environ={})) == "['$(touch x)', '`id`', ';', 'echo', 'y']"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print('leak-7f3a'); raise SystemExit(3)", "exit code 3"),
        ("", "printed nothing"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe7f3a')", "is not UTF-8 text"),
    ],
)
def test_a_command_that_fails_is_named_without_what_it_printed(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(EvidenceError, match=words) as caught:
        secret_for(account(password_command=command(tmp_path, text)), environ={})
    _holds_no_canary(caught.value)


def test_a_command_that_is_not_there_or_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="the program “nowhere-to-be-found” was not found or cannot be run"):
        run_for_secret("nowhere-to-be-found x", "password_command")
    with pytest.raises(UsageError, match="not a valid command line"):
        run_for_secret("'unclosed", "password_command")
    monkeypatch.setattr(login, "COMMAND_SECONDS", 0.3)
    with pytest.raises(EvidenceError, match="did not finish within"):
        run_for_secret(command(tmp_path, "import time; time.sleep(20)"), "password_command")


def test_the_environment_is_the_one_given() -> None:
    assert said_by(secret_for(account(password_env="MAIL"), environ={"MAIL": "from env"})) == "from env"
    with pytest.raises(UsageError, match="MAIL is not set"):
        secret_for(account(password_env="MAIL"), environ={})


def test_a_token_command_is_run_again_for_each_login(tmp_path: Path) -> None:
    counter = tmp_path / "n"
    line = command(
        tmp_path, f"import pathlib; p = pathlib.Path({str(counter)!r})\n"
        "n = int(p.read_text() or 0) if p.exists() else 0\np.write_text(str(n + 1)); print(f'token{n}')"
    )  # fmt: skip
    secret = secret_for(account(oauth="command", token_command=line), environ={})
    assert [said_by(secret), said_by(secret)] == [
        f"user=office@north.example\1auth=Bearer token{n}\1\1" for n in (0, 1)
    ]


def test_google_oauth_needs_a_token_command() -> None:
    with pytest.raises(UsageError, match="token_command"):
        secret_for(account(oauth="google"), environ={})


def test_without_any_place_the_person_is_asked_or_told() -> None:
    assert said_by(secret_for(account(), environ={}, prompt=lambda a: f"typed for {a.name}")) == "typed for office"
    with pytest.raises(UsageError, match="does not say where"):
        secret_for(account(), environ={})


@pytest.fixture
def keyring_in_memory() -> Iterator[dict[tuple[str, str], str]]:
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    kept: dict[tuple[str, str], str] = {}

    class Memory(KeyringBackend):  # type: ignore[misc]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    yield kept
    keyring.set_keyring(before)


def test_the_keyring_keeps_and_gives_back(keyring_in_memory: dict[tuple[str, str], str]) -> None:
    with pytest.raises(LoginRefused, match="has no password for account") as caught:
        secret_for(account(keyring=True), environ={})
    assert "evidence login office" in caught.value.next_step
    store_secret(account(keyring=True), CANARY)
    assert keyring_in_memory == {("evidence imap imap.north.example", "office@north.example"): CANARY}
    assert said_by(secret_for(account(keyring=True), environ={})) == CANARY


def test_a_system_without_keyring_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        with pytest.raises(UsageError, match="No usable keyring") as caught:
            store_secret(account(keyring=True), CANARY)
        assert "password_command" in caught.value.next_step
        _holds_no_canary(caught.value)
    finally:
        keyring.set_keyring(before)


def test_the_canary_is_in_no_log_and_no_argument_list(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    arguments = tmp_path / "arguments"
    line = command(
        tmp_path,
        f"import os, sys\nopen({str(arguments)!r}, 'w').write(open('/proc/self/cmdline').read()"
        f" + str(sys.argv)) if os.path.exists('/proc') else None\nprint({CANARY!r})",
    )
    secret = secret_for(account(password_command=line), environ=dict(os.environ))
    secret.authenticate(Client())
    with pytest.raises(LoginRefused):
        secret.authenticate(Client(refuses=lambda n: imaplib.IMAP4.error("NO")))
    out, err = capfd.readouterr()
    for text in (caplog.text, out, err, arguments.read_text() if arguments.exists() else ""):
        assert "7f3a" not in text
