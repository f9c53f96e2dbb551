"""The questions of ``evidence init``, in their order. What is proposed and written is in ``operate/wizard.py``."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evidence.addresses import normal
from evidence.cli.ask import yes
from evidence.cli.hints import pasteable
from evidence.cli.init import rate
from evidence.cli.text import _, language, ngettext
from evidence.config import checked_addresses, known_zone
from evidence.errors import EvidenceError, UsageError
from evidence.timeline.deadlines import is_working_day

if TYPE_CHECKING:
    from evidence.operate.wizard import Answers, Survey


class Dialogue:
    """The questions in order. With ``--yes`` nothing is asked and what is missing is an error that names its flag."""

    def __init__(self, answers: Answers, flags: dict[str, Any], again: bool) -> None:
        self.answers = answers
        self.flags = flags
        self.again = again
        self.silent: bool = flags["yes"]
        self.survey: Survey | None = None
        self.password: str | None = None

    def say(self, text: str = "") -> None:
        click.echo(pasteable(text), err=True)

    def ask(
        self,
        question: str,
        default: str = "",
        *,
        flag: str,
        check: str = "",
        judge: Callable[[str], object] = str,
    ) -> str:
        """``judge`` raises ValueError or UsageError on a reply the configuration would refuse; it is asked again then and there."""
        if self.silent:
            if not default:
                raise UsageError(_("{flag} is required with --yes.").format(flag=flag))
            return default
        while True:
            reply: str = click.prompt(question, default=default or None, err=True, show_default=bool(default)).strip()
            if check and not re.fullmatch(check, reply):
                self.say(_("That does not look right: {text}").format(text=reply))
                continue
            try:
                judge(reply)
            except (ValueError, UsageError) as error:
                self.say(_("That does not look right: {text}").format(text=str(error)))
                continue
            return reply

    def confirm(self, question: str, default: bool = True) -> bool:
        return default if self.silent else yes(question, default)

    # ---- the parts ---------------------------------------------------------------------------

    def hold(self) -> None:
        if not self.silent:
            self.say(
                _("This sets up one matter. Enter accepts the answer in brackets; Ctrl-C leaves everything as it was.")
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
                    _("DNS names {host}, which is outside your own domain. Use it?").format(host=best.host),
                    default=False,
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
        return self.confirm(_("Ask DNS which mail server {domain} uses?").format(domain=domain))

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
                _("{flag} is required with --yes.").format(flag="--password-env, --password-command, --keyring")
            )
        from evidence.mailbox.login import keyring_works

        ways = {
            "keyring": _("the system's keyring (Windows, macOS, a Linux desktop)"),
            "command": _("a command that prints it (pass, a password manager)"),
            "variable": _("an environment variable; scheduled runs do not see it"),
        }
        if not keyring_works():
            del ways["keyring"]
        self.say(_("Where should the program get the password from? It is never written into the configuration."))
        for number, words in enumerate(ways.values(), 1):
            self.say(f"  {number}  {words}")
        numbers = [str(n) for n in range(1, len(ways) + 1)]
        choice = click.prompt(">", type=click.Choice(numbers), default="1", show_choices=False, err=True)
        way = list(ways)[int(choice) - 1]
        if way == "keyring":
            a.keyring = True
        elif way == "command":
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
                    self.say(_("Sign in later with `evidence login`; the mailbox is not read now."))
                    return
                if a.keyring and not self.silent:
                    self.password = click.prompt(_("Password (not shown as you type)"), hide_input=True, err=True)
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
                self.survey = wizard.survey(mailbox, wizard.likely_sent(folders), a.username)
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
        if self.survey and self.survey.ours:
            self.say(_("Addresses on our side that appear in the mail:"))
            for one in self.survey.ours[:12]:
                letters = ngettext("{n} message", "{n} messages", one.messages).format(n=one.messages)
                self.say(f"      {one.address}  {one.name}  ({letters})")
        a.us_addresses = _listed(
            self.ask(
                _("Our addresses (or @domain), separated by spaces"), default, flag="--us-address", judge=_addresses
            )
        )
        if self.survey and self.survey.theirs and not a.client_addresses:
            self.propose()
        a.client_name = (
            a.client_name
            if self.silent and a.client_name
            else self.ask(_("The client's name"), a.client_name, flag="--client-name")
        )
        a.client_addresses = _listed(
            self.ask(
                _("The client's addresses (or @domain), separated by spaces"),
                " ".join(a.client_addresses),
                flag="--client-address",
                judge=self._not_ours,
            )
        )

    def _not_ours(self, reply: str) -> None:
        _addresses(reply)
        ours = set(map(normal, (*self.answers.us_addresses, *(address for _n, address, _r in self.answers.staff))))
        if both := [address for address in _listed(reply) if normal(address) in ours]:
            raise ValueError(_("{names} is already listed as ours").format(names=", ".join(both)))

    def propose(self) -> None:
        """«These 4 addresses wrote as Romashka»: a number takes them over."""
        a = self.answers
        proposals = self.survey.theirs[:12] if self.survey else ()
        self.say()
        self.say(_("Most frequent correspondents:"))
        for number, one in enumerate(proposals, 1):
            count = ngettext("{n} address", "{n} addresses", len(one.addresses)).format(n=len(one.addresses))
            letters = ngettext("{n} message", "{n} messages", one.messages).format(n=one.messages)
            self.say(f"  {number:2}  {one.domain}  {', '.join(one.names[:3])}  ({count}, {letters})")
        reply = click.prompt(
            _("Which of them is the client? (a number, or Enter to type the addresses)"),
            default="",
            show_default=False,
            err=True,
        ).strip()
        if reply.isdigit() and 1 <= int(reply) <= len(proposals):
            one = proposals[int(reply) - 1]
            for address, messages in one.addresses:
                letters = ngettext("{n} message", "{n} messages", messages).format(n=messages)
                self.say(f"      {address}  ({letters})")
            a.client_addresses = [address for address, _n in one.addresses]
            a.client_name = a.client_name or (one.names[0] if one.names else "")

    def rest(self) -> None:
        a = self.answers
        a.title = a.title or self.ask(
            _("Title of the dispute"), _("Dispute with {name}").format(name=a.client_name), flag="--title"
        )
        if self.silent:
            return
        a.language = (
            "ru"
            if self.ask(_("Language of the bundle (ru, en)"), a.language, flag="--matter-language", check="ru|en")
            == "ru"
            else "en"
        )
        a.timezone = self.ask(_("Time zone"), a.timezone, flag="--timezone", judge=known_zone)
        a.country = self.ask(
            _("Country whose public holidays count"), a.country, flag="--country", judge=_country
        ).upper()
        a.answer_within_days = int(
            self.ask(
                _("After how many working days does a request count as unanswered"),
                str(a.answer_within_days),
                flag="--answer-within-days",
                check=r"[1-9]\d?|[12]\d\d|3[0-5]\d|36[0-5]",
            )
        )
        if not a.staff and self.confirm(
            _("Enter members of staff and their hourly rates, to account for the time spent?"), default=False
        ):
            self.staff()

    def staff(self) -> None:
        """The people met on our side one by one, then those the mailbox does not show."""
        a = self.answers
        for one in self.survey.ours if self.survey else ():
            if not one.name:
                continue
            question = _("Hourly rate of {name} (Enter: not a member of staff)").format(name=one.name)
            if (reply := self.optional(question)) and (hourly := self.number(reply)) is not None:
                a.staff.append((one.name, one.address, hourly))
        while name := self.optional(_("Name of another member of staff (Enter: no more)")):
            while True:
                address = self.optional(_("Address"))
                try:
                    _addresses(address)
                    break
                except ValueError as error:
                    self.say(_("That does not look right: {text}").format(text=str(error)))
            hourly = self.number(click.prompt(_("Hourly rate"), default="0", err=True))
            a.staff.append((name, address, hourly or 0.0))

    def optional(self, question: str) -> str:
        reply: str = click.prompt(question, default="", show_default=False, err=True)
        return reply.strip()

    def number(self, text: str) -> float | None:
        try:
            return rate(text)
        except UsageError as error:
            self.say(error.what)
            return None

    def after(self, path: Path) -> None:
        """The first sync and the schedule, as the person wishes; what fails is said, and the configuration stands."""
        a = self.answers
        if not a.host:
            return
        named = shlex.quote(str(path))
        if a.oauth:
            self.say(_("Next: evidence -c {path} login, then evidence -c {path} sync").format(path=named))
            return
        archived = self.wished("sync", _("Archive the mail now?")) and self.run(path, "sync")
        question = _("Archive automatically every hour from now on? You will first see what will be installed.")
        if self.wished("schedule", question, default=not a.password_env):
            self.run(path, "schedule", "install", *(("--yes",) if self.silent else ()))
        elif not self.silent:
            self.say(_("To run it automatically: evidence -c {path} schedule install").format(path=named))
        if archived:
            self.say(_("Next: evidence -c {path} browse, evidence -c {path} bundle").format(path=named))
        elif not self.silent:
            self.say(_("Next: evidence -c {path} sync").format(path=named))

    def wished(self, flag: str, question: str, default: bool = True) -> bool:
        if self.flags[flag] is not None:
            return bool(self.flags[flag])
        return not self.silent and self.confirm(question, default)

    def run(self, path: Path, *words: str) -> bool:
        """Another command of this program for the new matter. An error is told, not raised: the set-up itself went well."""
        from evidence.cli.app import app
        from evidence.cli.hints import remember_matter

        try:
            code = app.main(args=["-c", str(path), *words], prog_name="evidence", standalone_mode=False)
        except EvidenceError as error:
            remember_matter(path)
            self.say(str(error))
            return False
        return code in (0, 3)


def _listed(text: str) -> list[str]:
    """Addresses as people list them: parted by spaces, commas or semicolons."""
    return re.split(r"[\s,;]+", text.strip(" \t,;")) if text.strip(" \t,;") else []


def _addresses(reply: str) -> None:
    checked_addresses(tuple(_listed(reply)))


def _country(reply: str) -> None:
    is_working_day(date(2026, 1, 1), reply)


def _public(domain: str) -> bool:
    from evidence.operate.wizard import PUBLIC

    return domain.lower() in PUBLIC
