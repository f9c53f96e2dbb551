"""Every error a person can meet is in their language: no literal text is handed to an error past gettext."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import evidence
from evidence.cli.hints import pasteable, remember_matter

SOURCE = Path(evidence.__file__).parent
ERRORS = frozenset(
    "EvidenceError UsageError Incomplete NoArchive Locked LoginRefused IntegrityFailure NetworkError MailboxError Throttled FolderUnreadable "
    "CommandRefused".split()
)
# The mailbox in memory is for tests; what it says is said to them.
FOR_TESTS = frozenset(("mailbox/memory.py",))


def english_only(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every sentence that an error is given as a literal. Commands to paste and words of a protocol are none."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", getattr(node.func, "attr", "")) not in ERRORS:
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if isinstance(argument, ast.JoinedStr):
                text = "".join(str(part.value) for part in argument.values if isinstance(part, ast.Constant))
            elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                text = argument.value
            else:
                continue
            if re.search(r"[a-z]{2,} [a-z]{2,}", text) and not text.startswith("pip install "):
                yield node.lineno, text


def test_no_error_is_raised_with_a_text_that_has_no_translation() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {text}"
        for path in sorted(SOURCE.rglob("*.py"))
        if str(path.relative_to(SOURCE)) not in FOR_TESTS
        for line, text in english_only(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_search_finds_a_literal_and_an_f_string() -> None:
    bad = 'raise UsageError(f"{x} is not here.")\nraise errors.Locked("Somebody else is at it.")\nraise UsageError(_("It is fine."))'
    assert [line for line, _text in english_only(ast.parse(bad))] == [1, 2]


def evidence_(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=cwd, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "ru"} | environment,
    )  # fmt: skip


def test_mistakes_in_the_configuration_are_told_in_russian_with_line_and_nearest_key(tmp_path: Path) -> None:
    text = '[matter]\ntitle = 1\n[timeline]\nanswer_within_day = 2\ndays = "x"\n[us]\nname = "a"\naddresses = ["q"]\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    said = evidence_("sync", cwd=tmp_path).stderr
    assert "5 ошибок" in said
    assert (
        "строка 4: timeline.answer_within_day: нет такого ключа; возможно, имелось в виду «answer_within_days»" in said
    )
    assert "строка 5: timeline.days: ожидается 'working' или 'calendar'" in said
    assert "client: этот ключ обязателен" in said
    english = re.sub(r"«[^»]*»|'[^']*'|config[.\w]*\.toml|\b\w+(\.\w+)+|\bclient\b", "", said)
    assert not re.search("[A-Za-z]{3,}", english), english


def test_a_server_that_cannot_be_reached_is_told_in_russian(tmp_path: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "config.toml").write_text(
        '[matter]\ntitle = "T"\n[us]\nname = "Us"\naddresses = ["a@us.example"]\n[client]\nname = "Them"\naddresses = ["b@them.example"]\n'
        f'[[account]]\nname = "a"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nusername = "u"\npassword_env = "PW"\n',
        encoding="utf-8",
    )
    said = evidence_("sync", cwd=tmp_path, PW="x").stderr
    assert f"127.0.0.1:{port} недоступен" in said
    assert "Проверьте имя сервера, порт и подключение к сети" in said


@pytest.mark.parametrize(
    ("text", "matter", "program", "pasted"),
    [
        ("Run `evidence sync` first.", None, "", "Run `evidence sync` first."),
        ("Run `evidence sync` first.", "my matter/config.toml", "", "Run `evidence -c 'my matter/config.toml' sync` first."),
        ("evidence sync", "m/config.toml", "./run", "./run -c m/config.toml sync"),
        ("Run `evidence init` to make one", "m/config.toml", "./run", "Run `./run init` to make one"),
        ("evidence -c x/config.toml browse", "m/config.toml", "./run", "./run -c x/config.toml browse"),
        ("the evidence is sound; evidence shows it", "m", "./run", "the evidence is sound; evidence shows it"),
        ("pip install 'evidence[sign]'", "m", "./run", "pip install 'evidence[sign]'"),
    ],
)  # fmt: skip
def test_a_next_step_can_be_pasted_as_it_stands(
    text: str, matter: str | None, program: str, pasted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVIDENCE_PROGRAM", program)
    remember_matter(Path(matter) if matter else None)
    try:
        assert pasteable(text) == pasted
    finally:
        remember_matter(None)


def test_the_door_and_the_named_matter_stand_in_the_next_step(tmp_path: Path) -> None:
    said = evidence_(
        "-c", "my matter/config.toml", "status", cwd=tmp_path, EVIDENCE_PROGRAM="./run", EVIDENCE_LANG="en"
    )
    assert "Run `./run init`" in said.stderr
