"""A scripted IMAP server in a thread: well-behaved by default, and told by a test how to misbehave.

``FakeFolder`` holds messages; ``SimulatedFolder`` computes a million of them. ``FakeImap.on`` maps a verb (``FETCH``,
``LOGIN`` …) to a function ``(session, tag, line) -> bool`` that may answer in the server's place.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType

DATE = "01-Mar-2026 10:00:00 +0300"
HEADER = re.compile(rb"BODY\.PEEK\[HEADER\.FIELDS \(([^)]*)\)\]")


@dataclass
class FakeMessage:
    """``literal`` replaces the whole ``BODY[] …`` item; ``size`` is what RFC822.SIZE states."""

    raw: bytes
    date: str = DATE
    flags: str = ""
    size: int | None = None
    gm_msgid: str = ""
    labels: str = ""
    literal: bytes | None = None
    silent: bool = False  # FETCH of its octets: OK and nothing sent
    modseq: int = 1


@dataclass
class FakeFolder:
    uidvalidity: int = 1
    messages: dict[int, FakeMessage] = field(default_factory=dict)
    uidnext: int = 1
    hidden: set[int] = field(default_factory=set)  # from SEARCH
    modseq: int = 1  # HIGHESTMODSEQ, stated where the server offers CONDSTORE
    modseq: int = 1

    def add(self, raw: bytes, **more: object) -> int:
        uid = self.uidnext
        self.uidnext += 1
        self.messages[uid] = FakeMessage(raw, **more)  # type: ignore[arg-type]
        return uid

    def count(self) -> int:
        return len(self.messages)

    def within(self, low: int, high: int) -> Iterator[int]:
        return (u for u in sorted(self.messages) if low <= u <= high)

    def message(self, uid: int) -> FakeMessage:
        return self.messages[uid]


@dataclass
class SimulatedFolder(FakeFolder):
    """``total`` messages made when asked for; every ``every``-th is the client's."""

    total: int = 1_000_000
    every: int = 0

    def __post_init__(self) -> None:
        self.uidnext = self.total + 1

    def count(self) -> int:
        return self.total

    def within(self, low: int, high: int) -> Iterator[int]:
        return iter(range(max(1, low), min(self.total, high) + 1))

    def message(self, uid: int) -> FakeMessage:
        sender = b"director@romashka.example" if self.every and uid % self.every == 0 else b"someone@else.example"
        raw = (
            b"From: %b\r\nTo: office@north.example\r\nMessage-ID: <%d@else.example>\r\nReferences: <%d@other.example>\r\n\r\nx"
            % (sender, uid, uid - 1)
        )
        return FakeMessage(raw)


