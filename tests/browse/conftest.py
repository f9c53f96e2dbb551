"""A served archive, and real Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evidence.archive.store import Archive
from evidence.browse import serve
from tests.browse import make_archive
from tests.browse.make_archive import Made

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The Russian dispute; tests that decide take a copy."""
    return make_archive.dispute(tmp_path_factory.mktemp("shelf") / "archive.db")


@pytest.fixture
def own_copy(shelf: Made, tmp_path: Path) -> Made:
    path = tmp_path / "archive.db"
    shutil.copy(shelf.path, path)
    return Made(path, shelf.sha, shelf.raw)


@dataclass
class Served:
    port: int
    token: str
    path: Path
    datasette: Any
    stop: Callable[[], None] = field(repr=False, default=lambda: None)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def door(self) -> str:
        return serve.address(self.port, self.token)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        conn = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        conn.row_factory = sqlite3.Row
        try:
            return conn.execute(sql, values).fetchall()
        finally:
            conn.close()


@contextmanager
def serving(path: Path, *, write: bool = True, actor: str = "Марина") -> Iterator[Served]:
    """The real server in a thread on a free loopback port."""
    import uvicorn

    writer = Archive.open(path, write=True, run=False, now=lambda: datetime.now(UTC)) if write else None
    token, port = serve.new_token(), serve.free_port()
    datasette = serve.build(path, writer=writer, token=token, actor=actor, port=port)
    config = uvicorn.Config(datasette.app(), host="127.0.0.1", port=port, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.02)
    try:
        yield Served(port, token, path, datasette)
    finally:
        server.should_exit = True
        thread.join(10)
        if writer is not None:
            writer.close()


@pytest.fixture
def served(own_copy: Made) -> Iterator[Served]:
    with serving(own_copy.path) as running:
        yield running


def _missing() -> str:
    return "" if CHROMIUM and CHROMEDRIVER else "Chromium and its driver are not installed"


@contextmanager
def chromium(profile: Path, *arguments: str) -> Iterator[Any]:
    """A headless Chromium with an empty profile that looks nowhere by itself."""
    if reason := _missing():
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={profile}", "--window-size=1280,1000", *arguments,
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    driver.set_page_load_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


class Listener:
    """Counts every connection anybody makes to a loopback port."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64)
        self.port = int(self._socket.getsockname()[1])
        self.requests: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(0.5)
            try:
                self.requests.append(connection.recv(2000) or b"(connected)")
            except OSError:
                self.requests.append(b"(connected)")
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    heard = Listener()
    yield heard
    heard.close()
