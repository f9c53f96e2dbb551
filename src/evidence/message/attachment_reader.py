"""The child process of ``attachments_text``: reads jobs from stdin, answers on stdout, under resource limits.

Protocol: a line ``[memory, characters]``, then one line ``[form, base64]`` for each attachment; the answer is one line
``[text or null, reason or ""]`` each, in order. It ends with its input.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from base64 import b64decode
from collections.abc import Callable
from xml.parsers import expat

from evidence.message.charsets import decode_octets
from evidence.message.html import html_to_text

_MAX_MEMBER = 60_000_000  # octets of one unzipped member read
_MAX_PAGES = 500
_MAX_CELLS = 300_000


def main() -> None:
    memory, limit = json.loads(sys.stdin.buffer.readline())
    _bound(memory)
    for line in sys.stdin.buffer:
        form, encoded = json.loads(line)
        try:
            text, reason = read_text(form, b64decode(encoded), limit), ""
        except MemoryError:
            text, reason = None, "out-of-memory"
        except Exception:  # any library may fail in any way on hostile octets; the parent names the attachment
            text, reason = None, "unreadable"
        if text is not None and len(text) > limit:
            text, reason = text[:limit], "cut"
        sys.stdout.write(json.dumps([text, reason]) + "\n")
        sys.stdout.flush()


def _bound(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit and the caps below remain
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def read_text(form: str, octets: bytes, limit: int) -> str:
    """The text, LF line ends. Raises whatever the format's reader raises."""
    text = _READERS[form](octets, limit)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\ud800-\udfff]", "�", text)


def _plain(octets: bytes, limit: int) -> str:
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if octets.startswith(mark):
            return octets[len(mark) : 4 * limit].decode(codec, "replace")
    return decode_octets(octets[: 4 * limit], None)[0]


def _html(octets: bytes, limit: int) -> str:
    match = re.search(rb"charset\s*=\s*[\"']?([A-Za-z0-9_:-]{2,40})", octets[:2048])
    source, _ = decode_octets(octets[: 8 * limit], match.group(1).decode("ascii") if match else None)
    return html_to_text(source).text


def _pdf(octets: bytes, limit: int) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(octets)
    try:
        pages: list[str] = []
        length = 0
        for number in range(min(len(document), _MAX_PAGES)):
            page = document[number]
            layer = page.get_textpage()
            pages.append(layer.get_text_bounded())
            length += len(pages[-1])
            layer.close()
            page.close()
            if length > limit:
                break
        return "\n\n".join(pages)
    finally:
        document.close()


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as stream:
        octets = stream.read(_MAX_MEMBER + 1)
    if len(octets) > _MAX_MEMBER:
        raise ValueError("member too large")
    return octets


def _xml(octets: bytes, start: Callable[[str, dict[str, str]], None], end: Callable[[str], None],
         words: Callable[[str], None]) -> None:  # fmt: skip
    """Walk XML without entities: a DOCTYPE has no place in an office file and ends the reading (entity bombs)."""
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("document type declarations are not read")

    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = words
    parser.Parse(octets, True)


def _docx(octets: bytes, limit: int) -> str:
    """Paragraphs, table cells by tabs; deleted words (tracked changes) are left out, inserted ones are in."""
    out: list[str] = []
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        document = _member(archive, "word/document.xml")
    inside = [0]

    def start(name: str, _: dict[str, str]) -> None:
        if name == "t":
            inside[0] += 1
        elif name == "tab":
            out.append("\t")
        elif name in {"br", "cr"}:
            out.append("\n")

    def end(name: str) -> None:
        if name == "t":
            inside[0] -= 1
        elif name == "p":
            out.append("\n")

    def words(text: str) -> None:
        if inside[0]:
            out.append(text)

    _xml(document, start, end, words)
    return "".join(out).strip("\n")


def _xlsx(octets: bytes, limit: int) -> str:
    """Sheets in the workbook's order of files, rows as lines, cells by tabs; formulas by their stored values."""
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        names = archive.namelist()
        shared = _shared_strings(_member(archive, "xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else []
        sheets = sorted(
            (n for n in names if re.fullmatch(r"xl/worksheets/sheet\d{1,4}\.xml", n)),
            key=lambda n: int(re.sub(r"\D", "", n.rpartition("/")[2])),
        )
        parts: list[str] = []
        length = 0
        for name in sheets:
            parts.append(_sheet(_member(archive, name), shared))
            length += len(parts[-1])
            if length > limit:
                break
    return "\n\n".join(parts)


def _shared_strings(octets: bytes) -> list[str]:
    strings: list[str] = []
    current: list[str] = []
    inside = [0, 0]

    def start(name: str, _: dict[str, str]) -> None:
        if name == "si":
            current.clear()
        inside[0] += name == "t"
        inside[1] += name == "rPh"

    def end(name: str) -> None:
        if name == "si":
            strings.append("".join(current))
        inside[0] -= name == "t"
        inside[1] -= name == "rPh"

    def words(text: str) -> None:
        if inside[0] and not inside[1]:
            current.append(text)

    _xml(octets, start, end, words)
    return strings


def _sheet(octets: bytes, shared: list[str]) -> str:
    rows: list[list[str]] = []
    state = {"type": "", "inside": ""}
    value: list[str] = []
    count = [0]

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            rows.append([])
        elif name == "c":
            state["type"] = attributes.get("t", "")
            value.clear()
        elif name in {"v", "t"}:
            state["inside"] = name

    def end(name: str) -> None:
        if name == "c" and rows:
            count[0] += 1
            if count[0] > _MAX_CELLS:
                raise ValueError("too many cells")
            text = "".join(value)
            if state["type"] == "s" and text.isdigit():
                text = shared[int(text)] if int(text) < len(shared) else ""
            rows[-1].append(text)
        elif name in {"v", "t"}:
            state["inside"] = ""

    def words(text: str) -> None:
        if state["inside"]:
            value.append(text)

    _xml(octets, start, end, words)
    return "\n".join("\t".join(row) for row in rows)


def _message(octets: bytes, limit: int) -> str:
    """A forwarded message as it would be shown: its main fields and its body."""
    from evidence.message.parse import parse_message

    parsed = parse_message(octets)
    main_fields = {"from", "to", "cc", "date", "subject"}
    shown = [f"{name}: {value}" for name, value in parsed.headers if name.lower() in main_fields]
    return "\n".join(shown[:20]) + "\n\n" + parsed.texts.get("body", "")


_READERS: dict[str, Callable[[bytes, int], str]] = {
    "text": _plain,
    "html": _html,
    "pdf": _pdf,
    "docx": _docx,
    "xlsx": _xlsx,
    "message": _message,
}
