"""Looks for a secret wherever it might have been left: in files, inside what they pack, and in the arguments of processes."""

from __future__ import annotations

import base64
import gzip
import io
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import pikepdf
import pypdfium2


def forms(secret: str) -> set[bytes]:
    """The spellings in which a secret travels: as it is, in UTF-16, hexadecimal, percent signs, and base64 at every offset."""
    plain = secret.encode()
    found = {
        plain,
        secret.encode("utf-16-le"),
        secret.encode("utf-16-be"),
        plain.hex().encode(),
        plain.hex().upper().encode(),
    }
    found |= {quote(secret, safe="").encode(), "".join(f"%{b:02X}" for b in plain).encode()}
    for before in range(3):  # what stays the same whatever stands before and after it
        start = -(-before * 8 // 6)
        whole = (before + len(plain)) * 8 // 6
        found.add(base64.b64encode(b"\0" * before + plain)[start:whole])
    return found


def octets_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, and those of everything packed in it: members of archives, streams and text of a PDF."""
    yield from unpacked(path.name, path.read_bytes())


def unpacked(name: str, octets: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, octets
    if octets.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            for member in archive.infolist():
                yield from unpacked(f"{name}/{member.filename}", archive.read(member))
    elif octets.startswith(b"%PDF-"):
        yield from pdf_parts(name, octets)
    elif octets.startswith(b"\x1f\x8b"):
        yield from unpacked(f"{name}/gzip", gzip.decompress(octets))
    elif name.endswith(".z"):
        yield from unpacked(f"{name}/zlib", zlib.decompress(octets))


def pdf_parts(name: str, octets: bytes) -> Iterator[tuple[str, bytes]]:
    with pikepdf.open(io.BytesIO(octets)) as pdf:
        for number, thing in enumerate(pdf.objects):
            if isinstance(thing, pikepdf.Stream):
                try:
                    yield f"{name}/object {number}", thing.read_bytes()
                except pikepdf.PdfError:  # an image in its own coding
                    yield f"{name}/object {number}", thing.read_raw_bytes()
            else:
                yield (
                    f"{name}/object {number}",
                    thing.unparse() if hasattr(thing, "unparse") else bytes(str(thing), "utf-8"),
                )
    document = pypdfium2.PdfDocument(octets)
    try:
        for page in range(len(document)):
            text = document[page].get_textpage().get_text_bounded()
            yield f"{name}/page {page + 1}", "".join(text.split()).encode()
    finally:
        document.close()


def found_in(folder: Path, secret: str) -> list[str]:
    """Every place under ``folder`` that holds the secret in any form, names of files included."""
    wanted = forms(secret)
    places = []
    for path in sorted(folder.rglob("*")):
        if secret in path.name:
            places.append(f"the name {path}")
        if path.is_file() and not path.is_symlink():
            places += [where for where, octets in octets_of(path) if any(form in octets for form in wanted)]
    return places


class Watch:
    """While it lasts, reads the arguments of every process on this machine again and again. Linux only."""

    def __init__(self, secret: str, every: float = 0.025) -> None:
        self._wanted, self._every = forms(secret), every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.found: set[bytes] = set()
        self.rounds = 0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._end.wait(self._every):
            self.rounds += 1
            for folder in Path("/proc").iterdir():
                if not folder.name.isdigit():
                    continue
                try:
                    arguments = (folder / "cmdline").read_bytes()
                except OSError:  # it has ended
                    continue
                if any(form in arguments for form in self._wanted):
                    self.found.add(arguments)
