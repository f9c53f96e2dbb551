"""Fetches the secret of an account and proves it to the server, so that nothing else ever sees it.

A secret comes from exactly one place: a command, an environment variable, the system's keyring, or OAuth. It is never
an argument of a process, never part of a ``repr``, a log line or an exception, and is never written to the archive.
"""

from __future__ import annotations

import base64
import imaplib
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol

from evidence.config import Account
from evidence.errors import EvidenceError, LoginRefused, UsageError
from evidence.i18n import default_language, translation
from evidence.mailbox.mailbox import MailboxError, Throttled
from evidence.mailbox.session import limit_seconds

COMMAND_SECONDS = 120
"""How long a password or token command may take: a person may have to touch a key."""

# ATOM-CHAR (RFC 9051 section 9), written as what it is: its complement, all of Unicode but these, takes long to compile
_ATOM = re.compile(r"[!#$&'+-Z\[^-z|}~]+")


class ImapClient(Protocol):
    """What is asked of a connected ``imapclient.IMAPClient``, TLS already in place."""

    def capabilities(self) -> Any: ...
    def login(self, username: str, password: str) -> Any: ...
    def sasl_login(self, mech_name: str, mech_callable: Callable[[bytes], bytes]) -> Any: ...


class Secret:
    """A way to prove who we are, and nothing else: no attribute to read, not to be pickled, printed as ``Secret(…)``.

    ``authenticate(client)`` may be called again on a new connection; an OAuth token that has run out is renewed first.
    Raises LoginRefused (with the provider's own next step), Throttled where the server says "not now", MailboxError where
    it hangs up.
    """

    __slots__ = ("_prove",)
    _prove: Callable[[ImapClient], None]

    def __init__(self, prove: Callable[[ImapClient], None]) -> None:
        object.__setattr__(self, "_prove", prove)

    def authenticate(self, client: ImapClient) -> None:
        self._prove(client)

    login = authenticate

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")


def secret_for(
    account: Account,
    *,
    environ: Mapping[str, str],
    prompt: Callable[[Account], str] | None = None,
    folder: Path | None = None,
) -> Secret:
    """The secret of ``account`` from the one place its configuration names.

    With no place named, ``prompt`` is asked (a terminal); without a prompt it is a UsageError. ``folder`` is where
    config.toml lies: OAuth tokens are kept there. Raises UsageError or LoginRefused with the next step.
    """
    if account.oauth == "microsoft":
        from evidence.mailbox import oauth

        cache = oauth.cache_path(account, folder or Path())
        return bearer_secret(account, lambda force: oauth.access_token(account, cache=cache, force=force))
    if account.token_command:
        command = account.token_command
        return bearer_secret(account, lambda force: run_for_secret(command, "token_command"))
    if account.oauth:
        said = _said()
        raise UsageError(
            said('Account “{name}”: oauth = "{kind}" needs a token_command.').format(
                name=account.name, kind=account.oauth
            ),
            "",
            said("Set token_command to a program that prints an access token, or use an app password."),
        )
    return password_secret(account, _password(account, environ, prompt))


def sign_in(account: Account, *, folder: Path, say: Callable[[str], None]) -> None:
    """Sign in with OAuth for ``account`` and keep the tokens beside config.toml, which lies in ``folder``.

    ``say`` shows the person the page and the code. Raises UsageError, LoginRefused or NetworkError.
    """
    if account.oauth != "microsoft":
        said = _said()
        raise UsageError(
            said("Account “{name}” gets its tokens from token_command; there is nothing to sign in to here.").format(
                name=account.name
            )
        )
    from evidence.mailbox import oauth

    oauth.sign_in(account, cache=oauth.cache_path(account, folder), say=say)


def store_secret(account: Account, secret: str) -> None:
    """Keep ``secret`` for ``account`` in the system's keyring. Raises UsageError when there is none to keep it in."""
    _check_password(account, secret)
    keyring, errors = _keyring()
    try:
        keyring.set_password(_service(account), account.username, secret)
    except errors as error:
        raise _no_keyring(account, error) from None


def password_secret(account: Account, password: str) -> Secret:
    """A secret that says LOGIN, or AUTHENTICATE PLAIN (RFC 4616) where LOGIN is off or cannot carry the characters."""
    _check_password(account, password)

    def prove(client: ImapClient) -> None:
        offered = _capabilities(client)
        plain = "AUTH=PLAIN" in offered
        if "LOGINDISABLED" in offered and not plain:
            said = _said()
            raise LoginRefused(
                said("{host} does not accept a password on this connection.").format(host=account.host),
                "LOGINDISABLED",
                _refused_step(account),
            )
        with_sasl = "LOGINDISABLED" in offered or not password.isascii() or not account.username.isascii()
        if with_sasl and not plain:
            said = _said()
            raise LoginRefused(
                said(
                    "The user name or password of account “{name}” contains characters that {host} does not accept."
                ).format(name=account.name, host=account.host),
                said(
                    "For characters outside ASCII, IMAP requires AUTHENTICATE PLAIN, which this server does not offer."
                ),
                said("Choose a password of Latin letters, digits and symbols."),
            )
        octets = b"\0" + account.username.encode() + b"\0" + password.encode()
        try:
            if with_sasl:
                client.sasl_login("PLAIN", lambda challenge: octets)
            else:
                client.login(_astring(account.username), password)
        except (imaplib.IMAP4.error, OSError) as error:
            raise _refusal(account, error, password, octets) from None

    return Secret(prove)


