"""The short ways of scoring give what the named features give: weights by word and pair, planes of trees, sums that do not depend on order."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np

from evidence.timeline.answers import Vocabulary
from evidence.timeline.answers_features import pair_features, reply_run, stems_in
from evidence.timeline.answers_letter import pair_score
from evidence.timeline.answers_model import LinearModel, models
from evidence.timeline.ranker import load_ranker
from evidence.timeline.ranker_trees import Forest
from evidence.timeline.requests_find import asking, features
from evidence.timeline.requests_sentences import sentences

LABELLED = Path(__file__).parents[2] / "fixtures" / "labelled"


def rows(name: str, count: int) -> list[dict[str, str]]:
    with gzip.open(LABELLED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return random.Random(1).sample([json.loads(line) for line in lines], count)


def test_asking_is_the_score_of_the_named_features() -> None:
    model, seen = models()["ask"], 0
    for name in ("ru-6", "en-6"):
        for row in rows(name, 40):
            run = sentences(row["text"], 0, len(row["text"]))
            for index in range(len(run)):
                assert asking(run, index) == model.score(features(run, index))
                seen += 1
    assert seen > 500


def test_passages_score_as_their_named_features() -> None:
    for name in ("pairs-ru", "pairs-en"):
        for row in rows(name, 60):
            run = reply_run(row["reply"])
            if run:
                named = pair_features(row["ask"], row["kind"], run, ())
                found = pair_score(row["ask"], row["kind"], run, ())
                assert found == tuple(models()[model].score(named) for model in ("answered", "deferred"))


def test_words_and_pairs_are_told_from_other_features() -> None:
    model = LinearModel("m", 10, {"w:a": 1000, "b:a_b": -300, "first:a": 70, "w:0": 5, "b:0_0": 9})
    assert model.score_text(["first:a"], ["a", "a", "b"], [("a", "b"), ("b", "a")]) == model.score(
        ["first:a", "w:a", "w:b", "b:a_b", "b:b_a"]
    )


def test_planes_give_what_walking_gives() -> None:
    ranker = load_ranker()
    assert ranker is not None
    chance = np.random.default_rng(11)
    for forest in ranker.forests:
        limits = forest.limit[forest.low >= 0]
        lines = chance.choice(limits, (150, 108)).astype(np.int32) + chance.integers(-1, 2, (150, 108)).astype(np.int32)
        assert forest.planes is not None
        assert forest.planes.score(lines).tolist() == forest.walk(lines).tolist() == forest.score(lines).tolist()


def test_a_tree_of_too_many_leaves_is_walked() -> None:
    questions = 70  # a stair: each question's high side is the next question
    column = np.zeros(2 * questions + 1, dtype=np.int16)
    limit = np.zeros(2 * questions + 1, dtype=np.int32)
    low = np.full(2 * questions + 1, -1, dtype=np.int32)
    high = np.full(2 * questions + 1, -1, dtype=np.int32)
    leaf = np.arange(2 * questions + 1, dtype=np.int32) * 4096
    for n in range(questions):
        limit[2 * n], low[2 * n], high[2 * n] = n, 2 * n + 1, 2 * n + 2
    forest = Forest(column, limit, low, high, leaf, np.array([0], dtype=np.int32))
    assert forest.planes is None
    lines = np.array([[-5], [0], [1], [69], [70]], dtype=np.int32)
    assert forest.score(lines).tolist() == [256 * n for n in (1, 1, 3, 139, 140)]


def test_a_share_of_words_does_not_depend_on_their_order() -> None:
    vocabulary = Vocabulary()
    for row in rows("ru-5", 60):
        vocabulary.learn(stems_in(row["text"]))
    words = [stem for row in rows("ru-6", 5) for stem in stems_in(row["text"])]
    for turn in range(20):
        random.Random(turn).shuffle(words)
        asked, said = frozenset(words), frozenset(words[::3])
        assert vocabulary.overlap(asked, said) == vocabulary.overlap(
            frozenset(reversed(words)), frozenset(words[::3][::-1])
        )
