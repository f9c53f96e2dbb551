"""Pages, picture and drafts: self-contained, escaped, in both languages, without a verdict; the weights and catalogue behind them."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import evidence.timeline
from evidence.config import Config
from evidence.i18n import translation
from evidence.model import CATEGORIES, Flag, Letter, Request
from evidence.ports import FolderCount, OutsideFile, Review
from evidence.timeline.answers_model import models
from evidence.timeline.assess import assess
from evidence.timeline.build import build_timeline
from evidence.timeline.drafts import draft, open_requests
from evidence.timeline.effort import EffortSettings, effort
from evidence.timeline.page import What, html_page
from evidence.timeline.page_assess import assessment_lines
from evidence.timeline.picture import SHAPES, picture
from evidence.timeline.requests import find_requests
from evidence.timeline.requests_words import outcome_in_words, searched_in_words
from tests.timeline.disputes import ZONES, as_of, config_of, flags_of, letters_of, settings_of
from tests.timeline.letters import CLIENT, START, ledger, letter
from tests.timeline.test_building import flag_on

SVG = "{http://www.w3.org/2000/svg}"
LANGUAGE = {"shelf": "ru", "studio": "en"}
PAGES: tuple[What, ...] = ("timeline", "flags", "requests", "assess", "effort")
ROOM = Path(evidence.timeline.__file__).parent
MINE = "parties deadlines answers answers_features answers_model answers_rules requests requests_find requests_repeats requests_words build words effort claims assess picture page drafts"


@cache
def matter(dispute: str) -> tuple[list[Letter], tuple[Request, ...], tuple[FolderCount, ...]]:
    coverage = (FolderCount("office", "INBOX", 1, as_of(dispute), 30, 30, 0, 0, 0, 0, 30),)
    requests = find_requests(
        letters_of(dispute), settings_of(dispute), coverage, as_of=as_of(dispute), flags=flags_of(dispute)
    )
    return [x for x in letters_of(dispute) if x.scope == "in-scope"], requests, coverage


def page_of(
    what: What,
    letters: list[Letter],
    requests: tuple[Request, ...],
    language: str,
    flags: tuple[Flag, ...] = (),
    **more: Any,
) -> str:
    moment = letters[-1].at + timedelta(days=20)
    entries = build_timeline(letters, flags, requests, more.pop("files", ()), timezone="Europe/Moscow", gap_days=6)
    return html_page(
        what, title="Дело «Полка»", language=language, timezone="Europe/Moscow", entries=entries, flags=flags, requests=requests,
        letters={x.sha256: x for x in letters}, reviews=more.pop("reviews", {}),
        assessment=assess(letters, flags, requests, {}, {}, (), (), (), as_of=moment),
        effort=effort(letters, (), {}, EffortSettings()), as_of=moment,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_page_of_effort_shows_sums_that_come_out_by_hand(language: str) -> None:
    letters = [letter("слово " * 59), letter("слово " * 301, hours=24 * 31)]
    logged = [{"person": "Anna Orlova", "day": "2026-03-30", "minutes": 20}]
    counted = effort(letters, logged, {"Anna Orlova": 1333.33}, EffortSettings(minutes_per_message=4.5))
    page = html_page(
        "effort", title="Дело", language=language, timezone="Europe/Moscow", entries=(), flags=(), requests=(), letters={}, reviews={},
        effort=counted, as_of=START,
    )  # fmt: skip
    rows = [
        re.findall(r'<td class="n">([^<]*)</td>', row)[4:] for row in re.findall(r"<tr><th scope=.row.*?</tr>", page)
    ]
    spent = total = 0.0
    for estimated, by_hand, rate, cost in rows:
        minutes = sum(int(h) * 60 + int(m) + int(s) / 60 for h, m, s in (estimated.split(":"), by_hand.split(":")))
        per_hour, paid = (
            float(re.sub(r"[^\d.]", "", x.replace(",", "." if language == "ru" else ""))) for x in (rate, cost)
        )
        assert f"{minutes * per_hour / 60:.2f}" == f"{paid:.2f}"
        spent, total = spent + minutes, total + paid
    seconds = round(spent * 60)
    whole = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    assert len(rows) == 2 and whole in page.split("<figure")[0]
    assert f"{total:.2f}".replace(".", "," if language == "ru" else ".")[-6:] in page.split("<figure")[0]
    assert ("4,5 мин" if language == "ru" else "4.5 min") in page


class Outline(HTMLParser):
    """Tags that are opened and closed, ids, links, and what would load something."""

    VOID = frozenset(("meta", "br", "link", "img", "hr", "path", "rect"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if named.get("id"):
            self.ids.append(str(named["id"]))
        if tag == "a":
            self.links.append(str(named.get("href")))
        if (
            tag in ("script", "link", "img", "iframe", "object", "embed")
            or "src" in named
            or any(n.startswith("on") for n in named)
        ):
            self.loads.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open and self.open.pop() == tag, tag


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    assert found.open == []
    return found


@pytest.mark.parametrize("what", PAGES)
@pytest.mark.parametrize("dispute", ["shelf", "studio"])
def test_a_page_is_whole_loads_nothing_and_its_links_lead_somewhere(dispute: str, what: What) -> None:
    letters, requests, _ = matter(dispute)
    page = page_of(what, letters, requests, LANGUAGE[dispute])
    found = outline(page)
    assert found.loads == []
    assert len(found.ids) == len(set(found.ids))
    assert {x.removeprefix("#") for x in found.links} <= set(found.ids)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert f'<html lang="{LANGUAGE[dispute]}">' in page


@pytest.mark.parametrize("what", PAGES)
def test_what_a_sender_wrote_is_never_markup(what: What) -> None:
    nasty = '"><script>alert(1)</script>&<b onclick=x>'
    a = letter(f"Добрый день! Когда вы вернёте деньги {nasty}?", subject=nasty, sender=CLIENT)
    b = letter(f"Завтра вернём деньги {nasty}.", hours=3, reply_to=a, subject=nasty, files=(nasty,))
    file = OutsideFile(1, "c" * 64, 1, nasty, "x/y", nasty, "2026-03-03", "other", nasty, nasty, START)
    page = page_of(what, [a, b], ledger(a, b), "ru", (flag_on(a, nasty, "insult"),), files=(file,))
    assert "<script>alert" not in page and "<b onclick" not in page
    outline(page)


@pytest.mark.parametrize("what", PAGES)
def test_nothing_english_is_left_on_a_russian_page(what: What) -> None:
    letters, requests, _ = matter("shelf")
    page = page_of(what, letters, requests, "ru")
    text = re.sub(
        r"<(style|title|desc).*?</\1>|<[^>]+>|\S+@\S+|office/INBOX|INBOX|Europe/Moscow|SHA-256 \w+",
        " ",
        page,
        flags=re.S,
    )
    assert set(re.findall(r"\b[A-Za-z]{4,}\b", text)) == set()


def test_the_words_for_silence_are_of_finding_not_of_ignoring() -> None:
    letters, requests, _ = matter("studio")
    by_hash = {x.sha256: x for x in letters}
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(ZONES["studio"])
    silent = [r for r in requests if r.outcome == "no-reply"]
    assert silent
    for r in silent:
        said = outcome_in_words(r, by_hash, "en", zone)
        assert said.startswith(("no reply found in INBOX by", "no reply in this thread by"))
        assert ("they wrote on" in said) == bool(r.other_messages)
    searched = searched_in_words(silent[0], "en", zone)
    assert "office/INBOX (up to UID 30" in searched and "Not searched: telephone, messengers" in searched
    for language in ("en", "ru"):
        for what in PAGES:
            text = page_of(what, letters, requests, language).casefold()
            assert not re.search(
                r"ignor|игнор|guilt|виновн",
                re.sub(r"<q>.*?</q>|<blockquote>.*?</blockquote>|<title>.*?</title>", "", text, flags=re.S),
            )


def test_both_sides_stand_in_tables_of_one_make() -> None:
    letters, requests, _ = matter("studio")
    page = page_of("requests", letters, requests, "en")
    heads = re.findall(r"<thead>.*?</thead>", page)
    assert len(heads) == 2 and heads[0] == heads[1]
    assert "font-size" not in page.split("</style>")[1]


def test_an_unreviewed_flag_says_so_until_a_person_accepts_it() -> None:
    x = letter("Вы жулики и хамы.", sender=CLIENT)
    flag = flag_on(x, "Вы жулики", "insult")
    assert "not reviewed by a person" in page_of("timeline", [x], (), "en", (flag,))
    accepted = {("flag", flag.id): Review("flag", flag.id, "accepted", None, None, None, "", "owner", START)}
    assert "not reviewed by a person" not in page_of("timeline", [x], (), "en", (flag,), reviews=accepted)


def test_a_page_without_what_it_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="assess"):
        html_page(
            "assess",
            title="t",
            language="en",
            timezone="UTC",
            entries=(),
            flags=(),
            requests=(),
            letters={},
            reviews={},
            as_of=START,
        )


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_assessment_reads_in_a_terminal(language: str) -> None:
    letters, requests, _ = matter("shelf")
    a = assess(letters, (), requests, {}, {}, (), (), (), as_of=as_of("shelf"))
    lines = assessment_lines(a, language=language, timezone="Europe/Moscow")
    assert [line[:2] for line in lines if line[:1].isdigit()] == ["1.", "2.", "3.", "4."]
    assert sum(({"ru": "Ответ человека: не дан", "en": "not answered"}[language]) in line for line in lines) == 4


# ---- picture -------------------------------------------------------------------------------


def drawn(dispute: str, language: str, links: bool = False) -> str:
    letters, requests, _ = matter(dispute)
    entries = build_timeline(letters, (), requests, timezone=ZONES[dispute], gap_days=6)
    return picture(entries, (), requests, language=language, timezone=ZONES[dispute], links=links)


@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_picture_is_svg_with_a_text_alternative_and_selectable_text(language: str, links: bool) -> None:
    root = ElementTree.fromstring(drawn("shelf", language, links))
    ids = {e.get("id"): e for e in root.iter() if e.get("id")}
    named = str(root.get("aria-labelledby")).split()
    assert all(ids[i].text for i in named)
    assert root.get("role") == ("group" if links else "img")
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert {"ru": "Клиент", "en": "Client"}[language] in texts
    assert not [e.tag for e in root.iter() if e.tag.removeprefix(SVG) in ("image", "script", "style", "foreignObject")]


def test_marks_differ_in_shape_not_only_in_colour() -> None:
    assert len(set(SHAPES.values()) - {SHAPES["request"], SHAPES["no-reply"]}) == len(SHAPES) - 2
    assert SHAPES["request"][0] != SHAPES["no-reply"][0]  # outlined against filled
    assert set(CATEGORIES) <= set(SHAPES)


def test_all_that_is_drawn_lies_within_the_frame() -> None:
    root = ElementTree.fromstring(drawn("studio", "en"))
    width, height = (float(v) for v in str(root.get("viewBox")).split()[2:])
    for e in root.iter(f"{SVG}rect"):
        if e.get("x") and float(str(e.get("x"))) >= 0:
            assert float(str(e.get("x"))) + float(str(e.get("width"))) <= width + 1
            assert float(str(e.get("y"))) + float(str(e.get("height"))) <= height + 1


def test_the_same_matter_gives_the_same_picture_and_an_empty_one_gives_one_too() -> None:
    assert drawn("shelf", "ru") == drawn("shelf", "ru")
    assert "no messages" in picture((), (), (), language="en", timezone="UTC")


def test_years_of_mail_fit_the_same_width() -> None:
    letters = [
        letter("Раз два три.", hours=24 * 3 * i, sender=CLIENT if i % 3 else "anna@north.example") for i in range(800)
    ]
    svg = picture(build_timeline(letters, (), (), timezone="UTC"), (), (), language="en", timezone="UTC")
    labels = [t.text for t in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert len(svg) < 60_000 and any(t and re.fullmatch(r"\w+ 20\d\d|20\d\d", t) for t in labels)


def test_the_picture_prints_in_weasyprint_with_its_text() -> None:
    import io

    import pypdfium2
    import weasyprint

    pdf = io.BytesIO(weasyprint.HTML(string=drawn("shelf", "ru")).write_pdf())
    with_text = pypdfium2.PdfDocument(pdf)
    text = with_text[0].get_textpage().get_text_range()
    with_text.close()
    assert "Клиент" in text and "запрос" in text


# ---- drafts --------------------------------------------------------------------------------


def small_config(language: str) -> Config:
    return config_of("shelf").model_copy(
        update={"matter": config_of("shelf").matter.model_copy(update={"language": language})}
    )


@pytest.mark.parametrize("form", ["text", "html"])
@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("kind", ["reminder", "final-notice", "termination", "preservation"])
def test_a_draft_says_twice_that_a_lawyer_must_check_it_and_quotes_what_is_open(
    kind: Any, language: str, form: Any
) -> None:
    letters, requests, _ = matter("shelf")
    text = draft(kind, requests, small_config(language), {x.sha256: x for x in letters}, as_of("shelf"), language, form)
    assert text.count({"ru": "ЧЕРНОВИК", "en": "DRAFT"}[language]) == 2
    assert "Что внутри и можно ли ставить их на верхний ярус?" in text
    assert {"ru": "17\xa0марта\xa02025\xa0г.", "en": "17 March 2025"}[language] in text and "г.." not in text
    assert "%(" not in text
    if form == "html":
        outline(text)


def test_a_draft_lists_only_our_open_requests_each_once() -> None:
    first = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    second = letter("Повторю просьбу: пришлите накладную на отпариватель.", hours=120, reply_to=first)
    theirs = letter("Добрый день! Когда вы вернёте деньги за март?", hours=2, sender=CLIENT, thread="B")
    requests = ledger(first, second, theirs)
    assert [(r.sha256, n) for r, n in open_requests(requests)] == [(second.sha256, 2)]
    text = draft("reminder", requests, small_config("ru"), {}, START + timedelta(days=30), "ru")
    assert "всего обращений: 2" in text and "деньги за март" not in text


def test_tentative_requests_wait_for_a_person_before_a_letter_speaks_of_them() -> None:
    ask = letter("Добрый день! Пришлите, пожалуйста, накладную на отпариватель.")
    reply = letter("Вы нам весь бизнес испортили!", hours=5, sender=CLIENT, reply_to=ask)
    (r,) = (r for r in ledger(ask, reply) if r.asker == "us")
    assert (r.outcome, r.tier) == ("reply-without-answer", "possible")
    config, now = small_config("ru"), START + timedelta(days=30)
    assert r.quote not in draft("reminder", (r,), config, {}, now, "ru")
    decided = {("request", r.id): Review("request", r.id, "accepted", None, None, None, "", "owner", now)}
    assert r.quote in draft("reminder", (r,), config, {}, now, "ru", reviews=decided)


# ---- behind them ---------------------------------------------------------------------------


def test_every_word_a_person_reads_has_its_russian() -> None:
    russian = translation("timeline", "ru")
    missing = []
    for name in MINE.split():
        for node in ast.walk(ast.parse((ROOM / f"{name}.py").read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            text = node.args[0].value
            if called in ("_", "N_", "words") and isinstance(text, str) and russian.gettext(text) == text:
                missing.append(text)
    assert missing == []


def test_placeholders_survive_translation() -> None:
    catalogue = (ROOM / "locale/ru/LC_MESSAGES/messages.po").read_text(encoding="utf-8")
    from babel.messages.pofile import read_po

    for message in read_po(catalogue.splitlines(keepends=True)):
        if message.id and isinstance(message.id, str) and message.string:
            pattern = r"%(?:\(\w+\))?[sdf.\d]*[sdf]"
            assert sorted(re.findall(pattern, message.id)) == sorted(re.findall(pattern, str(message.string))), (
                message.id
            )


def test_the_weights_are_whole_numbers_and_small() -> None:
    assert set(models()) >= {"ask", "answered", "deferred", "answered-sentence", "kind-question"}
    for model in models().values():
        assert isinstance(model.bias, int) and all(isinstance(w, int) for w in model.weights.values())
    assert (ROOM / "answers_weights.json").stat().st_size < 800_000
