"""Shares with their intervals, for the measuring tools."""

from __future__ import annotations

import math


def wilson(k: int, n: int) -> str:
    """k of n with the Wilson 95 % interval."""
    if not n:
        return "0 of 0"
    z, p = 1.96, k / n
    d = 1 + z * z / n
    c, h = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return f"{p:.3f} [{(c - h) / d:.2f}-{(c + h) / d:.2f}] ({k} of {n})"
