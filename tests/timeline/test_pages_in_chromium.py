"""The self-contained pages in real headless Chromium, in both languages: axe finds nothing, and the keyboard reaches what scrolls.

With EVIDENCE_SHOTS=FOLDER the screenshots are kept there to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evidence.model import Flag
from evidence.timeline.assess import assess
from evidence.timeline.build import build_timeline
from evidence.timeline.effort import EffortSettings, effort
from evidence.timeline.flags import find_flags
from evidence.timeline.page import html_page
from evidence.timeline.picture import picture
from evidence.timeline.rules import load_packs
from tests.browse.conftest import chromium
from tests.timeline.disputes import as_of, letters_of
from tests.timeline.test_showing import LANGUAGE, PAGES, matter

AXE = (Path(__file__).parents[1] / "assets" / "axe.min.js").read_text(encoding="utf-8")
SHOWN = (*PAGES, "picture")


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@cache
def flags_of(dispute: str) -> tuple[Flag, ...]:
    packs = load_packs()
    return tuple(
        f for x in letters_of(dispute) if x.scope == "in-scope" for f in find_flags(x, packs) if f.tier == "stated"
    )


def written(dispute: str, what: str) -> str:
    letters, requests, _ = matter(dispute)
    flags, language, moment = flags_of(dispute), LANGUAGE[dispute], as_of(dispute) + timedelta(days=30)
    entries = build_timeline(letters, flags, requests, timezone="Europe/Moscow", gap_days=6, as_of=moment)
    if what == "picture":
        drawn = picture(entries, flags, requests, language=language, timezone="Europe/Moscow")
        return f'<!doctype html><html lang="{language}"><title>{what}</title><main><h1>{what}</h1>{drawn}</main></html>'
    return html_page(
        what, title="Дело «Полка»" if language == "ru" else "The studio matter", language=language, timezone="Europe/Moscow", entries=entries,  # type: ignore[arg-type]
        flags=flags, requests=requests, letters={x.sha256: x for x in letters}, reviews={},
        assessment=assess(letters, flags, requests, {}, {}, (), (), (), as_of=moment),
        effort=effort(letters, (), {}, EffortSettings()), as_of=moment,
    )  # fmt: skip


@pytest.mark.parametrize("dispute", sorted(LANGUAGE))
def test_axe_finds_nothing_serious_and_the_keyboard_reaches_what_scrolls(
    dispute: str, window: Any, tmp_path: Path
) -> None:
    found: dict[str, list[str]] = {}
    for what in SHOWN:
        page = tmp_path / f"{what}.html"
        page.write_text(written(dispute, what), encoding="utf-8")
        window.get(page.as_uri())
        window.execute_script(AXE + "\nwindow.axe = axe;")
        said = window.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
            ".then(r => done(r.violations.map(v => v.impact + ' ' + v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 4).join(' | '))));"
        )
        if serious := [line for line in said if line.startswith(("serious", "critical"))]:
            found[what] = serious
        unreachable = window.execute_script(
            "return [...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 && e !== document.documentElement"
            " && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.tabIndex < 0).map(e => e.outerHTML.slice(0, 80))"
        )
        assert unreachable == [], what
        assert window.get_log("browser") == [], what
        if folder := os.environ.get("EVIDENCE_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"page-{what}-{LANGUAGE[dispute]}.png").write_bytes(window.get_screenshot_as_png())
    assert found == {}


def test_a_link_of_the_assessment_is_followed_by_keyboard_to_its_message(window: Any, tmp_path: Path) -> None:
    page = tmp_path / "assess.html"
    page.write_text(written("shelf", "assess"), encoding="utf-8")
    window.get(page.as_uri())
    from selenium.webdriver.common.keys import Keys

    for _ in range(12):
        window.switch_to.active_element.send_keys(Keys.TAB)
        if window.execute_script("return document.activeElement.tagName") == "A":
            break
    target = window.execute_script("return document.activeElement.getAttribute('href')")
    window.switch_to.active_element.send_keys(Keys.ENTER)
    assert target.startswith("#") and window.current_url.endswith(target)
    assert window.execute_script("return document.querySelector(':target') !== null")
