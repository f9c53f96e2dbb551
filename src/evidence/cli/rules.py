"""evidence rules: check packs, explain a text."""

from __future__ import annotations

from pathlib import Path

import click

from evidence.cli.session import Session
from evidence.cli.text import _, help_end, language


@click.group(
    "rules",
    help=_(
        "The rule packs behind the flags: check your own, see what they would flag in a text and what blocked a rule."
    ),
    epilog=help_end(
        'evidence rules explain "Завтра иду в полицию"',
        codes=(0, 1, 2),
    ),
)
def command() -> None:
    pass


@command.command(
    "check",
    help=_(
        "Check rule packs: their form, and every rule against its own examples. Default: the built-in packs and "
        "those in the matter's packs/ folder."
    ),
    epilog=help_end(
        "evidence rules check packs/",
        codes=(0, 1, 2),
    ),
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.pass_obj
def check(session: Session, paths: tuple[Path, ...]) -> int:
    from evidence.timeline.explain import check_pack

    files = [file for path in paths for file in (sorted(path.rglob("*.toml")) if path.is_dir() else [path])] or [
        *_shipped(),
        *_own(session),
    ]
    faults = 0
    for file in files:
        problems = check_pack(file, language)
        faults += len(problems)
        click.echo(f"{'✗' if problems else '✓'} {file}")
        for problem in problems:
            click.echo(f"    {problem}")
    return 1 if faults else 0


def _shipped() -> list[Path]:
    import evidence.timeline

    folder = Path(evidence.timeline.__file__).parent / "packs"
    return sorted(p for language in ("ru", "en") for p in (folder / language).glob("*.toml"))


def _own(session: Session) -> list[Path]:
    folder = (session.config_path or Path("config.toml")).resolve().parent / "packs"
    return sorted(folder.glob("*.toml"))


@command.command(
    "explain",
    help=_("Show which rules match a text, with their slots, and what blocked the others."),
    epilog=help_end(
        'evidence rules explain "If you do not refund me, I will go to court"',
        codes=(0, 2),
    ),
)
@click.argument("text")
@click.pass_obj
def explain(session: Session, text: str) -> int:
    from evidence.timeline.explain import explain_text
    from evidence.timeline.rules import load_packs

    own = (session.config_path or Path("config.toml")).resolve().parent / "packs"
    click.echo(explain_text(text, load_packs([own] if own.is_dir() else []), language))
    return 0
