"""A throw-away Cyrus on loopback: its own configuration, its own folder, gone with the test. ``README.md`` says how to get it.

Every password is right (SASL ``alwaystrue``); a user's INBOX is made at the first login. Needs root: Cyrus becomes its own user.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.servers.dovecot import free_port

PASSWORD = "throw-away"
TOOLS = Path("/usr/lib/cyrus/bin")  # of the Debian package cyrus-common

IMAPD_CONF = """
configdirectory: {root}/conf
partition-default: {root}/mail
defaultpartition: default
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
allowplaintext: yes
autocreate_quota: 0
unixhierarchysep: yes
altnamespace: yes
virtdomains: off
munge8bit: no
idlesocket: {root}/run/idle
lmtpsocket: {root}/run/lmtp
notifysocket: {root}/run/notify
syslog_prefix: evidence-test
"""

CYRUS_CONF = """
START {{
  recover cmd="{tools}/ctl_cyrusdb -C {root}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{imapd} -U 30 -C {root}/imapd.conf" listen="127.0.0.1:{port}" prefork=1
}}
EVENTS {{
}}
"""


def binary() -> Path | None:
    """Cyrus's imapd: installed, or unpacked beside Dovecot, with which Debian's package cannot be installed."""
    if not (TOOLS / "master").exists() or os.getuid() != 0:
        return None
    unpacked = [Path(p) for p in (os.environ.get("EVIDENCE_CYRUS", ""), "/opt/cyrus-imapd") if p]
    places = [TOOLS / "imapd", *(p / TOOLS.relative_to("/") / "imapd" for p in unpacked)]
    return next((p for p in places if p.exists()), None)


class Cyrus:
    """A context manager; ``port`` is plain IMAP on 127.0.0.1."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Cyrus:
        found = binary()
        assert found, "Cyrus is not installed"
        user = pwd.getpwnam("cyrus")
        for name in ("conf", "mail", "run"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        values = {"root": self.root, "tools": TOOLS, "imapd": found, "port": self.port}
        (self.root / "imapd.conf").write_text(IMAPD_CONF.format(**values))
        (self.root / "cyrus.conf").write_text(CYRUS_CONF.format(**values))
        for path in (self.root, *self.root.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
        self._process = subprocess.Popen(
            [TOOLS / "master", "-D", "-p", self.root / "run/pid", "-C", self.root / "imapd.conf", "-M", self.root / "cyrus.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.settimeout(5)
                if s.recv(100).startswith(b"* OK"):
                    return self
            time.sleep(0.05)
        self.__exit__(None, None, None)
        raise RuntimeError("Cyrus did not answer")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)  # the master and its imapd: our own session
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
