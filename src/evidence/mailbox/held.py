"""What is held of a folder generation, in columns: 44 octets a message instead of some 350 as a dictionary of tuples."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, MutableMapping


class Held(MutableMapping[int, tuple[int, str]]):
    """UID -> (sighting id, SHA-256 in hexadecimal), in ascending order of UIDs."""

    def __init__(self, known: Mapping[int, tuple[int, str]] | None = None) -> None:
        self._uids: array[int] = array("I")
        self._sightings: array[int] = array("Q")
        self._digests = bytearray()
        known = known or {}
        for uid in sorted(known):
            self[uid] = known[uid]

    def _at(self, uid: int) -> int:
        at = bisect_left(self._uids, uid)
        if at == len(self._uids) or self._uids[at] != uid:
            raise KeyError(uid)
        return at

    def __contains__(self, uid: object) -> bool:
        if not isinstance(uid, int) or not self._uids:
            return False
        at = bisect_left(self._uids, uid)
        return at < len(self._uids) and self._uids[at] == uid

    def __getitem__(self, uid: int) -> tuple[int, str]:
        at = self._at(uid)
        return self._sightings[at], self._digests[32 * at : 32 * at + 32].hex()

    def __setitem__(self, uid: int, value: tuple[int, str]) -> None:
        sighting, digest = value[0], bytes.fromhex(value[1])
        if len(digest) != 32:
            raise ValueError(f"not a SHA-256: {value[1]!r}")
        at = bisect_left(self._uids, uid) if self._uids and uid <= self._uids[-1] else len(self._uids)
        if at < len(self._uids) and self._uids[at] == uid:
            self._sightings[at] = sighting
            self._digests[32 * at : 32 * at + 32] = digest
            return
        self._uids.insert(at, uid)
        self._sightings.insert(at, sighting)
        self._digests[32 * at : 32 * at] = digest

    def __delitem__(self, uid: int) -> None:
        at = self._at(uid)
        del self._uids[at], self._sightings[at]
        del self._digests[32 * at : 32 * at + 32]

    def __iter__(self) -> Iterator[int]:
        return iter(self._uids)

    def __len__(self) -> int:
        return len(self._uids)
