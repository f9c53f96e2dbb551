"""Rendered parts into one file: pages, structure tree, page numbers, bookmarks, links, embedded originals, metadata.

WeasyPrint renders each part as PDF/A-3a; joined here they stay PDF/A-3a (ISO 19005-3) and become PDF/UA-1
(ISO 14289-1) as well. Page numbers and Bates labels are pagination artifacts (ISO 32000-1, 14.8.2.2).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from evidence.bundle.pdf import Rendered

PX = 0.75  # a CSS pixel in points
HEIGHT, LEFT, RIGHT = 841.8898, 62.36, 544.25  # A4 and the margins of base.css (22 mm, 18 mm)
LINK_HOST = "https://bundle.invalid/#"  # links to anchors of other parts; nothing ever asks this host
WIDENING = 280  # thousandths added to a blank of the foot: text extractors in layout mode then see it
STAMPED = "".join(map(chr, range(0x20, 0x7F)))


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An outline entry. ``anchor`` gives its page; ``title`` gets the page number appended with ``page_word``."""

    title: str
    anchor: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file inside the PDF (ISO 32000-1, 7.11.4). ``relationship`` is an AFRelationship of ISO 19005-3, annex E."""

    name: str
    octets: bytes
    content_type: str
    description: str
    relationship: str = "Source"
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the file says of itself. ``properties`` are our own XMP values, named in an extension schema."""

    title: str
    language: str
    description: str
    creator_tool: str
    dated: datetime
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MessagePages:
    """Pages of one message, for the document part tree (after the EA-PDF draft): first and last page from 0."""

    first: int
    last: int
    message_id: str
    sha256: str


def offsets(parts: Sequence[Rendered]) -> list[int]:
    """The first page, from 0, of each part."""
    found, total = [], 0
    for part in parts:
        found.append(total)
        total += part.pages
    return found


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
    places = _places(parts)
    with pikepdf.open(parts[0].path) as pdf:
        _append(pdf, parts)
        _links(pdf, places, link_texts)
        _destinations(pdf, places)
        with pikepdf.open(stamp.path) as font_source:
            _stamp_pages(pdf, font_source, labels)
        _outline(pdf, bookmarks, places, page_word)
        _embed(pdf, files)
        _document_parts(pdf, messages)
        _catalog(pdf, metadata)
        pdf.remove_unreferenced_resources()
        # The library's own zlib writes every stream, so that the bytes do not hang on the system's.
        pdf.save(
            out,
            deterministic_id=True,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            compress_streams=True,
            recompress_flate=True,
        )
        return len(pdf.pages)


def _places(parts: Sequence[Rendered]) -> dict[str, tuple[int, float, float]]:
    places: dict[str, tuple[int, float, float]] = {}
    for part, start in zip(parts, offsets(parts), strict=True):
        for name, (page, x, y) in part.places.items():
            places.setdefault(name, (start + page, x * PX, HEIGHT - y * PX))
    return places


# ---- joining -------------------------------------------------------------------------------


def _append(pdf: pikepdf.Pdf, parts: Sequence[Rendered]) -> None:
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
            for page in list(pdf.pages)[first:]:
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
    _scopes(pdf)


def _scopes(pdf: pikepdf.Pdf) -> None:
    """Say of every header cell what it heads (ISO 14289-1, 7.5): a column in a table head, a row elsewhere."""
    for item in pdf.objects:
        if not isinstance(item, Dictionary) or item.get(Name.S) != Name.TH:
            continue
        above = item.P
        while above.get(Name.S) not in (Name.THead, Name.Table, None):
            above = above.P
        scope = Name.Column if above.get(Name.S) == Name.THead else Name.Row
        attributes = item.get(Name.A)
        if isinstance(attributes, Dictionary):
            attributes.Scope = scope
        else:
            item.A = Dictionary(O=Name.Table, Scope=scope)


def _highest(numbers: Sequence[Any]) -> int:
    return max((int(key) for key in numbers[::2]), default=-1)


def _links(pdf: pikepdf.Pdf, places: Mapping[str, Any], texts: Mapping[str, str]) -> None:
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


def _destinations(pdf: pikepdf.Pdf, places: Mapping[str, tuple[int, float, float]]) -> None:
    names = Array()
    pages = [page.obj for page in pdf.pages]
    for name in sorted(places, key=lambda n: n.encode()):
        page, _, top = places[name]
        names.append(String(name))
        names.append(Array([pages[page], Name.XYZ, 0, round(min(top + 12, HEIGHT), 2), 0]))
    pdf.Root.Names = Dictionary(Dests=pdf.make_indirect(Dictionary(Names=names)))


# ---- page numbers --------------------------------------------------------------------------


