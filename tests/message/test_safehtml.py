"""HTML made harmless: nothing runs, loads, navigates or hides; bounds end in a fallback."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from evidence.safehtml import safe_html

ALLOWED = re.compile(
    r'</?(?:p|div|span|br|hr|b|strong|i|em|u|s|strike|del|ins|small|big|sub|sup|code|pre|tt|kbd|samp|blockquote|q|cite|h[1-6]|'
    r'ul|ol|li|dl|dt|dd|center|font|table|thead|tbody|tfoot|tr|td|th|caption)(?: (?:colspan|rowspan|start)="\d{1,2}"| class="link-target")*>'
)  # fmt: skip

ATTACKS = [
    "<script>alert(1)</script>x", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)><use href='x#y'/></svg>",
    "<a href='javascript:alert(1)'>x</a>", "<a href='file:///etc/passwd' rel=attachment>x</a>", "<link rel=attachment href=file:///etc/passwd>",
    "<iframe src=http://t.example></iframe>", "<meta http-equiv=refresh content='0;url=http://t.example'>", "<base href=http://t.example>",
    "<form action=http://t.example><input name=q><button>go</button></form>", "<style>@import url(http://t.example)</style>x",
    "<p style='background:url(http://t.example/p.png)'>x</p>", "<body background=http://t.example/p.png>x", "<video src=http://t.example></video>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "<a href=\"https://t.example/?a=<b>\">x</a>", "<img alt='<script>alert(1)</script>' src=x>",
    "<td onclick=alert(1) colspan=1000000 rowspan=65534>x</td>", "<table><tr><td colspan=1000000 rowspan=65534>x</table>", "<p\x00><scr\x00ipt>alert(1)</script>",
    "<object data=file:///etc/passwd></object>", "<div hidden>secret</div>", "<a href='data:text/html,<script>1</script>'>x</a>", "<!--[if mso]><script>x</script><![endif]-->",
]  # fmt: skip


def assert_harmless(result: str) -> None:
    for tag in re.findall(r"<[^>]*>?", result):
        assert ALLOWED.fullmatch(tag), tag


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("show_links", [True, False])
def test_nothing_active_or_remote_remains(attack: str, show_links: bool) -> None:
    assert_harmless(safe_html(attack, show_links=show_links).html)


@seed(20261122)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(ATTACKS),
            st.text(max_size=30),
            st.sampled_from(["<", ">", "</p>", '"', "<!--", "<b", "<td ", "<svg>", "</svg>"]),
        ),
        max_size=12,
    )
)
def test_no_mixture_of_attacks_gets_through(pieces: list[str]) -> None:
    assert_harmless(safe_html("".join(pieces), show_links=True).html)


def test_words_and_layout_remain_and_link_targets_are_text() -> None:
    source = '<h1>Счёт</h1><p>Оплатите <b>14 900</b> до <a href="https://pay.example/a?b=1&amp;c=2">пятницы</a> &lt;тест&gt;</p><table><tr><td colspan=2>1</td></tr></table>'
    shown = safe_html(source, show_links=True)
    assert "<b>14 900</b>" in shown.html and "&lt;тест&gt;" in shown.html and '<td colspan="2">' in shown.html
    assert (
        '<span class="link-target">[https://pay.example/a?b=1&amp;c=2]</span>' in shown.html
        and "href" not in shown.html
    )
    assert "pay.example" not in safe_html(source, show_links=False).html
    assert shown.fallback == "" and shown.removed == {"links": 1}


def test_hidden_text_is_taken_out_and_reported() -> None:
    found = safe_html(
        '<p>seen</p><div style="DISPLAY: none"><p>we <b>admit</b> it</p></div><span style="font-size:0px">tiny</span><p>end</p>',
        show_links=True,
    )
    assert "admit" not in found.html and "tiny" not in found.html and "seen" in found.html and "end" in found.html
    assert found.hidden_text == "we admit it tiny" and found.removed["hidden"] == 2


def test_what_was_removed_is_counted() -> None:
    counts = safe_html(
        "<img src=a><img src=b><script>x</script><form><input></form><p onclick=x>y</p><svg></svg>", show_links=True
    ).removed
    assert counts == {"drawings": 1, "forms": 2, "handlers": 1, "images": 2, "scripts": 1}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("<div>" * 50_000 + "x", "depth"),
        ("<div>" * 138 + "x" + "</div>" * 138, "depth"),
        ("<table><tr><td>" * 46 + "x", "tables"),
        ("<table>" + "<tr><td>x</td></tr>" * 7_000 + "</table>", "tables"),
        ("<b>" * 50_000 + "x", "depth"),
        ("<p>x" * 20_000, "elements"),
        ("x" * 2_000_000, "size"),
        ("<a on" * 200_000, "depth"),
    ],
)
def test_costly_markup_falls_back_to_text_at_once(source: str, reason: str) -> None:
    begun = time.process_time()
    found = safe_html(source, show_links=True)
    assert (found.html, found.fallback) == ("", reason)
    assert time.process_time() - begun < 2


def test_markup_just_within_the_bounds_is_rendered_quickly() -> None:
    begun = time.process_time()
    found = safe_html("".join(f"<b id={i}>" for i in range(39)) + "<p>x" * 10_000, show_links=True)
    assert not found.fallback and time.process_time() - begun < 5
    assert_harmless(found.html[:200_000])
