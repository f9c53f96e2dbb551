"""A TCP proxy on loopback that cuts, delays and writes down: what passes between the program and a server is evidence here.

The transcript holds what the client sent, line by line; literals and SASL answers included.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType


class FaultProxy:
    """A context manager; connect to ``port``.

    ``cut_down``/``cut_up``: close both sides once so many octets have gone to the client or to the server, counted over all
    connections; ``half``: shut only the writing side towards the client. ``rewrite``: applied to each piece from the server.
    """

    def __init__(
        self,
        target: int,
        *,
        cut_down: int | None = None,
        cut_up: int | None = None,
        half: bool = False,
        rewrite: Callable[[bytes], bytes] | None = None,
        delay: float = 0.0,
        cuts: int = 1,
    ) -> None:
        self._target = target
        self.cut_down = cut_down
        self.cut_up = cut_up
        self.half = half
        self.cuts_left = cuts
        self._rewrite = rewrite
        self._delay = delay
        self.down = 0
        self.up = 0
        self.sent: list[bytes] = []  # pieces from the client, in order
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept that waits
        self._listener.close()
        for sock in self._open:
            _close(sock)

    @property
    def lines(self) -> list[bytes]:
        return b"".join(self.sent).split(b"\r\n")[:-1]

    @property
    def verbs(self) -> set[str]:
        """The commands seen, UID ones as two words."""
        found = set()
        for line in self.lines:
            words = line.split(b" ")
            if len(words) > 1:
                verb = words[1].upper().decode()
                found.add(f"UID {words[2].upper().decode()}" if verb == "UID" else verb)
        return found

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), 10)
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            for source, sink, down in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, down), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, down: bool) -> None:
        while True:
            try:
                piece = source.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                break
            if down and self._rewrite:
                piece = self._rewrite(piece)
            if self._delay:
                time.sleep(self._delay)
            with self._lock:
                piece, cut = self._count(piece, down)
            try:
                sink.sendall(piece)
            except OSError:
                break
            if cut:
                if self.half and down:
                    with contextlib.suppress(OSError):
                        sink.shutdown(socket.SHUT_WR)
                    time.sleep(0.05)
                break
        _close(source)
        _close(sink)

    def _count(self, piece: bytes, down: bool) -> tuple[bytes, bool]:
        limit = self.cut_down if down else self.cut_up
        before = self.down if down else self.up
        cut = limit is not None and self.cuts_left > 0 and before + len(piece) >= limit
        if cut and limit is not None:
            piece = piece[: max(0, limit - before)]
            self.cuts_left -= 1
        if down:
            self.down = before + len(piece)
        else:
            self.up = before + len(piece)
            self.sent.append(piece)
        return piece, cut


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
