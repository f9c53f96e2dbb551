"""evidence exclude: see select.py."""

from evidence.cli.select import exclude as command

__all__ = ["command"]
