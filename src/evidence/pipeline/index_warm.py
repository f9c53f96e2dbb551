"""Imported by the process that workers are forked from: dictionary, packs, models and readers are then in all of them."""

from __future__ import annotations

import gc

from evidence.message import dkim, parse, zones
from evidence.pipeline.index_deriving import shipped_packs
from evidence.stems import stem
from evidence.timeline.answers_model import letter_model, models
from evidence.timeline.commitments import commitments
from evidence.timeline.flags import find_flags
from evidence.timeline.morph import analyse
from evidence.timeline.ranker import load_ranker
from evidence.timeline.requests_find import lemma

__all__ = ["commitments", "dkim", "find_flags", "parse", "zones"]

_ranker = load_ranker()
for _forest in _ranker.forests if _ranker else ():
    _forest.planes  # noqa: B018 - laid out once for all
shipped_packs()
models()
letter_model()
for _word in ("письмо", "letter"):
    analyse(_word), lemma(_word), stem(_word)
gc.freeze()  # what is loaded stays: no worker looks through it for garbage, or copies its pages by doing so
