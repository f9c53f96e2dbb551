"""Acquire: mailbox or files -> archive, then keys, index and anchor. Raw octets are durable before anything is parsed."""

from __future__ import annotations

import gc
import os
import platform
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence import __version__
from evidence.actor import login_name
from evidence.config import Account, Config
from evidence.errors import EvidenceError, LoginRefused, NoArchive, UsageError
from evidence.i18n import default_language, translated, translation
from evidence.ports import FolderCount, Progress

if TYPE_CHECKING:
    from evidence.archive.store import Archive
    from evidence.mailbox.imports_mbox import Dialect

_ = translation("cli", default_language()).gettext

LIBRARIES = ("imapclient", "mail-parser", "sqlite-utils", "dkimpy", "rfc3161-client", "pymorphy3")
OUTCOME_CODES = {"complete": 0, "failed": 1, "incomplete": 3, "interrupted": 130}


def tool_name() -> str:
    return f"evidence {__version__}"


def acquisition_record(config: Config) -> dict[str, Any]:
    """What a run was made with: tool and library versions, host, operator, time zone, scope."""
    from evidence.mailbox.run_record import library_version, system_name

    return {
        "tool": tool_name(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": system_name(),
        "libraries": {name: library_version(name) or "absent" for name in LIBRARIES},
        "host": socket.gethostname(),
        "operator": login_name(),
        "timezone": config.matter.timezone,
        "local_timezone": time.strftime("%Z %z"),
        "scope": config.scope.messages,
    }


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What one account or import gave."""

    account: str
    outcome: str
    new: int = 0
    sightings: int = 0
    vanished: int = 0
    owed: tuple[str, ...] = ()
    folders: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class AcquireReport:
    """What a run gave, over all accounts."""

    accounts: tuple[AccountReport, ...]
    dry_run: bool = False
    anchored: str = ""
    anchor_error: str = ""
    warnings: tuple[str, ...] = ()
    failure: EvidenceError | None = field(default=None, compare=False)

    @property
    def new(self) -> int:
        return sum(a.new for a in self.accounts)

    @property
    def exit_code(self) -> int:
        codes = [OUTCOME_CODES[a.outcome] for a in self.accounts]
        if isinstance(self.failure, LoginRefused):
            return 12
        for code in (130, 1, 3):
            if code in codes:
                return code
        return 0

    def as_row(self) -> dict[str, Any]:
        return {
            "new": self.new,
            "dry_run": self.dry_run,
            "exit_code": self.exit_code,
            "anchored": self.anchored,
            "anchor_error": self.anchor_error,
            "warnings": list(self.warnings),
            "accounts": [
                {
                    "account": a.account,
                    "outcome": a.outcome,
                    "new": a.new,
                    "sightings": a.sightings,
                    "vanished": a.vanished,
                    "owed": list(a.owed),
                    "folders": list(a.folders),
                    "notes": list(a.notes),
                    "error": a.error,
                }
                for a in self.accounts
            ],
        }


def open_archive(config: Config, now: Callable[[], datetime], *, create: bool) -> Archive:
    from evidence.archive.store import Archive

    path = config.archive_path
    if create and not path.exists():
        return Archive.create(path, now=now, tool=tool_name())
    return Archive.open(path, write=True, now=now)


def begun_anew(config: Config, *, allowed: bool = True) -> list[str]:
    """A sentence where an archive lay on this machine and lies no more: another is about to be begun in its place.

    Raises NoArchive unless that is ``allowed``: a disk that is not connected must not split a matter into two archives.
    """
    path = config.archive_path
    if path.exists():
        return []
    from evidence.archive import seen

    note = seen.last_at(path)
    if note is None:
        return []
    when = datetime.fromisoformat(str(note["at"])).astimezone(config.zone).strftime("%Y-%m-%d %H:%M")
    gone = _("The archive {path} is not there any more; on {when} it had {size} events.").format(
        path=path, when=when, size=note["size"]
    )
    if not allowed:
        step = _("Connect the disk it is on, or put it back. To begin a new archive, run `evidence sync` yourself.")
        raise NoArchive(gone, _("No new archive was begun."), step)
    return [gone + " " + _("A new archive was begun.")]


def sync(
    config: Config,
    *,
    accounts: Sequence[str] = (),
    dry_run: bool = False,
    index: bool = True,
    trust_reset: Sequence[str] = (),
    begin_anew: bool = True,
    now: Callable[[], datetime],
    progress: Progress,
) -> AcquireReport:
    """Acquire what is new from every account (or those named); then DNS keys, index and anchor.

    ``trust_reset`` names folders whose doubtful UIDVALIDITY change a person has looked at and confirmed.
    ``begin_anew``: whether a new archive may take the place of one that was seen there and is gone (nobody watches a scheduled run).
    One account that fails does not keep the others from being read; its error is in the report.
    """
    wanted = [a for a in config.account if not accounts or a.name in accounts]
    if unknown := set(accounts) - {a.name for a in config.account}:
        raise UsageError(
            _("The configuration has no account called {names}.").format(names=", ".join(sorted(unknown))),
            "",
            _("Its accounts: {names}.").format(names=", ".join(a.name for a in config.account) or "—"),
        )
    if not wanted:
        raise UsageError(
            _("The configuration names no mailbox."),
            "",
            _("Add an [[account]] section, or bring in files with `evidence import PATH`."),
        )
    reports: list[AccountReport] = []
    failure: EvidenceError | None = None
    anew = [] if dry_run else begun_anew(config, allowed=begin_anew)
    with _archive_for(config, now, dry_run) as archive:
        before = log_size(archive)
        for account in wanted:
            try:
                reports.append(
                    _acquire_account(
                        archive, config, account, dry_run=dry_run, trust_reset=trust_reset, now=now, progress=progress
                    )
                )
            except EvidenceError as error:
                if len(wanted) == 1:
                    raise
                failure = error
                reports.append(AccountReport(account.name, "failed", error=str(error)))
                progress.say(f"{account.name}: {error}")
        if dry_run:
            return AcquireReport(tuple(reports), dry_run=True, failure=failure)
        warnings = anew + fetch_keys(archive, config, now=now, progress=progress)
        _index(archive, config, index, now=now, progress=progress)
        anchored, anchor_error = _anchor(archive, config, before, now=now)
    return AcquireReport(
        tuple(reports), anchored=anchored, anchor_error=anchor_error, warnings=tuple(warnings), failure=failure
    )


def _acquire_account(
    archive: Archive,
    config: Config,
    account: Account,
    *,
    dry_run: bool,
    trust_reset: Sequence[str],
    now: Callable[[], datetime],
    progress: Progress,
) -> AccountReport:
    from evidence.mailbox.imap import ImapMailbox
    from evidence.mailbox.login import secret_for
    from evidence.mailbox.plan import ScopeRule
    from evidence.mailbox.reader import acquire

    if account.ca_file:
        account = account.model_copy(update={"ca_file": str(config.folder / account.ca_file)})
    secret = secret_for(account, environ=os.environ, folder=config.folder)
    with closing(ImapMailbox.connect(account, secret)) as mailbox, _collecting_rarely():
        result = acquire(
            mailbox,
            account,
            ScopeRule.from_config(config),
            archive,
            now=now,
            progress=progress,
            dry_run=dry_run,
            record=acquisition_record(config),
            trust_reset=trust_reset,
        )
    owed = [o for o in archive_owed(archive) if o["account"] == account.name] if not dry_run else []
    return AccountReport(
        account.name,
        result.outcome,
        new=result.would_fetch if dry_run else result.new,
        sightings=result.sightings,
        vanished=result.vanished,
        owed=tuple(
            f"{o['folder']} UID {o['uid']}: {translated('mailbox', default_language(), str(o['reason']))}" for o in owed
        ),
        folders=tuple(_folder_row(f) for f in result.folders),
        notes=tuple(result.problems) + _not_before(result.retry_at, config),
    )


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Reading makes hundreds of thousands of small values and no cycles: looking for cycles at every turn is waste."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _not_before(moment: datetime | None, config: Config) -> tuple[str, ...]:
    """The provider asked for patience: until when, in the matter's time zone."""
    if moment is None:
        return ()
    when = moment.astimezone(config.zone).strftime("%Y-%m-%d %H:%M %z")
    return (_("The provider limits how much may be read; continue after {when}.").format(when=when),)


@contextmanager
def _archive_for(config: Config, now: Callable[[], datetime], dry_run: bool) -> Iterator[Archive]:
    """The matter's archive; for a dry run where there is none yet, one that is thrown away."""
    if not dry_run or config.archive_path.exists():
        with open_archive(config, now, create=not dry_run) as archive:
            yield archive
        return
    import tempfile

    from evidence.archive.store import Archive

    with (
        tempfile.TemporaryDirectory(prefix="evidence-dry-run-") as folder,
        Archive.create(Path(folder) / "archive.db", now=now, tool=tool_name()) as archive,
    ):
        yield archive


def archive_owed(archive: Archive) -> list[dict[str, Any]]:
    """What is owed now, of all accounts."""
    archive.commit()
    if archive.connection.execute("SELECT 1 FROM owed LIMIT 1").fetchone() is None:
        return []
    from evidence.archive.reader import ArchiveReader

    return [dict(o) for o in ArchiveReader(archive.connection).owed_now()]


def _folder_row(count: FolderCount) -> dict[str, Any]:
    row = asdict(count)
    row["at"] = count.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return row


def import_files(
    config: Config,
    paths: Sequence[Path],
    *,
    index: bool = True,
    mbox_dialect: Dialect = "auto",
    now: Callable[[], datetime],
    progress: Progress,
) -> AcquireReport:
    """Bring mail files into the archive through the same door; all of it is archived.

    ``mbox_dialect`` is the person's word on how ">From" lines came about; ``auto`` changes octets only on proof.
    """
    from evidence.mailbox.imports import import_paths

    missing = [str(p) for p in paths if not p.exists()]
    if missing:
        raise UsageError(
            _("There is no such file or folder: {paths}.").format(paths=", ".join(missing)),
            "",
            _("Check the spelling; put a path with spaces in quotation marks."),
        )
    anew = begun_anew(config)
    with open_archive(config, now, create=True) as archive:
        before = log_size(archive)
        result = import_paths(
            paths, archive, now=now, progress=progress, record=acquisition_record(config), mbox_dialect=mbox_dialect
        )
        warnings = anew + fetch_keys(archive, config, now=now, progress=progress)
        _index(archive, config, index, now=now, progress=progress)
        anchored, anchor_error = _anchor(archive, config, before, now=now)
    report = AccountReport(
        "import", result.outcome, new=result.new, sightings=result.sightings, owed=tuple(result.owed)
    )
    return AcquireReport((report,), anchored=anchored, anchor_error=anchor_error, warnings=tuple(warnings))


def fetch_keys(archive: Archive, config: Config, *, now: Callable[[], datetime], progress: Progress) -> list[str]:
    """Ask DNS for the DKIM keys of messages that have none stored yet, and store the answers as evidence.

    Every signed message that came since the last look is considered; a name that was answered once is not asked again,
    for a later answer says nothing about the day the message came. A name that DNS did not answer at all is asked again
    on the next run; where it stays silent three times in a row, the rest is left for then.
    """
    if config.dkim.dns == "off":
        return []
    from evidence.archive.derived import raws
    from evidence.mailbox.dns import fetch_key
    from evidence.message.dkim import needed_keys

    archive.commit()
    answered = "SELECT DISTINCT name FROM dns_key WHERE error IN ('', 'nxdomain', 'no-answer', 'bad-name', 'too-long')"
    known = {name for (name,) in archive.connection.execute(answered)}
    unchecked = (
        "SELECT DISTINCT selector || '._domainkey.' || domain FROM dkim WHERE result = 'unchecked' AND domain <> ''"
    )
    wanted: dict[str, None] = {n: None for (n,) in archive.connection.execute(unchecked) if n not in known}
    for _number, _sha256, raw in raws(archive.connection, missing_only=True):
        for name in needed_keys(raw):
            if name not in known:
                wanted.setdefault(name)
    failed = silent = 0
    for done, name in enumerate(wanted, 1):
        progress.step("DKIM", done, len(wanted))
        key = fetch_key(name, resolver=config.dkim.resolver, now=now())
        archive.dns_key(key)
        failed += bool(key.error)
        silent = silent + 1 if key.error in ("timeout", "no-resolver") else 0
        if silent == 3:
            failed += len(wanted) - done
            break
    archive.commit()
    if not failed:
        return []
    said = _("DKIM keys that DNS did not give: {failed} of {wanted}; the answers are stored as they came.")
    return [said.format(failed=failed, wanted=len(wanted))]


def _index(archive: Archive, config: Config, wanted: bool, *, now: Callable[[], datetime], progress: Progress) -> None:
    if wanted:
        from evidence.pipeline.index import refresh

        refresh(archive, config, now=now, progress=progress)


def _anchor(archive: Archive, config: Config, size_before: int, *, now: Callable[[], datetime]) -> tuple[str, str]:
    """An anchor over the root where an authority is configured. Its failure is owed, never fatal."""
    if not config.anchor.tsa_url:
        return "", ""
    archive.commit()
    anchored = archive.connection.execute("SELECT max(size) FROM anchor").fetchone()[0] or 0
    if log_size(archive) == size_before and anchored >= size_before:
        return "", ""
    from evidence.archive.anchor import obtain

    try:
        stamp = obtain(archive, config.anchor, now=now)
    except EvidenceError as error:
        return "", str(error)
    return str(stamp.stated_at or ""), ""


def log_size(archive: Archive) -> int:
    return int(archive.connection.execute("SELECT coalesce(max(seq), -1) + 1 FROM event").fetchone()[0])
