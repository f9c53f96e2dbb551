"""Worker processes and a person at the keyboard: a terminal sends Ctrl-C to all processes of a command at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys
import time
from evidence.pipeline.index_workers import Crew

def slow(number):
    time.sleep(0.02)
    return number

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    from work import slow as shared
    try:
        with Crew(2, 1) as crew:
            print("begun", flush=True)
            for number in crew.share(shared, range(100_000), 100_000, meanwhile=True):
                if number == 40:
                    print("under way", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups in this sense")
@pytest.mark.parametrize(("after", "seconds"), [("begun", 0.0), ("begun", 0.2), ("begun", 0.5), ("under way", 0.3)])
def test_ctrl_c_ends_all_processes_and_none_of_them_complains(tmp_path: Path, after: str, seconds: float) -> None:
    for name in ("work.py", "program.py"):
        (tmp_path / name).write_text(PROGRAM, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        while process.stdout.readline().strip() != after:
            assert process.poll() is None
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        said, complaints = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert complaints == ""
    assert (said.split("\n")[-2], process.returncode) == ("interrupted", 0)
