"""Hashing stored octets over a connection of one's own, so that several threads can: SQLite and hashlib let the GIL go."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from evidence.archive.connect import READING_FAILED, connect_read
from evidence.archive.words import _
from evidence.model import sha256_hex

WORK_OCTETS = 16 * 1024 * 1024
UNREADABLE = "unreadable"


def hash_messages(path: Path, first: int, last: int) -> dict[int, str]:
    """message.id -> SHA-256 of its octets, for first <= id <= last; ``UNREADABLE`` where SQLite cannot give them."""
    connection = connect_read(path)
    try:
        try:
            rows = connection.execute("SELECT id, raw FROM message WHERE id BETWEEN ? AND ?", (first, last))
            return {number: _digest(raw) for number, raw in rows}
        except READING_FAILED:
            return {number: _one(connection, number) for number in range(first, last + 1)}
    finally:
        connection.close()


def _one(connection: sqlite3.Connection, number: int) -> str:
    try:
        row = connection.execute("SELECT raw FROM message WHERE id = ?", (number,)).fetchone()
    except READING_FAILED:
        return UNREADABLE
    return _digest(row[0]) if row else UNREADABLE


def _digest(raw: object) -> str:
    return sha256_hex(raw) if isinstance(raw, bytes) else UNREADABLE


def hash_file(path: Path, file: int) -> tuple[str, list[tuple[int, str]]]:
    """(SHA-256 of the whole, (chunk, what is wrong) …). Chunks are hashed one by one only where the whole is not right."""
    connection = connect_read(path)
    try:
        recorded = connection.execute("SELECT sha256 FROM outside_file WHERE id = ?", (file,)).fetchone()
        whole = hashlib.sha256()
        chunks = "SELECT number, sha256, octets FROM outside_chunk WHERE file = ? ORDER BY number"
        try:
            for _number, _sha256, octets in connection.execute(chunks, (file,)):
                whole.update(octets)
        except (*READING_FAILED, TypeError):
            return UNREADABLE, [(0, "SQLite cannot read the octets.")]
        if whole.hexdigest() == recorded[0]:
            return whole.hexdigest(), []
        wrong = [
            (number, _("the bytes are not those recorded."))
            for number, sha256, octets in connection.execute(chunks, (file,))
            if sha256_hex(octets) != sha256
        ]
        return whole.hexdigest(), wrong
    finally:
        connection.close()
