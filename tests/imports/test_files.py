"""Maildir, folders of .eml, archives of them, Outlook's formats, and bad input: nothing is lost, all is named."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evidence.archive.verify import verify_archive
from evidence.errors import UsageError
from evidence.mailbox import imports_files, imports_outlook, imports_run, imports_sources
from tests.imports.conftest import Matter, letter
from tests.imports.test_mbox import SEPARATOR


def put(path: Path, octets: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    return path


def sha(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


HARD = {
    "nul.eml": letter(1) + b"\0\0 after",
    "bare-lf.eml": letter(2, ends="\n"),
    "eight-bit.eml": b"Subject: \xd1\xef\xee\xf0\r\nFrom: a@romashka.example\r\n\r\n\xff\xfe\r",
    "no-final-line-end.eml": letter(3) + b"end",
    "bom.eml": b"\xef\xbb\xbf" + letter(4),
    "garbage.eml": bytes(range(256)),
    "Вложение № 5.eml": letter(5),
}


def test_a_folder_of_eml_is_kept_byte_for_byte_with_its_names_and_one_hash(matter: Matter, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    for name, octets in HARD.items():
        put(folder / "2025" / name, octets)
    put(folder / "readme.txt", b"not mail")
    result = matter.take(folder)
    assert (result.outcome, result.sightings, result.owed) == ("complete", len(HARD), ())
    assert {sha(raw) for raw in matter.raws()} == {sha(octets) for octets in HARD.values()}
    names = sorted((f"2025/{name}" for name in HARD), key=str.encode)
    assert matter.positions() == names
    listing = "".join(f"{sha(HARD[n.removeprefix('2025/')])}  {n}\n" for n in names)
    assert matter.rows("SELECT kind, sha256, size FROM source") == [
        ("folder", sha(listing.encode()), sum(map(len, HARD.values())))
    ]
    assert result.passed_over == (f"{folder}/readme.txt",)
    assert matter.rows("SELECT note FROM sighting WHERE position = '2025/garbage.eml'") == [
        (imports_sources.NOT_LIKE_MAIL,)
    ]


def test_the_source_hash_is_an_event_and_the_archive_verifies(matter: Matter, tmp_path: Path) -> None:
    path = put(tmp_path / "one.eml", letter(1))
    matter.take(path)
    ((event, sha256),) = matter.rows("SELECT event, sha256 FROM source")
    ((body,),) = matter.rows("SELECT body FROM event WHERE seq = ?", event)
    assert sha256 == sha(letter(1))
    assert '"kind":"source-opened"' in body.replace(" ", "")
    matter.archive.commit()
    assert verify_archive(matter.archive.path).sound


def test_importing_twice_stores_once_and_sights_twice(matter: Matter, tmp_path: Path) -> None:
    path = put(tmp_path / "one.eml", letter(1))
    assert matter.take(path).new == 1
    again = matter.take(path)
    assert (again.new, again.sightings) == (0, 1)
    assert matter.rows("SELECT count(*) FROM message") == [(1,)]
    assert matter.rows("SELECT kind, outcome FROM acquisitions") == [("import", "complete")] * 2


def test_a_maildir_gives_flags_and_folders(matter: Matter, tmp_path: Path) -> None:
    root = tmp_path / "Maildir"
    put(root / "cur" / "1.host:2,RS", letter(1))
    put(root / "cur" / "2.host!2,FPT", letter(2))
    put(root / "new" / "3.host", letter(3))
    put(root / ".&BBoEOwQ4BDUEPQRCBEs-.2025" / "cur" / "4.host:2,S", letter(4))
    (root / ".&BBoEOwQ4BDUEPQRCBEs-.2025" / "new").mkdir()
    put(root / "tmp" / "5.host", b"half a mess")
    put(root / "dovecot.index", b"\1\2\3")
    result = matter.take(root)
    found = matter.rows("SELECT position, flags, labels FROM sighting ORDER BY id")
    assert found == [
        ("cur/1.host:2,RS", '["\\\\Answered","\\\\Seen"]', '["INBOX"]'),
        ("cur/2.host!2,FPT", '["\\\\Flagged","$Forwarded","\\\\Deleted"]', '["INBOX"]'),
        ("new/3.host", "[]", '["INBOX"]'),
        (".&BBoEOwQ4BDUEPQRCBEs-.2025/cur/4.host:2,S", '["\\\\Seen"]', '["Клиенты/2025"]'),
    ]
    assert result.owed == (f"{root}#tmp/5.host: {imports_files.NOT_FINISHED}",)
    assert result.outcome == "incomplete"
    assert result.passed_over == (f"{root}/dovecot.index",)


def test_a_folder_may_hold_every_kind_at_once(matter: Matter, tmp_path: Path) -> None:
    root = tmp_path / "all"
    put(root / "a.eml", letter(1))
    put(root / "boxes" / "b.mbox", SEPARATOR + b"\n" + letter(2, ends="\n") + b"\n")
    put(root / "dir" / "cur" / "3.host:2,", letter(3))
    (root / "dir" / "new").mkdir()
    put(root / "boxes" / "no-ending", letter(4))
    put(root / "5.emlx", b"%d      \n" % len(letter(5)) + letter(5) + b"<?xml version='1.0'?><plist/>")
    result = matter.take(root)
    assert (result.outcome, result.owed) == ("complete", ())
    assert set(matter.raws()) == {letter(1), letter(2, ends="\n"), letter(3), letter(4), letter(5)}
    assert sorted(s.kind for s in result.sources) == ["folder", "maildir", "mbox"]


def make_zip(members: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return out.getvalue()


def test_a_zip_of_everything_is_read_without_unpacking_under_its_names(matter: Matter, tmp_path: Path) -> None:
    box = SEPARATOR + b"\n" + letter(3, ends="\n") + b"\n"
    octets = make_zip(
        {
            "../../escape.eml": letter(1),
            "/etc/absolute.eml": letter(2),
            "Takeout/Почта/All.mbox": box,
            "inner.zip": make_zip({"deep.eml": letter(4)}),
            "notes.txt": b"x",
        }
    )
    path = put(tmp_path / "in" / "mail.zip", octets)
    before = sorted(p for p in tmp_path.rglob("*") if "matter" not in p.parts)
    result = matter.take(path)
    assert result.owed == ()
    assert set(matter.raws()) == {letter(1), letter(2), letter(3, ends="\n"), letter(4)}
    assert matter.positions()[:2] == ["../../escape.eml", "/etc/absolute.eml"]
    shown = [(s.path.removeprefix(str(path)), s.kind, s.sha256) for s in result.sources]
    assert shown[:2] == [("", "zip", sha(octets)), ("!Takeout/Почта/All.mbox", "mbox", sha(box))]
    assert shown[2][0] == "!inner.zip"
    assert sorted(p for p in tmp_path.rglob("*") if "matter" not in p.parts) == before
    assert result.passed_over == (f"{path}!notes.txt",)


def test_a_tgz_as_takeout_gives_it(matter: Matter, tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, octets in {"Takeout/Mail/A.mbox": SEPARATOR + b"\n" + letter(1) + b"\n", "b.eml": letter(2)}.items():
            member = tarfile.TarInfo(name)
            member.size = len(octets)
            archive.addfile(member, io.BytesIO(octets))
        link = tarfile.TarInfo("link.eml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    path = put(tmp_path / "takeout.tgz", out.getvalue())
    result = matter.take(path)
    assert set(matter.raws()) == {letter(1), letter(2)}
    assert result.owed == (f"{path}#link.eml: {imports_files.LINK}",)


def test_a_zip_bomb_is_not_unpacked_and_its_neighbours_are_read(matter: Matter, tmp_path: Path) -> None:
    bomb = make_zip({"bomb.eml": b"\0" * (64 << 20), "good.eml": letter(1)})
    path = put(tmp_path / "bomb.zip", bomb)
    result = matter.take(path)
    assert result.owed == (f"{path}#bomb.eml: {imports_files.BOMB}",)
    assert matter.raws() == [letter(1)]


def test_a_member_that_lies_about_its_size_is_owed(matter: Matter, tmp_path: Path) -> None:
    octets = bytearray(make_zip({"liar.eml": letter(1) * 2_000, "good.eml": letter(2)}))
    at = octets.index(b"PK\x01\x02")
    octets[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path = put(tmp_path / "liar.zip", bytes(octets))
    result = matter.take(path)
    assert len(result.owed) == 1
    assert "liar.eml" in result.owed[0]
    assert matter.raws() == [letter(2)]


def test_a_bomb_of_archives_within_archives_stops(matter: Matter, tmp_path: Path) -> None:
    octets = make_zip({"x.eml": letter(1)})
    for _ in range(6):
        octets = make_zip({"inner.zip": octets})
    result = matter.take(put(tmp_path / "deep.zip", octets))
    assert result.outcome == "incomplete"
    assert result.owed[0].endswith(imports_files.TOO_DEEP)


def test_an_encrypted_member_is_owed(matter: Matter, tmp_path: Path) -> None:
    octets = bytearray(make_zip({"secret.eml": letter(1)}))
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        octets[octets.index(signature) + offset] |= 1
    path = put(tmp_path / "locked.zip", bytes(octets))
    assert matter.take(path).owed == (f"{path}#secret.eml: {imports_files.ENCRYPTED}",)


def test_russian_names_of_windows_archives_are_read() -> None:
    member = zipfile.ZipInfo("x")
    member.orig_filename = "Письмо.eml".encode("cp866").decode("cp437")
    assert imports_files.zip_name(member) == "Письмо.eml"


@pytest.mark.parametrize(
    ("name", "octets", "reason"),
    [
        ("cut.zip", make_zip({"a.eml": letter(1)})[:-30], imports_files.DAMAGED),
        ("picture.eml.jpg", b"\xff\xd8\xff\xe0 JFIF", imports_files.NOT_MAIL),
        ("empty.eml", b"", imports_files.EMPTY),
        ("bad.emlx", b"999999\nFrom: a@romashka.example\n\n", imports_files.DAMAGED),
        ("bad.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, imports_outlook.NOT_CONVERTED),
    ],
)
def test_bad_input_is_owed_and_its_neighbours_are_read(
    matter: Matter, tmp_path: Path, name: str, octets: bytes, reason: str
) -> None:
    bad, good = put(tmp_path / name, octets), put(tmp_path / "good.eml", letter(9))
    result = matter.take(bad, good)
    assert (result.outcome, len(result.owed)) == ("incomplete", 1)
    assert result.owed[0].startswith(f"{bad}: {reason}") or result.owed[0].startswith(f"{bad}#: {reason}")
    assert matter.raws() == [letter(9)]
    ((what, why),) = matter.rows("SELECT what, reason FROM owed")
    assert what.startswith(f"import:{bad}")
    assert why.startswith(reason)


def test_what_is_owed_is_listed_until_it_has_been_read(matter: Matter, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    put(folder / "a.eml", letter(1))
    put(folder / "b.eml", b"")
    put(folder / "c.eml", b"")
    matter.take(folder)
    matter.archive.commit()
    listed = "SELECT what FROM owed_now WHERE what LIKE 'import:%' ORDER BY what"
    assert matter.rows(listed) == [(f"import:{folder}#b.eml",), (f"import:{folder}#c.eml",)]
    put(folder / "b.eml", letter(2))
    matter.take(folder)
    assert matter.rows(listed) == [(f"import:{folder}#c.eml",)]


def test_a_path_that_is_not_there_begins_nothing(matter: Matter, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.mbox"):
        matter.take(put(tmp_path / "a.eml", letter(1)), tmp_path / "nowhere.mbox")
    assert matter.rows("SELECT count(*) FROM acquisition") == [(0,)]


def test_links_are_not_followed(matter: Matter, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.eml", letter(1))
    folder = tmp_path / "saved"
    put(folder / "a.eml", letter(2))
    (folder / "loop").symlink_to(folder)
    (folder / "b.eml").symlink_to(outside)
    result = matter.take(folder)
    assert matter.raws() == [letter(2)]
    assert len(result.owed) == 2


def test_a_file_that_changes_under_the_reader_is_an_alarm(
    matter: Matter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "live.mbox", SEPARATOR + b"\n" + letter(1, ends="\n") + b"\n")
    stored = matter.archive.store

    def store_and_deliver(acquisition: int, raw: bytes) -> Any:
        with path.open("ab") as file:
            file.write(SEPARATOR + b"\n" + letter(2, ends="\n") + b"\n")
        return stored(acquisition, raw)

    monkeypatch.setattr(matter.archive, "store", store_and_deliver)
    result = matter.take(path)
    assert result.owed == (f"{path}: {imports_run.CHANGED}",)
    assert matter.rows("SELECT kind, severity FROM observation") == [("source-changed", "alarm")]


def test_an_import_that_breaks_off_is_recorded_and_keeps_what_it_had(
    matter: Matter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, calls = matter.archive.store, []

    def fails_at_third(acquisition: int, raw: bytes) -> Any:
        calls.append(raw)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return stored(acquisition, raw)

    monkeypatch.setattr(matter.archive, "store", fails_at_third)
    folder = tmp_path / "saved"
    for n in range(5):
        put(folder / f"{n}.eml", letter(n))
    with pytest.raises(KeyboardInterrupt):
        matter.take(folder)
    assert matter.raws() == [letter(0), letter(1)]
    assert matter.rows("SELECT outcome FROM acquisition_end") == [("interrupted",)]


def outlook_message() -> bytes:
    """A small .msg as Outlook lays it out ([MS-OXMSG]), written by extract-msg's own OLE writer."""
    from extract_msg import OleWriter

    writer = OleWriter()
    properties = bytearray(32)

    def add(tag: int, kind: int, value: bytes) -> None:
        writer.addEntry(f"__substg1.0_{tag:04X}{kind:04X}", value)
        extra = len(value) + (2 if kind == 0x1F else 0)
        properties.extend(
            (tag << 16 | kind).to_bytes(4, "little") + b"\6\0\0\0" + extra.to_bytes(4, "little") + b"\0" * 4
        )

    for tag, text in {
        0x001A: "IPM.Note",
        0x0037: "Претензия по полке",
        0x0C1A: "Директор",
        0x0C1F: "director@romashka.example",
        0x5D01: "director@romashka.example",
        0x1000: "Верните деньги до пятницы.\r\n",
        0x1035: "<77@romashka.example>",
    }.items():
        add(tag, 0x1F, text.encode("utf-16-le"))
    submitted = int((datetime(2025, 3, 3, 8, 12, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds())
    properties.extend((0x0039 << 16 | 0x40).to_bytes(4, "little") + b"\6\0\0\0")
    properties.extend((submitted * 10_000_000).to_bytes(8, "little"))
    recipient, fields = "__recip_version1.0_#00000000", bytearray(8)
    writer.addEntry(recipient, storage=True)
    for tag, text in {0x3001: "Офис", 0x3003: "office@north.example", 0x39FE: "office@north.example"}.items():
        value = text.encode("utf-16-le")
        writer.addEntry(f"{recipient}/__substg1.0_{tag:04X}001F", value)
        fields.extend((tag << 16 | 0x1F).to_bytes(4, "little") + b"\6\0\0\0")
        fields.extend((len(value) + 2).to_bytes(4, "little") + b"\0" * 4)
    fields.extend((0x0C15 << 16 | 0x03).to_bytes(4, "little") + b"\6\0\0\0" + b"\1" + b"\0" * 7)
    writer.addEntry(f"{recipient}/__properties_version1.0", bytes(fields))
    properties[8:12] = properties[16:20] = (1).to_bytes(4, "little")
    writer.addEntry("__nameid_version1.0", storage=True)
    for stream in ("00020102", "00030102", "00040102"):
        writer.addEntry(f"__nameid_version1.0/__substg1.0_{stream}", b"")
    writer.addEntry("__properties_version1.0", bytes(properties))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_an_outlook_msg_is_converted_the_same_each_time_and_says_so(matter: Matter, tmp_path: Path) -> None:
    pytest.importorskip("extract_msg")
    octets = outlook_message()
    path = put(tmp_path / "claim.msg", octets)
    result = matter.take(path)
    assert result.owed == ()
    ((sha256, caveat),) = matter.rows("SELECT sha256, caveat FROM source")
    assert (sha256, caveat) == (sha(octets), imports_outlook.MSG_CAVEAT)
    assert matter.take(path).new == 0
    from evidence.message.parse import parse_message

    (raw,) = matter.raws()
    parsed = parse_message(raw)
    assert parsed.subject == "Претензия по полке"
    assert "Верните деньги до пятницы." in parsed.texts["body"]
    assert [a.address for a in parsed.of("from")] == ["director@romashka.example"]
    assert [a.address for a in parsed.of("to")] == ["office@north.example"]
    assert parsed.date == datetime(2025, 3, 3, 8, 12, tzinfo=UTC)
    assert parsed.message_id == "77@romashka.example"


def fake_readpst(folder: Path, script: str) -> None:
    program = put(folder / "readpst", b"#!/bin/sh\n" + script.encode())
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_pst_goes_through_readpst_and_random_boundaries_become_steady(
    matter: Matter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'if [ "$1" = -V ]; then echo "ReadPST / LibPST v0.6.76"; exit; fi\n'
        'while [ "$1" != -o ]; do shift; done\nmkdir -p "$2/Входящие"\n'
        'printf "From: a@romashka.example\\nSubject: x\\nContent-Type: multipart/mixed; '
        'boundary=\\"--boundary-LibPST-iamunique-$$_-_-\\"\\n\\n----boundary-LibPST-iamunique-$$_-_-\\n" '
        '> "$2/Входящие/1.eml"\n'
    )
    fake_readpst(tmp_path / "bin", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    path = put(tmp_path / "mail.pst", b"!BDN" + b"\0" * 600)
    first = matter.take(path)
    assert (first.owed, first.new) == ((), 1)
    assert matter.take(path).new == 0
    assert matter.positions()[0] == "Входящие/1.eml"
    assert matter.rows("SELECT DISTINCT caveat, kind FROM source") == [(imports_outlook.PST_CAVEAT, "pst")]
    assert "LibPST v0.6.76" in matter.rows("SELECT record FROM acquisition")[0][0]


def test_a_pst_without_readpst_names_the_package(
    matter: Matter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = put(tmp_path / "mail.pst", b"!BDN" + b"\0" * 600)
    assert matter.take(path).owed == (f"{path}: {imports_outlook.NEEDS_READPST}",)


def test_a_readpst_that_fails_is_owed_with_its_last_line(
    matter: Matter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_readpst(tmp_path / "bin", 'echo "Opening PST file"; echo "Error opening File" >&2; exit 1\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    path = put(tmp_path / "mail.pst", b"!BDN" + b"\0" * 600)
    assert matter.take(path).owed == (f"{path}: {imports_outlook.NOT_CONVERTED}: Error opening File",)


def test_names_that_are_no_text_are_stored_printable(matter: Matter, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"bad-\xff-name.eml")).write_bytes(letter(1))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    matter.take(folder)
    assert matter.positions() == ["bad-\\xff-name.eml"]
