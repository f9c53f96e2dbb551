"""The package: the bundle with its originals and proofs, as a BagIt bag (RFC 8493) in a folder and a zip of the same.

A stranger checks it with ``verify.html`` in a browser, ``python3 -I verify.py``, ``sha256sum -c`` or any BagIt tool.
All dates inside are the bundle's own, so that the same bundle gives the same package, byte for byte.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from evidence.bundle.loadfiles import load_files
from evidence.bundle.options import BundleResult, ManifestExhibit
from evidence.bundle.outside import leaf_octets
from evidence.bundle.sheets import chronology_rows, write_xlsx
from evidence.config import Config
from evidence.i18n import translation
from evidence.ports import CaseFile, Progress

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class PackagePaths:
    """Where the package lies, and the SHA-256 of the zip."""

    folder: Path
    zip: Path
    sha256: str


def write_package(
    case: CaseFile,
    config: Config,
    result: BundleResult,
    *,
    archive_uuid: str,
    anchor_files: Mapping[str, bytes],
    progress: Progress,
) -> PackagePaths:
    """Write ``package/`` and ``package.zip`` beside the bundle. ``anchor_files``: path below ``anchors/`` -> octets."""
    folder = result.folder / "package"
    unfinished = result.folder / "package.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "data").mkdir(parents=True)
    bag = _Bag(unfinished)
    bag.copy("data/bundle.pdf", result.pdf)
    exhibits = [_exhibit(bag, case, result, exhibit, archive_uuid) for exhibit in _counted(result, progress)]
    bag.text("data/exhibits.json", _json(exhibits))
    _log(bag, case, result, archive_uuid)
    for name, octets in sorted(anchor_files.items()):
        bag.octets(f"data/anchors/{name}", octets)
    _chronology(bag, result)
    for name, text in load_files(result, exhibits).items():
        bag.octets(f"data/load/{name}", text)
    _tags(bag, config, result)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    target = result.folder / "package.zip"
    _zip(folder, target, result.dated)
    digest = _sha256(target)
    (result.folder / "package.zip.sha256").write_text(f"{digest}  package.zip\n", encoding="ascii")
    return PackagePaths(folder, target, digest)


class _Bag:
    """Files of the bag with their digests, in the order of writing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digests: dict[str, tuple[str, str, int]] = {}

    def stream(self, name: str, blocks: Iterable[bytes]) -> None:
        path = self.root.joinpath(*name.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        one, two, size = hashlib.sha256(), hashlib.sha512(), 0
        with path.open("wb") as stream:
            for block in blocks:
                stream.write(block)
                one.update(block)
                two.update(block)
                size += len(block)
        self.digests[name] = (one.hexdigest(), two.hexdigest(), size)

    def octets(self, name: str, octets: bytes) -> None:
        self.stream(name, (octets,))

    def text(self, name: str, text: str) -> None:
        self.octets(name, text.encode("utf-8"))

    def copy(self, name: str, source: Path) -> None:
        self.stream(name, _blocks(source))

    def manifest(self, names: Iterable[str], which: int) -> str:
        return "".join(f"{self.digests[name][which]}  {_escaped(name)}\n" for name in sorted(names))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


def _escaped(name: str) -> str:
    """RFC 8493 section 2.1.3: CR, LF and % of a file name are percent-encoded."""
    return name.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _counted(result: BundleResult, progress: Progress) -> Iterator[ManifestExhibit]:
    exhibits = result.manifest.exhibits
    for done, exhibit in enumerate(exhibits, 1):
        progress.step("package", done, len(exhibits))
        yield exhibit


def _exhibit(bag: _Bag, case: CaseFile, result: BundleResult, exhibit: ManifestExhibit, uuid: str) -> dict[str, Any]:
    """Original, attachments and proof of one exhibit; what is withheld is said and left out, with all that would show it."""
    label = f"{exhibit.number:04d}"
    row: dict[str, Any] = {
        "number": exhibit.number,
        "kind": exhibit.kind,
        "sha256": exhibit.sha256,
        "copies": list(exhibit.copies),
        "first_page": exhibit.first_page,
        "last_page": exhibit.last_page,
        "bates_first": exhibit.bates_first,
        "bates_last": exhibit.bates_last,
        "at": exhibit.at.strftime("%Y-%m-%dT%H:%M:%SZ") if exhibit.at else None,
        "title": exhibit.title,
        "sender": exhibit.sender,
        "recipients": list(exhibit.recipients),
        "message_id": exhibit.message_id,
        "withheld": exhibit.withheld,
        "file": None,
        "proof": None,
        "attachments": [],
    }
    if exhibit.withheld:
        return row
    if exhibit.kind == "message":
        raw = case.raw(exhibit.sha256)
        row["file"] = f"data/originals/{label}-{exhibit.sha256[:12]}.eml"
        bag.octets(row["file"], raw)
        row["attachments"] = list(_attachments(bag, label, raw, exhibit))
    else:
        outside = next(f for f in exhibit.files if f.outside is not None)
        row["file"] = f"data/files/{label}-{_safe(outside.name)}"
        bag.stream(row["file"], case.outside_stream(outside.outside or 0))
    if exhibit.event is not None:
        row["proof"] = f"data/log/proofs/{label}.proof.json"
        bag.text(row["proof"], _json(_inclusion(case, exhibit.event, result.log_size, result.root, uuid)))
    return row


def _attachments(bag: _Bag, label: str, raw: bytes, exhibit: ManifestExhibit) -> Iterator[dict[str, Any]]:
    octets = leaf_octets(raw) if exhibit.files else {}
    for number, file in enumerate(exhibit.files, 1):
        row: dict[str, Any] = {
            "name": file.name,
            "sha256": file.sha256,
            "size": file.size,
            "type": file.content_type,
            "file": None,
        }
        if not file.withheld and file.sha256 in octets:
            row["file"] = f"data/attachments/{label}/{number:02d}-{_safe(file.name)}"
            bag.octets(row["file"], octets[file.sha256])
        yield row


def _safe(name: str) -> str:
    """A file name that every system takes; the sender's own stands in exhibits.json."""
    kept = "".join(c if c.isalnum() or c in " ._-()" else "_" for c in name).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    kept = f"{stem[:60]}{dot}{ending[:12]}" if stem else kept[:72]
    return kept or "file"


def _inclusion(case: CaseFile, seq: int, size: int, root: str, uuid: str) -> dict[str, Any]:
    """The proof file of docs/archive-format.md: the event's text and its path to the root."""
    body = next(text for _seq, text, _leaf in case.events(seq, seq + 1))
    return {
        "format": "evidence-log-proof/1",
        "kind": "inclusion",
        "archive": uuid,
        "seq": seq,
        "size": size,
        "root": root,
        "event": body,
        "path": [node.hex() for node in case.inclusion_proof(seq, size)],
    }


def _log(bag: _Bag, case: CaseFile, result: BundleResult, uuid: str) -> None:
    """Head and leaf hashes: the whole root can be recomputed, and no event but those of the exhibits is shown."""
    bag.text("data/log/head.json", _json({"archive": uuid, "root": result.root, "size": result.log_size}))
    bag.stream(
        "data/log/leaves.txt", (f"{leaf.hex()}\n".encode("ascii") for _s, _b, leaf in case.events(0, result.log_size))
    )
    if result.manifest.earlier is not None:
        size, root = result.manifest.earlier
        bag.text(
            f"data/log/consistency-{size}-{result.log_size}.proof.json",
            _json(
                {
                    "format": "evidence-log-proof/1",
                    "kind": "consistency",
                    "archive": uuid,
                    "first": size,
                    "first_root": root,
                    "second": result.log_size,
                    "second_root": result.root,
                    "path": [node.hex() for node in result.manifest.consistency],
                }
            ),
        )


def _chronology(bag: _Bag, result: BundleResult) -> None:
    import io

    head, rows = chronology_rows(result)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(rows)
    bag.octets("data/chronology.csv", b"\xef\xbb\xbf" + text.getvalue().encode("utf-8"))
    bag.octets("data/chronology.xlsx", write_xlsx(head, rows, result))


def _tags(bag: _Bag, config: Config, result: BundleResult) -> None:
    payload = [name for name in bag.digests if name.startswith("data/")]
    octets = sum(bag.digests[name][2] for name in payload)
    bag.text("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    bag.text(
        "bag-info.txt",
        "".join(
            f"{key}: {' '.join(str(value).split())}\n"
            for key, value in (
                ("Source-Organization", config.us.name),
                ("External-Description", config.matter.title),
                ("External-Identifier", f"{result.number:04d}-{result.kind}"),
                ("Bagging-Date", result.dated),
                ("Bag-Software-Agent", f"evidence {result.options.get('tool_version', '')}"),
                ("Payload-Oxum", f"{octets}.{len(payload)}"),
            )
        ),
    )
    bag.text("VERIFY.txt", verify_text(result))
    source = files("evidence.bundle") / "verifier"
    for name in ("verify.py", "verify.html"):
        bag.octets(name, (source / name).read_bytes())
    for which, algorithm in enumerate(("sha256", "sha512")):
        bag.text(f"manifest-{algorithm}.txt", bag.manifest(payload, which))
    tags = [name for name in bag.digests if not name.startswith("data/")]
    for which, algorithm in enumerate(("sha256", "sha512")):
        bag.text(f"tagmanifest-{algorithm}.txt", bag.manifest(tags, which))


def verify_text(result: BundleResult) -> str:
    """VERIFY.txt: how to check, without the program, in the bundle's language."""
    _ = translation("bundle", result.language).gettext
    steps = (
        _("HOW TO CHECK THIS PACKAGE"),
        "",
        _(
            "In a browser: open verify.html from this folder and drop the folder (or package.zip) on the page. Nothing is sent anywhere."
        ),
        _("With Python: python3 -I verify.py"),
        _("With standard tools, in this folder: sha256sum -c manifest-sha256.txt"),
        _("The bundle itself: compare the SHA-256 of data/bundle.pdf with the receipt you were given."),
        "",
        _(
            "What it shows: no file has been changed, added or removed since the package was made; each original is the one whose hash is printed in the bundle, and it is recorded in the custody log with the stated root."
        ),
        _(
            "What it does not show: who wrote a message; nor when, unless there is a trusted time stamp in data/anchors."
        ),
        "",
        _("Custody log: {size} events, root {root}").format(size=result.log_size, root=result.root),
        "",
    )
    return "\r\n".join(steps)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def _zip(folder: Path, target: Path, dated: str) -> None:
    """Stored, not packed: any reader, also the one in verify.html, needs no more than the directory at its end."""
    year, month, day = (int(part) for part in dated[:10].split("-"))
    stamp = (max(year, 1980), month, day, 12, 0, 0)
    unfinished = target.with_suffix(".new")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), stamp)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            with (
                archive.open(entry, "w", force_zip64=path.stat().st_size > (1 << 31)) as sink,
                path.open("rb") as source,
            ):
                shutil.copyfileobj(source, sink, BLOCK)
    unfinished.replace(target)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()
