"""Microsoft 365 by OAuth: the device flow of msal with the user's own client id, and a token cache only they can read.

No client id is shipped: an application belongs to the organisation whose mail it reads. Everything that is not
Microsoft goes through ``token_command``.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from evidence.config import Account
from evidence.errors import LoginRefused, NetworkError, UsageError
from evidence.i18n import default_language, translation

SCOPES = ("https://outlook.office.com/IMAP.AccessAsUser.All",)
"""Delegated permission for IMAP; msal adds offline_access, without which a timer could not renew the token."""

_INSTANCE = "https://login.microsoftonline.com"
_PERSONAL = ("outlook.", "hotmail.", "live.", "msn.")
_SECONDS = 30


def cache_path(account: Account, folder: Path) -> Path:
    """Where the tokens of ``account`` are kept: a file beside config.toml, readable by its owner only."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", account.name)[:40]
    key = hashlib.sha256(f"{account.name}\0{account.username}\0{account.oauth_client_id}".encode()).hexdigest()[:8]
    return folder / f".oauth-{name}-{key}.json"


def authority_for(username: str) -> str:
    """The sign-in address: personal accounts have their own, an organisation's is found by its mail domain."""
    domain = username.partition("@")[2].lower()
    tenant = "consumers" if domain.startswith(_PERSONAL) else domain or "organizations"
    return f"{_INSTANCE}/{tenant}"


def sign_in(
    account: Account,
    *,
    cache: Path,
    say: Callable[[str], None],
    authority: str | None = None,
    http: Any = None,
) -> None:
    """Run the device flow (RFC 8628): ``say`` tells the person which page to open and which code to type; then waits.

    The tokens are kept in ``cache``. ``authority`` and ``http`` (a ``requests.Session`` or its like) are for tests.
    Raises LoginRefused when the person or the organisation declines, NetworkError when the service cannot be reached.
    """
    said = _said()

    def run(application: Any) -> Any:
        flow = application.initiate_device_flow(scopes=list(SCOPES))
        if "user_code" not in flow:
            return flow
        say(
            said("Open {url} in a browser, sign in as {username} and type the code {code}").format(
                url=flow["verification_uri"], username=account.username, code=flow["user_code"]
            )
        )
        return application.acquire_token_by_device_flow(flow)

    result = _with_application(account, cache, authority, http, run)
    if "access_token" not in result:
        raise _declined(account, result)


def access_token(
    account: Account, *, cache: Path, force: bool = False, authority: str | None = None, http: Any = None
) -> str:
    """An access token for IMAP from ``cache``, renewed when it has run out (or with ``force``). Asks no person.

    Raises LoginRefused with the next step when there is none or it cannot be renewed, NetworkError when the service
    cannot be reached.
    """

    def run(application: Any) -> Any:
        everyone = application.get_accounts()
        # A shared mailbox is opened by the person who signed in, under the mailbox's own name.
        mine = [a for a in everyone if str(a.get("username", "")).lower() == account.username.lower()] or everyone
        if not mine:
            return None
        return application.acquire_token_silent_with_error(list(SCOPES), mine[0], force_refresh=force)

    if not cache.exists():
        raise _never_signed_in(account)
    result = _with_application(account, cache, authority, http, run)
    if not result:
        raise _never_signed_in(account)
    if "access_token" not in result:
        raise _declined(account, result)
    return str(result["access_token"])


def _with_application(
    account: Account, cache: Path, authority: str | None, http: Any, run: Callable[[Any], Any]
) -> Any:
    said = _said()
    try:
        import msal
        import requests
    except ImportError:
        raise UsageError(
            said("The oauth extra is not installed."), "", said("Install it: pip install 'evidence[oauth]'.")
        ) from None
    if not account.oauth_client_id:
        raise UsageError(
            said("Account “{name}” has no oauth_client_id.").format(name=account.name),
            "",
            said(
                "Have an application registered in Microsoft Entra (public client, IMAP.AccessAsUser.All) and enter its "
                "client id there."
            ),
        )
    store = msal.SerializableTokenCache()
    kept = _read(cache)
    if kept:
        try:
            store.deserialize(kept)
        except ValueError:
            raise LoginRefused(
                said("The token file {path} is damaged.").format(path=cache.name),
                "",
                said("Delete it and run `evidence login {name}`.").format(name=account.name),
            ) from None
    try:
        application = msal.PublicClientApplication(
            account.oauth_client_id,
            authority=authority or authority_for(account.username),
            token_cache=store,
            http_client=http,
            timeout=None if http is not None else _SECONDS,
            instance_discovery=None if authority is None else False,
        )
        result = run(application)
    except requests.exceptions.RequestException as error:
        raise NetworkError(
            said("Microsoft's sign-in service cannot be reached."),
            type(error).__name__,
            said("Check the connection and try again."),
        ) from None
    except ValueError:
        raise NetworkError(
            said("Microsoft's sign-in service does not know the domain of “{username}”.").format(
                username=account.username
            ),
            "",
            said("Check the username of account “{name}”.").format(name=account.name),
        ) from None
    finally:
        # msal may have rotated the refresh token before a later step failed: what it holds now is what counts.
        if store.has_state_changed:
            _write(cache, store.serialize())
    return result


def _read(cache: Path) -> str:
    try:
        if os.name == "posix" and cache.stat().st_mode & 0o077:
            cache.chmod(0o600)
        return cache.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write(cache: Path, text: str) -> None:
    """Written anew beside it and renamed, never readable by others, not even for a moment."""
    fresh = cache.with_name(f"{cache.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(cache)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


def _never_signed_in(account: Account) -> LoginRefused:
    said = _said()
    return LoginRefused(
        said("Nobody has signed in to account “{name}” yet.").format(name=account.name),
        "",
        said("Run `evidence login {name}` and follow the link it shows.").format(name=account.name),
    )


def _declined(account: Account, result: dict[str, Any]) -> LoginRefused:
    said = _said()
    code = str(result.get("error", ""))
    described = str(result.get("error_description", "")).splitlines()
    text = "".join(c if c.isprintable() else " " for c in (described[0] if described else ""))[:300]
    return LoginRefused(
        said("Microsoft did not grant access to the mailbox of “{username}”.").format(username=account.username),
        ": ".join(part for part in (code, text) if part),
        said("Run `evidence login {name}` to sign in again; an administrator may have to consent first.").format(
            name=account.name
        ),
    )


def _said() -> Callable[[str], str]:
    return translation("mailbox", default_language()).gettext
