"""Run by the fault tests in a process of its own: stores messages one commit each, and says each that was acknowledged.

Usage: worker.py create|store|bulk ARCHIVE COUNT
"""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import UTC, datetime

from evidence.archive.store import Archive
from evidence.errors import EvidenceError
from evidence.model import FolderName


def now() -> datetime:
    return datetime.now(UTC)


def raw(number: int) -> bytes:
    """Message ``number``: between 200 octets and some pages long."""
    return f"Subject: {number}\r\n\r\n".encode() + hashlib.sha256(str(number).encode()).digest() * (
        6 + number % 7 * 150
    )


def main(mode: str, path: str, count: int) -> None:
    if mode == "create":
        Archive.create(path, now=now, tool="worker").close()
        return
    with Archive.open(path, write=True, now=now) as archive:
        acquisition = archive.begin("sync", "office", {})
        folder = archive.folder(acquisition, "office", FolderName("INBOX", b"INBOX"), 7)
        held = archive.held(folder)
        for uid in range(1, count + 1):
            if uid in held:
                continue
            stored = archive.store(acquisition, raw(uid))
            archive.sight(acquisition, stored.number, folder=folder, uid=uid)
            if mode == "store":
                archive.commit()
                os.write(1, f"{uid}\n".encode())
        archive.end(acquisition, "complete", {})


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except EvidenceError as error:
        sys.exit(f"{type(error).__name__}: {error}")
