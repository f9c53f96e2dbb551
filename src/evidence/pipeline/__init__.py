"""The flow on one page: acquire -> reindex (parse, zones, threads, flags, requests) -> produce.

``sync`` and ``import_files`` archive raw octets first and commit; ``reindex`` rebuilds everything derived from them;
``views`` judges as of a date without writing; ``produce_bundle`` prints. The only place that knows all stages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evidence.pipeline.acquire import AcquireReport, import_files, sync, tool_name
    from evidence.pipeline.adding import add_file
    from evidence.pipeline.index import reindex
    from evidence.pipeline.produce import produce_bundle
    from evidence.pipeline.views import View, view

_PLACES = {"add_file": "adding", "reindex": "index", "produce_bundle": "produce", "View": "views", "view": "views"}

__all__ = [
    "AcquireReport",
    "View",
    "add_file",
    "import_files",
    "produce_bundle",
    "reindex",
    "sync",
    "tool_name",
    "view",
]


def __getattr__(name: str) -> Any:
    """Import a step when it is asked for: a sync with nothing to do needs no page makers."""
    if name not in __all__:
        raise AttributeError(name)
    found = getattr(import_module(f"evidence.pipeline.{_PLACES.get(name, 'acquire')}"), name)
    globals()[name] = found
    return found
