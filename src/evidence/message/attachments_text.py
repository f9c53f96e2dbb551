"""Text of attachments: txt, csv, html, docx, xlsx, the text layer of pdf, and of forwarded messages.

Read in a child process with bounded memory, time and output: a zip bomb or a broken PDF costs one attachment its text,
never the run. The octets in the archive are untouched.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Sequence

from evidence.message.limits import (
    ATTACHMENT_MEMORY,
    ATTACHMENT_SECONDS,
    MAX_ATTACHMENT_OCTETS,
    MAX_ATTACHMENT_TEXT,
)

_TYPES = {
    "text/plain": "text",
    "text/csv": "text",
    "text/tab-separated-values": "text",
    "text/markdown": "text",
    "text/html": "html",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "message/rfc822": "message",
    "message/global": "message",
}
_SUFFIXES = {
    ".txt": "text",
    ".csv": "text",
    ".tsv": "text",
    ".log": "text",
    ".md": "text",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".xlsx": "xlsx",
    ".eml": "message",
}


def form_of(content_type: str, filename: str) -> str:
    """``text``, ``html``, ``pdf``, ``docx``, ``xlsx``, ``message``, or empty where no text is read.

    The file name's ending decides before application/octet-stream and other types that say nothing.
    """
    form = _TYPES.get(content_type)
    if form:
        return form
    return _SUFFIXES.get(os.path.splitext(filename.lower())[1], "")  # noqa: PTH122 — a name, not a path of ours


def read_attachment_texts(
    attachments: Sequence[tuple[int, str, str, bytes]],
) -> tuple[dict[int, str], tuple[str, ...]]:
    """Texts by index of (index, content type, file name, octets), and codes of what was not read. Raises nothing.

    A bound that is crossed loses the attachments of this message not yet read, by name.
    """
    notes: list[str] = []
    jobs: list[tuple[int, str, bytes]] = []
    for index, content_type, filename, octets in attachments:
        form = form_of(content_type, filename)
        if not form or not octets:
            continue
        if len(octets) > MAX_ATTACHMENT_OCTETS:
            notes.append(f"attachment-too-large:{index}")
            continue
        jobs.append((index, form, octets))
    if not jobs:
        return {}, tuple(notes)
    texts, lost = _in_child(jobs)
    for index, _, _ in jobs:
        if index in lost:
            notes.append(f"attachment-text-{lost[index]}:{index}")
    return texts, tuple(notes)


def _in_child(jobs: Sequence[tuple[int, str, bytes]]) -> tuple[dict[int, str], dict[int, str]]:
    """(texts, reasons for those without or cut), in order. A child that dies or hangs is replaced for the next job."""
    texts: dict[int, str] = {}
    lost: dict[int, str] = {}
    until = time.monotonic() + ATTACHMENT_SECONDS
    for index, form, octets in jobs:
        try:
            text, reason = _reader().ask(form, octets, until)
        except TimeoutError:
            _reader().stop()
            text, reason = None, "timed-out"
        except (OSError, ValueError):
            _reader().stop()
            text, reason = None, "failed"
        if text is not None:
            texts[index] = text
        if reason:
            lost[index] = reason
    return texts, lost


class _Reader:
    """The reading child of this process. Starting one costs more than reading most attachments, so it is kept for many;
    it ends when our end of the pipe closes."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.answered = 0
        self._limits = (ATTACHMENT_MEMORY, MAX_ATTACHMENT_TEXT)
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._rest = b""
        self._send(list(self._limits))

    def usable(self) -> bool:
        """Ours (not inherited by a fork), alive, under the limits now in force, and not grown old."""
        return (
            self.owner == os.getpid()
            and self._child.poll() is None
            and self.answered < _RENEW_AFTER
            and self._limits == (ATTACHMENT_MEMORY, MAX_ATTACHMENT_TEXT)
        )

    def ask(self, form: str, octets: bytes, until: float) -> tuple[str | None, str]:
        """(text or None, reason or empty). Raises TimeoutError at ``until`` (monotonic seconds), OSError if it died."""
        if time.monotonic() >= until:
            raise TimeoutError
        self._send([form, b64encode(octets).decode("ascii")])
        text, reason = json.loads(self._line(until))
        self.answered += 1
        if reason == "out-of-memory":
            self.answered = _RENEW_AFTER
        return text, reason

    def _send(self, job: list[object]) -> None:
        assert self._child.stdin is not None  # noqa: S101 — told by PIPE above
        self._child.stdin.write(json.dumps(job).encode("ascii") + b"\n")
        self._child.stdin.flush()

    def _line(self, until: float) -> bytes:
        assert self._child.stdout is not None  # noqa: S101 — told by PIPE above
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            piece = _read_some(self._child.stdout.fileno(), until)
            if not piece:
                raise BrokenPipeError("the reading child ended")
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    def stop(self) -> None:
        if self.owner == os.getpid():
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _read_some(descriptor: int, until: float) -> bytes:
    """Up to 64 KiB from the pipe, or TimeoutError. Windows cannot wait on pipes: there a thread reads."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if os.name == "nt":
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(os.read, descriptor, 65536).result(left)
        finally:
            pool.shutdown(wait=False)
    ready, _, _ = select.select([descriptor], [], [], left)
    if not ready:
        raise TimeoutError
    return os.read(descriptor, 65536)


_RENEW_AFTER = 500  # attachments; what a library leaks is bounded
_kept: list[_Reader] = []


def _reader() -> _Reader:
    if not _kept or not _kept[0].usable():
        close()
        _kept.append(_Reader())
    return _kept[0]


def close() -> None:
    """End the reading child of this process, if there is one; the next attachment starts another."""
    while _kept:
        _kept.pop().stop()


atexit.register(close)

# The child is given our module path, since -I leaves it out; it reads octets and writes text, no file, no network.
_START = (
    "import sys; sys.path[:0] = [p for p in sys.argv[1:] if p]; "
    "from evidence.message.attachment_reader import main; main()"
)
