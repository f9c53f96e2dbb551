"""Boosted trees grown by LightGBM and kept as whole numbers: the second step of the learned reader, and whether a letter answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np

from evidence.timeline.ranker_trees import FINE, Forest

ALIKE = {
    "objective": "binary",
    "seed": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
READER_ROUNDS = 160
READER = {
    **ALIKE,
    "num_leaves": 12,
    "max_depth": 6,
    "learning_rate": 0.05,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
}
ANSWER_ROUNDS = 150
ANSWERS = {
    **ALIKE,
    "num_leaves": 6,
    "max_depth": 3,
    "learning_rate": 0.08,
    "min_data_in_leaf": 8,
    "lambda_l2": 3.0,
    "feature_fraction": 0.5,
}


def _grown(settings: dict[str, Any], rounds: int, lines: Any, right: Any, weights: Any = None) -> list[dict[str, Any]]:
    table = lightgbm.Dataset(lines.astype(np.float64), label=right.astype(np.int8), weight=weights, params=settings)
    booster = lightgbm.train(settings, table, num_boost_round=rounds)
    return [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]


def grow(lines: np.ndarray, right: np.ndarray) -> Forest:
    """The forest that tells the rows of ``lines`` where ``right`` is true from the others."""
    nodes: list[tuple[int, int, int, int, int]] = []
    roots = [_flatten(tree, nodes) for tree in _grown(READER, READER_ROUNDS, lines, right)]
    column, limit, low, high, leaf = (np.array(part, dtype=np.int32) for part in zip(*nodes, strict=True))
    return Forest(column.astype(np.int16), limit, low, high, leaf, np.array(roots, dtype=np.int32))


def grow_named(names: Sequence[str], lines: np.ndarray, right: np.ndarray, weights: np.ndarray) -> list[Any]:
    """Trees in the form of ``answers_model.TreeModel``: a leaf (thousandths of a logit) or [name, cut, at most, above]."""
    return [_named(tree, names) for tree in _grown(ANSWERS, ANSWER_ROUNDS, lines, right, weights)]


def _named(node: dict[str, Any], names: Sequence[str]) -> Any:
    if "leaf_value" in node:
        return round(1000 * float(node["leaf_value"]))
    cut = int(np.floor(node["threshold"]))  # the lines are whole numbers, so "at most 12.5" is "at most 12"
    return [names[node["split_feature"]], cut, _named(node["left_child"], names), _named(node["right_child"], names)]


def _flatten(node: dict[str, Any], nodes: list[tuple[int, int, int, int, int]]) -> int:
    at = len(nodes)
    if "leaf_value" in node:
        nodes.append((0, 0, -1, -1, round(float(node["leaf_value"]) * FINE)))
        return at
    nodes.append((0, 0, 0, 0, 0))
    low, high = _flatten(node["left_child"], nodes), _flatten(node["right_child"], nodes)
    nodes[at] = (int(node["split_feature"]), int(np.floor(node["threshold"])), low, high, 0)
    return at
