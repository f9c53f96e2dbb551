"""A mailbox password, given by a variable and by a command, is after every command found in no file, no output, no process.

The search itself is tried first on a password that *was* left lying about.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pikepdf
import pytest

from evidence.operate.demo import demo_config, sample_folders
from evidence.operate.embedded_server import EmbeddedServer
from tests.canary.search import Watch, forms, found_in

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")

# Every process that Python starts is also written down, so that none is too short-lived to be seen.
PROGRAM = """
import os, sys
_told = os.environ.pop("STARTED_PROCESSES")
def _heard(event, found):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"):
        with open(_told, "a") as out:
            out.write(f"{event} {found[:2]!r}\\n")
sys.addaudithook(_heard)
from evidence.cli import main
main()
"""


@dataclass
class Run:
    """A home folder in which everything lies that the program may write, and what it said."""

    home: Path
    vault: Path
    secret: str = ""
    codes: dict[str, int] = field(default_factory=dict)

    def __call__(self, *words: str, secret: bool = False, folder: str = "matter", language: str = "en") -> str:
        places = {name: str(self.home / name.lower()) for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("EVIDENCE")} | places | {
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "EVIDENCE_LANG": language,
            "STARTED_PROCESSES": str(self.home / "started.txt"),
        }  # fmt: skip
        if secret:
            environment["CANARY"] = self.secret
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words], cwd=self.home / folder, env=environment, capture_output=True, check=False
        )  # fmt: skip
        name = f"{len(self.codes):02}"
        (self.home / "said" / f"{name}.out").write_bytes(ended.stdout)
        (self.home / "said" / f"{name}.err").write_bytes(ended.stderr)
        self.codes[f"{name} {' '.join(words)} @{folder}"] = ended.returncode
        return (ended.stdout + ended.stderr).decode(errors="replace")


def account(name: str, port: int, source: str) -> str:
    return f'\n[[account]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nusername = "demo"\n{source}\n'


def matter(folder: Path, port: int, *sources: str) -> None:
    folder.mkdir()
    text = demo_config("en", port).replace("password_env", "# password_env")
    head, rest = text.split("[[account]]", 1)
    accounts = "".join(account(f"box{n}", port, source) for n, source in enumerate(sources))
    tail = rest[rest.index("[timeline]") :]
    told = "[notify]\ncommand = \"sh -c 'cat >> told.txt'\"\n"
    (folder / "config.toml").write_text(f"{head}{accounts}\n{tail}\n{told}", encoding="utf-8")


class Indiscreet(socketserver.StreamRequestHandler):
    """A server that repeats what it was told, when it refuses the login."""

    def handle(self) -> None:
        self.wfile.write(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
        said = b""
        for line in self.rfile:
            tag, verb, *_rest = [*line.strip().split(b" "), b""]
            if verb.upper() == b"LOGIN":
                octets = base64.b64encode(line.strip().split(b" ")[-1].strip(b'"'))
                said = b"you came with " + line.strip() + b" or " + octets + b"\r\n"
                self.wfile.write(self.to_login(tag, said))
            elif said:
                self.wfile.write(self.afterwards(tag, said))
                if self.afterwards(tag, said).startswith(b"* BYE"):
                    return
            else:
                self.wfile.write(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK done\r\n")

    def to_login(self, tag: bytes, said: bytes) -> bytes:
        return tag + b" NO [AUTHENTICATIONFAILED] " + said

    def afterwards(self, tag: bytes, said: bytes) -> bytes:
        return tag + b" NO " + said


class Repeating(Indiscreet):
    """Lets us in, and repeats it at every later command."""

    def to_login(self, tag: bytes, said: bytes) -> bytes:
        return tag + b" OK [CAPABILITY IMAP4rev1] in\r\n"


class Leaving(Repeating):
    """Lets us in, and repeats it as it hangs up."""

    def afterwards(self, tag: bytes, said: bytes) -> bytes:
        return b"* BYE " + said


@pytest.fixture(scope="module")
def indiscreet() -> Iterator[Callable[[type[Indiscreet]], int]]:
    servers = []

    def start(kind: type[Indiscreet]) -> int:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, indiscreet: Callable[[type[Indiscreet]], int]) -> tuple[Run, Watch]:
    """A matter from the set-up to the hand-over, with two mailboxes and two servers that talk too much."""
    home, vault = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("vault")
    for name in ("tmp", "said", "new"):
        (home / name).mkdir()
    run = Run(home, vault)
    with EmbeddedServer("demo") as server:
        run.secret = server.password
        assert len(run.secret) >= 16
        (vault / "secret").write_text(server.password + "\n", encoding="utf-8")
        command = f"password_command = \"sh -c 'sleep 0.2; cat {vault}/secret'\""
        for name, messages in sample_folders("studio").items():
            server.fill(name, messages)
        matter(home / "matter", server.port, 'password_env = "CANARY"', command)
        with Watch(run.secret) as watch:
            run(
                "init", "--address", "office@larkspurfinch.example", "--host", "127.0.0.1", "--port", str(server.port), "--tls", "none",
                "--username", "demo", "--password-env", "CANARY", "--us-name", "We", "--us-address", "@larkspurfinch.example",
                "--client-name", "They", "--client-address", "@brightwater-kitchens.example", "--yes", secret=True, folder="new",
            )  # fmt: skip
            run("sync", "--dry-run", secret=True)
            run("sync", "--json", secret=True)
            run("--debug", "sync", "--scheduled", secret=True)
            run("doctor", "--json", secret=True)
            for name, kind in (("refusing", Indiscreet), ("repeating", Repeating), ("leaving", Leaving)):
                port = indiscreet(kind)
                matter(home / name, port, 'password_env = "CANARY"')
                run("doctor", secret=True, folder=name)
                whole = bool(os.environ.get("EVIDENCE_TEST_FULL"))
                if name == "leaving" and not whole:
                    continue
                run("--debug", "sync", secret=True, folder=name)
                if name == "repeating" and not whole:
                    continue  # a sync comes back several times before it gives up: half a minute each
                run("sync", "--scheduled", secret=True, folder=name)
                matter(home / f"{name}2", port, command)
                run("--debug", "sync", folder=f"{name}2")
    matter(home / "gone", 1, 'password_env = "CANARY"')
    run("--debug", "sync", secret=True, folder="gone")
    for words in (
        "status", "status --json", "timeline --json", "timeline --html", "flags --json", "flags --csv", "requests --json", "assess --json",
        "effort", "log", "log --json", "bundle", "verify", "verify bundles/0001-full/package.zip", "verify bundles/0001-full/bundle.pdf",
        "export eml ../eml", "export mbox ../all.mbox", "export csv ../all.csv", "export load-file ../load",
        "reindex", "schedule install --kind systemd --print", "schedule install --kind cron --print",
        "schedule install --kind launchd --print", "schedule install --kind schtasks --print", "schedule status",
    ):  # fmt: skip
        run(*words.split(), secret=True)
    return run, watch


def test_the_search_finds_a_password_that_was_left_lying_about(tmp_path: Path) -> None:
    secret = "tR4p-d00r_Kn0cks"
    places = {
        "plain": secret.encode(),
        "plain-login": base64.b64encode(b"\0demo\0" + secret.encode()),
        "shifted": base64.b64encode(b"x" + secret.encode() + b"yz"),
        "utf16": secret.encode("utf-16-le"),
        "hex": secret.encode().hex().encode(),
    }
    for name, octets in places.items():
        (tmp_path / name).write_bytes(b"before" + octets + b"after")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner.txt", "words " + secret)
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.attachments["note.txt"] = pikepdf.AttachedFileSpec(pdf, b"words " + secret.encode())
        pdf.save(tmp_path / "attached.pdf", compress_streams=True)
    (tmp_path / "innocent").write_text("nothing here")
    found = {place.split("/")[0] for place in found_in(tmp_path, secret)}
    assert found == {*places, "packed.zip", "attached.pdf"}
    with Watch(secret) as watch:
        subprocess.run(["sh", "-c", "sleep 0.3", secret], check=True)
    assert watch.found


def test_every_command_ran_to_its_end(whole: tuple[Run, Watch]) -> None:
    """Else a password that is not found proves nothing."""
    run, _watch = whole
    expected = {
        "sync": 0,
        "bundle": 0,
        "verify": 0,
        "reindex": 0,
        "export": 0,
        "flags": 0,
        "log": 0,
        "status": 0,
        "init": 0,
    }
    for name, code in run.codes.items():
        words = name.split()[1:]
        if words[0] in expected and "--scheduled" not in words:
            assert code == expected[words[0]], name
    failing = [code for name, code in run.codes.items() if "--debug sync" in name and "--scheduled" not in name]
    assert len(failing) >= 4
    assert 0 not in failing
    accounts = json.loads((run.home / "said" / "02.out").read_text(encoding="utf-8"))
    assert accounts, "the sync said nothing"
    assert (run.home / "matter" / "bundles" / "0001-full" / "package.zip").is_file()
    assert len(list((run.home / "eml").rglob("*.eml"))) > 25
    assert (run.home / "refusing" / "told.txt").is_file()  # the notification was sent


def test_the_tracebacks_of_debug_were_shown(whole: tuple[Run, Watch]) -> None:
    run, _watch = whole
    said = "".join(path.read_text(encoding="utf-8") for path in (run.home / "said").glob("*.err"))
    assert said.count("Traceback") >= 3
    for name in ("refusing", "repeating"):  # what the server repeated was there, and struck out
        told = "".join(
            (run.home / "said" / f"{key.split()[0]}.err").read_text(encoding="utf-8")
            for key in run.codes
            if key.endswith(f"@{name}")
        )
        assert "you came with" in told
        assert "•••" in told


def test_no_file_holds_the_password(whole: tuple[Run, Watch]) -> None:
    run, _watch = whole
    assert found_in(run.home, run.secret) == []


def test_no_process_carried_the_password_in_its_arguments(whole: tuple[Run, Watch]) -> None:
    run, watch = whole
    assert watch.rounds > 100
    assert watch.found == set()
    started = (run.home / "started.txt").read_bytes()
    assert re.search(rb"subprocess\.Popen .*secret", started)  # the password command itself was seen
    assert not any(form in started for form in forms(run.secret))
