"""Loud only when it must be: on failure, when overdue, and a digest of what is new. Never a letter's text, never a secret.

State lies in ``logs/notify.json`` beside the archive: one failing spell gives one notification, a second one when it
has lasted longer than ``overdue_hours``, and one when it is over.
"""

from __future__ import annotations

import json
import os
import shlex
import smtplib
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from evidence.config import Config, Smtp
from evidence.errors import EvidenceError, UsageError
from evidence.i18n import talk, translation

_ = talk("operate")
PING_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Digest:
    """What a run brought: counts and ids, no text of a letter."""

    new_threats: tuple[str, ...] = ()  # flag ids
    falling_due: tuple[tuple[str, datetime], ...] = ()  # request id, due at

    def __bool__(self) -> bool:
        return bool(self.new_threats or self.falling_due)


def ping(config: Config, stage: str) -> str:
    """GET ping_url (``/start`` before, nothing or ``/fail`` after: the form of healthchecks-like services). Returns an error or ""."""
    url = config.notify.ping_url
    if not url:
        return ""
    if not url.startswith(("https://", "http://")):
        return f"ping_url is no web address: {url}"
    suffix = {"start": "/start", "success": "", "fail": "/fail"}[stage]
    try:
        with urllib.request.urlopen(url.rstrip("/") + suffix, timeout=PING_TIMEOUT):  # noqa: S310  # scheme checked above
            return ""
    except (OSError, ValueError) as error:
        return f"{url}: {error}"


def decide(state: dict[str, Any], *, failed: bool, now: datetime, overdue: timedelta) -> tuple[str, dict[str, Any]]:
    """What to say ("failure", "overdue", "recovered" or "") and the state to keep. Pure."""
    since = datetime.fromisoformat(state["failing_since"]) if state.get("failing_since") else None
    if not failed:
        return ("recovered" if since or state.get("told_locked") else ""), {}
    if since is None:
        return "failure", {"failing_since": now.isoformat(), "told_overdue": False}
    if now - since >= overdue and not state.get("told_overdue"):
        return "overdue", state | {"told_overdue": True}
    return "", state


def decide_locked(state: dict[str, Any], *, now: datetime, overdue: timedelta) -> tuple[str, dict[str, Any]]:
    """As ``decide``, for a run that found the archive in use. Once is nothing; a run that hangs for days stops every other. Pure."""
    since = datetime.fromisoformat(state["locked_since"]) if state.get("locked_since") else None
    if since is None:
        return "", state | {"locked_since": now.isoformat()}
    if now - since >= overdue and not state.get("told_locked"):
        return "overdue", state | {"told_locked": True}
    return "", state


def tell(config: Config, subject: str, lines: Sequence[str], *, run: Callable[..., Any] = subprocess.run) -> list[str]:
    """Hand the text to the configured command and mail it. Returns what could not be done, in words."""
    text = "\n".join([subject, "", *lines]) + "\n"
    problems = []
    if config.notify.command:
        try:
            ended = run(
                shlex.split(config.notify.command), input=text, text=True, capture_output=True, timeout=60, check=False
            )
            if ended.returncode:
                problems.append(f"[notify] command ended with {ended.returncode}: {ended.stderr.strip()[:300]}")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problems.append(f"[notify] command: {error}")
    if config.notify.smtp:
        try:
            _mail(config.notify.smtp, subject, text)
        except (OSError, smtplib.SMTPException, EvidenceError) as error:
            problems.append(f"[notify.smtp] {error}")
    return problems


def _mail(smtp: Smtp, subject: str, text: str) -> None:
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"], message["To"] = smtp.sender, ", ".join(smtp.to)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    context = ssl.create_default_context()
    if smtp.tls == "implicit":
        client: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=60, context=context)
    else:
        client = smtplib.SMTP(smtp.host, smtp.port, timeout=60)
    with client:
        if smtp.tls == "starttls":
            client.starttls(context=context)
        if smtp.username:
            client.login(smtp.username, _password(smtp))
        client.send_message(message)


def _password(smtp: Smtp) -> str:
    if smtp.password_env:
        return os.environ.get(smtp.password_env, "")
    if smtp.password_command:
        from evidence.mailbox.login import run_for_secret

        return run_for_secret(smtp.password_command, "notify.smtp.password_command")
    raise UsageError(
        _("[notify.smtp] does not say where its password comes from."), "", _("Set password_command or password_env.")
    )


def digest_lines(config: Config, digest: Digest) -> list[str]:
    """The digest in the matter's language: how many, which ids, when due; no quotes."""
    catalogue = translation("operate", config.matter.language)
    lines = []
    if digest.new_threats:
        said = catalogue.ngettext(
            "{n} new possible threat is waiting for your decision: {ids}",
            "{n} new possible threats are waiting for your decision: {ids}",
            len(digest.new_threats),
        )
        lines.append(said.format(n=len(digest.new_threats), ids=", ".join(digest.new_threats)))
    for request, due in digest.falling_due:
        local = due.astimezone(config.zone).strftime("%Y-%m-%d %H:%M")
        lines.append(catalogue.gettext("A request falls due on {when}: {id}").format(when=local, id=request))
    return lines


def read_state(folder: Path) -> dict[str, Any]:
    try:
        state = json.loads((folder / "logs" / "notify.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(folder: Path, state: dict[str, Any]) -> None:
    path = folder / "logs" / "notify.json"
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(state), encoding="utf-8")
    unfinished.replace(path)
