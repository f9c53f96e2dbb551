"""A whole matter in a new folder, by the same code a user runs: sync from a real IMAP server (embedded), timeline, bundle, verify."""

from __future__ import annotations

import email
import email.policy
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from importlib.resources import files
from pathlib import Path
from typing import Literal

from evidence.config import load_config
from evidence.errors import EvidenceError, UsageError
from evidence.i18n import translation
from evidence.operate.embedded_server import EmbeddedServer
from evidence.ports import Progress

PASSWORD_ENV = "EVIDENCE_DEMO_PASSWORD"  # noqa: S105  # the name of a variable
SAMPLES = {"ru": "shelf", "en": "studio"}


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo made and found."""

    folder: Path
    pdf: Path
    messages: int
    flags: dict[str, int]
    requests: dict[str, int]
    pages: int
    sound: bool


def run_demo(
    folder: Path, language: Literal["ru", "en"], *, now: Callable[[], datetime], progress: Progress
) -> DemoReport:
    """Make the matter in ``folder``. Raises UsageError if something is there already."""
    _ = translation("operate", language).gettext
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            _("{folder} is not empty.").format(folder=folder), "", _("Name a new folder: evidence demo DIR")
        )
    folder.mkdir(parents=True, exist_ok=True)
    from evidence import __version__, pipeline
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.verify import verify_archive
    from evidence.bundle.options import BundleOptions

    with EmbeddedServer("demo") as server:
        progress.say(_("1/5  Filling a mail server on this machine with the messages of an invented dispute …"))
        for name, messages in sample_folders(SAMPLES[language]).items():
            server.fill(name, messages)
        (folder / "config.toml").write_text(demo_config(language, server.port), encoding="utf-8")
        config = load_config(folder / "config.toml")
        os.environ[PASSWORD_ENV] = server.password
        try:
            progress.say(_("2/5  Archiving: the mailbox is read, not changed; every message is stored byte for byte …"))
            report = pipeline.sync(config, now=now, progress=progress)
        finally:
            del os.environ[PASSWORD_ENV]
        if report.exit_code:
            raise EvidenceError(_("The demo's sync did not complete."), str(report.as_row()))
    with ArchiveReader(config.archive_path) as case:
        shown = pipeline.view(config, case)
    flags = Counter(flag.category for flag in shown.flags if flag.tier == "stated")
    requests = Counter(str(request.outcome) for request in shown.requests)
    progress.say(_("3/5  Timeline of both sides built: flags with quotes, requests with their outcomes."))
    progress.say(_("4/5  Producing the bundle …"))
    result = pipeline.produce_bundle(config, BundleOptions(tool_version=__version__), now=now, progress=progress)
    progress.say(_("5/5  Verifying everything …"))
    verdict = verify_archive(config.archive_path, progress=progress)
    return DemoReport(folder, result.pdf, len(shown.letters), dict(flags), dict(requests), result.pages, verdict.sound)


def sample_folders(sample: str) -> dict[str, list[tuple[bytes, str, tuple[str, ...]]]]:
    """The sample's letters by folder, each with an INTERNALDATE a few seconds after it was received, marked as read."""
    folders: dict[str, list[tuple[bytes, str, tuple[str, ...]]]] = {"INBOX": [], "Sent": []}
    for entry in sorted((files("evidence.operate") / "samples" / sample).iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".eml"):
            continue
        raw = entry.read_bytes()
        head = email.message_from_bytes(raw, policy=email.policy.compat32)
        name = str(make_header(decode_header(head["X-Folder"] or "INBOX")))
        received = head.get_all("Received") or []
        stamp = parsedate_to_datetime(received[0].rpartition(";")[2].strip() if received else head["Date"])
        folders.setdefault(name, []).append((raw, imap_date(stamp + timedelta(seconds=2)), ("\\Seen",)))
    return folders


def imap_date(moment: datetime) -> str:
    """RFC 3501 date-time: "03-Mar-2025 11:12:53 +0300"; month names are English whatever the locale."""
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{moment:%d}-{months[moment.month - 1]}-{moment:%Y %H:%M:%S %z}"


def demo_config(language: Literal["ru", "en"], port: int) -> str:
    """The matter's configuration, as a person would write it."""
    template = (files("evidence.operate") / "samples" / f"config.{language}.toml").read_text(encoding="utf-8")
    return template.replace("@PORT@", str(port))
