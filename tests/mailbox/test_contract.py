"""The contract suite on each mailbox we have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from evidence.operate.embedded_server import EmbeddedServer
from tests.mailbox.contract import MailboxContract
from tests.mailbox.hands import ImapHand, MemoryHand
from tests.servers import cyrus as cyrus_server
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import PASSWORD, Dovecot

_number = itertools.count()


class TestMemory(MailboxContract):
    @pytest.fixture
    def server(self) -> Iterator[MemoryHand]:
        yield MemoryHand()


class TestPymap(MailboxContract):
    @pytest.fixture
    def server(self) -> Iterator[ImapHand]:
        with EmbeddedServer("office") as embedded:
            yield ImapHand(embedded.port, embedded.username, embedded.password)


class TestDovecot(MailboxContract):
    @pytest.fixture
    def server(self, dovecot: Dovecot) -> Iterator[ImapHand]:
        yield ImapHand(dovecot.port, f"user{next(_number)}@north.example", PASSWORD)


class TestCyrus(MailboxContract):
    refused = frozenset({"bare-lf"})

    @pytest.fixture
    def server(self, cyrus: Cyrus) -> Iterator[ImapHand]:
        yield ImapHand(cyrus.port, f"user{next(_number)}", cyrus_server.PASSWORD)
