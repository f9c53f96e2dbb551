"""Word stems for full-text search, so that «угрожать» finds «угрожал» and "refund" finds "refunded".

The same function fills the index and reads the query; Snowball stemmers (snowballstemmer), Russian and English.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_CYRILLIC = re.compile(r"[а-яё]")


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(language)


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of one word; ё is е, case is folded. Words with digits and mixed scripts stay as they are."""
    folded = word.casefold().replace("ё", "е").replace("’", "'")
    if len(folded) > 64 or any(c.isdigit() for c in folded):
        return folded[:64]
    language = "russian" if _CYRILLIC.search(folded) else "english"
    return str(_stemmer(language).stemWord(folded))


def stemmed(text: str) -> str:
    """All words of ``text`` as stems, parted by spaces: what the full-text index holds."""
    return " ".join(map(stem, words(text)))


def words(text: str) -> list[str]:
    return _WORD.findall(text)


def word_spans(text: str) -> list[tuple[int, int, str]]:
    """(start, end, stem) of each word, to mark hits in the text as written."""
    return [(m.start(), m.end(), stem(m.group())) for m in _WORD.finditer(text)]
