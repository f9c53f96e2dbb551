"""The same letters give the same flags, byte for byte: another process, time zone, locale, hash seed and order of import."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from evidence.timeline.flags import find_flags
from evidence.timeline.rules import load_packs
from tests.flags.letters import find_all, letter

LABELLED = Path(__file__).parents[2] / "fixtures" / "labelled"
ROWS = 60


def texts() -> list[tuple[str, str]]:
    found = []
    for author in ("ru-5", "en-5"):
        with gzip.open(LABELLED / f"{author}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line, _ in zip(lines, range(ROWS), strict=False)]
        found += [(row["text"], row["role"]) for row in rows]
    return found


def golden(order: int) -> str:
    letters = [
        letter(text, role if role in ("us", "client") else "client", number=n) for n, (text, role) in enumerate(texts())
    ]  # type: ignore[arg-type]
    random.Random(order).shuffle(letters)
    flags = find_all(letters, load_packs(), timezone="Europe/Moscow")
    return json.dumps([asdict(f) for f in flags], ensure_ascii=False, default=dict, sort_keys=True)


def test_two_processes_elsewhere_give_the_same_bytes() -> None:
    here = golden(1)
    assert here.count('"tier"') > 60
    program = "import sys; from tests.flags.test_determinism import golden; sys.stdout.buffer.write(golden(2).encode())"
    elsewhere = {
        **os.environ,
        "TZ": "Asia/Kamchatka",
        "LC_ALL": "C",
        "LANG": "C",
        "PYTHONHASHSEED": "4711",
        "PYTHONUTF8": "0",
    }
    root = Path(__file__).parents[2]
    elsewhere["PYTHONPATH"] = os.pathsep.join((str(root), str(root / "src")))
    done = subprocess.run([sys.executable, "-c", program], env=elsewhere, cwd=root, capture_output=True, check=True)
    assert done.stdout.decode() == here


def test_offsets_and_ids_hold_for_every_flag() -> None:
    packs = load_packs()
    seen = set()
    for text, role in texts():
        one = letter(text, "us" if role == "us" else "client")
        for flag in find_flags(one, packs):
            assert one.texts[flag.part][flag.start : flag.end] == flag.quote
            assert flag.quote.strip() == flag.quote != ""
            assert (flag.sha256, flag.id) not in seen
            seen.add((flag.sha256, flag.id))
            assert "@" in flag.pack
            assert "#" in flag.pack


def test_hostile_text_is_read_in_linear_time() -> None:
    packs = load_packs()
    started = time.process_time()
    find_flags(letter("если " * 40_000), packs)
    find_flags(letter("в суд подам " * 20_000), packs)
    find_flags(letter("«" * 200_000 + "."), packs)
    find_flags(letter("a.b," * 50_000), packs)
    assert time.process_time() - started < 30
