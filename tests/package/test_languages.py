"""The verdict on a bundle and a package is in the reader's language: by the command, and by the package's own verify.py."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path("package") / "verify.py"


def by_python(bundle: Path, *words: str, target: Path | None = None, **environment: str) -> str:
    command = [sys.executable, "-I", "-S", str(bundle / SCRIPT), *words, str(target or bundle / "package")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout


def by_command(target: Path, language: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", "verify", str(target)], capture_output=True, text=True, check=False,
        env=os.environ | {"EVIDENCE_LANG": language},
    ).stdout  # fmt: skip


def test_every_phrase_of_verify_py_has_its_russian_with_the_same_fields_in_order() -> None:
    verify = importlib.import_module("evidence.bundle.verifier.verify")
    tree = ast.parse(Path(str(verify.__file__)).read_text(encoding="utf-8"))
    said = {
        node.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "phrase"
        for node in ast.walk(call.args[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert len(said) > 20
    assert said == verify.RUSSIAN.keys()
    for english, russian in verify.RUSSIAN.items():
        assert re.search("[а-яё]", russian, re.IGNORECASE)
        assert re.findall("%[sd]", english) == re.findall("%[sd]", russian), english


def test_verify_py_speaks_the_language_of_the_machine_or_the_one_asked_for(bundle: Path) -> None:
    english, russian = by_python(bundle), by_python(bundle, LANG="ru_RU.UTF-8")
    assert english.startswith("SOUND. Everything matches.\n")
    assert russian.startswith("ЦЕЛО. Всё сходится.\n")
    assert by_python(bundle, "--ru") == russian
    assert by_python(bundle, "--en", LANG="ru_RU.UTF-8") == english
    assert english.count("\n") == russian.count("\n")
    assert not re.search(r"[A-Za-z]{3,} [a-z]{2,}", russian.replace("openssl ts", "")), russian


@pytest.mark.parametrize("kind", ["bundle.pdf", "package", "package.zip"])
def test_the_command_gives_its_verdict_in_russian_throughout(bundle: Path, kind: str) -> None:
    told = by_command(bundle / kind, "ru")
    assert told.startswith("ЦЕЛО: ")
    rest = told.replace(str(bundle / kind), "").replace("openssl ts", "")
    assert not re.search(r"[A-Za-z]{3,} [A-Za-z]{2,}", rest), rest
    assert by_command(bundle / kind, "en").startswith("SOUND: ")


def test_damage_is_named_in_russian_by_both(bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle / "package", tmp_path / "package"))
    (copy / "data" / "added.txt").write_text("new", encoding="utf-8")
    (copy / "data" / "bundle.pdf").write_bytes(b"%PDF-1.7")
    for told in (by_python(bundle, "--ru", target=copy), by_command(copy, "ru")):
        assert told.startswith("ЦЕЛОСТНОСТЬ НАРУШЕНА")
        assert "data/added.txt: файл добавлен; ни в одном перечне его нет" in told
        assert "data/bundle.pdf: файл изменён (не сходится SHA256)" in told
    changed = tmp_path / "bundle.pdf"
    changed.write_bytes((bundle / "bundle.pdf").read_bytes() + b"\n")
    shutil.copy(bundle / "bundle.pdf.sha256", tmp_path)
    told = by_command(changed, "ru")
    assert re.search(r"bundle\.pdf: SHA-256 файла — [0-9a-f]{64}, а в bundle\.pdf\.sha256 указан другой", told), told
