"""Rendered parts into one file: pages, structure tree, page numbers, bookmarks, links, embedded originals, metadata.

WeasyPrint renders each part as PDF/A-3a; joined here they stay PDF/A-3a (ISO 19005-3) and become PDF/UA-1
(ISO 14289-1) as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pikepdf

from evidence.bundle.catalog import (
    Bookmark,
    Embedded,
    MessagePages,
    Metadata,
    catalog,
    document_parts,
    embed,
    outline,
)
from evidence.bundle.folio import stamp_pages, write_references
from evidence.bundle.joining import append, link, name_destinations, places_of
from evidence.bundle.pdf import Rendered


def assemble(
    parts: Sequence[Rendered],
    out: Path,
    *,
    metadata: Metadata,
    bookmarks: Sequence[Bookmark],
    page_word: str,
    files: Iterable[Embedded],
    labels: Sequence[str],
    stamp: Rendered,
    link_texts: Mapping[str, str],
    messages: Sequence[MessagePages] = (),
) -> int:
    """Write the file to ``out`` and return its page count. ``labels`` are Bates labels by page, or empty.

    Raises KeyError when a link or bookmark names an anchor no part has.
    """
    places = places_of(parts)
    with pikepdf.open(parts[0].path) as pdf:
        append(pdf, parts)
        link(pdf, places, link_texts)
        name_destinations(pdf, places)
        write_references(pdf, parts, places)
        with pikepdf.open(stamp.path) as font_source:
            stamp_pages(pdf, font_source, labels)
        outline(pdf, bookmarks, places, page_word)
        embed(pdf, files)
        document_parts(pdf, messages)
        catalog(pdf, metadata)
        pdf.remove_unreferenced_resources()
        # Streams of the parts were packed when they were drawn (``render.py``); only what was written here is packed now.
        pdf.save(
            out,
            deterministic_id=True,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            compress_streams=True,
        )
        return len(pdf.pages)
