"""Tables in a narrow terminal: no word, date or sum is cut to pieces."""

from __future__ import annotations

import io
import re

import pytest

from evidence.cli import output

COLUMNS = {
    "id": "id",
    "when": "asked",
    "who": "who",
    "kind": "kind",
    "outcome": "outcome",
    "cost": "cost",
    "quote": "quote",
}
ROW = {
    "id": "5e5822ae18a06526",
    "when": "2026-03-14 23:31",
    "who": "Виталий Крючков",
    "kind": "document",
    "outcome": "answered late",
    "cost": "1200,00",
    "quote": "Когда вы пришлёте подписанный акт приёмки за февраль?",
}


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    screen = Screen()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", screen)
    output.table([ROW, ROW | {"id": "d89226273f25807f"}], COLUMNS)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())


@pytest.mark.parametrize("width", [50, 60, 80, 120, 200])
def test_no_word_is_cut_at_any_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(width, monkeypatch)
    for value in ROW.values():
        for word in value.split():
            assert word in text, (width, word, text)
    assert "d89226273f25807f" in text
    assert max(map(len, text.splitlines())) <= width


def test_a_wide_terminal_has_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    line = next(line for line in drawn(200, monkeypatch).splitlines() if ROW["id"] in line)
    assert all(value in line for value in ROW.values())
