"""How long the browser pages take, over loopback HTTP, at 2,000 and 20,000 messages.

    python benchmarks/browse_pages.py [COUNT …] [--rounds N] [--keep FOLDER]

Prints one line a page: median and worst of N warm requests, in milliseconds, and the size of the answer. The first request
after the start is printed apart. Generated mail: about 1.5 KB each, a flag in every fourth, a request in every sixth.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browse.make_archive import generated

from evidence.browse import serve


def measure(count: int, rounds: int, folder: Path) -> None:
    path = folder / f"archive-{count}.db"
    began = time.monotonic()
    if not path.exists():
        generated(path, count)
    print(f"\n{count} messages, {path.stat().st_size / 2**20:.0f} MB (made in {time.monotonic() - began:.0f} s)")
    datasette, port = serve.build(path, language="ru"), serve.free_port()
    server = uvicorn.Server(uvicorn.Config(datasette.app(), host="127.0.0.1", port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    import sqlite3

    conn = sqlite3.connect(path)
    sha = conn.execute("SELECT sha256 FROM message WHERE id = ?", (count // 2,)).fetchone()[0]
    conn.close()
    pages = {
        "timeline, first": "/",
        "timeline, last page": f"/?page={count // 100}",
        "timeline, category": "/?category=threat&side=client",
        "timeline, text": "/?q=" + quote("отпариватель"),
        "search, Russian": "/-/evidence/search?q=" + quote("угрожать"),
        "search, two words": "/-/evidence/search?q=" + quote("угрожать компенсация"),
        "search, language": "/-/evidence/search?q="
        + quote("from:claims (угрожать OR refund) -скидка after:2024-01-01 has:attachment"),
        "message": f"/-/evidence/message/{sha}",
        "review": "/-/evidence/review",
        "requests": "/-/evidence/requests",
        "completeness": "/-/evidence/completeness",
        "log": "/-/evidence/log",
        "table of flags": "/" + path.stem + "/flags",
        "table of messages": "/" + path.stem + "/messages",
    }
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for name, address in pages.items():
            took = []
            for _ in range(rounds + 1):
                start = time.perf_counter()
                answer = client.get(address)
                took.append((time.perf_counter() - start) * 1000)
                assert answer.status_code == 200, (address, answer.status_code)
            warm = took[1:]
            print(
                f"  {name:22} first {took[0]:6.0f}  median {statistics.median(warm):6.0f}  worst {max(warm):6.0f} ms  {len(answer.content) / 1024:6.0f} KB"
            )
    server.should_exit = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[2000, 20000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    for count in given.counts:
        measure(count, given.rounds, folder)


if __name__ == "__main__":
    main()
