"""The set-up of a matter: what is asked is in ``cli/init.py``; here are the proposals and the commented config.toml."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import tomlkit

from evidence.config import parse_config
from evidence.i18n import translation
from evidence.mailbox.addresses import addresses as addresses_in
from evidence.mailbox.addresses import fields
from evidence.mailbox.mailbox import Mailbox
from evidence.model import FolderName

PEEKED_PER_FOLDER = 2000


@dataclass(frozen=True, slots=True)
class Colleague:
    """An address of our own domain that writes or is written to."""

    name: str
    address: str
    messages: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Who corresponds in a mailbox, both sides, most messages first."""

    ours: tuple[Colleague, ...] = ()
    theirs: tuple[Correspondent, ...] = ()


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A domain (or a lone address at a public provider) met in the mailbox: who writes there and how often."""

    domain: str
    names: tuple[str, ...]
    addresses: tuple[tuple[str, int], ...]
    messages: int


@dataclass
class Answers:
    """What the person said; everything has a default but the parties."""

    title: str = ""
    language: Literal["ru", "en"] = "ru"
    timezone: str = "Europe/Moscow"
    us_name: str = ""
    us_addresses: list[str] = field(default_factory=list)
    staff: list[tuple[str, str, float]] = field(default_factory=list)  # name, address, hourly rate
    client_name: str = ""
    client_addresses: list[str] = field(default_factory=list)
    delegates: list[tuple[str, str]] = field(default_factory=list)
    counsel: list[str] = field(default_factory=list)
    account_name: str = "office"
    host: str = ""
    port: int = 993
    tls: str = "implicit"
    username: str = ""
    password_command: str = ""
    password_env: str = ""
    keyring: bool = False
    oauth: str = ""
    oauth_client_id: str = ""
    ca_file: str = ""
    answer_within_days: int = 3
    country: str = "RU"


PUBLIC = frozenset(
    "gmail.com googlemail.com yandex.ru ya.ru yandex.com mail.ru inbox.ru list.ru bk.ru rambler.ru outlook.com hotmail.com live.com "
    "icloud.com me.com fastmail.com yahoo.com proton.me protonmail.com gmx.de gmx.net aol.com".split()
)


def survey(mailbox: Mailbox, folders: Sequence[FolderName], own: str) -> Survey:
    """Who corresponds in this mailbox, from the newest headers of each folder. ``own`` is its address."""
    counts: Counter[str] = Counter()
    letters: Counter[frozenset[str]] = Counter()
    names: dict[str, Counter[str]] = defaultdict(Counter)
    for folder in folders:
        status = mailbox.examine(folder)
        if not status.exists:
            continue
        first = max(1, (status.uidnext or status.exists + 1) - PEEKED_PER_FOLDER)
        for peek in mailbox.peek_headers(first, None):
            people = dict(_people(peek.header))
            letters[frozenset(people)] += 1
            for address, name in people.items():
                counts[address] += 1
                if name:
                    names[address][name] += 1
    return Survey(colleagues(counts, names, own), tuple(grouped(counts, names, own, letters)))


def colleagues(counts: Counter[str], names: dict[str, Counter[str]], own: str) -> tuple[Colleague, ...]:
    """The addresses of our own domain; at a public provider the mailbox's own alone."""
    domain = own.rpartition("@")[2].lower()
    ours = [a for a in counts if a == own.lower() or (domain not in PUBLIC and a.endswith("@" + domain))]
    ours.sort(key=lambda a: (-counts[a], a))
    return tuple(Colleague(names[a].most_common(1)[0][0] if names[a] else "", a, counts[a]) for a in ours)


ASKED = ("from", "to", "cc", "reply-to", "sender")


def _people(header: bytes) -> Iterable[tuple[str, str]]:
    seen = set()
    for name, value in fields(header):
        for mention in addresses_in(name, value) if name in ASKED else ():
            address = mention.address.lower()
            if not mention.shown and "@" in address and address not in seen:
                seen.add(address)
                yield address, mention.name


def grouped(
    counts: Counter[str],
    names: dict[str, Counter[str]],
    own: str,
    letters: Counter[frozenset[str]] | None = None,
) -> list[Correspondent]:
    """Addresses by firm: one domain is one firm, but each address at a public provider stands alone.

    ``letters`` (addresses of a letter -> how many such) keeps one that names two of a firm from being counted twice.
    """
    own_domain = own.rpartition("@")[2].lower()
    groups: dict[str, list[str]] = defaultdict(list)
    for address in counts:
        domain = address.rpartition("@")[2]
        if address == own.lower() or (domain == own_domain and domain not in PUBLIC):
            continue
        groups[address if domain in PUBLIC else domain].append(address)
    found = []
    for key, addresses in groups.items():
        ordered = sorted(((a, counts[a]) for a in addresses), key=lambda pair: (-pair[1], pair[0]))
        named = [names[a].most_common(1)[0][0] for a, _n in ordered if names[a]]
        members = {a for a, _n in ordered}
        total = (
            sum(n for _a, n in ordered)
            if letters is None
            else sum(n for together, n in letters.items() if members & together)
        )
        found.append(Correspondent(key, tuple(dict.fromkeys(named)), tuple(ordered), total))
    return sorted(found, key=lambda c: (-c.messages, c.domain))


def likely_sent(folders: Sequence[FolderName]) -> list[FolderName]:
    """INBOX and the sent folder (RFC 6154 \\Sent, or by its usual names): where a proposal is drawn from."""
    usual = re.compile(r"(?i)^(inbox|sent|sent items|sent messages|отправленные|исходящие)$")
    return [
        f
        for f in folders
        if "\\sent" in (a.lower() for a in f.attributes) or usual.match(f.name.rpartition(f.delimiter or "/")[2])
    ]


