"""Processes that share the work of a rebuild: started once, when there is enough to do, and given work in chunks."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing import get_context, set_forkserver_preload
from types import TracebackType
from typing import Any, Self, TypeVar

Task = TypeVar("Task")
Made = TypeVar("Made")
Item = TypeVar("Item")


class Crew:
    """``jobs`` worker processes, started at the first piece of work that is large enough. A context manager.

    ``share(work, tasks, count)`` gives the results in the order of the tasks, whatever the number of processes; at most
    2 × jobs tasks are under way at once, so that a long line of them costs no memory. Under ``least`` items all work is
    done here: starting processes, and reading dictionary and packs for them, would cost more than it saves. Work that
    needs neither may be done here ``meanwhile``, until the first worker is awake.
    """

    def __init__(self, jobs: int, least: int) -> None:
        self._jobs, self._least = jobs, least
        self._pool: ProcessPoolExecutor | None = None
        self._waking: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None and self._waking is not None:
            self._waking.join()
            self._pool.shutdown(cancel_futures=error is not None)

    def share(
        self, work: Callable[[Task], Made], tasks: Iterable[Task], count: int, *, meanwhile: bool = False
    ) -> Iterator[Made]:
        if self._jobs <= 1 or (self._pool is None and count < self._least):
            yield from map(work, tasks)
            return
        pool, waking = self._started()
        if not meanwhile:
            waking.join()
        under_way: deque[Any] = deque()
        for task in tasks:
            if waking.is_alive():
                yield work(task)
                continue
            under_way.append(pool.submit(work, task))
            if len(under_way) >= 2 * self._jobs:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _started(self) -> tuple[ProcessPoolExecutor, threading.Thread]:
        if self._pool is None or self._waking is None:
            context = get_context("spawn" if os.name == "nt" else "forkserver")
            if os.name != "nt":
                set_forkserver_preload(["evidence.pipeline.index_warm"])  # read once, shared by all workers
            self._pool = ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_leave_ctrl_c_to_the_first)
            self._waking = threading.Thread(target=_wake, args=(self._pool,), daemon=True)
            self._waking.start()
        return self._pool, self._waking


def _wake(pool: ProcessPoolExecutor) -> None:
    """Start the processes. They inherit that Ctrl-C is kept from them already while they load."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with contextlib.suppress(BrokenExecutor):  # what is wrong with the pool, the first piece of work will say
        pool.submit(_awake).exception()


def _leave_ctrl_c_to_the_first() -> None:
    """A terminal sends Ctrl-C to every process of a command; the one that shares out the work ends the others in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _awake() -> None:
    """The first task of a worker."""


def chunks(items: Iterable[Item], most: int, octets: int, size_of: Callable[[Item], int]) -> Iterator[Sequence[Item]]:
    """Lists of at most ``most`` items and about ``octets`` bytes, so that no worker is left long with the last one."""
    chunk: list[Item] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += size_of(item)
        if len(chunk) >= most or held >= octets:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk
