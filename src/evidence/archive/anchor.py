"""Anchors: what others outside this machine vouch for. A time-stamp token (RFC 3161) or a witness's mail over size and root.

A token is asked for over HTTP (RFC 3161 section 3.4), checked, and kept with the request, its whole chain and the revocation
data that could be had, so that it can be checked again offline, here or by ``openssl ts -verify``. A failure of the authority
fails nothing else: it is recorded as owed and asked again after the next run.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from evidence.archive.binding import utc_text, utc_time
from evidence.archive.log import root_of
from evidence.archive.reader import ArchiveReader
from evidence.archive.revocation import Fetch, collect_revocation
from evidence.archive.store import Archive
from evidence.archive.timestamp import (
    Stamp,
    TokenRefused,
    build_request,
    check_response,
    check_revocation,
    from_pem,
    load,
    pem_of,
    revocation_octets,
    revocation_of,
    statement,
)
from evidence.archive.witness import read_witness, root_lines
from evidence.archive.words import _
from evidence.config import LOOPBACK_HOSTS
from evidence.config import Anchor as AnchorConfig
from evidence.errors import EvidenceError, IntegrityFailure, NetworkError, UsageError
from evidence.i18n import translation
from evidence.ports import LogHead

TIMEOUT_SECONDS = 20.0
MOST_OCTETS = 4 * 1024 * 1024
RENEW_BEFORE = timedelta(days=60)
_OWN_KINDS = ("anchor-obtained", "anchor-owed")


@dataclass(frozen=True, slots=True)
class Anchored:
    """An anchor that was had: over what, who vouches, and the time they state (None: a mail without a date)."""

    id: int
    kind: Literal["rfc3161", "witness"]
    size: int
    root: str
    stated_at: datetime | None
    authority: str
    test: bool
    renew_by: datetime | None = None
    serial: str = ""


@dataclass(frozen=True, slots=True)
class AnchorState:
    """For ``status``: when it was last vouched for, whether something is owed, and by when to renew."""

    last_at: datetime | None
    last_size: int
    test_only: bool
    owed_since: datetime | None
    owed_reason: str
    renew_by: datetime | None
    renew_now: bool


@dataclass(frozen=True, slots=True)
class AnchorVerdict:
    """One anchor checked again. ``sound``: its own checks hold and its root certificate is trusted here, or it is a witness's mail."""

    kind: str
    size: int
    root: str
    at: str
    authority: str
    test: bool
    sound: bool
    trusted: bool
    root_sha256: str = ""
    renew_by: str = ""
    said: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=(), compare=False)

    def as_mapping(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


# ---- obtaining -------------------------------------------------------------------------------


def obtain(
    archive: Archive,
    config: AnchorConfig,
    now: datetime | Callable[[], datetime],
    *,
    folder: Path | None = None,
    fetch: Fetch | None = None,
) -> Anchored:
    """Have the log's root stamped by the configured authority and keep the token.

    Raises NetworkError or TokenRefused (``check`` names the check) after recording that an anchor is owed: it never has to
    fail what it is called from. Raises UsageError where no authority is configured or ``ca_file`` cannot be read; a relative
    ``ca_file`` is taken from ``folder`` (None: where the archive lies).
    """
    if not config.tsa_url:
        raise UsageError(_("The configuration names no time-stamp authority."), "", _("Set tsa_url under [anchor]."))
    archive.commit()
    roots = trusted_roots(config, archive.path.parent if folder is None else folder)
    head = _head(archive)
    stated = statement(archive.uuid, head.size, head.root)
    request = build_request(stated)
    fetch = fetch or fetch_over_http
    try:
        response = fetch(config.tsa_url, request, "application/timestamp-query")
        stamp = check_response(response, stated, request=request, roots=roots)
        revocation = collect_revocation(stamp.chain, fetch)
        check_revocation(stamp.chain, revocation, stamp.at)
    except (NetworkError, TokenRefused) as error:
        detail = {
            "size": head.size, "root": head.root, "authority": _host(config.tsa_url),
            "check": getattr(error, "check", "network"), "reason": " ".join(p for p in (error.what, error.why) if p),
        }  # fmt: skip
        archive.record("anchor-owed", detail)
        archive.commit()
        raise
    row = {
        "kind": "rfc3161", "root": head.root, "size": head.size, "at": utc_text(now if isinstance(now, datetime) else now()),
        "stated_at": utc_text(stamp.at), "authority": stamp.authority,
        "test": config.test or _host(config.tsa_url) in LOOPBACK_HOSTS, "renew_by": utc_text(stamp.expires - RENEW_BEFORE),
        "serial": stamp.serial, "request": request, "token": response, "chain": pem_of(stamp.chain),
        "revocation": revocation_octets(revocation),
    }  # fmt: skip
    return _anchored(archive.anchored(row), row)


def take_witness(archive: Archive, raw: bytes, now: datetime | Callable[[], datetime]) -> Anchored:
    """Keep a mail that states our root as an anchor. Raises UsageError (not such a mail), IntegrityFailure (another root)."""
    archive.commit()
    found = read_witness(raw)
    if found.uuid != archive.uuid:
        raise UsageError(
            _("This e-mail is about another archive ({uuid}).").format(uuid=found.uuid),
            _("This one is {uuid}.").format(uuid=archive.uuid),
        )
    head = _head(archive)
    known = _root_at(archive, found.size) if found.size <= head.size else None
    if known != found.root:
        raise IntegrityFailure(
            _("The root in this e-mail is not the root this log has at that size."),
            _("The e-mail: size {size}, root {root}. Here: {value}.").format(
                size=found.size,
                root=found.root,
                value=known or _("the log has only {size} events").format(size=head.size),
            ),
            _("Keep the e-mail and this file as they are: one of them has been changed. Run `evidence verify`."),
        )
    row = {
        "kind": "witness", "root": found.root, "size": found.size,
        "at": utc_text(now if isinstance(now, datetime) else now()),
        "stated_at": utc_text(found.at) if found.at else None, "authority": found.sender, "test": False, "token": raw,
        "renew_by": None, "serial": "",
    }  # fmt: skip
    return _anchored(archive.anchored(row), row)


def _anchored(number: int, row: Mapping[str, Any]) -> Anchored:
    return Anchored(
        number, row["kind"], row["size"], row["root"], utc_time(row["stated_at"]), row["authority"], bool(row["test"]),
        utc_time(row["renew_by"]), row["serial"],
    )  # fmt: skip


def is_due(archive: Archive) -> bool:
    """Whether the log has grown since the last anchor by more than anchors themselves."""
    last = archive.connection.execute("SELECT coalesce(max(size), 0) FROM anchor WHERE kind = 'rfc3161'").fetchone()[0]
    row = archive.connection.execute(
        "SELECT 1 FROM event WHERE seq >= ? AND json_extract(body, '$.kind') NOT IN (?, ?) LIMIT 1", (last, *_OWN_KINDS)
    ).fetchone()
    return row is not None


def anchor_state(reader: ArchiveReader, now: datetime) -> AnchorState:
    """What ``status`` and every report say of anchors."""
    anchors = reader.anchors()
    last = anchors[-1] if anchors else None
    owed = None
    for _seq, body, _leaf in reader.events(last["event"] if last else 0):
        event = json.loads(body)
        if event["kind"] == "anchor-owed":
            owed = owed or event
    stamps = [a for a in anchors if a["kind"] == "rfc3161"]
    renew_by = utc_time(stamps[-1]["renew_by"]) if stamps else None
    return AnchorState(
        last_at=utc_time(last["stated_at"] or last["at"]) if last else None, last_size=last["size"] if last else 0,
        test_only=bool(anchors) and all(a["test"] for a in anchors), owed_since=utc_time(owed["at"]) if owed else None,
        owed_reason=owed["detail"]["reason"] if owed else "", renew_by=renew_by,
        renew_now=renew_by is not None and renew_by <= now,
    )  # fmt: skip


def trusted_roots(config: AnchorConfig | None, folder: Path = Path()) -> tuple[bytes, ...]:
    """The self-signed certificates (DER) to trust: those of ``ca_file``, or else those of this machine."""
    if config is None or not config.ca_file:
        return _roots_of_this_machine()
    path = folder / config.ca_file
    try:
        found = from_pem(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            _("[anchor] ca_file: {path} cannot be read.").format(path=path),
            str(error),
            _("Give a PEM file of certificates."),
        ) from None
    return tuple(der for der in found if load(der).subject == load(der).issuer) or found


@cache
def _roots_of_this_machine() -> tuple[bytes, ...]:
    """What the TLS of this machine trusts, without certificates too old-fashioned to read (serial numbers of zero)."""
    readable = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for der in ssl.create_default_context().get_ca_certs(binary_form=True):
            with suppress(ValueError, Warning):
                load(der)
                readable.append(der)
    return tuple(readable)


def fetch_over_http(url: str, body: bytes | None, content_type: str) -> bytes:
    """POST ``body``, or GET. Raises NetworkError; at most 4 MiB and 20 seconds between octets."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise NetworkError(_("{host}: only http and https are spoken here.").format(host=_host(url)))
    headers = {"User-Agent": "evidence", **({"Content-Type": content_type} if body is not None else {})}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the scheme was checked
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            octets: bytes = answer.read(MOST_OCTETS + 1)
    except (OSError, ValueError) as error:
        raise NetworkError(_("{host} could not be asked.").format(host=_host(url)), str(error)) from None
    if len(octets) > MOST_OCTETS:
        raise NetworkError(
            _("{host} answered with more than {MOST_OCTETS} octets.").format(host=_host(url), MOST_OCTETS=MOST_OCTETS)
        )
    return octets


# ---- checking again --------------------------------------------------------------------------


def check_anchor(row: Mapping[str, Any], uuid: str, roots: Sequence[bytes] | None = None) -> AnchorVerdict:
    """An anchor row checked offline. ``roots`` None: the certificates of this machine; a chain that ends in none of them

    is then said, and checked up to its own root. With ``roots`` given it is a problem.
    """
    made = {
        "kind": row["kind"], "size": row["size"], "root": row["root"], "at": row["stated_at"] or row["at"],
        "authority": row["authority"], "test": bool(row["test"]), "renew_by": row["renew_by"] or "",
    }  # fmt: skip
    try:
        if row["kind"] == "witness":
            return _check_witness(row, uuid, made)
        stated = statement(uuid, row["size"], row["root"])
        chain = from_pem(row["chain"])
        stamp, trusted = _check_token(row, stated, chain, roots)
        said = check_revocation(stamp.chain, revocation_of(row["revocation"]), stamp.at)
    except EvidenceError as error:
        return AnchorVerdict(**made, sound=False, trusted=False, problems=(" ".join((error.what, error.why)).strip(),))
    except (ValueError, TypeError) as error:
        return AnchorVerdict(
            **made, sound=False, trusted=False, problems=(_("It cannot be read: {error}").format(error=error),)
        )
    problems = (
        [] if utc_text(stamp.at) == row["stated_at"] else [_("The time recorded beside the token is not the token's.")]
    )
    if not trusted:
        said += (
            _("Its root certificate (SHA-256 {root_sha256}) is not among those this machine trusts.").format(
                root_sha256=stamp.root_sha256
            ),
        )
    return AnchorVerdict(
        **made, sound=trusted and not problems, trusted=trusted, root_sha256=stamp.root_sha256, said=said,
        problems=tuple(problems),
    )  # fmt: skip


def _check_token(
    row: Mapping[str, Any], stated: bytes, chain: tuple[bytes, ...], roots: Sequence[bytes] | None
) -> tuple[Stamp, bool]:
    known = trusted_roots(None) if roots is None else tuple(roots)
    try:
        return check_response(row["token"], stated, request=row["request"], roots=known, extra=chain), True
    except TokenRefused as error:
        if roots is not None or error.check != "foreign" or not chain:
            raise
    return check_response(row["token"], stated, request=row["request"], roots=chain[-1:], extra=chain), False


def _check_witness(row: Mapping[str, Any], uuid: str, made: Mapping[str, Any]) -> AnchorVerdict:
    found = read_witness(row["token"])
    if (found.uuid, found.size, found.root) != (uuid, row["size"], row["root"]):
        return AnchorVerdict(**made, sound=False, trusted=False, problems=(_("The e-mail states a different root."),))
    said = (_("Such an e-mail proves only as much as the recipient's mailbox does: compare it with the copy there."),)
    return AnchorVerdict(**made, sound=True, trusted=True, said=said)


def openssl_files(row: Mapping[str, Any], uuid: str) -> dict[str, bytes]:
    """Files with which ``openssl ts -verify -in token.tsr -data statement.json -CAfile chain.pem`` says «Verification: OK».

    Once the authority's certificate has run out, add ``-attime`` with the seconds of the token's time.
    """
    files = {
        "statement.json": statement(uuid, row["size"], row["root"]), "request.tsq": row["request"],
        "token.tsr": row["token"], "chain.pem": row["chain"],
    }  # fmt: skip
    revocation = revocation_of(row["revocation"])
    for kind, ending in (("crl", "crl"), ("ocsp", "ocsp")):
        for number, text in enumerate(revocation.get(kind, ()), 1):
            files[f"revocation-{number}.{ending}"] = base64.b64decode(text)
    return files


def export_tokens(reader: ArchiveReader, folder: Path) -> tuple[Path, ...]:
    """Write every anchor's files into ``folder/anchor-N/``; returns their paths. A witness's mail is written as it came."""
    written = []
    for row in reader.anchors():
        own = folder / f"anchor-{row['id']}"
        own.mkdir(parents=True, exist_ok=True)
        files = openssl_files(row, reader.uuid) if row["kind"] == "rfc3161" else {"witness.eml": row["token"]}
        for name, octets in files.items():
            (own / name).write_bytes(octets)
            written.append(own / name)
    return tuple(written)


def root_text(reader: ArchiveReader, *, title: str = "", language: str = "en") -> str:
    """The root as a short text to print or to mail: a sentence on what it is, then the lines ``take_witness`` looks for."""
    said = translation("archive", language).gettext(
        "This records the state of the e-mail archive on this day. Please keep this message: if the archive is changed later, comparing it with these numbers will show it."
    )
    return "\n".join(([title] if title else []) + [said, "", root_lines(reader.uuid, reader.head())])


# ---- the log ---------------------------------------------------------------------------------


def _head(archive: Archive) -> LogHead:
    size = archive.connection.execute("SELECT coalesce(max(seq), -1) + 1 FROM event").fetchone()[0]
    return LogHead(size, _root_at(archive, size))


def _root_at(archive: Archive, size: int) -> str:
    rows = archive.connection.execute("SELECT leaf FROM event WHERE seq < ? ORDER BY seq", (size,))
    return root_of(bytes(leaf) for (leaf,) in rows).hex()


def _host(url: str) -> str:
    """The host alone: a user name or key in the address is not for the log."""
    return urlsplit(url).hostname or "the authority"
