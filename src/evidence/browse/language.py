"""The query language of the search box: what people know from mail, read into a tree. Pure; no database here.

Grammar (operators in capitals, English or Russian; words side by side mean AND)::

    any    = all {("OR" | "ИЛИ") all}
    all    = not {["AND" | "И"] not}
    not    = [("NOT" | "НЕ" | "-")] atom
    atom   = "(" any ")" | FIELD ":" value | value
    value  = word | word"*" | "a phrase" | «a phrase»
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from evidence.stems import words

FIELDS: dict[str, str] = {
    "from": "from", "от": "from",
    "to": "to", "кому": "to",
    "with": "with", "с": "with",
    "subject": "subject", "тема": "subject",
    "body": "body", "текст": "body",
    "has": "has", "есть": "has",
    "is": "is",
    "folder": "folder", "папка": "folder",
    "before": "before", "до": "before",
    "after": "after", "после": "after",
    "on": "on", "дата": "on",
    "category": "category", "категория": "category",
    "hash": "hash", "sha256": "hash", "хеш": "hash", "хэш": "hash",
    "filename": "filename", "файл": "filename",
    "thread": "thread", "ветка": "thread",
}  # fmt: skip
OPERATORS = {"AND": "and", "И": "and", "OR": "or", "ИЛИ": "or", "NOT": "not", "НЕ": "not"}
HAS = {
    "attachment": "attachment", "attachments": "attachment", "вложение": "attachment", "вложения": "attachment",
    "flag": "flag", "flags": "flag", "пометка": "flag", "пометки": "flag", "отметка": "flag", "отметки": "flag",
    "request": "request", "requests": "request", "запрос": "request", "запросы": "request",
    "note": "note", "заметка": "note",
}  # fmt: skip
IS = ("unreviewed", "context", "excluded", "gone", "unreadable")
SIDES = {
    "us": "us", "we": "us", "мы": "us", "client": "client", "клиент": "client",
    "third": "third", "третьи": "third",
}  # fmt: skip
CATEGORY_WORDS = {
    "threat": "threat", "угроза": "threat", "угрозы": "threat", "demand": "demand", "требование": "demand",
    "требования": "demand", "accusation": "accusation", "обвинение": "accusation", "insult": "insult",
    "уничижительные": "insult", "refusal": "refusal", "отказ": "refusal", "broken_promise": "broken_promise",
    "обещание": "broken_promise", "nonpayment": "nonpayment", "неоплата": "nonpayment", "admission": "admission",
    "признание": "admission", "deadline_notice": "deadline_notice", "срок": "deadline_notice",
    "termination_notice": "termination_notice", "расторжение": "termination_notice",
}  # fmt: skip
MAX_LENGTH = 1000
MAX_DEPTH = 20


class QueryError(ValueError):
    """The query cannot be read. ``code`` names the mistake, ``shown`` the text at fault, ``near`` a likely meaning.

    ``code`` is one of: long, deep, quote, open, close, empty, operator, field, value, word, date, hash, has, is, category.
    """

    def __init__(self, code: str, shown: str = "", near: str = "", at: int = 0) -> None:
        super().__init__(f"{code}: {shown}")
        self.code = code
        self.shown = shown
        self.near = near
        self.at = at


@dataclass(frozen=True, slots=True)
class Text:
    """Words to be found as stems, in order if several. ``column`` is of the index, or empty for all of it."""

    text: str
    column: Literal["", "subject", "body", "attachments"] = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A condition on a field; ``value`` is checked and in canonical form."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days in the matter's time zone: ``first`` <= day < ``end``; None is open."""

    first: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Not:
    of: Node


@dataclass(frozen=True, slots=True)
class All:
    of: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    of: tuple[Node, ...]


Node = Text | Field | Days | Not | All | Any_


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["(", ")", "and", "or", "not", "term"]
    at: int
    shown: str
    field: str = ""
    value: str = ""
    quoted: bool = False


