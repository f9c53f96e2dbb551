"""The chronology as rows for .csv and .xlsx; no cell is ever run as a formula."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime

from evidence.bundle.options import BundleResult
from evidence.i18n import translation

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def chronology_rows(result: BundleResult) -> tuple[list[str], list[list[str]]]:
    """Headings in the bundle's language, and one row a line of the printed chronology; times in UTC."""
    _ = translation("bundle", result.language).gettext
    head = [_("Time (UTC)"), _("Kind"), _("Who"), _("To"), _("Text"), _("Marks"), _("Exhibit"), _("Page")]
    rows = [
        [
            row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            row.kind,
            inert(row.who),
            inert(row.to),
            inert(row.text),
            inert("; ".join(row.marks)),
            str(row.exhibit or ""),
            str(row.page or ""),
        ]
        for row in result.manifest.chronology
    ]
    return head, rows


def inert(text: str) -> str:
    """A cell that a spreadsheet takes as text (CWE-1236); line breaks become blanks."""
    line = " ".join(text.split())
    return "'" + line if line.startswith(FORMULA_STARTS) else line


def write_xlsx(head: Sequence[str], rows: Sequence[Sequence[str]], result: BundleResult) -> bytes:
    """The same as an .xlsx; deterministic: its dates are the bundle's."""
    import xlsxwriter

    sink = io.BytesIO()
    book = xlsxwriter.Workbook(
        sink, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    made = datetime.combine(date.fromisoformat(result.dated[:10]), datetime.min.time())
    book.set_properties({"title": result.manifest.title, "created": made})
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True, "bottom": 1})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    for column, (text, width) in enumerate(zip(head, (21, 12, 26, 26, 70, 40, 8, 8), strict=True)):
        sheet.set_column(column, column, width, wrapped)
        sheet.write_string(0, column, text, bold)
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row):
            sheet.write_string(number, column, text[:32_000])
    sheet.freeze_panes(1, 0)
    book.close()
    return sink.getvalue()
