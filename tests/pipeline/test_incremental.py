"""A rebuild that keeps what still holds gives the rows of a rebuild from nothing: after any arrival, in any order, under any change."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.archive.schema import DERIVED_TABLES
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.config import Config, parse_config
from evidence.model import DnsKey
from evidence.pipeline import index
from tests.dkim.signing import NAME, record, rsa_key, sign

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus"
BEGAN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEXT = """
[matter]
title = "Shelf"
language = "ru"
timezone = "{timezone}"
[us]
name = "Us"
addresses = ["@polka-tochka.example", "office@north.example"]
[[us.staff]]
name = "{staff}"
addresses = ["stojka@polka-tochka.example"]
[client]
name = "Them"
addresses = ["@teply-dom.example", "{client}"]
[timeline]
answer_within_days = {days}
[dkim]
dns = "off"
"""
CHOICES = {
    "timezone": ("Europe/Moscow", "Asia/Vladivostok"),
    "staff": ("Elena", "Lena"),
    "client": ("director@romashka.example", "@romashka.example"),
    "days": (3, 1, 9),
}
PACK = """[pack]
name = "own"
version = "1"
language = "ru"
category = "insult"
[[rule]]
id = "own.insult.{word}"
order = "any"
window = 9
addressee = false
slots = ["{word}"]
must_match = ["Вот такая полка у вас, смотрите сами на клиента.", "Ваша полка сломалась, а клиента вы прогнали."]
must_not_match = ["Погода сегодня хорошая."]
"""


class Silent:
    def step(self, what: str, done: int, total: int | None = None) -> None: ...
    def say(self, text: str) -> None: ...


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every derived row; of the full text what it says (term, letter, column, place), which its pieces on disk do not change."""
    connection = sqlite3.connect(path)
    try:
        found = {t: connection.execute(f"SELECT * FROM {t} ORDER BY 1, 2").fetchall() for t in DERIVED_TABLES[:-1]}
        connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'search', 'instance')")
        found["search"] = sorted(connection.execute("SELECT * FROM temp.terms"))
        found["sizes"] = connection.execute("SELECT * FROM search_docsize ORDER BY id").fetchall()
        return found
    finally:
        connection.close()


