"""config.toml -> a frozen ``Config``. All errors are reported at once, each with its line and the nearest known key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from evidence.addresses import normal
from evidence.errors import UsageError
from evidence.i18n import default_language, talk, translation
from evidence.sections import AtLeast, AtMost, Invalid, Mistake, MoreThan, Section

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

tr = talk("")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


def checked_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and ``@domain`` with the domain in lower case. Raises ValueError naming the first that is neither."""
    for value in values:
        if not re.fullmatch(r"[^\s@<>,;]*@[^\s@<>,;]+", value):
            raise ValueError(
                tr("“{value}” is neither an address (name@domain) nor a domain (@domain)").format(value=value)
            )
    return tuple(_lower_domain(v) for v in values)


def _lower_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def known_zone(value: str) -> str:
    """``value`` where it names a time zone. Raises ValueError."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except Exception as error:
        raise ValueError(
            tr("no time zone is called “{value}”; use a name such as Europe/Moscow").format(value=value)
        ) from error
    return value


class Matter(Section):
    title: str
    language: Literal["ru", "en"] = "ru"
    timezone: str = "Europe/Moscow"
    archive: str = "archive.db"

    _checks: ClassVar = {"timezone": known_zone}


class Person(Section):
    name: str
    addresses: tuple[str, ...] = ()

    _checks: ClassVar = {"addresses": checked_addresses}


class Staff(Person):
    hourly_rate: Annotated[float, AtLeast(0)] = 0.0


class Us(Person):
    staff: tuple[Staff, ...] = ()


class Client(Person):
    delegates: tuple[Person, ...] = ()


class Counsel(Section):
    addresses: tuple[str, ...] = ()

    _checks: ClassVar = {"addresses": checked_addresses}


class Account(Section):
    name: str
    host: str
    port: Annotated[int, AtLeast(1), AtMost(65535)] = 993
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    username: str
    password_command: str | None = None
    password_env: str | None = None
    keyring: bool = False
    oauth: Literal["microsoft", "google", "command"] | None = None
    oauth_client_id: str | None = None
    token_command: str | None = None
    ca_file: str | None = None
    folders: tuple[str, ...] = ("*",)
    exclude_folders: tuple[str, ...] = ()

    def _agree(self) -> None:
        """One secret, and a safe way there."""
        if self.tls == "none" and self.host not in LOOPBACK_HOSTS:
            raise ValueError(
                tr('tls = "none" is allowed only within this machine (loopback); “{host}” is another machine').format(
                    host=self.host
                )
            )
        ways = [
            bool(self.password_command),
            bool(self.password_env),
            self.keyring,
            bool(self.oauth or self.token_command),
        ]
        if sum(ways) > 1:
            raise ValueError(tr("give only one of password_command, password_env, keyring, oauth/token_command"))
        for value in (self.host, self.username):
            if re.search(r"[\r\n\0]", value):
                raise ValueError(tr("host and username must not contain line breaks"))


class Scope(Section):
    messages: Literal["client", "linked", "all"] = "linked"


class Timeline(Section):
    answer_within_days: Annotated[int, AtLeast(1), AtMost(365)] = 3
    days: Literal["working", "calendar"] = "working"
    country: str = "RU"
    gap_days: Annotated[int, AtLeast(1), AtMost(365)] = 14  # days without a letter from which a silence is shown


class Effort(Section):
    minutes_per_message: Annotated[float, AtLeast(0)] = 3.0
    words_per_minute_reading: Annotated[float, MoreThan(0)] = 150.0
    words_per_minute_writing: Annotated[float, MoreThan(0)] = 20.0
    currency: str = ""


class Dkim(Section):
    dns: Literal["on", "off"] = "on"
    resolver: str = ""


class Anchor(Section):
    tsa_url: str = ""
    ca_file: str = ""
    test: bool = False


class Bundle(Section):
    paper: Literal["A4"] = "A4"
    bates_prefix: str = ""
    embed_max_mb: Annotated[int, AtLeast(0)] = 25


class Smtp(Section):
    host: str
    port: int = 465
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    username: str = ""
    password_command: str | None = None
    password_env: str | None = None
    sender: str
    to: tuple[str, ...]


class Notify(Section):
    command: str = ""
    ping_url: str = ""
    overdue_hours: Annotated[int, AtLeast(1)] = 48
    smtp: Smtp | None = None


class Assist(Section):
    url: str = ""
    model: str = ""


class Config(Section):
    """The whole of config.toml. ``folder`` is where the file lies; relative paths are taken from there."""

    matter: Matter
    us: Us
    client: Client
    counsel: Counsel = Counsel()
    account: tuple[Account, ...] = ()
    scope: Scope = Scope()
    timeline: Timeline = Timeline()
    effort: Effort = Effort()
    dkim: Dkim = Dkim()
    anchor: Anchor = Anchor()
    bundle: Bundle = Bundle()
    notify: Notify = Notify()
    assist: Assist = Assist()
    folder: Path = Path()

    _silent = frozenset(("folder",))

    def _agree(self) -> None:
        names = [a.name for a in self.account]
        if len(set(names)) != len(names):
            raise ValueError(tr("two accounts have the same name"))
        ours = {normal(a) for p in (self.us, *self.us.staff) for a in p.addresses}
        theirs = {normal(a) for p in (self.client, *self.client.delegates) for a in p.addresses}
        if both := sorted(ours & theirs):
            raise ValueError(tr("{names} is listed both for us and for the client").format(names=", ".join(both)))

    @property
    def archive_path(self) -> Path:
        return self.folder / self.matter.archive

    @property
    def bundles_path(self) -> Path:
        return self.folder / "bundles"

    @property
    def zone(self) -> ZoneInfo:
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.matter.timezone)


def load_config(path: Path) -> Config:
    """Read ``path``. Raises UsageError naming every mistake with its line."""
    return parse_config(read_config(path), path)


def read_config(path: Path) -> str:
    """The text of ``path``, without the byte order mark that some editors put before it. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            tr("There is no configuration file at {path}.").format(path=path),
            "",
            tr("Run `evidence init` to create one, or point to an existing file with -c or EVIDENCE_CONFIG."),
        ) from None
    except OSError as error:
        raise UsageError(
            tr("{path} cannot be read.").format(path=path),
            str(error.strerror),
            tr("Check the path, and that you may read the file."),
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            tr("{path} cannot be read.").format(path=path), str(error), tr("Save it as UTF-8 text.")
        ) from None


