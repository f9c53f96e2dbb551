"""Nasty mail: nothing runs, nothing is fetched, no local file enters, every character shows, every bomb ends in text."""

from __future__ import annotations

import http.server
import os
import random
import re
import threading
import time
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from evidence.bundle import pdf as pdf_module
from evidence.bundle.markup import TooMuch, boxes, same_words
from evidence.bundle.outside import draw
from evidence.bundle.pdf import Chunk, Renderer, RenderFailure
from evidence.bundle.text import covered, looks_like, printed, visible
from tests.bundle.conftest import Maker
from tests.bundle.fake_case import FakeCase
from tests.bundle.tools import assert_valid, squeezed, text_of


def html_mail(html: str, plain: str | None = "plain words", subject: str = "x", day: int = 3) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "director@romashka.example", "office@north.example", subject
    message["Date"] = f"Mon, {day:02d} Mar 2025 10:00:00 +0300"
    message["Message-ID"] = f"<{random.Random(html + subject).getrandbits(64)}@romashka.example>"
    if plain is None:
        message.set_content(html, subtype="html")
    else:
        message.set_content(plain)
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def case_of(*messages: bytes) -> FakeCase:
    return FakeCase([(m, "INBOX", "client") for m in messages])


@pytest.fixture
def listener():  # type: ignore[no-untyped-def]
    """A server on loopback that counts requests."""
    hits: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], hits
    server.shutdown()
    server.server_close()


def test_nothing_is_fetched_and_no_local_file_enters(
    make: Maker, listener: tuple[int, list[str]], tmp_path: Path
) -> None:
    port, hits = listener
    canary = tmp_path / "canary.txt"
    canary.write_text("CANARY-7f3a")
    url = f"http://127.0.0.1:{port}"
    html = f"""<style>@import url({url}/i.css); body{{background:url({url}/b.png)}}</style><link rel=stylesheet href={url}/l.css>
    <link rel=attachment href="file://{canary}"><a rel=attachment href="file://{canary}">file</a><img src="{url}/t.gif">
    <img src="file://{canary}"><iframe src="{url}/f"></iframe><svg><image href="{url}/s.png"/></svg><script>alert(1)</script>
    <p style="background:url({url}/p.png)" onclick="alert(1)">Visible words</p><a href="javascript:alert(1)">click</a>"""
    result = make(case_of(html_mail(html))).result
    assert hits == []
    octets = result.pdf.read_bytes()
    assert b"CANARY-7f3a" not in octets and b"/JavaScript" not in octets and b"/URI" not in octets
    text = squeezed(text_of(result.pdf, result.manifest.exhibits[0].first_page, result.manifest.exhibits[0].last_page))
    assert "Visible words" in text and "alert(1)" not in text.split("Полные заголовки")[0]
    assert "plain words" in text


def test_text_and_html_that_say_other_words_are_both_printed(make: Maker) -> None:
    result = make(case_of(html_mail("<p>We will pay on Friday</p>", "We will never pay"))).result
    text = squeezed(text_of(result.pdf))
    assert "We will pay on Friday" in text and "We will never pay" in text and "слова отличаются от HTML-части" in text


def test_hidden_text_is_disclosed(make: Maker) -> None:
    html = '<p>Fine</p><div style="display:none">secret clause 17</div><span style="color:#fff;background:#fff">white on white</span>'
    text = squeezed(text_of(make(case_of(html_mail(html, None))).result.pdf))
    assert "secret clause 17" in text and "скрытый от читателя" in text


def test_emoji_cjk_rtl_print_and_what_no_font_has_is_shown_and_counted(make: Maker) -> None:
    body = "Привет 😀👨‍👩‍👧 漢字 かな 한글 שלום مرحبا ₽ ⚖️ a\u00adb\u200bc | \ue000 \ue001 \x0b \x85 \u202e txt \U000e0041 \U0010fffd"
    import base64

    raw = html_mail("<p>" + body.replace("\x0b", "") + "&#xE002;</p>", "REPLACED", "тема \ue123")
    encoded = base64.b64encode(f"other {body}".encode())
    raw = raw.replace(b"7bit\n\nREPLACED\n", b"base64\n\n" + encoded + b"\n").replace(
        b'charset="utf-8"', b'charset="utf-8"', 1
    )
    assert encoded in raw
    result = make(case_of(raw)).result
    text = text_of(result.pdf)
    for wanted in (
        "😀",
        "漢字",
        "かな",
        "한글",
        "₽",
        "[U+E000]",
        "[U+000B]",
        "[U+0085]",
        "[U+202E]",
        "[U+10FFFD]",
        "[U+E123]",
        "[U+E002]",
    ):
        assert wanted in text, wanted
    assert "показаны в виде [U+XXXX]" in squeezed(text).replace("\xa0", " ")
    assert result.manifest.replaced_characters > 7
    assert_valid("3a", result.pdf)
    assert_valid("ua1", result.pdf)


