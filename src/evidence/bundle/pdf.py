"""Rendering with limits: a few child processes, a deadline for every job, a cache by content.

Input and output of the bundle stage live here and in ``produce``. A job that breaks a child, exhausts its memory or
outlives its deadline raises ``RenderFailure``; the caller falls back to text.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.sax.saxutils import escape

from evidence.bundle.text import FONTS

MEMORY = 1_500_000_000  # octets of address space a child may have
DEADLINE = 20.0  # seconds for one job that holds sender-made HTML, picture or PDF
LONG_DEADLINE = 600.0  # seconds for pages made of our own markup only


class RenderFailure(Exception):
    """A job could not be rendered within its limits. ``reason``: time, memory, nesting, or what the child said."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rendered:
    """A PDF of consecutive pages. ``places`` maps an anchor to (page from 0, x, y in CSS pixels from the top left).

    ``numbers`` counts the page numbers that ``folio.py`` has to write into its pages.
    """

    path: Path
    pages: int
    places: Mapping[str, tuple[int, float, float]]
    numbers: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """HTML to render within ``seconds``: short where markup or pictures of a sender are in it."""

    html: str
    pictures: Mapping[str, Path] = field(default_factory=dict)
    seconds: float = LONG_DEADLINE

    def key(self) -> str:
        """Names the outcome: markup, pictures and versions of everything that draws."""
        digest = hashlib.sha256(f"{_versions()}\0{self.html}".encode())
        for name in sorted(self.pictures):
            digest.update(hashlib.sha256(self.pictures[name].read_bytes()).digest())
        return digest.hexdigest()


@cache
def _versions() -> str:
    fonts = hashlib.sha256()
    for path in sorted(FONTS.glob("*.ttf")):
        fonts.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    packages = ("weasyprint", "fonttools", "pydyf", "pillow", "pypdfium2", "pikepdf")
    return " ".join([*(f"{name}={version(name)}" for name in packages), fonts.hexdigest(), "layout 3"])


def _rendered(path: Path, note: Mapping[str, Any]) -> Rendered:
    places = {name: (int(page), x, y) for name, (page, x, y) in note["places"].items()}
    return Rendered(path, note["pages"], places, note["numbers"])


