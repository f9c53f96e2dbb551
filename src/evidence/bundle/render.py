"""The rendering child: HTML to tagged PDF, pictures and PDF attachments to page images, one job after another.

Run as ``python -m evidence.bundle.render``. Jobs come as JSON lines on stdin and are answered on stdout; octets travel
in files. The parent (``pdf.py``) ends a child that takes too long, and the child limits its own memory, so a hostile
mail can cost one child and nothing else. The fontconfig file named by the parent knows only the shipped fonts.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
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


def _limit(memory: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # Windows, macOS: the time limit remains
        pass


# ---- HTML ----------------------------------------------------------------------------------


def _pages(job: dict[str, Any]) -> dict[str, Any]:
    """Lay out once, then write page numbers into the boxes that asked for them (``data-page``), then draw."""
    import weasyprint
    import weasyprint.urls
    from weasyprint.pdf import fonts

    # One subsetter everywhere: HarfBuzz's is used only where a machine has it, and its bytes differ from fontTools'.
    fonts.harfbuzz_subset = None
    fonts.TTFont = _shaped_font
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
    if "numbers" in job:
        _fill(document.pages, places, job["numbers"], len(document.pages))
    document.write_pdf(job["out"], pdf_variant="pdf/a-3a", pdf_identifier=b"evidence", dpi=300)
    return {"pages": len(document.pages), "places": places}


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


def _fill(pages: Any, places: dict[str, list[float]], after: dict[str, int], own: int) -> None:
    """Put page numbers into laid-out text: of this document's own anchors, and of those ``after`` pages behind it."""
    from weasyprint.formatting_structure import boxes
    from weasyprint.text.line_break import line_size

    def texts(box: Any) -> Iterator[Any]:
        if isinstance(box, boxes.TextBox):
            yield box
        for child in getattr(box, "children", ()):
            yield from texts(getattr(child, "_box", child))

    for page in pages:
        for box in texts(page._page_box):
            element = box.element
            name = None if element is None or not hasattr(element, "get") else element.get("data-page")
            if name is None:
                continue
            if name in places:
                number = str(int(places[name][0]) + 1)
            elif name in after:
                number = str(after[name] + own + 1)
            else:
                number = "—"
            layout = box.pango_layout
            layout.reactivate(box.style)
            layout.set_text(number)
            line, _ = layout.get_first_line()
            width, _ = line_size(line, box.style)
            layout.deactivate()
            if element.get("data-align") == "right":
                box.position_x += box.width - width
            box.text, box.width = number, width


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
        picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
        picture.thumbnail(MAX_PIXELS, Image.Resampling.LANCZOS)
        picture.save(job["out"], "JPEG", quality=85, optimize=False, progressive=False)
        return {"width": picture.width, "height": picture.height, "original": original, "frames": frames}


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
