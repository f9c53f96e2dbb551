"""evidence bundle: the PDF and the package."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from evidence import __version__
from evidence.cli.filters import DAY
from evidence.cli.output import TerminalProgress, one_json
from evidence.cli.session import Session, now
from evidence.cli.text import _, help_end
from evidence.errors import UsageError
from evidence.model import CATEGORIES


@click.command(
    "bundle",
    help=_(
        "Produce bundle.pdf with every message between the two sides in date order, including those unfavourable "
        "to us, each original embedded; beside it, its hash and the package that an outsider can verify. Numbers "
        "never change once issued."
    ),
    epilog=help_end(
        "evidence bundle",
        "evidence bundle --supplement",
        "evidence bundle --since 2026-03-01 --until 2026-03-31   (an extract; its cover says what it omits)",
        codes=(0, 1, 2, 10, 11, 20),
    ),
)
@click.option(
    "--kind",
    type=click.Choice(["full", "police", "notary", "extract"]),
    default="full",
    show_default=True,
    help=_("Kind of bundle: for whom, or an extract."),
)
@click.option(
    "--supplement", is_flag=True, help=_("Only what is new since the last bundle; numbering continues from there.")
)
@click.option("--since", type=DAY, help=_("An extract from this day on, inclusive."))
@click.option("--until", type=DAY, help=_("An extract up to this day, inclusive."))
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice(list(CATEGORIES)),
    help=_("An extract of messages with this flag."),
)
@click.option(
    "--only-accepted", is_flag=True, help=_("List only flags that a person accepted; this leaves no message out.")
)
@click.option(
    "--lang", "language", type=click.Choice(["ru", "en"]), help=_("Language of the bundle; default: the matter's.")
)
@click.option(
    "--at-size",
    type=click.IntRange(min=1),
    help=_("Rebuild as of this size of the log: the same bytes as then. Use with --date."),
)
@click.option("--date", "dated", type=DAY, help=_("The date on the cover; default: today."))
@click.option(
    "--sign",
    "p12",
    type=click.Path(path_type=Path, exists=True),
    help=_("Sign (PAdES) with this PKCS#12 file; the passphrase is asked for or taken from EVIDENCE_P12_PASSWORD."),
)
@click.option(
    "--token",
    "module",
    type=click.Path(path_type=Path, exists=True),
    help=_(
        "Sign (PAdES) with a PKCS#11 token, opened by this library from its manufacturer; the PIN is asked for "
        "or taken from EVIDENCE_TOKEN_PIN."
    ),
)
@click.option("--token-key", metavar="LABEL", help=_("With --token: the label of the key and certificate on it."))
@click.option("--jobs", type=int, default=0, help=_("Number of rendering processes; default: one per core."))
@click.option("--out", type=click.Path(path_type=Path), help=_("Folder to use instead of bundles/."))
@click.option("--json", "as_json", is_flag=True, help=_("All paths as one JSON object."))
@click.pass_obj
def command(
    session: Session,
    kind: str,
    supplement: bool,
    since: date | None,
    until: date | None,
    categories: tuple[str, ...],
    only_accepted: bool,
    language: str | None,
    at_size: int | None,
    dated: date | None,
    p12: Path | None,
    module: Path | None,
    token_key: str | None,
    jobs: int,
    out: Path | None,
    as_json: bool,
) -> int:
    from evidence import pipeline
    from evidence.bundle.options import BundleOptions

    if p12 and module:
        raise UsageError(
            _("A bundle is signed with one key only."),
            _("Both --sign and --token are given."),
            _("Leave one of them out."),
        )
    if (module is None) != (token_key is None):
        raise UsageError(
            _("--token and --token-key belong together."),
            _("The library opens the token; the label names the key on it."),
            _("Give both of them, or neither."),
        )
    session.current().close()
    options = BundleOptions(
        kind=kind,  # type: ignore[arg-type]
        language=language,  # type: ignore[arg-type]
        since=since,
        until=until,
        category=categories,
        only_accepted=only_accepted,
        supplement=supplement,
        at_size=at_size,
        dated=dated,
        tool_version=__version__,
        jobs=jobs,
    )
    progress = TerminalProgress(quiet=as_json)
    sign = _signer(session, p12) if p12 else _token(session, module, token_key) if module and token_key else None
    result = pipeline.produce_bundle(session.config, options, now=now, progress=progress, out=out, sign=sign)
    progress.clear()
    folder = result.folder
    if as_json:
        one_json(
            {
                "pdf": str(result.pdf),
                "sha256_file": str(result.pdf) + ".sha256",
                "package": str(folder / "package.zip"),
                "package_folder": str(folder / "package"),
                "pages": result.pages,
                "pdf_sha256": result.pdf_sha256,
                "number": result.number,
                "log_size": result.log_size,
                "root": result.root,
                "exhibits": len(result.manifest.exhibits),
                "omitted": result.manifest.omitted,
                "withheld": result.manifest.withheld,
            }
        )
        return 0
    click.echo(str(result.pdf))
    for line in result.notes:
        click.echo(line, err=True)
    return 0


def _signer(session: Session, p12: Path):  # type: ignore[no-untyped-def]
    import os

    from evidence.bundle.sign import signer_from_p12

    password = os.environ.get("EVIDENCE_P12_PASSWORD")
    if password is None:
        password = click.prompt(_("Passphrase for {file}").format(file=p12.name), hide_input=True, err=True)
    return signer_from_p12(p12, password, tsa_url=session.config.anchor.tsa_url)


def _token(session: Session, module: Path, label: str):  # type: ignore[no-untyped-def]
    import os

    from evidence.bundle.sign import signer_from_token

    pin = os.environ.get("EVIDENCE_TOKEN_PIN")
    if pin is None:
        pin = click.prompt(_("PIN for the token"), hide_input=True, err=True)
    return signer_from_token(module, label, pin, tsa_url=session.config.anchor.tsa_url)
