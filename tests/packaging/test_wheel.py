"""The wheel holds everything the program reads at run time, and runs the whole demo away from the source tree."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "_version.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built, without the network, from a copy of what a build reads."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(REPOSITORY / "src", tree / "src", ignore=LEFT_OUT)
    (tree / "tools").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "tools/version.py"):
        shutil.copy(REPOSITORY / name, tree / name)
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tree)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("evidence-*.whl"))


def test_every_file_of_the_package_is_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    source = REPOSITORY / "src"
    here = {
        str(path.relative_to(source)): path.read_bytes()
        for path in (source / "evidence").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "_version.py"
    }
    with zipfile.ZipFile(wheel) as packed:
        there = {n: packed.read(n) for n in packed.namelist() if ".dist-info/" not in n}
        written = packed.read("evidence/_version.py").decode()
    del there["evidence/_version.py"]
    assert f'__version__ = "{wheel.name.split("-")[1]}"' in written
    assert set(there) == set(here)
    assert there == here


@pytest.mark.parametrize(
    ("folder", "ending", "at_least"),
    [
        ("archive", ".sql", 3),
        ("bundle/templates", ".html", 5),
        ("bundle/templates", ".css", 1),
        ("bundle/fonts", ".ttf", 10),
        ("bundle/verifier", "verify.py", 1),
        ("bundle/verifier", "verify.html", 1),
        ("browse/templates", ".html", 10),
        ("browse/static", ".css", 1),
        ("browse/static", ".js", 1),
        ("timeline/packs/ru", ".toml", 8),
        ("timeline/packs/en", ".toml", 8),
        ("timeline/model_data", ".npz", 2),
        ("timeline", "answers_weights.json", 1),
        ("operate/samples/shelf", ".eml", 25),
        ("operate/samples/studio", ".eml", 25),
        ("operate/samples", ".toml", 2),
    ],
)
def test_the_wheel_holds(wheel: Path, folder: str, ending: str, at_least: int) -> None:
    with zipfile.ZipFile(wheel) as packed:
        found = [n for n in packed.namelist() if n.startswith(f"evidence/{folder}/") and n.endswith(ending)]
    assert len(found) >= at_least


def test_every_package_with_words_brings_its_russian_catalogue(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    sources = {n for n in names if n.endswith("ru/LC_MESSAGES/messages.po")}
    assert len(sources) >= 8
    assert {n[:-3] + ".mo" for n in sources} <= names


def test_the_fonts_come_with_their_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        metadata = packed.read(next(n for n in names if n.endswith(".dist-info/METADATA"))).decode()
    licences = {n.split("/licenses/")[1] for n in names if ".dist-info/licenses/" in n}
    fonts = "src/evidence/bundle/fonts/"
    assert {"LICENSE", fonts + "OFL.txt", fonts + "OFL-Nanum.txt", fonts + "LICENSE-Apache-2.0.txt"} <= licences
    assert "License-Expression: MIT AND OFL-1.1 AND Apache-2.0" in metadata


def test_installed_elsewhere_it_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    """A fresh venv with the wheel, that sees our third-party packages but not the source tree."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    places = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    own = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True, check=True
    ).stdout.strip()  # fmt: skip
    Path(own, "theirs.pth").write_text("\n".join(dict.fromkeys(places)) + "\n", encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "EVIDENCE_"))} | {
        "HOME": str(elsewhere),
        "EVIDENCE_LANG": "en",
    }

    def run(*words: str) -> str:
        ended = subprocess.run(words, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    used = run(str(python), "-c", "import evidence; print(evidence.__file__)").strip()
    assert Path(used).is_relative_to(venv)  # not the source tree
    program = str(venv / "bin" / "evidence")
    assert "Produce the PDF and the package" in run(program, "--help")
    assert run(program, "--lang", "ru", "--help") != run(program, "--help")
    pdf = elsewhere / run(program, "demo", "matter", "--lang", "en").strip()
    assert pdf.read_bytes().startswith(b"%PDF-1.7")
    assert (pdf.parent / "package.zip").is_file()
    assert run(program, "verify", str(pdf.parent / "package.zip"))
