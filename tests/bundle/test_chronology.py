"""What the chronology says besides the letters: silences, disappearances, files that came from outside mail."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from evidence.bundle.text import Words
from evidence.ports import IssuedBundle, OutsideFile
from evidence.reckoning import TimelineEntry
from tests.bundle.conftest import Maker
from tests.bundle.fake_case import NOW, FakeCase, dispute
from tests.bundle.tools import squeezed, text_of


class Eventful(FakeCase):
    """A case whose timeline holds more than letters: ``more`` are appended as the timeline stage would."""

    more: tuple[TimelineEntry, ...] = ()

    def entries(self) -> list[TimelineEntry]:
        return [*super().entries(), *self.more]


def eventful(most: int = 2) -> Eventful:
    plain = dispute("shelf", most=most)
    return Eventful(plain.messages, plain.flags_, plain.requests_)


def recording(number: int, octets: bytes) -> tuple[OutsideFile, bytes]:
    sha256 = hashlib.sha256(octets).hexdigest()
    return OutsideFile(
        number, sha256, len(octets), "call.txt", "text/plain", "Запись звонка", "2025-03-10", "recording", "", "Анна Орлова", NOW
    ), octets  # fmt: skip


def test_a_silence_and_a_disappearance_are_said_in_words(make: Maker) -> None:
    case = eventful()
    last = case.letters()[-1]
    case.more = (
        TimelineEntry("silence", last.at + timedelta(seconds=1), NOW, "", None, "", None, (), "", detail={"days": 21}),
        TimelineEntry(
            "disappearance", last.at + timedelta(days=1), None, "", last.sha256, last.person, last.speaker, (), "Первые слова",
            detail={"folder": "INBOX"},
        ),
    )  # fmt: skip
    result = make(case).result
    rows = {r.kind: r for r in result.manifest.chronology}
    assert rows["silence"].text.replace("\xa0", " ") == "Между сторонами нет писем: 21 день"
    assert rows["disappearance"].text == "Больше нет на сервере в папке «INBOX»: «Первые слова»"
    assert "Между сторонами нет писем: 21 день" in squeezed(text_of(result.pdf)).replace("\xa0", " ")


def test_a_new_file_from_outside_mail_stands_in_the_chronology_of_a_supplement(make: Maker) -> None:
    case = eventful()
    first = make(case).result
    case.exhibits_ = list(first.exhibits)
    case.bundles_ = [
        IssuedBundle(1, "full", "0001-full", NOW, first.dated, 100, case.head(100).root, first.pages, first.pdf_sha256, "", "ru", {})
    ]  # fmt: skip
    case.files = [recording(1, b"call")]
    file = case.files[0][0]
    entry = TimelineEntry("outside", NOW, None, "", file.sha256, file.added_by, None, (), file.title)
    case.more = (entry, replace(entry, kind="silence", sha256=None, gist="", detail={"days": 21}))
    made = make(case, supplement=True).result
    assert [(r.kind, r.text, r.exhibit) for r in made.manifest.chronology] == [("outside", "Запись звонка", 3)]
    assert "Это дополнение к комплекту № 0001" in squeezed(text_of(made.pdf, 1)).replace("\xa0", " ")


def test_a_span_of_one_day_is_written_once() -> None:
    words = Words("ru", ZoneInfo("Europe/Moscow"), "Europe/Moscow")
    first = datetime(2025, 4, 1, 7, tzinfo=UTC)
    assert words.short_days(first, first + timedelta(hours=9)) == "01.04.2025"
    assert words.short_days(first, first + timedelta(days=2)) == "01.04.2025\xa0— 03.04.2025"
    assert words.stated_day("2025-04-24") == "24.04.2025" and words.stated_day("весной") == "весной"
    assert words.stated_day("2025-04-24T14:30+03:00") == "24.04.2025,\xa014:30\xa0+03:00"
