"""What a person redacted is in no page, no text layer, no embedded file; the original is withheld with it."""

from __future__ import annotations

import re
from pathlib import Path

import pikepdf

from tests.bundle.conftest import Maker
from tests.bundle.fake_case import CAPTURED, dispute
from tests.bundle.test_content import case_of, mail
from tests.bundle.tools import run, squeezed, text_of

SECRET = "договорились о цене 4711 рублей"
ADDRESS = "informant@private.example"


def row(
    sha256: str, kind: str, part: str = "", start: int | None = None, end: int | None = None, value: str = ""
) -> dict[str, object]:
    return {
        "id": 1, "sha256": sha256, "kind": kind, "part": part, "start": start, "end": end, "value": value,
        "reason": "третье лицо", "actor": "anna", "at": CAPTURED,
    }  # fmt: skip


def every_octet(pdf: Path, tmp: Path) -> bytes:
    """The whole file with every stream decoded, and every embedded file."""
    flat = tmp / "flat.pdf"
    run("qpdf", "--qdf", "--object-streams=disable", pdf, flat, ok=(0, 3))
    with pikepdf.open(pdf) as opened:
        files = b"".join(f.EF.F.read_bytes() for f in opened.Root.get("/AF", []))
    # Glyph numbers and the file's own offsets are digits too, by chance any: what is shown with them, pdftotext reads.
    octets = re.sub(rb"<[0-9a-f]+>|\d{10} \d{5} n|startxref\s+\d+", b"", flat.read_bytes())
    return octets + files


def test_a_redacted_passage_is_gone_everywhere_it_is_quoted(make: Maker, tmp_path: Path) -> None:
    first = mail("Цена", f"Добрый день.\nМы {SECRET}, как обсуждали.\nСпасибо.")
    quoting = mail(
        "Re: Цена",
        "Да.\n\n> Мы договорились о цене\n> 4711 рублей, как обсуждали.\n",
        Date="Tue, 04 Mar 2025 10:00:00 +0300",
    )
    other = mail("Другое", "Ничего такого.", Date="Wed, 05 Mar 2025 10:00:00 +0300")
    case = case_of(first, quoting, other)
    sha = case.letters()[0].sha256
    body = case.parsed(sha).texts["body"]
    start = body.index(SECRET)
    case.redactions_ = [row(sha, "passage", "body", start, start + len(SECRET))]
    result = make(case).result
    text = squeezed(text_of(result.pdf))
    assert "4711" not in text and "█████" in text and "Ничего такого" in text
    assert [e.embedded_as for e in result.manifest.exhibits] == ["", "", "0003.eml"]
    octets = every_octet(result.pdf, tmp_path)
    for form in (SECRET.encode(), SECRET.encode("utf-16-be"), b"4711", "4711".encode("utf-16-be")):
        assert form not in octets
    assert "Скрыто человеком: 1 место" in text.replace("\xa0", " ") and "третье лицо" in text


def test_a_redacted_address_is_gone_from_headers_lists_and_originals(make: Maker, tmp_path: Path) -> None:
    case = case_of(
        mail("A", "one", Cc=f"Informant <{ADDRESS}>"), mail("B", f"write to {ADDRESS} please"), mail("C", "clean")
    )
    case.redactions_ = [row("", "address", value=ADDRESS)]
    result = make(case).result
    assert ADDRESS not in squeezed(text_of(result.pdf)).replace(" ", "")
    assert sorted(bool(e.embedded_as) for e in result.manifest.exhibits) == [False, False, True]
    assert ADDRESS.encode() not in every_octet(result.pdf, tmp_path)


def test_a_redacted_attachment_is_neither_drawn_nor_named_nor_handed_over(make: Maker) -> None:
    case = dispute("shelf", most=1)
    sha = case.letters()[0].sha256
    assert case.parsed(sha).attachments
    case.redactions_ = [row(sha, "attachment", "attachment:1")]
    result = make(case).result
    assert not run("pdfimages", "-list", result.pdf).splitlines()[2:]
    assert (
        "Договор"
        not in squeezed(text_of(result.pdf, result.manifest.exhibits[0].first_page))[400:].split("Текст письма")[0]
    )
    assert result.manifest.exhibits[0].withheld and result.manifest.exhibits[0].files[0].withheld
    assert result.manifest.exhibits[0].embedded_as == ""
