"""The click group: commands are imported when used, so that ``--help`` and ``status`` start fast."""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import os
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from evidence import __version__
from evidence.cli.placeholders import name_values
from evidence.cli.text import _
from evidence.errors import EvidenceError

# name -> (module, one line of help). The order is the order of a matter's life.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", _("Show the whole process on a sample dispute, in a new folder")),
    "init": ("init", _("Set up a matter: a few questions, and a commented config.toml")),
    "login": ("login", _("Store a mailbox password in the system's keyring, or sign in with OAuth")),
    "doctor": ("doctor", _("Check everything the program needs, with the next step for each problem")),
    "status": ("status", _("Last sync, what was not retrieved, gaps, anchors: on one screen")),
    "sync": ("sync", _("Archive what is new in every mailbox, changing nothing there")),
    "import": ("import_", _("Archive mail from mbox, Maildir, .eml, .zip, .msg or .pst files")),
    "add": ("add", _("Archive a file that did not come by e-mail: a recording, a screenshot, a statement")),
    "timeline": ("timeline", _("Both sides' correspondence in order, with what was flagged and asked")),
    "flags": ("flags", _("Threats, demands, refusals and the like: each with its quote")),
    "requests": ("requests", _("Every request by either side, and what became of it")),
    "assess": ("assess", _("The four questions to ask before parting with a client, both sides shown")),
    "effort": ("effort", _("Time spent on the dispute, per person and month")),
    "review": ("review", _("Accept or reject flags and requests")),
    "include": ("include", _("Include a context message in bundles, with a reason")),
    "exclude": ("exclude", _("Leave a message out of bundles, with a reason that is printed")),
    "redact": ("redact", _("Withhold an address, a passage or an attachment in bundles")),
    "draft": ("draft", _("Draft a letter from the open requests, to edit and send yourself")),
    "bundle": ("bundle", _("Produce the PDF and the package for a lawyer, police or notary")),
    "verify": ("verify", _("Check an archive, a bundle or a package: one plain verdict")),
    "anchor": ("anchor", _("Have the log's root vouched for from outside: a trusted time stamp or a witness")),
    "log": ("log", _("Show the custody log, its root and proofs")),
    "show": ("show", _("Print one message, or one part of it, as archived")),
    "browse": ("browse", _("Open the archive in the browser, at the timeline")),
    "schedule": ("schedule", _("Run the sync automatically: systemd timer, cron, launchd or Task Scheduler")),
    "reindex": ("reindex", _("Rebuild everything derived from the archived bytes")),
    "export": ("export", _("Export the mail: .eml tree, mbox, CSV, or a lawyer's load file")),
    "rules": ("rules", _("Check rule packs, and explain what they would flag in a text")),
    "completion": ("completion", _("Shell completion for bash, zsh, fish and PowerShell")),
}


class LazyGroup(click.Group):
    """Imports a command's module when it is asked for; the list of commands needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"evidence.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        command.short_help = COMMANDS[cmd_name][1]
        _keep_lines(command)
        name_values(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            hint = _(" Did you mean “{name}”?").format(name=near[0]) if near else ""
            ctx.fail(_("There is no command “{name}”.").format(name=args[0]) + hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, line) for name, (_module, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=_(
        "Archives the correspondence of a dispute with hashes, builds a timeline of both sides, "
        "and produces a dated evidence bundle. Reads mailboxes, never changes them."
    ),
    epilog=_(
        "Exit codes: 0 ok, 1 failed, 2 usage or configuration error, 3 incomplete (not everything was "
        "retrieved), 10 no archive, 11 locked by another run, 12 login refused, 20 integrity failure, 130 "
        "interrupted."
    ),
)
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="EVIDENCE_CONFIG",
    help=_("The matter's config.toml."),
)
@click.option(
    "--lang", type=click.Choice(["ru", "en"]), help=_("Language of the program's messages; default: the system's.")
)
@click.option("--debug", is_flag=True, help=_("Show the traceback of an error."))
@click.version_option(__version__, prog_name="evidence")
@click.pass_context
def app(ctx: click.Context, config_path: Path | None, lang: str | None, debug: bool) -> None:
    from evidence.cli.hints import remember_matter
    from evidence.cli.session import Session

    ctx.color = _colour()
    if ctx.get_parameter_source("config_path") is ParameterSource.COMMANDLINE:
        remember_matter(config_path)
    ctx.obj = Session(config_path=config_path, debug=debug)


name_values(app)


def _keep_lines(command: click.Command) -> None:
    """Examples stand line by line in the help: click rewraps paragraphs that do not begin with a backspace mark."""
    if command.epilog and not command.epilog.startswith("\b"):
        command.epilog = "\b\n" + command.epilog
    if isinstance(command, click.Group):
        for part in command.commands.values():
            _keep_lines(part)


def run(arguments: list[str]) -> int:
    """Run the command line; errors become one message on stderr and an exit code."""
    debug = "--debug" in arguments
    _speak_utf8()
    try:
        code = app.main(args=arguments, prog_name="evidence", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo(_("Interrupted. What was stored is safe; the next run continues from here."), err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (as `| head` does): no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except EvidenceError as error:
        if debug:
            raise
        _tell(error)
        return error.exit_code
    except OSError as error:
        if debug or (known := _of_the_system(error)) is None:
            return _unexpected(error, debug)
        _tell(known)
        return known.exit_code
    except Exception as error:
        return _unexpected(error, debug)


def _speak_utf8() -> None:
    """Data in a pipe or a file is UTF-8 whatever the locale; a terminal of another encoding gets ? for what it cannot show.

    Else a letter with an emoji would stop a list halfway in a KOI8-R or CP1251 locale.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            if stream.isatty() or stream is sys.stderr:
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8")


def _unexpected(error: Exception, debug: bool) -> int:
    if debug:
        raise error
    click.echo(_("Unexpected failure: {error}").format(error=f"{type(error).__name__}: {error}"), err=True)
    click.echo(
        _("Nothing already archived is lost. Run the command again with --debug and attach the output to your report."),
        err=True,
    )
    return 1


def _of_the_system(error: OSError) -> EvidenceError | None:
    """A full disk or a place that may not be written: nothing to report, something to do. None for anything else."""
    why = ": ".join(filter(None, (str(error.filename or ""), error.strerror)))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        step = _("Free some space and run the command again. Nothing already archived is lost.")
        return EvidenceError(_("The disk is full."), why, step)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        step = _("Choose a place where you may write, and run the command again. Nothing already archived is lost.")
        return EvidenceError(_("The system refused to write or read a file."), why, step)
    return None


def _colour() -> bool | None:
    """Never with NO_COLOR (https://no-color.org), else where there is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _tell(error: EvidenceError) -> None:
    from evidence.cli.hints import pasteable

    click.secho(error.what, fg="red", err=True, color=_colour())
    if error.why:
        click.echo(error.why, err=True)
    if error.next_step:
        click.echo(pasteable(error.next_step), err=True)
