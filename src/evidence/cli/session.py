"""What every command needs: where the matter lies, its configuration, its archive, how to talk."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.actor import login_name
from evidence.cli.text import _
from evidence.errors import Locked, NoArchive, Unwritable, UsageError

if TYPE_CHECKING:
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.store import Archive
    from evidence.config import Config


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Session:
    """One run of the command line."""

    config_path: Path | None = None
    debug: bool = False
    _config: Config | None = field(default=None, repr=False)

    @property
    def config(self) -> Config:
        """The matter's configuration: -c, EVIDENCE_CONFIG, or config.toml here."""
        if self._config is None:
            from evidence.config import load_config

            path = self.config_path or Path("config.toml")
            if path.is_dir():
                path = path / "config.toml"
            self._config = load_config(path)
        return self._config

    def need_archive(self) -> Path:
        path = self.config.archive_path
        if not path.exists():
            raise NoArchive(
                _("There is no archive yet at {path}.").format(path=path),
                "",
                _("Run `evidence sync` (or `evidence import PATH`) first."),
            )
        return path

    def read(self) -> ArchiveReader:
        """The archive, to read."""
        from evidence.archive.reader import ArchiveReader

        return ArchiveReader(self.need_archive())

    def current(self) -> ArchiveReader:
        """The archive, to read, with its derived tables brought up to date where they lag behind.

        While another run holds the archive, or where it cannot be written, the tables are read as they are, and that is said.
        """
        from evidence.cli.output import TerminalProgress
        from evidence.pipeline.index import is_current, refresh

        reader = self.read()
        if is_current(reader.connection, self.config):
            return reader
        reader.close()
        progress = TerminalProgress()
        try:
            with self.write() as archive:
                refresh(archive, self.config, now=now, progress=progress)
        except (Locked, Unwritable) as error:
            progress.say(_("Shown as of the last rebuild: {why}").format(why=error.what))
        return self.read()

    def judge(self) -> Archive:
        """The archive, to record a decision; possible beside a running sync."""
        from evidence.archive.store import Archive

        return Archive.open(self.need_archive(), write=True, now=now, run=False)

    def write(self, *, create: bool = False) -> Archive:
        """The archive, to append to. Raises Locked while another run has it."""
        from evidence.archive.store import Archive
        from evidence.pipeline import tool_name

        path = self.config.archive_path
        if create and not path.exists():
            return Archive.create(path, now=now, tool=tool_name())
        self.need_archive()
        return Archive.open(path, write=True, now=now)

    @property
    def actor(self) -> str:
        """Who decides, for reviews and notes: EVIDENCE_ACTOR or the login name."""
        return login_name()


def whole_sha256(session: Session, prefix: str) -> str:
    """The full hash of a message from its first hex digits (at least 6)."""
    from evidence.archive.connect import connect_read

    prefix = prefix.lower()
    if len(prefix) < 6 or any(c not in "0123456789abcdef" for c in prefix):
        raise UsageError(
            _("“{text}” is not a message's SHA-256 (or its first 6 or more hex digits).").format(text=prefix)
        )
    with closing(connect_read(session.need_archive())) as connection:
        found = [
            row[0]
            for row in connection.execute("SELECT sha256 FROM message WHERE sha256 GLOB ? LIMIT 2", (prefix + "*",))
        ]
    if len(found) != 1:
        raise UsageError(
            _("No message's SHA-256 begins with {text}.").format(text=prefix)
            if not found
            else _("More than one message's SHA-256 begins with {text}; give more digits.").format(text=prefix)
        )
    return str(found[0])
