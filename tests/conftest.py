"""For every test: no network but loopback, English talk, a state folder of its own, and a server that is missing said aloud."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("EVIDENCE_LANG", "en")
if threading.current_thread() is threading.main_thread():  # a shell's «&» and nohup start us with Ctrl-C ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: object) -> None:
    if isinstance(address, tuple) and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"a test tried to reach {address}")
    _connect(self, address)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What this machine remembers of archives seen must not leak from test to test, nor into the developer's home."""
    folder = tmp_path_factory.mktemp("state")
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    yield


@pytest.fixture
def repository() -> Path:
    return Path(__file__).parents[1]
