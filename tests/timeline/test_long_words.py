"""A word of tens of thousands of letters (a link, base64, a cat on the keyboard) must not stop a rebuild for minutes."""

from __future__ import annotations

import time

from evidence.timeline.answers_features import alternatives


def test_a_very_long_word_in_a_request_is_passed_in_no_time() -> None:
    began = time.process_time()
    assert alternatives("Прошу прислать акт номер 1." + "x" * 40_000) == frozenset()
    assert time.process_time() - began < 1


def test_what_stands_beside_or_is_found_as_before() -> None:
    assert alternatives("Вернёте деньги или товар целиком?") == alternatives("деньги или товар целиком")
    assert len(alternatives("Вернёте деньги или товар?")) == 2
    assert len(alternatives("refund or replacement or discount")) >= 2
