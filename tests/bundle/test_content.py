"""What the pages say: completeness, neutrality, each exhibit's facts, review states (checklist items 13-25, 34)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from email.message import EmailMessage
from typing import Any

import pikepdf
import pytest

from evidence.bundle.options import BundleOptions, BundleResult
from evidence.errors import EvidenceError, UsageError
from evidence.model import Flag
from evidence.ports import IssuedBundle, OutsideFile, Review
from evidence.wording.bundles import shown_kind
from tests.bundle.conftest import Made, Maker
from tests.bundle.fake_case import CAPTURED, NOW, FakeCase, accept, dispute
from tests.bundle.tools import run, squeezed, text_of

OFFENCES = re.compile(r"вымогат|extort|преступлен|blackmail|шантаж|клевет|мошенн", re.IGNORECASE)


def mail(
    subject: str = "Hello", body: str = "text", sender: str = "director@romashka.example", **headers: str
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "office@north.example", subject
    message["Date"] = headers.pop("Date", "Mon, 03 Mar 2025 10:00:00 +0300")
    message["Message-ID"] = headers.pop("Message_ID", f"<{abs(hash((subject, body))) % 10**9}@romashka.example>")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message.as_bytes()


def case_of(*messages: bytes) -> FakeCase:
    return FakeCase([(m, "INBOX", "client") for m in messages])


def test_every_letter_in_scope_stands_in_the_chronology_and_as_exhibit_in_order_of_time(shelf: Made) -> None:
    wanted = [x.sha256 for x in shelf.case.letters()]
    exhibits = shelf.result.manifest.exhibits
    assert [e.sha256 for e in exhibits] == wanted
    assert [r.exhibit for r in shelf.result.manifest.chronology] == [e.number for e in exhibits]
    assert [e.at for e in exhibits] == sorted(e.at for e in exhibits if e.at)


def test_an_exhibit_states_places_clocks_addresses_and_hashes(shelf: Made) -> None:
    exhibit = next(e for e in shelf.result.manifest.exhibits if e.number == 12)
    text = squeezed(text_of(shelf.result.pdf, exhibit.first_page)).replace("\xa0", " ")
    parsed = shelf.case.parsed(exhibit.sha256)
    for wanted in (
        "vitaly@teply-dom.example", "marina@polka-tochka.example", parsed.message_id, "папка «INBOX»",
        "UIDVALIDITY 1741000000", "UID 111", "2025-03-20 11:02:16Z", "+03:00", exhibit.sha256, "0012.eml", "INTERNALDATE", "by mx.polka-",
    ):  # fmt: skip
        assert wanted and wanted in text, wanted


def test_exhibit_pages_are_the_same_whatever_was_flagged(make: Maker) -> None:
    plain, flagged = dispute("shelf", most=6), dispute("shelf", most=6)
    plain.flags_, plain.requests_ = [], []
    accept(flagged, 2)
    one, two = make(plain).result, make(flagged, number=2).result
    assert len(one.manifest.exhibits) == 6
    for a, b in zip(one.manifest.exhibits, two.manifest.exhibits, strict=True):
        first = re.sub(r"\d+ / \d+\n", "", text_of(one.pdf, a.first_page, a.last_page))
        second = re.sub(r"\d+ / \d+\n", "", text_of(two.pdf, b.first_page, b.last_page))
        assert squeezed(first) == squeezed(second)


def test_names_no_offence_outside_quotations(shelf: Made, studio: Made) -> None:
    for made in (shelf, studio):
        first = made.result.manifest.exhibits[0].first_page
        own = text_of(made.result.pdf, 1, first - 1)
        unquoted = re.sub(r"«[^»]*»|“[^”]*”", "", squeezed(own))
        assert not OFFENCES.search(unquoted), OFFENCES.findall(unquoted)


def test_unreviewed_flags_are_marked_possible_ones_wait_and_rejected_ones_are_only_counted(shelf: Made) -> None:
    own = squeezed(text_of(shelf.result.pdf, 1, shelf.result.manifest.exhibits[0].first_page - 1)).replace("\xa0", " ")
    rejected = shelf.case.flags_[5]
    assert shelf.case.reviews_["flag", rejected.id].decision == "rejected"
    possible = [f for f in shelf.case.flags_ if f.tier == "possible" and ("flag", f.id) not in shelf.case.reviews_]
    assert possible
    quotes = re.sub(r"\W+", "", own)
    summary = quotes[quotes.index("Высказываниядословно") : quotes.index("Запросыичто")]
    assert re.sub(r"\W+", "", rejected.quote) not in summary
    assert not [f.quote for f in possible if re.sub(r"\W+", "", f.quote) in summary]
    assert "человеком не проверено" in own and "подтверждено человеком (anna" in own
    assert f"ожидает проверки человеком и нигде не напечатано: {len(possible)}." in own


def test_only_accepted_filters_flags_and_never_letters(make: Maker) -> None:
    case = dispute("shelf", most=12)
    accept(case, 1)
    result = make(case, only_accepted=True).result
    assert len(result.manifest.exhibits) == 12
    own = squeezed(text_of(result.pdf, 1, result.manifest.exhibits[0].first_page - 1))
    assert case.flags_[0].quote in own and case.flags_[2].quote not in own


def test_an_extract_says_how_many_letters_it_omits(make: Maker) -> None:
    case = dispute("shelf", most=8)
    result = make(case, kind="extract", until=date(2025, 3, 4)).result
    cover = squeezed(text_of(result.pdf, 1)).replace("\xa0", " ")
    kept = len(result.manifest.exhibits)
    assert 0 < kept < 8 and result.manifest.omitted == 8 - kept
    assert f"не вошло в выписку — {8 - kept}" in cover and "Полный комплект существует" in cover
    # The numbers of the whole matter are reserved, so that the full bundle agrees with the extract.
    assert [e.number for e in result.exhibits] == list(range(1, 9))


def test_an_extract_in_whose_days_nothing_was_written_says_so(make: Maker) -> None:
    result = make(dispute("shelf", most=3), kind="extract", since=date(2031, 1, 1)).result
    assert result.manifest.exhibits == () and result.manifest.omitted == 3
    assert "не вошло в выписку — 3" in squeezed(text_of(result.pdf, 1)).replace("\xa0", " ")
    run("qpdf", "--check", result.pdf)


def test_withheld_and_excluded_letters_are_counted_and_not_shown(make: Maker) -> None:
    case = dispute("shelf", most=6)
    shas = [x.sha256 for x in case.letters()]
    case.withheld = {shas[2]}
    case.selections_ = {shas[4]: {"action": "exclude", "reason": "о другом клиенте", "actor": "anna", "at": CAPTURED}}
    result = make(case).result
    text = squeezed(text_of(result.pdf)).replace("\xa0", " ")
    assert [e.sha256 for e in result.manifest.exhibits] == [s for i, s in enumerate(shas) if i not in (2, 4)]
    assert "переписка с юристом: 1 письмо" in text and "о другом клиенте" in text
    assert shas[2] not in text


def test_look_alike_and_international_addresses_are_warned_of(make: Maker) -> None:
    case = case_of(
        mail(sender="conflict@tep1y-dom.example"),
        mail("Two", sender='"vitaly@teply-dom.example" <other@elsewhere.example>'),
        "From: a@пример.example\r\nTo: b@north.example\r\nDate: Mon, 03 Mar 2025 10:00:00 +0300\r\nSubject: x\r\n\r\nx".encode(),
    )
    text = squeezed(text_of(make(case).result.pdf))
    assert "похож на conflict@teply-dom.example" in text
    assert "в имени указан не тот адрес" in text
    assert "xn--e1afmkfd.example" in text


def test_clocks_that_disagree_are_noted(make: Maker) -> None:
    received = "from a.example by b.example; Mon, 03 Mar 2025 11:30:00 +0300"
    raw = b"Received: " + received.encode() + b"\r\n" + mail()
    text = squeezed(text_of(make(case_of(raw)).result.pdf)).replace("\xa0", " ")
    assert "Заголовок Date и верхняя строка Received расходятся на 90 минут" in text


def test_outside_files_are_numbered_after_letters_embedded_and_drawn(make: Maker) -> None:
    case = dispute("shelf", most=2)
    from io import BytesIO

    from PIL import Image

    picture = BytesIO()
    Image.new("RGB", (4000, 3000), "red").save(picture, "PNG")
    for number, (name, octets, kind) in enumerate(
        [("фото.png", picture.getvalue(), "image/png"), ("call.mp3", b"ID3" + bytes(500), "audio/mpeg")], start=1
    ):
        import hashlib

        sha256 = hashlib.sha256(octets).hexdigest()
        case.files.append(
            (
                OutsideFile(
                    number,
                    sha256,
                    len(octets),
                    name,
                    kind,
                    f"Файл {number}",
                    "2025-03-10",
                    "photo",
                    "",
                    "anna",
                    CAPTURED,
                ),
                octets,
            )
        )
    result = make(case).result
    assert [(e.number, e.kind) for e in result.exhibits] == [(1, "message"), (2, "message"), (3, "file"), (4, "file")]
    files = {e.number: e for e in result.manifest.exhibits if e.kind == "file"}
    assert files[3].embedded_as == "0003-фото.png" and files[4].embedded_as == "0004-call.mp3"
    lines = run("pdfimages", "-list", result.pdf).splitlines()[2:]
    assert all(int(line.split()[12]) <= 300 and int(line.split()[13]) <= 300 for line in lines) and lines


def test_a_later_bundle_keeps_issued_numbers(make: Maker) -> None:
    case = dispute("shelf", most=5)
    first = make(case).result
    case = dispute("shelf", most=5)
    case.exhibits_ = list(first.exhibits)
    earlier = mail("Found later", Date="Sat, 01 Mar 2025 10:00:00 +0300")
    case.messages.append((earlier, "INBOX", "client"))
    case.__post_init__()
    second = make(case, number=2).result
    before = {e.sha256: e.number for e in first.manifest.exhibits}
    after = {e.sha256: e.number for e in second.manifest.exhibits}
    assert before.items() <= after.items() and sorted(after.values()) == [1, 2, 3, 4, 5, 6]
    assert second.manifest.chronology[0].exhibit == 6
    assert [e.number for e in second.exhibits] == [6]


def test_a_supplement_holds_only_what_is_new_and_proves_the_log_only_grew(make: Maker) -> None:
    case = dispute("shelf", most=4)
    first = make(case).result
    case.exhibits_ = list(first.exhibits)
    case.bundles_ = [
        IssuedBundle(1, "full", "0001-full", NOW, first.dated, 100, case.head(100).root, first.pages, first.pdf_sha256, "", "ru", {})
    ]  # fmt: skip
    case.messages.append((mail("Новое письмо"), "INBOX", "client"))
    case.__post_init__()
    made = make(case, supplement=True).result
    assert made.folder.name == "0002-supplement" and made.supplements == 1
    assert [e.number for e in made.manifest.exhibits] == [5]
    assert made.manifest.earlier == (100, case.head(100).root)
    text = squeezed(text_of(made.pdf))
    assert case.consistency_proof(100, 120)[0].hex() in text.replace(" ", "") and case.head(100).root in text


def test_a_supplement_of_nothing_is_refused(make: Maker) -> None:
    with pytest.raises(UsageError, match="no bundle to supplement"):
        make(dispute("shelf", most=1), supplement=True)


def issued(result: BundleResult, number: int, log_size: int = 100) -> IssuedBundle:
    return IssuedBundle(
        number, result.kind, result.folder.name, NOW, result.dated, log_size, FakeCase([]).head(log_size).root, result.pages,
        result.pdf_sha256, "", "ru", result.options,
    )  # fmt: skip


def test_a_supplement_holds_what_an_extract_numbered_but_did_not_print(make: Maker) -> None:
    case = dispute("shelf", most=4)
    extract = make(case, until=case.letters()[0].at.date()).result
    assert len(extract.manifest.exhibits) < 4 and len(extract.exhibits) == 4
    case.exhibits_, case.bundles_ = list(extract.exhibits), [issued(extract, 1)]
    with pytest.raises(UsageError, match="no bundle to supplement"):
        make(case, supplement=True)
    whole = dispute("shelf", most=2)
    first = make(whole, number=2).result
    case.exhibits_, case.bundles_ = list(first.exhibits), [issued(first, 1)]
    case.exhibits_ = [replace(e, bundle=1) for e in case.exhibits_]
    second = make(case, number=3, until=case.letters()[0].at.date()).result
    case.exhibits_ += second.exhibits
    case.bundles_.append(issued(second, 3))
    made = make(case, supplement=True).result
    assert made.supplements == 1
    assert [e.number for e in made.manifest.exhibits] == [3, 4]


def test_a_letter_taken_in_again_after_the_bundle_stands_in_the_supplement(make: Maker) -> None:
    case = dispute("shelf", most=3)
    first = make(case).result
    case.exhibits_, case.bundles_ = list(first.exhibits), [issued(first, 1, 100)]
    sha = case.letters()[1].sha256
    case.selections_ = {
        sha: {"id": 2, "event": 110, "action": "include", "reason": "r", "actor": "anna", "at": CAPTURED}
    }
    assert [e.number for e in make(case, supplement=True).result.manifest.exhibits] == [2]


def test_a_supplement_of_nothing_new_and_days_in_the_wrong_order_take_no_number(make: Maker) -> None:
    case = dispute("shelf", most=2)
    first = make(case).result
    case.exhibits_, case.bundles_ = list(first.exhibits), [issued(first, 1)]
    for asked, said in (
        ({"supplement": True}, "Nothing is new since bundle No. 0001"),
        ({"since": date(2025, 4, 1), "until": date(2025, 3, 1)}, "--since is later than --until"),
    ):
        with pytest.raises(UsageError, match=said):
            make(case, number=2, **asked)


def test_an_issued_bundle_is_never_overwritten(make: Maker) -> None:
    case = dispute("shelf", most=1)
    made = make(case).result
    before = made.pdf.read_bytes()
    with pytest.raises(EvidenceError, match="already exists"):
        make(case)
    assert made.pdf.read_bytes() == before


def test_the_police_sheet_quotes_only_what_a_person_accepted_and_leaves_fields_blank(make: Maker) -> None:
    case = dispute("shelf", most=16)
    threats = [f for f in case.flags_ if f.category in ("threat", "demand", "insult") and f.speaker == "client"]
    case.flags_.sort(key=lambda f: f is not threats[0])
    accept(case, 1)
    result = make(case, kind="police").result
    sheet = squeezed(text_of(result.pdf, 1, 2)).replace("\xa0", " ")
    assert threats[0].quote in sheet
    assert threats[-1].quote not in sheet
    for words in ("Заявление", "КУСП №", "талон-уведомление", "предупреждён", "Прошу зарегистрировать"):
        assert words in sheet
    assert not OFFENCES.search(re.sub(r"«[^»]*»", "", sheet))
    assert result.folder.name == "0001-police"


def test_a_proposal_of_the_second_reader_stands_in_every_part_once_a_person_accepted_it(make: Maker) -> None:
    case = dispute("shelf", most=4)
    theirs = next(x for x in case.letters() if x.speaker == "client")
    flag = Flag(
        id="a" * 16, sha256=theirs.sha256, category="accusation", subtype=None, part="body", start=0, end=12,
        quote="слова модели", speaker="client", tier="possible", rule="assist", pack="assist@1#scripted", why="proposed by scripted",
    )  # fmt: skip
    waits = squeezed(text_of(make(case, kind="police", language="en", proposed=[flag]).result.pdf))
    assert "слова модели" not in waits
    assert "awaiting a person's review, and therefore not printed anywhere: 1." in waits.replace("’", "'")
    case.reviews_["flag", flag.id] = Review(
        "flag", flag.id, "accepted", "threat/police", None, None, "", "anna", CAPTURED
    )
    result = make(case, kind="police", language="en", number=2, proposed=[flag]).result
    sheet, whole = squeezed(text_of(result.pdf, 1, 2)), squeezed(text_of(result.pdf))
    assert "слова модели" in sheet
    assert whole.count("слова модели") >= 2  # the statement, and the summary
    marks = next(
        r.marks
        for r in result.manifest.chronology
        if r.exhibit == result.manifest.exhibits[0].number + case.letters().index(theirs)
    )
    assert marks == ("states an intention to contact the police",)  # as the person chose it, subtype and all
    assert "Possible threats · 1" in whole and "Accusations" not in whole and "threat/police" not in whole


def test_the_notary_sheet_leads_to_each_letter(make: Maker) -> None:
    case = dispute("shelf", most=5)
    result = make(case, kind="notary").result
    text = squeezed(text_of(result.pdf))
    for letter in case.letters():
        assert letter.sha256 in text and (letter.message_id or "") in text
    assert "office@north.example" in text and "imap.north.example:993" in text
    assert all(e.bates_first == "" for e in result.exhibits)


def test_options_are_recorded_without_what_changes_no_byte() -> None:
    assert BundleOptions(jobs=7).record() == BundleOptions(jobs=1).record()
    assert BundleOptions(since=date(2025, 1, 2)).record()["since"] == "2025-01-02"


def test_a_bundle_that_leaves_some_out_is_called_an_extract() -> None:
    kinds = [
        BundleOptions(**chosen).shown_kind for chosen in ({}, {"since": date(2025, 1, 2)}, {"category": ("threat",)})
    ]
    assert kinds == ["full", "extract", "extract"]
    assert BundleOptions(kind="police", until=date(2025, 1, 2)).shown_kind == "police"


def test_an_extract_goes_by_that_name_wherever_it_is_recorded(make: Maker) -> None:
    case = dispute("shelf", most=3)
    last = case.letters()[-1].at.date()
    result = make(case, since=last).result
    assert (result.folder.name, result.kind) == ("0001-extract", "extract")
    assert (result.options["kind"], result.options["since"]) == (
        "full",
        last.isoformat(),
    )  # what was asked for stays known
    assert shown_kind("full", result.options) == "extract"  # as versions before logged it
    with pikepdf.open(result.pdf) as pdf:
        assert b"<ev:kind>extract</ev:kind>" in pdf.Root.Metadata.read_bytes()


def test_custody_speaks_of_a_mail_server_only_where_one_was_read(make: Maker) -> None:
    class Imported(FakeCase):
        def acquisitions(self) -> Sequence[Mapping[str, Any]]:
            return [{**super().acquisitions()[0], "kind": "import", "account": "import"}]

    def custody_of(case: FakeCase, number: int) -> str:
        result = make(case, language="en", number=number).result
        text = " ".join(text_of(result.pdf).split())
        return text[text.index("How it was obtained") : text.index("What the program did not do")]

    read = custody_of(case_of(mail()), 1)
    imported = custody_of(Imported([(mail(), "INBOX", "client")]), 2)
    assert "IMAP EXAMINE" in read and "Files were read" not in read
    assert "The originals remain in the mailboxes" in read
    assert "EXAMINE" not in imported and "server" not in imported and "mailboxes, and" not in imported
    assert "none; the mail was imported from files" in imported and "Files were read as they were found" in imported


def test_a_file_that_was_imported_is_named_with_its_hash_and_what_it_cannot_prove(make: Maker) -> None:
    class Imported(FakeCase):
        def acquisitions(self) -> Sequence[Mapping[str, Any]]:
            return [{**super().acquisitions()[0], "kind": "import", "account": "import"}]

    case = Imported([(mail(), "INBOX", "client")])
    case.sources_ = [
        {"id": 1, "acquisition": 1, "path": "saved/letters", "kind": "folder", "size": 2487, "sha256": "ab" * 32,
         "caveat": "Lines end in LF; mail travels with CRLF, so these octets are not those the server sent\nAn unknown caveat: 7"}
    ]  # fmt: skip
    text = squeezed(text_of(make(case).result.pdf)).replace("\xa0", " ")
    assert "Часть писем получена из 1 загрузки файлов" in text and "сказано ниже" in text
    assert "saved/letters, 2 487 байт" in text and "ab" * 32 in text.replace(" ", "")
    assert "это не те байты, которые отдал сервер" in text and "An unknown caveat: 7" in text
