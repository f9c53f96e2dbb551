"""evidence init: a few questions, then a commented config.toml. Every answer is also a flag; a second run edits."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evidence.cli.hints import pasteable
from evidence.cli.session import Session
from evidence.cli.text import _, help_end, language, ngettext
from evidence.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from evidence.operate.wizard import Answers, Correspondent


@click.command(
    "init",
    help=_(
        "Set up a matter: the mailbox (its server is guessed, the login tried), who we are, who the client is (proposed from the mailbox), "
        "language, time zone, deadline, staff and rates. Writes a commented config.toml. A second run edits it and keeps your comments."
    ),
    epilog=help_end(
        "evidence init my-matter",
        "evidence init --yes --address office@north.example --host imap.north.example --password-env NORTH_PASSWORD --us-name North --us-address @north.example --client-name Romashka --client-address director@romashka.example",
        codes=(0, 2, 12, 130),
    ),
)
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--address", help=_("The mailbox's address."))
@click.option("--host", help=_("Its IMAP server; default: guessed from the address."))
@click.option("--port", type=int, help=_("Its port."))
@click.option("--tls", type=click.Choice(["implicit", "starttls", "none"]), help=_("How the connection is protected."))
@click.option("--ca-file", help=_("A certificate authority of your own."))
@click.option("--username", help=_("The login name; default: the address."))
@click.option("--password-command", help=_("A command that prints the password."))
@click.option("--password-env", help=_("An environment variable that holds the password."))
@click.option("--keyring/--no-keyring", default=None, help=_("Keep the password in the system's keyring."))
@click.option("--oauth-client-id", help=_("Microsoft 365: the client id of your own registered application."))
@click.option("--allow-dns", is_flag=True, help=_("Ask DNS which server an unknown domain uses."))
@click.option("--no-connect", is_flag=True, help=_("Do not try the login now."))
@click.option("--title", help=_("What the dispute is called; printed on the cover."))
@click.option("--us-name", help=_("Our name."))
@click.option("--us-address", "us_addresses", multiple=True, help=_("Our address or @domain; may be repeated."))
@click.option("--client-name", help=_("The client's name."))
@click.option(
    "--client-address", "client_addresses", multiple=True, help=_("The client's address or @domain; may be repeated.")
)
@click.option(
    "--delegate",
    "delegates",
    multiple=True,
    metavar="NAME=ADDRESS",
    help=_("Somebody who writes for the client; may be repeated."),
)
@click.option("--counsel", multiple=True, help=_("Our lawyer's address or @domain; may be repeated."))
@click.option(
    "--staff",
    multiple=True,
    metavar="NAME=ADDRESS=RATE",
    help=_("One of our staff with an hourly rate; may be repeated."),
)
@click.option("--matter-language", type=click.Choice(["ru", "en"]), help=_("Language of the bundle and the pages."))
@click.option("--timezone", help=_("Time zone, such as Europe/Moscow."))
@click.option(
    "--answer-within-days", type=click.IntRange(1, 365), help=_("After how many days a request counts as unanswered.")
)
@click.option("--country", help=_("Whose public holidays count: RU, GB, …"))
@click.option("--yes", is_flag=True, help=_("Ask nothing; take flags and defaults."))
@click.pass_obj
def command(session: Session, /, folder: Path | None, **flags: Any) -> int:
    from evidence.operate import wizard

    path = (folder / "config.toml") if folder else (session.config_path or Path("config.toml"))
    if path.is_dir():
        path /= "config.toml"
    old = path.read_text(encoding="utf-8") if path.exists() else None
    answers = wizard.from_config(old) if old else wizard.Answers(language="ru" if language == "ru" else "en")
    if not old and language != "ru":
        answers.country, answers.timezone = "GB", "Europe/London"
    _from_flags(answers, flags)
    dialogue = Dialogue(answers, flags, old is not None)
    dialogue.hold()
    text = wizard.edited_config(old, answers) if old else wizard.new_config(answers)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".toml.new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    click.echo(str(path))
    dialogue.after(path)
    return 0


def _from_flags(answers: Answers, flags: dict[str, Any]) -> None:
    for name in (
        "host",
        "port",
        "tls",
        "ca_file",
        "password_command",
        "password_env",
        "oauth_client_id",
        "title",
        "us_name",
        "client_name",
        "timezone",
        "answer_within_days",
        "country",
    ):
        if flags[name] is not None:
            setattr(answers, name, flags[name])
    if flags["matter_language"]:
        answers.language = flags["matter_language"]
    if flags["keyring"] is not None:
        answers.keyring = flags["keyring"]
    if flags["us_addresses"]:
        answers.us_addresses = list(flags["us_addresses"])
    if flags["client_addresses"]:
        answers.client_addresses = list(flags["client_addresses"])
    if flags["counsel"]:
        answers.counsel = list(flags["counsel"])
    if flags["delegates"]:
        answers.delegates = [_parts(text, 2) for text in flags["delegates"]]  # type: ignore[misc]
    if flags["staff"]:
        answers.staff = [
            (name, address, _rate(rate)) for name, address, rate in (_parts(text, 3) for text in flags["staff"])
        ]
    if flags["address"] or flags["username"]:
        answers.username = flags["username"] or flags["address"]


def _parts(text: str, count: int) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split("=")]
    if len(parts) > count or not parts[0]:
        raise UsageError(
            _("«{text}»: write {form}.").format(text=text, form="NAME=ADDRESS" if count == 2 else "NAME=ADDRESS=RATE")
        )
    return tuple(parts + [""] * (count - len(parts)))


def _rate(text: str) -> float:
    try:
        return float(text.replace(",", ".") or 0)
    except ValueError:
        raise UsageError(_("«{text}» is not a rate; write a number.").format(text=text)) from None


class Dialogue:
    """The questions in order. With ``--yes`` nothing is asked and what is missing is an error that names its flag."""

    def __init__(self, answers: Answers, flags: dict[str, Any], again: bool) -> None:
        self.answers = answers
        self.flags = flags
        self.again = again
        self.silent: bool = flags["yes"]
        self.proposals: list[Correspondent] = []
        self.password: str | None = None

    def say(self, text: str = "") -> None:
        click.echo(pasteable(text), err=True)

    def ask(self, question: str, default: str = "", *, flag: str, check: str = "") -> str:
        if self.silent:
            if not default:
                raise UsageError(_("{flag} is needed with --yes.").format(flag=flag))
            return default
        while True:
            reply: str = click.prompt(question, default=default or None, err=True, show_default=bool(default)).strip()
            if not check or re.fullmatch(check, reply):
                return reply
            self.say(_("That does not look right: {text}").format(text=reply))

    def confirm(self, question: str, default: bool = True) -> bool:
        return default if self.silent else bool(click.confirm(question, default=default, err=True))

    # ---- the parts ---------------------------------------------------------------------------

    def hold(self) -> None:
        if not self.silent:
            self.say(
                _("This sets up one matter. Enter takes the answer in brackets; Ctrl-C leaves everything as it was.")
            )
            self.say()
        self.mailbox()
        self.parties()
        self.rest()

    def mailbox(self) -> None:
        from evidence.mailbox.presets import discover

        a = self.answers
        if not a.username and not (self.silent and a.host == ""):
            a.username = self.ask(_("Your mailbox's address"), flag="--address", check=r"\S+@\S+\.\S+")
        if not a.username:
            return
        if not a.host:
            found = discover(a.username, allow_dns=self.flags["allow_dns"] or self._may_ask_dns(a.username))
            if found:
                best = found[0]
                a.host, a.port, a.tls = best.host, best.port, best.tls
                if best.preset:
                    preset = best.preset.in_language(language)
                    a.oauth = a.oauth or (preset.oauth or "")
                    self.say(f"{preset.name}: {preset.expects}")
                    self.say(preset.where)
                elif best.foreign and not self.confirm(
                    _("DNS names {host}, outside your own domain. Use it?").format(host=best.host), default=False
                ):
                    a.host = ""
        if not self.silent or not a.host:
            a.host = self.ask(_("IMAP server"), a.host or "imap." + a.username.rpartition("@")[2], flag="--host")
        self.secret()
        if not self.flags["no_connect"]:
            self.try_login()

    def _may_ask_dns(self, address: str) -> bool:
        from evidence.mailbox.presets import preset_for

        if self.silent or preset_for(address):
            return False
        domain = address.rpartition("@")[2]
        return self.confirm(_("May DNS be asked which mail server {domain} uses?").format(domain=domain))

    def secret(self) -> None:
        a = self.answers
        if a.oauth == "microsoft":
            a.oauth_client_id = self.ask(
                _("Client id of your registered application (Entra)"), a.oauth_client_id, flag="--oauth-client-id"
            )
            return
        if a.password_command or a.password_env or a.keyring:
            return
        if self.silent:
            raise UsageError(
                _("{flag} is needed with --yes.").format(flag="--password-env, --password-command, --keyring")
            )
        self.say(_("Where does the program get the password from? It never stands in the configuration."))
        self.say(_("  1  the system's keyring (Windows, macOS, a Linux desktop)"))
        self.say(_("  2  a command that prints it (pass, a password manager)"))
        self.say(_("  3  an environment variable"))
        choice = click.prompt(">", type=click.Choice(["1", "2", "3"]), default="1", show_choices=False, err=True)
        if choice == "1":
            a.keyring = True
        elif choice == "2":
            a.password_command = self.ask(_("The command"), flag="--password-command")
        else:
            a.password_env = self.ask(
                _("The variable's name"), "EVIDENCE_PASSWORD", flag="--password-env", check=r"\w+"
            )

    def try_login(self) -> None:
        """Log in, list the folders with counts, and look who corresponds here. A refusal can be answered by another try."""
        from evidence.config import Account
        from evidence.mailbox.imap import ImapMailbox
        from evidence.mailbox.login import password_secret, secret_for, store_secret
        from evidence.operate import wizard

        a = self.answers
        account = Account(
            name=a.account_name, host=a.host, port=a.port, tls=a.tls, username=a.username, ca_file=a.ca_file or None,  # type: ignore[arg-type]
            password_command=a.password_command or None, password_env=a.password_env or None, keyring=a.keyring,
            oauth=a.oauth or None, oauth_client_id=a.oauth_client_id or None,  # type: ignore[arg-type]
        )  # fmt: skip
        while True:
            try:
                if a.oauth == "microsoft":
                    self.say(_("Sign in later with `evidence login`; the mailbox is not looked at now."))
                    return
                if a.keyring and not self.silent:
                    self.password = click.prompt(_("Password (it is not shown)"), hide_input=True, err=True)
                    secret = password_secret(account, self.password or "")
                else:
                    secret = secret_for(account, environ=os.environ)
                mailbox = ImapMailbox.connect(account, secret)
                break
            except EvidenceError as error:
                if self.silent:
                    raise
                self.say(str(error))
                if not self.confirm(_("Try again?")):
                    return
        try:
            folders = mailbox.list_folders()
            statuses = mailbox.status(folders)
            self.say(_("The login works. Folders:"))
            for folder, status in zip(folders, statuses, strict=True):
                self.say(f"  {folder.name:30} {status.exists if status else '?'}")
            if not self.silent:
                self.proposals = wizard.correspondents(mailbox, wizard.likely_sent(folders), a.username)
        except EvidenceError as error:
            self.say(str(error))
        finally:
            mailbox.close()
        if a.keyring and self.password:
            store_secret(account, self.password)
            self.password = None

    def parties(self) -> None:
        a = self.answers
        domain = a.username.rpartition("@")[2]
        a.us_name = (
            a.us_name
            if self.silent and a.us_name
            else self.ask(_("Our name, as it will be printed"), a.us_name, flag="--us-name")
        )
        default = (
            " ".join(a.us_addresses) or (a.username if _public(domain) else f"{a.username} @{domain}")
            if a.username
            else " ".join(a.us_addresses)
        )
        a.us_addresses = self.ask(
            _("Our addresses (or @domain), with spaces between"), default, flag="--us-address"
        ).split()
        if self.proposals and not a.client_addresses:
            self.propose()
        a.client_name = (
            a.client_name
            if self.silent and a.client_name
            else self.ask(_("The client's name"), a.client_name, flag="--client-name")
        )
        a.client_addresses = self.ask(
            _("The client's addresses (or @domain), with spaces between"),
            " ".join(a.client_addresses),
            flag="--client-address",
        ).split()

    def propose(self) -> None:
        """«These 4 addresses wrote as Romashka»: a number takes them over."""
        a = self.answers
        self.say()
        self.say(_("Who corresponds here most:"))
        for number, one in enumerate(self.proposals[:12], 1):
            count = ngettext("{n} address", "{n} addresses", len(one.addresses)).format(n=len(one.addresses))
            letters = ngettext("{n} letter", "{n} letters", one.messages).format(n=one.messages)
            self.say(f"  {number:2}  {one.domain}  {', '.join(one.names[:3])}  ({count}, {letters})")
        reply = click.prompt(
            _("Which of them is the client? (a number, or Enter to type the addresses)"),
            default="",
            show_default=False,
            err=True,
        ).strip()
        if reply.isdigit() and 1 <= int(reply) <= len(self.proposals[:12]):
            one = self.proposals[int(reply) - 1]
            for address, messages in one.addresses:
                self.say(f"      {address}  {messages}")
            a.client_addresses = [address for address, _n in one.addresses]
            a.client_name = a.client_name or (one.names[0] if one.names else "")

    def rest(self) -> None:
        a = self.answers
        a.title = a.title or self.ask(_("What the dispute is called"), a.client_name, flag="--title")
        if self.silent:
            return
        a.language = (
            "ru"
            if self.ask(_("Language of the bundle (ru, en)"), a.language, flag="--matter-language", check="ru|en")
            == "ru"
            else "en"
        )
        a.timezone = self.ask(_("Time zone"), a.timezone, flag="--timezone", check=r"[A-Za-z_]+(/[A-Za-z_+\-0-9]+)*")
        a.country = self.ask(
            _("Country whose public holidays count"), a.country, flag="--country", check=r"[A-Z]{2}(-[A-Z0-9]+)?"
        )
        a.answer_within_days = int(
            self.ask(
                _("After how many working days does a request count as unanswered"),
                str(a.answer_within_days),
                flag="--answer-within-days",
                check=r"[1-9]\d{0,2}",
            )
        )
        if not a.staff and self.confirm(
            _("Name members of staff and their hourly rates, to reckon the time spent?"), default=False
        ):
            while name := click.prompt(_("Name (Enter: no more)"), default="", show_default=False, err=True).strip():
                address = click.prompt(_("Address"), default="", show_default=False, err=True).strip()
                a.staff.append((name, address, _rate(click.prompt(_("Hourly rate"), default="0", err=True))))

    def after(self, path: Path) -> None:
        if self.silent or not self.answers.host:
            return
        if self.answers.oauth:
            self.say(_("Next: evidence -c {path} login, then evidence -c {path} sync").format(path=path))
            return
        if self.confirm(_("Archive the mail now?")):
            from evidence.cli.app import app

            app.main(args=["-c", str(path), "sync"], prog_name="evidence", standalone_mode=False)
        self.say(_("Next: evidence -c {path} browse, evidence -c {path} bundle").format(path=path))
        self.say(_("To have it run by itself: evidence -c {path} schedule install").format(path=path))


def _public(domain: str) -> bool:
    from evidence.operate.wizard import PUBLIC

    return domain.lower() in PUBLIC
