"""evidence redact: withhold an address, a passage or an attachment in bundles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from evidence.cli.session import Session, whole_sha256
from evidence.cli.text import _, help_end
from evidence.errors import UsageError

if TYPE_CHECKING:
    from evidence.model import ParsedMessage

# Kind, part, start and end in it, and the value, as the archive logs a redaction.
Chosen: TypeAlias = tuple[str, str, int | None, int | None, str]


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
@click.option(
    "--address", help=_("Withhold this address, which occurs in the message, wherever it appears in the bundle.")
)
@click.option(
    "--passage", help=_("Withhold this text, exactly as it appears in the message, also wherever others quote it.")
)
@click.option(
    "--part",
    default="body",
    show_default=True,
    help=_("The part that contains the passage, as `evidence show` names it."),
)
@click.option(
    "--attachment", type=int, help=_("Withhold the attachment with this number, wherever the same file is attached.")
)
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
    if not reason.strip():
        raise UsageError(_("Give a reason: it is logged and printed."))
    with session.read() as case:
        if undo:
            chosen = _standing(case.redactions(), whole, address, passage, part, attachment)
        elif address is not None:
            chosen = _address(case.parsed(whole), address.strip())
        elif passage is not None:
            chosen = _passage(case.parsed(whole), passage, part)
        else:
            chosen = _attachment(case.parsed(whole), attachment or 0)
    kind, place, start, end, value = chosen
    with session.judge() as archive:
        archive.redact(whole, kind, place, start, end, value, reason.strip(), actor=session.actor, undone=undo)
    click.echo(_("Logged. It takes effect from the next bundle on."), err=True)
    return 0


def _address(message: ParsedMessage, address: str) -> Chosen:
    wanted = address.casefold()
    texts = [*message.texts.values(), message.html or "", *(v for _name, v in message.headers)]
    texts += [a.address for a in message.addresses]
    if not wanted or not any(wanted in text.casefold() for text in texts):
        raise UsageError(
            _("The address {address} does not occur in this message.").format(address=address or "“”"),
            "",
            _("`evidence show {sha}` prints its addresses.").format(sha=message.sha256[:12]),
        )
    return "address", "headers", None, None, address


def _passage(message: ParsedMessage, passage: str, part: str) -> Chosen:
    text = message.texts.get(part, "")
    start = text.find(passage) if passage.strip() else -1
    if start < 0:
        raise UsageError(
            _("That passage does not occur in the part “{part}” of this message.").format(part=part),
            "",
            _("`evidence show {sha} --part {part}` prints the text to copy from.").format(
                sha=message.sha256[:12], part=part
            ),
        )
    return "passage", part, start, start + len(passage), passage


def _attachment(message: ParsedMessage, number: int) -> Chosen:
    if number not in {a.index for a in message.attachments}:
        raise UsageError(
            _("This message has no attachment {number}.").format(number=number),
            _("It has {count}.").format(count=len(message.attachments)),
            _("`evidence show {sha}` lists them with their numbers.").format(sha=message.sha256[:12]),
        )
    return "attachment", f"attachment:{number}", None, None, str(number)


def _standing(
    rows: Sequence[Mapping[str, Any]],
    sha256: str,
    address: str | None,
    passage: str | None,
    part: str,
    attachment: int | None,
) -> Chosen:
    """The redaction that stands and is meant, as it was logged: only so is it withdrawn."""
    for row in rows:
        kind, value = str(row["kind"]), str(row["value"])
        meant = {
            "address": address is not None and address.strip().casefold() == value.casefold(),
            "passage": passage is not None and passage == value and row["part"] == part,
            "attachment": attachment is not None and str(attachment) == value,
        }[kind]
        if row["sha256"] == sha256 and meant:
            return kind, str(row["part"]), row["start"], row["end"], value
    raise UsageError(
        _("No such redaction of this message stands, so there is none to withdraw."),
        "",
        _("Give the same words as when it was made; `evidence log` lists every redaction."),
    )
