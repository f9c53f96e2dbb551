"""Servers shared by the mailbox tests. A missing one skips here and fails where EVIDENCE_REQUIRE_SERVERS is set."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import cyrus as cyrus_server
from tests.servers import dovecot as dovecot_server
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot

FULL = os.environ.get("EVIDENCE_TEST_FULL") == "1"


def need(present: bool, what: str) -> None:
    if present:
        return
    if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{what} is needed here and is not installed")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    need(dovecot_server.binary() is not None and shutil.which("openssl") is not None, "Dovecot")
    with tempfile.TemporaryDirectory(prefix="evd-") as folder, Dovecot(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Cyrus]:
    need(cyrus_server.binary() is not None, "Cyrus (see tests/servers/README.md)")
    with tempfile.TemporaryDirectory(prefix="evd-") as folder, Cyrus(Path(folder)) as server:
        yield server
