"""What a connection said at its login is taken out of the server's words, in every form it went over the line; nothing else is."""

from __future__ import annotations

import base64

import pytest

from evidence.mailbox.discretion import STRUCK, Unsaid


@pytest.mark.parametrize(
    ("line", "password"),
    [
        (b'A1 LOGIN demo "tR4p-d00r"', "tR4p-d00r"),
        (b"A1 LOGIN demo tR4p-d00r", "tR4p-d00r"),
        (b'A1 login "two words" "with \\"quotes\\" and \\\\"', 'with "quotes" and \\'),
        (b'A1 LOGIN "a\\"b" "LOGIN x"', "LOGIN x"),
    ],
)
def test_a_password_of_login_is_struck_out(line: bytes, password: str) -> None:
    unsaid = Unsaid()
    unsaid.hear_command(line)
    assert unsaid.strike(f"you said {line.decode()}!").count(password) == 0
    assert (
        unsaid.strike(f"or {password}, or {base64.b64encode(password.encode()).decode()}.")
        == f"or {STRUCK}, or {STRUCK}."
    )
    assert "tR4p" not in repr(unsaid)


@pytest.mark.parametrize(
    ("octets", "secret"),
    [
        (b"\0demo\0p\xc3\xa4ssword", "pässword"),
        (b"other\0demo\0secret", "secret"),
        (b"user=demo\1auth=Bearer ya29.token\1\1", "ya29.token"),
        (b"n,a=demo,\1host=imap.north.example\1port=993\1auth=Bearer ya29.token\1\1", "ya29.token"),
    ],
)
def test_an_answer_within_authenticate_is_struck_out(octets: bytes, secret: str) -> None:
    unsaid = Unsaid()
    line = base64.b64encode(octets)
    unsaid.hear_answer(line + b"\r\n")
    assert unsaid.strike(f"{line.decode()} and {secret}") == f"{STRUCK} and {STRUCK}"


def test_other_commands_and_a_cancelled_login_leave_the_words_alone() -> None:
    unsaid = Unsaid()
    unsaid.hear_command(b"A1 CAPABILITY")
    unsaid.hear_command(b'A2 EXAMINE "LOGIN"')
    unsaid.hear_answer(b"*\r\n")
    unsaid.hear_answer(b"\r\n")
    said = "A2 NO [NONEXISTENT] no folder LOGIN, no CAPABILITY *"
    assert unsaid.strike(said) == said
