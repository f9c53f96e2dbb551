"""Run the sync by itself: a systemd user timer, launchd, Task Scheduler or a cron entry. Files are made here, pure; ``install`` places them.

Every entry runs ``evidence -c CONFIG sync --scheduled``: sync, reindex, anchor, notify. A run that was missed is caught up by
the next one, for a sync takes whatever is new; systemd (Persistent), launchd and Task Scheduler also start one at wake-up.
"""

from __future__ import annotations

import hashlib
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from evidence.errors import EvidenceError, UsageError
from evidence.i18n import talk

_ = talk("operate")

Kind = Literal["systemd", "cron", "launchd", "schtasks"]
KINDS: tuple[Kind, ...] = ("systemd", "cron", "launchd", "schtasks")
EVERY = {"hourly": 3600, "daily": 86400, "15min": 900}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What will be installed: files with their text, the commands that activate and remove them, hints for the person."""

    name: str
    kind: Kind
    files: tuple[tuple[Path, str], ...]
    activate: tuple[tuple[str, ...], ...]
    deactivate: tuple[tuple[str, ...], ...]
    hints: tuple[str, ...] = ()
    cron_line: str = ""


def entry_name(config: Path) -> str:
    """``evidence-FOLDER-DIGEST``: several matters on one machine do not meet."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", config.resolve().parent.name).strip("-").lower() or "matter"
    return f"evidence-{slug[:40]}-{hashlib.sha256(str(config.resolve()).encode()).hexdigest()[:8]}"


def best_kind(platform: str = sys.platform) -> Kind:
    """What this machine offers."""
    if platform == "win32":
        return "schtasks"
    if platform == "darwin":
        return "launchd"
    if shutil.which("systemctl") and os.environ.get("XDG_RUNTIME_DIR"):
        return "systemd"
    return "cron"


def make_entry(config: Path, program: Path, every: str, kind: Kind, home: Path | None = None) -> Entry:
    """The entry for the matter of ``config``. Raises UsageError for a path that the scheduler's file cannot hold."""
    if every not in EVERY:
        raise UsageError(
            _("“{every}” is not an interval at which a sync can run.").format(every=every),
            "",
            _("Choose one of: {choices}.").format(choices=", ".join(EVERY)),
        )
    config, home = config.resolve(), home or Path.home()
    if any(c in str(config) + str(program) for c in "\n\r\0"):
        raise UsageError(_("A scheduler cannot take a path that contains a line break."), "", _("Rename the folder."))
    make = {"systemd": _systemd, "cron": _cron, "launchd": _launchd, "schtasks": _schtasks}[kind]
    return make(entry_name(config), config, program, every, home)


def _systemd(name: str, config: Path, program: Path, every: str, home: Path) -> Entry:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "systemd" / "user"
    command = f"{_systemd_word(str(program))} -c {_systemd_word(str(config))} sync --scheduled"
    service = (
        "[Unit]\n"
        f"Description=evidence: archive the mail of {_systemd_text(config.parent.name)}\n"
        "Wants=network-online.target\nAfter=network-online.target\n\n"
        "[Service]\nType=oneshot\n"
        f"ExecStart={command}\n"
        # 3: something is owed and will be asked for again; the notification has said so.
        "SuccessExitStatus=3\nNice=10\nTimeoutStartSec=6h\nNoNewPrivileges=yes\n"
    )
    calendar = {"hourly": "hourly", "daily": "daily", "15min": "*:0/15"}[every]
    timer = (
        "[Unit]\n"
        f"Description=evidence: when to archive the mail of {_systemd_text(config.parent.name)}\n\n"
        f"[Timer]\nOnCalendar={calendar}\nRandomizedDelaySec={min(300, EVERY[every] // 4)}\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    return Entry(
        name,
        "systemd",
        ((folder / f"{name}.service", service), (folder / f"{name}.timer", timer)),
        (("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", "--now", f"{name}.timer")),
        (("systemctl", "--user", "disable", "--now", f"{name}.timer"),),
        ("loginctl enable-linger",),
    )


def _systemd_text(text: str) -> str:
    return text.replace("%", "%%")


