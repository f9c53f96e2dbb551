"""The learned reader: the same in batches as one by one, explained by words of the sentence, and no louder than its files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evidence.timeline.flags import find_flags
from evidence.timeline.ranker import MODEL, load_ranker
from evidence.timeline.ranker_features import CATEGORIES, batched, groups, shape_features
from evidence.timeline.rules import load_packs
from evidence.timeline.sentences import sentences
from tests.flags.letters import letter
from tests.flags.test_determinism import texts

ROOT = Path(__file__).parents[2]


def test_model_is_there_and_small_enough_to_ship() -> None:
    files = sorted(MODEL.glob("*.npz"))
    assert [f.name for f in files] == ["ranker-en.npz", "ranker-ru.npz"]
    assert sum(f.stat().st_size for f in files) < 5_000_000


def test_sentences_read_together_have_the_features_they_have_alone() -> None:
    for text, _ in texts()[:30]:
        row = list(sentences(text))
        batch = batched(row)
        for number, sentence in enumerate(row):
            words, classes, _lists = groups(sentence)
            shape = np.asarray(shape_features(sentence), dtype=np.uint64)
            together = np.concatenate([*(b[e[number] : e[number + 1]] for b, e in batch.words), shape])
            assert np.array_equal(np.sort(together), np.sort(words))
            assert np.array_equal(
                np.sort(np.concatenate([b[e[number] : e[number + 1]] for b, e in batch.classes])), np.sort(classes)
            )


def test_proposal_is_explained_by_words_of_its_own_sentence() -> None:
    packs = load_packs()
    proposed = [
        (one, f)
        for text, role in texts()
        if role == "client"
        for one in [letter(text)]
        for f in find_flags(one, packs)
        if f.rule.startswith("ranker.")
    ]
    assert len(proposed) > 20
    assert sum(bool(f.detail["words"]) for _, f in proposed) >= 0.9 * len(proposed)
    for one, flag in proposed:
        assert flag.tier == "possible"
        assert 0 < flag.score <= 1
        assert flag.detail["words"] or "as a whole" in flag.why
        assert all(word in one.texts["body"][flag.start : flag.end] for word in flag.detail["words"])


def test_reader_alone_never_states() -> None:
    packs = load_packs()
    for text, _ in texts():
        assert all(f.rule in {r.id for r in packs.rules} for f in find_flags(letter(text), packs) if f.tier == "stated")


def test_every_category_can_be_proposed() -> None:
    ranker = load_ranker()
    assert ranker is not None
    for model in ranker.models.values():
        assert set(model.thresholds.propose) == set(CATEGORIES)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("EVIDENCE_TEST_FULL"), reason="trains for minutes")
def test_training_again_gives_the_same_files(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    elsewhere = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(
        [sys.executable, str(ROOT / "tools" / "train_ranker.py"), "--to", str(tmp_path)], env=elsewhere, check=True
    )
    for name in ("ranker-ru.npz", "ranker-en.npz"):
        with np.load(tmp_path / name) as made, np.load(MODEL / name) as shipped:
            for key in shipped.files:
                assert np.array_equal(made[key], shipped[key]), f"{name}: {key}"
