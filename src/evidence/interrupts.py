"""Ctrl-C, put off until what is being written is whole.

A run that is interrupted commits what it has (``mailbox.reader``, ``mailbox.imports``). Python raises KeyboardInterrupt between
any two steps, so also between a row and the event that binds it: ``verify`` would rightly call such an archive altered.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class _Uninterrupted:
    """Within the block SIGINT is noted; after it the usual handler is called. Blocks may stand in one another."""

    def __init__(self) -> None:
        self._depth = 0
        self._usual: Any = None
        self._noted: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # signals are handled in the main thread only
        if self._depth:
            self._depth += 1
            return
        usual = signal.getsignal(signal.SIGINT)
        if not callable(usual):  # ignored, or not Python's
            return
        self._noted = None
        signal.signal(signal.SIGINT, self._note)  # nothing is raised from here on
        self._usual, self._depth = usual, 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._depth or threading.current_thread() is not threading.main_thread():
            return
        self._depth -= 1
        if self._depth:
            return
        signal.signal(signal.SIGINT, self._usual)
        if self._noted is not None and kind is None:  # an error ends the run as well, and says more
            self._usual(*self._noted)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted = (number, frame)


uninterrupted = _Uninterrupted()