def test_a_subject_with_line_breaks_forges_no_header(make: Maker) -> None:
    raw = (
        b"From: a@romashka.example\r\nTo: office@north.example\r\nDate: Mon, 03 Mar 2025 10:00:00 +0300\r\n"
        b"Subject: =?utf-8?q?Hello=0D=0AFrom:_judge=40court.example?=\r\n\r\nbody"
    )
    result = make(case_of(raw)).result
    page = text_of(result.pdf, result.manifest.exhibits[0].first_page)
    assert not re.search(r"^\s*From:?\s+judge", page, re.MULTILINE)
    assert "judge@court.example" in squeezed(page)


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td colspan=1000000 rowspan=65534>x</td></tr></table>",
        "<div>" * 5000 + "deep" + "</div>" * 5000,
        "<table>" + "<tr><td>a</td><td>b</td></tr>" * 5000 + "</table>",
        "<p>" + "A" * 250_000 + "</p>",
        "<b>" * 2000 + "x",
        '<svg><defs><g id="a"><use href="#a"/><use href="#a"/></g></defs><use href="#a"/></svg>text',
    ],
    ids=["colspan", "divs", "rows", "line", "inline", "svg"],
)
def test_bombs_end_in_text_within_the_limit(make: Maker, html: str) -> None:
    began = time.monotonic()
    result = make(case_of(html_mail(html))).result
    assert time.monotonic() - began < 110  # the limit is 30 s on an idle machine
    assert "plain words" in text_of(result.pdf)


def test_a_job_that_outlives_its_deadline_costs_one_child_only(tmp_path: Path) -> None:
    bomb = "<table><tr><td colspan=1000000 rowspan=65534>x</td></tr></table>"
    with Renderer(None, 1) as renderer:
        with pytest.raises(RenderFailure, match=r"time|memory"):
            renderer.render(Chunk(f"<html lang=en><title>t</title>{bomb}", seconds=3))
        assert renderer.render(Chunk("<html lang=en><title>t</title><p>fine", seconds=60)).pages == 1


def test_pictures_beyond_all_measure_and_broken_files_are_listed_not_drawn(make: Maker) -> None:
    import zlib

    width = height = 60_000
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    chunk = len(header[4:]).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    message = EmailMessage()
    message["From"], message["To"], message["Date"] = (
        "a@romashka.example",
        "b@north.example",
        "Mon, 03 Mar 2025 10:00:00 +0300",
    )
    message.set_content("see files")
    message.add_attachment(b"\x89PNG\r\n\x1a\n" + chunk, maintype="image", subtype="png", filename="bomb.png")
    message.add_attachment(
        b"%PDF-1.7\n" + os.urandom(300), maintype="application", subtype="pdf", filename="../../broken.pdf"
    )
    result = make(case_of(message.as_bytes())).result
    text = squeezed(text_of(result.pdf))
    assert "bomb.png" in text and "broken.pdf" in text and "файл повреждён, зашифрован или неизвестного вида" in text


def test_a_pdf_attachment_is_drawn_and_never_merged(make: Maker) -> None:
    import pikepdf

    source = pikepdf.new()
    source.add_blank_page()
    source.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    stream = BytesIO()
    source.save(stream)
    message = EmailMessage()
    message["From"], message["To"], message["Date"] = (
        "a@romashka.example",
        "b@north.example",
        "Mon, 03 Mar 2025 10:00:00 +0300",
    )
    message.set_content("see file")
    message.add_attachment(stream.getvalue(), maintype="application", subtype="pdf", filename="act.pdf")
    result = make(case_of(message.as_bytes())).result
    with pikepdf.open(result.pdf) as made:
        assert not any(isinstance(o, pikepdf.Dictionary) and "/JS" in o for o in made.objects)
    assert "1 страница, показана ниже как изображение" in squeezed(text_of(result.pdf)).replace("\xa0", " ")


def test_coverage_is_what_the_fonts_have() -> None:
    from fontTools.ttLib import TTFont

    points: set[int] = set()
    for path in pdf_module.FONTS.glob("*.ttf"):
        points |= {p for p in TTFont(path).getBestCmap() if p >= 0x20}
    assert points == covered()


def test_visible_never_drops_a_character() -> None:
    text = "a\x00b\r\nc\rd\u2028\ud800"
    shown, count = visible(text)
    assert shown == "a[U+0000]b\nc[U+000D]d[U+2028][U+D800]" and count == 4


def test_marks_that_no_font_draws_though_one_has_them_are_shown(make: Maker) -> None:
    assert visible("a\ufff9b\ufffac\ufffbd") == ("a[U+FFF9]b[U+FFFA]c[U+FFFB]d", 3)
    result = make(case_of(html_mail("<p>a&#xfffa;b\ufffbc</p>", None, "Annotated \ufffb"))).result
    assert_valid("3a", result.pdf)


def test_long_lines_are_parted_without_loss() -> None:
    made = printed("x" * 5_001 + "\ny")
    assert "".join(made.lines) == "x" * 5_001 + "y" and max(map(len, made.lines)) == 2_000


def test_boxes_keep_words_and_nothing_else_of_a_sender() -> None:
    made = boxes(
        '<table id="x1" style="position:fixed"><tr><td class=a>One<td>Two</table><h1 id=s-cover>Three</h1><a href="http://x">four</a>'
    )
    assert "".join(made.text.split()) == "OneTwoThreefour"
    assert not re.search(r"id=|style=|href|<(?!/?(?:div|span|br)\b)", made.html)
    with pytest.raises(TooMuch):
        boxes("<p>x</p>" * 13_000)