_SPACE = re.compile(r"\s+")
_FIELD = re.compile(r"([^\W\d_]\w*):(?!//)")
_BARE = re.compile(r"[^\s()\"«“]+")
_CLOSING = {'"': '"', "«": "»", "“": "”"}


def parse(query: str) -> Node | None:
    """The tree of ``query``; None when it is blank. Raises QueryError."""
    if len(query) > MAX_LENGTH:
        raise QueryError("long", str(MAX_LENGTH))
    tokens = _tokens(query)
    if not tokens:
        return None
    said = [
        token
        for before, token in zip([None, *tokens], tokens, strict=False)
        if token.kind != "term" or token.field or words(token.value) or (before is not None and before.kind == "not")
    ]
    if any(token.kind == "term" for token in said):
        tokens = said  # a dash, a № or a smile between words is not searched for
    reader = _Reader(tokens)
    tree = reader.any(0)
    if reader.here is not None:
        raise QueryError("close", reader.here.shown, at=reader.here.at)
    return tree


def text_stems(node: Node | None) -> tuple[tuple[str, bool], ...]:
    """(word, is a prefix) of everything the query asks to find as text, to mark hits; what it excludes is left out."""
    match node:
        case Text():
            parts = words(node.text)
            return tuple((w, node.prefix and i == len(parts) - 1) for i, w in enumerate(parts))
        case All() | Any_():
            return tuple(pair for child in node.of for pair in text_stems(child))
        case _:
            return ()


