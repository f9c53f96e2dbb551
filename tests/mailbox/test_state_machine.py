"""A hypothesis state machine over ``acquire``: whatever happens on the server and to the connection, the archive equals the model.

After every complete acquisition: what is live in the archive is exactly what the rule takes from the server's present contents;
nothing that was once stored is lost; every disappearance is true; counts come out even.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from evidence.archive.store import Archive
from evidence.mailbox.memory import MemoryMailbox
from evidence.model import sha256_hex
from tests.mailbox import matter
from tests.mailbox.matter import counts_are_even, stored, sync

FOLDERS = ["INBOX", "Sent", "Архив"]
FULL = os.environ.get("EVIDENCE_TEST_FULL") == "1"


class Acquisitions(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.clock = matter.Clock()
        self.sink: Archive = matter.archive(Path(self.folder.name), self.clock)
        self.server = MemoryMailbox()
        for name in FOLDERS:
            self.server.add_folder(name)
        self.number = 0
        self.told = 0
        self.ever: set[str] = set()
        self.in_step = False

    def teardown(self) -> None:
        if hasattr(self, "sink"):
            self.sink.close()
            self.folder.cleanup()

    def _touch(self) -> None:
        self.in_step = False

    @rule(
        folder=st.sampled_from(FOLDERS),
        kinds=st.lists(st.sampled_from(["client", "ours", "stranger", "stranger"]), min_size=1, max_size=4),
        back=st.integers(0, 5),
    )
    def arrive(self, folder: str, kinds: list[str], back: int) -> None:
        """Each letter names one a few numbers back, or (``back`` 0) one that is yet to come."""
        if folder not in self.server.boxes:
            return
        for kind in kinds:
            self.number += 1
            sender, to = {
                "client": (matter.CLIENT, matter.US),
                "ours": (matter.US, matter.CLIENT),
                "stranger": ("x@y.example", "z@y.example"),
            }[kind]
            named = self.number - back if back else self.number + 1
            self.server.deliver(
                folder, matter.letter(self.number, sender, to, refs=f"<{named}@mail.example>" if back < 5 else "")
            )
        self._touch()

    @rule(data=st.data())
    def expunged(self, data: st.DataObject) -> None:
        places = [(n, u) for n, b in self.server.boxes.items() for u in b.messages]
        if places:
            self.server.expunge(*data.draw(st.sampled_from(places)))
            self._touch()

    @rule(data=st.data(), into=st.sampled_from(FOLDERS))
    def moved(self, data: st.DataObject, into: str) -> None:
        places = [(n, u) for n, b in self.server.boxes.items() for u in b.messages if n != into]
        if places and into in self.server.boxes:
            name, uid = data.draw(st.sampled_from(places))
            self.server.move(name, uid, into)
            self._touch()

    @rule(folder=st.sampled_from(FOLDERS), renumber=st.booleans())
    def uidvalidity_reset(self, folder: str, renumber: bool) -> None:
        if folder in self.server.boxes:
            self.server.reset(folder, renumber=renumber)
            self._touch()

    @rule(folder=st.sampled_from(FOLDERS[1:]))
    def folder_removed_or_made_again(self, folder: str) -> None:
        if folder in self.server.boxes:
            del self.server.boxes[folder]
        else:
            self.server.add_folder(folder)
        self._touch()

    @rule(calls=st.integers(0, 25))
    def interrupted(self, calls: int) -> None:
        """The connection breaks after some calls and does not come back."""
        self.clock.later(minutes=5)
        self.server.calls_left = calls
        reopen, self.server.reopen = self.server.reopen, self._no_reopen  # type: ignore[method-assign]
        result = sync(self.server, self.sink, now=self.clock)
        self.server.reopen = reopen  # type: ignore[method-assign]
        self.server.calls_left = None
        assert counts_are_even(result)
        assert not self._lost()

    def _no_reopen(self) -> None:
        from evidence.mailbox.mailbox import MailboxError

        raise MailboxError("still away")

    @rule(calls=st.integers(0, 25))
    def killed(self, calls: int) -> None:
        """The process ends after some calls: what was not committed is gone, the rest is there."""
        self.clock.later(minutes=5)
        self.server.calls_left = calls
        original = self.server._call

        def call() -> None:
            if self.server.calls_left is not None and self.server.calls_left <= 0:
                raise KeyError("killed")
            original()

        self.server._call = call  # type: ignore[method-assign]
        try:
            sync(self.server, self.sink, now=self.clock)
        except KeyError:
            self.sink.rollback()
            self.sink.close()
            self.sink = matter.archive(Path(self.folder.name), self.clock)
        finally:
            del self.server._call
            self.server.calls_left = None
        assert not self._lost()

    @rule()
    def acquired(self) -> None:
        self.clock.later(minutes=5)
        (self.told,) = self.sink.connection.execute("SELECT coalesce(max(id), 0) FROM acquisition").fetchone()
        result = sync(self.server, self.sink, now=self.clock)
        if result.outcome != "complete":  # a folder that looks empty, or a doubtful UIDVALIDITY: asked a second time
            result = sync(self.server, self.sink, now=self.clock, trust_reset=FOLDERS)
        assert result.outcome == "complete", result.problems
        assert counts_are_even(result)
        self.in_step = True
        counted = {f.folder: f.on_server for f in result.folders if f.uidvalidity == self._uidvalidity(f.folder)}
        assert counted == {n: len(b.messages) for n, b in self.server.boxes.items()}
        self._equals_model()
        again = sync(self.server, self.sink, now=self.clock)
        assert (again.new, again.sightings, again.vanished, again.outcome) == (0, 0, 0, "complete")

    def _uidvalidity(self, name: str) -> int:
        return self.server.boxes[name].uidvalidity if name in self.server.boxes else -1

    # ---- the model -------------------------------------------------------------------------

    def _equals_model(self) -> None:
        judge = matter.rule().judge
        held = stored(self.sink)
        for name, box in self.server.boxes.items():
            for uid, message in box.messages.items():
                assert message.body is not None
                must = judge(message.body).scope != "out-of-scope"
                if must:
                    assert held.get((name, uid)) == [sha256_hex(message.body)], (name, uid)
        for (name, uid), hashes in held.items():
            assert name in self.server.boxes and uid in self.server.boxes[name].messages, (
                name,
                uid,
                "is not there any more",
            )
            assert hashes == [sha256_hex(self.server.boxes[name].messages[uid].body or b"")]
        self._ties_are_complete(held)
        live = {h for hashes in held.values() for h in hashes}
        for sha, kind in self.sink.connection.execute(
            "SELECT m.sha256, d.kind FROM disappearance d JOIN sighting s ON s.id = d.sighting JOIN message m ON m.id = s.message"
            " WHERE d.acquisition > ?",
            (self.told,),
        ):
            assert (kind == "moved") == (sha in live)
        self.ever |= {h for (h,) in self.sink.connection.execute("SELECT sha256 FROM message")}

    def _ties_are_complete(self, held: dict[tuple[str, int], list[str]]) -> None:
        """A stranger's letter that names, or is named by, a letter in scope now on the server is held as well."""
        import re

        everything = [(n, u, m.body or b"") for n, b in self.server.boxes.items() for u, m in b.messages.items()]
        judge = matter.rule().judge
        own = {(n, u): re.findall(rb"Message-ID: <([^>]+)>", b)[0] for n, u, b in everything}
        refs = {(n, u): set(re.findall(rb"References: <([^>]+)>", b)) for n, u, b in everything}
        scope = [(n, u) for n, u, b in everything if judge(b).scope == "in-scope"]
        for n, u, _ in everything:
            for place in scope:
                if own[place] in refs[n, u] or own[n, u] in refs[place]:
                    assert (n, u) in held, (n, u, "is tied to", place)

    def _lost(self) -> set[str]:
        return self.ever - {h for (h,) in self.sink.connection.execute("SELECT sha256 FROM message")}

    @precondition(lambda self: hasattr(self, "sink"))
    @invariant()
    def raw_octets_hash_to_their_name(self) -> None:
        row = self.sink.connection.execute("SELECT sha256, raw FROM message ORDER BY id DESC LIMIT 1").fetchone()
        assert row is None or sha256_hex(row[1]) == row[0]


Acquisitions.TestCase.settings = settings(
    max_examples=400 if FULL else 20,
    stateful_step_count=50 if FULL else 25,
    deadline=None,
    derandomize=not FULL,
    suppress_health_check=list(HealthCheck),
)
TestAcquisitions = Acquisitions.TestCase
