"""evidence completion: shell completion scripts."""

from __future__ import annotations

import click

from evidence.cli.text import _, help_end

POWERSHELL = """Register-ArgumentCompleter -Native -CommandName evidence -ScriptBlock {
    param($word, $ast, $position)
    $env:_EVIDENCE_COMPLETE = 'bash_complete'
    $env:COMP_WORDS = $ast.ToString()
    $env:COMP_CWORD = ($ast.ToString().Substring(0, [Math]::Min($position, $ast.ToString().Length)) -split '\\s+').Count - 1
    evidence | ForEach-Object { $parts = $_ -split ',', 2; if ($parts.Count -eq 2) { [System.Management.Automation.CompletionResult]::new($parts[1]) } }
    Remove-Item Env:_EVIDENCE_COMPLETE, Env:COMP_WORDS, Env:COMP_CWORD
}"""


@click.command(
    "completion",
    help=_("Print the completion script for a shell; the first line says where it goes."),
    epilog=help_end(
        "evidence completion bash > ~/.local/share/bash-completion/completions/evidence",
        codes=(0, 2),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
def command(shell: str) -> int:
    if shell == "powershell":
        click.echo("# " + _("Add to your profile:") + " evidence completion powershell >> $PROFILE")
        click.echo(POWERSHELL)
        return 0
    from click.shell_completion import get_completion_class

    from evidence.cli.app import app

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(shell)
    where = {
        "bash": "~/.local/share/bash-completion/completions/evidence",
        "zsh": "~/.zfunc/_evidence",
        "fish": "~/.config/fish/completions/evidence.fish",
    }[shell]
    click.echo(f"# evidence completion {shell} > {where}")
    click.echo(kind(app, {}, "evidence", "_EVIDENCE_COMPLETE").source())
    return 0
