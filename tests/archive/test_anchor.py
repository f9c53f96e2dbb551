"""Time stamps from a local OpenSSL authority over loopback HTTP; witnesses' mails; every refusal by its name."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import rfc3161_client
from cryptography.hazmat.primitives.serialization import Encoding

from evidence.archive import anchor, timestamp
from evidence.archive.anchor import anchor_state, check_anchor, export_tokens, is_due, obtain, root_text, take_witness
from evidence.archive.der import _wrap, sorted_certificates
from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.archive.timestamp import TokenRefused, build_request, check_response, from_pem, statement
from evidence.archive.verify import verify_archive
from evidence.config import Anchor as AnchorConfig
from evidence.errors import IntegrityFailure, NetworkError, UsageError
from tests.archive.authority import DAY, TODAY, Authority
from tests.archive.cases import ticking
from tests.archive.test_tamper import rewrite, truncate

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with Authority(tmp_path / "tsa") as running:
        yield running


@pytest.fixture
def matter(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive.create(tmp_path / "matter" / "archive.db", now=ticking(), tool="evidence test")
    archive.hours("Anna", "2026-03-02", 45, "answering", actor="Anna")
    yield archive
    with suppress(sqlite3.ProgrammingError):  # a test may have closed it
        archive.close()


def config(authority: Authority, **other: object) -> AnchorConfig:
    return AnchorConfig(tsa_url=authority.url, ca_file=str(authority.ca_file), **other)


def roots(authority: Authority) -> tuple[bytes, ...]:
    return (authority.root.public_bytes(Encoding.DER),)


def test_token_is_kept_with_request_chain_and_revocation_and_checks_again_offline(
    matter: Archive, authority: Authority
) -> None:
    got = obtain(matter, config(authority), NOW)
    assert (got.kind, got.authority, got.test) == ("rfc3161", "Test time stamps", True)  # loopback: TEST
    assert got.stated_at is not None and abs(got.stated_at - datetime.now(UTC)) < timedelta(minutes=2)
    assert got.renew_by == authority.valid_to - timedelta(days=60)
    authority.server.shutdown()
    row = ArchiveReader(matter.connection).anchors()[0]
    assert [c.subject.rfc4514_string() for c in map(timestamp.load, from_pem(row["chain"]))] == [
        "CN=Test time stamps", "CN=Test time stamps root",
    ]  # fmt: skip
    kept = json.loads(row["revocation"])
    assert (len(kept["crl"]), len(kept["ocsp"]), kept["missing"]) == (1, 1, [])
    verdict = check_anchor(row, matter.uuid, roots(authority))
    assert (verdict.sound, verdict.trusted, verdict.problems) == (True, True, ())
    assert [text.split(":")[1][:12] for text in verdict.said] == [" not revoked", " not revoked"]
    matter.commit()
    report = verify_archive(matter.path, roots=roots(authority))
    assert report.sound and report.anchors[0]["sound"] and report.anchors[0]["test"]
    assert any("TEST" in text for text in report.unknowable)


def test_two_independent_verifiers_accept_the_token(matter: Archive, authority: Authority, tmp_path: Path) -> None:
    obtain(matter, config(authority), NOW)
    reader = ArchiveReader(matter.connection)
    paths = export_tokens(reader, tmp_path / "out")
    assert {p.name for p in paths} >= {"statement.json", "token.tsr", "request.tsq", "chain.pem", "revocation-1.crl"}
    folder = paths[0].parent
    command = ["openssl", "ts", "-verify", "-in", "token.tsr", "-data", "statement.json", "-CAfile", "chain.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr
    done = subprocess.run(
        [*command[:5], "-queryfile", "request.tsq", *command[7:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in done.stdout + done.stderr
    (folder / "statement.json").write_bytes((folder / "statement.json").read_bytes() + b" ")
    assert "imprint mismatch" in subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stderr
    response = rfc3161_client.decode_timestamp_response(sorted_certificates((folder / "token.tsr").read_bytes()))
    stated = statement(matter.uuid, reader.anchors()[0]["size"], reader.anchors()[0]["root"])
    builder = rfc3161_client.VerifierBuilder().add_root_certificate(authority.root)
    assert builder.build().verify_message(response, stated)


def test_unsorted_certificates_of_a_chained_answer_are_taken(matter: Archive, tmp_path: Path) -> None:
    with Authority(tmp_path / "chained", intermediate=True, arguments=("-chain", "chain.pem")) as authority:
        answers = []
        plain = authority.reply
        authority.answer = lambda query: answers.append(plain(query)) or answers[-1]  # type: ignore[method-assign]
        for _ in range(6):
            got = obtain(matter, config(authority), NOW)
            row = ArchiveReader(matter.connection).anchors()[-1]
            assert row["token"] == answers[-1]  # kept as it came
            assert len(from_pem(row["chain"])) == 3
            assert check_anchor(row, matter.uuid, roots(authority)).sound
        assert got.id == 6
    # whether DER wants another order is chance of the octets; both orders are taken
    certificates = [b"0\x03\x02\x01\x02", b"0\x03\x02\x01\x01"]

    def made(order: list[bytes]) -> bytes:
        signed = _wrap(0x30, b"\x02\x01\x03" + _wrap(0xA0, b"".join(order)) + _wrap(0x31, b""))
        return _wrap(0x30, b"0\x03\x02\x01\x00" + _wrap(0x30, b"\x06\x01\x2a" + _wrap(0xA0, signed)))

    assert sorted_certificates(made(certificates)) == made(sorted(certificates))
    for cut in range(len(made(certificates))):
        with pytest.raises(ValueError, match="DER"):
            sorted_certificates(made(certificates)[:cut])


def refused(archive: Archive, setting: AnchorConfig) -> TokenRefused:
    """The refusal, after asserting that it is owed in the log and that no anchor was kept."""
    size = ArchiveReader(archive.connection).head().size
    with pytest.raises(TokenRefused) as caught:
        obtain(archive, setting, NOW)
    reader = ArchiveReader(archive.connection)
    event = json.loads(next(iter(reader.events(size)))[1])
    assert (event["kind"], event["detail"]["check"]) == ("anchor-owed", caught.value.check)
    assert reader.anchors() == ()
    assert is_due(archive)
    return caught.value


def test_wrong_nonce_is_refused(matter: Archive, authority: Authority) -> None:
    head = ArchiveReader(matter.connection).head()
    digest = timestamp.sha256_hex(statement(matter.uuid, head.size, head.root))
    authority.answer = lambda _query: authority.reply(authority.query(digest))  # type: ignore[method-assign]
    assert refused(matter, config(authority)).check == "nonce"


def test_altered_root_is_refused(matter: Archive, authority: Authority) -> None:
    def other(query: bytes) -> bytes:
        head = ArchiveReader(matter.connection).head()
        digest = bytes.fromhex(timestamp.sha256_hex(statement(matter.uuid, head.size, head.root)))
        assert digest in query
        return authority.reply(query.replace(digest, bytes(32)))

    authority.answer = other  # type: ignore[method-assign]
    assert refused(matter, config(authority)).check == "imprint"


def test_expired_certificate_is_refused(matter: Archive, tmp_path: Path) -> None:
    with Authority(tmp_path / "old", valid_from=TODAY - 400 * DAY, valid_to=TODAY - 5 * DAY) as authority:
        assert refused(matter, config(authority)).check == "expired"


def test_foreign_certificate_is_refused(matter: Archive, authority: Authority, tmp_path: Path) -> None:
    with Authority(tmp_path / "other", name="Somebody else") as other:
        error = refused(matter, AnchorConfig(tsa_url=other.url, ca_file=str(authority.ca_file)))
        assert error.check == "foreign"
        assert "Somebody else" in error.what


def test_authority_of_the_same_name_with_another_key_is_refused(
    matter: Archive, authority: Authority, tmp_path: Path
) -> None:
    with Authority(tmp_path / "twin") as twin:
        assert refused(matter, AnchorConfig(tsa_url=twin.url, ca_file=str(authority.ca_file))).check == "foreign"


def test_certificate_for_another_use_is_refused(matter: Archive, authority: Authority) -> None:
    """OpenSSL will not sign with such a certificate, so a sound token's certificate is read as one."""
    stated = statement("u", 1, "00")
    request = build_request(stated)
    response = authority.reply(request)
    oid = bytes.fromhex("06082b06010505070308")  # id-kp-timeStamping
    swapped = response.replace(oid, bytes.fromhex("06082b06010505070304"))
    assert swapped != response
    with pytest.raises(TokenRefused) as caught:
        check_response(swapped, stated, request=request, roots=roots(authority))
    assert caught.value.check == "key-usage"


