"""Click's own words are in the person's language, too: headings of a help, placeholders, and every mistake it finds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import evidence
from evidence.cli.app import COMMANDS, app

CATALOGUE = Path(evidence.__file__).parent / "cli" / "locale" / "ru" / "LC_MESSAGES" / "messages.po"
FIELD = re.compile(r"\{([\w.]*)[^{}]*\}|%\((\w+)\)s")
# Said to who writes a command, where it is declared; and by parts of click that are not used here.
FOR_PROGRAMMERS = frozenset({
    "Value must be an iterable.", "Name '{name}' defined twice", "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Could not determine name for option with declarations {decls!r}", "Invalid start character for option ({option})",
    "No options defined but a name was passed ({name}). Did you mean to declare an argument instead? Did you mean to pass '--{name}'?",
    "Arguments take exactly one parameter declaration, got {length}: {decls}.", "Unknown color {colour!r}", "Choice({choices})",
    "Unknown standard stream '{name}'", "{text} {deprecated_message}",
})  # fmt: skip

# Runs each command line in one program, as a person's words would be; prints what it said to both streams.
SAID = """
import contextlib, io, json, sys
from evidence.cli.app import run
said = []
for words in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run(words)
    said.append([code, out.getvalue()])
print(json.dumps(said))
"""

MISTAKES = [
    ["import"],
    ["effort", "log", "Anna", "30"],
    ["requests", "--sid"],
    ["requests", "-z"],
    ["requests", "--since"],
    ["requests", "--since", "someday"],
    ["review", "--list=1"],
    ["review", "4be1", "4be2"],
    ["review", "--category", "rude"],
    ["log", "--last", "0"],
    ["log", "--last", "many"],
    ["log", "prof"],
    ["status", "--all", "/nowhere/at/all"],
    ["export"],
    ["assess", "answer", "9", "no"],
    ["sttaus"],
]
HELPS = [["--help"], ["--version"], ["log", "--help"], ["log", "proof", "--help"], ["effort", "log", "--help"]]


def said(language: str, lines: list[list[str]], **environment: str) -> list[tuple[int, str]]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("LC_") and k not in ("LANG", "LANGUAGE")}
    ended = subprocess.run(
        [sys.executable, "-c", SAID, json.dumps(lines)], capture_output=True, text=True, check=True,
        env=plain | {"EVIDENCE_LANG": language, "LANG": "C.UTF-8", "COLUMNS": "100"} | environment,
    )  # fmt: skip
    return [(code, text) for code, text in json.loads(ended.stdout)]


def spoken() -> dict[str, tuple[str, ...]]:
    """singular -> (singular, plural or nothing) of everything that the installed click hands to gettext."""
    found: dict[str, tuple[str, ...]] = {}
    for _file, _line, message, _comments, _context in extract_from_dir(Path(click.__file__).parent):
        forms = (message,) if isinstance(message, str) else tuple(message)
        found[forms[0]] = forms
    return found


def test_everything_that_click_can_say_to_a_person_has_its_russian() -> None:
    with CATALOGUE.open("rb") as stream:
        catalogue = read_po(stream, locale="ru")
    words = spoken()
    assert len(words) > 50
    faults = []
    for msgid, forms in words.items():
        if msgid in FOR_PROGRAMMERS:
            continue
        entry = catalogue.get(msgid)
        strings = [] if entry is None else [entry.string] if isinstance(entry.string, str) else list(entry.string)
        if not strings or not all(re.search("[А-Яа-яЁё]", s) for s in strings):
            faults.append(f"no Russian: {msgid!r}")
        elif len(strings) != (3 if len(forms) > 1 else 1):
            faults.append(f"not three numbers: {msgid!r}")
        elif unknown := {f for s in strings for f in FIELD.findall(s)} - {f for s in forms for f in FIELD.findall(s)}:
            # The last two are given to both numbers by click, whichever of them is said.
            faults.append(f"fields that click does not give: {unknown} in {msgid!r}")
    assert faults == []


def test_a_number_that_is_none_is_called_no_whole_number_for_no_command_takes_another_kind() -> None:
    kinds = set()
    context = click.Context(app)
    for name in COMMANDS:
        found = [app.get_command(context, name)]
        for command in found:
            assert command is not None
            found += getattr(command, "commands", {}).values()
            kinds |= {type(p.type) for p in command.params}
    assert click.IntRange in kinds
    assert not kinds & {type(click.FLOAT), click.FloatRange, click.DateTime}


def test_every_mistake_in_a_command_is_told_in_russian() -> None:
    for words, (code, text) in zip(MISTAKES, said("ru", MISTAKES), strict=True):
        assert code == 2, (words, text)
        assert "Ошибка: " in text, (words, text)
        # What is typed stands as it is typed: commands, options, choices, values, between signs or after them.
        rest = re.sub(
            r"'[^']*'|«[^»]*»|\{[^{}]*\}|\[[a-z|]+\]|--?[a-z]+|\bevidence( [a-z]+)*|\b\d*[<>]=x.*|\bx>=.*|\b4be2\b",
            "",
            text,
        )
        rest = re.sub(r"Возможные значения:(\n\t\S+)+", "", rest)
        assert not re.search("[A-Za-z]{2,}", rest), (words, rest)


def test_the_russian_of_a_mistake_reads_as_a_sentence() -> None:
    told = dict(zip(map(tuple, MISTAKES), (text for _code, text in said("ru", MISTAKES)), strict=True))
    assert "Ошибка: Не указан аргумент 'ПУТИ...'.\n" in told["import",]
    assert "Справка: evidence import --help\n" in told["import",]
    assert "Ошибка: Не указан параметр '--about'.\n" in told["effort", "log", "Anna", "30"]
    assert "Параметра '--sid' нет. Может быть, одно из: '--csv', '--since'?" in told["requests", "--sid"]
    assert "После параметра '--since' нужно указать значение." in told["requests", "--since"]
    assert "для '--last': 'many' — не целое число." in told["log", "--last", "many"]
    assert "для '--all': Папка '/nowhere/at/all' не существует." in told["status", "--all", "/nowhere/at/all"]
    assert (
        "для '--category': варианта 'rude' нет, есть только 'threat', 'demand'" in told["review", "--category", "rude"]
    )
    assert "Лишнее в команде: 4be2" in told["review", "4be1", "4be2"]
    assert told["sttaus",].startswith("Использование: evidence [ПАРАМЕТРЫ] КОМАНДА [АРГУМЕНТЫ]...\n")


def test_headings_and_placeholders_of_a_help_are_in_russian_where_the_machine_is_not() -> None:
    for environment in ({}, {"LANG": "en_US.UTF-8", "LANGUAGE": "en"}):
        top, version, log, proof, effort = (text for _code, text in said("ru", HELPS, **environment))
        assert "Параметры:" in top
        assert "--config ПУТЬ" in top
        assert "Показать эту справку и выйти." in top
        assert version.startswith("evidence, версия ")
        assert "[ПАРАМЕТРЫ] [КОМАНДА] [АРГУМЕНТЫ]..." in log
        assert "Команды:" in log
        assert "--last ЧИСЛО" in log
        assert "[SHA256]" in proof
        assert "СОТРУДНИК МИНУТЫ" in effort
        assert "[обязательно]" in effort
        for text in (top, log, proof, effort):
            assert not re.search(
                r"Usage|Options|Commands|default|required|\b(TEXT|PATH|INTEGER|RANGE|DAY|ARGS)\b", text
            )


def test_no_placeholder_of_any_command_is_left_in_english() -> None:
    lines = [[name, "--help"] for name in COMMANDS]
    for name, (code, text) in zip(COMMANDS, said("ru", lines), strict=True):
        assert code == 0, name
        usage = text.partition("\n\n")[0]
        options = [line.split("  ")[1] for line in text.splitlines() if re.match(r"  -", line)]
        shown = re.findall(r"\b[A-Z][A-Z_]{2,}\b", " ".join([usage, *options]))
        assert shown == [], (name, shown)


@pytest.mark.parametrize("environment", [{"LANG": "ru_RU.UTF-8"}, {"LANG": "ru_RU.UTF-8", "LANGUAGE": "ru"}])
def test_english_is_the_same_on_a_russian_machine(environment: dict[str, str]) -> None:
    lines = [*HELPS, *MISTAKES]
    here, there = said("en", lines), said("en", lines, **environment)
    assert here == there
    assert not re.search("[А-Яа-яЁё]", "".join(text for _code, text in there))
    assert there[0][1].startswith("Usage: evidence [OPTIONS] COMMAND [ARGS]...\n")
    assert there[5][1] == (
        "Usage: evidence import [OPTIONS] PATHS...\nTry 'evidence import --help' for help.\n\n"
        "Error: Missing argument 'PATHS...'.\n"
    )


def test_a_language_that_is_none_is_refused_in_the_language_that_stands() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", "--lang", "xx", "status"], capture_output=True, text=True, check=False,
        env=os.environ | {"EVIDENCE_LANG": "ru"},
    )  # fmt: skip
    assert ended.returncode == 2
    assert "Недопустимое значение для '--lang': варианта 'xx' нет, есть только 'ru', 'en'." in ended.stderr
