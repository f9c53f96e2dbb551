"""Items of the checklist that no other test shows: completeness by folder, oddities said, annexes whole, words of one language.

``CHECKLIST.md`` beside this file says for every item where it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pikepdf
import pytest

from evidence.bundle.options import BundleOptions
from evidence.model import DkimResult, Sighting
from evidence.timeline.picture import picture
from tests.bundle import conftest
from tests.bundle.conftest import Made, Maker, made
from tests.bundle.fake_case import CAPTURED, FakeCase, dispute
from tests.bundle.test_content import case_of, mail
from tests.bundle.tools import run, squeezed, text_of

GONE = CAPTURED + timedelta(days=3)


@dataclass
class Troubled(FakeCase):
    """A case in which the mailbox did what mailboxes do: letters vanish, UIDs come twice, something is owed."""

    observations_: list[dict[str, Any]] = field(default_factory=list)
    disappearances_: list[dict[str, Any]] = field(default_factory=list)
    owed_: list[dict[str, Any]] = field(default_factory=list)

    def observations(self) -> Sequence[Mapping[str, Any]]:
        return self.observations_

    def disappearances(self) -> Sequence[Mapping[str, Any]]:
        return self.disappearances_

    def owed_now(self) -> Sequence[Mapping[str, Any]]:
        return self.owed_

    def sightings(self, sha256: str) -> Sequence[Sighting]:
        found = super().sightings(sha256)
        gone = {d["sha256"] for d in self.disappearances_}
        return [replace(s, gone_at=GONE) for s in found] if sha256 in gone else found


AUTHENTICATION = "mx.north.example; dkim=pass header.d=romashka.example"


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory, cache: Any) -> Made:
    letters = [
        mail("Первое", "Верните деньги до пятницы.", Message_ID="<one@romashka.example>",
             Authentication_Results=AUTHENTICATION, X_Odd="value of an odd header"),
        mail("Второе", "Другие слова.", Message_ID="<one@romashka.example>", Date="Tue, 04 Mar 2025 10:00:00 +0300"),
        mail("Третье", "Исчезло потом.", Date="Wed, 05 Mar 2025 10:00:00 +0300"),
        mail("Четвёртое", "Часы врут.", Date="Thu, 01 Jan 1970 00:00:00 +0000"),
    ]  # fmt: skip
    case = Troubled([(m, "INBOX", "client") for m in letters])
    first, _, third, _ = [x.sha256 for x in sorted(case.letters(), key=lambda x: x.number)]
    case.observations_ = [
        {"id": 1, "at": "2025-05-20T06:00:00Z", "kind": "uidvalidity-changed", "severity": "alarm", "account": "office",
         "folder": "INBOX", "uid": None, "sha256": None, "detail": '{"from":1,"to":2}', "acquisition": 1},
        {"id": 2, "at": "2025-05-20T06:00:01Z", "kind": "uid-reused", "severity": "alarm", "account": "office",
         "folder": "INBOX", "uid": 101, "sha256": None, "detail": f'{{"held":"{first}"}}', "acquisition": 1},
    ]  # fmt: skip
    case.disappearances_ = [
        {"sha256": third, "account": "office", "folder": "INBOX", "kind": "gone", "noticed_at": "2025-05-23T06:00:00Z"}
    ]
    case.owed_ = [{"account": "office", "folder": "INBOX", "uid": 144, "what": "message", "reason": "no answer"}]
    case.dkim_ = {
        first: [DkimResult(0, "romashka.example", "s1", "pass", "", ("from", "date", "subject"), 120, 2048, "rsa-sha256", "relaxed/relaxed")]
    }  # fmt: skip
    case.anchors_ = [
        {"id": 1, "kind": "rfc3161", "authority": "Local TSA", "serial": "7", "stated_at": "2025-05-20T06:05:00Z",
         "size": 100, "root": "ab" * 32, "test": True}
    ]  # fmt: skip
    return made(case, tmp_path_factory.mktemp("troubled"), cache)


def words_of(made: Made, first: int = 0, last: int = 0) -> str:
    return squeezed(text_of(made.result.pdf, first, last)).replace("\xa0", " ")


def test_every_folder_is_counted_as_the_case_counts_it(troubled: Made) -> None:
    text = words_of(troubled)
    for count in troubled.case.folder_counts():
        assert count.on_server == count.in_scope + count.context + count.out_of_scope + count.owed
        row = f"«{count.folder}» {count.on_server} {count.in_scope} {count.context} {count.out_of_scope} {count.owed}"
        assert row in text or re.search(
            rf"«{count.folder}».{{0,40}}{count.on_server} {count.in_scope} {count.context} {count.out_of_scope} {count.owed}", text
        ), row  # fmt: skip
    assert "Папка, которой нет в таблице, не читалась" in text
    assert "UID 144" in text


def test_what_vanished_or_was_renumbered_is_kept_and_said(troubled: Made) -> None:
    text = words_of(troubled)
    assert "больше нет на сервере с 23.05.2025" in text or "нет на сервере с 23.05.2025" in text
    assert "сервер заново пронумеровал папку (UIDVALIDITY)" in text
    assert "под прежним номером UID оказалось другое письмо" in text
    assert len(troubled.result.manifest.exhibits) == 4


def test_one_message_id_on_different_letters_is_an_alarm(troubled: Made) -> None:
    text = words_of(troubled)
    assert "Один и тот же Message-ID у писем с разным текстом" in text
    found = re.search(r"one@romashka\.example>? — Приложение (\d+), Приложение (\d+)", text)
    assert found and found.group(1) != found.group(2)


def test_an_absurd_date_is_said_in_days(troubled: Made) -> None:
    text = words_of(troubled)
    said = re.findall(r"расходятся на ([\d ]+) (\w+)", text)
    assert said and all(unit in ("день", "дня", "дней") for _, unit in said), said


def test_the_annexes_hold_every_header_signature_key_and_claim(troubled: Made) -> None:
    text = words_of(troubled)
    annex = re.sub(r"\W+", "", text[text.index("Все строки заголовков каждого приложения") :])
    for letter in troubled.case.letters():
        for name, value in troubled.case.parsed(letter.sha256).headers:
            assert re.sub(r"\W+", "", f"{name}: {value}") in annex, name
    for wanted in (
        "romashka.example, s1", "rsa-sha256", "relaxed/relaxed", "2048", "from, date, subject", "120",
        "s1._domainkey.romashka.example", "v=DKIM1; k=rsa; p=MIIBIjANBgkqh", "127.0.0.1, DNSSEC", "dkim=pass header.d=romashka.example",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_a_stamp_of_ones_own_is_called_a_test(troubled: Made) -> None:
    text = words_of(troubled)
    assert "Local TSA" in text and "ab" * 32 in text.replace(" ", "")
    assert re.search(r"ТЕСТ|ПРОБН", text), "a self-issued stamp is shown as if it proved something"


def test_an_acquisition_is_printed_with_machine_time_and_outcome(troubled: Made) -> None:
    text = words_of(troubled, 1, troubled.result.manifest.exhibits[0].first_page)
    for wanted in (
        "desk, anna, evidence 0.1.0",
        "20.05.2025, 08:59:00 +03:00",
        "20.05.2025, 09:01:00 +03:00",
        "завершено",
    ):
        assert wanted in text, wanted


def test_every_attachment_of_the_message_stands_in_its_list(shelf: Made) -> None:
    attached = [e for e in shelf.result.manifest.exhibits if e.files]
    assert attached
    for exhibit in attached:
        text = words_of(shelf, exhibit.first_page, exhibit.last_page).replace(" ", "")
        parsed = shelf.case.parsed(exhibit.sha256)
        assert len(exhibit.files) == len(parsed.attachments)
        for attachment in parsed.attachments:
            # The hash stands in a narrow cell: its halves are on two lines, with what stands beside them between.
            assert attachment.sha256[:32] in text and attachment.sha256[-16:] in text


def test_the_front_of_a_russian_bundle_is_in_russian(troubled: Made, shelf: Made) -> None:
    for bundle in (troubled, shelf):
        own = text_of(bundle.result.pdf, 1, bundle.result.manifest.exhibits[0].first_page - 1)
        said = re.sub(r"«[^»]*»|\S+@\S+|\S*[./_=-]\S*", " ", own)
        english = set(re.findall(r"\b[a-z]{4,}\b", said))
        assert english <= {"desk", "anna", "evidence", "bundle", "office", "verify", "certutil", "shasum", "gold"}, (
            english
        )


def test_the_picture_over_time_has_its_words(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    case = dispute("shelf", most=6)
    drawn = picture(case.entries(), case.flags_, case.requests_, language="ru", timezone="Europe/Moscow")
    monkeypatch.setattr(conftest, "PICTURE", drawn)
    result = make(case).result
    page = next(p for p in text_of(result.pdf).split("\f") if "Каждый знак" in p)
    labels = re.findall(r">([^<>]*[а-яё][^<>]*)</text>", drawn)
    assert labels and all(squeezed(label) in squeezed(page).replace("\xa0", " ") for label in labels[:3])


def test_a_long_bundle_is_cut_at_months_and_round_numbers_and_loses_no_line(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence.bundle import parts

    monkeypatch.setattr(parts, "ROWS_A_PART", 5)
    monkeypatch.setattr(parts, "PERIOD", (4, 9))
    case = dispute("shelf", most=22)
    result = make(case).result
    text = squeezed(text_of(result.pdf)).replace("\xa0", " ")
    rows = result.manifest.chronology
    assert len(rows) == 22 and "Приложения 1–5" in text and "Приложения 21–22" in text and "(продолжение)" in text
    for row in rows:
        assert re.search(rf"\b{row.exhibit}\s+{row.page}$", text_of(result.pdf), re.MULTILINE), row
    with pikepdf.open(result.pdf) as pdf:
        assert len(pdf.Root.StructTreeRoot.K) == 1
    run("qpdf", "--check", result.pdf)


def test_a_long_title_is_shortened_at_a_word_in_the_running_header_only(make: Maker) -> None:
    case = case_of(mail())
    made = make(case)
    title = made.result.manifest.title
    assert BundleOptions().record()["kind"] == "full" and title in words_of(made, 1, 1)
    from evidence.bundle.pages import HEADER_LETTERS
    from evidence.bundle.text import one_line

    assert one_line("слово " * 40, HEADER_LETTERS).endswith("…")
    assert title[:60] in words_of(made, 2, 2)


def test_an_extract_names_what_it_asks_for(make: Maker) -> None:
    case = dispute("shelf", most=8)
    result = make(case, kind="extract", category=("demand",), since=date(2025, 1, 1)).result
    assert "нет высказываний вида: Требования" in squeezed(text_of(result.pdf, 1)).replace("\xa0", " ")