def _systemd_word(text: str) -> str:
    """One word of ExecStart (systemd.service, "Command lines"): quoted, with % and $ taken literally."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _cron(name: str, config: Path, program: Path, every: str, home: Path) -> Entry:
    minute = int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) % 60
    when = {"hourly": f"{minute} * * * *", "daily": f"{minute} 6 * * *", "15min": "*/15 * * * *"}[every]
    # In a crontab an unescaped % ends the command (crontab(5)).
    command = f"{shlex.quote(str(program))} -c {shlex.quote(str(config))} sync --scheduled".replace("%", "\\%")
    return Entry(name, "cron", (), (), (), (), f"{when} {command}  # {name}")


def _launchd(name: str, config: Path, program: Path, every: str, home: Path) -> Entry:
    label = f"local.{name}"
    path = home / "Library" / "LaunchAgents" / f"{label}.plist"
    text = plistlib.dumps(
        {
            "Label": label,
            "ProgramArguments": [str(program), "-c", str(config), "sync", "--scheduled"],
            "StartInterval": EVERY[every],
            "RunAtLoad": True,
            "ProcessType": "Background",
            "LowPriorityIO": True,
        }
    ).decode()
    return Entry(
        name,
        "launchd",
        ((path, text),),
        (("launchctl", "load", "-w", str(path)),),
        (("launchctl", "unload", "-w", str(path)),),
    )


def _schtasks(name: str, config: Path, program: Path, every: str, home: Path) -> Entry:
    interval = {"hourly": "PT1H", "daily": "P1D", "15min": "PT15M"}[every]
    # Task Scheduler splits Arguments by the rules of CommandLineToArgvW; list2cmdline quotes for them.
    arguments = subprocess.list2cmdline(["-c", str(config), "sync", "--scheduled"])
    text = (
        '<?xml version="1.0" encoding="UTF-16"?>\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        f"  <RegistrationInfo><Description>evidence: {escape(config.parent.name)}</Description></RegistrationInfo>\n"
        "  <Triggers><TimeTrigger><StartBoundary>2026-01-01T06:00:00</StartBoundary><Enabled>true</Enabled>"
        f"<Repetition><Interval>{interval}</Interval></Repetition></TimeTrigger></Triggers>\n"
        "  <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy><StartWhenAvailable>true</StartWhenAvailable>"
        "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries><ExecutionTimeLimit>PT6H</ExecutionTimeLimit></Settings>\n"
        f"  <Actions><Exec><Command>{escape(str(program))}</Command><Arguments>{escape(arguments)}</Arguments></Exec></Actions>\n"
        "</Task>\n"
    )
    path = home / "AppData" / "Local" / "evidence" / f"{name}.xml"
    return Entry(
        name,
        "schtasks",
        ((path, text),),
        (("schtasks", "/Create", "/F", "/TN", name, "/XML", str(path)),),
        (("schtasks", "/Delete", "/F", "/TN", name),),
    )


# ---- placing -------------------------------------------------------------------------------


def install(entry: Entry, run: Run = subprocess.run) -> None:
    """Write the files and activate. Raises EvidenceError with what the scheduler said."""
    if entry.kind == "cron":
        _write_crontab([*_crontab_without(entry.name, run), entry.cron_line], run)
        return
    for path, text in entry.files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-16" if entry.kind == "schtasks" else "utf-8")
    for command in entry.activate:
        _must(command, run)


def remove(entry: Entry, run: Run = subprocess.run) -> bool:
    """Take the entry away. False when there was none."""
    if entry.kind == "cron":
        lines = _crontab(run)
        kept = _crontab_without(entry.name, run)
        if kept == lines:
            return False
        _write_crontab(kept, run)
        return True
    present = [path for path, _text in entry.files if path.exists()]
    if not present:
        return False
    for command in entry.deactivate:
        _must(command, run)
    for path in present:
        path.unlink()
    return True


def installed(entry: Entry, run: Run = subprocess.run) -> bool:
    """Whether the entry stands."""
    if entry.kind == "cron":
        return any(line.endswith(f"# {entry.name}") for line in _crontab(run))
    if entry.kind == "schtasks":
        return (
            run(["schtasks", "/Query", "/TN", entry.name], capture_output=True, text=True, check=False).returncode == 0
        )
    return all(path.exists() for path, _text in entry.files)


def _crontab(run: Run) -> list[str]:
    try:
        listed = run(["crontab", "-l"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise EvidenceError(
            _("This machine has neither systemd user timers nor cron."),
            "",
            _("Install cron, or call `evidence sync --scheduled` from your own scheduler."),
        ) from None
    return listed.stdout.splitlines() if listed.returncode == 0 else []


def _crontab_without(name: str, run: Run) -> list[str]:
    return [line for line in _crontab(run) if not line.endswith(f"# {name}")]


def _write_crontab(lines: list[str], run: Run) -> None:
    _must(("crontab", "-"), run, text="\n".join(lines) + "\n" if lines else "")


def _must(command: tuple[str, ...], run: Run, text: str | None = None) -> None:
    try:
        ended = run(list(command), capture_output=True, text=True, check=False, input=text)
    except FileNotFoundError:
        raise EvidenceError(
            _("{program} is not installed on this machine.").format(program=command[0]),
            "",
            _("Choose another scheduler with --kind."),
        ) from None
    if ended.returncode:
        raise EvidenceError(
            _("“{command}” failed.").format(command=" ".join(command)),
            (ended.stderr or ended.stdout).strip(),
            _(
                "The schedule is not active. Remove the cause named above and run the command again, or choose another "
                "scheduler with --kind."
            ),
        )
