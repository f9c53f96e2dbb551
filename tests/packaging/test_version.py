"""The version comes from the git tag, and a build passes wherever there is no tag to be had."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

git_needed = pytest.mark.skipif(not shutil.which("git"), reason="git is missing")


@pytest.fixture
def version(repository: Path) -> Callable[[Path], str]:
    spec = importlib.util.spec_from_file_location("evidence_version_of_tree", repository / "tools" / "version.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[Path], str] = module.version
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "tree" / "src" / "evidence"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('try:\n    pass\nexcept ImportError:\n    __version__ = "9.8.7"\n')
    return tmp_path / "tree"


def git(folder: Path, *words: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@a.example", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@a.example",
    }  # fmt: skip
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=environment)


def commit(folder: Path, times: int = 1) -> None:
    for _ in range(times):
        git(folder, "commit", "-q", "--allow-empty", "-m", "one more")


@git_needed
def test_at_a_tag_it_is_the_tag_and_after_it_a_number_of_its_own(tree: Path, version: Callable[[Path], str]) -> None:
    git(tree, "init", "-q")
    commit(tree)
    assert version(tree) == "9.8.7"  # no tag yet
    git(tree, "tag", "v1.2.3")
    assert version(tree) == "1.2.3"
    commit(tree, 2)
    git(tree, "tag", "v9-nonsense")  # not a version: passed over
    between = version(tree)
    assert re.fullmatch(r"1\.2\.4\.dev2\+g[0-9a-f]{7,}", between)
    assert Version("1.2.3") < Version(between) < Version("1.2.4")


@git_needed
def test_a_shallow_clone_and_a_missing_git_do_not_stop_the_build(
    tree: Path, tmp_path: Path, version: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tree, "init", "-q")
    commit(tree)
    git(tree, "tag", "v1.2.3")
    git(tree, "add", ".")
    commit(tree, 3)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-tags", tree.as_uri(), str(shallow))
    assert version(shallow) == "9.8.7"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert version(tree) == "9.8.7"


@git_needed
def test_an_unpacked_archive_takes_no_tag_of_the_repository_around_it(
    tree: Path, tmp_path: Path, version: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    git(tmp_path, "tag", "v5.5.5")
    assert version(tree) == "9.8.7"
    (tree / "src" / "evidence" / "_version.py").write_text('__version__ = "1.2.3"\n')  # as in a source distribution
    assert version(tree) == "1.2.3"
    monkeypatch.setenv("EVIDENCE_BUILD_VERSION", "4.5.6")
    assert version(tree) == "4.5.6"


def test_asking_for_the_version_does_not_search_the_installed_packages() -> None:
    """importlib.metadata takes tens of milliseconds; a written number takes none."""
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, evidence; print(evidence.__version__, 'importlib.metadata' in sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert Version(seen[0])
    assert seen[1] == "False"


@git_needed
def test_the_wheel_of_a_tagged_clone_carries_the_tags_version(repository: Path, tmp_path: Path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("an unpacked archive has no tags")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository), str(clone))
    git(clone, "tag", "v97.6.5")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "out"), str(clone)],
        capture_output=True, text=True, check=False, env={k: v for k, v in os.environ.items() if k != "EVIDENCE_BUILD_VERSION"},
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (tmp_path / "out").glob("*.whl")
    assert wheel.name.startswith("evidence-97.6.5-")
    with zipfile.ZipFile(wheel) as packed:
        assert '__version__ = "97.6.5"' in packed.read("evidence/_version.py").decode()
        metadata = packed.read("evidence-97.6.5.dist-info/METADATA").decode()
    assert "\nVersion: 97.6.5\n" in metadata
