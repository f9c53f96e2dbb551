"""evidence show: one message, or one part of it, as archived."""

from __future__ import annotations

import sys

import click

from evidence.cli.output import _cell, one_json
from evidence.cli.session import Session, whole_sha256
from evidence.cli.text import _, help_end
from evidence.errors import UsageError


@click.command(
    "show",
    help=_(
        "Print the text of one part of a message: decoded, with LF line ends, otherwise unchanged. The offsets "
        "of flags and requests refer to this text. Parts: body, subject, display-name:HEADER, attachment:N; "
        "`raw` gives the exact archived bytes."
    ),
    epilog=help_end(
        "evidence show 3fa9c1 --part raw > letter.eml",
        codes=(0, 2, 10, 20),
    ),
)
@click.argument("sha256")
@click.option("--part", default=None, help=_("body, subject, display-name:from, attachment:1, raw, headers."))
@click.option("--json", "as_json", is_flag=True, help=_("One JSON object; with --part: sha256, part and text."))
@click.pass_obj
def command(session: Session, sha256: str, part: str | None, as_json: bool) -> int:
    whole = whole_sha256(session, sha256)
    with session.read() as case:
        raw = case.raw(whole)
        if part == "raw":
            sys.stdout.buffer.write(raw)
            sys.stdout.buffer.flush()
            return 0
        message = case.parsed(whole)
        if part == "headers":
            text = "\n".join(f"{name}: {value}" for name, value in message.headers)
            if as_json:
                one_json({"sha256": whole, "part": part, "text": text})
                return 0
        elif part is not None:
            if part not in message.texts:
                raise UsageError(
                    _("This message has no part “{part}”.").format(part=part),
                    "",
                    _("Its parts: {parts}.").format(parts=", ".join(message.texts)),
                )
            text = message.texts[part]
            if as_json:
                one_json({"sha256": whole, "part": part, "text": text})
                return 0
            # Offsets count in exactly this text: no newline is added.
            sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
            sys.stdout.buffer.flush()
            return 0
        else:
            text = ""
        sightings = case.sightings(whole)
        clocks = case.clocks(whole)
    if as_json:
        one_json(
            {
                "sha256": whole,
                "size": len(raw),
                "message_id": message.message_id,
                "subject": message.subject,
                "addresses": [[a.header, a.name, a.address] for a in message.addresses],
                "clocks": {name: value.isoformat() if value else None for name, value in clocks.items()},
                "parts": list(message.texts),
                "attachments": [[a.index, a.filename, a.content_type, a.size, a.sha256] for a in message.attachments],
                "sightings": [
                    [s.account, s.folder, s.uidvalidity, s.uid, s.source, s.gone_at and s.gone_at.isoformat()]
                    for s in sightings
                ],
                "defects": list(message.defects),
            }
        )
        return 0
    if text:
        click.echo(_cell(text))
        return 0
    click.echo(f"SHA-256     {whole}")
    click.echo(f"Message-ID  {_cell(message.message_id or '—')}")
    headers = {
        "from": _("From"),
        "to": _("To"),
        "cc": _("Cc"),
        "bcc": _("Bcc"),
        "reply-to": _("Reply-To"),
        "sender": _("Sender"),
    }
    for address in message.addresses:
        click.echo(
            f"{headers.get(address.header, address.header.title()):11} {_cell(address.name)} <{_cell(address.address)}>"
        )
    click.echo(f"{_('Subject'):11} {_cell(message.subject)}")
    stated = {"date": _("date"), "received": _("received"), "internaldate": _("internaldate"), "capture": _("capture")}
    for name, value in clocks.items():
        click.echo(f"{stated.get(name, name):11} {value.isoformat() if value else '—'}")
    for place in sightings:
        gone = "  " + _("not found there since {when}").format(when=place.gone_at.isoformat()) if place.gone_at else ""
        click.echo(
            f"{_('located in'):11} {place.account} {_cell(place.folder or place.source)} UID {place.uid}/{place.uidvalidity}{gone}"
        )
    for file in message.attachments:
        click.echo(
            f"{_('attached'):11} {file.index}: {_cell(file.filename)}, {file.content_type}, {file.size} {_('B')}, {file.sha256}"
        )
    click.echo()
    click.echo(_cell(message.texts.get("body", "")))
    return 0
