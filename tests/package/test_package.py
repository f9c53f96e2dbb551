"""The package is what its verifiers say it is: sound as made, and every kind of damage is named."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.package.conftest import evidence

Damage = Callable[[Path], None]


def verify_py(target: Path, script: Path) -> subprocess.CompletedProcess[str]:
    """As on an empty machine: isolated, no site packages, no environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(script), str(target)], capture_output=True, text=True, check=False, env={}
    )


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle / "package", tmp_path / "package"))


def test_a_package_as_made_is_sound(bundle: Path) -> None:
    script = bundle / "package" / "verify.py"
    for target in (bundle / "package", bundle / "package.zip"):
        ended = verify_py(target, script)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stdout.startswith("SOUND")
        assert "proofs of 11 originals" in ended.stdout or "proofs of" in ended.stdout


def test_the_command_gives_the_same_verdict(bundle: Path, matter: Path) -> None:
    for target in (bundle / "package", bundle / "package.zip", bundle / "bundle.pdf"):
        assert evidence("verify", str(target), cwd=matter).startswith("SOUND")


def test_sha256sum_and_bagit_agree(bundle: Path) -> None:
    package = bundle / "package"
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--quiet", "-c", name], cwd=package, check=True)
    subprocess.run(["sha512sum", "--quiet", "-c", "manifest-sha512.txt"], cwd=package, check=True)
    subprocess.run(["sha256sum", "--quiet", "-c", "package.zip.sha256"], cwd=bundle, check=True)
    subprocess.run(["sha256sum", "--quiet", "-c", "bundle.pdf.sha256"], cwd=bundle, check=True)
    import bagit

    bagit.Bag(str(package)).validate()


def test_originals_are_the_archived_bytes_and_the_printed_hashes(bundle: Path, matter: Path) -> None:
    exhibits = json.loads((bundle / "package" / "data" / "exhibits.json").read_text(encoding="utf-8"))
    letters = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (matter / "letters").iterdir()}
    messages = [e for e in exhibits if e["kind"] == "message"]
    assert messages
    for exhibit in exhibits:
        octets = (bundle / "package" / exhibit["file"]).read_bytes()
        assert hashlib.sha256(octets).hexdigest() == exhibit["sha256"]
    assert {e["sha256"] for e in messages} <= letters


def change_a_byte(folder: Path) -> None:
    path = sorted((folder / "data" / "originals").iterdir())[0]
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def remove_a_file(folder: Path) -> None:
    sorted((folder / "data" / "originals").iterdir())[1].unlink()


def add_a_file(folder: Path) -> None:
    (folder / "data" / "originals" / "9999-forged.eml").write_text("From: x\n", encoding="ascii")


def _rewrite_manifests(folder: Path) -> None:
    for algorithm in ("sha256", "sha512"):
        for kind in ("manifest", "tagmanifest"):
            path = folder / f"{kind}-{algorithm}.txt"
            lines = []
            for line in path.read_text(encoding="utf-8").splitlines():
                name = line.split("  ", 1)[1]
                lines.append(f"{hashlib.new(algorithm, (folder / name).read_bytes()).hexdigest()}  {name}\n")
            path.write_text("".join(lines), encoding="utf-8")


def rewrite_the_manifest_over_a_changed_original(folder: Path) -> None:
    change_a_byte(folder)
    _rewrite_manifests(folder)


def state_another_root(folder: Path) -> None:
    path = folder / "data" / "log" / "head.json"
    head = json.loads(path.read_text(encoding="utf-8"))
    head["root"] = "00" * 32
    path.write_text(json.dumps(head), encoding="utf-8")
    _rewrite_manifests(folder)


def forge_an_original_and_its_entry(folder: Path) -> None:
    """The original, its printed hash and all manifests are exchanged together: only the log's proof is in the way."""
    change_a_byte(folder)
    path = folder / "data" / "exhibits.json"
    exhibits = json.loads(path.read_text(encoding="utf-8"))
    exhibits[0]["sha256"] = hashlib.sha256((folder / exhibits[0]["file"]).read_bytes()).hexdigest()
    path.write_text(json.dumps(exhibits), encoding="utf-8")
    _rewrite_manifests(folder)


def forge_an_original_and_drop_its_proof(folder: Path) -> None:
    forge_an_original_and_its_entry(folder)
    path = folder / "data" / "exhibits.json"
    exhibits = json.loads(path.read_text(encoding="utf-8"))
    exhibits[0]["proof"] = None
    path.write_text(json.dumps(exhibits), encoding="utf-8")
    _rewrite_manifests(folder)


def exchange_an_attachment(folder: Path) -> None:
    next(p for p in sorted((folder / "data" / "attachments").rglob("*")) if p.is_file()).write_bytes(b"another")
    _rewrite_manifests(folder)


def spoil_the_list_of_exhibits(folder: Path) -> None:
    (folder / "data" / "exhibits.json").write_text("[5]", encoding="utf-8")
    _rewrite_manifests(folder)


