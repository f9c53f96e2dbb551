"""Messages read ahead: while one is stored and committed, the next are received and hashed by a second thread.

Receiving, SHA-256 and SQLite all let the interpreter go, so two cores are used. What comes out, and what is raised after it,
is what the wrapped iterator would have given, in the same order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from evidence.mailbox.mailbox import NotDelivered
from evidence.model import RawMessage

OCTETS_AHEAD = 8 * 1024 * 1024  # held at most, beyond one message
PIECE_OCTETS = 256 * 1024  # handed over at once: waking the other thread costs more than a small message
PIECE_SECONDS = 0.1

Item = RawMessage | NotDelivered


class Ahead:
    """Iterates over ``source`` in a thread of its own.

    ``abandon`` must make a ``source`` that waits for the network come back at once; it is called only when the consumer
    stops early (``stop``).
    """

    def __init__(self, source: Iterator[Item], abandon: Callable[[], None]) -> None:
        self._source = source
        self._abandon = abandon
        self._pieces: deque[tuple[list[Item], int]] = deque()
        self._octets = 0
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="mailbox-ahead", daemon=True)

    def items(self) -> Iterator[Item]:
        """The items, once. Closing the generator stops the thread."""
        self._thread.start()
        try:
            while piece := self._next():
                yield from piece
        finally:
            self.stop()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread, also in the middle of a message. Nothing more comes out."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            running = not self._ended and self._thread.ident is not None
        if running:
            self._abandon()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _next(self) -> list[Item] | None:
        with self._changed:
            while not self._pieces:
                if self._ended or self._stopped:
                    return None
                self._changed.wait()
            piece, octets = self._pieces.popleft()
            self._octets -= octets
            self._changed.notify_all()
            return piece

    def _read(self) -> None:
        piece: list[Item] = []
        octets, began = 0, time.monotonic()
        try:
            for item in self._source:
                if isinstance(item, RawMessage):
                    octets += len(item.raw)
                piece.append(item)
                if octets >= PIECE_OCTETS or time.monotonic() - began > PIECE_SECONDS:
                    if not self._put(piece, octets):
                        return
                    piece, octets, began = [], 0, time.monotonic()
        except BaseException as error:  # ``items`` raises it in the consumer's thread
            self._error = error
        finally:
            if piece:
                self._put(piece, octets)
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, piece: list[Item], octets: int) -> bool:
        """Hand a piece over once there is room. False: nobody wants it any more."""
        with self._changed:
            while self._octets and self._octets + octets > OCTETS_AHEAD and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return False
            self._pieces.append((piece, octets))
            self._octets += octets
            self._changed.notify_all()
            return True
