"""Asks DNS for a DKIM key and keeps the answer as evidence: keys rotate, and tomorrow's DNS will not say it again.

The only DNS traffic of the program beside the wizard's provider discovery.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import dns.exception
import dns.flags
import dns.rcode
import dns.rdatatype
import dns.resolver

from evidence.errors import UsageError
from evidence.i18n import talk
from evidence.model import DnsKey

_ = talk("mailbox")

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)+")
_ANSWER_LIMIT = 16_384


def fetch_key(name: str, *, resolver: Any, now: datetime | Callable[[], datetime], timeout: float = 5.0) -> DnsKey:
    """The TXT answer for ``name`` (such as ``s1._domainkey.romashka.example``), or why there is none.

    ``resolver`` is a ``dns.resolver.Resolver``, an address such as ``"9.9.9.9"`` or ``"127.0.0.1:5353"``, or ``""`` or
    None for the system's. ``now`` is the time of asking; ``timeout`` is in
    seconds, for the whole question. ``DnsKey.answer`` is the record's
    character-strings joined without anything between them (RFC 6376 section 3.6.2.2); several records, which that
    section forbids, are kept sorted, parted by LF. ``DnsKey.error`` is empty or one of ``nxdomain``, ``no-answer``,
    ``timeout``, ``servfail``, ``bad-name``, ``no-resolver``, ``too-long``, ``dns: …``.
    Raises UsageError when ``resolver`` is no address; whatever DNS does, it does not raise.
    """
    asked = name.rstrip(".")
    at = now() if callable(now) else now
    if len(asked) > 253 or not _NAME.fullmatch(asked) or any(len(label) > 63 for label in asked.split(".")):
        return DnsKey(asked[:253], b"", "", False, at, "bad-name")
    try:
        chosen = resolver if isinstance(resolver, dns.resolver.Resolver) else make_resolver(resolver or "")
    except dns.resolver.NoResolverConfiguration:
        return DnsKey(asked, b"", "", False, at, "no-resolver")
    stated = ", ".join(_stated(chosen))
    try:
        # The trailing dot: never let a search list of this machine answer in the signer's name.
        answer = chosen.resolve(asked + ".", dns.rdatatype.TXT, lifetime=timeout, search=False)
    except dns.resolver.NXDOMAIN as error:
        return DnsKey(asked, b"", stated, _nxdomain_authenticated(error), at, "nxdomain")
    except dns.resolver.NoAnswer as error:
        authenticated = bool(error.kwargs["response"].flags & dns.flags.AD)
        return DnsKey(asked, b"", stated, authenticated, at, "no-answer")
    except dns.exception.Timeout:
        return DnsKey(asked, b"", stated, False, at, "timeout")
    except dns.resolver.NoNameservers:
        return DnsKey(asked, b"", stated, False, at, "servfail")
    except (dns.exception.DNSException, OSError) as error:
        return DnsKey(asked, b"", stated, False, at, f"dns: {type(error).__name__}")
    octets = b"\n".join(sorted(b"".join(record.strings) for record in answer))
    authenticated = bool(answer.response.flags & dns.flags.AD)
    server = _server(answer) or stated
    if len(octets) > _ANSWER_LIMIT:
        return DnsKey(asked, octets[:_ANSWER_LIMIT], server, authenticated, at, "too-long")
    return DnsKey(asked, octets, server, authenticated, at)


def make_resolver(address: str) -> dns.resolver.Resolver:
    """A resolver that asks ``address`` (``host``, ``host:port``, ``[v6]:port``) or, for ``""``, the system's.

    Asks for the AD bit (RFC 6840 section 5.7): a validating resolver then says whether DNSSEC vouched for the answer.
    """
    made = dns.resolver.Resolver(configure=not address)
    if address:
        match = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?|([0-9A-Fa-f:]+)", address.strip())
        host = match and (match[1] or match[3] or match[5])
        try:
            if not match or not host:
                raise ValueError(address)
            made.nameservers = [host]
            made.port = int(match[2] or match[4] or 53)
        except ValueError:
            raise UsageError(
                _("“{address}” is not the address of a DNS resolver.").format(address=address),
                "",
                _("Write dkim.resolver as an IP address, such as 9.9.9.9 or 127.0.0.1:5353, or leave it empty."),
            ) from None
    made.flags = dns.flags.RD | dns.flags.AD
    made.use_edns(0, 0, 1232)
    return made


def _stated(resolver: dns.resolver.Resolver) -> list[str]:
    return [str(server) if resolver.port == 53 else f"{server}:{resolver.port}" for server in resolver.nameservers]


def _server(answer: dns.resolver.Answer) -> str:
    nameserver, port = getattr(answer, "nameserver", None), getattr(answer, "port", None)
    if not nameserver:
        return ""
    return str(nameserver) if port in (None, 53) else f"{nameserver}:{port}"


def _nxdomain_authenticated(error: dns.resolver.NXDOMAIN) -> bool:
    try:
        return any(bool(response.flags & dns.flags.AD) for response in error.kwargs["responses"].values())
    except (KeyError, AttributeError):
        return False
