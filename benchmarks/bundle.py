"""A bundle from nothing, again, and after one more letter: `python benchmarks/bundle.py [--size LETTERS]`.

All letters are the dispute's own. Cold: no exhibit was ever rendered. One new: a letter was imported since; what was rendered
before is taken from the store of rendered exhibits. The PDF's pages are counted, and every letter's octets in the package are
hashed anew and found among those the generator made. A thousand pages are about 500 letters.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import pikepdf
from common import as_rows, evidence, hold, matter, parser, report, scratch, spread
from mailbox_made import letters


def main() -> None:
    given = parser(__doc__, size=40, rounds=1, unit="letters of the dispute").parse_args()
    costs = {"cold": [], "nothing new": [], "one new letter": []}
    pages = 0
    for _ in range(given.rounds):
        with scratch() as folder:
            config = matter(folder / "matter")
            made = set(hold(config.parent / "archive.db", given.size, attachments=False, share=1.0))
            evidence(config, "reindex")
            costs["cold"].append(evidence(config, "bundle"))
            costs["nothing new"].append(evidence(config, "bundle"))
            one = list(letters(given.size + 1, share=1.0, attachments=False))[-1]
            raw = one.raw.replace(b"\n", b"\r\n")
            made.add(hashlib.sha256(raw).hexdigest())
            with tempfile.TemporaryDirectory() as name:
                (Path(name) / "one.eml").write_bytes(raw)
                evidence(config, "import", str(Path(name) / "one.eml"))
            costs["one new letter"].append(evidence(config, "bundle"))
            made_bundles = sorted((config.parent / "bundles").glob("*/bundle.pdf"))
            assert len(made_bundles) == 3
            for path in made_bundles:
                kept = {hashlib.sha256(p.read_bytes()).hexdigest() for p in path.parent.glob("package/**/*.eml")}
                assert given.size <= len(kept) <= given.size + 1 and kept <= made, (
                    "the package does not hold the letters"
                )
            with pikepdf.open(made_bundles[0]) as pdf:
                pages = len(pdf.pages)
            shutil.rmtree(folder / "matter")
    report(
        "bundle", given, as_rows(costs),
        {
            "pages": pages,
            "pages_a_second_cold": spread([pages / c.wall for c in costs["cold"]], 1),
            "one_new_times_faster": spread([a.wall / b.wall for a, b in zip(costs["cold"], costs["one new letter"], strict=True)]),
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
