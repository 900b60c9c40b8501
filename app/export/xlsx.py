"""XLSX for spreadsheets: numbers as numbers, text never as a formula.

Rows go to the file as they come (constant memory). A sheet ends at 1,048,576 rows
and a cell at 32,767 characters; what does not fit is refused, never cut.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import xlsxwriter

from app.export.errors import BadCell, TooManyRows
from app.export.tables import Cell, Column, Language, Table, checked_rows

MAX_ROWS = 1_048_575  # one more is the head
MAX_EXACT_INTEGER = 2**53
MAX_EXACT_DIGITS = 15  # that a decimal keeps through a double, and Excel shows
_TEXT_WAS_CUT = -2  # what write_string says when a text is longer than a cell
_CREATED = datetime(1980, 1, 1)
_NAMES = {
    "zh": ("数据", "元数据", "说明"),
    "en": ("data", "metadata", "notes"),
}
_META_HEADS = {
    "zh": ("键", "名称", "值"),
    "en": ("key", "name", "value"),
}
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "nan_inf_to_errors": False,
}


def write_xlsx(table: Table, target: BinaryIO, *, language: Language = "zh") -> None:
    """Write a table as a workbook of three sheets: data, metadata, notes.

    Args:
        table: Its rows are read once.
        target: Open for writing in binary.
        language: Of sheet names and heads.

    Raises:
        TooManyRows: More rows than a sheet holds; known before the first is read.
        BadCell: A cell does not fit its column, or a double cannot hold it exactly,
            or it is longer than a cell may be.
        RowCountDiffers: There are more or fewer rows than promised.
    """
    if table.row_count > MAX_ROWS:
        raise TooManyRows(
            "found {found} rows, and an XLSX sheet holds {limit}: take CSV instead",
            found=table.row_count,
            limit=MAX_ROWS,
        )
    # the library leaves files behind when a row is refused: in a folder of their own
    # they go with it, and the target gets a whole workbook or nothing
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.xlsx"
        with closing(xlsxwriter.Workbook(path, _OPTIONS | {"tmpdir": folder})) as book:
            _fill(book, table, language)
        with path.open("rb") as made:
            shutil.copyfileobj(made, target)


def _fill(book: Any, table: Table, language: Language) -> None:  # noqa: ANN401
    # no clock in the file: the same statement gives the same bytes
    book.set_properties({"title": table.title(language), "created": _CREATED})
    data, facts, notes = map(book.add_worksheet, _NAMES[language])
    _fill_data(book, data, table, language)
    _fill_texts(facts, [_META_HEADS[language], *_facts(table, language)])
    _fill_texts(notes, [(note,) for note in _notes(table, language)])


def _fill_data(book: Any, sheet: Any, table: Table, language: Language) -> None:  # noqa: ANN401
    bold = book.add_format({"bold": True})
    styles = [
        book.add_format({"num_format": _num_format(column)}) for column in table.columns
    ]
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, 18, styles[place])
        _write_text(sheet, 0, place, column.head(language), bold)
    sheet.freeze_panes(1, 0)
    writers = [_WRITERS[column.type] for column in table.columns]
    for number, row in enumerate(checked_rows(table), start=1):
        for place, cell in enumerate(row):
            if cell is not None:
                writers[place](sheet, number, place, cell, styles[place])


def _num_format(column: Column) -> str:
    if column.type == "date":
        return "yyyy-mm-dd"
    if column.type in ("integer", "ppm"):
        return "0"
    if column.type == "decimal" and column.decimals is not None:
        return "0." + "0" * column.decimals if column.decimals else "0"
    return "@" if column.type == "text" else "General"


def _facts(table: Table, language: Language) -> list[tuple[str, str, str]]:
    return [
        (item.key, item.label_zh if language == "zh" else item.label_en, item.value)
        for item in table.meta
        if not item.key.startswith("note")
    ]


def _notes(table: Table, language: Language) -> list[str]:
    complete = {
        "zh": f"本表完整，共 {table.row_count} 行。",
        "en": f"This table is complete: {table.row_count} rows.",
    }
    said = [item.value for item in table.meta if item.key.startswith("note")]
    heads = [f"{one.id}: {one.head(language)}" for one in table.columns]
    return [table.title(language), complete[language], *said, *heads]


def _fill_texts(sheet: Any, rows: Sequence[Sequence[str]]) -> None:  # noqa: ANN401
    sheet.set_column(0, 2, 32)
    for number, row in enumerate(rows):
        for place, text in enumerate(row):
            _write_text(sheet, number, place, text, None)


def _write_text(sheet: Any, row: int, place: int, cell: Cell, style: object) -> None:  # noqa: ANN401
    if sheet.write_string(row, place, str(cell), style) == _TEXT_WAS_CUT:
        raise BadCell(
            "row {row}: found a text of {found} characters, an XLSX cell holds 32767",
            row=row,
            found=len(str(cell)),
        )


def _write_number(sheet: Any, row: int, place: int, cell: Cell, style: object) -> None:  # noqa: ANN401
    if not _survives_double(cell):
        raise BadCell(
            "row {row}: a spreadsheet cannot hold {found} exactly: take CSV instead",
            row=row,
            found=str(cell),
        )
    number = cell if isinstance(cell, int) else float(str(cell))
    sheet.write_number(row, place, number, style)


def _survives_double(cell: Cell) -> bool:
    if isinstance(cell, int):
        return abs(cell) <= MAX_EXACT_INTEGER
    return (
        isinstance(cell, Decimal)
        and len(cell.normalize().as_tuple().digits) <= MAX_EXACT_DIGITS
    )


def _write_date(sheet: Any, row: int, place: int, cell: Cell, style: object) -> None:  # noqa: ANN401
    if not isinstance(cell, date) or cell < date(1900, 3, 1):
        # the 1900 calendar of spreadsheets has a 29 February that never was
        raise BadCell("row {row}: found the date {found}", row=row, found=str(cell))
    sheet.write_datetime(row, place, cell, style)


_WRITERS: dict[str, Callable[[Any, int, int, Cell, object], None]] = {
    "text": _write_text,
    "integer": _write_number,
    "decimal": _write_number,
    "ppm": _write_number,
    "date": _write_date,
}