def _stamp_pages(pdf: pikepdf.Pdf, source: pikepdf.Pdf, labels: Sequence[str]) -> None:
    """``12 / 318`` on the right and the Bates label on the left of every page's foot."""
    fonts = source.pages[0].resources.Font
    foreign = fonts[next(iter(sorted(fonts.keys())))]
    glyphs = _glyphs(foreign)
    widths = _widths(foreign)
    font = pdf.copy_foreign(foreign)
    total = len(pdf.pages)
    size = 8.5
    seen: set[tuple[int, int]] = set()
    for number, page in enumerate(pdf.pages, start=1):
        resources = page.obj.Resources
        if resources.objgen == (0, 0) or resources.objgen not in seen:
            seen.add(resources.objgen)
            if Name.Font not in resources:
                resources.Font = Dictionary()
            resources.Font[Name("/EvidenceFoot")] = font
        text = f"{number} / {total}"
        parts = [_shown(text, RIGHT - _width(text, glyphs, widths, size), size, glyphs)]
        if labels:
            parts.append(_shown(labels[number - 1], LEFT, size, glyphs))
        body = "".join(parts)
        stream = f"/Artifact <</Type /Pagination /Subtype /Footer>> BDC q 0.2 g {body}Q EMC\n"
        page.contents_add(pdf.make_stream(stream.encode("ascii")), prepend=True)


def _shown(text: str, x: float, size: float, glyphs: Mapping[str, int]) -> str:
    codes = f"> {-WIDENING} <".join("".join(f"{glyphs[c]:04x}" for c in word) for word in _words(text))
    return f"BT /EvidenceFoot {size} Tf {x:.2f} 31 Td [<{codes}>] TJ ET "


def _words(text: str) -> list[str]:
    """Words with the blank behind each."""
    return re.findall(r"\S+ ?", text)


def _glyphs(font: pikepdf.Object) -> dict[str, int]:
    """Character to glyph, out of the font's ToUnicode CMap (ISO 32000-1, 9.10.3)."""
    found: dict[str, int] = {}
    for glyph, text in re.findall(rb"<([0-9a-fA-F]{4})>\s*<([0-9a-fA-F]+)>", font.ToUnicode.read_bytes()):
        characters = bytes.fromhex(text.decode()).decode("utf-16-be")
        if len(characters) == 1:
            found.setdefault(characters, int(glyph, 16))
    missing = set(STAMPED) - set(found)
    if missing:
        raise KeyError(f"the footer font lacks {sorted(missing)}")
    return found


def _widths(font: pikepdf.Object) -> dict[int, float]:
    """Glyph widths in thousandths of the size (ISO 32000-1, 9.7.4.3)."""
    descendant = font.DescendantFonts[0]
    found: dict[int, float] = {}
    entries = list(descendant.W)
    while entries:
        first = int(entries.pop(0))
        following = entries.pop(0)
        if isinstance(following, pikepdf.Array | list):
            found.update({first + i: float(w) for i, w in enumerate(following)})
        else:
            width = float(entries.pop(0))
            found.update(dict.fromkeys(range(first, int(following) + 1), width))
    return found


def _width(text: str, glyphs: Mapping[str, int], widths: Mapping[int, float], size: float) -> float:
    return (sum(widths[glyphs[c]] for c in text) + WIDENING * text.count(" ")) * size / 1000


# ---- outline, files, catalogue -------------------------------------------------------------


def _outline(
    pdf: pikepdf.Pdf, bookmarks: Sequence[Bookmark], places: Mapping[str, tuple[int, float, float]], page_word: str
) -> None:
    with pdf.open_outline() as outline:
        outline.root.clear()
        parents: list[pikepdf.OutlineItem] = []
        for bookmark in bookmarks:
            page, _, top = places[bookmark.anchor]
            item = pikepdf.OutlineItem(
                f"{bookmark.title} — {page_word} {page + 1}",
                page,
                page_location="XYZ",
                left=0,
                top=round(min(top + 12, HEIGHT), 2),
                zoom=0,
            )
            item.is_closed = bookmark.level == 1
            parents = parents[: bookmark.level - 1]
            (parents[-1].children if parents else outline.root).append(item)
            parents.append(item)


def _embed(pdf: pikepdf.Pdf, files: Iterable[Embedded]) -> None:
    """Each file once in the name tree and once in /AF."""
    specifications: dict[str, pikepdf.Object] = {}
    for file in files:
        if file.name in specifications:
            raise KeyError(f"two embedded files are called {file.name}")
        parameters = Dictionary(
            Size=len(file.octets),
            CheckSum=String(hashlib.md5(file.octets, usedforsecurity=False).digest()),
        )
        if file.modified:
            parameters.ModDate = String(_pdf_date(file.modified))
        stream = pdf.make_stream(file.octets)
        stream.Type = Name.EmbeddedFile
        stream.Subtype = Name("/" + file.content_type)
        stream.Params = parameters
        specifications[file.name] = pdf.make_indirect(
            Dictionary(
                Type=Name.Filespec,
                F=String(file.name),
                UF=String(file.name),
                Desc=String(file.description),
                AFRelationship=Name("/" + file.relationship),
                EF=Dictionary(F=stream, UF=stream),
            )
        )
    if not specifications:
        return
    names = Array()
    for name in sorted(specifications, key=lambda n: bytes(String(n))):
        names.append(String(name))
        names.append(specifications[name])
    pdf.Root.Names.EmbeddedFiles = pdf.make_indirect(Dictionary(Names=names))
    pdf.Root.AF = Array(list(specifications.values()))


