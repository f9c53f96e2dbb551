"""The matter of the sample mailbox «shelf», read from an embedded server; a test adds the password and what it wants told."""

from __future__ import annotations

SHELF = """
[matter]
title = "Shelf"
language = "en"
[us]
name = "Us"
addresses = ["@polka-tochka.example"]
[client]
name = "Them"
addresses = ["@teply-dom.example"]
[[account]]
name = "a"
host = "127.0.0.1"
port = {port}
tls = "none"
username = "demo"
"""