class Session:
    """One client's connection."""

    def __init__(self, server: FakeImap, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.file = sock.makefile("rb")
        self.folder: FakeFolder | None = None

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def run(self) -> None:
        self.send(self.server.greeting)
        while line := self.file.readline():
            self.server.lines.append(line.rstrip(b"\r\n"))
            tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
            verb = rest.split(b" ")[0].upper().decode()
            if verb == "UID":
                verb = rest.split(b" ")[1].upper().decode()
            custom = self.server.on.get(verb)
            if custom is not None and custom(self, tag, rest):
                continue
            answer = getattr(self, f"do_{verb.lower()}", None)
            if answer is None:
                self.send(tag + b" BAD unknown\r\n")
            elif answer(tag, rest) is False:
                return

    def ok(self, tag: bytes, text: bytes = b"done") -> None:
        self.send(tag + b" OK " + text + b"\r\n")

    def do_capability(self, tag: bytes, rest: bytes) -> None:
        self.send(b"* CAPABILITY " + self.server.capabilities + b"\r\n")
        self.ok(tag)

    def do_login(self, tag: bytes, rest: bytes) -> None:
        self.ok(tag, b"[CAPABILITY " + self.server.capabilities + b"] logged in")

    def do_noop(self, tag: bytes, rest: bytes) -> None:
        self.ok(tag)

    def do_id(self, tag: bytes, rest: bytes) -> None:
        self.send(b'* ID ("name" "fake")\r\n')
        self.ok(tag)

    def do_logout(self, tag: bytes, rest: bytes) -> bool:
        self.send(b"* BYE\r\n")
        self.ok(tag)
        return False

    def do_list(self, tag: bytes, rest: bytes) -> None:
        for wire, attributes in self.server.listing():
            self.send(b"* LIST (" + attributes + b') "/" ' + wire + b"\r\n")
        self.ok(tag)

    def _named(self, rest: bytes) -> FakeFolder | None:
        quoted = re.search(rb'"((?:[^"\\]|\\.)*)"', rest)
        name = re.sub(rb"\\(.)", rb"\1", quoted[1]) if quoted else rest.split(b" ")[1]
        return self.server.folders.get(name)

    def do_status(self, tag: bytes, rest: bytes) -> None:
        folder = self._named(rest)
        if folder is None:
            self.send(tag + b" NO [NONEXISTENT] no such folder\r\n")
            return
        self.send(
            b'* STATUS "x" (MESSAGES %d UIDNEXT %d UIDVALIDITY %d%b)\r\n'
            % (folder.count(), folder.uidnext, folder.uidvalidity, self._modseq(folder, b" HIGHESTMODSEQ %d"))
        )
        self.ok(tag)

    def _modseq(self, folder: FakeFolder, shape: bytes) -> bytes:
        return shape % folder.modseq if b"CONDSTORE" in self.server.capabilities else b""

    def do_examine(self, tag: bytes, rest: bytes) -> None:
        folder = self._named(rest)
        if folder is None:
            self.send(tag + b" NO [NONEXISTENT] no such folder\r\n")
            return
        self.folder = folder
        self.send(
            b"* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %d] x\r\n* OK [UIDNEXT %d] x\r\n"
            % (folder.count(), folder.uidvalidity, folder.uidnext)
            + self._modseq(folder, b"* OK [HIGHESTMODSEQ %d] x\r\n")
        )
        self.ok(tag, b"[READ-ONLY] done")

    def _window(self, text: bytes) -> Iterator[int]:
        assert self.folder is not None
        for part in text.split(b","):
            low, _, high = part.partition(b":")
            top = 2**32 if high == b"*" else int(high or low)
            yield from self.folder.within(int(low), top)

    def do_search(self, tag: bytes, rest: bytes) -> None:
        if self.folder is None:  # it was sent along with an EXAMINE that failed
            self.send(tag + b" BAD no folder is open\r\n")
            return
        words = rest.split(b" ")
        found = [u for u in self._window(words[-1]) if u not in self.folder.hidden]
        if b"RETURN" in rest:
            runs: list[list[int]] = []
            for uid in found:
                if runs and runs[-1][1] == uid - 1:
                    runs[-1][1] = uid
                else:
                    runs.append([uid, uid])
            text = b",".join(b"%d:%d" % (a, b) for a, b in runs)
            self.send(b'* ESEARCH (TAG "' + tag + b'") UID' + (b" ALL " + text if text else b"") + b"\r\n")
        else:
            self.send(b"* SEARCH" + b"".join(b" %d" % u for u in found) + b"\r\n")
        self.ok(tag)

    def do_fetch(self, tag: bytes, rest: bytes) -> None:
        assert self.folder is not None
        _, _, uid_set, items = rest.split(b" ", 3)
        since = re.search(rb"CHANGEDSINCE (\d+)", items)
        pieces: list[bytes] = []
        for number, uid in enumerate(self._window(uid_set), start=1):
            message = self.folder.message(uid)
            if b"BODY.PEEK[]" in items and message.silent:
                continue
            if since and message.modseq <= int(since[1]):
                continue
            pieces.append(b"* %d FETCH (" % number + self.items(uid, message, items) + b")\r\n")
            if len(pieces) >= 500:
                self.send(b"".join(pieces))
                pieces.clear()
        self.send(b"".join(pieces))
        self.ok(tag)

    def items(self, uid: int, message: FakeMessage, items: bytes) -> bytes:
        size = message.size if message.size is not None else len(message.raw)
        out = [b"UID %d" % uid]
        if b"RFC822.SIZE" in items:
            out.append(b"RFC822.SIZE %d" % size)
        if b"INTERNALDATE" in items:
            out.append(b'INTERNALDATE "' + message.date.encode() + b'"')
        if b"FLAGS" in items:
            out.append(b"FLAGS (" + message.flags.encode() + b")")
        if b"CHANGEDSINCE" in items:
            out.append(b"MODSEQ (%d)" % message.modseq)
        if b"X-GM-MSGID" in items:
            out.append(b"X-GM-MSGID " + message.gm_msgid.encode() + b" X-GM-LABELS (" + message.labels.encode() + b")")
        asked = HEADER.search(items)
        if asked:
            header = message.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            out.append(b"BODY[HEADER.FIELDS (" + asked[1] + b")] {%d}\r\n" % len(header) + header)
        if b"BODY.PEEK[]" in items:
            out.append(message.literal or b"BODY[] {%d}\r\n" % len(message.raw) + message.raw)
        return b" ".join(out)


class FakeImap:
    """A context manager. ``lines``: every command line received, over all connections."""

    def __init__(
        self, folders: dict[bytes, FakeFolder] | None = None, capabilities: bytes = b"IMAP4rev1 ESEARCH"
    ) -> None:
        self.folders = folders if folders is not None else {b"INBOX": FakeFolder()}
        self.capabilities = capabilities
        self.greeting = b"* OK ready\r\n"
        self.attributes: dict[bytes, bytes] = {}
        self.wires: dict[bytes, bytes] = {}  # how LIST writes a name, where not quoted
        self.on: dict[str, Callable[[Session, bytes, bytes], bool]] = {}
        self.lines: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []

    def listing(self) -> Iterator[tuple[bytes, bytes]]:
        for name in self.folders:
            yield self.wires.get(name, b'"' + name + b'"'), self.attributes.get(name, b"")

    def __enter__(self) -> FakeImap:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept that waits
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            Session(self, sock).run()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()
