"""Mail providers people use: where their IMAP server is, which kind of password it takes, and where to get one.

Servers and addresses as the providers publish them; see ``docs`` of each. Texts are English msgids of the package's
catalogue; ``Preset.in_language`` translates them. ``discover`` asks DNS (RFC 6186 SRV records, and MX for firms whose
domain is served by one of the providers) only when it is told that it may.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from evidence.i18n import translation

Tls = Literal["implicit", "starttls", "none"]
PasswordKind = Literal["app-password", "external-app-password", "oauth", "password"]


@dataclass(frozen=True, slots=True)
class Preset:
    """One provider. ``expects`` says what to type as the password, ``where`` how to get it, ``refused`` what to
    look at when the login is refused. ``mail_exchangers`` are suffixes of the MX hosts of customers' own domains.
    """

    key: str
    name: str
    host: str
    port: int
    tls: Tls
    domains: tuple[str, ...]
    mail_exchangers: tuple[str, ...]
    kind: PasswordKind
    expects: str
    where: str
    refused: str
    url: str
    oauth: Literal["microsoft", None] = None

    def in_language(self, language: str) -> Preset:
        """The same preset with its texts in ``ru`` or ``en``."""
        said = translation("mailbox", language).gettext
        return replace(
            self, name=said(self.name), expects=said(self.expects), where=said(self.where), refused=said(self.refused)
        )


PRESETS: tuple[Preset, ...] = (
    Preset(
        key="gmail",
        name="Gmail",
        host="imap.gmail.com",
        port=993,
        tls="implicit",
        domains=("gmail.com", "googlemail.com"),
        mail_exchangers=("google.com", "googlemail.com"),
        kind="app-password",
        expects="An app password of 16 letters, not the password of the Google account.",
        where=(
            "Turn on 2-Step Verification in the Google account, then open myaccount.google.com/apppasswords "
            "and create an app password. In a Google Workspace the administrator must allow this."
        ),
        refused=(
            "Gmail takes only an app password here. Create one at myaccount.google.com/apppasswords (2-Step "
            "Verification must be on). App passwords are revoked when the password of the Google account changes."
        ),
        url="https://myaccount.google.com/apppasswords",
    ),
    Preset(
        key="yandex",
        name="Yandex Mail",
        host="imap.yandex.ru",
        port=993,
        tls="implicit",
        domains=("yandex.ru", "ya.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.uz", "narod.ru"),
        mail_exchangers=("mx.yandex.net", "mx.yandex.ru"),
        kind="app-password",
        expects="An app password for mail, not the password of the Yandex account.",
        where=(
            "In Yandex Mail, open Settings → Mail clients and allow access from imap.yandex.ru with app passwords; "
            "then create a password for “Mail” at id.yandex.ru/security/app-passwords."
        ),
        refused=(
            "Create a new app password for mail at id.yandex.ru/security/app-passwords and check that IMAP is "
            "allowed under Settings → Mail clients. Yandex resets all app passwords when the account's password "
            "is changed, when two-factor login is switched on or off, and after “Log out on all devices”."
        ),
        url="https://id.yandex.ru/security/app-passwords",
    ),
    Preset(
        key="mailru",
        name="Mail.ru",
        host="imap.mail.ru",
        port=993,
        tls="implicit",
        domains=("mail.ru", "inbox.ru", "list.ru", "bk.ru", "internet.ru", "xmail.ru"),
        mail_exchangers=("mxs.mail.ru", "emx.mail.ru"),
        kind="external-app-password",
        expects="A password for external applications, not the password of the mailbox.",
        where=(
            "Open account.mail.ru → Security → Passwords for external applications, add one, "
            "and choose full access to mail or IMAP."
        ),
        refused=(
            "Mail.ru takes only a password for external applications here. Create one under account.mail.ru → "
            "Security → Passwords for external applications; the mailbox's own password is always refused."
        ),
        url="https://account.mail.ru/user/2-step-auth/passwords",
    ),
    Preset(
        key="microsoft",
        name="Outlook / Microsoft 365",
        host="outlook.office365.com",
        port=993,
        tls="implicit",
        domains=(
            "outlook.com",
            "hotmail.com",
            "live.com",
            "msn.com",
            "outlook.de",
            "outlook.fr",
            "hotmail.co.uk",
            "hotmail.fr",
        ),
        mail_exchangers=("mail.protection.outlook.com", "mx.microsoft", "olc.protection.outlook.com"),
        kind="oauth",
        expects="A sign-in in the browser (OAuth); Microsoft no longer takes passwords for IMAP.",
        where=(
            "The administrator registers an application in Microsoft Entra (public client, permission "
            'IMAP.AccessAsUser.All); put its client id into oauth_client_id, set oauth = "microsoft", and run '
            "`evidence login`."
        ),
        refused=(
            'Microsoft has switched off passwords for IMAP, app passwords included. Set oauth = "microsoft" with '
            "your own oauth_client_id, and run `evidence login`. If you have, check that IMAP is enabled for the "
            "mailbox and that the administrator has consented to IMAP.AccessAsUser.All."
        ),
        url="https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
        oauth="microsoft",
    ),
    Preset(
        key="icloud",
        name="iCloud Mail",
        host="imap.mail.me.com",
        port=993,
        tls="implicit",
        domains=("icloud.com", "me.com", "mac.com"),
        mail_exchangers=("mail.icloud.com",),
        kind="app-password",
        expects="An app-specific password, not the password of the Apple Account.",
        where="Open account.apple.com → Sign-In and Security → App-Specific Passwords and create one.",
        refused=(
            "iCloud takes only an app-specific password here; create one at account.apple.com. All of them are "
            "revoked when the password of the Apple Account changes. Try as username both the full address and "
            "the part before @."
        ),
        url="https://account.apple.com",
    ),
    Preset(
        key="fastmail",
        name="Fastmail",
        host="imap.fastmail.com",
        port=993,
        tls="implicit",
        domains=("fastmail.com", "fastmail.fm", "sent.com", "messagingengine.com"),
        mail_exchangers=("messagingengine.com",),
        kind="app-password",
        expects="An app password with access to mail (IMAP), not the password of the account.",
        where=(
            "Open Settings → Privacy & Security → Manage app passwords and access, and create one "
            "with “Mail (IMAP/POP/SMTP)”."
        ),
        refused=(
            "Fastmail takes only an app password here; create one under Settings → Privacy & Security. "
            "The Basic plan has no IMAP."
        ),
        url="https://app.fastmail.com/settings/security",
    ),
)


@dataclass(frozen=True, slots=True)
class ServerFound:
    """An IMAP server for an address and how it was found: ``preset``, ``mx`` or ``srv``.

    ``foreign`` is true when DNS pointed to a host outside the address's own domain and no preset knows it:
    RFC 6186 section 6 asks that a person confirms such a server before a password is sent to it.
    """

    host: str
    port: int
    tls: Tls
    found_by: Literal["preset", "mx", "srv"]
    preset: Preset | None = None
    foreign: bool = False


def preset_for(address: str) -> Preset | None:
    """The provider of ``address`` by its domain (sub-domains of a provider are not the provider)."""
    domain = _domain(address)
    return next((p for p in PRESETS if domain in p.domains), None)


def preset_of_host(host: str) -> Preset | None:
    """The provider whose IMAP server ``host`` is, to word a refused login."""
    name = host.lower().rstrip(".")
    others = {"imap.yandex.com": "yandex", "imap-mail.outlook.com": "microsoft", "imap.googlemail.com": "gmail"}
    return next((p for p in PRESETS if name == p.host or others.get(name) == p.key), None)


def discover(address: str, *, allow_dns: bool, resolver: Any = None, timeout: float = 5.0) -> tuple[ServerFound, ...]:
    """IMAP servers for ``address``, best first; empty when nothing is known.

    Without ``allow_dns`` only the presets are looked at and no packet is sent. With it: MX (whose customer the domain
    is) and SRV ``_imaps._tcp``, then ``_imap._tcp`` (RFC 6186 section 3.2). ``resolver`` is a ``dns.resolver.Resolver``
    or None for the system's. ``timeout`` is in seconds for each question. Where DNS fails, nothing is found or raised.
    """
    known = preset_for(address)
    if known is not None:
        return (ServerFound(known.host, known.port, known.tls, "preset", known),)
    domain = _domain(address)
    if not allow_dns or not domain:
        return ()
    ask = _asker(resolver, timeout)
    found: list[ServerFound] = []
    exchangers = sorted((r.preference, r.exchange.to_text(omit_final_dot=True).lower()) for r in ask(domain, "MX"))
    for _, exchanger in exchangers:
        preset = next((p for p in PRESETS if any(_within(exchanger, x) for x in p.mail_exchangers)), None)
        if preset is not None:
            found.append(ServerFound(preset.host, preset.port, preset.tls, "mx", preset))
            break
    ways: tuple[tuple[str, Tls], ...] = (("_imaps._tcp.", "implicit"), ("_imap._tcp.", "starttls"))
    for service, tls in ways:
        records = sorted(ask(service + domain, "SRV"), key=lambda r: (r.priority, -r.weight, r.target.to_text()))
        for record in records:
            host = record.target.to_text(omit_final_dot=True).lower()
            if host in ("", "."):  # RFC 6186 section 3.4: the service is decidedly not offered
                continue
            preset = preset_of_host(host)
            foreign = preset is None and not _within(host, domain)
            if not any(f.host == host and f.port == record.port for f in found):
                found.append(ServerFound(host, record.port, tls, "srv", preset, foreign))
    return tuple(found)


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2].strip().rstrip(".").lower()
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


def _asker(resolver: Any, timeout: float) -> Any:
    import dns.exception
    import dns.resolver

    try:
        chosen = resolver or dns.resolver.Resolver()
    except dns.exception.DNSException:
        return lambda name, kind: ()

    def ask(name: str, kind: str) -> tuple[Any, ...]:
        try:
            return tuple(chosen.resolve(name, kind, lifetime=timeout, search=False))
        except dns.exception.DNSException:
            return ()

    return ask