def _tokens(query: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(query):
        if space := _SPACE.match(query, at):
            at = space.end()
            continue
        if query[at] in "()":
            tokens.append(_Token("(" if query[at] == "(" else ")", at, query[at]))
            at += 1
            continue
        begin = at
        if query[at] == "-" and at + 1 < len(query) and not query[at + 1].isspace():
            tokens.append(_Token("not", at, "-"))
            at += 1
        name = ""
        if (named := _FIELD.match(query, at)) is not None:
            name = named.group(1)
            at = named.end()
        if at < len(query) and query[at] in _CLOSING:
            end = query.find(_CLOSING[query[at]], at + 1)
            if end < 0:
                raise QueryError("quote", query[at:], at=at)
            value, quoted, at = query[at + 1 : end], True, end + 1
        else:
            bare = _BARE.match(query, at)
            value, quoted = (bare.group(), False) if bare else ("", False)
            at = bare.end() if bare else at
        shown = query[begin:at]
        if not name and not quoted and value in OPERATORS:
            tokens.append(_Token(OPERATORS[value], begin, shown))  # type: ignore[arg-type]
        else:
            if at == begin:  # a closing quote or the like alone: never loop on it
                at += 1
                continue
            tokens.append(_Token("term", begin, shown, name, value, quoted))
    return tokens


class _Reader:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    @property
    def here(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def any(self, depth: int) -> Node:
        parts = [self._all(depth)]
        while self.here is not None and self.here.kind == "or":
            operator = self._take()
            self._operand_follows(operator)
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def _all(self, depth: int) -> Node:
        if self.here is not None and self.here.kind in ("and", "or"):
            raise QueryError("operator", self.here.shown, at=self.here.at)
        parts = [self._not(depth)]
        while self.here is not None and self.here.kind not in ("or", ")"):
            if self.here.kind == "and":
                self._operand_follows(self._take())
            parts.append(self._not(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self, depth: int) -> Node:
        if self.here is not None and self.here.kind == "not":
            self._operand_follows(self._take())
            return Not(self._not_depth(depth))
        return self._atom(depth)

    def _not_depth(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise QueryError("deep", str(MAX_DEPTH))
        return self._not(depth + 1)

    def _operand_follows(self, operator: _Token) -> None:
        if self.here is None or self.here.kind in ("and", "or", ")"):
            raise QueryError("operator", operator.shown, at=operator.at)

    def _atom(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise QueryError("deep", str(MAX_DEPTH))
        token = self.here
        if token is None:
            raise QueryError("empty")
        if token.kind == ")":
            raise QueryError(
                "empty" if self._next and self._tokens[self._next - 1].kind == "(" else "close", ")", at=token.at
            )
        self._take()
        if token.kind == "(":
            inner = self.any(depth + 1)
            if self.here is None or self.here.kind != ")":
                raise QueryError("open", "(", at=token.at)
            self._take()
            return inner
        return _term(token)


def _term(token: _Token) -> Node:
    if not token.field:
        return _text(token, "")
    field = FIELDS.get(token.field.casefold())
    if field is None:
        near = difflib.get_close_matches(token.field.casefold(), FIELDS, n=1, cutoff=0.5)
        raise QueryError("field", token.field, near[0] if near else "", at=token.at)
    value = token.value.strip()
    if field in ("from", "to", "with", "folder", "hash", "thread") and not token.quoted:
        value = value.rstrip("*")  # a part of a name or the beginning of a hash is enough, with a star or without
    if not value:
        raise QueryError("value", token.field, at=token.at)
    if field in ("subject", "body", "filename"):
        column: Literal["subject", "body", "attachments"] = "attachments" if field == "filename" else field  # type: ignore[assignment]
        return _text(token, column)
    return _field(field, value, token)


def _text(token: _Token, column: Literal["", "subject", "body", "attachments"]) -> Node:
    prefix = not token.quoted and token.value.endswith("*")
    text = token.value.rstrip("*") if prefix else token.value
    if not words(text):
        code, shown = ("value", token.field) if token.field else ("word", token.shown)
        raise QueryError(code, shown, at=token.at)
    return Text(text, column, prefix)


def _field(field: str, value: str, token: _Token) -> Node:
    folded = value.casefold()
    if field in ("before", "after", "on"):
        first, end = _days(value, token)
        if field == "before":
            return Days(None, first)
        return Days(first, None) if field == "after" else Days(first, end)
    if field == "hash":
        if not re.fullmatch(r"[0-9a-f]{4,64}", folded):
            raise QueryError("hash", value, at=token.at)
        return Field("hash", folded)
    if field == "has":
        if folded not in HAS:
            raise QueryError("has", value, at=token.at)
        return Field("has", HAS[folded])
    if field == "is":
        if folded not in IS:
            raise QueryError("is", value, at=token.at)
        return Field("is", folded)
    if field == "category":
        name, _, subtype = folded.partition("/")
        if name not in CATEGORY_WORDS:
            near = difflib.get_close_matches(name, CATEGORY_WORDS, n=1)
            raise QueryError("category", value, near[0] if near else "", at=token.at)
        return Field("category", CATEGORY_WORDS[name] + (f"/{subtype}" if subtype else ""))
    if field in ("from", "to", "with") and folded in SIDES:
        return Field(field, f"side:{SIDES[folded]}")
    return Field(field, value)


def _days(value: str, token: _Token) -> tuple[date, date]:
    """The first day meant and the day after the last: a day, a month or a year, as 2025-04-01, 01.04.2025, 2025-04, 2025."""
    try:
        if found := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", value):
            day = date(int(found[3]), int(found[2]), int(found[1]))
            return day, day + timedelta(days=1)
        if found := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", value):
            day = date(int(found[1]), int(found[2]), int(found[3]))
            return day, day + timedelta(days=1)
        if found := re.fullmatch(r"(\d{4})-(\d{1,2})", value) or re.fullmatch(r"(\d{1,2})\.(\d{4})", value):
            year, month = (found[1], found[2]) if len(found[1]) == 4 else (found[2], found[1])
            first = date(int(year), int(month), 1)
            return first, (first + timedelta(days=32)).replace(day=1)
        if re.fullmatch(r"\d{4}", value):
            return date(int(value), 1, 1), date(int(value) + 1, 1, 1)
    except (ValueError, OverflowError):
        pass
    raise QueryError("date", value, at=token.at)
