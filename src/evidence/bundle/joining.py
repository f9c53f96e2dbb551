"""Parts into one file: pages, structure tree, links between parts, named destinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from evidence.bundle.pdf import Rendered

PX = 0.75  # a CSS pixel in points
HEIGHT = 841.8898  # A4
LINK_HOST = "https://bundle.invalid/#"  # links to anchors of other parts; nothing ever asks this host
Places = Mapping[str, tuple[int, float, float]]


def offsets(parts: Sequence[Rendered]) -> list[int]:
    """The first page, from 0, of each part."""
    found, total = [], 0
    for part in parts:
        found.append(total)
        total += part.pages
    return found


def above(top: float) -> float:
    """Where a reader lands: a line above the anchor, and no higher than the page."""
    return round(min(top + 12, HEIGHT), 2)


def places_of(parts: Sequence[Rendered]) -> Places:
    """Every anchor: its page from 0 and its place in points from the bottom left. The first of equal names counts."""
    places: dict[str, tuple[int, float, float]] = {}
    for part, start in zip(parts, offsets(parts), strict=True):
        for name, (page, x, y) in part.places.items():
            places.setdefault(name, (start + page, x * PX, HEIGHT - y * PX))
    return places


def append(pdf: pikepdf.Pdf, parts: Sequence[Rendered]) -> None:
    """Append the pages of all parts and hang their structure under the first part's document element."""
    root = pdf.Root.StructTreeRoot
    document = root.K[0]
    numbers: list[Any] = list(root.ParentTree.Nums)
    next_key = _highest(numbers) + 1
    kids = list(document.K)
    for part in parts[1:]:
        with pikepdf.open(part.path) as source:
            first = len(pdf.pages)
            pdf.pages.extend(source.pages)
            tree = pdf.copy_foreign(source.Root.StructTreeRoot)
            for element in tree.K[0].K:
                element.P = document
                kids.append(element)
            shifted = list(tree.ParentTree.Nums)
            for index in range(0, len(shifted), 2):
                numbers += [int(shifted[index]) + next_key, shifted[index + 1]]
            for index in range(first, len(pdf.pages)):
                page = pdf.pages[index]
                if Name.StructParents in page.obj:
                    page.obj.StructParents = int(page.obj.StructParents) + next_key
                for annotation in page.obj.get(Name.Annots, ()):
                    if Name.StructParent in annotation:
                        annotation.StructParent = int(annotation.StructParent) + next_key
            next_key += _highest(shifted) + 1
    document.K = Array(kids)
    root.K = Array([document])
    root.ParentTree.Nums = Array(numbers)
    root.ParentTreeNextKey = next_key


def _highest(numbers: Sequence[Any]) -> int:
    return max((int(key) for key in numbers[::2]), default=-1)


def link(pdf: pikepdf.Pdf, places: Places, texts: Mapping[str, str]) -> None:
    """Links between parts become named destinations; what a reader is told of each is words, not an anchor."""
    for page in pdf.pages:
        for annotation in page.obj.get(Name.Annots, ()):
            if annotation.get(Name.Subtype) != Name.Link:
                continue
            if Name.A in annotation:
                target = str(annotation.A.get(Name.URI, ""))
                if not target.startswith(LINK_HOST):
                    raise KeyError(f"a link leads out of the bundle: {target[:80]}")
                name = target.removeprefix(LINK_HOST)
                del annotation.A
                annotation.Dest = String(name)
            else:
                name = str(annotation.Dest)
            if name not in places:
                raise KeyError(f"a link leads to {name}, which is nowhere")
            words = texts.get(name) or f"{places[name][0] + 1}"
            annotation.Contents = String(words)


def name_destinations(pdf: pikepdf.Pdf, places: Places) -> None:
    names = Array()
    pages = [page.obj for page in pdf.pages]
    for name in sorted(places, key=lambda n: n.encode()):
        page, _, top = places[name]
        names.append(String(name))
        names.append(Array([pages[page], Name.XYZ, 0, above(top), 0]))
    pdf.Root.Names = Dictionary(Dests=pdf.make_indirect(Dictionary(Names=names)))