def test_flipped_signature_is_refused(authority: Authority) -> None:
    stated = statement("u", 1, "00")
    request = build_request(stated)
    response = bytearray(authority.reply(request))
    assert (
        check_response(bytes(response), stated, request=request, roots=roots(authority)).authority == "Test time stamps"
    )
    response[-1] ^= 1
    with pytest.raises(TokenRefused) as caught:
        check_response(bytes(response), stated, request=request, roots=roots(authority))
    assert caught.value.check == "signature"


def test_revoked_certificate_is_refused(matter: Archive, authority: Authority) -> None:
    authority.revoked = TODAY - 2 * DAY
    assert refused(matter, config(authority)).check == "revoked"


@pytest.mark.parametrize("rsa", [True, False])
def test_certificate_revoked_by_ocsp_alone_is_refused(matter: Archive, tmp_path: Path, rsa: bool) -> None:
    with Authority(tmp_path / "tsa", rsa=rsa) as authority:
        authority.crl = lambda: b"no list"  # type: ignore[method-assign]
        authority.revoked = TODAY - 2 * DAY
        assert refused(matter, config(authority)).check == "revoked"


def test_certificate_revoked_after_the_token_is_not_refused(matter: Archive, authority: Authority) -> None:
    authority.revoked = TODAY + DAY
    assert obtain(matter, config(authority), NOW).id == 1


