"""The demo is the whole job by the same code a user runs, in both languages; nothing of its secret is left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.operate.demo import imap_date, sample_folders
from evidence.operate.embedded_server import EmbeddedServer


def evidence(*words: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=cwd, capture_output=True, text=True, check=False,
        env=os.environ | {"EVIDENCE_LANG": "en"},
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    return ended


@pytest.fixture(scope="module", params=["ru", "en"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    ended = evidence("demo", "matter", "--lang", request.param, cwd=folder)
    return request.param, folder / "matter", ended.stdout


def test_it_ends_by_naming_the_pdf(demo: tuple[str, Path, str]) -> None:
    _language, folder, said = demo
    pdf = Path(said.strip())
    pdf = pdf if pdf.is_absolute() else folder.parent / pdf
    assert pdf.name == "bundle.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-1.7")
    assert (folder / "config.toml").exists()
    assert (folder / "archive.db").exists()
    assert (pdf.parent / "package.zip").exists()


def test_every_letter_between_the_sides_is_an_exhibit_and_flags_quote(demo: tuple[str, Path, str]) -> None:
    language, folder, _said = demo
    exhibits = json.loads(next(folder.glob("bundles/*/package/data/exhibits.json")).read_text(encoding="utf-8"))
    timeline = [
        json.loads(x)
        for x in evidence("-c", str(folder / "config.toml"), "timeline", "--json", cwd=folder).stdout.splitlines()
    ]
    messages = {row["sha256"] for row in timeline if row.get("sha256")}
    assert {e["sha256"] for e in exhibits if e["kind"] == "message"} == messages
    assert len(messages) > 25
    flags = [
        json.loads(x)
        for x in evidence("-c", str(folder / "config.toml"), "flags", "--json", cwd=folder).stdout.splitlines()
    ]
    assert {"threat", "demand", "refusal"} <= {f["category"] for f in flags}
    assert {f["speaker"] for f in flags} >= {"us", "client"}
    assert language in ("ru", "en")


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler-utils is missing")
def test_the_pdf_can_be_searched_and_pages_are_numbered(demo: tuple[str, Path, str]) -> None:
    language, folder, _said = demo
    pdf = next(folder.glob("bundles/*/bundle.pdf"))
    text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    pages = text.split("\f")[:-1]
    for number, page in enumerate(pages, 1):
        assert f"{number} / {len(pages)}" in " ".join(page.split()), number
    assert ("отпариватель" if language == "ru" else "invoice") in text


def test_the_archive_holds_what_the_server_held(demo: tuple[str, Path, str]) -> None:
    """The letters the demo put on the server are, byte for byte, what the archive gives back."""
    import hashlib
    import sqlite3

    language, folder, _said = demo
    letters = sample_folders({"ru": "shelf", "en": "studio"}[language]).values()
    served = {hashlib.sha256(raw).hexdigest() for folder_letters in letters for raw, _d, _f in folder_letters}
    with sqlite3.connect(folder / "archive.db") as connection:
        held = {
            sha: hashlib.sha256(raw).hexdigest() for sha, raw in connection.execute("SELECT sha256, raw FROM message")
        }
    assert all(sha == digest for sha, digest in held.items())
    assert set(held) <= served
    assert len(held) >= 30


def test_a_folder_in_use_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine.txt").write_text("x", encoding="utf-8")
    evidence("demo", "m", cwd=tmp_path, code=2)
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["mine.txt"]


def test_the_embedded_server_keeps_octets(tmp_path: Path) -> None:
    import imapclient

    odd = [
        b"Subject: x\r\n\r\nNUL \0 and 8-bit \xff\xfe",
        b"Subject: lf\n\nbare\nlines",
        b"Subject: y\r\n\r\nno final newline",
    ]
    with EmbeddedServer() as server:
        server.fill("Клиенты & «другие»", [(raw, "01-Mar-2025 10:00:00 +0300", ("\\Seen",)) for raw in odd])
        client = imapclient.IMAPClient(server.host, server.port, ssl=False)
        client.login(server.username, server.password)
        client.select_folder("Клиенты & «другие»", readonly=True)
        found = [x[b"BODY[]"] for _u, x in sorted(client.fetch(client.search(), ["BODY.PEEK[]"]).items())]
        client.logout()
    assert found == odd


def test_month_names_are_english_whatever_the_locale() -> None:
    from datetime import UTC, datetime

    assert imap_date(datetime(2025, 5, 7, 8, 9, 10, tzinfo=UTC)) == "07-May-2025 08:09:10 +0000"
