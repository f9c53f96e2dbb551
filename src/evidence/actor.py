"""Who sits at this machine, as far as the system knows: named in the log beside runs, decisions and notes."""

from __future__ import annotations

import getpass
import os


def login_name() -> str:
    """EVIDENCE_ACTOR or the login name; ``uid 1000`` where the system has no name for it, as in a container run with ``--user``."""
    if named := os.environ.get("EVIDENCE_ACTOR"):
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # KeyError before Python 3.13; ImportError on Windows without USERNAME
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "operator"
