"""evidence demo: the whole job on a sample dispute."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from evidence.cli.hints import pasteable
from evidence.cli.output import TerminalProgress
from evidence.cli.session import now
from evidence.cli.text import _, category_in_words, help_end, language, ngettext


@click.command(
    "demo",
    help=_(
        "Show the whole process on an invented dispute, in a new folder: a mail server on this machine, sync, "
        "timeline, bundle, verification. Nothing leaves the machine."
    ),
    epilog=help_end(
        "evidence demo my-demo --lang en",
        codes=(0, 1, 2),
    ),
)
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option(
    "--lang",
    "chosen",
    type=click.Choice(["ru", "en"]),
    help=_("Language of the sample dispute; default: the system's."),
)
def command(folder: Path | None, chosen: str | None) -> int:
    from evidence.operate.demo import run_demo

    progress = TerminalProgress()
    report = run_demo(
        folder or _free_folder(), "ru" if (chosen or language) == "ru" else "en", now=now, progress=progress
    )
    progress.clear()

    def say(text: str = "") -> None:
        click.echo(text, err=True)

    say()
    say(
        ngettext(
            "{n} message between the two sides was archived.",
            "{n} messages between the two sides were archived.",
            report.messages,
        ).format(n=report.messages)
    )
    stated = sum(report.flags.values())
    by_kind = ", ".join(
        f"{category_in_words(name)} {count}" for name, count in sorted(report.flags.items(), key=lambda pair: -pair[1])
    )
    say(
        ngettext(
            "{n} passage was flagged by exact rules: {kinds}.",
            "{n} passages were flagged by exact rules: {kinds}.",
            stated,
        ).format(n=stated, kinds=by_kind)
    )
    asked = sum(report.requests.values())
    silent = report.requests.get("no-reply", 0)
    say(
        ngettext(
            "{n} request by either side; for {silent} no reply was found.",
            "{n} requests by either side; for {silent} no reply was found.",
            asked,
        ).format(n=asked, silent=silent)
    )
    say(_("The archive is sound: every byte is as it was stored.") if report.sound else _("THE ARCHIVE IS NOT SOUND."))
    say()
    say(_("Open this file ({pages} pages):").format(pages=report.pages))
    click.echo(str(report.pdf))
    say()
    say(
        pasteable(
            _("And the same story in the browser:  evidence -c {config} browse").format(
                config=shlex.quote(str(report.folder / "config.toml"))
            )
        )
    )
    return 0 if report.sound else 1


def _free_folder() -> Path:
    for number in range(1, 1000):
        folder = Path("evidence-demo" if number == 1 else f"evidence-demo-{number}")
        if not folder.exists():
            return folder
    return Path("evidence-demo")
