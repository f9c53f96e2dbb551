"""The second reader only proposes: its records are judgements, stand apart from the rules, and reach a document only when accepted."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from evidence import pipeline
from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.browse import reviewing
from evidence.config import parse_config
from evidence.errors import UsageError
from evidence.pipeline.second_reader import propose
from evidence.pipeline.views import flag_rows, standing_of
from tests.spine.test_pipeline import TEXT, Silent, matter

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


ASKED: list[str] = []


@pytest.fixture
def model() -> Iterator[str]:
    """Quotes the first ten words of every letter as an accusation, invents a threat, and obeys a letter that commands it."""

    class Script(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
            ASKED.append(asked)
            if asked.startswith("REQUEST:"):
                words = asked.partition("LETTER:")[2].splitlines()[2]
                return self.say({"outcome": "answered", "quote": words})
            line = next((x for x in asked.splitlines() if len(x.split()) > 5), "")
            answer = {
                "proposals": [
                    {"category": "accusation", "quote": line.strip()},
                    {"category": "threat", "quote": "not in the letter"},
                ]
            }
            return self.say(answer)

        def say(self, answer: object) -> None:
            body = json.dumps({"choices": [{"message": {"content": json.dumps(answer)}}]}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Script)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_proposals_wait_for_a_person(model: str, tmp_path: Path, repository: Path) -> None:
    letters = sorted((repository / "fixtures" / "corpus" / "shelf" / "messages").glob("*.eml"))[:8]
    plain = matter(tmp_path / "m", letters)
    config = parse_config(TEXT + f'[assist]\nurl = "{model}"\nmodel = "scripted"\n', plain.folder / "config.toml")
    with ArchiveReader(config.archive_path) as case:
        by_rules = {f.id for f in pipeline.view(config, case).flags}
    kept = propose(config, now=lambda: NOW, progress=Silent())
    assert kept > 0
    assert propose(config, now=lambda: NOW, progress=Silent()) == 0
    with ArchiveReader(config.archive_path) as case:
        shown = pipeline.view(config, case)
    proposed = [row for row in flag_rows(shown) if row["id"] not in by_rules]
    assert len(proposed) == kept
    assert by_rules <= {row["id"] for row in flag_rows(shown)}
    assert {row["category"] for row in proposed} == {"accusation"}
    assert all(row["tier"] == "possible" and row["why"] == "proposed by scripted" for row in proposed)
    assert not {f.id for f in standing_of(shown).flags} & {row["id"] for row in proposed}
    with Archive.open(config.archive_path, write=True, now=lambda: NOW, run=False) as archive:
        archive.review("flag", proposed[0]["id"], "accepted", actor="Anna")
    with ArchiveReader(config.archive_path) as case:
        assert proposed[0]["id"] in {f.id for f in standing_of(pipeline.view(config, case)).flags}
    assert verify_archive(config.archive_path).sound


def test_replies_without_a_visible_answer_are_read_too_and_nobody_is_asked_twice(
    model: str, tmp_path: Path, repository: Path
) -> None:
    letters = sorted((repository / "fixtures" / "corpus" / "shelf" / "messages").glob("*.eml"))
    plain = matter(tmp_path / "m", letters)
    config = parse_config(TEXT + f'[assist]\nurl = "{model}"\nmodel = "scripted"\n', plain.folder / "config.toml")
    with ArchiveReader(config.archive_path) as case:
        before = {r.id: r for r in pipeline.view(config, case).requests}
    unanswered = {r.id for r in before.values() if r.outcome == "reply-without-answer"}
    assert unanswered
    propose(config, now=lambda: NOW, progress=Silent())
    ASKED.clear()
    assert propose(config, now=lambda: NOW, progress=Silent()) == 0
    assert ASKED == []
    with ArchiveReader(config.archive_path) as case:
        shown = pipeline.view(config, case)
    assert {r.id: r for r in shown.requests} == before
    assert set(shown.proposed) and set(shown.proposed) <= unanswered
    one, (row, *_) = next(iter(shown.proposed.items()))
    assert (row["outcome"], row["model"]) == ("answered", "scripted")
    assert row["sha256"] in before[one].other_messages
    assert row["quote"] in shown.by_sha[row["sha256"]].texts["body"]
    with sqlite3.connect(f"file:{config.archive_path}?mode=ro", uri=True) as conn:
        conn.row_factory = sqlite3.Row
        item = reviewing.item(conn, "request", one)
        assert item is not None
        assert [p["quote"] for p in item.row["proposed"]] == [r["quote"] for r in shown.proposed[one]]
        assert item.row["outcome"] == "reply-without-answer"
    assert verify_archive(config.archive_path).sound


def test_another_machine_is_refused_and_none_is_said(tmp_path: Path, repository: Path) -> None:
    letters = sorted((repository / "fixtures" / "corpus" / "shelf" / "messages").glob("*.eml"))[:2]
    plain = matter(tmp_path / "m", letters)
    with pytest.raises(UsageError, match="no second reader"):
        propose(plain, now=lambda: NOW, progress=Silent())
    far = parse_config(TEXT + '[assist]\nurl = "http://10.0.0.1/v1"\nmodel = "x"\n', plain.folder / "config.toml")
    with pytest.raises(UsageError, match="not on this machine"):
        propose(far, now=lambda: NOW, progress=Silent())
