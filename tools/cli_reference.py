"""Writes docs/cli.md from --help; the tests compare. Run: python tools/cli_reference.py > docs/cli.md"""

from __future__ import annotations

import os
import sys

os.environ["EVIDENCE_LANG"] = "en"
os.environ["COLUMNS"] = "100"


def reference() -> str:
    """The whole reference as Markdown."""
    import click

    from evidence.cli.app import COMMANDS, app

    lines = [
        "# Command line",
        "",
        "Made from `--help` by `tools/cli_reference.py`; a test keeps the two in step. Data goes to standard output, messages and progress to standard error.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
        "| 0 | done |",
        "| 1 | failed |",
        "| 2 | usage or configuration error |",
        "| 3 | incomplete: what was not retrieved is listed |",
        "| 10 | no archive |",
        "| 11 | locked by another run |",
        "| 12 | login refused |",
        "| 20 | integrity failure |",
        "| 70 | `./run` and `./test` only: a system package is missing and could not be installed |",
        "| 130 | interrupted |",
        "",
        "`EVIDENCE_CONFIG` names the configuration file, `EVIDENCE_LANG` the language of messages (`ru`, `en`), `EVIDENCE_ACTOR` the person who decides; "
        "`NO_COLOR` turns colours off.",
        "",
    ]

    def show(command: click.Command, path: list[str], parent: click.Context | None) -> None:
        context = click.Context(command, info_name=path[-1], parent=parent, max_content_width=96, terminal_width=96)
        lines.extend(
            [
                "#" * min(len(path) + 1, 4) + " `" + " ".join(path) + "`",
                "",
                "```text",
                command.get_help(context).rstrip(),
                "```",
                "",
            ]
        )
        if isinstance(command, click.Group) and command is not app:
            for name in command.list_commands(context):
                part = command.get_command(context, name)
                if part is not None:
                    show(part, [*path, name], context)

    root = click.Context(app, info_name="evidence", max_content_width=96, terminal_width=96)
    show(app, ["evidence"], None)
    for name in COMMANDS:
        command = app.get_command(root, name)
        assert command is not None
        show(command, ["evidence", name], root)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(reference())
