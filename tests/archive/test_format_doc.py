"""docs/archive-format.md is executed: each command must print what stands below it. The kept archive opens and verifies."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.archive.proofs import (
    consistency_file,
    file_text,
    holds,
    inclusion_file,
    message_file,
    write_consistency,
    write_inclusion,
)
from evidence.archive.reader import ArchiveReader
from evidence.archive.schema import BOUND_TABLES, DERIVED_TABLES, EVIDENCE_TABLES, JUDGEMENT_TABLES
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from tests.archive.cases import LETTERS, rows_of, ticking

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "archive-format.md"
KEPT = ROOT / "fixtures" / "archives" / "v1.db"
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str | None]]:
    """(language, code, expected output or None) in order."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    out = []
    for (kind, code), following in zip(found, [*found[1:], ("", "")], strict=True):
        if kind != "text":
            out.append((kind, code, following[1] if following[0] == "text" else None))
    return out


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "archive.db"
    shutil.copy(KEPT, path)
    path.chmod(0o644)
    return path


def isolated(code: str, folder: Path, *arguments: str) -> str:
    (folder / "check.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-I", "check.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", range(len(blocks())))
def test_block_of_the_format_page_prints_what_it_says(kept: Path, number: int) -> None:
    kind, code, expected = blocks()[number]
    if expected is None:
        assert "def check(proof)" in code  # run on proof files below
        return
    if kind == "python":
        assert isolated(code, kept.parent) == expected
        return
    for tool in re.findall(r"\b(sqlite3|openssl|xxd|sha256sum)\b", code):
        if shutil.which(tool) is None:
            if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
                pytest.fail(f"{tool} is missing")
            pytest.skip(f"{tool} is missing")
    done = subprocess.run(["sh", "-ec", code], cwd=kept.parent, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == (expected, 0), done.stderr


def checker() -> str:
    return next(code for _, code, _ in blocks() if "def check(proof)" in code)


def test_thirty_lines_recompute_every_proof(kept: Path) -> None:
    folder = kept.parent
    assert len([line for line in checker().splitlines() if line.strip()]) <= 36
    names = []
    with ArchiveReader(kept) as reader:
        for size in (1, 2, 5, 8, 36, 37):
            for seq in range(size):
                proof = inclusion_file(reader, seq, size)
                assert holds(proof)
                names.append(f"i-{seq}-{size}.json")
                (folder / names[-1]).write_text(file_text(proof), encoding="utf-8")
            for first in range(1, size + 1):
                proof = consistency_file(reader, first, size)
                assert holds(proof)
                names.append(f"c-{first}-{size}.json")
                (folder / names[-1]).write_text(file_text(proof), encoding="utf-8")
    assert isolated(checker(), folder, *names).split() == ["holds"] * len(names)
    for name in (names[3], names[-2]):
        proof = json.loads((folder / name).read_text(encoding="utf-8"))
        proof["path"][0] = "0" * 64
        (folder / "bad.json").write_text(json.dumps(proof), encoding="utf-8")
        assert not holds(proof)
        done = subprocess.run(
            [sys.executable, "-I", "check.py", "bad.json"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and "AssertionError" in done.stderr


def test_proof_of_one_message_shows_it_and_no_neighbour(kept: Path) -> None:
    with ArchiveReader(kept) as reader:
        sha256 = reader.letters()[0].sha256
        message, proof = write_inclusion(reader, sha256, kept.parent / "out")
        assert message.read_bytes() == LETTERS[0]
        stated = json.loads(proof.read_text(encoding="utf-8"))
        assert stated == message_file(reader, sha256) and holds(stated)
        assert json.loads(stated["event"])["row"]["raw"]["sha256"] == sha256
        assert "0ca1a0ff8b06" not in proof.read_text(encoding="utf-8")  # the other message's hash
        (path,) = write_consistency(reader, 33, None, kept.parent / "out")
        assert holds(json.loads(path.read_text(encoding="utf-8")))
        with pytest.raises(LookupError):
            message_file(reader, "0" * 64)
        with pytest.raises(ValueError, match="no event 99"):
            inclusion_file(reader, 99)


def test_page_names_every_table_and_every_kind_of_event() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for table in (*EVIDENCE_TABLES, *JUDGEMENT_TABLES, *DERIVED_TABLES):
        assert f"`{table}`" in page, table
    with ArchiveReader(KEPT) as reader:
        kinds = {json.loads(body)["kind"] for _, body, _ in reader.events()}
    assert len(BOUND_TABLES) == 26
    for kind in kinds | {"anchor-owed"}:
        assert f"`{kind}`" in page, kind


def test_kept_archive_of_schema_1_opens_verifies_and_can_be_written_on(kept: Path) -> None:
    report = verify_archive(kept)
    assert report.sound, report.problems
    assert [(a["kind"], a["test"]) for a in report.anchors] == [("witness", False), ("rfc3161", True)]
    assert [table for table in BOUND_TABLES if not rows_of(kept)[table]] == []
    with ArchiveReader(kept) as reader:
        assert [letter.subject for letter in reader.letters()] == ["Shelf"] * 3
        assert reader.head(33).root == reader.bundles()[0].root
    with Archive.open(kept, write=True, now=ticking()) as archive:
        archive.note("message", "x", "still writable", actor="Anna")
    assert verify_archive(kept).sound
