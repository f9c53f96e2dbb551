"""Everything a person reads exists in Russian and English; nothing is orphaned, fuzzy or stale."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def catalogues() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "catalogues.py"
    spec = importlib.util.spec_from_file_location("catalogues", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_text_is_without_its_russian(catalogues: ModuleType) -> None:
    assert catalogues.faults() == []


def test_russian_is_russian_and_has_three_plural_forms(catalogues: ModuleType) -> None:
    odd = []
    for package, path in catalogues.packages():
        catalogue = catalogues.read(path)
        assert catalogue.num_plurals == 3, package
        for message in catalogue:
            if not message.id or isinstance(message.string, str):
                continue
            assert len(message.string) == 3, (package, message.id)
            odd += [s for s in message.string if not re.search("[а-яё]", s, re.I)]
    assert odd == []
