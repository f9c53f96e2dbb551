"""A bundle against plain WeasyPrint on the same markup, in one run: ``python benchmarks/bundle_pages.py [--size LETTERS]``.

Contenders, turn by turn within a round: *plain*, one WeasyPrint process that lays the very pages of the bundle out as one
document, its index and "12 / 318" made with ``target-counter``; *cold*, the bundle stage with an empty store of rendered
pages; *one new*, the same with one more letter and that store. Every contender is a process of its own; peak memory is the
resident set of the process itself and of its largest child. The pages of plain and cold are counted and must agree within
5 %. About 1,000 pages are 715 letters. Beside the clock stands what two idle cores would need, reckoned from processor
seconds (``..._idle``), since a shared machine gives two processes less than two cores. Gates: cold at least 1.4 times plain, one new at least 3.5 times, no process over 700 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

GATES = {"cold": 1.4, "one new": 3.5, "rss_mb": 700}
WORDS = {
    "ru": "полка товар коробка срок оплата акт приёмка договор письмо ответ завтра склад место клиент просим сообщить".split(),
    "en": "shelf parcel deadline payment contract reply tomorrow storage place client please confirm invoice damaged".split(),
}
NUMBERED = """
<style>a[data-page] { font-size: 0 } a[data-page]::after { font-size: 8.1pt; content: target-counter(attr(href), page) }
@page { @bottom-right { content: counter(page) " / " counter(pages); font: 7.5pt SANS } }</style></head>"""


# ---- what is bundled -------------------------------------------------------------------------


def case_of(size: int) -> Any:
    """A case file of ``size`` letters, one in four flagged; the first ``n`` are the same for every ``size``."""
    import random

    from tests.bundle.fake_case import CAPTURED, FakeCase

    from evidence.model import Flag, judged_id
    from evidence.ports import FolderCount

    messages, starts = [], datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
    for number in range(size):
        rng = random.Random(number)
        words = WORDS["ru" if rng.random() < 0.7 else "en"]
        ours = number % 2 == 0
        at = starts + timedelta(hours=2 * number, minutes=rng.randrange(60))
        paragraphs = "\r\n\r\n".join(
            " ".join(rng.choices(words, k=rng.randrange(8, 60))).capitalize() + "." for _ in range(rng.randrange(1, 7))
        )
        sender, to = ("anna@north.example", "director@romashka.example")[:: 1 if ours else -1]
        raw = (
            f"Received: from mx.{to.partition('@')[2]} by imap.north.example; {at:%a, %d %b %Y %H:%M:%S} +0000\r\n"
            f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {words[0]} {number}\r\nDate: {at:%a, %d %b %Y %H:%M:%S} +0000\r\n"
            f"Message-ID: <{number}.{rng.getrandbits(48):x}@{sender.partition('@')[2]}>\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{paragraphs}\r\n"
        )
        messages.append((raw.encode(), "INBOX" if ours else "Sent", "us" if ours else "client"))

    class Indexed(FakeCase):
        """Answers by index what the small fake looks for one by one, so that only the bundle stage is measured."""

        def __post_init__(self) -> None:
            super().__post_init__()
            self._by_hash = {x.sha256: x for x in self._letters}
            self._seen = {x.sha256: super(Indexed, self).sightings(x.sha256) for x in self._letters}

        def sightings(self, sha256: str) -> Any:
            return self._seen[sha256]

        def event_of(self, table: str, key: int | str) -> int:
            return self._by_hash[str(key)].number

        def folder_counts(self) -> list[FolderCount]:
            return [FolderCount("office", "INBOX", 1741000000, CAPTURED, size + 12, size, 0, 12, 0, 0, size + 100)]

    case = Indexed(messages)
    for number, letter in enumerate(case._letters):
        if number % 4:
            continue
        text = letter.texts["body"]
        end = text.index(".") + 1
        case.flags_.append(
            Flag(
                id=judged_id("flag", letter.sha256, "body", 0, end, "demand"), sha256=letter.sha256, category="demand",
                subtype="action", part="body", start=0, end=end, quote=text[:end], speaker=letter.speaker, tier="stated",
                rule="demand.made", pack="made@1#00", why="made",
            )
        )  # fmt: skip
    return case


# ---- contenders, each run as a process of its own ---------------------------------------------


def bundle(size: int, home: Path, number: int, keep: Path | None) -> int:
    """Produce a bundle; with ``keep``, store the markup of its parts for the plain contender. Returns its pages."""
    from tests.bundle.fake_case import NOW, Quiet, config

    from evidence.bundle import pdf
    from evidence.bundle import produce as producer
    from evidence.bundle.options import BundleOptions

    if keep:
        markup: dict[Path, str] = {}
        render, assemble = pdf.Renderer.render, producer.assemble

        def remember(self: pdf.Renderer, chunk: pdf.Chunk) -> pdf.Rendered:
            made = render(self, chunk)
            markup[made.path] = chunk.html
            return made

        def store(parts: Sequence[pdf.Rendered], *given: Any, **named: Any) -> int:
            for number, part in enumerate(parts):
                (keep / f"{number:04d}.html").write_text(markup[part.path], "utf-8")
            return assemble(parts, *given, **named)

        pdf.Renderer.render = remember  # type: ignore[method-assign]
        producer.assemble = store
    case = case_of(size)
    result = producer.produce(
        case, config(home), BundleOptions(tool_version="0", number=number, jobs=0), assessment=None,
        entries=case.entries(), picture="", now=NOW, out=home / "bundles", progress=Quiet(),
    )  # fmt: skip
    return result.pages


def plain(parts: Path, out: Path) -> int:
    """One document of the same markup, one process, stock WeasyPrint."""
    import weasyprint

    from evidence.bundle.pages import LINK_HOST

    pages = [p.read_text("utf-8") for p in sorted(parts.iterdir())]
    head, _, _ = pages[0].partition("</head>")
    bodies = [re.sub(r"^.*?<body[^>]*>|</body></html>\s*$", "", p, flags=re.S) for p in pages]
    body = re.search(r"<body[^>]*>", pages[0])
    html = head + NUMBERED + (body.group() if body else "<body>") + "".join(bodies) + "</body></html>"
    html = html.replace(f'href="{LINK_HOST}', 'href="#')
    document = weasyprint.HTML(string=html).render(pdf_variant="pdf/a-3a")
    document.write_pdf(str(out), pdf_variant="pdf/a-3a", dpi=300)
    return len(document.pages)


def contender(given: argparse.Namespace) -> None:
    began = time.perf_counter()
    if given.contender == "plain":
        pages = plain(given.parts, given.home / "plain.pdf")
    else:
        pages = bundle(given.size, given.home, given.number, given.parts)
    wall = time.perf_counter() - began
    load = os.getloadavg()[0]
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    sys.stdout.write(
        json.dumps({"wall": round(wall, 2), "cpu": round(cpu, 2), "own_cpu": round(own.ru_utime + own.ru_stime, 2), "load": round(load, 1), "rss_mb": own.ru_maxrss // 1024,
                    "child_rss_mb": children.ru_maxrss // 1024, "pages": pages}) + "\n"
    )  # fmt: skip


# ---- rounds ----------------------------------------------------------------------------------


def run(
    what: str, home: Path, size: int, number: int, parts: Path | None = None, env: dict[str, str] | None = None
) -> dict[str, Any]:
    command = [
        sys.executable,
        __file__,
        "--contender",
        what,
        "--size",
        str(size),
        "--number",
        str(number),
        "--home",
        str(home),
    ]
    command += ["--parts", str(parts)] if parts else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **(env or {})})
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(f"{what:8} {found}\n")
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
        "n": len(values),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=715, help="letters (default 715, about 1,000 pages)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-plain", action="store_true", help="only the bundle, for its memory at many pages")
    parser.add_argument(
        "--json", type=Path, help="where the result goes (default benchmarks/results/bundle_pages-SIZE.json)"
    )
    for hidden in ("--contender", "--home", "--parts"):
        parser.add_argument(hidden, type=Path if hidden != "--contender" else str, help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        contender(given)
        return
    rounds: list[dict[str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory(prefix="evidence-bench-") as name:
        parts = Path(name) / "parts"
        parts.mkdir()
        fonts = _fonts(Path(name))
        for number in range(given.rounds):
            home = Path(name) / str(number)
            home.mkdir()
            found = {"cold": run("cold", home, given.size, 1, parts if not number else None)}
            found["one new"] = run("one new", home, given.size + 1, 2)
            if not given.no_plain:
                found["plain"] = run("plain", home, given.size, 1, parts, fonts)
                apart = abs(found["plain"]["pages"] - found["cold"]["pages"]) / found["cold"]["pages"]
                if apart > 0.05:
                    raise SystemExit(f"plain made {found['plain']['pages']} pages, the bundle {found['cold']['pages']}")
            rounds.append(found)
    report(given, rounds)


def _fonts(folder: Path) -> dict[str, str]:
    """The shipped fonts for the plain contender too: its pages must be the same."""
    from evidence.bundle.pdf import Renderer

    with Renderer(None, 1) as renderer:
        text = (renderer.folder / "fonts.conf").read_text("utf-8").replace(str(renderer.folder), str(folder))
    (folder / "fonts.conf").write_text(text, "utf-8")
    return {"FONTCONFIG_FILE": str(folder / "fonts.conf"), "LC_ALL": "C.UTF-8"}


def idle(row: dict[str, Any]) -> float:
    """Seconds on two idle cores: what the main process does alone, and the children's work shared by two."""
    return float(row["own_cpu"] + (row["cpu"] - row["own_cpu"]) / 2)


