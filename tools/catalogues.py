"""Catalogues of the Russian texts. English msgids stand in the code.

python tools/catalogues.py update     take new msgids into every messages.po (new ones are empty), drop orphans
python tools/catalogues.py compile    .po -> .mo, byte for byte the same on every machine
python tools/catalogues.py check      exit 1 and say what is untranslated, orphaned, fuzzy, malformed or not compiled
"""

from __future__ import annotations

import ast
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
# A package's catalogue holds the msgids of the folders (or files) named here; "" is what lies above the packages.
PACKAGES = {
    "": ["config.py", "sections.py"],
    "cli": ["cli", "pipeline"],
    "operate": ["operate"],
    "mailbox": ["mailbox"],
    "message": ["message"],
    "archive": ["archive"],
    "timeline": ["timeline"],
    "bundle": ["bundle"],
    "browse": ["browse"],
    "wording": ["wording"],
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
        if (SOURCE / folder).is_file():
            for line, call in calls(SOURCE / folder):
                found.setdefault(call[0], (call if len(call) > 1 else call[0], [f"{folder}:{line}"]))
            continue
        methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
        options = {"**/templates/**.html": {"extensions": "jinja2.ext.i18n", "trimmed": "true"}}
        for name, line, message, _comments, _context in extract_from_dir(
            SOURCE / folder, method_map=methods, options_map=options, keywords=KEYWORDS
        ):
            key = message if isinstance(message, str) else message[0]
            if key:
                found.setdefault(key, (message, []))[1].append(f"{folder}/{name}:{line}")
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for line, call in calls(path):
                known = found.setdefault(call[0], (call if len(call) > 1 else call[0], []))
                if not known[1]:
                    known[1].append(f"{path.relative_to(SOURCE)}:{line}")
    return found


def calls(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line, (msgid,) or (msgid, plural)) of every call with a literal text: those inside f-strings, too, which Babel passes over."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name == "ngettext" and len(texts) >= 2:
            yield node.lineno, (texts[0], texts[1])
        elif name in KEYWORDS and "ngettext" not in name and name != "pgettext" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
                yield node.lineno, (first.value,)


def written() -> str:
    """All of the source and templates, to look for quoted texts in."""
    return "\n".join(p.read_text(encoding="utf-8") for kind in ("*.py", "*.html") for p in sorted(SOURCE.rglob(kind)))


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
        sources = written()
        for message in old:
            key = message.id if isinstance(message.id, str) else message.id[0] if message.id else ""
            if not key or new.get(key):
                continue
            # Looked up by a variable, or inside an f-string, where the extractor does not see it: kept while it stands in the source.
            if f'"{key}"' in sources or f"'{key}'" in sources:
                new.add(message.id, message.string)
            # Texts that stand nowhere as they are looked up are kept by a comment on them.
            elif "kept" in message.auto_comments + message.user_comments:
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
