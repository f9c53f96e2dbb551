"""Text of attachments, read in a child process with limits."""

from __future__ import annotations

import io
import zipfile

import pytest

from evidence.message import attachments_text
from evidence.message.attachments_text import form_of, read_attachment_texts

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX = OFFICE + "wordprocessingml.document", OFFICE + "spreadsheetml.sheet"


def zipped(**members: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def docx(body: str, prolog: str = "") -> bytes:
    return zipped(
        **{"word__document.xml": f'<?xml version="1.0"?>{prolog}<w:document {W}><w:body>{body}</w:body></w:document>'}
    )


def xlsx() -> bytes:
    sheet = (
        '<worksheet><sheetData><row><c t="s"><v>0</v></c><c><v>14900</v></c></row>'
        '<row><c t="inlineStr"><is><t>в суд</t></is></c><c t="str"><f>A1</f><v>итог</v></c></row></sheetData></worksheet>'
    )
    return zipped(
        **{
            "xl__sharedStrings.xml": "<sst><si><t>Отпари</t><r><t>ватель</t></r></si></sst>",
            "xl__worksheets__sheet1.xml": sheet,
        }
    )


def pdf(text: str) -> bytes:
    stream = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % p for p in places)
    return out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


def test_every_form_is_read_and_a_broken_one_costs_only_itself() -> None:
    jobs = [
        (1, "text/plain", "a.txt", "Мы подадим в суд".encode("cp1251")),
        (2, "text/csv", "a.csv", "дата;сумма\r\n1;2\r\n".encode("utf-8-sig")),
        (3, DOCX, "a.docx", docx("<w:p><w:r><w:t>Верните</w:t><w:tab/><w:t>деньги</w:t></w:r></w:p><w:p><w:del><w:r><w:delText>нет</w:delText></w:r></w:del><w:r><w:t>завтра</w:t></w:r></w:p>")),
        (4, XLSX, "a.xlsx", xlsx()),
        (5, "application/pdf", "a.pdf", pdf("We will sue you")),
        (6, "application/pdf", "b.pdf", b"%PDF-1.4 broken"),
        (7, "application/octet-stream", "c.TXT", b"by its name"),
        (8, "image/png", "p.png", b"\x89PNG"),
        (9, "text/html", "h.html", b"<p>Pay <b>us</b></p>"),
        (10, "message/rfc822", "m.eml", b"From: a@n.example\r\nSubject: s\r\nX-Other: y\r\n\r\nforwarded words"),
        (11, DOCX, "x.docx", b"PK no zip at all"),
    ]  # fmt: skip
    texts, notes = read_attachment_texts(jobs)
    assert texts[1] == "Мы подадим в суд"
    assert texts[2] == "дата;сумма\n1;2\n"
    assert texts[3] == "Верните\tденьги\nзавтра"
    assert texts[4] == "Отпариватель\t14900\nв суд\tитог"
    assert texts[5].strip() == "We will sue you"
    assert texts[7] == "by its name" and texts[9] == "Pay us"
    assert texts[10] == "From: a@n.example\nSubject: s\n\nforwarded words"
    assert set(texts) == {1, 2, 3, 4, 5, 7, 9, 10}
    assert notes == ("attachment-text-unreadable:6", "attachment-text-unreadable:11")


def test_bombs_hit_a_limit_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments_text, "ATTACHMENT_MEMORY", 600_000_000)
    bomb = zipped(**{"word__document.xml": b"<a>" + b" " * 200_000_000 + b"</a>"})
    assert len(bomb) < 300_000
    entities = docx("&d;", '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY d "&b;&b;">]>')
    long = b"word " * 1_000_000
    texts, notes = read_attachment_texts([
        (1, DOCX, "bomb.docx", bomb), (2, DOCX, "e.docx", entities), (3, "text/plain", "long.txt", long), (4, "text/plain", "after.txt", b"still read"),
    ])  # fmt: skip
    assert texts[4] == "still read" and len(texts[3]) == attachments_text.MAX_ATTACHMENT_TEXT
    assert 1 not in texts and 2 not in texts
    assert "attachment-text-unreadable:2" in notes and "attachment-text-cut:3" in notes
    assert any(n.startswith("attachment-text-") and n.endswith(":1") for n in notes)


def test_a_child_that_takes_too_long_loses_only_what_it_had_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments_text, "ATTACHMENT_SECONDS", 0.001)
    texts, notes = read_attachment_texts([(1, "text/plain", "a.txt", b"x")])
    assert texts == {} and notes == ("attachment-text-timed-out:1",)


def test_a_child_that_died_is_replaced() -> None:
    jobs = [(1, "text/plain", "a.txt", b"first")]
    assert read_attachment_texts(jobs) == ({1: "first"}, ())
    attachments_text._kept[0]._child.kill()
    attachments_text._kept[0]._child.wait()
    assert read_attachment_texts(jobs) == ({1: "first"}, ())
    attachments_text.close()
    assert not attachments_text._kept


def test_oversized_and_unknown_attachments_start_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments_text, "_in_child", lambda jobs: pytest.fail("a child was started"))
    monkeypatch.setattr(attachments_text, "MAX_ATTACHMENT_OCTETS", 10)
    assert read_attachment_texts([(1, "text/plain", "a.txt", b"x" * 11), (2, "image/png", "a.png", b"x")]) == (
        {},
        ("attachment-too-large:1",),
    )


def test_form_by_type_then_by_name() -> None:
    assert form_of("application/pdf", "x") == "pdf"
    assert form_of("application/octet-stream", "Акт.XLSX") == "xlsx"
    assert form_of("application/x-msdownload", "a.exe") == ""
