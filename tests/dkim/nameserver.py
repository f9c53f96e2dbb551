"""A name server on loopback that says what a test wants it to say (RFC 1035), and remembers what it was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Answer = Callable[[dns.message.QueryMessage], dns.message.Message | None]


@dataclass
class NameServer:
    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)


def _one_port() -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on the same number: one that is free for the first may be taken for the second, so it is tried again."""
    for _ in range(50):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(("127.0.0.1", udp.getsockname()[1]))
        except OSError:
            udp.close()
    raise OSError("no port is free for both UDP and TCP")


@contextmanager
def name_server(answer: Answer) -> Iterator[NameServer]:
    """Serves UDP and TCP on one port. ``answer`` gives the response, or None for silence."""
    udp, tcp = _one_port()
    port = udp.getsockname()[1]
    server = NameServer(f"127.0.0.1:{port}")
    stopping = threading.Event()

    def reply(wire: bytes) -> dns.message.Message | None:
        query = dns.message.from_wire(wire)
        assert isinstance(query, dns.message.QueryMessage)
        server.asked.append((query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)))
        server.flags.append(query.flags)
        return answer(query)

    def serve_udp() -> None:
        while not stopping.is_set():
            try:
                wire, peer = udp.recvfrom(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            made = reply(wire)
            if made is not None:
                octets = made.to_wire(max_size=65_535)
                if len(octets) > 1232:  # as a server does: cut, and let the client come back by TCP
                    cut = dns.message.make_response(dns.message.from_wire(wire))
                    cut.flags |= dns.flags.TC
                    octets = cut.to_wire()
                udp.sendto(octets, peer)

    def serve_tcp() -> None:
        while not stopping.is_set():
            try:
                line, _ = tcp.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with line:
                size = int.from_bytes(line.recv(2, socket.MSG_WAITALL), "big")
                made = reply(line.recv(size, socket.MSG_WAITALL))
                if made is not None:
                    octets = made.to_wire(max_size=65_535)
                    line.sendall(len(octets).to_bytes(2, "big") + octets)

    udp.settimeout(0.2)
    tcp.settimeout(0.2)
    threads = [threading.Thread(target=t, daemon=True) for t in (serve_udp, serve_tcp)]
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
        udp.close()
        tcp.close()


def zone(records: dict[tuple[str, str], list[str]], *, authenticated: bool = False) -> Answer:
    """An answer function: (name with final dot, type) -> record texts; names that no entry has do not exist."""

    def answer(query: dns.message.QueryMessage) -> dns.message.Message:
        asked = query.question[0]
        made = dns.message.make_response(query)
        made.flags |= dns.flags.RA
        if authenticated:
            made.flags |= dns.flags.AD
        name, kind = asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)
        texts = records.get((name, kind))
        if texts:
            made.answer.append(dns.rrset.from_text_list(name, 300, "IN", kind, texts))
        elif not any(n == name for n, _ in records):
            made.set_rcode(dns.rcode.NXDOMAIN)
        return made

    return answer
