"""Bytes to rows: encodings, separators, quotes, spreadsheets, and what breaks them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal

import openpyxl
import pytest
import xlsxwriter

from app.intake.faults import IntakeError
from app.intake.reading import Table, open_table

TEXT = "批号,净重 (kg)\r\nA-1,12\r\n𠮷-2,13\r\n"
ROWS = [(1, ["批号", "净重 (kg)"]), (2, ["A-1", "12"]), (3, ["𠮷-2", "13"])]
Fill = Callable[[xlsxwriter.Workbook, xlsxwriter.worksheet.Worksheet], None]


def rows(table: Table) -> list[tuple[int, list[object]]]:
    return [(row.number, list(row.cells)) for row in table.rows]


def refusal(content: bytes) -> str:
    with pytest.raises(IntakeError) as refused:
        rows(open_table(content))
    return str(refused.value)


def workbook(fill: Fill, **options: object) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, options) as book:
        fill(book, book.add_worksheet("数据"))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("encoding", "mark", "found"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
        ("gb18030", b"", "gb18030"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
    ],
)
def test_text_is_read_in_every_encoding_that_programs_here_write(
    encoding: str, mark: bytes, found: str
) -> None:
    table = open_table(mark + TEXT.encode(encoding))

    assert table.encoding == found
    assert rows(table) == ROWS


@pytest.mark.parametrize("encoding", ["big5", "shift-jis", "cp1251"])
def test_text_of_another_encoding_is_refused_and_not_guessed(encoding: str) -> None:
    words = {
        "big5": "廢鋁混合報廢機動車來源類別磅秤毛重皮重淨重供應商備註倉庫",
        "shift-jis": "アルミニウムスクラップのリサイクルについての記録です",
        "cp1251": "Лом алюминия смешанный, запись о приёмке на складе Ёжик",
    }[encoding]

    message = refusal(f"lot,note\nA-1,{words}\n".encode(encoding))

    assert "it is no text in UTF-8, GB18030 or UTF-16" in message


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x00\x01",
        TEXT.encode("utf-32"),
        b"a,b\n1,\x002\n",
        b"a,b\n" + b"1,2\n" * 100_000 + b"1,\x00\n",
        b"\xff\xfea",
        b"\xef\xbb\xbfa,\xff\n",
        "a,b\n1,2\n".encode("utf-16-le")[:-1],
        b"\x00" * 1000 + b"a",
        "批号".encode("gb18030")[:-1],
        b"lot\n\x81\x30\x81",
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes) -> None:
    assert "it is no text in UTF-8, GB18030 or UTF-16" in refusal(content)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b" "])
def test_an_empty_file_is_refused(content: bytes) -> None:
    assert refusal(content) == "The file: it is empty."


def test_a_web_page_under_another_name_is_refused() -> None:
    content = b"\xef\xbb\xbf <html><table><tr><td>1</td></tr></table></html>"

    assert "it is a web page or XML under another name" in refusal(content)


def test_a_file_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(IntakeError, match="found 1 MB, expected at most 0 MB"):
        open_table(b"a,b\n1,2\n", max_bytes=4)


@pytest.mark.parametrize("separator", [",", ";", "\t", "，"])
def test_the_separator_follows_from_the_heads(separator: str) -> None:
    content = f'批号{separator}"a,b;c"{separator}x\n1{separator}2{separator}3\n'

    assert rows(open_table(content.encode())) == [
        (1, ["批号", "a,b;c", "x"]),
        (2, ["1", "2", "3"]),
    ]


def test_a_note_for_spreadsheet_programs_names_the_separator() -> None:
    assert rows(open_table(b"sep=|\r\na|b,c\r\n1|2\r\n")) == [
        (1, ["a", "b,c"]),
        (2, ["1", "2"]),
    ]


def test_rows_count_as_a_spreadsheet_program_counts_them() -> None:
    content = b'a,b\r\n\r\n"two\r\nlines",x\r\n3,"say ""hi"""'

    assert rows(open_table(content)) == [
        (1, ["a", "b"]),
        (2, []),
        (3, ["two\r\nlines", "x"]),
        (4, ["3", 'say "hi"']),
    ]


