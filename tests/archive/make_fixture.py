"""Makes fixtures/archives/v1.db, once per released schema: `python -m tests.archive.make_fixture PATH`. Kept forever after."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from evidence.archive.anchor import obtain
from evidence.archive.store import Archive
from evidence.config import Anchor
from tests.archive.authority import DAY, TODAY, Authority
from tests.archive.cases import ticking, whole_archive


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["EVIDENCE_STATE_DIR"] = str(folder / "state")
        path = whole_archive(folder / "archive.db")
        with (
            Authority(folder / "tsa", valid_to=TODAY + 8000 * DAY) as authority,
            Archive.open(path, write=True, now=ticking()) as archive,
        ):
            obtain(archive, Anchor(tsa_url=authority.url, ca_file=str(authority.ca_file)), TODAY)
        shutil.copy(path, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
