"""What a run says about itself: who read, with what, from whom. Kept in the acquisition's record, never overwritten."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import socket
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from evidence import __version__
from evidence.actor import login_name
from evidence.mailbox.mailbox import Mailbox
from evidence.mailbox.plan import ScopeRule


@cache
def library_version(name: str) -> str:
    """Of an installed library, from the name of its metadata folder (PEP 627), which needs no parsing; "" where it is absent."""
    found = _installed().get(_bare(name))
    if found is not None:
        return found
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@cache
def _installed() -> dict[str, str]:
    versions: dict[str, str] = {}
    for place in sys.path:
        with contextlib.suppress(OSError):
            for path in Path(place or ".").iterdir():
                entry = path.name
                if entry.endswith(".dist-info"):
                    name, _, version = entry.removesuffix(".dist-info").rpartition("-")
                    versions.setdefault(_bare(name), version)
    return versions


def _bare(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


@cache
def system_name() -> str:
    """As ``platform.platform()`` gives it; on Linux without the process it starts to ask for the processor."""
    if sys.platform != "linux":
        return platform.platform()
    system = os.uname()
    return f"{system.sysname}-{system.release}-{system.machine}-with-{''.join(platform.libc_ver())}"


def about_this_run(rule: ScopeRule, began: datetime, more: Mapping[str, Any]) -> dict[str, Any]:
    """Tool and library versions, host, operator, time zone of this machine, scope."""
    local = began.astimezone()
    return {
        "tool": f"evidence {__version__}",
        "libraries": {"imapclient": library_version("imapclient"), "python": sys.version.split()[0]},
        "host": socket.gethostname(),
        "system": system_name(),
        "operator": login_name(),
        "time_zone": f"{local.tzname()} {local:%z}",
        "scope": {"messages": rule.messages, "key": rule.key},
        **more,
    }


def about_the_server(mailbox: Mailbox, at: datetime) -> dict[str, Any]:
    """Greeting, capabilities, certificate, and how far its clock is from ours (seconds), where its greeting tells a time."""
    theirs = mailbox.server_date
    return {
        "greeting": mailbox.greeting,
        "capabilities": list(mailbox.capabilities),
        "tls_fingerprint": mailbox.tls_fingerprint,
        "server_id": dict(getattr(mailbox, "server_id", {})),
        "clock_offset_seconds": int((theirs - at).total_seconds()) if theirs else None,
    }
