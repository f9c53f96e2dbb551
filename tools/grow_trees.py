"""Boosted trees for the second step of the learned reader, grown by LightGBM and kept as whole numbers."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from evidence.timeline.ranker_trees import FINE, Forest

ROUNDS = 160
SETTINGS = {
    "objective": "binary",
    "num_leaves": 12,
    "max_depth": 6,
    "learning_rate": 0.05,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "seed": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def grow(lines: np.ndarray, right: np.ndarray) -> Forest:
    """The forest that tells the rows of ``lines`` where ``right`` is true from the others."""
    table = lightgbm.Dataset(lines.astype(np.float64), label=right.astype(np.int8), params=SETTINGS)
    booster = lightgbm.train(SETTINGS, table, num_boost_round=ROUNDS)
    nodes: list[tuple[int, int, int, int, int]] = []
    roots = []
    for tree in booster.dump_model()["tree_info"]:
        roots.append(_flatten(tree["tree_structure"], nodes))
    column, limit, low, high, leaf = (np.array(part, dtype=np.int32) for part in zip(*nodes, strict=True))
    return Forest(column.astype(np.int16), limit, low, high, leaf, np.array(roots, dtype=np.int32))


def _flatten(node: dict[str, Any], nodes: list[tuple[int, int, int, int, int]]) -> int:
    at = len(nodes)
    if "leaf_value" in node:
        nodes.append((0, 0, -1, -1, round(float(node["leaf_value"]) * FINE)))
        return at
    nodes.append((0, 0, 0, 0, 0))
    low, high = _flatten(node["left_child"], nodes), _flatten(node["right_child"], nodes)
    # The lines are whole numbers, so "at most 12.5" is "at most 12".
    nodes[at] = (int(node["split_feature"]), int(np.floor(node["threshold"])), low, high, 0)
    return at
