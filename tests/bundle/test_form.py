"""Form of the file: standards, numbering, links, bookmarks, embedded originals (facts: checklist items 4, 30-40)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pikepdf
import pytest

from evidence.errors import UsageError
from tests.bundle.conftest import Made, Maker
from tests.bundle.fake_case import dispute
from tests.bundle.tools import assert_valid, run, squeezed, text_of


def test_is_pdf_a_3a_and_pdf_ua_1_at_once(studio: Made, request: pytest.FixtureRequest) -> None:
    pdfs = [studio.result.pdf]
    if os.environ.get("EVIDENCE_TEST_FULL"):
        pdfs.append(request.getfixturevalue("shelf").result.pdf)
    assert_valid("3a", *pdfs)
    assert_valid("ua1", *pdfs)


def test_is_sound_and_has_no_active_content(shelf: Made) -> None:
    assert "No syntax or stream encoding errors" in run("qpdf", "--check", shelf.result.pdf)
    facts = run("pdfinfo", shelf.result.pdf)
    assert re.search(r"JavaScript:\s+no", facts) and re.search(r"Form:\s+none", facts)
    assert re.search(r"Encrypted:\s+no", facts) and re.search(r"Tagged:\s+yes", facts)
    assert re.search(r"Page size:.*\(A4\)", facts)


def test_every_page_carries_its_number_of_the_total(shelf: Made) -> None:
    pages = text_of(shelf.result.pdf).split("\f")[:-1]
    assert len(pages) == shelf.result.pages
    for number, page in enumerate(pages, start=1):
        assert re.search(rf"(^| ){number} / {len(pages)}$", page, re.MULTILINE), number
    with pikepdf.open(shelf.result.pdf) as pdf:
        assert "/PageLabels" not in pdf.Root


def test_every_link_leads_to_a_named_place(shelf: Made) -> None:
    with pikepdf.open(shelf.result.pdf) as pdf:
        names = list(pdf.Root.Names.Dests.Names)
        places = {str(n) for n in names[::2]}
        links = [a for page in pdf.pages for a in page.obj.get("/Annots", ())]
        assert len(links) > 150
        for link in links:
            assert "/A" not in link and str(link.Dest) in places
            assert str(link.Contents)
        assert [bytes(n) for n in names[::2]] == sorted(bytes(n) for n in names[::2])


def test_page_numbers_in_the_chronology_are_those_the_links_lead_to(shelf: Made) -> None:
    with pikepdf.open(shelf.result.pdf) as pdf:
        pages = {p.objgen: i for i, p in enumerate(pdf.pages, start=1)}
        names = list(pdf.Root.Names.Dests.Names)
        places = {str(n): pages[d[0].objgen] for n, d in zip(names[::2], names[1::2], strict=True)}
    for exhibit in shelf.result.manifest.exhibits:
        assert places[f"x{exhibit.number}"] == exhibit.first_page
        text = squeezed(text_of(shelf.result.pdf, exhibit.first_page))
        assert f"Приложение {exhibit.number} " in text
    text = text_of(shelf.result.pdf)
    for row in shelf.result.manifest.chronology:
        assert row.exhibit and re.search(rf"\b{row.exhibit}\s+{row.page}$", text, re.MULTILINE), row


def test_bookmarks_name_their_page(shelf: Made) -> None:
    outline = json.loads(run("qpdf", "--json", "--json-key=outlines", shelf.result.pdf))["outlines"]
    entries = [*outline, *(kid for entry in outline for kid in entry["kids"])]
    assert len(entries) >= 43 + 12
    for entry in entries:
        assert entry["title"].endswith(f"стр. {entry['destpageposfrom1']}"), entry
    assert any(
        "12 · 20.03.2025 · Виталий Крючков → Марина Соболева · ПРОПАЛ ТОВАР!!!" in e["title"].replace("\xa0", " ")
        for e in entries
    )


def test_opens_at_full_size_with_bookmarks(shelf: Made) -> None:
    with pikepdf.open(shelf.result.pdf) as pdf:
        action = pdf.Root.OpenAction
        assert action[0].objgen == pdf.pages[0].objgen and str(action[1]) == "/XYZ" and int(action[4]) == 1
        assert str(pdf.Root.PageMode) == "/UseOutlines"
        assert pdf.Root.ViewerPreferences.DisplayDocTitle


def test_fonts_are_embedded_with_unicode_and_none_is_the_machines(shelf: Made) -> None:
    lines = run("pdffonts", shelf.result.pdf).splitlines()[2:]
    assert lines
    for line in lines:
        assert re.search(r"yes yes yes", line), line
        assert re.search(r"Noto|Droid-Sans-Fallback|Nanum", line), line


def test_text_is_searchable_in_both_alphabets(shelf: Made, studio: Made) -> None:
    assert "отпаривател" in text_of(shelf.result.pdf)
    assert "invoice" in text_of(studio.result.pdf)


def test_originals_are_embedded_byte_for_byte(shelf: Made, tmp_path: Path) -> None:
    run("pdfdetach", "-saveall", "-o", tmp_path, shelf.result.pdf)
    exhibits = shelf.result.manifest.exhibits
    assert len(exhibits) == 43
    for exhibit in exhibits:
        assert hashlib.sha256((tmp_path / exhibit.embedded_as).read_bytes()).hexdigest() == exhibit.sha256
    with pikepdf.open(shelf.result.pdf) as pdf:
        assert len(pdf.Root.AF) == 43 and len({f.objgen for f in pdf.Root.AF}) == 43
        for file in pdf.Root.AF:
            assert str(file.AFRelationship) == "/Source" and str(file.EF.F.Subtype) == "/message/rfc822"
            assert int(file.EF.F.Params.Size) == len(file.EF.F.read_bytes())


def test_the_files_own_hash_stands_beside_it_and_not_inside(shelf: Made) -> None:
    digest, name = (shelf.result.folder / "bundle.pdf.sha256").read_text().split()
    assert name == "bundle.pdf" and digest == shelf.result.pdf_sha256
    assert hashlib.sha256(shelf.result.pdf.read_bytes()).hexdigest() == digest
    assert digest not in text_of(shelf.result.pdf)


def test_says_in_its_metadata_which_log_it_shows(shelf: Made) -> None:
    with pikepdf.open(shelf.result.pdf) as pdf:
        packet = pdf.Root.Metadata.read_bytes().decode()
        parts = pdf.Root.DPartRoot.DPartRootNode.DParts[0]
        assert sum(1 for p in parts if "/DPM" in p) == 43
    assert shelf.result.root in packet and "<pdfuaid:part>1" in packet and "<pdfaid:conformance>A" in packet


@pytest.mark.parametrize("prefix", ["СЕВЕР-", "№ 7"])
def test_bates_labels_may_be_russian_and_end_in_a_digit(make: Maker, prefix: str) -> None:
    case = dispute("shelf", most=1)
    extra = f'[bundle]\nbates_prefix = "{prefix}"\n'
    result = make(case, extra=extra).result
    assert f"{prefix}000001" in text_of(result.pdf, 1).replace("\xa0", " ")
    case.exhibits_ = list(result.exhibits)
    assert result.options["bates_last"] == result.pages


def test_a_bates_prefix_that_no_foot_can_show_is_told(make: Maker) -> None:
    with pytest.raises(UsageError):
        make(dispute("shelf", most=1), extra='[bundle]\nbates_prefix = "😀"\n')


def test_bates_labels_stand_on_every_page_and_continue(make: Maker) -> None:
    case = dispute("shelf", most=3)
    result = make(case, extra='[bundle]\nbates_prefix = "NORTH-"\n').result
    pages = text_of(result.pdf).split("\f")[:-1]
    for number, page in enumerate(pages, start=1):
        assert f"NORTH-{number:06d}" in page
    first = result.exhibits[0]
    assert first.bates_first == f"NORTH-{result.manifest.exhibits[0].first_page:06d}"
    case.exhibits_ = list(result.exhibits)
    later = make(case, extra='[bundle]\nbates_prefix = "NORTH-"\n', number=2).result
    labels = re.findall(r"NORTH-(\d{6})", text_of(later.pdf, 1))
    assert int(labels[0]) > int(result.exhibits[-1].bates_last.removeprefix("NORTH-"))
