"""Catalogues of the Russian texts. English msgids stand in the code.

python tools/catalogues.py update     take new msgids into every messages.po (new ones are empty), drop orphans
python tools/catalogues.py compile    .po -> .mo, byte for byte the same on every machine
python tools/catalogues.py check      exit 1 and say what is untranslated, orphaned, fuzzy, malformed or not compiled
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).resolve().parents[1] / "src" / "evidence"
# A package's catalogue holds the msgids of the folders named here.
PACKAGES = {
    "cli": ["cli", "pipeline"],
    "operate": ["operate"],
    "mailbox": ["mailbox"],
    "message": ["message"],
    "archive": ["archive"],
    "timeline": ["timeline"],
    "bundle": ["bundle"],
    "browse": ["browse"],
}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "said": None,
    "say": None,
    "words": None,
    "tr": None,
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
FIELD = re.compile(r"\{(\w*)[^{}]*\}")


def packages() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        path = SOURCE / package / "locale" / "ru" / "LC_MESSAGES" / "messages.po"
        if path.exists():
            yield package, path


def wanted(package: str) -> dict[str, tuple[object, list[str]]]:
    """msgid -> (msgid as Babel has it, where it stands)."""
    found: dict[str, tuple[object, list[str]]] = {}
    for folder in PACKAGES[package]:
        methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
        options = {"**/templates/**.html": {"extensions": "jinja2.ext.i18n", "trimmed": "true"}}
        for name, line, message, _comments, _context in extract_from_dir(
            SOURCE / folder, method_map=methods, options_map=options, keywords=KEYWORDS
        ):
            key = message if isinstance(message, str) else message[0]
            if key:
                found.setdefault(key, (message, []))[1].append(f"{folder}/{name}:{line}")
    return found


def read(path: Path) -> Catalog:
    with path.open("rb") as stream:
        return read_po(stream, locale="ru")


def compiled(catalogue: Catalog) -> bytes:
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def update(only: frozenset[str] = frozenset(PACKAGES)) -> None:
    for package, path in packages():
        if package not in only:
            continue
        old, new = read(path), Catalog(locale="ru", fuzzy=False, charset="utf-8")
        new.mime_headers = [("Content-Type", "text/plain; charset=utf-8"), ("Plural-Forms", old.plural_forms)]
        for key, (message, _places) in sorted(wanted(package).items()):
            known = old.get(key)
            new.add(message, known.string if known else "")
        for message in old:
            # Texts that are looked up by a variable are kept by a comment on them.
            if message.id and "kept" in message.auto_comments + message.user_comments and not new.get(message.id):
                new.add(message.id, message.string, user_comments=["kept"])
        with path.open("wb") as stream:
            write_po(
                stream, new, width=120, sort_output=True, omit_header=False, include_lineno=False, no_location=True
            )


def compile_all() -> None:
    for _package, path in packages():
        path.with_suffix(".mo").write_bytes(compiled(read(path)))


def faults() -> list[str]:
    """What is wrong with the catalogues, in words."""
    said = []
    for package, path in packages():
        catalogue, needed = read(path), wanted(package)
        for key, (_message, places) in needed.items():
            entry = catalogue.get(key)
            strings = [] if entry is None else [entry.string] if isinstance(entry.string, str) else list(entry.string)
            if not strings or not all(strings):
                said.append(f"{package}: untranslated: {key!r} ({places[0]})")
            elif any(set(FIELD.findall(s)) - set(FIELD.findall(key)) for s in strings):
                said.append(f"{package}: other fields than the msgid: {key!r}")
        if catalogue.fuzzy:
            said.append(f"{package}: the catalogue is fuzzy")
        mo = path.with_suffix(".mo")
        if not mo.exists() or mo.read_bytes() != compiled(catalogue):
            said.append(f"{package}: {mo.name} is not what {path.name} compiles to; run tools/catalogues.py compile")
    return said


if __name__ == "__main__":
    word = sys.argv[1] if len(sys.argv) == 2 else ""
    if word == "update":
        update()
    elif word == "compile":
        compile_all()
    elif word == "check":
        wrong = faults()
        print("\n".join(wrong))
        sys.exit(bool(wrong))
    else:
        sys.exit(__doc__)
