from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evidence.bundle.options import BundleOptions, BundleResult
from evidence.bundle.produce import produce
from evidence.model import Flag
from tests.bundle.fake_case import NOW, FakeCase, Quiet, accept, config, dispute

PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 20"><rect width="200" height="20" fill="#ddd"/></svg>'
)


@dataclass(frozen=True)
class Made:
    """A bundle, the case it was made of, and the folder everything lies in."""

    result: BundleResult
    case: FakeCase
    home: Path


Maker = Callable[..., Made]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("render-cache")


@pytest.fixture
def make(tmp_path: Path, cache: Path) -> Maker:
    return lambda case, name="shelf", **options: made(case, tmp_path, cache, name, **options)


def made(
    case: FakeCase,
    home: Path,
    cache: Path,
    name: str = "shelf",
    extra: str = "",
    proposed: Sequence[Flag] = (),
    **options: Any,
) -> Made:
    """Produce a bundle of ``case``; renderings are shared between tests through one cache folder."""
    out = home / "bundles"
    out.mkdir(exist_ok=True)
    if not (out / ".cache").exists():
        (out / ".cache").symlink_to(cache)
    options.setdefault("jobs", 1)  # a second child takes longer to start than a small bundle to draw
    result = produce(
        case, config(home, name, extra), BundleOptions(tool_version="0.1.0", **options), assessment=None,
        entries=case.entries(), picture=PICTURE, now=NOW, out=out, progress=Quiet(), proposed=proposed,
    )  # fmt: skip
    return Made(result, case, home)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Made:
    """The Russian dispute, whole, with some flags reviewed."""
    case = dispute("shelf")
    accept(case, 5)
    return made(case, tmp_path_factory.mktemp("shelf"), cache)


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Made:
    """The first letters of the English dispute."""
    case = dispute("studio", most=8)
    return made(case, tmp_path_factory.mktemp("studio"), cache, "studio")
