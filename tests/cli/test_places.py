"""Where a matter lies: folders with signs that mean something in a URI, read-only media, full disks."""

from __future__ import annotations

import errno
import json
import subprocess
from pathlib import Path

import pytest

from evidence.archive import store
from evidence.archive.run_lock import RunLock
from evidence.cli.app import run
from tests.cli import shelf


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf.imported(tmp_path_factory.mktemp("дело № 1 # 100% q"))


def first_message(matter: Path) -> str:
    events = shelf.evidence("log", "--kind", "message-stored", "--json", cwd=matter).stdout
    return str(json.loads(events.splitlines()[0])["row"]["sha256"])


def test_a_message_is_found_in_a_folder_whose_name_has_signs_of_a_uri(matter: Path) -> None:
    sha256 = first_message(matter)
    beside = sorted(matter.parent.iterdir())
    assert sha256 in shelf.evidence("show", sha256[:10], cwd=matter).stdout
    assert len(shelf.evidence("log", "proof", sha256[:10], "--out", "p %20 #", cwd=matter).stdout.splitlines()) == 2
    assert sorted(matter.parent.iterdir()) == beside  # nothing was made beside the matter


def test_a_read_only_archive_is_shown_as_of_its_last_rebuild(
    matter: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a medium handed over, under a configuration (or a release) that would judge anew."""

    def read_only(path: Path) -> RunLock:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    config = matter / "config.toml"
    before = config.read_text(encoding="utf-8")
    config.write_text(before + "[timeline]\nanswer_within_days = 9\n", encoding="utf-8")
    monkeypatch.setattr(store.run_lock, "take", read_only)
    try:
        assert run(["-c", str(config), "timeline", "--json"]) == 0
    finally:
        config.write_text(before, encoding="utf-8")
    said = capsys.readouterr()
    assert len(said.out.splitlines()) > 10
    assert "archive.db" in said.err


@pytest.mark.parametrize("form", ["eml", "mbox", "csv", "load-file"])
def test_a_full_disk_under_an_export_is_said_in_words(
    matter: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evidence.pipeline import hand_on

    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hand_on, {"eml": "_eml", "mbox": "_mbox", "csv": "_csv", "load-file": "_load_file"}[form], full)
    assert run(["-c", str(matter / "config.toml"), "export", form, str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "Unexpected" not in said
    assert "No space left on device" in said
    assert len(said.strip().splitlines()) == 3


def test_the_hint_at_alarms_names_a_kind_that_the_log_has() -> None:
    from evidence.archive.acquiring import Acquiring
    from evidence.cli import status

    source = Path(str(status.__file__)).read_text(encoding="utf-8")
    kind = source.split("log --kind ")[1].split("`")[0]
    written: list[str] = []

    class Recording(Acquiring):
        def __init__(self) -> None:
            pass

        def _at(self) -> str:
            return "2026-03-01T00:00:00Z"

        def append(self, table: str, row: object, kind: str, *, digest: str | None = None) -> tuple[int, int]:
            written.append(kind)
            return 1, 1

    Recording().observe(1, "x", {})
    assert written == [kind]


def test_a_name_of_a_folder_is_that_folder_and_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    from evidence.operate.demo import sample_folders
    from evidence.operate.embedded_server import EmbeddedServer

    with EmbeddedServer("demo") as server:
        letters = sample_folders("shelf")["INBOX"]
        server.fill("INBOX", letters[:2])
        server.fill("Client [2024]", letters[2:5])
        server.fill("Private [x]", letters[5:7])
        (tmp_path / "config.toml").write_text(
            shelf.CONFIG
            + '[[account]]\nname = "office"\nhost = "127.0.0.1"\ntls = "none"\nusername = "demo"\npassword_env = "PW"\n'
            + f'port = {server.port}\nfolders = ["Client [2024]", "Private*", "Snet"]\nexclude_folders = ["Private [x]"]\n',
            encoding="utf-8",
        )
        with pytest.raises(subprocess.CalledProcessError) as ended:
            shelf.evidence("sync", "--json", cwd=tmp_path, PW=server.password, EVIDENCE_STATE_DIR=str(tmp_path / "s"))
    assert ended.value.returncode == 3
    (account,) = json.loads(ended.value.stdout)["accounts"]
    assert {folder["folder"]: folder["on_server"] for folder in account["folders"]} == {"Client [2024]": 3}
    assert [note for note in account["notes"] if "Snet" in note] == account["notes"]


def test_nothing_is_handed_on_while_letters_wait_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a running sync an export would have left them out, with exit code 0."""
    monkeypatch.setenv("EVIDENCE_STATE_DIR", str(tmp_path / "state"))
    config = tmp_path / "config.toml"
    config.write_text(shelf.CONFIG, encoding="utf-8")
    (tmp_path / "a.eml").write_bytes(b"From: a@teply-dom.example\r\nTo: b@polka-tochka.example\r\n\r\nx\r\n")
    assert run(["-c", str(config), "import", "--no-index", str(tmp_path / "a.eml")]) == 0
    out = tmp_path / "out"
    held = store.run_lock.take(tmp_path / "archive.db.lock")
    try:
        assert run(["-c", str(config), "export", "eml", str(out)]) == 1
    finally:
        held.release()
    assert not out.exists()
    assert "evidence" in capsys.readouterr().err
    assert run(["-c", str(config), "export", "eml", str(out)]) == 0
    assert len(list(out.glob("*.eml"))) == 1
