"""What a made bundle says of itself: spans of pages, labels, frozen exhibit numbers, the manifest's exhibits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from evidence.bundle.brief import Brief, moment
from evidence.bundle.exhibits import Exhibit
from evidence.bundle.joining import offsets
from evidence.bundle.options import ManifestExhibit, ManifestFile
from evidence.bundle.outside import OutsideDrawn
from evidence.bundle.pdf import Rendered
from evidence.bundle.redact import MARK
from evidence.bundle.select import Selection
from evidence.errors import UsageError
from evidence.i18n import talk
from evidence.ports import IssuedExhibit

_ = talk("bundle")
PREFIX = re.compile(r"[ -~А-Яа-яЁё№]{1,24}")  # what the footer's font is sure to have


def bates_labels(b: Brief, total: int) -> list[str]:
    """Labels continue after the last one issued: no two pages ever carry the same."""
    prefix = b.config.bundle.bates_prefix
    if not prefix:
        return []
    if not PREFIX.fullmatch(prefix):
        raise UsageError(
            _("The label “{prefix}” cannot stand at the foot of a page.").format(prefix=prefix),
            _("It may hold up to 24 Latin or Cyrillic letters, digits, spaces and signs such as - _ . /"),
            _("Change bates_prefix under [bundle] in the configuration."),
        )
    start = max(
        (int(e.bates_last[len(prefix) :]) for e in b.case.exhibits()
         if e.bates_last.startswith(prefix) and e.bates_last[len(prefix) :].isdigit()),
        default=0,
    )  # fmt: skip
    start = max(start, *(int(x.options.get("bates_last", 0)) for x in b.case.bundles()), 0)
    return [f"{prefix}{start + i:06d}" for i in range(1, total + 1)]


def last_label(label: str, prefix: str) -> int:
    """The running number of a Bates label: what stands behind its prefix, which may end with digits of its own."""
    return int(label.removeprefix(prefix))


def frozen(b: Brief, spans: Mapping[int, tuple[str, str]]) -> tuple[IssuedExhibit, ...]:
    """The numbers this issue freezes: of every numbered item that no earlier bundle holds, each octets once."""
    known = {(e.kind, e.sha256) for e in b.case.exhibits()}
    files = {f"file:{f.id}": f.sha256 for f in b.case.outside_files()}
    found: list[IssuedExhibit] = []
    for key, number in b.selection.numbers.items():
        kind, sha256 = ("file", files[key]) if key in files else ("message", key)
        if (kind, sha256) in known:
            continue
        known.add((kind, sha256))
        first, last = spans.get(number, ("", ""))
        found.append(IssuedExhibit(number, kind, sha256, b.number, first, last))
    return tuple(sorted(found, key=lambda e: e.number))


def manifest_exhibits(
    b: Brief,
    exhibits: Sequence[Exhibit],
    files: Sequence[OutsideDrawn],
    pages_of: Mapping[int, tuple[int, int]],
    spans: Mapping[int, tuple[str, str]],
) -> tuple[ManifestExhibit, ...]:
    found = [_manifest_message(b, e, pages_of.get(e.number, (0, 0)), spans.get(e.number, ("", ""))) for e in exhibits]
    for file, drawn, name, _octets in files:
        number = b.selection.number_of_file(file)
        first, last = pages_of.get(number, (0, 0))
        found.append(
            ManifestExhibit(
                number=number,
                kind="file",
                sha256=file.sha256,
                copies=(),
                first_page=first,
                last_page=last,
                bates_first=spans.get(number, ("", ""))[0],
                bates_last=spans.get(number, ("", ""))[1],
                at=moment(f"{file.event_date}T00:00:00+00:00" if len(file.event_date) == 10 else file.event_date),
                title=b.hidden.burn(file.title),
                sender=file.added_by,
                recipients=(),
                side=None,
                message_id=None,
                embedded_as=name,
                event=b.case.event_of("outside_file", file.id),
                files=(
                    ManifestFile(
                        b.hidden.burn(file.filename),
                        file.sha256,
                        file.size,
                        file.content_type,
                        outside=file.id,
                        embedded=bool(name),
                        withheld="redacted" if drawn.why == "withheld" else "",
                    ),
                ),
                withheld="redacted" if drawn.why == "withheld" else "",
            )
        )
    return tuple(found)


def _manifest_message(b: Brief, e: Exhibit, pages: tuple[int, int], bates: tuple[str, str]) -> ManifestExhibit:
    return ManifestExhibit(
        number=e.number,
        kind="message",
        sha256=e.letter.sha256,
        copies=e.letter.copies,
        first_page=pages[0],
        last_page=pages[1],
        bates_first=bates[0],
        bates_last=bates[1],
        at=e.letter.at,
        title=e.parsed.subject,
        sender=b.hidden.burn(e.letter.sender),
        recipients=tuple(b.hidden.burn(a.address) for a in e.letter.addresses if a.header in ("to", "cc", "bcc")),
        side=e.letter.speaker,
        message_id=e.parsed.message_id,
        embedded_as=e.embedded_as,
        event=e.event,
        files=tuple(
            ManifestFile(
                MARK if a.withheld else a.attachment.safe_name,
                a.attachment.sha256,
                a.attachment.size,
                a.attachment.content_type,
                path=a.attachment.path,
                withheld="redacted" if a.withheld or e.withheld else "",
            )
            for a in e.attachments
        ),
        withheld=e.withheld,
    )


def page_spans(
    parts: Sequence[Rendered],
    exhibits: Sequence[Exhibit],
    files: Sequence[OutsideDrawn],
    selection: Selection,
) -> dict[int, tuple[int, int]]:
    """First and last page, from 1, of every exhibit: each starts a page, the next one or its part's end closes it."""
    spans: dict[int, tuple[int, int]] = {}
    wanted = {e.number for e in exhibits} | {selection.number_of_file(f) for f, *_ in files}
    for part, start in zip(parts, offsets(parts), strict=True):
        begins = sorted(
            (place[0], int(name[1:]))
            for name, place in part.places.items()
            if name[0] == "x" and name[1:].isdigit() and int(name[1:]) in wanted
        )
        for index, (page, number) in enumerate(begins):
            end = begins[index + 1][0] if index + 1 < len(begins) else part.pages
            spans[number] = (start + page + 1, start + max(end, page + 1))
    return spans
