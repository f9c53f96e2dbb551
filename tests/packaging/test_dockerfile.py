"""The Dockerfile holds together: what it copies exists, it runs as nobody in particular, and carries no secret.

No image is built here; that needs a Docker engine and a network.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest


@pytest.fixture
def stages(repository: Path) -> list[list[tuple[str, str]]]:
    """(instruction, argument) of each build stage, continuation lines joined."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (repository / "Dockerfile").read_text(encoding="utf-8")))
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, argument = line.split(None, 1)
        if word == "FROM":
            found.append([])
        found[-1].append((word, argument))
    return found


def copied(stage: list[tuple[str, str]]) -> list[str]:
    return [source for word, said in stage if word == "COPY" and "--from" not in said for source in said.split()[:-1]]


def test_what_it_copies_exists_and_is_not_ignored(repository: Path, stages: list[list[tuple[str, str]]]) -> None:
    sources = [source for stage in stages for source in copied(stage)]
    admitted = (repository / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {"requirements.lock", "pyproject.toml", "src"} <= set(sources)
    for source in sources:
        assert (repository / source).exists(), source
        assert f"!{source}" in admitted, source
    assert "*" in admitted  # everything else, an archive or a configuration lying about, stays out of the image
    assert {line[1:] for line in admitted if line.startswith("!")} == set(sources)


def test_it_runs_as_a_user_without_rights_over_one_volume(stages: list[list[tuple[str, str]]]) -> None:
    last = stages[-1]
    users = [said for word, said in last if word == "USER"]
    assert users == ["evidence"]
    assert any(word == "RUN" and "useradd" in said and " evidence " in said for word, said in last)
    order = [word for word, _said in last]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert "RUN" not in order[order.index("USER") :]
    assert [said for word, said in last if word == "VOLUME"] == ['["/matter"]']
    assert "EXPOSE" not in order


def test_it_installs_from_the_lock_with_hashes_and_what_the_doors_install(
    repository: Path, stages: list[list[tuple[str, str]]]
) -> None:
    everything = " ".join(said for stage in stages for word, said in stage if word == "RUN")
    assert "--require-hashes -r requirements.lock" in everything
    assert "--no-deps --no-build-isolation" in everything
    setup = (repository / "tools" / "setup.sh").read_text(encoding="utf-8")
    pango = re.findall(r"\blibpango[\w.-]*-0\b", setup)
    assert len(set(pango)) == 2
    installed = " ".join(said for word, said in stages[-1] if word == "RUN")
    assert all(package in installed for package in pango)
    assert all(
        said.startswith("debian:") and "-slim" in said for stage in stages for word, said in stage if word == "FROM"
    )


def test_no_secret_and_nothing_fetched_past_the_lock(stages: list[list[tuple[str, str]]]) -> None:
    for word, said in (line for stage in stages for line in stage):
        assert word != "ADD"
        assert not re.search(r"https?://|curl|wget|git clone", said), said
        if word in ("ENV", "ARG"):
            assert not re.search(r"(?i)password|secret|token|key", said), said