# ---- writing -------------------------------------------------------------------------------


def new_config(answers: Answers) -> str:
    """A commented config.toml from the shipped template. Checked by reading it back."""
    template = (files("evidence.operate") / "samples" / f"template.{answers.language}.toml").read_text(encoding="utf-8")
    return _aligned(_fill(tomlkit.parse(template), answers))


def _aligned(text: str) -> str:
    """Remarks under each other again, where an answer has moved one."""
    return re.sub(r"(?m)^(\S[^#\n]*?) {2,}(?=# )", lambda found: found[1].ljust(39) + " ", text)


def local_zone(default: str) -> str:
    """This machine's time zone by its name (what /etc/localtime points to, or TZ), or ``default`` where it tells none."""
    named = os.environ.get("TZ", "").lstrip(":") or str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    return named if named in available_timezones() and "/" in named and not named.startswith("Etc/") else default


def edited_config(text: str, answers: Answers) -> str:
    """The person's own file with the answers put in; comments and everything not asked stay as they are."""
    return _fill(tomlkit.parse(text), answers, before=from_config(text))


def _fill(document: Any, a: Answers, before: Answers | None = None) -> str:
    """``before``: what the document says now. People who were not asked about keep all that stands there of them."""
    before = before or Answers()
    _set(document, "matter", {"title": a.title, "language": a.language, "timezone": a.timezone})
    _set(document, "us", {"name": a.us_name, "addresses": a.us_addresses})
    _set(document, "client", {"name": a.client_name, "addresses": a.client_addresses})
    if a.staff and a.staff != before.staff:
        _replace(
            document["us"],
            "staff",
            [{"name": n, "addresses": [x] if x else [], "hourly_rate": r} for n, x, r in a.staff],
        )
    if a.delegates and a.delegates != before.delegates:
        _replace(document["client"], "delegates", [{"name": n, "addresses": [x] if x else []} for n, x in a.delegates])
    if a.counsel:
        _set(document, "counsel", {"addresses": a.counsel})
    _set(document, "timeline", {"answer_within_days": a.answer_within_days, "country": a.country})
    added = _account(document, a) if a.host else ""
    text = tomlkit.dumps(document).rstrip("\n") + "\n" + added
    parse_config(text, Path("config.toml"))
    return text


def _set(document: Any, table: str, values: dict[str, Any]) -> None:
    if table not in document:
        document[table] = tomlkit.table()
    for key, value in values.items():
        if document[table].get(key) != value:
            document[table][key] = value


def _replace(table: Any, key: str, rows: list[dict[str, Any]]) -> None:
    if [dict(row) for row in table.get(key, [])] == rows:
        return
    array = tomlkit.aot()
    for row in rows:
        item = tomlkit.table()
        for name, value in row.items():
            item[name] = value
        array.append(item)
    table[key] = array


def _account(document: Any, a: Answers) -> str:
    """Put the answers into the account they are about; for a new one return its text, with remarks, to stand at the end."""
    found = next(
        (
            row
            for row in document.get("account", [])
            if row.get("name") == a.account_name or row.get("username") == a.username
        ),
        None,
    )
    row = {} if found is None else found
    values: dict[str, Any] = {
        "name": a.account_name,
        "host": a.host,
        "port": a.port,
        "tls": a.tls,
        "username": a.username,
    }
    for key in ("password_command", "password_env", "keyring", "oauth", "oauth_client_id", "ca_file"):
        value = getattr(a, key)
        if value:
            values[key] = value
        elif key in row and key != "ca_file":
            del row[key]
    for key, value in values.items():
        if row.get(key) != value:
            row[key] = value
    if found is not None:
        return ""
    said = translation("operate", a.language).gettext
    remarks = {
        "name": said("what the program calls this mailbox"),
        "tls": said("implicit | starttls | none (this machine only)"),
        "password_command": said("this command prints the password; it is not stored anywhere"),
        "password_env": said("this environment variable holds the password; scheduled runs do not see it"),
        "keyring": said("the password is kept in the system's keyring: evidence login"),
        "ca_file": said("your own certificate authority"),
    }
    lines = ["", "[[account]]"]
    for key, value in row.items():
        line = f"{key} = {tomlkit.item(value).as_string()}"
        lines.append(f"{line.ljust(39)} # {remarks[key]}" if key in remarks else line)
    line = 'folders = ["*"]'
    lines.append(f"{line.ljust(39)} # {said('all, Junk and Trash included, unless listed in exclude_folders')}")
    return "\n".join(lines) + "\n"


def from_config(text: str, path: Path = Path("config.toml")) -> Answers:
    """The answers an existing file holds, to be offered as defaults. Raises UsageError that names ``path``."""
    config = parse_config(text, path)
    first = config.account[0] if config.account else None
    answers = Answers(
        title=config.matter.title,
        language=config.matter.language,
        timezone=config.matter.timezone,
        us_name=config.us.name,
        us_addresses=list(config.us.addresses),
        staff=[(p.name, next(iter(p.addresses), ""), p.hourly_rate) for p in config.us.staff],
        client_name=config.client.name,
        client_addresses=list(config.client.addresses),
        delegates=[(p.name, next(iter(p.addresses), "")) for p in config.client.delegates],
        counsel=list(config.counsel.addresses),
        answer_within_days=config.timeline.answer_within_days,
        country=config.timeline.country,
    )
    if first is not None:
        answers.account_name, answers.host, answers.port, answers.tls = first.name, first.host, first.port, first.tls
        answers.username, answers.keyring = first.username, first.keyring
        answers.password_command, answers.password_env = first.password_command or "", first.password_env or ""
        answers.oauth, answers.oauth_client_id, answers.ca_file = (
            first.oauth or "",
            first.oauth_client_id or "",
            first.ca_file or "",
        )
    return answers
