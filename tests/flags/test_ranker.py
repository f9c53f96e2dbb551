"""The learned reader: the same in batches as one by one, explained by words of the sentence, and no louder than its files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evidence.timeline import ranker_features
from evidence.timeline.flags import find_flags, find_flags_in
from evidence.timeline.ranker import MODEL, load_ranker
from evidence.timeline.ranker_features import CATEGORIES, batched, groups, shape_features, traits_of
from evidence.timeline.ranker_trees import FINE, Forest
from evidence.timeline.rules import load_packs
from evidence.timeline.sentences import sentences
from tests.flags.letters import letter
from tests.flags.test_determinism import texts

ROOT = Path(__file__).parents[2]


def test_model_is_there_and_small_enough_to_ship() -> None:
    files = sorted(MODEL.glob("*.npz"))
    assert [f.name for f in files] == ["ranker-en.npz", "ranker-ru.npz", "ranker-trees.npz"]
    assert sum(f.stat().st_size for f in files) < 5_000_000


def test_sentences_read_together_have_the_features_they_have_alone() -> None:
    for text, _ in texts()[:30]:
        row = list(sentences(text))
        batch = batched([traits_of(sentence) for sentence in row])
        for number, sentence in enumerate(row):
            words, classes, _lists = groups(sentence)
            shape = np.asarray(shape_features(sentence), dtype=np.uint64)
            together = np.concatenate([*(b[e[number] : e[number + 1]] for b, e in batch.words), shape])
            assert np.array_equal(np.sort(together), np.sort(words))
            assert np.array_equal(
                np.sort(np.concatenate([b[e[number] : e[number + 1]] for b, e in batch.classes])), np.sort(classes)
            )


def test_scores_stay_when_forms_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    ranker = load_ranker()
    assert ranker is not None
    rows = [list(sentences(text)) for text, _ in texts()[:12]]
    kept = [ranker.score(row, [()] * len(row)) for row in rows]
    monkeypatch.setattr(ranker_features, "_MOST_FORMS", 40)
    forgotten = 0
    for row, scores in zip(rows, kept, strict=True):
        before = ranker_features._TRAITS.count
        assert ranker.score(row, [()] * len(row)) == scores
        forgotten += ranker_features._TRAITS.count < before
    assert forgotten > 3


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


def test_letters_read_together_have_the_flags_they_have_alone() -> None:
    packs = load_packs()
    letters = [letter(text, number=n) for n, (text, _) in enumerate(texts())]
    together = find_flags_in(letters, packs)
    assert together == [find_flags(one, packs) for one in letters]
    assert sum(map(len, together)) > 60


def test_trees_say_the_same_of_one_line_and_of_many() -> None:
    ranker = load_ranker()
    assert ranker is not None
    lines = np.random.default_rng(5).integers(-3000, 3000, size=(300, 108), dtype=np.int32)
    for forest in ranker.forests:
        many = forest.score(lines)
        assert [int(forest.score(line[None, :])[0]) for line in lines[:20]] == many[:20].tolist()
        by_hand = [_walk(forest, root, lines[0]) for root in forest.roots.tolist()]
        assert sum(by_hand) * 256 // FINE == many[0]


def _walk(forest: Forest, node: int, line: np.ndarray) -> int:
    while forest.low[node] >= 0:
        node = int(forest.low[node] if line[forest.column[node]] <= forest.limit[node] else forest.high[node])
    return int(forest.leaf[node])


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
    pytest.importorskip("lightgbm")
    elsewhere = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(
        [sys.executable, str(ROOT / "tools" / "train_ranker.py"), "--to", str(tmp_path)], env=elsewhere, check=True
    )
    for name in ("ranker-ru.npz", "ranker-en.npz", "ranker-trees.npz"):
        with np.load(tmp_path / name) as made, np.load(MODEL / name) as shipped:
            for key in shipped.files:
                assert np.array_equal(made[key], shipped[key]), f"{name}: {key}"
