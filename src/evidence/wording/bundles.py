"""What a bundle is called: for every stage that names one (its cover and folder, the custody log, the pages)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def shown_kind(kind: str, options: Mapping[str, Any]) -> str:
    """The kind a bundle is called by: a full one that leaves some letters out is an extract.

    ``options`` as ``BundleOptions.record`` gives them and the custody log keeps them. Bundles issued by earlier versions are
    logged under the kind that was asked for, with the filter in their options; they are called the same.
    """
    filtered = any(options.get(name) for name in ("since", "until", "category"))
    return "extract" if kind == "full" and filtered else kind
