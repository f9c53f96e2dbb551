"""The rendering child: HTML to tagged PDF, pictures and PDF attachments to page images, one job after another.

Run as ``python -m evidence.bundle.render``. Jobs come as JSON lines on stdin and are answered on stdout; octets travel
in files. The parent (``pdf.py``) ends a child that takes too long, and the child limits its own memory, so a hostile
mail can cost one child and nothing else. The fontconfig file named by the parent knows only the shipped fonts.
"""

from __future__ import annotations

import gc
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Printed width of a page is 174 mm; 300 dpi of it are 2,055 pixels, 250 mm of height are 2,953.
MAX_PIXELS = (1_700, 2_400)
PAGE_DPI = 150
MAX_SOURCE_PIXELS = 120_000_000


def main() -> None:
    memory = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    if memory:
        _limit(memory)
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr
    gc.disable()  # a job's boxes live as long as the job; looking for cycles among them costs a tenth of its time
    for line in sys.stdin.buffer:
        try:
            answer = _OPERATIONS[(job := json.loads(line))["op"]](job)
        except MemoryError:
            answer = {"failed": "memory"}
        except RecursionError:
            answer = {"failed": "nesting"}
        except Exception as error:  # a hostile mail may raise anything; the parent falls back to text
            answer = {"failed": f"{type(error).__name__}: {error}"[:500]}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
        gc.collect()