def bearer_secret(account: Account, token: Callable[[bool], str]) -> Secret:
    """A secret that presents an OAuth access token by XOAUTH2 or OAUTHBEARER (RFC 7628).

    ``token(force)`` gives the token; it is asked again with ``force`` when the server refuses the first one.
    """

    def prove(client: ImapClient) -> None:
        offered = _capabilities(client)
        mechanism = next((m for m in ("XOAUTH2", "OAUTHBEARER") if f"AUTH={m}" in offered), "")
        if not mechanism:
            said = _said()
            raise LoginRefused(
                said("{host} does not offer OAuth (XOAUTH2 or OAUTHBEARER).").format(host=account.host),
                "",
                said("Use a password for this account, or ask the provider to allow OAuth for IMAP."),
            )
        first = _checked_token(account, token(False))
        refused = _present(client, account, mechanism, first)
        if refused is None:
            return
        again = _checked_token(account, token(True)) if isinstance(refused, LoginRefused) else first
        if again == first:
            raise refused
        refused = _present(client, account, mechanism, again)
        if refused is not None:
            raise refused

    return Secret(prove)


def run_for_secret(command: str, key: str) -> str:
    """The first line that ``command`` prints; no shell is involved. ``key`` is its configuration key, for messages.

    Its standard error goes to the terminal untouched (a passphrase prompt, say) and is not recorded.
    """
    import shlex

    said = _said()
    hint = said("Run the command by hand to see what is wrong.")
    try:
        words = shlex.split(command, posix=os.name != "nt")
    except ValueError:
        words = []
    if not words:
        raise UsageError(said("{key} is not a valid command line.").format(key=key), "", hint)
    program = words[0]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS, check=False)
    except (FileNotFoundError, PermissionError):
        raise UsageError(
            said("{key}: the program “{program}” was not found or cannot be run.").format(key=key, program=program),
            "",
            hint,
        ) from None
    except subprocess.TimeoutExpired:
        raise EvidenceError(
            said("{key}: “{program}” did not finish within {n} seconds.").format(
                key=key, program=program, n=COMMAND_SECONDS
            ),
            "",
            hint,
        ) from None
    line = done.stdout.split(b"\n", 1)[0].rstrip(b"\r")
    if done.returncode != 0:
        raise EvidenceError(
            said("{key}: “{program}” ended with exit code {code}.").format(
                key=key, program=program, code=done.returncode
            ),
            "",
            hint,
        )
    if not line:
        raise EvidenceError(said("{key}: “{program}” printed nothing.").format(key=key, program=program), "", hint)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise EvidenceError(
        said("{key}: what “{program}” printed is not UTF-8 text.").format(key=key, program=program), "", hint
    )


def _password(account: Account, environ: Mapping[str, str], prompt: Callable[[Account], str] | None) -> str:
    said = _said()
    if account.password_command:
        return run_for_secret(account.password_command, "password_command")
    if account.password_env:
        found = environ.get(account.password_env, "")
        if not found:
            raise UsageError(
                said("The environment variable {name} is not set.").format(name=account.password_env),
                "",
                said("Account “{name}” takes its password from it (password_env).").format(name=account.name),
            )
        return found
    if account.keyring:
        keyring, errors = _keyring()
        try:
            kept = keyring.get_password(_service(account), account.username)
        except errors as error:
            raise _no_keyring(account, error) from None
        if not kept:
            raise LoginRefused(
                said("The keyring has no password for account “{name}”.").format(name=account.name),
                "",
                said("Run `evidence login {name}` to store it.").format(name=account.name),
            )
        return str(kept)
    if prompt is not None:
        return prompt(account)
    raise UsageError(
        said("Account “{name}” does not say where its password is.").format(name=account.name),
        "",
        said("Set password_command, password_env or keyring = true in config.toml."),
    )


def _keyring() -> tuple[Any, type[Exception]]:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        said = _said()
        raise UsageError(
            said("The keyring extra is not installed."), "", said("Install it: pip install 'evidence[keyring]'.")
        ) from None
    return keyring, keyring.errors.KeyringError


def keyring_works() -> bool:
    """Whether this system has a keyring that answers now; asked for an entry that nobody has made."""
    try:
        _keyring()[0].get_password("evidence", "is anybody there")
    # Every keyring fails in its own way (D-Bus, a locked chain, no back end); to us each is the answer no.
    except Exception:
        return False
    return True


def _service(account: Account) -> str:
    return f"evidence imap {account.host}"