class Matter:
    """A matter to which letters come bit by bit, and whose configuration and packs change in between."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng = folder, rng
        self.values = {name: choices[0] for name, choices in CHOICES.items()}
        self.path = folder / "archive.db"
        self.moment = BEGAN
        self.accounts: list[int] = []
        Archive.create(self.path, now=self.now, tool="test").close()

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    @property
    def config(self) -> Config:
        return parse_config(TEXT.format(**self.values), self.folder / "config.toml")

    def arrive(self, raws: list[bytes], *, imported: bool = False, sighted: bool = True) -> None:
        with Archive.open(self.path, write=True, now=self.now) as archive:
            acquisition = archive.begin("import" if imported else "sync", "office", {})
            source = archive.source(acquisition, "old.mbox", "mbox", 1, "0" * 64) if imported else None
            for raw in raws:
                number = archive.store(acquisition, raw).number
                if sighted:
                    internal = None if imported else "03-Mar-2025 11:13:10 +0300"
                    archive.sight(acquisition, number, source=source, internal_date=internal)
            archive.end(acquisition, "complete", {})

    def answered(self, name: str, answer: bytes, error: str = "") -> None:
        with Archive.open(self.path, write=True, now=self.now) as archive:
            archive.dns_key(DnsKey(name, answer, "127.0.0.1", False, self.now(), error))

    def pack(self, word: str | None) -> None:
        pack = self.folder / "packs" / "own.toml"
        if word is None:
            shutil.rmtree(pack.parent, ignore_errors=True)
        else:
            pack.parent.mkdir(exist_ok=True)
            pack.write_text(PACK.format(word=word), encoding="utf-8")
            stamp = self.rng.getrandbits(30) * 1_000_000_000
            os.utime(pack, ns=(stamp, stamp))

    def refresh(self, jobs: int = 1) -> index.IndexReport | None:
        with Archive.open(self.path, write=True, now=self.now) as archive:
            return index.refresh(archive, self.config, now=self.now, progress=Silent(), jobs=jobs)

    def rebuilt(self) -> dict[str, list[tuple[object, ...]]]:
        """The rows of a rebuild from nothing, made in a copy."""
        copy = self.folder / "copy.db"
        shutil.copyfile(self.path, copy)
        with Archive.open(copy, write=True, now=self.now) as archive:
            index.reindex(archive, self.config, now=self.now, progress=Silent(), jobs=1)
        return rows(copy)


def letters(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name / "messages").glob("*.eml"))]


def without(raw: bytes, *fields: bytes) -> bytes:
    """The letter as a program sends it that loses its references: told by what it quotes, or by its subject."""
    head, mark, body = raw.partition(b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n")
    kept: list[bytes] = []
    skipping = False
    for line in head.splitlines(keepends=True):
        if line[:1] not in b" \t":
            skipping = line.partition(b":")[0].lower() in fields
        if not skipping:
            kept.append(line)
    return b"".join(kept).rstrip(b"\r\n") + mark + body


@pytest.fixture
def matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Matter]]:
    monkeypatch.setenv("EVIDENCE_STATE_DIR", str(tmp_path / "state"))

    def made(seed: int) -> Matter:
        folder = tmp_path / str(seed)
        folder.mkdir()
        return Matter(folder, random.Random(seed))

    yield made


def arrivals(rng: random.Random) -> list[bytes]:
    """Letters of a dispute, some of them robbed of their references, some twice with other headers, some signed; shuffled."""
    found = letters("shelf")[:28]
    robbed = rng.sample(range(len(found)), 5)
    for number in robbed:
        found[number] = without(found[number], b"references", b"in-reply-to")
    found += [b"X-Copy: of the other mailbox\r\n" + raw for raw in rng.sample(found, 4)]
    found += [raw.replace("полк".encode(), "стойк".encode()) for raw in rng.sample(found, 3)]  # an id with two texts
    found += [sign(), sign(selector="gone"), b"\x00\xff no letter at all", b""]
    rng.shuffle(found)
    return found


SERIES = range(8) if os.environ.get("EVIDENCE_TEST_FULL") else range(2)


@pytest.mark.parametrize("seed", SERIES)
def test_series_of_arrivals_and_changes_leaves_the_rows_of_a_rebuild_from_nothing(
    matter: Callable[[int], Matter], seed: int
) -> None:
    one = matter(seed)
    rng = one.rng
    coming = arrivals(rng)
    step = 0
    while coming:
        step += 1
        count = rng.choice((1, 1, 2, 5, 9))
        few, coming = coming[:count], coming[count:]
        one.arrive(few, imported=rng.random() < 0.3, sighted=rng.random() < 0.9)
        match rng.randrange(6):
            case 0:
                name = rng.choice(sorted(CHOICES))
                one.values[name] = rng.choice(CHOICES[name])
            case 1:
                one.pack(rng.choice(("полка", "клиент", None)))
            case 2:
                one.answered(NAME, record(rsa_key(2048)) if rng.random() < 0.7 else b"", rng.choice(("", "timeout")))
            case 3 if few:
                one.arrive(few[:1], imported=rng.random() < 0.5)  # seen once more
        report = one.refresh()
        assert report is not None
        kept, fresh = rows(one.path), one.rebuilt()
        for table, expected in fresh.items():
            assert kept[table] == expected, f"step {step}: {table}"
    assert kept["flag"] and kept["request"] and kept["dkim"] and kept["rendered"]
    assert verify_archive(one.path).sound


def test_one_letter_more_reads_that_letter_and_no_other(matter: Callable[[int], Matter]) -> None:
    one = matter(0)
    found = letters("shelf")[:12]
    one.arrive(found[:-1])
    first = one.refresh()
    assert first is not None and first.read == first.judged == 11
    one.arrive(found[-1:])
    second = one.refresh()
    assert second is not None and (second.messages, second.read, second.judged) == (12, 1, 1)
    assert one.refresh() is None


def test_parent_that_comes_later_has_its_answer_cut_and_judged_anew(matter: Callable[[int], Matter]) -> None:
    one = matter(0)
    parent = (
        b"From: d@teply-dom.example\r\nTo: stojka@polka-tochka.example\r\nMessage-ID: <p@x>\r\nSubject: Shelf\r\n"
        b"Date: Mon, 03 Mar 2025 11:12:53 +0300\r\n\r\nYou will be sued for this shelf, you crooks, in court on Monday, and we shall tell every newspaper.\r\n"
    )
    answer = (
        b"From: stojka@polka-tochka.example\r\nTo: d@teply-dom.example\r\nMessage-ID: <a@x>\r\nIn-Reply-To: <p@x>\r\n"
        b"Subject: Re: Shelf\r\nDate: Tue, 04 Mar 2025 11:12:53 +0300\r\n\r\n"
        b"We have read it.\r\n\r\nYou will be sued for this shelf, you crooks, in court on Monday, and we shall tell every newspaper.\r\n"
    )
    one.arrive([answer])
    one.refresh()
    ours = "SELECT count(*) FROM flag f JOIN parsed_message p ON p.message = f.message WHERE p.speaker = 'us'"
    connection = sqlite3.connect(one.path)
    assert connection.execute(ours).fetchone()[0] > 0  # nobody knew yet that these are their words
    one.arrive([parent])
    report = one.refresh()
    assert report is not None and report.read == 2
    assert connection.execute(ours).fetchone()[0] == 0
    connection.close()
    assert rows(one.path) == one.rebuilt()


def test_other_pack_searches_letters_again_and_reads_no_octets(matter: Callable[[int], Matter]) -> None:
    one = matter(0)
    one.arrive(letters("shelf")[:12])
    one.refresh()
    one.pack("полка")
    report = one.refresh()
    assert report is not None and report.read == 0 and report.judged >= 10
    assert any(row[10] == "own.insult.полка" for row in rows(one.path)["flag"])
    assert rows(one.path) == one.rebuilt()


def test_one_party_more_reads_only_letters_that_bear_the_address(matter: Callable[[int], Matter]) -> None:
    one = matter(0)
    foreign = [
        b"From: x@romashka.example\r\nTo: office@north.example\r\nSubject: %d\r\n\r\nPay me back.\r\n" % n
        for n in range(3)
    ]
    one.arrive([*letters("shelf")[:9], *foreign])
    one.refresh()
    one.values["client"] = "@romashka.example"
    report = one.refresh()
    assert report is not None and report.read == 3
    assert rows(one.path) == one.rebuilt()


def test_other_code_rebuilds_from_nothing(matter: Callable[[int], Matter], monkeypatch: pytest.MonkeyPatch) -> None:
    one = matter(0)
    one.arrive(letters("shelf")[:5])
    one.refresh()
    monkeypatch.setattr(index, "reading_key", lambda: "another")
    one.values["days"] = 9
    report = one.refresh()
    assert report is not None and report.read == 5


def test_archive_of_an_older_release_is_sound_and_is_rebuilt_whole(matter: Callable[[int], Matter]) -> None:
    one = matter(0)
    one.arrive(letters("shelf")[:5])
    one.refresh()
    with sqlite3.connect(one.path) as connection:
        connection.execute("DROP TABLE reading")
    assert verify_archive(one.path).sound
    one.values["days"] = 9
    report = one.refresh()
    assert report is not None and report.read == 5
    assert rows(one.path) == one.rebuilt()


def test_rebuild_that_fails_keeps_the_old_rows_and_is_made_up_for(
    matter: Callable[[int], Matter], monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence.pipeline import index_reckoning

    one = matter(0)
    found = letters("shelf")[:8]
    one.arrive(found[:6])
    one.refresh()
    before = rows(one.path)
    one.arrive(found[6:])

    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(index_reckoning, "find_all_requests", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            one.refresh()
    assert rows(one.path) == before
    one.refresh()
    assert rows(one.path) == one.rebuilt()


def test_two_processes_give_the_rows_of_one(matter: Callable[[int], Matter], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "PARALLEL_FROM", 1)
    monkeypatch.setattr(index, "CHUNK", 3)
    one = matter(0)
    found = letters("shelf")[:20]
    one.arrive(found[10:])
    one.refresh(jobs=2)
    one.arrive(found[:10])
    one.refresh(jobs=2)
    assert rows(one.path) == one.rebuilt()
