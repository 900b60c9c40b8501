"""Rows of text to CSV and XLSX files that open as they were meant.

A cell that begins like a formula gets an apostrophe before it in CSV, which
spreadsheet programs take for "this is text"; numbers stay numbers, negative ones too.
``reading`` takes the apostrophe off again, so that nothing changes on the way. XLSX
files hold typed text, never formulas.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

import xlsxwriter

XLSX_ROWS = 1_048_576
LINES_A_CHUNK = 1_000
_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9,.' ]*%?")


class TooManyRows(ValueError):
    """A sheet holds 1,048,576 rows; a CSV file has no such end."""


def defused(cell: str) -> str:
    """A cell of a CSV file that no program takes for a formula.

    >>> defused("=1+1"), defused("-12.5")
    ("'=1+1", '-12.5')
    """
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def write_csv(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, bom: bool = True
) -> Iterator[bytes]:
    """A CSV file in UTF-8, a chunk at a time.

    Args:
        heads: The first row.
        rows: The others.
        bom: Whether a byte order mark begins the file: without it, common
            spreadsheet programs show Chinese as gibberish.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(map(defused, heads))
    yield (codecs.BOM_UTF8 if bom else b"") + _drained(buffer)
    for count, row in enumerate(rows, 1):
        writer.writerow(map(defused, row))
        if count % LINES_A_CHUNK == 0:
            yield _drained(buffer)
    if rest := _drained(buffer):
        yield rest


def _drained(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def new_workbook(stream: io.BytesIO) -> xlsxwriter.Workbook:
    """A workbook in which text stays text, whatever it begins with."""
    return xlsxwriter.Workbook(
        stream,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        },
    )


def write_xlsx(
    sheet: str, heads: Sequence[str], rows: Iterable[Sequence[str]]
) -> bytes:
    """An XLSX file of one sheet.

    Args:
        sheet: Its name, at most 31 characters.
        heads: The first row.
        rows: The others, all cells as text.

    Raises:
        TooManyRows: They do not fit on a sheet.
    """
    stream = io.BytesIO()
    with new_workbook(stream) as book:
        page = book.add_worksheet(sheet)
        bold = book.add_format({"bold": True})
        text = book.add_format({"num_format": "@"})
        page.set_column(0, len(heads) - 1, 16, text)
        page.freeze_panes(1, 0)
        for column, head in enumerate(heads):
            page.write_string(0, column, head, bold)
        for number, row in enumerate(rows, 1):
            if number >= XLSX_ROWS:
                raise TooManyRows(f"more than {XLSX_ROWS - 1} rows, write CSV instead")
            for column, cell in enumerate(row):
                if cell:
                    page.write_string(number, column, cell, text)
    return stream.getvalue()
