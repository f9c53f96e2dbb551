"""verify.html in headless Chromium, from file://: right verdict for each damage, in both languages, without one request."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.package.test_package import DAMAGES, Damage

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not CHROMIUM or not DRIVER:
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS"):
            pytest.fail("chromium and chromedriver are required")
        pytest.skip("chromium or chromedriver is missing")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def verdict(browser: Any, page: Path, target: Path, language: str = "en") -> tuple[str, str]:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(page.as_uri())
    browser.find_element(By.CSS_SELECTOR, f'[data-lang="{language}"]').click()
    browser.find_element(By.ID, "folder" if target.is_dir() else "zip").send_keys(str(target))
    WebDriverWait(browser, 30).until(lambda d: d.find_element(By.ID, "result").get_attribute("data-verdict"))
    result = browser.find_element(By.ID, "result")
    return result.get_attribute("data-verdict"), result.text


def requests_made(browser: Any) -> list[str]:
    import json

    found = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [url for url in found if not url.startswith(("file:", "data:", "blob:", "chrome:", "chrome-untrusted:"))]


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_good_package_is_sound_as_folder_and_as_zip(browser: Any, bundle: Path, language: str) -> None:
    page = bundle / "package" / "verify.html"
    for target in (bundle / "package.zip", bundle / "package"):
        said, text = verdict(browser, page, target, language)
        assert said == "good", text
        assert ("ЦЕЛО" if language == "ru" else "SOUND") in text
    assert requests_made(browser) == []


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=lambda x: getattr(x, "__name__", ""))
def test_damage_is_seen_in_the_browser(browser: Any, bundle: Path, tmp_path: Path, damage: Damage, said: str) -> None:
    del said
    copy = Path(shutil.copytree(bundle / "package", tmp_path / "package"))
    damage(copy)
    shutil.make_archive(str(tmp_path / "stored"), "tar", copy)
    found, text = verdict(browser, bundle / "package" / "verify.html", copy)
    assert found == "bad", text
    assert requests_made(browser) == []


def test_something_else_is_no_package(browser: Any, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    found, _text = verdict(browser, bundle / "package" / "verify.html", tmp_path / "x.zip")
    assert found == "none"
