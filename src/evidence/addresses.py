"""One form of an address for comparing: the configuration, the scope, the parties and the bundle must agree on who is who."""

from __future__ import annotations

import contextlib
import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def normal(address: str) -> str:
    """For comparing: case folded, quotes of the local part gone, domain in A-labels (RFC 5891) without a last dot.

    A person types ``@ромашка.рф``; mail carries ``@xn--80aa3agjl3d.xn--p1ai`` (RFC 5890 section 2.3.2.1). They are one domain.
    """
    local, _, domain = address.strip().rpartition("@")
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        with contextlib.suppress(UnicodeError):
            domain = domain.encode("idna").decode("ascii")
    return f"{local.casefold()}@{domain}"
