"""What the benchmarks share: a served mailbox, a matter, running a command with its cost, and tables with JSON beside them.

Every result is a median with its range over rounds in which the contenders take turns, and ratios are formed pair by pair
within a round: the machine's other load moves both sides of a pair alike. Processor seconds include all child processes.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import platform
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

from mailbox_made import made  # noqa: E402

EVIDENCE = [sys.executable, "-c", "from evidence.cli import main; main()"]


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and seconds of processor time of the process and all its children."""

    wall: float
    cpu: float


def parser(doc: str | None, *, size: int, rounds: int = 5, unit: str = "messages") -> argparse.ArgumentParser:
    made_parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made_parser.add_argument("--size", type=int, default=size, help=f"{unit} (default {size})")
    made_parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds in rotation (default {rounds})")
    made_parser.add_argument(
        "--json", type=Path, help="where the result goes (default benchmarks/results/NAME-SIZE.json)"
    )
    return made_parser


def _adopt_orphans() -> None:
    """Let worker processes whose parent went away become ours, so that their processor time is counted (Linux only)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def run(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, ok: Sequence[int] = (0,)
) -> Cost:
    """Run a command to its end, children included. Raises RuntimeError with its talk where the exit code is another."""
    _adopt_orphans()
    with tempfile.TemporaryFile() as talk:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**usual_environment(), **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=talk,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        for child in _orphans():
            with contextlib.suppress(ChildProcessError):
                _, _, used = os.wait4(child, 0)
                cpu += used.ru_utime + used.ru_stime
        if process.returncode not in ok:
            talk.seek(0)
            raise RuntimeError(
                f"{command[:4]} ended with {process.returncode}: {talk.read().decode(errors='replace')[-2000:]}"
            )
    return Cost(wall, cpu)


def usual_environment() -> dict[str, str]:
    """Ours without what would keep Python from caching compiled modules: an installed program has them."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")}


def _orphans() -> list[int]:
    """Children that were started by a finished command: its process pool's servers."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            for child in (task / "children").read_text().split():
                line = Path(f"/proc/{child}/cmdline").read_bytes()
                if b"multiprocessing" in line or not line:
                    found.append(int(child))
    return found


def evidence(matter: Path, *arguments: str, ok: Sequence[int] = (0,)) -> Cost:
    """Run the program on a matter as a person would, its own memory of archives kept inside the matter's folder."""
    env = {"EVIDENCE_STATE_DIR": str(matter.parent / "state"), "EVIDENCE_LANG": "en", "MAIL_PASSWORD": "throw-away"}
    return run([*EVIDENCE, "-c", str(matter), *arguments], env=env, ok=ok)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stopped from outside: the server and the folder still go
    folder = Path(tempfile.mkdtemp(prefix="evidence-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def served(folder: Path, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """A Dovecot on loopback with ``count`` generated letters: (port, manifest)."""
    from tests.servers.dovecot import USER, Dovecot, binary

    if binary() is None:
        raise SystemExit("Dovecot is not installed; this benchmark needs dovecot-imapd.")
    root = folder / "served"
    root.mkdir()
    maildir = root / "mail" / USER
    manifest = made(maildir, count)
    if os.getuid() == 0:
        run(["chown", "-R", "nobody:nogroup", str(root / "mail")])
    with Dovecot(root) as server:
        client = server.client()
        for name in manifest["folders"]:  # let the server build its index before anyone is measured
            from mailbox_made import modified_utf7

            client.select(f'"{modified_utf7(name)}"', readonly=True)
            client.uid("FETCH", "1:*", "(RFC822.SIZE INTERNALDATE)")
        client.logout()
        yield server.port, manifest


def matter(folder: Path, port: int = 143, *, scope: str = "all") -> Path:
    """A config.toml in a new folder, for the generated mailbox."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_text(
        f"""[matter]
title = "Benchmark"
language = "ru"
timezone = "Europe/Moscow"
[us]
name = "North"
addresses = ["@north.example"]
[client]
name = "Romashka"
addresses = ["@romashka.example"]
[[account]]
name = "office"
host = "127.0.0.1"
port = {port}
tls = "none"
username = "office@north.example"
password_env = "MAIL_PASSWORD"
[scope]
messages = "{scope}"
[dkim]
dns = "off"
""",
        encoding="utf-8",
    )
    return path


def hold(path: Path, count: int, *, attachments: bool = True, share: float = 0.5) -> list[str]:
    """An archive at ``path`` with ``count`` generated letters, stored without a server. Returns their hashes in order."""
    from datetime import UTC, datetime

    from mailbox_made import letters

    from evidence.archive.store import Archive

    hashes = []
    os.environ["EVIDENCE_STATE_DIR"] = str(path.parent / "state")
    with Archive.create(path, now=datetime(2026, 2, 1, tzinfo=UTC), tool="benchmark") as archive:
        acquisition = archive.begin("import", "benchmark", {})
        for letter in letters(count, attachments=attachments, share=share):
            raw = letter.raw.replace(b"\n", b"\r\n")
            archive.sight(acquisition, archive.store(acquisition, raw).number)
            hashes.append(hashlib.sha256(raw).hexdigest())
        archive.end(acquisition, "complete", {})
    return hashes


def check_archive(path: Path, manifest: Mapping[str, Any], *, only_client: bool = False) -> None:
    """Hash what was stored anew and compare with the manifest, folder by folder and UID by UID. Raises AssertionError."""
    connection = sqlite3.connect(path)
    stored = {
        number: hashlib.sha256(raw).hexdigest() for number, raw in connection.execute("SELECT id, raw FROM message")
    }
    found: dict[str, dict[int, str]] = {}
    for name, uid, number in connection.execute(
        "SELECT f.name, s.uid, s.message FROM sighting s JOIN folder f ON f.id = s.folder"
    ):
        found.setdefault(name, {})[uid] = stored[number]
    connection.close()
    for name, hashes in manifest["folders"].items():
        expected = dict(enumerate(hashes, 1))
        if only_client:
            assert all(expected[uid] == sha for uid, sha in found.get(name, {}).items()), f"{name}: octets differ"
        else:
            assert found.get(name, {}) == expected, f"{name}: what is stored is not what was sent"
    if only_client:
        assert sum(map(len, found.values())) == manifest["matching"], "not exactly the client's letters were stored"


def rotate(rounds: int, contenders: Mapping[str, Callable[[], Cost]]) -> dict[str, list[Cost]]:
    """Each contender once a round, the order turned by one from round to round."""
    names = list(contenders)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            costs[name].append(contenders[name]())
    return costs


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), digits), "min": round(min(values), digits),
        "max": round(max(values), digits), "n": len(values),
    }  # fmt: skip


