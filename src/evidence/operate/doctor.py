"""Everything the program needs, checked: each ✗ with the next command."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from evidence.config import Account, Config, load_config
from evidence.errors import EvidenceError
from evidence.i18n import default_language, translation

_ = translation("operate", default_language()).gettext
FREE_OCTETS_WANTED = 1 << 30
CLOCK_SKEW_SECONDS = 120
RENEW_SOON = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor: ``ok`` None means not applicable, said but not counted."""

    name: str
    ok: bool | None
    said: str
    next_step: str = ""


def examine(config_path: Path, *, now: Callable[[], datetime], online: bool = True) -> Iterator[Check]:
    """All checks in order; those that need a configuration stop where there is none."""
    yield _python()
    yield _pango()
    yield _fonts()
    yield _datasette()
    try:
        config = load_config(config_path)
    except EvidenceError as error:
        yield Check(_("configuration"), False, f"{error.what} {error.why}".strip(), error.next_step)
        return
    yield Check(_("configuration"), True, str(config_path))
    yield _disk(config)
    if not config.account:
        yield Check(_("mailboxes"), None, _("none configured; mail comes in with `evidence import`"))
    for account in config.account:
        if online:
            yield from _account(account, config, now)
    yield from _archive(config, now())
    yield _schedule(config_path)


def _python() -> Check:
    found = sys.version.split()[0]
    return Check("Python", sys.version_info >= (3, 11), found, _("Install Python 3.11 or newer, then run ./run again."))


def _pango() -> Check:
    try:
        import weasyprint

        return Check("Pango", True, f"WeasyPrint {weasyprint.__version__}")
    except (ImportError, OSError) as error:
        step = (
            "brew install pango"
            if sys.platform == "darwin"
            else "sudo apt-get install -y libpango-1.0-0 libpangoft2-1.0-0"
        )
        return Check("Pango", False, str(error).splitlines()[0], step)


def _fonts() -> Check:
    folder = Path(__file__).parents[1] / "bundle" / "fonts"
    found = sorted(folder.rglob("*.[to]tf"))
    return Check(
        _("fonts"),
        bool(found),
        _("{n} shipped with the program").format(n=len(found)),
        _("Reinstall the program: its font files are missing."),
    )


def _datasette() -> Check:
    if importlib.util.find_spec("datasette") is None:
        return Check("Datasette", False, _("not installed"), "./run")
    from importlib.metadata import version

    found = version("datasette")
    return Check("Datasette", found.startswith("0."), found, _("Reinstall the program: it needs Datasette 0.65."))


def _disk(config: Config) -> Check:
    free = shutil.disk_usage(config.folder).free
    writable = os.access(config.folder, os.W_OK)
    shown = f"{free / 1e9:.1f}".replace(".", "," if default_language() == "ru" else ".")
    said = _("{n} GB free in {folder}").format(n=shown, folder=config.folder)
    if not writable:
        return Check(
            _("disk"), False, _("{folder} is not writable").format(folder=config.folder), f"ls -ld '{config.folder}'"
        )
    return Check(_("disk"), free > FREE_OCTETS_WANTED, said, _("Free some space: an archive grows with every message."))


def _account(account: Account, config: Config, now: Callable[[], datetime]) -> Iterator[Check]:
    from evidence.mailbox.imap import ImapMailbox
    from evidence.mailbox.login import secret_for

    label = _("login {name}").format(name=account.name)
    try:
        secret = secret_for(account, environ=os.environ, folder=config.folder)
        mailbox = ImapMailbox.connect(account, secret)
    except EvidenceError as error:
        yield Check(
            label, False, f"{error.what} {error.why}".strip(), error.next_step or "evidence login " + account.name
        )
        return
    try:
        yield Check(label, True, f"{account.username} @ {account.host}")
        folders = mailbox.list_folders()
        yield Check(
            _("folders"),
            bool(folders),
            ", ".join(f.name for f in folders[:12]) + (" …" if len(folders) > 12 else ""),
            _("The account shows no folders; ask the provider whether IMAP is enabled."),
        )
        if mailbox.server_date is not None:
            skew = abs((now() - mailbox.server_date).total_seconds())
            said = _("{n} s off the server's clock").format(n=round(skew))
            yield Check(
                _("clock"),
                skew <= CLOCK_SKEW_SECONDS,
                said,
                _("Correct this machine's clock: turn on time synchronisation."),
            )
    except EvidenceError as error:
        yield Check(_("folders"), False, str(error), "evidence doctor")
    finally:
        mailbox.close()


def _archive(config: Config, now: datetime) -> Iterator[Check]:
    if not config.archive_path.exists():
        yield Check(_("archive"), False, _("none yet"), "evidence sync")
        return
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.verify import verify_archive
    from evidence.operate.health import health

    try:
        report = verify_archive(config.archive_path, quick=True)
        with ArchiveReader(config.archive_path) as case:
            state = health(config, case)
            alarms = case.alarms
    except (EvidenceError, sqlite3.Error) as error:
        yield Check(_("archive"), False, str(error), "evidence verify")
        return
    first = (
        report.problems[0].text
        if report.problems
        else _("{n} messages, log of {size} events").format(n=state.messages, size=state.log_size)
    )
    yield Check(_("archive"), report.sound, first, "evidence verify")
    for alarm in alarms:
        yield Check(_("archive copy"), False, alarm, _("Find the newer copy before you go on."))
    if config.account:
        overdue = timedelta(hours=config.notify.overdue_hours)
        if state.last_sync is None:
            yield Check(_("last sync"), False, _("never"), "evidence sync")
        else:
            said = state.last_sync.astimezone(config.zone).strftime("%Y-%m-%d %H:%M %z")
            yield Check(
                _("last sync"),
                abs(now - state.last_sync) <= overdue and state.last_outcome != "failed",
                f"{said} ({_ended(state.last_outcome)})",
                "evidence sync",
            )
        yield Check(_("messages not retrieved"), not state.owed, str(len(state.owed)), "evidence sync")
    if state.anchors:
        renew = datetime.fromisoformat(state.renew_by.replace("Z", "+00:00")) if state.renew_by else None
        fresh = renew is None or renew - now > RENEW_SOON
        yield Check(
            _("anchor"),
            fresh,
            _("{n}, renew by {when}").format(n=state.anchors, when=state.renew_by or "—"),
            "evidence anchor",
        )
    else:
        step = "evidence anchor" if config.anchor.tsa_url else "evidence anchor --print"
        yield Check(_("anchor"), False, _("none: nothing outside this machine vouches for the time"), step)


def _ended(outcome: str) -> str:
    """How a run ended, in words."""
    return {
        "complete": _("complete"),
        "incomplete": _("incomplete"),
        "failed": _("failed"),
        "interrupted": _("interrupted"),
    }.get(outcome, outcome)


def _schedule(config_path: Path) -> Check:
    from evidence.operate.schedule import best_kind, installed, make_entry

    try:
        entry = make_entry(config_path, Path("evidence"), "hourly", best_kind())
        stands = installed(entry)
    except EvidenceError as error:
        return Check(_("schedule"), False, error.what, error.next_step or "evidence schedule install")
    return Check(_("schedule"), stands, entry.name if stands else _("not installed"), "evidence schedule install")
