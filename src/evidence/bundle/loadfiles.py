"""Lawyer's load files: Concordance DAT (documents with their fields) and Opticon OPT (pages), over the package's own files.

DAT: fields parted by 0x14, quoted with þ (0xFE in its usual code page; here UTF-8); line breaks become blanks. OPT: seven columns a
page; the bundle is one document for each exhibit, its pages those of bundle.pdf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.bundle.options import BundleResult

SEPARATOR, QUOTE = "\x14", "þ"
COLUMNS = (
    "BEGDOC", "ENDDOC", "EXHIBIT", "DATE_UTC", "FROM", "TO", "SUBJECT", "MESSAGE_ID", "SHA256", "ATTACHMENTS", "NATIVE", "PDF_PAGES",
)  # fmt: skip


def load_files(result: BundleResult, exhibits: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """``load.dat`` and ``load.opt``. Paths are relative to ``data/``. Without Bates labels, PAGE-NNNNNN stands for them."""
    lines = [_line(COLUMNS)]
    pages = []
    for exhibit in exhibits:
        first, last = int(exhibit["first_page"]), int(exhibit["last_page"])
        begin, end = exhibit["bates_first"] or f"PAGE-{first:06d}", exhibit["bates_last"] or f"PAGE-{last:06d}"
        lines.append(
            _line(
                (
                    begin,
                    end,
                    str(exhibit["number"]),
                    exhibit["at"] or "",
                    exhibit["sender"],
                    "; ".join(exhibit["recipients"]),
                    exhibit["title"],
                    exhibit["message_id"] or "",
                    exhibit["sha256"],
                    "; ".join(a["name"] for a in exhibit["attachments"]),
                    (exhibit["file"] or "").removeprefix("data/"),
                    f"{first}-{last}",
                )
            )
        )
        for page in range(first, last + 1):
            label = begin if page == first else _next(begin, page - first)
            start = f"Y,,,{last - first + 1}" if page == first else ",,,"
            pages.append(f"{label},BUNDLE,bundle.pdf#page={page},{start}\r\n")
    return {"load.dat": b"\xef\xbb\xbf" + "".join(lines).encode("utf-8"), "load.opt": "".join(pages).encode("utf-8")}


def _line(cells: Sequence[str]) -> str:
    quoted = (f"{QUOTE}{' '.join(c.replace(QUOTE, 'th').splitlines()) if c else ''}{QUOTE}" for c in cells)
    return SEPARATOR.join(quoted) + "\r\n"


def _next(label: str, by: int) -> str:
    """The label ``by`` pages on: its trailing number counts up, its width stays."""
    digits = len(label) - len(label.rstrip("0123456789"))
    if not digits:
        return f"{label}.{by}"
    return f"{label[:-digits]}{int(label[-digits:]) + by:0{digits}d}"
