"""What was said at a login is struck out of whatever the server says later: its words reach the archive, the log and people."""

from __future__ import annotations

import base64
import binascii
import re

STRUCK = "•••"
_LOGIN = re.compile(
    rb'\S+ LOGIN (?:"(?:[^"\\]|\\.)*"|\S+) (?P<password>"(?:[^"\\]|\\.)*"|\S+)', re.IGNORECASE | re.DOTALL
)


class Unsaid:
    """The secrets that one connection sent, in the forms they went over the line. Neither printed nor pickled."""

    __slots__ = ("_forms",)

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def __repr__(self) -> str:
        return "Unsaid(…)"

    def hear_command(self, line: bytes) -> None:
        """A command without its line end: of LOGIN (RFC 9051 section 6.2.3) the password is kept in mind."""
        found = _LOGIN.fullmatch(line)
        if found:
            sent = found["password"]
            plain = re.sub(rb"\\(.)", rb"\1", sent[1:-1]) if sent.startswith(b'"') else sent
            self._keep(sent.strip(b'"'), plain, base64.b64encode(plain))

    def hear_answer(self, line: bytes) -> None:
        """An answer within AUTHENTICATE: base64 of NUL-separated PLAIN (RFC 4616) or of a bearer token (RFC 7628)."""
        try:
            octets = base64.b64decode(line.strip(), validate=True)
        except binascii.Error:  # "*" cancels
            return
        if octets.startswith(b"\0") or octets.count(b"\0") == 2:
            plain = octets.rsplit(b"\0", 1)[1]
        else:
            bearer = re.search(rb"auth=Bearer ([^\1]+)", octets)
            plain = bearer[1] if bearer else b""
        self._keep(line.strip(), plain, base64.b64encode(plain))

    def _keep(self, *forms: bytes) -> None:
        self._forms |= {form.decode("utf-8", "replace") for form in forms if form}

    def strike(self, text: str) -> str:
        """``text`` with every form of a secret replaced by three bullets, the longest first."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, STRUCK)
        return text
