"""An IMAP server in a thread, on loopback, in memory (pymap): what the demo syncs from and the tests run against.

The only file that knows pymap.
"""

from __future__ import annotations

import asyncio
import imaplib
import logging
import secrets
import threading
from argparse import Namespace
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any

from evidence.errors import EvidenceError
from evidence.i18n import talk

_ = talk("operate")


class EmbeddedServer:
    """A context manager. ``port`` is on 127.0.0.1; ``username`` and ``password`` are made for this one run."""

    host = "127.0.0.1"

    def __init__(self, username: str = "demo") -> None:
        self.username = username
        self.password = secrets.token_urlsafe(12)
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="embedded-imap", daemon=True)

    def __enter__(self) -> EmbeddedServer:
        self._thread.start()
        if not self._ready.wait(30) or self._error is not None:
            raise EvidenceError(
                _("The demo's built-in mail server did not start."),
                str(self._error or _("It did not respond within 30 seconds.")),
                _("Run `evidence doctor`; security software may be blocking connections on 127.0.0.1."),
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
            self._ready.set()

    async def _serve(self) -> None:
        from proxyprotocol.reader import ProxyProtocolReader
        from pymap.backend.dict import Config, Login
        from pymap.imap import IMAPServer
        from pysasl.hashing import BuiltinHash

        logging.getLogger("pymap").setLevel(logging.CRITICAL)
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        arguments = Namespace(
            debug=False,
            host=[self.host],
            port="0",
            cert=None,
            key=None,
            tls=False,
            proxy_protocol=None,
            inherited_sockets=None,
            passlib_cfg=None,
            skip_services=[],
        )
        config: Any = Config(
            arguments,
            host=self.host,
            port=0,
            tls_enabled=False,
            secure_auth=False,
            demo_data=False,
            demo_user=self.username,
            demo_password=self.password,
            hash_context=BuiltinHash(hash_name="sha256", rounds=1000),
            max_append_len=None,
            bad_command_limit=None,
        )
        from pymap.user import Passwords, UserMetadata

        async with AsyncExitStack() as stack:
            login = Login(config)
            hashed = await Passwords(config).hash_password(self.password)
            await login.demo_user_identity.set(UserMetadata(config, self.username, password=hashed))
            serve, running = IMAPServer(login, config), set()

            async def kept(*connection: Any) -> None:
                """Hold on to the connection's task: nobody else does, and asyncio complains of one that is lost while it waits."""
                task = asyncio.current_task()
                running.add(task)
                try:
                    await serve(*connection)
                finally:
                    running.discard(task)

            connected = ProxyProtocolReader(config.proxy_protocol).get_callback(kept)
            server = await asyncio.start_server(connected, self.host, 0)
            await stack.enter_async_context(server)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def fill(self, folder: str, messages: Iterable[tuple[bytes, str, tuple[str, ...]]]) -> None:
        """Put (octets, INTERNALDATE as RFC 3501 date-time, flags) into ``folder``, made if it is not there."""
        fill_folder(self.host, self.port, self.username, self.password, folder, messages)


def fill_folder(
    host: str,
    port: int,
    username: str,
    password: str,
    folder: str,
    messages: Iterable[tuple[bytes, str, tuple[str, ...]]],
) -> None:
    """APPEND in one MULTIAPPEND (RFC 3502): one APPEND a message takes 45 ms each on pymap."""
    from imapclient.imap_utf7 import encode

    client = imaplib.IMAP4(host, port, timeout=60)
    try:
        client.login(username, password)
        name = b'"' + encode(folder).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        if folder != "INBOX":
            client._simple_command("CREATE", name)
        batch = list(messages)
        if not batch:
            return
        command = b"X1 APPEND " + name
        for raw, internal_date, flags in batch:
            command += (
                b" (" + " ".join(flags).encode() + b') "' + internal_date.encode() + b'" {%d+}\r\n' % len(raw) + raw
            )
        client.send(command + b"\r\n")
        while not (line := client.readline()).startswith(b"X1 "):
            if not line:
                raise ConnectionError("the server closed the connection")
        if not line.startswith(b"X1 OK"):
            raise ConnectionError(line.decode(errors="replace").strip())
        client.logout()
    except (OSError, imaplib.IMAP4.error) as error:
        raise EvidenceError(
            _("The demo's built-in mail server refused the sample messages."),
            str(error),
            _("Run the demo again; report it if it happens again."),
        ) from error
    finally:
        with suppress(OSError):
            client.shutdown()
