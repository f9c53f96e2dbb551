"""What derived rows were made by and from, as hashes: a row is kept in a rebuild only while all of it is the same."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable

from evidence import __version__
from evidence.config import Config
from evidence.model import sha256_hex

_READS = ("message", "archive", "pipeline", "timeline/parties.py")  # octets to rows and index, beside the spine
_JUDGES = ("timeline",)  # letters to flags, askings and promises; with the packs and models inside
_READING_LIBRARIES = ("mail-parser", "inscriptis", "charset-normalizer", "dkimpy", "snowballstemmer", "pypdfium2")
_JUDGING_LIBRARIES = ("pymorphy3", "pymorphy3-dicts-ru", "snowballstemmer", "numpy")
_CODE = (".py", ".sql", ".toml", ".npz", ".json", ".txt")


def config_key(config: Config) -> str:
    """What of the configuration, and of the matter's own rule packs, the derived tables depend on, as one hash."""
    chosen = config.model_dump_json(include={"matter", "us", "client", "counsel", "scope", "timeline", "effort"})
    return sha256_hex(f"{__version__}\n{_own_packs(config)}{chosen}".encode())


def reading_key() -> str:
    """Of all that turns octets into rows: the code and its libraries. Another one asks for a rebuild from nothing."""
    return sha256_hex(f"{__version__}\n{sys.version}\n{_code(_READS)}\n{_libraries(_READING_LIBRARIES)}".encode())


def judging_key(config: Config) -> str:
    """Of all that finds flags, askings and promises in one letter: code, models, packs, and the matter's time zone."""
    made_by = f"{_code(_JUDGES)}\n{_libraries(_JUDGING_LIBRARIES)}"
    return sha256_hex(f"{reading_key()}\n{made_by}\n{_own_packs(config)}{config.matter.timezone}".encode())


def parties_key(config: Config) -> str:
    """Of the addresses and names that say who speaks to whom."""
    return sha256_hex(config.model_dump_json(include={"us", "client", "counsel"}).encode())


def _own_packs(config: Config) -> str:
    own = sorted((config.folder / "packs").glob("*.toml"))
    return "".join(f"{path.name} {sha256_hex(path.read_bytes())}\n" for path in own)


@cache
def _code(parts: Iterable[str]) -> str:
    """The hash of the program's own files, by name: an installed release and a changed working copy are told apart."""
    digest = hashlib.sha256()
    root = files("evidence")
    spine = sorted(one.name for one in root.iterdir() if one.name.endswith(".py"))
    for part in (*spine, *parts):
        for name, octets in _under(root / part, part):
            digest.update(f"{name} {len(octets)}\n".encode() + octets)
    return digest.hexdigest()


def _under(place: Traversable, name: str) -> Iterable[tuple[str, bytes]]:
    if place.is_file():
        yield name, place.read_bytes()
        return
    for inner in sorted(place.iterdir(), key=lambda p: p.name):
        if inner.is_dir() and inner.name not in ("__pycache__", "locale"):
            yield from _under(inner, f"{name}/{inner.name}")
        elif inner.name.endswith(_CODE):
            yield f"{name}/{inner.name}", inner.read_bytes()


def _libraries(names: Iterable[str]) -> str:
    return "\n".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"
