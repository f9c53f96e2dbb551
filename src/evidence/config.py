"""config.toml -> a frozen ``Config``. All errors are reported at once, each with its line and the nearest known key."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from evidence.errors import UsageError

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not re.fullmatch(r"[^\s@<>,;]*@[^\s@<>,;]+", value):
            raise ValueError(f"«{value}» is neither an address (name@domain) nor a domain (@domain)")
    return tuple(_lower_domain(v) for v in values)


def _lower_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


class Matter(_Section):
    title: str
    language: Literal["ru", "en"] = "ru"
    timezone: str = "Europe/Moscow"
    archive: str = "archive.db"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError(f"no time zone is called «{value}»; use a name such as Europe/Moscow") from error
        return value


class Person(_Section):
    name: str
    addresses: tuple[str, ...] = ()

    _check = field_validator("addresses")(_addresses)


class Staff(Person):
    hourly_rate: Annotated[float, Field(ge=0)] = 0.0


class Us(Person):
    staff: tuple[Staff, ...] = ()


class Client(Person):
    delegates: tuple[Person, ...] = ()


class Counsel(_Section):
    addresses: tuple[str, ...] = ()

    _check = field_validator("addresses")(_addresses)


class Account(_Section):
    name: str
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 993
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

    @model_validator(mode="after")
    def _one_secret_and_safe_transport(self) -> Account:
        if self.tls == "none" and self.host not in LOOPBACK_HOSTS:
            raise ValueError(f'tls = "none" is allowed on loopback only, and «{self.host}» is another machine')
        ways = [
            bool(self.password_command),
            bool(self.password_env),
            self.keyring,
            bool(self.oauth or self.token_command),
        ]
        if sum(ways) > 1:
            raise ValueError("give one of password_command, password_env, keyring, oauth/token_command")
        for value in (self.host, self.username):
            if re.search(r"[\r\n\0]", value):
                raise ValueError("host and username cannot hold line breaks")
        return self


class Scope(_Section):
    messages: Literal["client", "linked", "all"] = "linked"


class Timeline(_Section):
    answer_within_days: Annotated[int, Field(ge=1, le=365)] = 3
    days: Literal["working", "calendar"] = "working"
    country: str = "RU"


class Effort(_Section):
    minutes_per_message: Annotated[float, Field(ge=0)] = 3.0
    words_per_minute_reading: Annotated[float, Field(gt=0)] = 150.0
    words_per_minute_writing: Annotated[float, Field(gt=0)] = 20.0
    currency: str = ""


class Dkim(_Section):
    dns: Literal["on", "off"] = "on"
    resolver: str = ""


class Anchor(_Section):
    tsa_url: str = ""
    ca_file: str = ""
    test: bool = False


class Bundle(_Section):
    paper: Literal["A4"] = "A4"
    bates_prefix: str = ""
    embed_max_mb: Annotated[int, Field(ge=0)] = 25


class Smtp(_Section):
    host: str
    port: int = 465
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    username: str = ""
    password_command: str | None = None
    password_env: str | None = None
    sender: str
    to: tuple[str, ...]


class Notify(_Section):
    command: str = ""
    ping_url: str = ""
    overdue_hours: Annotated[int, Field(ge=1)] = 48
    smtp: Smtp | None = None


class Assist(_Section):
    url: str = ""
    model: str = ""


class Config(_Section):
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
    folder: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        names = [a.name for a in self.account]
        if len(set(names)) != len(names):
            raise ValueError("two accounts have the same name")
        ours = {a.lower() for p in (self.us, *self.us.staff) for a in p.addresses}
        theirs = {a.lower() for p in (self.client, *self.client.delegates) for a in p.addresses}
        if both := sorted(ours & theirs):
            raise ValueError(f"{', '.join(both)} stands both for us and for the client")
        return self

    @property
    def archive_path(self) -> Path:
        return self.folder / self.matter.archive

    @property
    def bundles_path(self) -> Path:
        return self.folder / "bundles"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.matter.timezone)


def load_config(path: Path) -> Config:
    """Read ``path``. Raises UsageError naming every mistake with its line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            f"There is no configuration at {path}.",
            "",
            "Run `evidence init` to make one, or name it with -c or EVIDENCE_CONFIG.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read.", str(error), "Save it as UTF-8 text.") from None
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> Config:
    """The configuration in ``text``; ``path`` is for messages and for relative paths."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path} is not valid TOML.", str(error), "Mend that line and run the command again."
        ) from None
    try:
        return Config.model_validate({**table, "folder": path.resolve().parent})
    except ValidationError as error:
        lines = [_in_words(dict(e), text) for e in error.errors()]
        raise UsageError(
            f"{path} has {len(lines)} mistake{'s' if len(lines) > 1 else ''}.",
            "\n".join(lines),
            "config.example.toml shows every key.",
        ) from None


def _in_words(error: dict[str, Any], text: str) -> str:
    place = [part for part in error["loc"] if part != "folder"]
    dotted = ".".join(f"[{part + 1}]" if isinstance(part, int) else part for part in place).replace(".[", "[")
    line = _line_of(place, text)
    where = f"line {line}: " if line else ""
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _keys_beside(place), n=1, cutoff=0.5)
        hint = f"; did you mean «{near[0]}»?" if near else ""
        return f"  {where}{dotted}: no such key{hint}"
    if error["type"] == "missing":
        return f"  {where}{dotted}: this key is needed"
    return f"  {where}{dotted}: {error['msg'].removeprefix('Value error, ')}"


def _keys_beside(place: list[str | int]) -> list[str]:
    model: Any = Config
    for part in place[:-1]:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        found = [annotation, *getattr(annotation, "__args__", ())]
        model = next((a for a in found if isinstance(a, type) and issubclass(a, BaseModel)), None)
        if model is None:
            return []
    return [name for name in model.model_fields if name != "folder"]


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
