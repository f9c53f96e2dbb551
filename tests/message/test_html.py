"""HTML to text: the words as a reader saw them, line by line, with what the markup says of quotes."""

from __future__ import annotations

import pytest

from evidence.message.html import html_to_text
from evidence.message.parse import parse_message
from tests.message.letters import letter


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("one<br>two<br><br>three", "one\ntwo\n\nthree"),
        ("<p class=MsoNormal>one</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>two</p>", "one\n\ntwo"),
        ("a  \n b <b> c</b>d", "a b cd"),
        ("<td>x</td>", "x"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\tb\nc"),
        ("<ul><li>one<li>two</ul><ol><li>x</li><li>y</li></ol>", "• one\n• two\n1. x\n2. y"),
        ("<pre>a\n  b</pre>c", "a\n  b\nc"),
        ("&laquo;да&raquo; &amp; &#1085;&#x435;&#1090;", "«да» & нет"),
        ("<head><title>t</title></head><style>p{}</style><script>x</script>body", "body"),
        ("a<!-- hidden -->b<![CDATA[c]]>", "ab"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ('<a title="a > b" href=x>link</a>', "link"),
        ("<p>unclosed <b>tags", "unclosed tags"),
        ("<img alt='😀' src=x><img alt='a long description of a tracker' src=y>", "😀"),
        ("Верните&nbsp;&nbsp;деньги", "Верните  деньги"),
        ("<blockquote>q</blockquote>own", "q\nown"),
        ("", ""),
    ],
)
def test_text(source: str, text: str) -> None:
    assert html_to_text(source).text == text


def test_text_that_is_not_displayed_is_not_read_and_is_named() -> None:
    one = parse_message(
        letter("<p>Seen.</p><div style='display:none'>We admit <b>everything</b>.</div><p hidden>x</p>", html=True)
    )
    assert one.texts["body"] == "Seen."
    assert any(d.startswith("hidden-text:") for d in one.defects)


def test_hints_cover_the_words_they_speak_of() -> None:
    found = html_to_text(
        '<div>own</div><div class="gmail_attr">Ivan:</div><blockquote type="cite">they<blockquote>older</blockquote></blockquote><div class="gmail_signature">Anna</div>'
    )
    assert [(found.text[s:e], kind) for s, e, kind in found.hints] == [
        ("Ivan:", "attribution"), ("they\nolder", "quoted"), ("older", "quoted"), ("Anna", "signature"),
    ]  # fmt: skip