def _limit(memory: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # Windows, macOS: the time limit remains
        pass


# ---- HTML ----------------------------------------------------------------------------------


def _pages(job: dict[str, Any]) -> dict[str, Any]:
    """Lay out and draw. Page numbers (``data-page``) are left to be written when all parts are joined (``folio.py``)."""
    import weasyprint
    import weasyprint.urls
    from weasyprint.draw import text
    from weasyprint.pdf import fonts

    # One subsetter everywhere: HarfBuzz's is used only where a machine has it, and its bytes differ from fontTools'.
    fonts.harfbuzz_subset = None
    fonts.TTFont = _shaped_font
    if not isinstance(text.draw_first_line, _Numbers):
        text.draw_first_line = _Numbers(text.draw_first_line)
    numbers: _Numbers = text.draw_first_line
    numbers.drawn = 0
    pictures = {name: Path(path) for name, path in job.get("pictures", {}).items()}

    class Refuse(weasyprint.urls.URLFetcher):  # type: ignore[misc]
        """Serves the pictures of this job by name and refuses every other address."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            name = url.removeprefix("evidence-picture:")
            if name == url or name not in pictures:
                raise ValueError("nothing is fetched")
            return weasyprint.urls.URLFetcherResponse(
                url, pictures[name].read_bytes(), headers={"Content-Type": "image/jpeg"}
            )

    document = weasyprint.HTML(string=Path(job["html"]).read_text("utf-8"), base_url=None, url_fetcher=Refuse()).render(
        font_config=_fonts(), pdf_variant="pdf/a-3a"
    )
    places: dict[str, list[float]] = {}
    for number, page in enumerate(document.pages):
        for name, (x, y, *_) in sorted(page.anchors.items()):
            places.setdefault(name, [number, round(x, 2), round(y, 2)])
    document.write_pdf(job["out"], pdf_variant="pdf/a-3a", pdf_identifier=b"evidence", dpi=300)
    _prepare(job["out"])
    return {"pages": len(document.pages), "places": places, "numbers": numbers.drawn}


class _Numbers:
    """Draws text; where an element asks for the page of an anchor, draws zeros and says behind them what belongs there.

    ``[<0013 0013>] TJ %page ANCHOR ALIGN SLOTS WIDTH GLYPHS``: a comment of the content stream (ISO 32000-1, 7.2.3) with
    the width of a digit in thousandths and the glyphs of 0 to 9. So a part needs no other part to be drawn, and is kept.
    """

    def __init__(self, original: Callable[..., Any]) -> None:
        self._original = original
        self.drawn = 0

    def __call__(self, stream: Any, box: Any, overflow: Any, ellipsis: Any, matrix: Any) -> Any:
        element = getattr(box, "element", None)  # the boxes of a drawing (SVG) have none
        name = element.get("data-page") if element is not None and hasattr(element, "get") else None
        if element is None or name is None or not box.text.isdigit():
            return self._original(stream, box, overflow, ellipsis, matrix)
        from weasyprint.text.line_break import line_size

        box.pango_layout.set_text("0123456789")
        line, _ = box.pango_layout.get_first_line()
        width = line_size(line, box.style)[0] / 10 / box.style["font_size"] * 1000
        found = self._original(stream, box, overflow, ellipsis, matrix)
        box.pango_layout.set_text(box.text)
        glyphs = b"".join(re.findall(rb"<([0-9a-f]*)>", stream.stream.pop()))
        if len(glyphs) != 40:
            raise ValueError("the digits of a page number are not ten glyphs of one font")
        zeros, align = glyphs[:4] * len(box.text), "right" if element.get("data-align") == "right" else "left"
        note = f" %page {name} {align} {len(box.text)} {width:.1f} ".encode("ascii")
        stream.stream.append(b"[<" + zeros + b">] TJ" + note + glyphs)
        self.drawn += 1
        return found


def _prepare(path: str) -> None:
    """What each part needs once and a joined file would need again at every build: a lean structure tree, our own packing.

    The library's own zlib writes every stream, so that the bytes do not hang on the system's.
    """
    import pikepdf

    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        _structure(pdf)
        pdf.save(
            path,
            static_id=True,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            compress_streams=True,
            recompress_flate=True,
        )


def _structure(pdf: Any) -> None:
    """Say of every header cell what it heads (ISO 14289-1, 7.5); drop what a reader of the structure has no use of.

    A Span that only holds marked content of its parent's page gives it to its parent; /Type, and /Pg of what holds no
    content of its own, are optional (ISO 32000-1, table 323). A third less memory for a joined file of thousands of pages.
    """
    from pikepdf import Array, Dictionary, Name

    plain = {"/K", "/P", "/Pg", "/S", "/Type"}
    elements = [e for e in pdf.objects if isinstance(e, Dictionary) and e.get(Name.Type) == Name.StructElem]
    moved: dict[tuple[int, int], Any] = {}
    for element in elements:
        if Name.Span == element.S and Name.Pg in element and plain.issuperset(element.keys()):
            kids, above = _kids(element), element.P
            if all(isinstance(k, int) for k in kids) and Name.Pg in above and above.Pg.objgen == element.Pg.objgen:
                moved[element.objgen] = above
    for element in elements:
        kids = []
        for kid in _kids(element):
            found = isinstance(kid, Dictionary) and kid.objgen in moved
            kids += _kids(kid) if found else [kid]
        element.K = kids[0] if len(kids) == 1 and isinstance(kids[0], int) else Array(kids)
    for element in elements:
        if Name.TH == element.S:
            _head(element)
        if Name.Pg in element and not any(isinstance(k, int) for k in _kids(element)):
            del element.Pg
        del element.Type
    for found in pdf.Root.StructTreeRoot.ParentTree.Nums:
        if isinstance(found, Array):
            for index, owner in enumerate(found):
                if isinstance(owner, Dictionary) and owner.objgen in moved:
                    found[index] = moved[owner.objgen]


def _kids(element: Any) -> list[Any]:
    from pikepdf import Array, Name

    kids = element.get(Name.K)
    return [] if kids is None else list(kids) if isinstance(kids, Array) else [kids]


def _head(cell: Any) -> None:
    """The scope of a header cell: a column in a table head, a row elsewhere."""
    from pikepdf import Dictionary, Name

    above = cell.P
    while above.get(Name.S) not in (Name.THead, Name.Table, None):
        above = above.P
    scope = Name.Column if above.get(Name.S) == Name.THead else Name.Row
    attributes = cell.get(Name.A)
    if isinstance(attributes, Dictionary):
        attributes.Scope = scope
    else:
        cell.A = Dictionary(O=Name.Table, Scope=scope)


def _shaped_font(*arguments: Any, **options: Any) -> Any:
    """A font to subset, without the tables that only shape text: that is done, and reading them takes most of the time."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    font = TTFont(*arguments, **options)
    for table in ("GSUB", "GPOS", "GDEF", "MATH", "BASE", "JSTF"):
        if table in font:
            del font[table]
    return font


_font_configuration: list[Any] = []


def _fonts() -> Any:
    if not _font_configuration:
        from weasyprint.text.fonts import FontConfiguration

        _font_configuration.append(FontConfiguration())
    return _font_configuration[0]


# ---- pictures ------------------------------------------------------------------------------


def _picture(job: dict[str, Any]) -> dict[str, Any]:
    """One picture, upright, at most 300 dpi when printed across the page, opaque: a JPEG (ITU-T T.81)."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_SOURCE_PIXELS
    with Image.open(io.BytesIO(Path(job["source"]).read_bytes())) as source:
        frames = int(getattr(source, "n_frames", 1))
        if source.width * source.height > MAX_SOURCE_PIXELS:
            return {"failed": "pixels"}
        source.draft("RGB", MAX_PIXELS)
        picture = ImageOps.exif_transpose(source)
        original = (source.width, source.height)
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            opaque = Image.new("RGB", picture.size, "white")
            rgba = picture.convert("RGBA")
            opaque.paste(rgba, mask=rgba.getchannel("A"))
            picture = opaque
        if picture.mode == "F" or picture.mode.startswith("I"):
            picture = _eight_bits(picture)
        picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
        picture.thumbnail(MAX_PIXELS, Image.Resampling.LANCZOS)
        picture.save(job["out"], "JPEG", quality=85, optimize=False, progressive=False)
        return {"width": picture.width, "height": picture.height, "original": original, "frames": frames}


def _eight_bits(picture: Any) -> Any:
    """Greys of 16 bits (a scanner's) or of real numbers as 8 bits: converted without a scale, all but black turns white."""
    from PIL import Image

    if picture.mode == "F":
        least, most = picture.getextrema()
    else:
        picture, least, most = picture.convert("I"), 0, 65_535
        most = max(most, picture.getextrema()[1])
    scale = 255 / (most - least) if most > least else 1.0
    shift = -least * scale
    return picture.convert("F").point(lambda grey: grey * scale + shift).convert("L", dither=Image.Dither.NONE)


def _pdf_pages(job: dict[str, Any]) -> dict[str, Any]:
    """The pages of a PDF attachment as JPEGs (``out`` + number): drawn, never merged, so nothing active comes along."""
    import pypdfium2

    document = pypdfium2.PdfDocument(Path(job["source"]).read_bytes())
    total = len(document)
    sizes: list[list[int]] = []
    for index in range(min(total, job["most"])):
        page = document[index]
        width, height = page.get_size()
        scale = PAGE_DPI / 72
        scale = min(scale, MAX_PIXELS[0] / max(width, 1), MAX_PIXELS[1] / max(height, 1))
        picture = page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
        picture.save(f"{job['out']}{index}.jpg", "JPEG", quality=80)
        sizes.append([picture.width, picture.height])
        page.close()
    document.close()
    return {"total": total, "sizes": sizes}


_OPERATIONS = {"pages": _pages, "picture": _picture, "pdf-pages": _pdf_pages}

if __name__ == "__main__":
    main()
