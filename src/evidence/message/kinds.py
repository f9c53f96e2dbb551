"""What kind of message it is (human, auto, bounce, list) and which language its words are in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import ascii_letters
from typing import Literal

from evidence.message.headers import decode_field
from evidence.message.mime import Part, leaves
from evidence.model import Address, MessageKind

_AUTO_SUBJECT = re.compile(
    r"""^\W*(?:(?:re|отв|ответ)\s*:\s*)*(?:
    auto(?:matic)?[\s-]?(?:reply|response|answer|generated)\b|autoreply\b|auto:|out\sof\s(?:the\s)?office\b
    # «OOO Ромашка» is a company, «OOO until Monday» a vacation
    |ooo(?=\s*$|\s*:|\s*[-–—]?\s*(?:re\b|until\b|till\b|from\b|on\b|back\b|this\b|next\b|today\b|tomorrow\b|message\b|notice\b|reply\b|\d))
    |vacation\s(?:reply|response|notice|message)\b|away\sfrom\s(?:the\s|my\s)?(?:office|desk|mail)\b
    |авто(?:матический\s)?-?\s?ответ|автоматическ(?:ое|ий)\s(?:уведомление|сообщение|ответ)
    |(?:я\s|нахожусь\s)?(?:вне\sофиса|в\sотпуске)\b|нет\sна\sместе\b|отсутств(?:ую|ие)\sв\sофисе
    )""",
    re.I | re.X,
)
_BOUNCE_SUBJECT = re.compile(
    r"""^\W*(?:
    undeliver(?:able|ed)|mail\sdelivery\s(?:failed|failure|subsystem|system)|delivery\s(?:status\snotification|failure|has\sfailed)
    |returned\smail|failure\snotice|message\s(?:not\sdelivered|could\snot\sbe\sdelivered)|mail\sdelivery
    |не\s?доставлен|недоставленное|(?:письмо|сообщение)\sне\s(?:было\s)?доставлено|ошибка\sдоставки|отказ\sв\sдоставке
    |возврат(?:\s|ено|\sпочты)|уведомление\sо\s(?:невозможности|сбое)\sдоставки
    )""",
    re.I | re.X,
)
_DELAY_SUBJECT = re.compile(
    r"^\W*(?:delivery\s(?:status\snotification\s\((?:delay|success|relayed)\)|delayed)|delayed\smail|warning:|"
    r"успешн\w+\sпересылк|задержка\sдоставки|доставлено:|ретранслировано:|уведомление\sо\sсостоянии\sдоставки\s\((?:успех|задержка|отложено)\))",
    re.I,
)
_ACTION = re.compile(r"^action[ \t]*:[ \t]*([a-z]+)", re.I | re.M)
_DAEMON = re.compile(r"^(?:mailer-daemon|mail-daemon|postmaster|mailer|bounces?|mdaemon)@", re.I)
_ROBOT = re.compile(
    r"^(?:no-?_?\.?reply|do-?not-?reply|noreply|notifications?|notify|alerts?|robot|auto-?reply)(?:[+._-][^@]*)?@",
    re.I,
)
_RECIPIENT = re.compile(r"^(?:final|original)-recipient[ \t]*:[^;\r\n]{0,40};[ \t]*([^\s<>]{1,320})", re.I | re.M)
# Letters as windows-1251 has them: in that charset counting is a matter of single octets
_CYRILLIC = "".join(map(chr, range(ord("А"), ord("я") + 1))).encode("cp1251") + "Ёё".encode("cp1251")
_LATIN = ascii_letters.encode("ascii")


def kind_of(fields: Mapping[str, Sequence[bytes]], root: Part, subject: str, senders: Sequence[Address]) -> MessageKind:
    """The kind by its own marks, the surest first: report structure, RFC 3834 fields, list fields, subject, sender.

    A human who answers from a phone sets none of these; a vacation program sets one of them or is known by its subject.
    """
    address = next((a.address for a in senders if a.address), "")
    empty_return = first(fields, "return-path").strip() == b"<>"
    if root.content_type == "multipart/report":
        report = root.type_parameters.get("report-type", "").lower()
        if report in {"delivery-status", ""} or _has(root, "message/delivery-status"):
            return "bounce" if _returned(root, subject) else "auto"
        return "auto"
    if first(fields, "x-failed-recipients") or (_has(root, "message/delivery-status") and _returned(root, subject)):
        return "bounce"
    if _DAEMON.match(address) and (empty_return or _BOUNCE_SUBJECT.match(subject)):
        return "bounce"
    if _BOUNCE_SUBJECT.match(subject) and empty_return:
        return "bounce"
    submitted = first(fields, "auto-submitted").split(b";")[0].split(b"(")[0].strip().lower()
    precedence = first(fields, "precedence").strip().lower()
    if submitted and submitted != b"no":
        return "auto"
    if precedence in {b"auto_reply", b"auto-reply"}:
        return "auto"
    for name in ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-vacation", "x-mail-autoreply"):
        value = first(fields, name).strip().lower()
        if name in fields and value != b"no":
            return "auto"
    if _AUTO_SUBJECT.match(subject):
        return "auto"
    if any(name in fields for name in ("list-id", "list-unsubscribe", "list-post")) or precedence in {
        b"list",
        b"bulk",
        b"junk",
    }:
        return "list"
    if _ROBOT.match(address) or empty_return:
        return "auto"
    return "human"


def first(fields: Mapping[str, Sequence[bytes]], name: str) -> bytes:
    values = fields.get(name)
    return values[0] if values else b""


def _has(root: Part, content_type: str) -> bool:
    return bool(root.children) and any(leaf.content_type == content_type for leaf in leaves(root))


def _actions(root: Part) -> list[list[str]]:
    """For each recipient group of the delivery reports (RFC 3464 section 2.3): its text and action, in lower case."""
    found: list[list[str]] = []
    for leaf in leaves(root):
        if leaf.content_type == "message/delivery-status":
            text = leaf.decoded()[0][:100_000].decode("latin-1")
            for group in re.split(r"\r?\n[ \t]*\r?\n", text):
                action = _ACTION.search(group)
                if action or _RECIPIENT.search(group):
                    found.append([group, action.group(1).lower() if action else ""])
    return found


def _returned(root: Part, subject: str) -> bool:
    """A report that mail came back. «Delayed» is still under way, «delivered», «relayed» and «expanded» arrived."""
    actions = {action for _, action in _actions(root)}
    if actions - {""}:
        return "failed" in actions
    return not _DELAY_SUBJECT.match(subject)


def failed_recipients(root: Part, fields: Mapping[str, Sequence[bytes]]) -> tuple[str, ...]:
    """Whom a bounce says the message did not reach: Final-Recipient and Original-Recipient (RFC 3464), in order."""
    found: list[str] = []
    for group, action in _actions(root):
        if action in {"", "failed"}:
            found.extend(match.group(1) for match in _RECIPIENT.finditer(group))
    for value in fields.get("x-failed-recipients", ()):
        found.extend(part.strip() for part in decode_field(value)[0].split(",") if "@" in part)
    return tuple(dict.fromkeys(found))


def language_of(*texts: str) -> Literal["ru", "en", ""]:
    """``ru`` or ``en`` by counting letters: what can be counted can be explained. Empty without letters of either."""
    cyrillic = latin = 0
    for text in texts:
        sample = text[:20_000].encode("cp1251", "ignore")
        cyrillic += len(sample) - len(sample.translate(None, _CYRILLIC))
        latin += len(sample) - len(sample.translate(None, _LATIN))
    if not cyrillic and not latin:
        return ""
    # Latin stands in Russian mail as names, addresses and links; hardly the other way round.
    return "ru" if cyrillic * 3 >= latin else "en"
