from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from app.export.errors import BadCell, RowCountDiffers, TooManyRows
from app.export.tables import Column, MetaItem, Row, Table
from app.export.xlsx import MAX_ROWS, write_xlsx

COLUMNS = (
    Column("note", "备注", "Note", "text"),
    Column("metal_g", "金属量", "Metal", "integer", "g"),
    Column("share", "占比", "Share", "decimal", "%", 2),
    Column("on", "日期", "Date", "date"),
)
META = (
    MetaItem("vintage", "版本", "Vintage", "18204"),
    MetaItem("note_1", "说明", "Note", "=A1"),
)
ROWS: list[Row] = [
    ("=1+1", -5, Decimal("23.70"), date(2026, 3, 5)),
    ("https://x.example", 2**53 - 1, Decimal("0.000001"), None),
    ("0012", 0, 7, None),
    (None, None, None, None),
    ("𠮷 镓", 12, Decimal("1E+2"), None),
]


def table(rows: list[Row], row_count: int | None = None) -> Table:
    count = len(rows) if row_count is None else row_count
    return Table("supply", "供应", "Supply", COLUMNS, rows, count, META)


def written(rows: list[Row]) -> io.BytesIO:
    target = io.BytesIO()
    write_xlsx(table(rows), target, language="en")
    target.seek(0)
    return target


def test_a_workbook_has_data_metadata_and_notes() -> None:
    book = openpyxl.load_workbook(written(ROWS))

    assert book.sheetnames == ["data", "metadata", "notes"]
    assert list(book["metadata"].values)[1] == ("vintage", "Vintage", "18204")
    notes = [row[0] for row in book["notes"].values]
    assert "This table is complete: 5 rows." in notes
    assert "=A1" in notes


def test_numbers_come_back_as_numbers_and_texts_as_texts() -> None:
    sheet = openpyxl.load_workbook(written(ROWS))["data"]

    read = list(sheet.iter_rows(values_only=True))

    assert read == [
        ("Note", "Metal (g)", "Share (%)", "Date"),
        ("=1+1", -5, 23.7, datetime(2026, 3, 5)),
        ("https://x.example", 2**53 - 1, 0.000001, None),
        ("0012", 0, 7, None),
        (None, None, None, None),
        ("𠮷 镓", 12, 100, None),
    ]
    assert sheet["A2"].data_type == "s"
    assert sheet["B2"].data_type == "n"
    assert sheet["C2"].number_format == "0.00"
    assert sheet["A3"].hyperlink is None


def test_another_reader_sees_the_same() -> None:
    book = CalamineWorkbook.from_filelike(written(ROWS))

    read = book.get_sheet_by_name("data").to_python()

    assert read[1] == ["=1+1", -5.0, 23.7, date(2026, 3, 5)]
    assert read[2][:3] == ["https://x.example", float(2**53 - 1), 0.000001]


def test_more_rows_than_a_sheet_holds_are_refused_before_the_first_is_read() -> None:
    def never() -> Iterator[Row]:
        raise AssertionError("a row was read")
        yield ()

    target = io.BytesIO()

    with pytest.raises(TooManyRows, match=r"1048576 rows.*1048575: take CSV"):
        write_xlsx(Table("x", "x", "x", COLUMNS, never(), MAX_ROWS + 1), target)

    assert target.getvalue() == b""


@pytest.mark.parametrize("promised", [4, 6])
def test_a_workbook_that_would_be_incomplete_is_not_written(promised: int) -> None:
    target = io.BytesIO()

    with pytest.raises(RowCountDiffers):
        write_xlsx(table(ROWS, promised), target)

    assert target.getvalue() == b""


@pytest.mark.parametrize(
    "cell", [("x" * 32_768, 1, 1, None), ("𠮷" * 16_384, 1, 1, None)]
)
def test_a_text_longer_than_a_cell_is_refused_and_not_cut(cell: Row) -> None:
    with pytest.raises(BadCell, match="32767"):
        written([cell])


@pytest.mark.parametrize(
    "row",
    [
        ("a", 2**53 + 1, 1, None),
        ("a", 1, Decimal("0.1234567890123456"), None),
        ("a", 1, 1, date(1900, 2, 28)),
    ],
)
def test_what_a_spreadsheet_cannot_hold_exactly_is_refused(row: Row) -> None:
    with pytest.raises(BadCell, match=r"^row 1: "):
        written([row])


def test_nothing_is_left_behind_when_a_row_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with pytest.raises(BadCell):
        written([("a", "b", 1, None)])

    assert list(tmp_path.iterdir()) == []


def test_the_same_table_gives_the_same_bytes() -> None:
    assert written(ROWS).getvalue() == written(ROWS).getvalue()
