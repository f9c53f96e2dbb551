"""Text of attachments: txt, csv, html, docx, xlsx, the text layer of pdf, and of forwarded messages.

Read in a child process with bounded memory, time and output: a zip bomb or a broken PDF costs one attachment its text,
never the run. The octets in the archive are untouched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
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

    One child process serves one message; a bound that is crossed loses the attachments not yet read, by name.
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
    """(texts, reasons for those without). The child answers one JSON line for each attachment, in order."""
    lines = [json.dumps([index, form, b64encode(octets).decode("ascii")]) for index, form, octets in jobs]
    texts: dict[int, str] = {}
    lost = {index: "failed" for index, _, _ in jobs}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _START, *sys.path],
            input="\n".join([json.dumps([ATTACHMENT_MEMORY, MAX_ATTACHMENT_TEXT]), *lines]).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=ATTACHMENT_SECONDS,
            check=False,
        )
        answer = done.stdout
    except subprocess.TimeoutExpired as error:
        answer = error.stdout or b""
        lost = dict.fromkeys(lost, "timed-out")
    except OSError:
        return {}, lost
    for line in answer.split(b"\n"):
        try:
            index, text, cut = json.loads(line)
        except ValueError:
            continue
        if text is not None:
            texts[index] = text
        if cut:
            lost[index] = cut
        else:
            lost.pop(index, None)
    return texts, lost


# The child is given our module path, since -I leaves it out; it reads octets and writes text, no file, no network.
_START = (
    "import sys; sys.path[:0] = [p for p in sys.argv[1:] if p]; "
    "from evidence.message.attachment_reader import main; main()"
)
