"""The programs a person would pick instead, each driven on the same mailbox: mbsync (isync) and notmuch; and the raw socket."""

from __future__ import annotations

import hashlib
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import Cost, run
from mailbox_made import modified_utf7

USER, PASSWORD = "office@north.example", "throw-away"


def has(program: str) -> bool:
    return shutil.which(program) is not None


def mbsync(folder: Path, port: int, *, fsync: bool, fresh: bool = True) -> Cost:
    """The whole mailbox into a Maildir, as ``mbsync -a``; ``fsync`` is its default."""
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "mail").mkdir(parents=True)
        (folder / "rc").write_text(
            f"""FSync {"yes" if fsync else "no"}

IMAPAccount a
Host 127.0.0.1
Port {port}
User {USER}
Pass {PASSWORD}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account a

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull
SyncState *
"""
        )
    return run(["mbsync", "-q", "-c", str(folder / "rc"), "-a"])


def count_maildir(folder: Path) -> int:
    return sum(1 for part in ("cur", "new") for _ in folder.glob(f"**/{part}/*"))


def notmuch(folder: Path) -> Cost:
    """``notmuch new`` over the Maildir that mbsync left in ``folder``, from an empty index."""
    mail = folder / "mail"
    shutil.rmtree(mail / ".notmuch", ignore_errors=True)
    rc = folder / "notmuch-config"
    rc.write_text(
        f"[database]\npath={mail}\nmail_root={mail}\n[new]\ntags=new\nignore=.mbsyncstate;.uidvalidity\n"
        f"[user]\nname=b\nprimary_email={USER}\n[maildir]\nsynchronize_flags=false\n"
    )
    return run(["notmuch", "new", "--quiet"], env={"NOTMUCH_CONFIG": str(rc), "HOME": str(folder)})


def drain(port: int, manifest: Mapping[str, Any]) -> Cost:
    """The floor: every octet asked for at once over one socket, counted and thrown away."""
    began, used = time.perf_counter(), time.process_time()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        stream = sock.makefile("rb")
        stream.readline()

        def say(tag: bytes, words: str) -> int:
            sock.sendall(tag + b" " + words.encode() + b"\r\n")
            size = 0
            while not (line := stream.readline()).startswith(tag):
                if line.endswith(b"}\r\n"):
                    left = int(line[line.rindex(b"{") + 1 : -3])
                    size += left
                    while left:
                        left -= len(stream.read(min(left, 1 << 20)))
            return size

        say(b"a", f'LOGIN "{USER}" "{PASSWORD}"')
        total = 0
        for name in manifest["folders"]:
            say(b"b", f'EXAMINE "{modified_utf7(name)}"')
            total += say(b"c", "UID FETCH 1:* BODY.PEEK[]")
    assert total == manifest["octets"], (total, manifest["octets"])
    return Cost(time.perf_counter() - began, time.process_time() - used)


def hashing(manifest: Mapping[str, Any]) -> Cost:
    """SHA-256 over as many octets as the mailbox has, in messages of its mean size."""
    piece = bytes(manifest["octets"] // manifest["count"])
    began, used = time.perf_counter(), time.process_time()
    for _ in range(manifest["count"]):
        hashlib.sha256(piece).digest()
    return Cost(time.perf_counter() - began, time.process_time() - used)


def hashes_of_maildir(folder: Path) -> list[str]:
    """SHA-256 of each file with CRLF line ends, sorted; mbsync adds a header of its own, so this is for counting only."""
    return sorted(
        hashlib.sha256(p.read_bytes().replace(b"\n", b"\r\n")).hexdigest()
        for part in ("cur", "new")
        for p in folder.glob(f"**/{part}/*")
    )