def test_revocation_data_that_cannot_be_had_is_said_and_does_not_hinder(matter: Archive, authority: Authority) -> None:
    authority.crl = lambda: b"-----BEGIN X509 CRL-----\n"  # type: ignore[method-assign]
    authority.ocsp = lambda _query: b"\x30\x03\x0a\x01\x06"  # type: ignore[method-assign]  # unauthorized (RFC 6960)
    obtain(matter, config(authority), NOW)
    kept = json.loads(ArchiveReader(matter.connection).anchors()[0]["revocation"])
    assert (len(kept["crl"]), len(kept["ocsp"]), len(kept["missing"])) == (0, 1, 1)


def test_answer_that_is_no_token_is_refused(matter: Archive, authority: Authority) -> None:
    authority.answer = lambda _query: b"<html>busy</html>"  # type: ignore[method-assign]
    assert refused(matter, config(authority)).check == "undecodable"


def test_rejection_is_refused_with_the_authoritys_words(matter: Archive, authority: Authority) -> None:
    authority.answer = lambda _query: authority.reply(b"no query")  # type: ignore[method-assign]
    assert refused(matter, config(authority)).check == "status"


def test_authority_out_of_reach_is_owed_and_had_later(matter: Archive, authority: Authority) -> None:
    gone = AnchorConfig(tsa_url="http://127.0.0.1:1/user:secret", ca_file=str(authority.ca_file))
    with pytest.raises(NetworkError):
        obtain(matter, gone, NOW)
    reader = ArchiveReader(matter.connection)
    state = anchor_state(reader, NOW)
    assert state.owed_since is not None and "127.0.0.1" in state.owed_reason and state.last_at is None
    obtain(matter, config(authority), NOW)
    state = anchor_state(reader, NOW)
    assert (state.owed_since, state.test_only, state.renew_now) == (None, True, False)
    assert not is_due(matter)
    assert anchor_state(reader, authority.valid_to - timedelta(days=59)).renew_now
    matter.hours("Anna", "2026-03-03", 5, "more", actor="Anna")
    assert is_due(matter)


def test_no_authority_is_a_usage_error_and_every_report_says_what_is_missing(matter: Archive) -> None:
    with pytest.raises(UsageError):
        obtain(matter, AnchorConfig(), NOW)
    matter.commit()
    assert any("Nothing outside this machine vouches" in text for text in verify_archive(matter.path).unknowable)


def test_relative_ca_file_lies_beside_the_archive(matter: Archive, authority: Authority) -> None:
    (matter.path.parent / "ca.pem").write_bytes(authority.ca_file.read_bytes())
    assert obtain(matter, AnchorConfig(tsa_url=authority.url, ca_file="ca.pem"), NOW).id == 1
    with pytest.raises(UsageError, match="ca_file"):
        obtain(matter, AnchorConfig(tsa_url=authority.url, ca_file="none.pem"), NOW)


def test_address_that_is_not_http_is_refused(matter: Archive, authority: Authority) -> None:
    with pytest.raises(NetworkError, match="only http"):
        obtain(matter, AnchorConfig(tsa_url="file:///etc/passwd", ca_file=str(authority.ca_file)), NOW)


def test_answer_without_end_is_cut_off(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchor, "MOST_OCTETS", 100)
    authority.answer = lambda _query: bytes(101)  # type: ignore[method-assign]
    with pytest.raises(NetworkError, match="more than 100"):
        anchor.fetch_over_http(authority.url, b"q", "application/timestamp-query")


def test_root_not_trusted_here_is_said_and_with_named_roots_a_problem(
    matter: Archive, authority: Authority, tmp_path: Path
) -> None:
    obtain(matter, config(authority), NOW)
    row = ArchiveReader(matter.connection).anchors()[0]
    verdict = check_anchor(row, matter.uuid)
    assert (verdict.sound, verdict.trusted, verdict.problems) == (False, False, ())
    assert timestamp.sha256_hex(roots(authority)[0]) in " ".join(verdict.said)
    with Authority(tmp_path / "other") as other:
        verdict = check_anchor(row, matter.uuid, roots(other))
        assert not verdict.sound and "not trusted" in verdict.problems[0]


