"""Add: a file from outside mail -> archive, linked to what it bears on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.config import Config
from evidence.errors import UsageError
from evidence.i18n import default_language, translation
from evidence.pipeline.acquire import open_archive

if TYPE_CHECKING:
    from evidence.archive.store import Archive

_ = translation("cli", default_language()).gettext


def add_file(
    config: Config,
    path: Path,
    *,
    title: str,
    event_date: str,
    kind: str,
    note: str,
    about: Sequence[str],
    actor: str,
    now: Callable[[], datetime],
    named: Callable[[str], None] | None = None,
) -> int:
    """Archive a file from outside mail, and link it to the claims, flags, requests or messages it bears on.

    ``named`` is told of each claim that came about by its name here. Raises UsageError, before anything is archived, for no file and
    for an id of nothing in this archive.
    """
    if not path.is_file():
        raise UsageError(
            _("There is no file {path}.").format(path=path),
            "",
            _("Check the spelling; put a path with spaces in quotation marks."),
        )
    import mimetypes

    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    with open_archive(config, now, create=True) as archive, path.open("rb") as stream:
        targets = [target_of(archive, target) for target in about]
        file = archive.add_file(
            stream,
            filename=path.name,
            content_type=content_type,
            title=title,
            event_date=event_date,
            kind=kind,
            note=note,
            added_by=actor,
        )
        for kind_of, name in targets:
            if kind_of == "claim" and not _is_claim(archive, name):
                archive.claim(name, name, actor=actor)
                if named is not None:
                    named(name)
            archive.link("file", str(file), kind_of, name, actor=actor)
    return file


def target_of(archive: Archive, text: str) -> tuple[str, str]:
    """What ``--about`` names: a claim by its name, a message's SHA-256, a flag's or request's id, else a claim yet to be made.

    Raises UsageError for what can only be an id and is that of nothing, or of more than one thing: it would stand among the
    client's claims for ever.
    """
    connection = archive.connection
    name = text.strip()
    if _is_claim(archive, name):
        return "claim", name
    folded = name.lower()
    if len(folded) >= 6 and all(c in "0123456789abcdef" for c in folded):
        for kind, query in (
            ("message", "SELECT sha256 FROM message WHERE sha256 GLOB ? LIMIT 2"),
            ("flag", "SELECT id FROM flag WHERE id GLOB ? LIMIT 2"),
            ("request", "SELECT id FROM request WHERE id GLOB ? LIMIT 2"),
        ):
            found = connection.execute(query, (folded + "*",)).fetchall()
            if len(found) == 1:
                return kind, str(found[0][0])
    if not name or (len(folded) >= 6 and all(c in "0123456789abcdef" for c in folded)):
        raise UsageError(
            _(
                "No message, flag or request of this archive, or more than one, has an id that begins with “{text}”."
            ).format(text=name),
            "",
            _("`evidence flags` and `evidence requests` list ids; `evidence assess claim NAME TITLE` names a claim."),
        )
    return "claim", name


def _is_claim(archive: Archive, name: str) -> bool:
    return archive.connection.execute("SELECT 1 FROM claim WHERE name = ?", (name,)).fetchone() is not None
