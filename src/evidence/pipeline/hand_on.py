"""Hand data on: .eml tree with hashes, one mbox (mboxrd), CSV, or a lawyer's load file. Counsel's mail is never among it."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

from evidence.config import Config
from evidence.errors import UsageError
from evidence.i18n import talk
from evidence.model import Letter
from evidence.ports import CaseFile, Progress

_ = talk("cli")
FROM_LINE = re.compile(rb"(?m)^(>*From )")
COLUMNS = (
    "number", "sha256", "message_id", "date", "at", "at_clock", "speaker", "person", "sender", "to", "cc", "subject", "kind",
    "scope", "folders", "attachments", "thread",
)  # fmt: skip
DAT_SEPARATOR, DAT_QUOTE, DAT_NEWLINE = "\x14", "þ", "®"


def export(case: CaseFile, config: Config, form: str, target: Path, *, everything: bool, progress: Progress) -> int:
    """Write the messages in date order to ``target`` (a folder, or a file that must not exist). Returns how many."""
    letters = [letter for letter in case.letters(everything=everything) if not letter.withheld]
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise UsageError(
            _("{path} already exists.").format(path=target), _("Nothing is overwritten."), _("Choose another place.")
        )
    if form == "eml":
        return _eml(case, letters, target, progress)
    target.parent.mkdir(parents=True, exist_ok=True)
    if form == "mbox":
        return _mbox(case, letters, target, progress)
    if form == "csv":
        return _csv(letters, target)
    return _load_file(case, letters, target, progress)


def _eml(case: CaseFile, letters: Sequence[Letter], folder: Path, progress: Progress) -> int:
    """NNNN-SHA.eml each, and SHA256SUMS for ``sha256sum -c``."""
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for number, letter in enumerate(letters, 1):
        name = f"{number:05d}-{letter.sha256[:12]}.eml"
        (folder / name).write_bytes(case.raw(letter.sha256))
        sums.append(f"{letter.sha256}  {name}\n")
        progress.step("eml", number, len(letters))
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    return len(letters)


def _mbox(case: CaseFile, letters: Sequence[Letter], path: Path, progress: Progress) -> int:
    """mboxrd: every line of From, quoted or not, gets one more '>', so that reading it back restores the octets."""
    with path.open("wb") as stream:
        for number, letter in enumerate(letters, 1):
            raw = case.raw(letter.sha256)
            stamp = letter.at.astimezone(UTC).strftime("%a %b %e %H:%M:%S %Y").encode()
            stream.write(b"From MAILER-DAEMON " + stamp + b"\n" + FROM_LINE.sub(rb">\1", raw))
            stream.write(b"\n" if raw.endswith(b"\n") else b"\n\n")
            progress.step("mbox", number, len(letters))
    return len(letters)


def _cells(letter: Letter) -> dict[str, str]:
    def of(header: str) -> str:
        return "; ".join(a.address for a in letter.addresses if a.header == header)

    return {
        "number": str(letter.number),
        "sha256": letter.sha256,
        "message_id": letter.message_id or "",
        "date": letter.date.isoformat() if letter.date else "",
        "at": letter.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "at_clock": letter.at_clock,
        "speaker": letter.speaker,
        "person": letter.person,
        "sender": letter.sender,
        "to": of("to"),
        "cc": of("cc"),
        "subject": " ".join(letter.subject.split()),
        "kind": letter.kind,
        "scope": letter.scope,
        "folders": "; ".join(letter.folders),
        "attachments": "; ".join(a.filename for a in letter.attachments),
        "thread": letter.thread,
    }


def _csv(letters: Sequence[Letter], path: Path) -> int:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for letter in letters:
            cells = _cells(letter)
            writer.writerow([_harmless(cells[column]) for column in COLUMNS])
    return len(letters)


def _harmless(text: str) -> str:
    """A cell no spreadsheet runs as a formula (CWE-1236)."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _load_file(case: CaseFile, letters: Sequence[Letter], folder: Path, progress: Progress) -> int:
    """Concordance DAT with natives beside it (NATIVE column); text in TEXT/. UTF-8 with BOM; OPT lists one native a document."""
    natives, texts = folder / "NATIVE", folder / "TEXT"
    natives.mkdir(parents=True)
    texts.mkdir()
    columns = ["BEGDOC", "ENDDOC", *[c.upper() for c in COLUMNS], "NATIVE", "TEXT"]
    lines = [_dat(columns)]
    options = []
    for number, letter in enumerate(letters, 1):
        label = f"MSG{number:06d}"
        (natives / f"{label}.eml").write_bytes(case.raw(letter.sha256))
        (texts / f"{label}.txt").write_text(
            letter.texts.get("body", ""), encoding="utf-8", errors="replace", newline="\n"
        )
        cells = _cells(letter)
        lines.append(_dat([label, label, *[cells[c] for c in COLUMNS], f"NATIVE/{label}.eml", f"TEXT/{label}.txt"]))
        options.append(f"{label},NATIVE,NATIVE/{label}.eml,Y,,,1\r\n")
        progress.step("load file", number, len(letters))
    (folder / "load.dat").write_text("".join(lines), encoding="utf-8-sig", newline="")
    (folder / "load.opt").write_text("".join(options), encoding="utf-8", newline="")
    return len(letters)


def _dat(cells: Sequence[str]) -> str:
    quoted = [
        f"{DAT_QUOTE}{c.replace(DAT_QUOTE, '').replace(chr(13), '').replace(chr(10), DAT_NEWLINE)}{DAT_QUOTE}"
        for c in cells
    ]
    return DAT_SEPARATOR.join(quoted) + "\r\n"