def parse_config(text: str, path: Path) -> Config:
    """The configuration in ``text``; ``path`` is for messages and for relative paths."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            tr("{path} is not valid TOML.").format(path=path),
            "\n".join(filter(None, (_toml_in_words(str(error)), _likely_slip(str(error), text)))),
            tr("Correct that line and run the command again."),
        ) from None
    try:
        return Config.model_validate({**table, "folder": path.resolve().parent})
    except Invalid as error:
        lines = [_in_words(mistake, text) for mistake in error.mistakes]
        raise UsageError(
            translation("", default_language())
            .ngettext("{path} has {n} mistake.", "{path} has {n} mistakes.", len(lines))
            .format(path=path, n=len(lines)),
            "\n".join(lines),
            tr("Correct these lines and run the command again; config.example.toml shows every key."),
        ) from None


def _toml_in_words(said: str) -> str:
    """Where tomllib stopped, first; then its own words, which exist in English only."""
    found = re.fullmatch(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", said)
    if found is None:
        return said
    where = tr("line {line}, column {column}").format(line=found[2], column=found[3]) if found[2] else tr("end of file")
    return f"  {where}: {found[1]}"


def _likely_slip(said: str, text: str) -> str:
    """What most often is wrong where a person not used to TOML typed: quotes from a word processor, Windows paths, a table twice."""
    found = re.search(r"at line (\d+)", said)
    lines = text.splitlines()
    line = lines[int(found[1]) - 1] if found and int(found[1]) <= len(lines) else ""
    if "twice" in said:
        return "  " + tr("A section stands twice; put its keys together under one heading.")
    if "overwrite" in said:
        return "  " + tr("This key stands twice in its section; keep one of them.")
    if re.search(r"=\s*(?i:true|false|yes|no|on|off)\s*(#|$)", line):
        return "  " + tr("Yes and no are written true and false, in small letters.")
    if re.search("[“”„«»‘’]", line.partition("#")[0]):
        return "  " + tr('Text stands between straight quotation marks: "…", not “…” or «…».')
    if "\\" in line:
        return "  " + tr("In \"…\" a backslash begins a code: write / in paths, or put the text in '…'.")
    if re.search(r"[=\[,]\s*[^\W\d]", line.partition("#")[0]):
        return "  " + tr('Text stands between straight quotation marks: "…".')
    return ""


def _in_words(mistake: Mistake, text: str) -> str:
    place = [part for part in mistake.place if part != "folder"]
    dotted = ".".join(f"[{part + 1}]" if isinstance(part, int) else part for part in place).replace(".[", "[")
    if not dotted:
        return f"  {mistake.text}"
    line = _line_of(place, text)
    where = tr("line {line}: ").format(line=line) if line else ""
    if mistake.kind == "extra_forbidden":
        import difflib

        near = difflib.get_close_matches(str(place[-1]), _keys_beside(place), n=1, cutoff=0.5)
        hint = tr("; did you mean “{name}”?").format(name=near[0]) if near else ""
        return f"  {where}{dotted}: " + tr("no such key") + hint
    if mistake.kind == "missing":
        return f"  {where}{dotted}: " + tr("this key is required")
    if line and re.match(rf"\s*\[[^\[\]]*\b{re.escape(str(place[-1]))}\s*\]", text.splitlines()[line - 1]):
        return f"  {where}{dotted}: " + tr("this section may be repeated: write [[{name}]], in double brackets").format(
            name=dotted
        )
    return f"  {where}{dotted}: {mistake.text}"


def _keys_beside(place: list[str | int]) -> list[str]:
    section: type[Section] = Config
    for part in place[:-1]:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[part].annotation
        found = [annotation, *getattr(annotation, "__args__", ())]
        inner = next((a for a in found if isinstance(a, type) and issubclass(a, Section)), None)
        if inner is None:
            return []
        section = inner
    return [name for name in section.model_fields if name != "folder"]


def _line_of(place: list[str | int], text: str) -> int | None:
    """The line the last named key stands on: counts [[table]] headers, then looks for the key below."""
    lines = text.splitlines()
    at = 0
    for number, part in enumerate(place):
        if isinstance(part, int):
            continue
        count = place[number + 1] + 1 if number + 1 < len(place) and isinstance(place[number + 1], int) else 1  # type: ignore[operator]
        for _ in range(count):
            pattern = re.compile(
                rf"^\s*(\[+[^\]]*\b{re.escape(part)}\s*\]+|{re.escape(part)}\s*=|\"{re.escape(part)}\"\s*=)"
            )
            for index in range(at, len(lines)):
                if pattern.match(lines[index]):
                    at = index + 1
                    break
            else:
                return at or None
    return at or None
