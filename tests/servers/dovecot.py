"""A throw-away Dovecot on loopback: its own configuration, its own folder, gone with the test.

Needs Dovecot 2.3 and, for TLS, openssl in the path. Run by root it serves as ``nobody``.
"""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

USER = "office@north.example"
PASSWORD = "throw-away"

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
instance_name = evidence-test
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
disable_plaintext_auth = no
auth_mechanisms = plain login
ssl = yes
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
mail_location = maildir:{root}/mail/%u:INDEX={root}/index/%u{control}
mail_fsync = never
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_max_userip_connections = {connections}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Trash {{
    auto = create
    special_use = \\Trash
  }}
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


def free_port() -> int:
    """A port below the range the system gives to outgoing connections, so that none of those takes it before the server does."""
    for _ in range(200):
        port = secrets.randbelow(10_000) + 20_000
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free between 20000 and 30000")


def binary() -> str | None:
    return shutil.which("dovecot") or ("/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None)


class Dovecot:
    """A context manager; ``port`` plain with STARTTLS, ``tls_port`` implicit TLS, ``cert`` its self-signed certificate."""

    def __init__(self, root: Path, *, connections: int = 50) -> None:
        self.root = root
        self.connections = connections
        self.port = free_port()
        self.tls_port = free_port()
        self.cert = root / "cert.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Dovecot:
        account = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        for name in ("run", "state", "index", "home", "mail"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
            if os.getuid() == 0 and name != "run":
                os.chown(self.root / name, account.pw_uid, account.pw_gid)
        for above in (self.root, *self.root.parents):  # pytest makes its folders private; Dovecot's user must pass
            if above == Path("/tmp") or above == Path("/"):
                break
            if above.stat().st_uid == os.getuid():
                above.chmod(above.stat().st_mode | 0o011)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(self.root / "key.pem"), "-out", str(self.cert)],
            check=True, capture_output=True,
        )  # fmt: skip
        (self.root / "dovecot.conf").write_text(
            CONFIG.format(
                root=self.root,
                user=account.pw_name,
                group=grp.getgrgid(account.pw_gid).gr_name,
                uid=account.pw_uid,
                gid=account.pw_gid,
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
                connections=self.connections,
                control="",
            )
        )
        found = binary()
        assert found, "dovecot is not installed"
        self._process = subprocess.Popen(
            [found, "-F", "-c", str(self.root / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait()
        return self

    def _wait(self) -> None:
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.settimeout(5)
                    if s.recv(100).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("Dovecot did not answer: " + (self.root / "dovecot.log").read_text()[-2000:])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def client(self, user: str = USER) -> imaplib.IMAP4:
        """A client that may change the mailbox: the test's hand, not the program's."""
        client = imaplib.IMAP4("127.0.0.1", self.port)
        client.login(user, PASSWORD)
        return client

    def doveadm(self, *arguments: str) -> str:
        tool = shutil.which("doveadm") or "/usr/bin/doveadm"
        done = subprocess.run(
            [tool, "-c", str(self.root / "dovecot.conf"), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout
