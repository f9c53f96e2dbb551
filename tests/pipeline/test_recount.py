"""The browser counts as ``evidence assess`` and ``evidence effort`` do, whatever a person has decided since the last rebuild."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evidence import pipeline
from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.browse import serve
from evidence.config import Config, parse_config
from evidence.model import judged_id, sha256_hex
from evidence.pipeline import views
from evidence.pipeline.recount import Recount
from evidence.ports import IssuedBundle
from tests.spine.test_pipeline import TEXT, Silent, matter

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COLUMNS = ("accepted", "unreviewed", "rejected", "requests")
ASIDE = """From: director@teply-dom.example
To: partner@elsewhere.example
Date: Mon, 7 Apr 2025 10:00:00 +0300
Message-ID: <aside@teply-dom.example>
Subject: =?utf-8?b?0J/Rg9C90LrRgg==?=
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Здравствуйте. Там работают хамы и мошенники. Мы подадим на них в суд.
"""  # of the client's to a third person: context, until a person includes it
Counts = dict[tuple[int, str], tuple[int, int, int, int]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Config:
    letters = sorted((Path(__file__).parents[2] / "fixtures" / "corpus" / "shelf" / "messages").glob("*.eml"))
    home = tmp_path_factory.mktemp("counted")
    (home / "aside.eml").write_bytes(ASIDE.encode())
    return matter(home / "m", [*letters, home / "aside.eml"])


@pytest.fixture
def config(built: Config, tmp_path: Path) -> Config:
    shutil.copytree(built.folder, tmp_path / "m")
    return parse_config(TEXT, tmp_path / "m" / "config.toml")


def decide(config: Config, act: Callable[[Archive], Any]) -> None:
    with Archive.open(config.archive_path, write=True, now=lambda: NOW, run=False) as archive:
        act(archive)


def shown_view(config: Config) -> pipeline.View:
    with ArchiveReader(config.archive_path) as case:
        return pipeline.view(config, case)


def proposed(config: Config, category: str) -> str:
    """Keep one proposal of the second reader: the first line of a letter of the client's in which no rule found anything."""
    shown = shown_view(config)
    flagged = {flag.sha256 for flag in shown.flags}
    x = next(x for x in shown.letters if x.speaker == "client" and x.sha256 not in flagged and x.texts["body"].strip())
    said = x.texts["body"].strip().split("\n")[0]
    start = x.texts["body"].index(said)
    id_ = judged_id("flag", x.sha256, "body", start, start + len(said), category)
    row = {"what": "flag", "target_id": id_, "sha256": x.sha256, "part": "body", "start": start, "end": start + len(said),
           "quote": said, "category": category, "outcome": None, "model": "scripted", "prompt_version": "1"}  # fmt: skip
    decide(config, lambda archive: archive.propose([row]))
    return id_


