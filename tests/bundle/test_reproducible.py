"""Same archive, same options: the same bytes, whatever the cache, the count of processes or the moment."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from pathlib import Path

from evidence.bundle.options import BundleOptions
from evidence.bundle.produce import produce
from tests.bundle.conftest import PICTURE
from tests.bundle.fake_case import NOW, Quiet, accept, config, dispute
from tests.bundle.tools import run


def test_two_builds_are_equal_byte_for_byte(tmp_path: Path) -> None:
    made = []
    for number, jobs in enumerate((1, 2)):
        case = dispute("shelf", most=7)
        accept(case, 2)
        home = tmp_path / str(number)
        home.mkdir()
        options = BundleOptions(tool_version="0.1.0", dated=date(2025, 6, 2), at_size=120, jobs=jobs)
        made.append(
            produce(
                case, config(home), options, assessment=None, entries=case.entries(), picture=PICTURE,
                now=NOW + timedelta(days=number), out=home / "bundles", progress=Quiet(),
            )
        )  # fmt: skip
    run("cmp", made[0].pdf, made[1].pdf)
    assert made[0].pdf_sha256 == made[1].pdf_sha256
    assert dataclasses.replace(made[0].manifest) == made[1].manifest


def test_a_warm_cache_draws_only_what_is_new_and_changes_no_byte(tmp_path: Path) -> None:
    from evidence.bundle import pdf

    case = dispute("shelf", most=7)
    hits = []
    original = pdf.Renderer.__exit__

    def remember(self: pdf.Renderer, *arguments: object) -> None:
        hits.append(self.hits)
        original(self, *arguments)  # type: ignore[arg-type]

    pdf.Renderer.__exit__ = remember  # type: ignore[method-assign,assignment]
    try:
        results = []
        for number in (1, 1):
            result = produce(
                case, config(tmp_path), BundleOptions(tool_version="0.1.0", number=number), assessment=None,
                entries=case.entries(), picture="", now=NOW, out=tmp_path / "bundles", progress=Quiet(),
            )  # fmt: skip
            results.append(result.pdf_sha256)
            result.folder.rename(tmp_path / f"kept{len(results)}")
    finally:
        pdf.Renderer.__exit__ = original  # type: ignore[method-assign]
    assert results[0] == results[1]
    assert hits[0] == 0 and hits[1] >= 4