def test_same_words_ignores_layout_and_sees_a_changed_word() -> None:
    assert same_words("> Hello,  world!", "Hello world")
    assert not same_words("pay on Friday", "pay on Monday")


def test_look_alikes_are_found_and_real_addresses_are_not() -> None:
    known = frozenset({"office@north.example", "@romashka.example"})
    assert looks_like("office@nоrth.example", known) == "office@north.example"  # a Cyrillic о
    assert looks_like("x@rornashka.example", known) == "@romashka.example"
    assert looks_like("office@north.example", known) == "" and looks_like("y@romashka.example", known) == ""
    assert looks_like("someone@elsewhere.example", known) == ""
    ours = frozenset({"director@ромашка.рф"})  # one domain in two spellings imitates nothing
    assert looks_like("director@xn--80aa3agjl3d.xn--p1ai", ours) == ""


def nasty(seed: int) -> bytes:
    """One random nasty mail: scripts, styles, any plane of Unicode, odd nesting, odd tables."""
    rng = random.Random(seed)

    def letters(count: int) -> str:
        planes = [
            (0x20, 0x7F),
            (0, 0x20),
            (0x80, 0x2FF),
            (0x370, 0x6FF),
            (0x2000, 0x2BFF),
            (0x3000, 0xD7FF),
            (0xE000, 0xFFFD),
            (0x10000, 0x10FFFF),
        ]
        found = []
        for _ in range(count):
            low, high = rng.choice(planes)
            found.append(chr(rng.randrange(low, high)))
        return "".join(found)

    tags = [
        "p",
        "div",
        "table",
        "tr",
        "td",
        "th",
        "ul",
        "li",
        "b",
        "h1",
        "h6",
        "blockquote",
        "a",
        "span",
        "center",
        "font",
        "dl",
        "dt",
        "caption",
        "svg",
        "style",
        "script",
    ]
    pieces = []
    for _ in range(rng.randrange(5, 120)):
        tag = rng.choice(tags)
        style = rng.choice(
            [
                "",
                ' style="position:fixed;top:0"',
                ' style="display:none"',
                ' id="x1"',
                ' colspan="90"',
                ' href="file:///etc/passwd"',
                " dir=rtl",
            ]
        )
        pieces.append(
            rng.choice(
                [
                    f"<{tag}{style}>",
                    f"</{tag}>",
                    letters(rng.randrange(1, 40)).replace("<", ""),
                    f"&#{rng.randrange(1, 0x110000)};",
                ]
            )
        )
    if rng.random() < 0.05:
        pieces.append("<table>" + "<tr><td>1<td>2" * 5_000)
    subject = letters(20).replace("\r", "").replace("\n", "")
    head = (
        f"From: {letters(5)!r} <a{seed}@romashka.example>\r\nTo: office@north.example\r\nMessage-ID: <{seed}@romashka.example>\r\n"
        f"Date: {rng.choice(['Mon, 03 Mar 2025 10:00:00 +0300', 'Thu, 01 Jan 1970 00:00:00 +0000', 'nonsense'])}\r\nSubject: {subject}\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return (head + "".join(pieces)).encode("utf-8", "replace")


def test_any_mail_makes_a_valid_file(make: Maker) -> None:
    count = 300 if os.environ.get("EVIDENCE_TEST_FULL") else 12
    result = make(case_of(*(nasty(seed) for seed in range(count)))).result
    assert len(result.manifest.exhibits) == count
    assert_valid("3a", result.pdf)
    assert_valid("ua1", result.pdf)


@pytest.mark.parametrize(
    ("mode", "greys"), [("I;16", (0, 20_000, 65_535)), ("I", (0, 20_000, 65_535)), ("F", (0.0, 0.3, 1.0))]
)
def test_a_scan_in_sixteen_bits_or_real_numbers_is_not_printed_blank(
    tmp_path: Path, mode: str, greys: tuple[float, ...]
) -> None:
    scan, octets = Image.new(mode, (3, 1)), BytesIO()
    for x, grey in enumerate(greys):
        scan.putpixel((x, 0), grey)
    scan.resize((300, 100), Image.Resampling.NEAREST).save(octets, "TIFF")
    with Renderer(tmp_path / "cache", 1) as renderer:
        path, _facts = renderer.picture(octets.getvalue())
        with Image.open(path) as drawn:
            black, grey, white = (int(drawn.convert("L").getpixel((x, 50))) for x in (50, 150, 250))  # type: ignore[arg-type]
    assert black < 10 and 60 < grey < 100 and white > 245


def test_a_sound_picture_of_too_many_pixels_is_not_called_damaged(tmp_path: Path) -> None:
    octets = BytesIO()
    Image.new("1", (30_000, 10_000)).save(octets, "PNG")
    with Renderer(tmp_path / "cache", 1) as renderer:
        assert draw(renderer, octets.getvalue(), "image/png", "plan.png").why == "large"
