"""Who is named in the log, also where the system has no name for the user (a container run with ``--user 1000:1000``)."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.actor import login_name
from evidence.cli.session import Session
from evidence.config import parse_config
from evidence.mailbox.plan import ScopeRule
from evidence.mailbox.run_record import about_this_run
from evidence.pipeline.acquire import acquisition_record

CONFIG = """
[matter]
title = "t"
[us]
name = "North"
addresses = ["@north.example"]
[client]
name = "Romashka"
addresses = ["@romashka.example"]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="users have no number there")
@pytest.mark.parametrize("error", [KeyError, OSError])  # before and since Python 3.13
def test_a_user_without_a_name_is_named_by_number_and_stops_no_run(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise error("getpwuid(): uid not found")

    monkeypatch.delenv("EVIDENCE_ACTOR", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    config = parse_config(CONFIG, Path("config.toml"))
    expected = f"uid {os.getuid()}"
    assert login_name() == Session().actor == expected
    assert acquisition_record(config)["operator"] == expected
    assert about_this_run(ScopeRule.from_config(config), datetime(2026, 1, 1, tzinfo=UTC), {})["operator"] == expected
    monkeypatch.setenv("EVIDENCE_ACTOR", "Anna Orlova")
    assert login_name() == Session().actor == "Anna Orlova"