def evidence(config: Config, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", "-c", str(config.folder / "config.toml"), *words],
        capture_output=True, text=True, check=False, timeout=120, cwd=config.folder,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def told(config: Config) -> Counts:
    """What ``evidence assess --csv`` counts, by question and side."""
    rows = csv.DictReader(io.StringIO(evidence(config, "assess", "--csv").removeprefix("\ufeff")))
    return {(int(r["question"]), r["side"]): tuple(int(r[c]) for c in COLUMNS) for r in rows}  # type: ignore[misc]


def page(config: Config, path: str, *, recount: Recount | None, language: str = "en") -> str:
    async def read() -> str:
        datasette = serve.build(config.archive_path, language=language, recount=recount)
        await datasette.invoke_startup()
        answer = await datasette.client.get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    return asyncio.run(read())


def seen(config: Config, recount: Recount, language: str = "en") -> Counts:
    """What the page counts, by question and side. Requests are named under the third question, where alone they count."""
    text = page(config, "/-/evidence/assessment", recount=recount, language=language)
    found: Counts = {}
    for number, section in re.findall(r'id="question-(\d)">(.*?)</section>', text, re.DOTALL):
        for side, line in re.findall(r'class="side (\w+)"><h3>.*?</h3><p>(.*?)</p>', section, re.DOTALL):
            parts = line.split("; ")
            counts = [int(n) for n in re.findall(r"\d+", parts[0])]
            requests = int(parts[1].split()[0]) if number == "3" else 0
            found[int(number), side] = (counts[0], counts[1], counts[2], requests)
    return found


def test_an_accepted_proposal_of_the_second_reader_counts_in_the_browser_as_in_assess(config: Config) -> None:
    recount = Recount(config)
    id_ = proposed(config, "insult")
    before = told(config)
    assert len(before) == 8
    assert seen(config, recount) == before
    decide(config, lambda archive: archive.review("flag", id_, "accepted", actor="Anna"))
    after = told(config)
    assert after[2, "client"][0] == before[2, "client"][0] + 1
    assert seen(config, recount) == seen(config, recount, "ru") == after  # the same server, without any rebuild
    assert f"#flag-{id_}" in page(config, "/-/evidence/assessment", recount=recount)
    decide(config, lambda archive: archive.review("flag", id_, "rejected", actor="Anna"))
    assert seen(config, recount) == told(config)
    assert told(config)[2, "client"] == (*before[2, "client"][:2], before[2, "client"][2] + 1, before[2, "client"][3])


def test_every_kind_of_decision_counts_in_the_browser_as_in_assess(config: Config) -> None:
    recount = Recount(config)
    shown = shown_view(config)
    stated = [flag for flag in shown.flags if flag.tier == "stated" and flag.category == "demand"]
    possible = next(flag for flag in shown.flags if flag.tier == "possible" and flag.speaker == "client")
    silent = next(r for r in shown.requests if r.outcome == "no-reply" and r.tier == "stated")
    aside = sha256_hex(ASIDE.encode())
    assert shown.by_sha[aside].scope == "context"
    with ArchiveReader(config.archive_path) as case:
        rude = next(flag for flag in case.flags() if flag.sha256 == aside and flag.category == "insult")
    decide(config, lambda archive: archive.review("flag", rude.id, "accepted", actor="Anna"))
    acts: list[Callable[[Archive], Any]] = [
        lambda archive: archive.review("flag", stated[0].id, "rejected", actor="Anna"),
        lambda archive: archive.review("flag", stated[1].id, "accepted", category="threat/reputation", actor="Anna"),
        lambda archive: archive.review("flag", possible.id, "accepted", category="insult", actor="Anna"),
        lambda archive: archive.review("request", silent.id, "accepted", outcome="answered", actor="Anna"),
        lambda archive: archive.select(aside, "include", "ties in", actor="Anna"),
    ]
    before = told(config)
    for number, act in enumerate(acts):
        decide(config, act)
        after = told(config)
        assert after != before, f"decision {number} changes nothing and so shows nothing"
        before = after
        assert seen(config, recount) == after
        assert json.loads(recount("assessment")) == json.loads(evidence(config, "assess", "--json"))
    decide(config, lambda archive: archive.claim("steamer", "Потерян отпариватель", actor="Anna"))
    assert "Потерян отпариватель" in page(config, "/-/evidence/assessment", recount=recount)


def test_a_category_chosen_with_its_subtype_is_two_fields_for_programs(config: Config) -> None:
    flag = next(flag for flag in shown_view(config).flags if flag.category == "demand" and flag.subtype)
    decide(config, lambda archive: archive.review("flag", flag.id, "accepted", category="threat/police", actor="Anna"))
    rows = {row["id"]: row for row in map(json.loads, evidence(config, "flags", "--json").splitlines())}
    assert (rows[flag.id]["category"], rows[flag.id]["subtype"]) == ("threat", "police")
    decide(config, lambda archive: archive.review("flag", flag.id, "accepted", category="insult", actor="Anna"))
    rows = {row["id"]: row for row in map(json.loads, evidence(config, "flags", "--json").splitlines())}
    assert (rows[flag.id]["category"], rows[flag.id]["subtype"]) == ("insult", None)


def test_hours_logged_count_on_the_page_of_effort_as_in_effort(config: Config) -> None:
    recount = Recount(config)
    before = json.loads(recount("effort"))
    decide(config, lambda archive: archive.hours("Анна", "2025-04-03", 90, "осмотр", actor="Anna"))
    after = json.loads(recount("effort"))
    assert sum(x["logged_minutes"] for x in after["lines"]) == sum(x["logged_minutes"] for x in before["lines"]) + 90
    total = re.search(r'class="total">.*?</tr>', page(config, "/-/evidence/effort", recount=recount), re.DOTALL)
    assert total and "<td>1:30:00</td>" in total[0]


def test_what_was_counted_is_given_again_until_something_is_decided(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    reckon = views.assessment_of
    monkeypatch.setattr(views, "assessment_of", lambda *a: counted.append("") or reckon(*a))  # type: ignore[func-returns-value]
    recount = Recount(config)
    first = recount("assessment")
    assert recount("assessment") == first
    assert len(counted) == 1
    decide(config, lambda archive: archive.answer(2, "yes", note="", actor="Anna"))
    assert '"answer": "yes"' in recount("assessment")
    assert len(counted) == 2
    with pytest.raises(KeyError):
        recount("anything")


def test_pages_opened_without_the_program_say_of_which_moment_the_counts_are(config: Config) -> None:
    for path, said in (
        ("/-/evidence/assessment", "The counts are those of the last rebuild"),
        ("/-/evidence/effort", "The sums are those of the last rebuild"),
    ):
        assert said in page(config, path, recount=None)
        assert said not in page(config, path, recount=Recount(config))


def test_a_rebuild_keeps_what_proposals_and_included_letters_add(config: Config) -> None:
    """What the last rebuild left for pages opened without the program is what ``assess`` gave at that moment."""
    id_ = proposed(config, "accusation")
    decide(config, lambda archive: archive.review("flag", id_, "accepted", actor="Anna"))
    decide(config, lambda archive: archive.select(sha256_hex(ASIDE.encode()), "include", "ties in", actor="Anna"))
    with Archive.open(config.archive_path, write=True, now=lambda: NOW) as archive:
        pipeline.reindex(archive, config, now=lambda: NOW, progress=Silent(), jobs=1)
    with ArchiveReader(config.archive_path) as case:
        stored = case.rendered("assessment", "")
    assert stored is not None and id_ in stored
    assert json.loads(stored) == json.loads(evidence(config, "assess", "--json"))


def test_the_log_names_an_extract_by_what_its_folder_and_cover_say(config: Config) -> None:
    asked: dict[str, Any] = {"kind": "full", "since": "2025-04-01", "until": None, "category": []}
    for number, kind, options in ((1, "full", {**asked, "since": None}), (2, "full", asked), (3, "extract", asked)):
        issued = IssuedBundle(
            number, kind, f"bundles/{number:04d}-x", NOW, "2026-03-01", 1, "ab" * 32, 9, "cd" * 32, "ef" * 32, "ru", options
        )  # fmt: skip
        decide(config, lambda archive, issued=issued: archive.issue_bundle(issued))  # type: ignore[misc]
    said = evidence(config, "log", "--kind", "bundle-issued").splitlines()
    assert [line.rpartition("issued=")[2] for line in said] == ["full", "extract", "extract"]
    logged = [json.loads(line) for line in evidence(config, "log", "--kind", "bundle-issued", "--json").splitlines()]
    assert [body["row"]["kind"] for body in logged] == ["full", "full", "extract"]  # as written, key and value
    assert not any("issued" in body["row"] for body in logged)
