"""Outlook's own formats, turned into mail: .msg through extract-msg, .pst through readpst of libpst.

Outlook keeps properties, not the octets that travelled. What comes out is a *rendering* and every source says so; it is
made the same each time, so that importing twice stores once.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from datetime import datetime
from email import policy
from email.message import Message
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from evidence.mailbox.imports_files import Unreadable

PST_SECONDS = 3_600
MSG_CAVEAT = (
    "Converted from Outlook's .msg, which keeps properties and not the message as it was sent: these are not the "
    "original octets. The SHA-256 of the .msg file itself is recorded"
)
PST_CAVEAT = (
    "Converted from an Outlook data file by readpst, which rebuilds messages from properties: these are not the "
    "original octets. The SHA-256 of the data file itself is recorded"
)
NEEDS_EXTRACT_MSG = "Reading .msg needs the import extra: pip install 'evidence[import]'"
NEEDS_READPST = "Reading .pst needs readpst: apt install pst-utils, or brew install libpst"
NOT_CONVERTED = "Outlook's format could not be converted"

_LIBPST_BOUNDARY = re.compile(rb"--boundary-LibPST-iamunique-\d+|boundary-LibPST-iamunique-\d+")


def eml_from_msg(octets: bytes) -> bytes:
    """A message from the octets of a .msg, CRLF line ends; the same for the same octets. Raises Unreadable."""
    try:
        import extract_msg
    except ImportError:
        raise Unreadable(NEEDS_EXTRACT_MSG) from None
    try:
        with extract_msg.openMsg(octets) as opened:
            made: Message = opened.asEmailMessage()  # type: ignore[attr-defined]
            _fill_headers(made, opened)
            _fix_boundaries(made, hashlib.sha256(octets).hexdigest()[:24])
            return bytes(made.as_bytes(policy=policy.SMTP))
    except Unreadable:
        raise
    except Exception as error:  # extract-msg raises what its many readers raise
        raise Unreadable(f"{NOT_CONVERTED}: {type(error).__name__}") from None


def _fill_headers(made: Message, opened: Any) -> None:
    """extract-msg leaves out what stands only in Outlook's properties: letters we sent ourselves have no Received and no
    Date, Subject or To in a transport header.
    """
    for name in [name for name, value in made.items() if not str(value).strip()]:
        del made[name]
    sent = opened.date
    kept = {
        "From": opened.sender,
        "To": opened.to,
        "Cc": opened.cc,
        "Subject": opened.subject,
        "Date": format_datetime(sent) if isinstance(sent, datetime) else None,
    }
    for name, value in kept.items():
        line = re.sub(r"[\x00-\x1f\x7f]+", " ", str(value or "")).strip()
        if line and name not in made:
            made[name] = line
    if "MIME-Version" not in made:
        made["MIME-Version"] = "1.0"


def _fix_boundaries(made: Message, seed: str) -> None:
    """The standard library draws boundaries at random; ours come from the file's hash, so that two imports are equal."""
    for number, part in enumerate(made.walk()):
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            part.set_boundary(f"=_msg-{seed}-{number}")


def unpack_pst(path: Path, folder: Path) -> None:
    """Writes each message of the .pst at ``path`` as .eml below ``folder``, deleted ones too. Raises Unreadable."""
    program = shutil.which("readpst")
    if program is None:
        raise Unreadable(NEEDS_READPST)
    command = [program, "-e", "-D", "-q", "-j", "0", "-t", "e", "-o", str(folder), str(path.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PST_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreadable(f"{NOT_CONVERTED}: {type(error).__name__}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise Unreadable(f"{NOT_CONVERTED}: {''.join(c for c in said[-1] if c.isprintable())[:200] if said else ''}")


def readpst_version() -> str:
    """The first line of ``readpst -V``, or an empty string."""
    program = shutil.which("readpst")
    if program is None:
        return ""
    try:
        done = subprocess.run([program, "-V"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout or done.stderr).decode("utf-8", "replace").strip().splitlines()
    return lines[0][:100] if lines else ""


def steady(raw: bytes) -> bytes:
    """readpst's output with its random boundaries numbered, so that converting twice gives the same octets."""
    numbers: dict[bytes, bytes] = {}

    def named(found: re.Match[bytes]) -> bytes:
        key = found[0].rpartition(b"-")[2]
        number = numbers.setdefault(key, str(len(numbers) + 1).encode())
        return found[0][: -len(key)] + number

    return _LIBPST_BOUNDARY.sub(named, raw)
