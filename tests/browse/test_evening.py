"""An evening at the review queue: hundreds of flags by keys and by mouse, tabs, the way back, and what is said when something was not saved."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from evidence.archive.store import Archive
from evidence.browse import serve, timeline
from evidence.browse.language import Field, Text, parse
from evidence.browse.reading import inline_picture
from evidence.errors import UsageError
from tests.browse.conftest import Served, chromium, serving
from tests.browse.make_archive import NOW, Made, Maker, generated, letter
from tests.browse.test_chromium import PAGES, all_, one, press, wait
from tests.browse.test_pages import Person, first_flag, get


@pytest.fixture
def long_queue(tmp_path: Path) -> Iterator[Served]:
    made = generated(tmp_path / "archive.db", 400)  # a hundred flags
    with serving(made.path) as running:
        yield running


@contextmanager
def at_the_queue(served: Served, folder: Path, where: str = "?what=flag") -> Iterator[Any]:
    with chromium(folder / "profile") as browser:
        browser.get(served.door)
        browser.get(served.url(f"/-/evidence/review{where}"))
        yield browser


def key(browser: Any, shown: str, code: str, *, held: int = 0) -> None:
    """A key as the keyboard sends it: ``shown`` by the layout in force, ``code`` by its place; ``held`` times repeated."""
    down: dict[str, Any] = {"type": "keyDown", "key": shown, "code": code, "text": shown if len(shown) == 1 else ""}
    if shown == "ArrowDown":
        down["windowsVirtualKeyCode"] = 40
    browser.execute_cdp_cmd("Input.dispatchKeyEvent", down)
    for _ in range(held):
        time.sleep(0.03)
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", {**down, "autoRepeat": True})
    browser.execute_cdp_cmd("Input.dispatchKeyEvent", {**down, "type": "keyUp", "text": ""})


def said(browser: Any) -> str:
    return str(one(browser, "#said").text)


def decisions(served: Served) -> list[tuple[str, str]]:
    return [(r[0], r[1]) for r in served.rows("SELECT target_id, decision FROM review ORDER BY id")]


def shown_items(browser: Any) -> list[str]:
    return [str(item.get_attribute("data-id")) for item in all_(browser, ".item")]


# ---- keys ------------------------------------------------------------------------------------


def test_the_keys_decide_with_a_russian_layout_and_with_caps_lock(served: Served, tmp_path: Path) -> None:
    with at_the_queue(served, tmp_path) as browser:
        first, second, third = shown_items(browser)[:3]
        key(browser, "ф", "KeyA")
        wait(browser, lambda _: said(browser) == "Подтверждено.")
        key(browser, "к", "KeyR")
        wait(browser, lambda _: said(browser) == "Отклонено.")
        assert decisions(served) == [(first, "accepted"), (second, "rejected")]
        key(browser, "A", "KeyA")
        wait(browser, lambda _: len(decisions(served)) == 3)
        assert decisions(served)[-1] == (third, "accepted")
        key(browser, ".", "Slash")
        assert browser.switch_to.active_element.get_attribute("id") == "q"


def test_a_key_held_down_decides_once(served: Served, tmp_path: Path) -> None:
    with at_the_queue(served, tmp_path) as browser:
        key(browser, "a", "KeyA", held=25)
        time.sleep(0.7)
        assert len(decisions(served)) == 1


def test_the_arrows_in_the_list_of_categories_decide_nothing_until_enter(served: Served, tmp_path: Path) -> None:
    with at_the_queue(served, tmp_path) as browser:
        key(browser, "c", "KeyC")
        for _ in range(3):
            key(browser, "ArrowDown", "ArrowDown")
        time.sleep(0.5)
        assert decisions(served) == []
        chosen = one(browser, ".item.here select[name=category]").get_property("value")
        assert chosen
        press(browser, Keys.ENTER)
        wait(browser, lambda _: len(decisions(served)) == 1)
        assert served.rows("SELECT category FROM review")[0][0] == chosen


def test_nothing_out_of_sight_is_decided(served: Served, tmp_path: Path) -> None:
    with at_the_queue(served, tmp_path) as browser:
        first = shown_items(browser)[0]
        browser.execute_script("window.scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
        key(browser, "r", "KeyR")
        wait(browser, lambda _: "за краем экрана" in said(browser))
        assert decisions(served) == []
        key(browser, "r", "KeyR")  # now it is there to be read
        wait(browser, lambda _: said(browser) == "Отклонено.")
        assert decisions(served) == [(first, "rejected")]


def test_undoing_twice_goes_back_twice(served: Served, tmp_path: Path) -> None:
    with at_the_queue(served, tmp_path) as browser:
        first = shown_items(browser)[0]
        for act, words in (("yes", "Подтверждено."), ("no", "Отклонено.")):
            one(browser, f"#flag-{first} button.{act}").click()
            wait(browser, lambda _, words=words: said(browser) == words)
        for n in (3, 4):
            press(browser, "u")
            wait(browser, lambda _, n=n: len(decisions(served)) == n)
        assert [decision for _, decision in decisions(served)] == ["accepted", "rejected", "accepted", "unreviewed"]


# ---- pages of the queue and tabs ---------------------------------------------------------------


def test_the_next_page_of_the_queue_passes_over_nothing(long_queue: Served, tmp_path: Path) -> None:
    untouched = httpx.get(long_queue.url("/-/evidence/review?what=flag&page=2")).text
    second_page = re.findall(r'data-what="flag" data-id="([0-9a-f]{16})"', untouched)
    with at_the_queue(long_queue, tmp_path) as browser:
        seen = shown_items(browser)
        for n in range(1, 31):
            if n == 7:  # left for later
                press(browser, "j")
                continue
            press(browser, "a")
            wait(browser, lambda _, n=n: len(decisions(long_queue)) == n - (n > 7))
        following = one(browser, "a[rel=next]").get_attribute("href")
        browser.get(following)
        found = shown_items(browser)
        assert len(found) == 30
        assert not set(found) & set(seen)
        assert found == second_page
        assert "Часть 2 из 4" in one(browser, ".pager").text
        browser.get(one(browser, "a[rel=prev]").get_attribute("href"))
        assert shown_items(browser)[0] == seen[6]


def test_every_item_is_met_once_when_each_page_is_decided_whole(long_queue: Served) -> None:
    anna, met = Person(long_queue), list[str]()
    address: str | None = "/-/evidence/review?what=flag&tier=stated"
    form_key = anna.key()
    while address:
        html = anna.client.get(address).text
        here = re.findall(r'data-what="flag" data-id="([0-9a-f]{16})"', html)
        met += here
        for id_ in here[::2]:
            told = {"form_key": form_key, "act": "accept", "seen": "0"}
            headers = {"accept": "application/json"}
            assert anna.client.post(f"/-/evidence/review/flag/{id_}", data=told, headers=headers).status_code == 200
        found = re.search(r'<a rel="next" href="([^"]+)"', html)
        address = found[1].replace("&amp;", "&") if found else None
    stated = [r[0] for r in long_queue.rows("SELECT id FROM flag WHERE tier = 'stated'")]
    assert sorted(met) == sorted(stated)


def test_the_printed_link_opened_again_and_another_name_leave_the_other_tabs_forms_good(served: Served) -> None:
    anna, flag = Person(served), first_flag(served)
    before = anna.key()
    anna.client.post("/-/evidence/enter", data={"form_key": before, "actor": "Ольга", "back": "/"})
    assert anna.key() == before
    assert anna.client.get(served.door).status_code == 303
    assert anna.key() == before
    assert anna.decide("flag", flag, "accept").status_code == 200
    assert served.rows("SELECT actor FROM review")[0][0] == "Ольга"  # the name a person gave is not taken back
    assert Person(served).key() != before


def test_a_refused_decision_tells_the_queue_why(served: Served) -> None:
    anna, flag = Person(served), first_flag(served)
    headers = {"accept": "application/json"}
    answer = anna.client.post(
        f"/-/evidence/review/flag/{flag}", data={"act": "accept", "form_key": "old"}, headers=headers
    )
    assert answer.status_code == 403
    assert answer.json() == {"ok": False, "message": "Форма устарела. Обновите страницу и повторите."}
    gone = anna.decide("flag", "0" * 16, "accept")
    assert (gone.status_code, gone.json()["ok"]) == (404, False)


# ---- forms without the queue's script ----------------------------------------------------------


def test_enter_after_a_note_adds_the_note_and_accepts_nothing(served: Served, tmp_path: Path) -> None:
    flag = first_flag(served)
    with at_the_queue(served, tmp_path) as browser:
        browser.get(served.url(f"/-/evidence/review/flag/{flag}?back=/-/evidence/requests"))
        one(browser, "input[name=note]").send_keys("спросить Елену" + Keys.ENTER)
        wait(browser, lambda b: "/requests" in b.current_url)
        assert "Заметка добавлена." in one(browser, "main").text
    assert decisions(served) == []
    assert served.rows("SELECT text FROM note")[0][0] == "спросить Елену"


@pytest.mark.parametrize("back", ["/-/evidence/requests", "/-/evidence/message/{sha}", "/-/evidence/review"])
def test_what_was_not_saved_is_said_on_the_page_the_form_leads_back_to(served: Served, back: str) -> None:
    anna, boris = Person(served), Person(served)
    request, sha = served.rows(
        "SELECT q.id, p.sha256 FROM request q JOIN parsed_message p ON p.message = q.message ORDER BY q.id LIMIT 1"
    )[0]
    boris.decide("request", request, "reject")
    told = {"form_key": anna.key(), "act": "accept", "seen": "0", "back": back.format(sha=sha)}
    answer = anna.client.post(f"/-/evidence/review/request/{request}", data=told)
    html = anna.client.get(answer.headers["location"]).text
    main = html[html.index("<main") :]
    assert "Не записано" in re.sub(r"<(ol|details).*", "", main, flags=re.DOTALL)[:3000]
    assert ('role="alert"' in main) or ('class="said wrong"' in main)
    links = re.findall(r'href="([^"]*)"', main)
    assert not [link for link in links if "said=" in link]  # said once, not carried on


def test_a_form_sent_without_a_choice_says_what_is_missing(served: Served) -> None:
    anna = Person(served)
    assert (
        anna.decide("flag", first_flag(served), "category", category="").json()["message"]
        == "Сначала выберите категорию."
    )
    request = served.rows("SELECT id FROM request ORDER BY id LIMIT 1")[0][0]
    assert "письмо, которое было ответом" in anna.decide("request", request, "answered").json()["message"]


def test_the_way_back_of_a_page_that_decides_leads_to_no_other_site(served: Served) -> None:
    html = (
        Person(served)
        .client.get(f"/-/evidence/review/flag/{first_flag(served)}", params={"back": "/\\evil.example"})
        .text
    )
    assert "evil.example" not in html[html.index("<main") : html.index("</main")]


# ---- reading -----------------------------------------------------------------------------------


def test_days_at_the_ends_of_the_calendar_are_days(shelf: Made) -> None:
    datasette = serve.build(shelf.path)
    assert get(datasette, "/?until=9999-12-31").status_code == 200
    all_of_it = re.search(r'class="sum">(\d+)', get(datasette, "/").text)
    from_year_25 = re.search(r'class="sum">(\d+)', get(datasette, "/?since=0025-04-01").text)
    up_to_year_25 = re.search(r'class="sum">(\d+)', get(datasette, "/?until=0025-04-01").text)
    assert all_of_it
    assert from_year_25
    assert up_to_year_25
    assert from_year_25[1] == all_of_it[1]
    assert up_to_year_25[1] == "0"


def test_months_to_jump_to_are_those_of_the_pages(tmp_path: Path) -> None:
    """Sent at half past one at night on 1 May in Moscow: it stands under May."""
    maker = Maker(tmp_path / "archive.db")
    for n in range(timeline.PAGE_SIZE + 1):
        maker.add(str(n), letter(at=datetime(2025, 4, 2, 10, 0, tzinfo=UTC)))
    maker.add("night", letter(at=datetime(2025, 4, 30, 22, 30, tzinfo=UTC)))
    html = get(serve.build(maker.finish(title="t", language="ru").path), "/").text
    assert 'href="/?page=2#m2025-05"' in html
    assert 'id="m2025-05"' in get(serve.build(tmp_path / "archive.db"), "/?page=2").text


def test_words_of_a_letter_do_not_take_the_picture_away() -> None:
    drawn = '<svg><a href="#m-1"><title>2 Apr: Order online = faster, onload=x "q"</title><rect data-of="once = 1"/></a></svg>'
    assert inline_picture(drawn, "n") is not None
    assert inline_picture('<svg onload="x()"></svg>', "n") is None
    assert inline_picture("<svg><a onclick=x()></a></svg>", "n") is None
    assert inline_picture("<svg><script>x()</script></svg>", "n") is None


def test_a_star_after_a_part_of_a_name_and_punctuation_between_words_find_what_is_meant() -> None:
    assert parse("from:vital*") == Field("from", "vital")
    assert parse("папка:INB*") == Field("folder", "INB")
    assert parse("Договор № 5 — акт") == parse("Договор 5 акт")
    assert parse("спасибо 😀") == Text("спасибо")


def test_text_behind_a_null_character_is_shown(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "archive.db")
    raw = letter(text="НАЧАЛО").replace(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: 8bit")
    head, _, _ = raw.partition(b"\n\n")
    maker.add("null", head + "\n\nДо нуля\x00после нуля угроза.\n".encode())
    datasette = serve.build(maker.finish(title="t", language="ru").path)
    assert "после нуля" in get(datasette, "/").text
    assert "после нуля" in re.sub(r"<[^>]+>", "", get(datasette, "/-/evidence/search?q=угроза").text)


def test_a_name_that_turns_the_writing_round_turns_only_itself(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "archive.db")
    sha256 = maker.add("turn", letter(sender='"Банк \u202ekeew" <x@evil.example>', subject="\u202ekeew"))
    made = maker.finish(title="t", language="ru")
    measure = """
      const spot = (el, text) => { const walk = document.createTreeWalker(el, NodeFilter.SHOW_TEXT); let n;
        while ((n = walk.nextNode())) { const i = n.data.indexOf(text); if (i >= 0) { const r = document.createRange();
          r.setStart(n, i); r.setEnd(n, i + 1); const a = r.getBoundingClientRect(); r.setStart(n, i + text.length - 1); r.setEnd(n, i + text.length);
          return r.getBoundingClientRect().left > a.left; } } return null; };
      return spot(document.querySelector(arguments[0]), arguments[1]);"""
    with serving(made.path, write=False) as running, chromium(tmp_path / "profile") as browser:
        browser.get(running.url(f"/-/evidence/message/{sha256}"))
        assert browser.execute_script(measure, ".envelope .address", "evil") is True
        browser.get(running.url("/"))
        assert browser.execute_script(measure, ".entry .to", "marina") is True


def test_a_silence_ends_in_one_full_stop(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "archive.db")
    for month in (1, 4):
        maker.add(str(month), letter(at=datetime(2025, month, 2, 10, 0, tzinfo=UTC)))
    html = get(serve.build(maker.finish(title="t", language="ru").path), "/").text
    assert "без писем" in html
    assert "г.." not in html


# ---- beside the queue --------------------------------------------------------------------------


def test_the_address_a_browser_is_started_with_opens_once(own_copy: Made) -> None:
    """Other users of the machine see the arguments of its process; the printed link is for the person alone."""
    told: dict[str, Any] = {"token": serve.new_token(), "ticket": serve.new_token(), "actor": "Марина"}
    with Archive.open(own_copy.path, write=True, run=False, now=lambda: NOW) as writer:
        datasette = serve.build(own_copy.path, writer=writer, **told)
        enter = f"/-/evidence/enter?token={told['ticket']}"
        first = get(datasette, enter)
        assert first.status_code == 303
        cookie = {"cookie": first.headers["set-cookie"].partition(";")[0]}
        assert 'class="decide"' in get(datasette, "/-/evidence/review", headers=cookie).text
        assert get(datasette, enter).status_code == 403
        assert get(datasette, enter, headers=cookie).status_code == 303  # the tab that it opened may be reloaded
        assert get(datasette, f"/-/evidence/enter?token={told['token']}").status_code == 303
    read_only = serve.build(own_copy.path, ticket="t")
    assert get(read_only, "/-/evidence/enter?token=t").status_code == 403


def test_the_program_starts_the_browser_with_the_ticket_and_prints_the_link(
    monkeypatch: pytest.MonkeyPatch, own_copy: Made, tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from evidence.cli import browse as command
    from evidence.cli.session import Session

    opened: list[str] = []
    built: dict[str, Any] = {}

    class Current:
        def close(self) -> None: ...

    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(serve, "build", lambda *_, **told: built.update(told))
    monkeypatch.setattr(serve, "run", lambda *_, on_ready: on_ready())

    def refused(*_: Any) -> None:  # a folder on a read-only medium, as a lawyer may be handed it
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(serve, "write_metadata", refused)
    config = tmp_path / "config.toml"
    config.write_text(
        '[matter]\ntitle = "t"\nlanguage = "ru"\ntimezone = "Europe/Moscow"\n[us]\nname = "u"\naddresses = ["@u.example"]\n'
        '[client]\nname = "c"\naddresses = ["c@c.example"]\n',
        encoding="utf-8",
    )
    session = Session(config)
    monkeypatch.setattr(Session, "current", lambda self: Current())
    monkeypatch.setattr(Session, "need_archive", lambda self: own_copy.path)
    answer = CliRunner().invoke(command.command, [], obj=session, standalone_mode=False)
    assert answer.exception is None, answer.exception
    assert opened
    assert built["ticket"] in opened[0]
    assert built["token"] not in opened[0]
    assert built["token"] in answer.output
    assert built["ticket"] not in answer.output


def test_what_is_handed_in_is_said_in_the_pages_language_as_things_stand(shelf: Made) -> None:
    failing = [True]
    texts = {"ru": "Расписание не работает", "en": "The schedule fails"}
    datasette = serve.build(
        shelf.path, banners=lambda language: [{"code": "x", "text": texts[language]}] if failing[0] else []
    )
    assert texts["ru"] in get(datasette, "/-/evidence/help").text
    assert texts["en"] in get(datasette, "/-/evidence/help", headers={"cookie": "evidence_language=en"}).text
    failing[0] = False
    assert texts["ru"] not in get(datasette, "/-/evidence/help").text


def test_a_question_nobody_answered_offers_no_answer_by_itself(served: Served, tmp_path: Path) -> None:
    with at_the_queue(served, tmp_path) as browser:
        browser.get(served.url("/-/evidence/assessment"))
        one(browser, "#question-1 input[name=note]").send_keys("жалуется каждый день" + Keys.ENTER)
        time.sleep(0.5)
        assert served.rows("SELECT * FROM answer") == []


def test_no_page_is_wider_than_a_small_telephone(served: Served, tmp_path: Path) -> None:
    with at_the_queue(served, tmp_path) as browser:
        size = {"width": 320, "height": 700, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        sha256 = served.rows("SELECT sha256 FROM parsed_message ORDER BY message LIMIT 1")[0][0]
        for path in (*PAGES, f"/-/evidence/message/{sha256}"):
            browser.get(served.url(path))
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 320, path


def test_the_same_decision_sent_twice_is_one_decision_and_no_conflict(served: Served) -> None:
    anna, boris, flag = Person(served), Person(served), first_flag(served)
    boris.client.post("/-/evidence/enter", data={"form_key": boris.key(), "actor": "Борис", "back": "/"})
    assert anna.decide("flag", flag, "accept", note="да").json()["ok"]
    again = anna.decide("flag", flag, "accept", note="да")
    assert (again.status_code, again.json()["message"]) == (200, "Подтверждено.")
    assert decisions(served) == [(flag, "accepted")]
    for other in (
        anna.decide("flag", flag, "accept"),
        anna.decide("flag", flag, "reject"),
        boris.decide("flag", flag, "accept", note="да"),
    ):
        assert (other.status_code, other.json()["conflict"]) == (409, True)
    assert decisions(served) == [(flag, "accepted")]


def test_an_imported_message_is_not_said_to_come_from_a_server(tmp_path: Path) -> None:
    """And a file whose name turns its ending round is named as it will be saved."""
    maker = Maker(tmp_path / "archive.db")
    served_, imported = (maker.add(name, letter(subject=name)) for name in ("served", "imported"))
    turned = maker.add("turned", letter(files=[("счёт\u202efdp.exe", "application/x-msdownload", b"MZ")]))
    made = maker.finish(title="t", language="ru")
    conn = sqlite3.connect(made.path)
    for (name,) in conn.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'sighting'"
    ).fetchall():
        conn.execute(f"DROP TRIGGER {name}")
    number = maker.numbers[imported]
    conn.execute("UPDATE sighting SET uid = NULL, folder = NULL WHERE message = ?", (number,))
    conn.commit()
    conn.close()
    datasette = serve.build(made.path)
    assert "как прислал сервер" in get(datasette, f"/-/evidence/message/{served_}").text
    html = get(datasette, f"/-/evidence/message/{imported}").text
    assert "как прислал сервер" not in html
    assert "из импортированного файла" in html
    assert "сохранится как счётfdp.exe" in get(datasette, f"/-/evidence/message/{turned}").text


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_port_that_does_not_exist_is_said_in_words(port: int) -> None:
    with pytest.raises(UsageError, match=str(port)):
        serve.free_port(port)


SLOW = """
import sys, time
from pathlib import Path
from evidence.browse import serve

def slow(name):
    print("asked", flush=True)
    time.sleep(4)
    return "null"

port = serve.free_port()
datasette = serve.build(Path(sys.argv[1]), port=port, recount=slow)
try:
    serve.run(datasette, port, on_ready=lambda: print(port, flush=True))
except KeyboardInterrupt:
    pass
"""


def test_ctrl_c_while_a_page_is_reckoned_prints_no_traceback(shelf: Made) -> None:
    command = [sys.executable, "-c", SLOW, str(shelf.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        port = int(program.stdout.readline())

        def ask() -> None:
            with suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}/-/evidence/assessment", timeout=30)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        assert program.stdout.readline().strip() == "asked"
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=60)
        asking.join(30)
    assert "Traceback" not in told
    assert told == ""