def test_old_line_ends_are_read() -> None:
    assert rows(open_table(b"a,b\r1,2\r")) == [(1, ["a", "b"]), (2, ["1", "2"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\n1,"2\n3,4\n', 'Row 2: a quotation mark (") is opened here'),
        (b'a,b\n1,2\n"x"y,4\n', 'Row 3: a quotation mark (") inside a quoted cell'),
        (b'a,b\n1,"' + b"x" * 140_000 + b'"\n', "Row 2: a quotation mark"),
        (b"a,b\n" + b"x" * (1 << 21), "a line is longer than"),
    ],
)
def test_broken_quotes_and_endless_lines_are_refused_by_row(
    content: bytes, message: str
) -> None:
    assert message in refusal(content)


def test_an_apostrophe_that_kept_a_formula_from_running_is_taken_off() -> None:
    content = b"a,b,c,d,e\n'=1+1,'-x,''=2,'quoted,'+\n"

    assert rows(open_table(content))[1][1] == ["=1+1", "-x", "'=2", "'quoted", "+"]


def test_a_sheet_keeps_its_kinds_of_cells_and_its_row_numbers() -> None:
    def fill(book: xlsxwriter.Workbook, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_row(2, 1, ["批号", "净重"])
        page.write_string(4, 1, "007")
        page.write_number(4, 2, 12400.5)
        page.write_number(5, 1, 20260305001)
        page.write_number(5, 2, 0.1)
        page.write_boolean(5, 3, True)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        page.write_datetime(6, 1, date(2026, 3, 5), day)
        clock = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        page.write_datetime(6, 2, datetime(2026, 3, 5, 8, 30), clock)
        page.write_datetime(6, 3, time(8, 30), book.add_format({"num_format": "h:mm"}))

    table = open_table(workbook(fill))

    assert (table.form, table.sheet, table.percent_known) == ("xlsx", "数据", True)
    assert rows(table) == [
        (1, [None] * 4),
        (2, [None] * 4),
        (3, [None, "批号", "净重", None]),
        (4, [None] * 4),
        (5, [None, "007", Decimal("12400.5"), None]),
        (6, [None, 20260305001, Decimal("0.1"), True]),
        (7, [None, date(2026, 3, 5), datetime(2026, 3, 5, 8, 30), time(8, 30)]),
    ]


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ("11999.800000000001", Decimal("11999.8")),
        ("0.30000000000000004", Decimal("0.3")),
        ("999999999.999", Decimal("999999999.999")),
        ("123456789012345", 123456789012345),
    ],
)
def test_a_worked_out_number_is_what_the_program_shows(
    kept: str, shown: object
) -> None:
    def fill(_: object, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_formula(0, 0, "=A2", None, float(kept))

    assert rows(open_table(with_value(workbook(fill), kept))) == [(1, [shown])]


def with_value(content: bytes, value: str) -> bytes:
    """The workbook with the value of its one formula spelled with all digits."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(changed, "w") as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("sheet1.xml"):
                start, end = part.index(b"<v>") + 3, part.index(b"</v>")
                part = part[:start] + value.encode() + part[end:]
            new.writestr(name, part)
    return changed.getvalue()


def test_a_cell_that_shows_a_percentage_is_one() -> None:
    def fill(book: xlsxwriter.Workbook, page: xlsxwriter.worksheet.Worksheet) -> None:
        for row, shape in enumerate(["0%", "0.00%", '0.0000"x"%', "0.00", '0"%"']):
            page.write_number(row, 0, 0.952, book.add_format({"num_format": shape}))

    assert [cells for _, cells in rows(open_table(workbook(fill)))] == [
        ["95.2%"],
        ["95.2%"],
        ["95.2%"],
        [Decimal("0.952")],
        [Decimal("0.952")],
    ]


def test_errors_and_formulas_without_a_value_do_not_pass_for_empty_cells() -> None:
    book = openpyxl.Workbook()
    page = book.active
    page["A1"], page["B1"] = "批号", "净重"
    page["A2"], page["B2"] = "A-1", "=1+1"
    page["A3"], page["B3"] = "A-2", "#DIV/0!"
    page["B3"].data_type = "e"
    stream = io.BytesIO()
    book.save(stream)

    assert rows(open_table(stream.getvalue())) == [
        (1, ["批号", "净重"]),
        (2, ["A-1", "="]),
        (3, ["A-2", "#ERROR"]),
    ]


def test_dates_that_count_from_1904_are_announced() -> None:
    def fill(book: xlsxwriter.Workbook, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_datetime(
            0, 0, date(2026, 3, 5), book.add_format({"num_format": "yyyy-mm-dd"})
        )

    table = open_table(workbook(fill, date_1904=True))

    assert table.epoch_1904
    assert rows(table) == [(1, [date(2026, 3, 5)])]


def test_the_first_visible_sheet_that_holds_something_is_read() -> None:
    def fill(book: xlsxwriter.Workbook, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_string(0, 0, "secret")
        book.add_worksheet("empty")
        book.add_worksheet("help").write_string(0, 0, "how to")
        book.add_worksheet("真正的").write_string(0, 0, "批号")
        book.add_worksheet("more").write_string(0, 0, "x")
        book.get_worksheet_by_name("真正的").activate()
        page.hide()

    table = open_table(workbook(fill))

    assert (table.sheet, table.other_sheets) == ("真正的", ("more",))
    assert rows(table) == [(1, ["批号"])]


def test_text_that_looks_like_a_formula_stays_text_in_a_sheet() -> None:
    def fill(_: object, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_string(0, 0, "=1+1")
        page.write_string(0, 1, "'=x")

    assert rows(open_table(workbook(fill))) == [(1, ["=1+1", "'=x"])]


def packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_an_archive_that_unpacks_a_thousandfold_is_refused_unopened() -> None:
    bomb = packed({"xl/worksheets/sheet1.xml": b"0" * (64 << 20)})

    assert len(bomb) < 100_000
    assert "it unpacks to 64 MB, far more than its rows need" in refusal(bomb)


def test_an_archive_that_lies_about_its_size_ends_within_the_limits() -> None:
    def fill(_: object, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_string(0, 0, "批号")

    content = bytearray(workbook(fill))
    # The last member's sizes as the central directory has them: unpacked size, 1
    start = content.rindex(b"PK\x01\x02")
    content[start + 24 : start + 28] = (1).to_bytes(4, "little")

    table_or_refusal: object
    try:
        table_or_refusal = rows(open_table(bytes(content)))
    except IntakeError as error:
        table_or_refusal = str(error)

    assert table_or_refusal in (
        [(1, ["批号"])],
        "The file: it cannot be opened as a spreadsheet; save it as XLSX or CSV again.",
    )


def test_two_cells_in_opposite_corners_do_not_take_the_memory() -> None:
    def fill(_: object, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_string(0, 0, "批号")
        page.write_string(1_048_575, 150, "x")

    content = workbook(fill)

    assert len(content) < 10_000
    assert "it takes too much memory or time to open" in refusal(content)


def test_a_sheet_with_thousands_of_columns_is_refused() -> None:
    def fill(_: object, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_string(0, 0, "批号")
        page.write_string(0, 16_383, "x")

    assert "found 16384 columns, expected those of the template" in refusal(
        workbook(fill)
    )


def broken_xlsx(cut: slice) -> bytes:
    def fill(_: object, page: xlsxwriter.worksheet.Worksheet) -> None:
        page.write_row(0, 0, ["批号", "净重"] * 50)

    return workbook(fill)[cut]


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\x00" * 100,
        broken_xlsx(slice(0, 2000)),
        broken_xlsx(slice(0, -10)),
        packed({"hello.txt": b"hi"}),
        packed({"xl/workbook.xml": b"<no", "[Content_Types].xml": b""}),
        packed({"content.xml": b"<x/>", "mimetype": b"x"}),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 5000,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 5000,
    ],
)
def test_a_broken_spreadsheet_is_refused(content: bytes) -> None:
    assert "it cannot be opened as a spreadsheet" in refusal(content)


def test_a_workbook_without_any_cell_is_empty() -> None:
    assert refusal(workbook(lambda book, page: None)) == "The file: it is empty."


def test_a_reader_that_stops_early_leaves_nothing_running() -> None:
    def fill(_: object, page: xlsxwriter.worksheet.Worksheet) -> None:
        for row in range(20_000):
            page.write_string(row, 0, "x" * 50)

    table = open_table(workbook(fill))
    next(table.rows)
    table.rows.close()  # type: ignore[attr-defined]  # it is a generator

    assert list(table.rows) == []
