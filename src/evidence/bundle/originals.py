"""The originals that lie inside the PDF: every letter's octets, proved against its hash, and outside files that fit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from evidence.bundle.brief import Brief
from evidence.bundle.catalog import Embedded
from evidence.bundle.exhibits import Exhibit
from evidence.bundle.outside import OutsideDrawn
from evidence.errors import EvidenceError
from evidence.i18n import talk

_ = talk("bundle")


def originals(
    b: Brief, clean: Callable[[str], str], exhibits: Sequence[Exhibit], files: Sequence[OutsideDrawn]
) -> Iterator[Embedded]:
    """One after another, so that only one is in memory. Raises EvidenceError when octets are not those of their hash."""
    for e in exhibits:
        if not e.embedded_as:
            continue
        raw = b.case.raw(e.letter.sha256)
        if hashlib.sha256(raw).hexdigest() != e.letter.sha256:
            raise EvidenceError(
                _("The stored bytes of exhibit {number} do not match its hash.").format(number=e.number),
                e.letter.sha256,
                _("Run `evidence verify`: it names what is wrong."),
            )
        what = b._("Exhibit %s") % e.number
        yield Embedded(e.embedded_as, raw, "message/rfc822", what, "Source", e.letter.at)
    for file, _drawn, name, octets in files:
        if octets is not None:
            number = b.selection.number_of_file(file)
            kind = file.content_type if "/" in file.content_type else "application/octet-stream"
            described = f"{b._('Exhibit %s') % number}: {clean(file.title)}"
            yield Embedded(name, octets, kind, described, "Source", file.added_at)


def plain_name(name: str) -> str:
    """A file name harmless everywhere: letters, digits, dot, hyphen, underscore, at most 60 characters."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in name).strip("._") or "file"
    stem, dot, ending = kept.rpartition(".")
    return kept[:60] if not dot else f"{stem[: 59 - len(ending[:10])]}.{ending[:10]}"
