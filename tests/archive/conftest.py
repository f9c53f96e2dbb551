from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evidence.archive.store import Archive
from tests.archive.cases import ticking, whole_archive


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where the system has such a place: these tests sync to disk hundreds of times."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a machine remembers of archives lies in the test's own folder."""
    folder = tmp_path / "state"
    monkeypatch.setenv("EVIDENCE_STATE_DIR", str(folder))
    monkeypatch.setenv("EVIDENCE_LANG", "en")
    return folder


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole archive, made once; never written to. Tests take copies."""
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVIDENCE_STATE_DIR", str(folder / "state"))
        return whole_archive(folder / "archive.db")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    path = tmp_path / "archive.db"
    shutil.copy(original, path)
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[], Archive]:
    """Opens (the first time: makes) an archive for writing."""
    path, now = tmp_path / "archive.db", ticking()

    def opened() -> Archive:
        if path.exists():
            return Archive.open(path, write=True, now=now)
        return Archive.create(path, now=now, tool="evidence test")

    return opened
