"""Data on stdout: JSON lines, CSV, or a table sized to the terminal. Talk and progress on stderr, silent in a pipe."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from evidence.cli.hints import pasteable
from evidence.cli.text import _, grouped

# One object stays one line for readers that end a line at U+0085, U+2028 and U+2029 (Unicode Standard Annex 14), and no C1
# control steers the terminal. Outside of strings none of them occurs in JSON.
_ESCAPED = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}


def json_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, UTF-8, keys in the order given."""
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False, default=str).translate(_ESCAPED))


def one_json(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None, default=str)
    click.echo(text.translate(_ESCAPED))


def csv_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """RFC 4180. Cells that a spreadsheet would run as a formula are made text with an apostrophe."""
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(row.get(column)) for column in columns])


def harmless(value: Any) -> str:
    """A cell that no spreadsheet runs: text beginning with = + - @ tab or CR is prefixed (CWE-1236)."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    text = str(value).replace("\r\n", " ").replace("\n", " ")
    if isinstance(value, str):
        text = "".join(c if c == "\t" or (c >= " " and not "\x7f" <= c <= "\x9f") else "\ufffd" for c in text)
    if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\ufffd"):
        return "'" + text
    return text


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, title: str = "", empty: str = "") -> None:
    """A table for people: ``columns`` maps a row's key to its heading. Plain lines without boxes when piped."""
    if not rows:
        click.echo(empty or _("Nothing to show."), err=True)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)
    if not console.is_terminal:
        click.echo("\t".join(columns.values()))
        for row in rows:
            click.echo("\t".join(_cell(row.get(key)).replace("\t", " ").replace("\n", " ") for key in columns))
        return
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    if _least_width([list(columns.values()), *cells]) > console.width:
        # Columns of a few letters cut dates, sums and words to pieces: one line a field instead.
        record = Table.grid(padding=(0, 2))
        record.add_column(no_wrap=True)
        record.add_column(overflow="fold")
        for number, row_cells in enumerate(cells):
            if number:
                record.add_row("", "")
            for heading, text in zip(columns.values(), row_cells, strict=True):
                if text:
                    record.add_row(heading, text)
        if title:
            console.print(title)
        console.print(record)
        return
    grid = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for key, heading in columns.items():
        grid.add_column(heading, overflow="fold", no_wrap=key == "id")  # an id is copied: it stays in one piece
    for row_cells in cells:
        grid.add_row(*row_cells)
    console.print(grid)


def _least_width(lines: Sequence[Sequence[str]]) -> int:
    """The width, in terminal cells, in which a table of these lines breaks no word of usual length."""
    from rich.cells import cell_len

    columns = zip(*lines, strict=True)
    words = [max((cell_len(word) for text in column for word in text.split()), default=0) for column in columns]
    return sum(min(width, 20) for width in words) + 3 * (len(words) - 1)


def _cell(value: Any) -> str:
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # A sender's control characters must not steer the terminal (ECMA-48 sequences begin with ESC or C1).
    return "".join(c if c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f") else "�" for c in text)


def _in_words(what: str) -> str:
    """What is being counted: the stages name it shortly; names of folders and accounts pass as they are."""
    return {
        "octets": _("bytes"),
        "files": _("files"),
        "pages": _("pages"),
        "package": _("package"),
        "load file": _("load file"),
        "import": _("import"),
        "second reader": _("second reader"),
    }.get(what, what)


class TerminalProgress:
    """``ports.Progress`` on stderr: what, n/N, rate and time left on a terminal; nothing in a pipe."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._live = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._what = ""
        self._began = 0.0
        self._last = 0.0
        self._width = 0

    def step(self, what: str, done: int, total: int | None = None) -> None:
        if not self._live:
            return
        clock = time.monotonic()
        if what != self._what:
            self._what, self._began, self._last = what, clock, 0.0
        if clock - self._last < 0.1 and done != total:
            return
        self._last = clock
        rate = done / (clock - self._began) if clock > self._began else 0.0
        line = f"{_in_words(what)}: {done}" + (f"/{total}" if total else "")
        if rate and done:
            line += f"  {grouped(round(rate))}/s" if rate >= 1 else ""
            if total and done < total:
                left = (total - done) / rate
                line += "  " + _("{minutes}:{seconds:02d} left").format(minutes=int(left // 60), seconds=int(left % 60))
        self._width = max(self._width, len(line))
        sys.stderr.write("\r" + line.ljust(self._width))
        if total is not None and done >= total:
            self.clear()
        sys.stderr.flush()

    def clear(self) -> None:
        if self._live and self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            self._width = 0

    def say(self, text: str) -> None:
        self.clear()
        if not self._quiet:
            click.echo(pasteable(text), err=True)
