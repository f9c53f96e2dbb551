"""evidence init: a few questions, then a commented config.toml. Every answer is also a flag; a second run edits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evidence.cli.placeholders import placeholder
from evidence.cli.session import Session
from evidence.cli.text import _, help_end, language
from evidence.errors import UsageError

if TYPE_CHECKING:
    from evidence.operate.wizard import Answers


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
@click.option("--port", type=int, help=_("Port of the IMAP server."))
@click.option("--tls", type=click.Choice(["implicit", "starttls", "none"]), help=_("How the connection is protected."))
@click.option("--ca-file", help=_("Certificate file of your own certificate authority."))
@click.option("--username", help=_("The login name; default: the address."))
@click.option("--password-command", help=_("A command that prints the password."))
@click.option("--password-env", help=_("An environment variable that holds the password."))
@click.option("--keyring/--no-keyring", default=None, help=_("Keep the password in the system's keyring."))
@click.option("--oauth-client-id", help=_("Microsoft 365: the client id of your own registered application."))
@click.option("--allow-dns", is_flag=True, help=_("Ask DNS which server an unknown domain uses."))
@click.option("--no-connect", is_flag=True, help=_("Do not try the login now."))
@click.option("--title", help=_("Title of the dispute; printed on the cover."))
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
    help=_("Someone who writes for the client; may be repeated."),
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
    "--answer-within-days",
    type=click.IntRange(1, 365),
    help=_("Number of days after which a request counts as unanswered."),
)
@click.option("--country", help=_("Whose public holidays count: RU, GB, …"))
@click.option("--sync/--no-sync", default=None, help=_("Archive the mail at the end, or not; default: ask."))
@click.option(
    "--schedule/--no-schedule", default=None, help=_("Install the hourly sync at the end, or not; default: ask.")
)
@click.option("--yes", is_flag=True, help=_("Ask nothing; use the options given and the defaults."))
@click.pass_obj
def command(session: Session, /, folder: Path | None, **flags: Any) -> int:
    from evidence.cli.init_dialogue import Dialogue
    from evidence.config import read_config
    from evidence.operate import wizard

    path = (folder / "config.toml") if folder else (session.config_path or Path("config.toml"))
    if path.is_dir():
        path /= "config.toml"
    old = read_config(path) if path.exists() else None
    answers = wizard.from_config(old, path) if old else wizard.Answers(language="ru" if language == "ru" else "en")
    if not old and language != "ru":
        answers.country, answers.timezone = "GB", "Europe/London"
    if not old:
        answers.timezone = wizard.local_zone(answers.timezone)
    _from_flags(answers, flags)
    dialogue = Dialogue(answers, flags, old is not None)
    dialogue.hold()
    try:
        text = wizard.edited_config(old, answers) if old else wizard.new_config(answers)
    except UsageError as error:  # the lines it names are those of a file that does not exist yet
        raise UsageError(
            _("These answers make no valid configuration; nothing was written."),
            re.sub(r"(?m)^(\s*)\w+ \d+: ", r"\1", error.why),
            _("Correct them and run `evidence init` again."),
        ) from None
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
            (name, address, rate(hourly)) for name, address, hourly in (_parts(text, 3) for text in flags["staff"])
        ]
    if flags["address"] or flags["username"]:
        answers.username = flags["username"] or flags["address"]


def _parts(text: str, count: int) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split("=")]
    if len(parts) > count or not parts[0]:
        raise UsageError(
            _("“{text}”: write {form}.").format(
                text=text, form=placeholder("NAME=ADDRESS" if count == 2 else "NAME=ADDRESS=RATE")
            )
        )
    return tuple(parts + [""] * (count - len(parts)))


def rate(text: str) -> float:
    try:
        number = float(text.replace(",", ".") or 0)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:  # minus, infinity and "nan" are numbers to Python only
        raise UsageError(_("“{text}” is not a rate; enter a number.").format(text=text))
    return number
