"""From a signed letter to a verdict that needs no DNS any more: the key is fetched once, at capture, and kept as evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evidence import pipeline
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.config import Config, parse_config
from evidence.message import dkim_words, received
from tests.dkim.nameserver import name_server, zone
from tests.dkim.signing import NAME, record, rsa_key, sign
from tests.dkim.test_dns import in_strings
from tests.dkim.test_trail import AUTH, TRAIL

NOW = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


class Silent:
    def step(self, what: str, done: int, total: int | None = None) -> None: ...
    def say(self, text: str) -> None: ...


def config(folder: Path, resolver: str, dns: str = "on") -> Config:
    text = f"""
[matter]
title = "Shelf"
language = "en"
[us]
name = "North"
addresses = ["@north.example"]
[client]
name = "Romashka"
addresses = ["@romashka.example"]
[dkim]
dns = "{dns}"
resolver = "{resolver}"
"""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return parse_config(text, path)


def letters(folder: Path) -> Path:
    mail = folder / "mail"
    mail.mkdir()
    head = f"Received: {TRAIL[0].replace('11:13:05', '10:13:05')}\r\nAuthentication-Results: {AUTH}\r\n"
    head += f"Received: {TRAIL[1]}\r\n"
    (mail / "1.eml").write_bytes(head.encode() + sign())
    (mail / "2.eml").write_bytes(sign(selector="gone"))
    (mail / "3.eml").write_bytes(sign().replace("пятницы".encode(), "субботы".encode()))
    return mail


def rows(config: Config, sql: str) -> list[tuple[Any, ...]]:
    with Archive.open(config.archive_path, write=False, now=lambda: NOW) as archive:
        return archive.connection.execute(sql).fetchall()


def run(config: Config, mail: Path) -> None:
    pipeline.import_files(config, [mail], now=lambda: NOW, progress=Silent())


VERDICTS = "SELECT number, selector, result, reason FROM dkim ORDER BY message, number"


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_LANG", "en")


def test_keys_are_asked_for_once_kept_as_evidence_and_verify_offline_ever_after(tmp_path: Path) -> None:
    with name_server(zone({(NAME + ".", "TXT"): [in_strings(record(rsa_key(2048)))]}, authenticated=True)) as server:
        settled = config(tmp_path, server.address)
        run(settled, letters(tmp_path))
        assert sorted(server.asked) == [("gone._domainkey.romashka.example.", "TXT"), (NAME + ".", "TXT")]
    expected = [
        (0, "s1", "pass", dkim_words.PASSED),
        (0, "gone", "no-key", dkim_words.NO_KEY),
        (0, "s1", "fail", dkim_words.BODY_DIFFERS),
    ]
    assert rows(settled, VERDICTS) == expected
    kept = rows(settled, "SELECT name, answer, resolver, authenticated, asked_at, error FROM dns_key ORDER BY error")
    assert kept[0] == (NAME, record(rsa_key(2048)), server.address, 1, "2025-03-03T09:00:00Z", "")
    assert kept[1][0::5] == ("gone._domainkey.romashka.example", "nxdomain")
    # The server is gone now; a rebuild years later says the same.
    with Archive.open(settled.archive_path, write=True, now=lambda: NOW) as archive:
        from evidence.pipeline.index import reindex

        reindex(archive, settled, now=lambda: datetime(2036, 1, 1, tzinfo=UTC), progress=Silent())
    assert rows(settled, VERDICTS) == expected
    assert verify_archive(settled.archive_path).sound


def test_a_name_that_dns_did_not_answer_is_asked_again_on_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence.mailbox import dns

    asked_with = dns.fetch_key
    monkeypatch.setattr(dns, "fetch_key", lambda *a, **named: asked_with(*a, **named | {"timeout": 0.3}))
    mail = letters(tmp_path)
    for n in range(8):
        (mail / f"more{n}.eml").write_bytes(sign(selector=f"k{n}"))
    with name_server(lambda query: None) as server:
        run(config(tmp_path, server.address), mail)
        assert len({name for name, _ in server.asked}) == 3  # silence is not waited for ten times
    with name_server(zone({(NAME + ".", "TXT"): [in_strings(record(rsa_key(2048)))]})) as server:
        settled = config(tmp_path, server.address)
        run(settled, tmp_path / "mail" / "1.eml")
        assert (NAME + ".", "TXT") in server.asked
        asked = len(server.asked)
        run(settled, tmp_path / "mail" / "1.eml")
        assert len(server.asked) == asked
    assert (0, "s1", "pass", dkim_words.PASSED) in rows(settled, VERDICTS)


def test_with_dns_off_nothing_is_asked_and_it_is_said(tmp_path: Path) -> None:
    with name_server(zone({})) as server:
        settled = config(tmp_path, server.address, "off")
        run(settled, letters(tmp_path))
    assert server.asked == []
    assert {row[2:] for row in rows(settled, VERDICTS)} == {("unchecked", dkim_words.NOT_ASKED)}
    assert rows(settled, "SELECT count(*) FROM dns_key") == [(0,)]


def test_an_oddity_of_the_trail_and_the_providers_claim_stand_beside_the_message(tmp_path: Path) -> None:
    settled = config(tmp_path, "", "off")
    run(settled, letters(tmp_path))
    found = rows(settled, "SELECT kind, what, detail FROM trails WHERE number = 1")
    assert found[0][:2] == ("observation", received.TIME_BACKWARDS)
    assert next(row[1:] for row in found if row[0] == "claim") == (
        "authentication-results",
        "mx.north.example: dkim=pass header.d=romashka.example header.i=@romashka.example header.b=abc/12",
    )
