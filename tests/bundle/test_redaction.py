"""What a person redacted is in no page, no text layer, no embedded file; the original is withheld with it."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pikepdf
from PIL import Image

from evidence.bundle.options import BundleResult
from evidence.model import Flag
from evidence.ports import OutsideFile
from tests.bundle.conftest import Maker
from tests.bundle.fake_case import CAPTURED, FakeCase, dispute
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


def hide(case: FakeCase, number: int, passage: str, part: str = "body") -> None:
    sha = case.letters()[number].sha256
    start = case.parsed(sha).texts[part].index(passage)
    case.redactions_ = [*case.redactions_, row(sha, "passage", part, start, start + len(passage))]


def flag(sha256: str, quote: str, start: int, part: str = "body") -> Flag:
    return Flag(
        id=f"{start:016x}", sha256=sha256, category="threat", subtype=None, part=part, start=start, end=start + len(quote),
        quote=quote, speaker="client", tier="stated", rule="threat.x", pack="x@1", why="",
    )  # fmt: skip


def everything(result: BundleResult, tmp: Path) -> str:
    """All that is handed over: pages, octets of the PDF, and what load files, lists and chronology are written from."""
    octets = every_octet(result.pdf, tmp)
    both = octets.decode("latin-1") + octets.decode("utf-16-be", "replace") + octets[1:].decode("utf-16-be", "replace")
    return squeezed(text_of(result.pdf)) + both + repr(result.manifest)


def test_a_redacted_subject_name_and_address_stand_in_no_list_of_the_package(make: Maker, tmp_path: Path) -> None:
    case = case_of(
        mail("Паспорт 4012 111222", "one", Cc=f"Informant <{ADDRESS}>"), mail("Re: Паспорт 4012 111222", "two")
    )
    hide(case, 0, "Паспорт 4012 111222", "subject")
    hide(case, 0, "Informant", "display-name:cc")
    case.redactions_.append(row("", "address", value=ADDRESS))
    result = make(case).result
    handed = everything(result, tmp_path)
    for secret in ("111222", ADDRESS, "Informant"):
        assert secret not in handed, secret
    assert "█████" in result.manifest.exhibits[0].title
    assert "office@north.example" in result.manifest.exhibits[0].recipients


def test_what_a_list_cuts_short_is_redacted_before_it_is_cut(make: Maker, tmp_path: Path) -> None:
    secret = " ".join(f"Тайна{n}" for n in range(60))
    case = case_of(mail(f"О деле: {secret}", f"Сообщаю вам: {secret}. Жду ответа."))
    hide(case, 0, secret)
    sha = case.letters()[0].sha256
    texts = case.parsed(sha).texts
    start, quoted = texts["body"].index("Тайна58"), "Тайна58 Тайна59. Жду ответа."
    case.flags_ = [flag(sha, quoted, start)]
    plain = case.entries()
    case.entries = lambda: [replace(e, gist=texts["body"][:150].rsplit(" ", 1)[0] + " …") for e in plain]  # type: ignore[method-assign]
    result = make(case).result
    assert "Тайна" not in everything(result, tmp_path)
    assert "Жду ответа" in squeezed(text_of(result.pdf, 1, result.manifest.exhibits[0].first_page - 1))


def test_a_redacted_attachment_is_hidden_wherever_the_same_file_is_attached(make: Maker, tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(picture, "PNG")

    def with_file(subject: str, name: str) -> bytes:
        message = message_from_bytes(mail(subject, subject), policy=policy.default)
        assert isinstance(message, EmailMessage)
        message.add_attachment(picture.getvalue(), maintype="image", subtype="png", filename=name)
        return message.as_bytes()

    case = case_of(with_file("First", "passport.png"), with_file("Second", "scan.png"))
    case.redactions_ = [row(case.letters()[0].sha256, "attachment", "attachment:1")]
    case.flags_ = [flag(case.letters()[1].sha256, "words of the scan", 0, "attachment:1")]
    result = make(case).result
    assert not run("pdfimages", "-list", result.pdf).splitlines()[2:]
    assert [e.embedded_as for e in result.manifest.exhibits] == ["", ""]
    handed = everything(result, tmp_path)
    assert "passport.png" not in handed and "scan.png" not in handed and "words of the scan" not in handed


def test_an_original_is_withheld_when_a_mail_or_document_attached_to_it_holds_the_passage(make: Maker) -> None:
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content(f"Мы {SECRET}.", cte="base64")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"<w:p><w:t>{SECRET[:10]}</w:t><w:t>{SECRET[10:]}</w:t></w:p>")

    def carrying(subject: str, octets: bytes, name: str) -> bytes:
        message = message_from_bytes(mail(subject, subject), policy=policy.default)
        assert isinstance(message, EmailMessage)
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=name)
        return message.as_bytes()

    case = case_of(
        mail("A", f"Мы {SECRET}."), carrying("B", inner.as_bytes(), "old.eml"), carrying("C", packed.getvalue(), "note.docx"),
        carrying("D", b"nothing", "clean.eml"),
    )  # fmt: skip
    hide(case, 0, SECRET)
    assert [e.embedded_as for e in make(case).result.manifest.exhibits] == ["", "", "", "0004.eml"]


def test_a_redacted_passage_with_an_address_in_angle_brackets_is_hidden_whole(make: Maker, tmp_path: Path) -> None:
    passage = f"Ivan Petrov <{ADDRESS}> said it"
    case = case_of(mail("A", f"Yes. {passage} to me."))
    hide(case, 0, passage)
    handed = everything(make(case).result, tmp_path)
    assert ADDRESS not in handed and "Petrov" not in handed and "said it" not in handed


def test_a_short_redaction_spoils_no_hash_no_markup_and_no_longer_number(make: Maker) -> None:
    bodies = ["We pay 150 a page.", "We pay 1500 for the table.", *(f"letter {n}" for n in range(12))]
    case = case_of(*(mail(f"S{n}", body) for n, body in enumerate(bodies)))
    hide(case, 0, "150")
    hide(case, 0, "page")
    result = make(case).result
    text = squeezed(text_of(result.pdf))
    assert "1500 for the table" in text and "We pay █████ a █████." in text
    for exhibit in result.manifest.exhibits:
        assert exhibit.sha256 in text.replace(" ", ""), exhibit.number
    assert [bool(e.embedded_as) for e in result.manifest.exhibits] == [False] + [True] * 13


def test_a_part_of_a_number_that_is_redacted_is_hidden_in_it(make: Maker) -> None:
    case = case_of(mail("A", "Card 4000123456789010 is mine."))
    hide(case, 0, "12345678")
    assert "12345678" not in squeezed(text_of(make(case).result.pdf))


def test_a_bundle_with_redactions_does_not_say_that_every_original_and_header_is_in_it(make: Maker) -> None:
    case = case_of(mail("A", f"Мы {SECRET}."), mail("B", "two"))
    hide(case, 0, SECRET)
    text = squeezed(text_of(make(case).result.pdf)).replace("\xa0", " ")
    assert "Служебные заголовки напечатаны полностью." not in text
    assert "кроме писем, часть которых скрыта (1 из 2)" in text
    assert "Не передаются из-за этого в оригинале: 1 письмо." in text


def test_a_file_from_outside_the_mail_that_holds_the_passage_is_not_handed_over(make: Maker, tmp_path: Path) -> None:
    case = case_of(mail("A", f"Мы {SECRET}."))
    hide(case, 0, SECRET)
    octets = f"Запись: мы {SECRET}.".encode()
    file = OutsideFile(
        1, hashlib.sha256(octets).hexdigest(), len(octets), "note.txt", "text/plain", "Запись", "2025-03-10", "photo", "", "anna", CAPTURED,
    )  # fmt: skip
    case.files = [(file, octets)]
    result = make(case).result
    exhibit = result.manifest.exhibits[1]
    assert exhibit.withheld and exhibit.embedded_as == ""
    assert "4711" not in everything(result, tmp_path)
