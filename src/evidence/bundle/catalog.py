"""What a file says of itself and holds besides pages: bookmarks, embedded originals, document parts, metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from evidence.bundle.joining import HEIGHT, Places, above


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


def outline(pdf: pikepdf.Pdf, bookmarks: Sequence[Bookmark], places: Places, page_word: str) -> None:
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
                top=above(top),
                zoom=0,
            )
            item.is_closed = bookmark.level == 1
            parents = parents[: bookmark.level - 1]
            (parents[-1].children if parents else outline.root).append(item)
            parents.append(item)


def embed(pdf: pikepdf.Pdf, files: Iterable[Embedded]) -> None:
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


def document_parts(pdf: pikepdf.Pdf, messages: Sequence[MessagePages]) -> None:
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


def catalog(pdf: pikepdf.Pdf, metadata: Metadata) -> None:
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