class _Child:
    """One rendering process and the pipe to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "evidence.bundle.render", str(MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
        )
        self._buffer = b""

    def ask(self, job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        if not self._process.stdin or not self._process.stdout:  # pragma: no cover - both were asked for as pipes
            raise RenderFailure("ended")
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RenderFailure("ended") from None
        until = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise RenderFailure("time")
            octets = os.read(self._process.stdout.fileno(), 1 << 16)
            if not octets:
                raise RenderFailure("memory")
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise RenderFailure(answer["failed"])
        return answer

    def end(self) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()
        self._process.wait()


class Renderer:
    """A pool of children and the cache; a context manager. ``jobs`` 0 is one child per core, at most four."""

    def __init__(self, cache_folder: Path | None, jobs: int = 0) -> None:
        self._jobs = jobs or max(1, min(4, os.cpu_count() or 1))
        self._cache = cache_folder
        # The last one back is the first one out: a child is started only when none is free.
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(self._jobs):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._serial = 0
        self.hits = 0
        self.folder = Path(tempfile.mkdtemp(prefix="evidence-bundle-"))
        self._environment = self._child_environment()

    def __enter__(self) -> Renderer:
        if self._cache:
            self._cache.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._jobs):
            if (child := self._idle.get()) is not None:
                child.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _child_environment(self) -> dict[str, str]:
        """Only what Python and Pango need; fontconfig sees the shipped fonts and none of the machine's."""
        configuration = self.folder / "fonts.conf"
        configuration.write_text(
            '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
            f"<dir>{escape(str(FONTS))}</dir><cachedir>{escape(str(self.folder / 'fontcache'))}</cachedir>"
            "<alias><family>sans-serif</family><prefer><family>Noto Sans</family></prefer></alias>"
            "<alias><family>serif</family><prefer><family>Noto Serif</family></prefer></alias>"
            "<alias><family>monospace</family><prefer><family>Noto Sans Mono</family></prefer></alias>"
            "<alias><family>emoji</family><prefer><family>Noto Emoji</family></prefer></alias>"
            "</fontconfig>",
            "utf-8",
        )
        kept = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "DYLD_FALLBACK_LIBRARY_PATH", "LD_LIBRARY_PATH")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "FONTCONFIG_FILE": str(configuration),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
            "SOURCE_DATE_EPOCH": "0",
            "TZ": "UTC",
        }

    def path(self, suffix: str) -> Path:
        """A fresh file name in this renderer's own folder, which is removed at the end."""
        with self._lock:
            self._serial += 1
            return self.folder / f"{self._serial:06d}{suffix}"

    def ask(self, job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """One job on a free child. Raises RenderFailure; the child is replaced when it did not survive."""
        child = self._idle.get() or _Child(self._environment)
        try:
            answer = child.ask(job, seconds)
        except BaseException:
            child.end()
            self._idle.put(None)
            raise
        self._idle.put(child)
        return answer

    def render(self, chunk: Chunk) -> Rendered:
        """Pages of one chunk, from the cache if they were made before. Raises RenderFailure."""
        key = chunk.key() if self._cache else ""
        if self._cache and key and (found := self._cached(self._cache, key)):
            with self._lock:
                self.hits += 1
            return found
        source, out = self.path(".html"), self.path(".pdf")
        source.write_text(chunk.html, "utf-8")
        job: dict[str, Any] = {"op": "pages", "html": str(source), "out": str(out)}
        job["pictures"] = {name: str(path) for name, path in chunk.pictures.items()}
        answer = self.ask(job, chunk.seconds)
        source.unlink()
        rendered = _rendered(out, answer)
        if self._cache and key:
            self._keep(self._cache, key, rendered)
        return rendered

    def render_all(self, chunks: Sequence[Chunk], done: Callable[[int], None]) -> list[Rendered | RenderFailure]:
        """Every chunk over the children, in order; a failure stands in its place."""
        finished = 0

        def one(chunk: Chunk) -> Rendered | RenderFailure:
            nonlocal finished
            try:
                outcome: Rendered | RenderFailure = self.render(chunk)
            except RenderFailure as failure:
                outcome = failure
            with self._lock:
                finished += 1
                done(finished)
            return outcome

        with ThreadPoolExecutor(self._jobs) as threads:
            return list(threads.map(one, chunks))

    def _cached(self, cache: Path, key: str) -> Rendered | None:
        note, pdf = cache / f"{key}.json", cache / f"{key}.pdf"
        try:
            kept = json.loads(note.read_text("utf-8"))
            if hashlib.sha256(pdf.read_bytes()).hexdigest() != kept["sha256"]:
                return None
            return _rendered(pdf, kept)
        except (OSError, ValueError, KeyError):
            return None

    def _keep(self, cache: Path, key: str, rendered: Rendered) -> None:
        partial = cache / f"{key}.{os.getpid()}.{threading.get_ident()}.part"
        shutil.copyfile(rendered.path, partial)
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(cache / f"{key}.pdf")
        note = {"pages": rendered.pages, "places": rendered.places, "numbers": rendered.numbers, "sha256": digest}
        partial.write_text(json.dumps(note), "utf-8")
        partial.replace(cache / f"{key}.json")

    # ---- pictures --------------------------------------------------------------------------

    def picture(self, octets: bytes) -> tuple[Path, Mapping[str, Any]]:
        """A JPEG of a picture and its measures. Raises RenderFailure."""
        source, out = self.path(".bin"), self.path(".jpg")
        source.write_bytes(octets)
        return out, self.ask({"op": "picture", "source": str(source), "out": str(out)}, DEADLINE)

    def pdf_pages(self, octets: bytes, most: int) -> tuple[list[Path], int]:
        """JPEGs of the first ``most`` pages of a PDF, and how many pages it has. Raises RenderFailure."""
        source, out = self.path(".bin"), self.path("-")
        source.write_bytes(octets)
        job = {"op": "pdf-pages", "source": str(source), "out": str(out), "most": most}
        answer = self.ask(job, DEADLINE + most)
        return [Path(f"{out}{i}.jpg") for i in range(len(answer["sizes"]))], answer["total"]
