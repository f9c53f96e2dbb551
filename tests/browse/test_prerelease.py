"""Datasette's next major version, still a pre-release: reported, never required (the program asks for < 1).

EVIDENCE_DATASETTE_PRE names the ``datasette`` command of an environment where a 1.0 pre-release and this package are installed::

    uv venv pre && uv pip install --python pre/bin/python --prerelease=allow 'datasette>=1.0a20' babel nh3 snowballstemmer
    uv pip install --python pre/bin/python --no-deps -e .
    EVIDENCE_DATASETTE_PRE=pre/bin/datasette pytest tests/browse/test_prerelease.py -rxX
"""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.browse.make_archive import Made

COMMAND = os.environ.get("EVIDENCE_DATASETTE_PRE", "")


@pytest.mark.skipif(not COMMAND, reason="EVIDENCE_DATASETTE_PRE does not name a pre-release")
@pytest.mark.xfail(strict=False, reason="a pre-release may break us")
@pytest.mark.parametrize(
    ("path", "holds", "status"),
    [
        ("/", "Хронология", 0),
        ("/-/evidence/review", "Проверка", 0),
        ("/-/evidence/search?q=%D0%BF%D0%BE%D0%BB%D0%BA%D0%B0", "<mark>", 0),
        ("/archive/flags.json", '"ok": true', 0),
        ("/archive/flags", "flags", 0),
        ("/archive", "flags", 0),
        ("/archive/-/query.json?sql=select+1", "switched off", 1),
        ("/archive.db", "not handed out", 1),
    ],
)
def test_the_pages_under_the_pre_release(shelf: Made, path: str, holds: str, status: int) -> None:
    done = subprocess.run(
        [COMMAND, str(shelf.path), "--get", path], capture_output=True, text=True, timeout=120, check=False
    )
    assert holds in done.stdout
    assert done.returncode == status
