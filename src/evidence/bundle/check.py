"""Check a handed-over bundle.pdf or package: what fits, what does not, what cannot be known from it alone."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path
from typing import Any

from evidence.errors import UsageError
from evidence.i18n import default_language, talk
from evidence.model import Problem, VerificationReport
from evidence.ports import Progress

_ = talk("bundle")
HASH = re.compile(r"[0-9a-f]{64}")


def verify_bundle(path: Path, *, progress: Progress | None = None, recorded: str | None = None) -> VerificationReport:
    """The sidecar, the soundness of the file, and every embedded original against the hashes that the pages print.

    ``recorded`` is the SHA-256 the custody log holds for this bundle, where the archive is at hand. Raises UsageError for a PDF
    that holds nothing to check: any PDF in the world would be sound.
    """
    import pikepdf

    octets = path.read_bytes()
    digest = hashlib.sha256(octets).hexdigest()
    problems: list[Problem] = []
    sidecar = path.with_name(path.name + ".sha256")
    if sidecar.exists():
        stated = sidecar.read_text(encoding="ascii", errors="replace").split()[:1]
        if stated != [digest]:
            problems.append(
                Problem(
                    "sidecar",
                    path.name,
                    _("its SHA-256 is {sha256}, and {file} states another").format(sha256=digest, file=sidecar.name),
                )
            )
    if recorded is not None and recorded != digest:
        problems.append(
            Problem(
                "log",
                path.name,
                _("its SHA-256 is {sha256}, and the custody log records {other}").format(sha256=digest, other=recorded),
            )
        )
    try:
        with pikepdf.open(path) as pdf:
            embedded = {name: bytes(spec.get_file().read_bytes()) for name, spec in pdf.attachments.items()}
            pages = len(pdf.pages)
            damage = pdf.check_pdf_syntax()
            problems += [Problem("pdf", path.name, str(line)) for line in damage]
    except pikepdf.PdfError as error:
        return _report(
            path,
            0,
            0,
            [*problems, Problem("pdf", path.name, _("is not a sound PDF: {error}").format(error=error))],
            digest,
        )
    if not (embedded or problems or sidecar.exists() or recorded is not None):
        raise UsageError(
            _("{path} embeds no original, so nothing in it can be checked.").format(path=path),
            _("It is no bundle of this program, or was saved or printed anew without its attachments."),
            _(
                "Check the file as it was handed over, or package.zip, or compare its SHA-256 with the receipt: {sha256}"
            ).format(sha256=digest),
        )
    printed = _printed_hashes(path, progress)
    for name in sorted(embedded):
        if hashlib.sha256(embedded[name]).hexdigest() not in printed:
            problems.append(
                Problem("original", name, _("the embedded file has a SHA-256 that is not printed on any page"))
            )
    return _report(path, pages, len(embedded), problems, digest, sidecar=sidecar.exists() or recorded is not None)


def _printed_hashes(path: Path, progress: Progress | None) -> set[str]:
    """Every SHA-256 that stands in the text of the pages, also when broken over lines."""
    import pypdfium2

    found: set[str] = set()
    document = pypdfium2.PdfDocument(path)
    try:
        for number in range(len(document)):
            page = document[number]
            text = page.get_textpage().get_text_bounded()
            found |= set(HASH.findall(re.sub(r"[\s\u00ad\ufffe\u200b-]+", "", text)))
            found |= set(HASH.findall(text))
            page.close()
            if progress is not None:
                progress.step("pages", number + 1, len(document))
    finally:
        document.close()
    return found


def _report(
    path: Path, pages: int, originals: int, problems: list[Problem], digest: str, *, sidecar: bool = False
) -> VerificationReport:
    unknowable = [_("who wrote a message; what was said by telephone or in messaging apps")]
    if not sidecar:
        said = _("whether this file is the one handed over: compare its SHA-256 {sha256} with the receipt")
        unknowable.insert(0, said.format(sha256=digest))
    return VerificationReport(
        {"pages": pages, "embedded originals against the printed hashes": originals, "PDF": 1},
        tuple(problems),
        "",
        0,
        (),
        tuple(unknowable),
    )


def verify_package(path: Path, *, progress: Progress | None = None) -> VerificationReport:
    """The same check as the package's own verify.py, by the same code."""
    import importlib

    verify: Any = importlib.import_module("evidence.bundle.verifier.verify")  # typed for Python 3.8, so not for us

    del progress
    try:
        package = verify.Folder(str(path)) if path.is_dir() else verify.Zip(str(path))
        result = verify.check(package, default_language())
    except (OSError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        if isinstance(error, zipfile.BadZipFile) and path.suffix.lower() not in (".zip", ".db"):
            raise _nothing_known(path) from None  # a letter, say: to call it altered would accuse somebody
        return VerificationReport({}, (Problem("unreadable", path.name, str(error)),), "", 0)
    if result is None:
        raise _nothing_known(path)
    problems, checked, unknown = result
    found = tuple(Problem("package", *line.partition(": ")[::2]) for line in problems)
    return VerificationReport(dict.fromkeys(checked, 1), found, "", 0, (), tuple(unknown))


def _nothing_known(path: Path) -> UsageError:
    return UsageError(
        _("{path} is neither an archive, nor a bundle, nor a package.").format(path=path),
        _("A package contains a bagit.txt file."),
        _("Give the path of archive.db, bundle.pdf, package.zip or the unpacked package."),
    )
