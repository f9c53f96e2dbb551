"""evidence include: see select.py."""

from evidence.cli.select import include as command

__all__ = ["command"]
