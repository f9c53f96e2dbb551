"""One scheduled run: sync, index, anchor; a line in the log; a notification only when it must be."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from evidence.config import Config
from evidence.errors import EvidenceError, Locked
from evidence.i18n import translation
from evidence.operate import notify
from evidence.ports import Progress

LOG_OCTETS, LOGS_KEPT = 512_000, 5


class LogProgress:
    """``ports.Progress`` into the log file: what is said, not every step."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def step(self, what: str, done: int, total: int | None = None) -> None:
        pass

    def say(self, text: str) -> None:
        self._log.info("%s", text)


def run_scheduled(config: Config, *, now: Callable[[], datetime], progress: Progress | None = None) -> int:
    """Run once. Returns the exit code of the sync; a failure has been told to the person by then."""
    log = open_log(config.folder)
    started = now()
    problems = [notify.ping(config, "start")]
    log.info("sync begins (process %d)", os.getpid())
    code, why, report = 0, "", None
    try:
        from evidence import pipeline

        report = pipeline.sync(config, begin_anew=False, now=now, progress=progress or LogProgress(log))
        code = report.exit_code
        if code:
            _ = translation("operate", config.matter.language).gettext
            outcomes = {"incomplete": _("incomplete"), "failed": _("failed"), "interrupted": _("interrupted")}
            why = "; ".join(
                a.error
                or _("{account}: {outcome}, not retrieved: {n}").format(
                    account=a.account, outcome=outcomes.get(a.outcome, a.outcome), n=len(a.owed)
                )
                for a in report.accounts
                if a.outcome != "complete"
            )
        log.info("sync ended: %d new, exit code %d%s", report.new, code, f" ({why})" if why else "")
    except Locked as error:
        # Another run is at work: that is no failure, and nothing is told, unless it never ends.
        log.info("not run: %s", error.what)
        for problem in filter(None, _tell_locked(config, error.what, started)):
            log.warning("%s", problem)
        close_log(log)
        return error.exit_code
    except EvidenceError as error:
        code, why = error.exit_code, f"{error.what} {error.why}".strip()
        log.error("sync failed, exit code %d: %s", code, " ".join(why.split()))
    except Exception as error:
        code, why = 1, f"{type(error).__name__}: {error}"
        log.exception("sync failed")
    problems.append(notify.ping(config, "fail" if code not in (0, 3) else "success"))
    problems += _tell(config, code, why, started, now())
    if code in (0, 3) and report is not None and report.new:
        problems += _tell_digest(config, started, now())
    for problem in filter(None, problems):
        log.warning("%s", problem)
    close_log(log)
    return code


def _tell(config: Config, code: int, why: str, started: datetime, now: datetime) -> list[str]:
    _ = translation("operate", config.matter.language).gettext
    overdue = timedelta(hours=config.notify.overdue_hours)
    what, state = notify.decide(notify.read_state(config.folder), failed=code not in (0, 3), now=now, overdue=overdue)
    unkept = _keep(config.folder, state)
    title = config.matter.title
    if what == "failure":
        return unkept + notify.tell(
            config,
            _("evidence: the sync failed ({title})").format(title=title),
            [why, _("Nothing already archived is lost. Next step: run `evidence doctor`.")],
        )
    if what == "overdue":
        return unkept + _tell_overdue(config, why, state["failing_since"])
    if what == "recovered":
        return unkept + notify.tell(config, _("evidence: the sync works again ({title})").format(title=title), [])
    return unkept


def _tell_locked(config: Config, why: str, now: datetime) -> list[str]:
    overdue = timedelta(hours=config.notify.overdue_hours)
    what, state = notify.decide_locked(notify.read_state(config.folder), now=now, overdue=overdue)
    unkept = _keep(config.folder, state)
    return unkept + (_tell_overdue(config, why, state["locked_since"]) if what else [])


def _tell_overdue(config: Config, why: str, since: str) -> list[str]:
    _ = translation("operate", config.matter.language).gettext
    when = datetime.fromisoformat(since).astimezone(config.zone).strftime("%Y-%m-%d %H:%M")
    return notify.tell(
        config,
        _("evidence: no successful sync since {when} ({title})").format(when=when, title=config.matter.title),
        [
            why,
            _("Messages that vanish from the server in the meantime can no longer be archived. Run `evidence doctor`."),
        ],
    )


def _keep(folder: Path, state: dict[str, Any]) -> list[str]:
    """What was told, for the next run. On a full disk it is told all the same, and again: silence would be worse."""
    try:
        notify.write_state(folder, state)
    except OSError as error:
        return [f"logs/notify.json: {error}"]
    return []


def _tell_digest(config: Config, started: datetime, now: datetime) -> list[str]:
    digest = new_digest(config, started, now)
    if not digest:
        return []
    _ = translation("operate", config.matter.language).gettext
    subject = _("evidence: something new to review ({title})").format(title=config.matter.title)
    return notify.tell(config, subject, notify.digest_lines(config, digest))


def new_digest(config: Config, started: datetime, now: datetime) -> notify.Digest:
    """Threats in messages archived since ``started``, and requests to us that fall due within a day."""
    from evidence import pipeline
    from evidence.archive.reader import ArchiveReader

    with ArchiveReader(config.archive_path) as case:
        shown = pipeline.view(config, case, as_of=now)
        fresh = {
            sha
            for (sha,) in case.connection.execute(
                "SELECT sha256 FROM message WHERE acquired_at >= ?", (started.strftime("%Y-%m-%dT%H:%M:%SZ"),)
            )
        }
    soon = now + timedelta(days=1)
    return notify.Digest(
        tuple(f.id for f in shown.flags if f.category == "threat" and f.speaker != "us" and f.sha256 in fresh),
        tuple(
            (r.id, r.due_at)
            for r in shown.requests
            if r.asker == "client" and r.outcome == "pending" and r.due_at and r.due_at <= soon
        ),
    )


def open_log(folder: Path) -> logging.Logger:
    """``logs/sync.log``, rotated; where it cannot be written, standard error. No letter's text and no secret is ever logged."""
    log = logging.Logger("evidence.scheduled", logging.INFO)
    keeper: logging.Handler
    try:
        (folder / "logs").mkdir(exist_ok=True)
        keeper = _Keeper(folder / "logs" / "sync.log", maxBytes=LOG_OCTETS, backupCount=LOGS_KEPT, encoding="utf-8")
    except OSError:
        keeper = logging.StreamHandler()
    keeper.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    log.addHandler(keeper)
    return log


def close_log(log: logging.Logger) -> None:
    for keeper in log.handlers:
        with suppress(OSError):  # a full disk: what was buffered was said on standard error
            keeper.close()


class _Keeper(logging.handlers.RotatingFileHandler):
    """A line that the disk does not take goes to standard error, where the scheduler keeps it, without a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:
        with suppress(OSError, AttributeError):
            sys.stderr.write(self.format(record) + "\n")