def _document_parts(pdf: pikepdf.Pdf, messages: Sequence[MessagePages]) -> None:
    """A document part for each message's pages (ISO 16612-2), with its Message-ID: modelled on the EA-PDF draft."""
    if not messages:
        return
    pages = [page.obj for page in pdf.pages]
    top = pdf.make_indirect(Dictionary(Type=Name.DPart))
    root = pdf.make_indirect(
        Dictionary(Type=Name.DPartRoot, DPartRootNode=top, NodeNameList=Array([Name.Bundle, Name.Run]))
    )
    top.Parent = root
    leaves = []
    spans: list[tuple[int, int, MessagePages | None]] = []
    at = 0
    for message in sorted(messages, key=lambda m: m.first):
        if message.first > at:
            spans.append((at, message.first - 1, None))
        spans.append((message.first, message.last, message))
        at = message.last + 1
    if at < len(pages):
        spans.append((at, len(pages) - 1, None))
    for first, last, found in spans:
        leaf = pdf.make_indirect(Dictionary(Type=Name.DPart, Parent=top, Start=pages[first], End=pages[last]))
        if found:
            leaf.DPM = Dictionary(Mail_MessageID=String(found.message_id), Mail_SHA256=String(found.sha256))
        for page in pages[first : last + 1]:
            page.DPart = leaf
        leaves.append(leaf)
    top.DParts = Array([Array(leaves)])
    pdf.Root.DPartRoot = root


def _pdf_date(at: datetime) -> str:
    return at.strftime("D:%Y%m%d%H%M%SZ")


def _catalog(pdf: pikepdf.Pdf, metadata: Metadata) -> None:
    root = pdf.Root
    root.Lang = String(metadata.language)
    root.PageMode = Name.UseOutlines
    root.PageLayout = Name.OneColumn
    root.OpenAction = Array([pdf.pages[0].obj, Name.XYZ, 0, round(HEIGHT), 1])
    root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
    root.MarkInfo = Dictionary(Marked=True)
    if Name.PageLabels in root:
        del root.PageLabels
    packet = pdf.make_stream(_xmp(metadata))
    packet.Type, packet.Subtype = Name.Metadata, Name.XML
    root.Metadata = packet
    date = _pdf_date(metadata.dated)
    pdf.trailer.Info = pdf.make_indirect(
        Dictionary(
            Title=String(metadata.title),
            Subject=String(metadata.description),
            Creator=String(metadata.creator_tool),
            Producer=String(_producer()),
            CreationDate=String(date),
            ModDate=String(date),
        )
    )


def _producer() -> str:
    from importlib.metadata import version

    return f"WeasyPrint {version('weasyprint')}, pikepdf {version('pikepdf')}"


_OWN = "urn:evidence:bundle:1#"


def _xmp(metadata: Metadata) -> bytes:
    """The XMP packet (ISO 16684-1): both conformance claims, and our properties with the schema PDF/A asks for."""
    date = metadata.dated.strftime("%Y-%m-%dT%H:%M:%SZ")
    own = "".join(f"<ev:{k}>{escape(v)}</ev:{k}>" for k, v in sorted(metadata.properties.items()))

    def described(name: str, kind: str, category: str, text: str) -> str:
        return (
            f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
            f"<pdfaProperty:valueType>{kind}</pdfaProperty:valueType>"
            f"<pdfaProperty:category>{category}</pdfaProperty:category>"
            f"<pdfaProperty:description>{text}</pdfaProperty:description></rdf:li>"
        )

    def schema(name: str, uri: str, prefix: str, properties: str) -> str:
        return (
            f'<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>{name}</pdfaSchema:schema>'
            f"<pdfaSchema:namespaceURI>{uri}</pdfaSchema:namespaceURI><pdfaSchema:prefix>{prefix}</pdfaSchema:prefix>"
            f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
        )

    ours = "".join(described(k, "Text", "external", f"{k} of the evidence bundle") for k in sorted(metadata.properties))
    accessible = described("part", "Integer", "internal", "Part of PDF/UA that the file conforms to")
    schemas = schema("PDF/UA identification", "http://www.aiim.org/pdfua/ns/id/", "pdfuaid", accessible)
    schemas += schema("Evidence bundle", _OWN, "ev", ours)
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:ev="{_OWN}">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance><pdfuaid:part>1</pdfuaid:part>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(metadata.title)}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(metadata.description)}</rdf:li></rdf:Alt></dc:description>
<dc:language><rdf:Bag><rdf:li>{metadata.language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>{escape(metadata.creator_tool)}</xmp:CreatorTool>
<xmp:CreateDate>{date}</xmp:CreateDate><xmp:ModifyDate>{date}</xmp:ModifyDate>
<pdf:Producer>{escape(_producer())}</pdf:Producer>
{own}
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag>{schemas}</rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()