def ratios(costs: Mapping[str, Sequence[Cost]], ours: str, peer: str, what: str = "wall") -> dict[str, float]:
    return spread([getattr(a, what) / getattr(b, what) for a, b in zip(costs[ours], costs[peer], strict=True)])


def as_rows(costs: Mapping[str, Sequence[Cost]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {what: spread([getattr(c, what) for c in found]) for what in ("wall", "cpu")}
        for name, found in costs.items()
    }


def in_words(value: Mapping[str, float]) -> str:
    return f"{value['median']:g} ({value['min']:g}–{value['max']:g})"


def report(name: str, given: argparse.Namespace, rows: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Print the table and the facts, and write both as JSON."""
    out = sys.stdout
    out.write(f"\n{name}, size {given.size}\n")
    for row, columns in rows.items():
        out.write(f"  {row:34} " + "  ".join(f"{column} {in_words(v)}" for column, v in columns.items()) + "\n")
    for fact, value in facts.items():
        said = (
            in_words(value)
            if isinstance(value, Mapping) and "median" in value
            else json.dumps(value, ensure_ascii=False)
        )
        out.write(f"  {fact}: {said}\n")
    result = {
        "benchmark": name, "size": given.size, "rows": dict(rows), **facts,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system(),
                    "load": [round(x, 1) for x in os.getloadavg()]},
    }  # fmt: skip
    path = given.json or HERE / "results" / f"{name}-{given.size}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return result


class Delay:
    """A relay on loopback that holds every piece back by half a round trip each way, without limiting how much is under way."""

    def __init__(self, target: int, round_trip_ms: float) -> None:
        self._target, self._half = target, round_trip_ms / 2000
        self.port = 0

    def __enter__(self) -> Delay:
        import asyncio

        ready = threading.Event()

        async def serve() -> None:
            server = await asyncio.start_server(self._relay, "127.0.0.1", 0, limit=1 << 20)
            self.port = server.sockets[0].getsockname()[1]
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await self._stop.wait()
            server.close()

        threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
        ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _relay(self, reader: Any, writer: Any) -> None:
        import asyncio

        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=1 << 20)
        with contextlib.suppress(asyncio.CancelledError):  # at the end of the benchmark
            await asyncio.gather(
                self._pump(reader, there_writer), self._pump(there_reader, writer), return_exceptions=True
            )

    async def _pump(self, reader: Any, writer: Any) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)  # at most 64 MB under way

        async def send() -> None:
            while True:
                due, piece = await queue.get()
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()
            writer.close()

        sender = asyncio.create_task(send())
        piece = b"."
        while piece:
            try:
                piece = await reader.read(1 << 18)
            except OSError:
                piece = b""
            await queue.put((loop.time() + self._half, piece))
        await sender
