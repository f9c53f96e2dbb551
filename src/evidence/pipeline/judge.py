"""Decisions from the browser: each opens the archive for a moment, appends, and lets go, beside a running sync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from evidence.config import Config


class Judge:
    """``ports.Judgement`` over the archive of a matter; safe to call from several threads."""

    def __init__(self, config: Config, *, now: Callable[[], datetime]) -> None:
        self._config = config
        self._now = now

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ("review", "note", "hours", "answer", "select", "link", "claim"):
            raise AttributeError(name)

        def judged(*arguments: Any, **options: Any) -> Any:
            from evidence.archive.store import Archive

            with Archive.open(self._config.archive_path, write=True, now=self._now, run=False) as archive:
                return getattr(archive, name)(*arguments, **options)

        return judged
