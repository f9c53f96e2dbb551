"""What the documents tell a person to type is what the program takes; the recipes that need no server are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from evidence.cli.app import COMMANDS, app

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md", "README.ru.md", "CONTRIBUTING.md", "docs/cookbook.md", "docs/for-lawyers.md", "docs/for-lawyers.ru.md",
    "docs/threat-model.md", "docs/archive-format.md", "docs/rules.md", "docs/reckoning.md",
)  # fmt: skip
PROGRAM = re.compile(r"^(?:evidence|\./run)\s+(.*)$")


def typed() -> list[tuple[str, str]]:
    """(document, words after the program) of every command in a block of code or between back-ticks."""
    found = []
    for name in DOCUMENTS:
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        blocks = [
            code for language, code in re.findall(r"```(\w*)\n(.*?)```", text, re.S) if language in ("sh", "text", "")
        ]
        lines = [line for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
        for line in lines:
            match = PROGRAM.match(re.sub(r"\s{2,}.*|\s*;.*| > .*", "", line.strip()))
            if match and not match[1].startswith(("COMMAND", "ARG", "КОМАНДА")):
                found.append((name, match[1].strip()))
    return found


def understood(words: list[str]) -> None:
    """Parses without running anything. Raises click's UsageError for a command, an option or a choice that does not exist."""
    while words and words[0] in ("-c", "--config", "--lang"):
        words = words[2:]
    root = click.Context(app, info_name="evidence")
    if not words or words[0].startswith("-"):
        return
    command = app.get_command(root, words[0])
    if command is None:
        raise click.UsageError(f"no command {words[0]}")
    rest, context = words[1:], root
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-") and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    if not rest:
        return  # named in passing
    if isinstance(command, click.Group) and not rest[0].startswith("-"):
        raise click.UsageError(f"no part {rest[0]} of {words[0]}")
    try:
        command.make_context(words[0], list(rest), parent=context)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        return
    except click.MissingParameter:
        return  # named in passing with one of its options
    except click.BadParameter as error:
        if "does not exist" not in error.message and "не существует" not in error.message:
            raise


def complaint(words: list[str]) -> str:
    """What the program would say against these words; empty where it takes them."""
    try:
        understood(words)
    except click.UsageError as error:
        return error.format_message()
    return ""


@pytest.mark.parametrize(("document", "line"), typed(), ids=lambda x: x if len(x) < 90 else x[:90])
def test_every_command_in_the_documents_exists_with_its_options(document: str, line: str) -> None:
    assert complaint(shlex.split(line.replace("…", "").replace("PATH", "x"))) == ""


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert len(typed()) > 50
    for wrong in ("synk", "sync --nope", "bundle --kind court", "rules explane x"):
        assert complaint(shlex.split(wrong))


def test_the_readme_twins_show_the_same_commands_and_links() -> None:
    english, russian = ((REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "README.ru.md"))

    def commands(text: str) -> list[str]:
        blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
        return [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]

    def targets(text: str) -> set[str]:
        links = set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.ru.md"}
        return {link.replace(".ru.md", ".md").replace("-ru.png", "-en.png") for link in links}

    assert commands(english) == commands(russian)
    assert targets(english) == targets(russian)
    assert english.count("\n## ") == russian.count("\n## ")
    for link in targets(english):
        assert (REPOSITORY / link).exists(), link


@pytest.mark.parametrize(
    "subject",
    ["Gmail", "Yandex", "Mail.ru", "Microsoft 365", "own server", "Several mailboxes", ".pst", "--supplement", "One letter only", "notary", "police",
     "new machine", "Copy it with any tool", "Litestream", "many matters", "status --all"],
)  # fmt: skip
def test_the_cookbook_has_a_recipe_for(subject: str) -> None:
    assert subject in (REPOSITORY / "docs" / "cookbook.md").read_text(encoding="utf-8")


def test_recipes_as_they_stand_in_the_cookbook_are_run(tmp_path: Path) -> None:
    """Files from outside mail, hours, a proof of one letter, a hand-over of the log's root, a move, many matters."""
    matter = tmp_path / "matters" / "north"
    matter.mkdir(parents=True)
    parties = json.loads((REPOSITORY / "fixtures/corpus/studio/parties.json").read_text(encoding="utf-8"))["parties"]
    us, client = (
        json.dumps([a for person in parties[side]["people"] for a in person["addresses"]]) for side in ("us", "client")
    )
    (matter / "config.toml").write_text(
        f'[matter]\ntitle = "T"\nlanguage = "en"\n[us]\nname = "Us"\naddresses = {us}\n'
        '[[us.staff]]\nname = "Anna Orlova"\naddresses = []\nhourly_rate = 900\n'
        f'[client]\nname = "Them"\naddresses = {client}\n[dkim]\ndns = "off"\n',
        encoding="utf-8",
    )
    for name in ("call-2026-03-02.m4a", "act-17.pdf"):
        (matter / name).write_bytes(b"octets of " + name.encode())

    def evidence(*words: str, code: int = 0) -> str:
        ended = subprocess.run(
            [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=matter, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "en"},
        )  # fmt: skip
        assert ended.returncode == code, (words, ended.stderr)
        return ended.stdout

    evidence("import", str(REPOSITORY / "fixtures" / "corpus" / "studio" / "messages"))
    recipes = [shlex.split(line) for name, line in typed() if name == "docs/cookbook.md"]
    run = [words for words in recipes if words[0] == "add" or words[:2] == ["effort", "log"]]
    assert len(run) == 3
    for words in run:
        evidence(*words)
    letter = json.loads(evidence("timeline", "--json").splitlines()[0])["sha256"]
    proof = next(words for words in recipes if words[:2] == ["log", "proof"] and "--out" in words)
    evidence(*[letter[:12] if word == "3fa9c1" else word for word in proof])
    assert list((matter / "proof").iterdir())
    assert "root" in evidence("anchor", "--print").lower()

    moved = tmp_path / "matters" / "moved"
    moved.mkdir()
    for name in ("config.toml", "archive.db"):
        (moved / name).write_bytes((matter / name).read_bytes())
    assert evidence("-c", str(moved), "verify").startswith("SOUND")
    (tmp_path / "matters" / "broken").mkdir()
    (tmp_path / "matters" / "broken" / "config.toml").write_bytes((matter / "config.toml").read_bytes())
    (tmp_path / "matters" / "broken" / "archive.db").write_bytes(b"no archive at all")
    rows = [
        json.loads(line)
        for line in evidence("status", "--all", str(tmp_path / "matters"), "--json", code=1).splitlines()
    ]
    assert [Path(row["folder"]).name for row in rows] == ["broken", "moved", "north"]
    assert rows[0]["error"]
    assert rows[1]["messages"] == rows[2]["messages"] > 20
    (tmp_path / "matters" / "broken" / "archive.db").unlink()
    (tmp_path / "matters" / "broken" / "config.toml").unlink()
    assert evidence("status", "--all", str(tmp_path / "matters")).count("last sync") == 2
    assert set(COMMANDS) >= {words[0] for words in recipes if words[0] not in ("-c",)}
