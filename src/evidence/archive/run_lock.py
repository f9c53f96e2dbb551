"""The run lock of an archive: one run at a time, and no stale lock, for the kernel lets it go when its holder dies.

``flock`` directly where there is one: filelock does the same there, and takes as long to start as everything else a run without
news needs. Elsewhere (Windows, file systems without ``flock``) filelock knows the ways.
"""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EACCES, ENOSYS
from pathlib import Path
from typing import Protocol

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Taken(Exception):
    """Somebody else has the lock."""


class RunLock(Protocol):
    """A lock that is held."""

    def release(self) -> None: ...


class _Flock:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """The file stays: whoever waits for this lock has it open, and a new file of the same name would be another lock."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def __del__(self) -> None:
        with suppress(OSError):
            self.release()


def take(path: Path) -> RunLock:
    """Lock ``path``, making the file where there is none. Raises Taken at once, OSError where the file cannot be opened."""
    found = _flock(path) if fcntl is not None else None
    return found or _by_filelock(path)


def _flock(path: Path) -> RunLock | None:
    """None where this file system knows no ``flock``."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return _Flock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError) or error.errno == EACCES:
                raise Taken from None
            if error.errno == ENOSYS:
                return None
            raise
        os.close(descriptor)  # removed between the two calls: a lock on it guards no name


def _by_filelock(path: Path) -> RunLock:
    import filelock

    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise Taken from None
    return lock