@pytest.mark.parametrize("column", ["token", "chain", "revocation", "stated_at", "root", "size"])
def test_altered_anchor_does_not_check(matter: Archive, authority: Authority, column: str) -> None:
    obtain(matter, config(authority), NOW)
    row = dict(ArchiveReader(matter.connection).anchors()[0])
    row[column] = {
        "token": row["token"][:-9] + b"123456789", "chain": b"no certificate", "revocation": b"{", "root": "0" * 64,
        "stated_at": "2020-01-01T00:00:00Z", "size": row["size"] - 1,
    }[column]  # fmt: skip
    assert not check_anchor(row, matter.uuid, roots(authority)).sound


def test_chain_rewritten_whole_is_found_by_the_anchor_and_by_nothing_else(
    matter: Archive, authority: Authority
) -> None:
    obtain(matter, config(authority), NOW)
    matter.close()
    path = matter.path
    assert verify_archive(path, roots=roots(authority)).sound
    rewrite(path, "hours-logged", {"minutes": 450})
    state = next(iter((path.parent.parent / "state").iterdir()))
    state.unlink()
    report = verify_archive(path, roots=roots(authority))
    assert [p.code for p in report.problems] == ["anchor-root"]
    truncate(path, report.size - 1)  # the attacker takes the anchor away as well: now nothing in the file can tell
    alone = verify_archive(path, roots=roots(authority))
    assert alone.sound and any("Nothing outside" in text for text in alone.unknowable)


# ---- witnesses -------------------------------------------------------------------------------


def mailed(text: str, *, html: bool = False, encoding: str = "base64") -> bytes:
    message = EmailMessage()
    message["From"] = "Lawyer <lawyer@lawfirm.example>"
    message["Date"] = "Mon, 02 Mar 2026 12:30:00 +0300"
    message["Received"] = "from a.example by b.example; Mon, 02 Mar 2026 12:31:00 +0300"
    if html:
        message.set_content("<p>" + text.replace("\n", "<br>\n") + "</p>", subtype="html", cte=encoding)
    else:
        message.set_content(text, cte=encoding)
    return message.as_bytes()


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@pytest.mark.parametrize("shape", ["plain", "quoted", "html"])
def test_printed_root_comes_back_as_an_anchor(matter: Archive, shape: str, encoding: str) -> None:
    reader = ArchiveReader(matter.connection)
    text = root_text(reader, title="Спор о полке", language="ru")
    assert text.startswith("Спор о полке\n") and reader.head().root in text
    matter.hours("Anna", "2026-03-03", 5, "more", actor="Anna")  # the log may have grown since
    if shape == "quoted":
        text = "Получил.\n\n" + "\n".join("> " + line for line in text.split("\n"))
    got = take_witness(matter, mailed(text, html=shape == "html", encoding=encoding), NOW)
    assert (got.authority, got.stated_at) == ("lawyer@lawfirm.example", datetime(2026, 3, 2, 9, 31, tzinfo=UTC))
    matter.commit()
    report = verify_archive(matter.path)
    assert report.sound and report.anchors[0]["sound"] and report.anchors[0]["kind"] == "witness"
    assert not any("Nothing outside" in text for text in report.unknowable)


def test_witness_of_another_root_archive_or_size_is_refused(matter: Archive) -> None:
    reader = ArchiveReader(matter.connection)
    head, text = reader.head(), root_text(reader)
    with pytest.raises(IntegrityFailure, match="not the root"):
        take_witness(matter, mailed(text.replace(head.root, "0" * 64)), NOW)
    with pytest.raises(IntegrityFailure, match="only 3 events"):
        take_witness(matter, mailed(text.replace(f"size    {head.size}", "size    99")), NOW)
    other = matter.uuid[:-1] + ("1" if matter.uuid[-1] == "0" else "0")
    with pytest.raises(UsageError, match="another archive"):
        take_witness(matter, mailed(text.replace(matter.uuid, other)), NOW)
    with pytest.raises(UsageError, match="does not contain"):
        take_witness(matter, mailed("Спасибо, получил."), NOW)


def test_witness_without_a_date_is_kept_without_one(matter: Archive) -> None:
    raw = ("From: lawyer@lawfirm.example\n\n" + root_text(ArchiveReader(matter.connection))).encode()
    assert take_witness(matter, raw, ticking()).stated_at is None


def test_witness_row_that_names_another_root_than_its_mail_is_a_problem(matter: Archive, tmp_path: Path) -> None:
    take_witness(matter, mailed(root_text(ArchiveReader(matter.connection))), NOW)
    reader = ArchiveReader(matter.connection)
    row = dict(reader.anchors()[0]) | {"root": "0" * 64}
    assert check_anchor(row, matter.uuid).problems == ("The e-mail states a different root.",)
    assert [p.name for p in export_tokens(reader, tmp_path / "out")] == ["witness.eml"]
