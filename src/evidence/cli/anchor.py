"""evidence anchor: have the log's root vouched for from outside."""

from __future__ import annotations

from pathlib import Path

import click

from evidence.cli.session import Session, now
from evidence.cli.text import _, help_end
from evidence.errors import UsageError


@click.command(
    "anchor",
    help=_(
        "Obtain a trusted time stamp (RFC 3161) on the log's root from the configured authority now. Without an "
        "authority: --print gives the root as a short text to e-mail to your lawyer, and --witness takes that "
        "e-mail back as an anchor."
    ),
    epilog=help_end(
        "evidence anchor --print",
        "evidence anchor --witness sent-to-lawyer.eml",
        codes=(0, 1, 2, 10, 11),
    ),
)
@click.option("--print", "print_text", is_flag=True, help=_("Print the root as a short text to send."))
@click.option(
    "--witness", type=click.Path(path_type=Path, exists=True), help=_("An e-mail (.eml) that contains this text.")
)
@click.option(
    "--export",
    "export_to",
    type=click.Path(path_type=Path),
    help=_("Write the time-stamp tokens and certificate chains to this folder, for `openssl ts -verify`."),
)
@click.pass_obj
def command(session: Session, print_text: bool, witness: Path | None, export_to: Path | None) -> int:
    from evidence.archive import anchor

    if print_text:
        with session.read() as case:
            click.echo(
                anchor.root_text(case, title=session.config.matter.title, language=session.config.matter.language)
            )
        return 0
    if export_to is not None:
        with session.read() as case:
            for path in anchor.export_tokens(case, export_to):
                click.echo(str(path))
        return 0
    with session.write() as archive:
        if witness is not None:
            stamp = anchor.take_witness(archive, witness.read_bytes(), now=now)
        else:
            if not session.config.anchor.tsa_url:
                raise UsageError(
                    _("The configuration names no time-stamp authority."),
                    _("Nothing outside this machine vouches for the time yet."),
                    _("Set tsa_url under [anchor], or use `evidence anchor --print` and --witness."),
                )
            stamp = anchor.obtain(archive, session.config.anchor, now=now)
        archive.commit()
    label = _("TEST ") if stamp.test else ""
    click.echo(
        _("{label}anchor over {size} events, root {root}, stated time {when}, by {who}.").format(
            label=label, size=stamp.size, root=stamp.root, when=stamp.stated_at, who=stamp.authority
        )
    )
    return 0