def report(given: argparse.Namespace, rounds: list[dict[str, dict[str, Any]]]) -> None:
    names = list(rounds[0])
    rows = {
        n: {
            k: spread([r[n][k] for r in rounds])
            for k in ("wall", "cpu", "own_cpu", "load", "rss_mb", "child_rss_mb", "pages")
        }
        for n in names
    }
    facts: dict[str, Any] = {"cold_over_one_new": spread([r["cold"]["wall"] / r["one new"]["wall"] for r in rounds])}
    facts["cold_over_one_new_cpu"] = spread([r["cold"]["cpu"] / r["one new"]["cpu"] for r in rounds])
    largest = max(max(r[n]["rss_mb"], r[n]["child_rss_mb"]) for r in rounds for n in ("cold", "one new"))
    verdicts = {"rss_mb": largest <= GATES["rss_mb"]}
    if "plain" in names:
        for n in ("cold", "one new"):
            facts[f"plain_over_{n.replace(' ', '_')}"] = spread([r["plain"]["wall"] / r[n]["wall"] for r in rounds])
            facts[f"plain_over_{n.replace(' ', '_')}_cpu"] = spread([r["plain"]["cpu"] / r[n]["cpu"] for r in rounds])
            facts[f"plain_over_{n.replace(' ', '_')}_idle"] = spread([r["plain"]["cpu"] / idle(r[n]) for r in rounds])
            verdicts[n] = facts[f"plain_over_{n.replace(' ', '_')}"]["median"] >= GATES[n]
    result = {
        "benchmark": "bundle_pages", "size": given.size, "rows": rows, **facts, "largest_process_mb": largest,
        "gates": GATES, "held": verdicts,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system(),
                    "load": [round(x, 1) for x in os.getloadavg()]},
    }  # fmt: skip
    path = given.json or HERE / "results" / f"bundle_pages-{given.size}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
