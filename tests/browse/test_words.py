"""How the pages write days, numbers and what is stored as a word of the program's own."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from evidence.browse.words import BUNDLES, FILES, Words

RU, EN = (Words(language, ZoneInfo("Europe/Moscow")) for language in ("ru", "en"))


def plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ")


def test_a_span_of_one_day_is_that_day() -> None:
    assert plain(RU.days("2025-04-01T07:15:00Z", "2025-04-01T19:38:00Z")) == "1 апреля 2025 г."
    assert plain(RU.days("2025-03-20T11:02:00Z", "2025-03-31T07:52:00Z")) == "20 марта 2025 г. — 31 марта 2025 г."
    assert plain(EN.days("2025-03-20T11:02:00Z", "2025-03-31T07:52:00Z")) == "20 March 2025 – 31 March 2025"


@pytest.mark.parametrize(("stored", "shown"), [("0.19", "0,2"), ("2.96", "3"), ("3.4", "3"), ("617.71", "618")])
def test_days_waited_are_written_as_a_person_would(stored: str, shown: str) -> None:
    assert RU.waited(stored) == shown


def test_time_is_written_exactly_and_sums_of_money_with_two_decimals() -> None:
    assert [RU.clock(minutes) for minutes in (0, 5, 70.1, 7590)] == ["0:00:00", "0:05:00", "1:10:06", "126:30:00"]
    assert [plain(RU.amount(n)) for n in (0, 900, 28575.5, 333.335)] == ["0,00", "900,00", "28 575,50", "333,335"]
    assert EN.amount(0.1 + 0.2) == "0.30" and EN.amount(28575.5) == "28,575.50"
    assert "4,5 " in RU.formula("4.5 min per message") and "4.5 " in EN.formula("4.5 min per message")


def test_a_stated_day_is_written_in_the_language_and_anything_else_as_it_stands() -> None:
    assert plain(RU.stated_day("2025-04-24")) == "24 апреля 2025 г."
    assert plain(EN.stated_day("2025-04-24")) == "24 April 2025"
    assert "14:30:00" in RU.stated_day("2025-04-24T11:30:00Z")
    assert RU.stated_day("весной") == "весной"


def test_what_an_imported_file_cannot_prove_is_said_in_the_language_with_its_particulars() -> None:
    caveat = "Body lines begin with From and are not separators; they are kept as they stand. Lines: 7"
    assert RU.imported(caveat) != caveat and RU.imported(caveat).endswith(": 7")
    assert EN.imported(caveat) == caveat


def test_every_kind_of_bundle_and_file_has_words() -> None:
    from evidence.cli.add import KINDS

    assert set(BUNDLES) == {"full", "police", "notary", "extract"}
    assert set(FILES) == set(KINDS)
    assert all(RU.of(BUNDLES, k) != EN.of(BUNDLES, k) for k in BUNDLES)


def test_the_formula_of_the_hours_is_in_the_language_with_its_numbers() -> None:
    formula = "3 min per message + own words read / 150 per min + own words written / 20 per min"
    assert EN.formula(formula) == formula
    assert RU.formula(formula) == "3 мин на письмо + прочитано слов / 150 в минуту + написано слов / 20 в минуту"
