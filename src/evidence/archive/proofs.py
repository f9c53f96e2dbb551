"""Proof files (JSON) that a stranger recomputes with the standard library: docs/archive-format.md, Proofs.

An *inclusion proof* shows one message without its neighbours: its octets' hash stands in an event, the event is a leaf of the
log, the log has this root. A *consistency proof* shows that an earlier log is the beginning of a later one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evidence.archive.log import leaf_hash, verify_consistency, verify_inclusion
from evidence.archive.reader import ArchiveReader

FORMAT = "evidence-log-proof/1"


def inclusion_file(reader: ArchiveReader, seq: int, size: int | None = None) -> dict[str, Any]:
    """The proof that event ``seq`` is in the log of ``size`` (None: all of it). Raises ValueError when it is not."""
    head = reader.head(size)
    body = next((text for _, text, _ in reader.events(seq, seq + 1)), None)
    if body is None:
        raise ValueError(f"the log has no event {seq}")
    return {
        "format": FORMAT, "kind": "inclusion", "archive": reader.uuid, "size": head.size, "root": head.root, "seq": seq,
        "event": body, "path": [node.hex() for node in reader.inclusion_proof(seq, head.size)],
    }  # fmt: skip


def message_file(reader: ArchiveReader, sha256: str, size: int | None = None) -> dict[str, Any]:
    """The inclusion proof of the event that stored these octets. Raises LookupError when they are not held."""
    return inclusion_file(reader, reader.event_of("message", sha256), size)


def consistency_file(reader: ArchiveReader, first: int, second: int | None = None) -> dict[str, Any]:
    """The proof that the log of ``first`` is the beginning of the log of ``second`` (None: all of it)."""
    old, new = reader.head(first), reader.head(second)
    return {
        "format": FORMAT, "kind": "consistency", "archive": reader.uuid, "first": old.size, "first_root": old.root,
        "second": new.size, "second_root": new.root,
        "path": [node.hex() for node in reader.consistency_proof(old.size, new.size)],
    }  # fmt: skip


def holds(proof: Mapping[str, Any]) -> bool:
    """Whether a proof file proves what it states. What it states, the reader must compare with a root he trusts."""
    path = [bytes.fromhex(node) for node in proof["path"]]
    if proof["kind"] == "inclusion":
        leaf = leaf_hash(proof["event"].encode("utf-8"))
        sound = json.loads(proof["event"]).get("seq") == proof["seq"]
        return sound and verify_inclusion(leaf, proof["seq"], proof["size"], path, bytes.fromhex(proof["root"]))
    first, second = bytes.fromhex(proof["first_root"]), bytes.fromhex(proof["second_root"])
    return verify_consistency(proof["first"], proof["second"], first, second, path)


def write_inclusion(reader: ArchiveReader, sha256: str, folder: Path, *, size: int | None = None) -> tuple[Path, ...]:
    """Write one message's octets and its inclusion proof into ``folder``; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    message, proof = folder / f"{sha256}.eml", folder / f"{sha256}.proof.json"
    text = file_text(message_file(reader, sha256, size))
    message.write_bytes(reader.raw(sha256))
    proof.write_text(text, encoding="utf-8")
    return message, proof


def write_consistency(reader: ArchiveReader, first: int, second: int | None, folder: Path) -> tuple[Path, ...]:
    """Write the consistency proof between two sizes of the log into ``folder``; returns its path."""
    proof = consistency_file(reader, first, second)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"consistency-{proof['first']}-{proof['second']}.proof.json"
    path.write_text(file_text(proof), encoding="utf-8")
    return (path,)


def file_text(proof: Mapping[str, Any]) -> str:
    """The JSON text to write: the same for the same proof."""
    return json.dumps(proof, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
