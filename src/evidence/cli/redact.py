"""evidence redact: withhold an address, a passage or an attachment in bundles."""

from __future__ import annotations

import click

from evidence.cli.session import Session, whole_sha256
from evidence.cli.text import _, help_end
from evidence.errors import UsageError


@click.command(
    "redact",
    help=_(
        "Withhold an address, a passage or an attachment of a message in bundles. The redaction is burned in, "
        "the original file of that message is withheld too, and the redaction and its reason are logged and "
        "printed. The archive itself keeps every byte."
    ),
    epilog=help_end(
        'evidence redact 3fa9c1 --passage "passport 40 11 …" --reason "personal data of a third party"',
        codes=(0, 2, 10, 11),
    ),
)
@click.argument("sha256")
@click.option("--address", help=_("Withhold this address wherever it appears in the message."))
@click.option("--passage", help=_("Withhold this text, exactly as it appears in the message."))
@click.option(
    "--part",
    default="body",
    show_default=True,
    help=_("The part that contains the passage, as `evidence show` names it."),
)
@click.option("--attachment", type=int, help=_("Withhold the attachment with this number."))
@click.option("--undo", is_flag=True, help=_("Withdraw the redaction (the log keeps both)."))
@click.option("--reason", required=True, help=_("The reason; printed in the bundle."))
@click.pass_obj
def command(
    session: Session,
    sha256: str,
    address: str | None,
    passage: str | None,
    part: str,
    attachment: int | None,
    undo: bool,
    reason: str,
) -> int:
    whole = whole_sha256(session, sha256)
    if sum(x is not None for x in (address, passage, attachment)) != 1:
        raise UsageError(_("Give exactly one of --address, --passage, --attachment."))
    start = end = None
    if passage is not None:
        with session.read() as case:
            text = case.parsed(whole).texts.get(part, "")
        start = text.find(passage)
        if start < 0:
            raise UsageError(
                _("That passage does not occur in the part “{part}” of this message.").format(part=part),
                "",
                _("`evidence show {sha} --part {part}` prints the text to copy from.").format(
                    sha=whole[:12], part=part
                ),
            )
        end = start + len(passage)
    kind, value = (
        ("address", address) if address else ("passage", passage) if passage else ("attachment", str(attachment))
    )
    place = part if passage else f"attachment:{attachment}" if attachment else "headers"
    with session.judge() as archive:
        archive.redact(whole, kind, place, start, end, str(value), reason, actor=session.actor, undone=undo)
    click.echo(_("Logged. It takes effect from the next bundle on."), err=True)
    return 0