def _no_keyring(account: Account, error: Exception) -> UsageError:
    said = _said()
    return UsageError(
        said("No usable keyring is available on this system now."),
        type(error).__name__,
        said(
            "Scheduled runs without a desktop session often cannot open one: use password_command or password_env "
            "for account “{name}”."
        ).format(name=account.name),
    )


def _check_password(account: Account, password: str) -> None:
    if not password or re.search(r"[\r\n\0]", password):
        said = _said()
        raise UsageError(
            said("The password of account “{name}” is empty or contains a line break.").format(name=account.name),
            "",
            said("Store it again; only its first line counts."),
        )


def _checked_token(account: Account, token: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        said = _said()
        raise UsageError(
            said("What account “{name}” supplied as its access token is not one.").format(name=account.name),
            said("An access token is a single word of ASCII letters, digits and symbols (RFC 6750)."),
            said("Check token_command, or run `evidence login {name}`.").format(name=account.name),
        )
    return token


def _present(client: ImapClient, account: Account, mechanism: str, token: str) -> EvidenceError | None:
    if mechanism == "XOAUTH2":
        octets, farewell = f"user={account.username}\1auth=Bearer {token}\1\1".encode(), b""
    else:
        name = account.username.replace("=", "=3D").replace(",", "=2C")
        place = f"host={account.host}\1port={account.port}\1"
        octets, farewell = f"n,a={name},\1{place}auth=Bearer {token}\1\1".encode(), b"\1"
    challenges: list[bytes] = []

    def answer(challenge: bytes) -> bytes:
        # The second challenge is the error in JSON; it is answered with nothing, never with the token (RFC 7628 3.2.3).
        challenges.append(challenge)
        return octets if len(challenges) == 1 else farewell

    try:
        client.sasl_login(mechanism, answer)
    except (imaplib.IMAP4.error, OSError) as error:
        return _refusal(account, error, token, octets)
    return None


def _refusal(account: Account, error: Exception, secret: str, *octets: bytes) -> EvidenceError:
    said = _said()
    text = server_text(error, secret, *octets)
    cause = error.__context__
    lost = isinstance(error, imaplib.IMAP4.abort | OSError) or isinstance(cause, imaplib.IMAP4.abort | OSError)
    if lost:
        return MailboxError(
            said("{host} hung up during the login.").format(host=account.host),
            text,
            said(
                "Try again in a few minutes; if that does not help, check host, port and tls of account “{name}”."
            ).format(name=account.name),
        )
    code = re.search(r"\[([A-Z-]+)\]", text)
    wait = limit_seconds(code[1] if code else "", text)
    if wait is not None:
        return Throttled(
            said("{host} is not accepting logins at the moment.").format(host=account.host),
            text,
            said("Wait about {n} minutes; close other mail programs that use this mailbox.").format(n=round(wait / 60)),
            retry_after=wait,
        )
    return LoginRefused(
        said("{host} refused the login of “{username}” (account “{name}”).").format(
            host=account.host, username=account.username, name=account.name
        ),
        said("The server said: {text}").format(text=text) if text else "",
        _refused_step(account),
    )


def server_text(error: Exception, secret: str, *octets: bytes) -> str:
    """What the server said, in one printable line of at most 300 characters, without the secret should it echo it.

    ``octets`` are other forms in which the secret went over the line, as base64.
    """
    text = str(error)
    if re.fullmatch(r"b(['\"]).*\1", text, re.DOTALL):  # imaplib puts bytes into the exception, imapclient its repr
        import ast

        with suppress(ValueError, SyntaxError):
            text = ast.literal_eval(text).decode("utf-8", "replace")
    quoted = secret.replace("\\", "\\\\")
    forms = {secret, quoted, quoted.replace('"', '\\"'), repr(secret)[1:-1], repr(secret.encode())[2:-1]}
    forms |= {base64.b64encode(o).decode() for o in (secret.encode(), *octets)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "•••")
    text = "".join(c if c.isprintable() else " " for c in text)
    return text.strip()[:300]


def _refused_step(account: Account) -> str:
    from evidence.mailbox.presets import preset_of_host

    preset = preset_of_host(account.host)
    if preset is not None:
        return preset.in_language(default_language()).refused
    return _said()(
        "Check the username and the password. Many providers require a separate password for mail programs (an "
        "app password); see their help, then run `evidence login`."
    )


def _capabilities(client: ImapClient) -> set[str]:
    try:
        words = client.capabilities()
    except (imaplib.IMAP4.error, OSError) as error:
        said = _said()
        raise MailboxError(said("The mail server hung up before the login."), str(error)[:300], "") from None
    return {(w.decode("ascii", "replace") if isinstance(w, bytes) else str(w)).upper() for w in words}


def _astring(name: str) -> str:
    """``name`` as an IMAP astring: imaplib sends the user name as it is given."""
    if _ATOM.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _said() -> Callable[[str], str]:
    return translation("mailbox", default_language()).gettext