DAMAGES: list[tuple[Damage, str]] = [
    (change_a_byte, "is not what it was"),
    (remove_a_file, "missing"),
    (add_a_file, "was added"),
    (rewrite_the_manifest_over_a_changed_original, "is not the original with the printed SHA-256"),
    (state_another_root, "root"),
    (forge_an_original_and_its_entry, "does not prove"),
    (forge_an_original_and_drop_its_proof, "does not prove"),
    (exchange_an_attachment, "is not the original with the printed SHA-256"),
    (spoil_the_list_of_exhibits, "cannot be read"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=lambda x: getattr(x, "__name__", ""))
def test_damage_is_named_by_verify_py_and_by_the_command(
    damage: Damage, said: str, copy: Path, bundle: Path, matter: Path
) -> None:
    damage(copy)
    ended = verify_py(copy, bundle / "package" / "verify.py")
    assert ended.returncode == 20
    assert said in ended.stdout
    evidence("verify", str(copy), cwd=matter, code=20)


def test_a_folder_that_is_no_package_is_said(tmp_path: Path, bundle: Path) -> None:
    assert verify_py(tmp_path, bundle / "package" / "verify.py").returncode == 2


def test_a_changed_pdf_is_found_by_its_sidecar_and_by_the_log(bundle: Path, matter: Path, tmp_path: Path) -> None:
    forged = tmp_path / "bundle.pdf"
    octets = bytearray((bundle / "bundle.pdf").read_bytes())
    octets[-20] ^= 1
    forged.write_bytes(octets)
    shutil.copy(bundle / "bundle.pdf.sha256", tmp_path)
    assert "another" in evidence("verify", str(forged), cwd=matter, code=20)


def test_the_same_bundle_gives_the_same_package(bundle: Path, matter: Path, tmp_path: Path) -> None:
    made = json.loads((bundle / "package" / "data" / "log" / "head.json").read_text(encoding="utf-8"))
    dated = next(
        x
        for x in (bundle / "package" / "bag-info.txt").read_text(encoding="utf-8").splitlines()
        if x.startswith("Bagging-Date")
    ).split()[1]
    again = []
    for name in ("one", "two"):
        evidence("bundle", "--at-size", str(made["size"]), "--date", dated, "--out", str(tmp_path / name), cwd=matter)
        again.append(next((tmp_path / name).glob("*/package.zip")))
    assert again[0].read_bytes() == again[1].read_bytes()
    original = (bundle / "bundle.pdf").read_bytes()
    assert next((tmp_path / "one").glob("*/bundle.pdf")).read_bytes() == original
    assert again[0].read_bytes() == (bundle / "package.zip").read_bytes()


def test_the_zip_is_stored_and_holds_what_the_folder_holds(bundle: Path) -> None:
    with zipfile.ZipFile(bundle / "package.zip") as packed:
        assert all(i.compress_type == zipfile.ZIP_STORED for i in packed.infolist())
        names = {i.filename for i in packed.infolist()}
    folder = bundle / "package"
    assert names == {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_no_cell_of_the_chronology_is_a_formula(bundle: Path) -> None:
    with (bundle / "package" / "data" / "chronology.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) > 10
    assert not [c for row in rows for c in row if c[:1] in "=+-@\t\r" and c]
    with zipfile.ZipFile(bundle / "package" / "data" / "chronology.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode("utf-8")
    assert "<f>" not in sheet


def test_cells_that_begin_like_formulas_are_made_text() -> None:
    from evidence.bundle.sheets import inert

    for text in ('=HYPERLINK("http://x.example")', "+7 900 000", "-1", "@SUM(A1)", "\t=1"):
        assert inert(text)[0] in "'="[:1] or not inert(text).startswith(("=", "+", "-", "@"))


def test_the_load_files_name_every_exhibit_and_its_pages(bundle: Path) -> None:
    exhibits = json.loads((bundle / "package" / "data" / "exhibits.json").read_text(encoding="utf-8"))
    text = (bundle / "package" / "data" / "load" / "load.dat").read_text(encoding="utf-8-sig")
    lines = [line.strip("þ").split("þ\x14þ") for line in text.splitlines()]
    assert len(lines) == len(exhibits) + 1
    columns = lines[0]
    for exhibit, cells in zip(exhibits, lines[1:], strict=True):
        row = dict(zip(columns, cells, strict=True))
        assert row["SHA256"] == exhibit["sha256"]
        assert row["BEGDOC"].startswith("SHELF-")
        assert (bundle / "package" / "data" / row["NATIVE"]).exists()
    pages = [
        line.split(",")
        for line in (bundle / "package" / "data" / "load" / "load.opt").read_text(encoding="utf-8").splitlines()
    ]
    assert all(len(cells) == 7 for cells in pages)
    assert sum(cells[3] == "Y" for cells in pages) == len(exhibits)
    labels = [cells[0] for cells in pages]
    assert labels[0] == lines[1][0]
    assert len(set(labels)) == len(labels)


def test_verify_py_needs_only_the_standard_library(bundle: Path) -> None:
    import ast

    tree = ast.parse((bundle / "package" / "verify.py").read_text(encoding="utf-8"))
    modules = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert modules <= set(sys.stdlib_module_names)
    assert not {"socket", "urllib", "http"} & modules
    assert os.access(bundle / "package" / "verify.py", os.R_OK)
