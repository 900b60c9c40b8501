from __future__ import annotations

import csv
import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from app.export.csv import Audience, csv_chunks, defuse, write_statement_zip
from app.export.errors import BadCell, RowCountDiffers
from app.export.json import json_chunks
from app.export.tables import (
    CheckpointRef,
    Column,
    MetaItem,
    Row,
    Table,
    statement_meta,
)

COLUMNS = (
    Column("note", "备注", "Note", "text"),
    Column("metal_g", "金属量", "Metal", "integer", "g"),
    Column("share", "占比", "Share", "decimal", "%", 2),
    Column("share_ppm", "占比", "Share", "ppm", "ppm"),
    Column("on", "日期", "Date", "date"),
)
ROWS: list[Row] = [
    ("=1+1", -5, Decimal("23.70"), 237000, date(2026, 3, 5)),
    ('𠮷, "镓"\r\n第二行', 2**53 - 1, Decimal("0.0000001"), 0, None),
    ("-12.5", 0, 7, None, date(1999, 12, 31)),
    (None, None, None, None, None),
]


def table(rows: list[Row] | None = None, row_count: int | None = None) -> Table:
    rows = ROWS if rows is None else rows
    return Table(
        "supply",
        "再生金属供应",
        "Recycled supply",
        COLUMNS,
        iter(rows),
        len(rows) if row_count is None else row_count,
        statement_meta(
            table_id="supply",
            method="recycled-supply/1",
            coverage="3 %",
            checkpoint=CheckpointRef("remelt.invalid/0", 18204, "cm9vdA=="),
            row_count=len(rows),
            editions={"Al": "2024 derived"},
            filters={"metal": "Al"},
            notes=["示例数据"],
        ),
    )


def written(audience: Audience = "machine") -> bytes:
    return b"".join(csv_chunks(table(), audience))


def test_csv_for_people_has_a_byte_order_mark_and_heads_in_their_language() -> None:
    made = written("zh")

    assert made.startswith(b"\xef\xbb\xbf")
    assert made.decode("utf-8-sig").split("\r\n")[0] == (
        "备注,金属量 (g),占比 (%),占比 (ppm),日期"
    )


def test_csv_for_programs_has_no_mark_and_column_ids() -> None:
    assert written().startswith(b"note,metal_g,share,share_ppm,on\r\n")


def test_csv_reads_back_as_it_was_with_formulas_defused() -> None:
    read = list(csv.reader(io.StringIO(written().decode(), newline=""), strict=True))

    assert read[1:] == [
        ["'=1+1", "-5", "23.70", "237000", "2026-03-05"],
        ['𠮷, "镓"\r\n第二行', "9007199254740991", "0.0000001", "0", ""],
        ["-12.5", "0", "7", "", "1999-12-31"],
        ["", "", "", "", ""],
    ]


def test_the_last_line_of_a_csv_is_a_row_and_not_metadata() -> None:
    assert written().endswith(b"\r\n,,,,\r\n")


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "-"],
)
def test_a_text_that_could_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert defuse(text) == "'" + text


@pytest.mark.parametrize(
    "text", ["-5", "+8.25", "-0.5", "-1e-7", "", "废铝", "3-5", "a=b", "1", "'=1"]
)
def test_numbers_and_plain_texts_are_left_alone(text: str) -> None:
    assert defuse(text) == text


@pytest.mark.parametrize("promised", [0, 3, 5])
def test_a_file_with_another_number_of_rows_than_promised_is_an_error(
    promised: int,
) -> None:
    with pytest.raises(RowCountDiffers, match=f"expected {promised}$"):
        list(csv_chunks(table(row_count=promised)))
    with pytest.raises(RowCountDiffers):
        list(json_chunks(table(row_count=promised)))
    with pytest.raises(RowCountDiffers):
        write_statement_zip(
            table(row_count=promised), io.BytesIO(), publisher="示例", address="x"
        )


@pytest.mark.parametrize(
    ("place", "cell"),
    [
        (0, 7),
        (1, Decimal(7)),
        (1, True),
        (1, "7"),
        (2, 0.5),
        (2, Decimal("NaN")),
        (3, Decimal("0.5")),
        (4, "2026-03-05"),
    ],
)
def test_a_cell_of_another_type_is_named_with_row_and_column(
    place: int, cell: object
) -> None:
    row = list(ROWS[0])
    row[place] = cell  # type: ignore[call-overload]

    with pytest.raises(BadCell, match=f"row 2, column {COLUMNS[place].id}: found"):
        list(csv_chunks(table([ROWS[0], row])))


def test_a_row_of_another_length_is_an_error() -> None:
    with pytest.raises(BadCell, match="row 1: found 4 cells, expected 5"):
        list(csv_chunks(table([ROWS[0][:4]])))


def test_half_a_character_is_an_error() -> None:
    with pytest.raises(BadCell, match="half a character"):
        list(csv_chunks(table([("\ud842", 1, 1, 1, None)])))


def test_a_table_names_no_column_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        Table("x", "x", "x", (COLUMNS[0], COLUMNS[0]), [], 0)
    with pytest.raises(ValueError, match="twice"):
        Table("x", "x", "x", COLUMNS, [], 0, (MetaItem("a", "", "", ""),) * 2)


def test_memory_stays_flat_however_long_the_table_is() -> None:
    def peak(count: int) -> int:
        rows: Iterator[Row] = (("甲", n, 7, n, None) for n in range(count))
        long = Table("x", "x", "x", COLUMNS, rows, count)
        tracemalloc.start()
        size = sum(len(chunk) for chunk in csv_chunks(long))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > count * 8
        return top

    short, ten_times = peak(4_000), peak(40_000)

    assert ten_times < short * 1.5


def test_the_zip_holds_data_metadata_and_a_readme_that_cites_the_vintage() -> None:
    target = io.BytesIO()

    write_statement_zip(
        table(), target, audience="zh", publisher="示例", address="https://x.example/s"
    )

    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["data.csv", "metadata.csv", "README.txt"]
        data = archive.read("data.csv")
        beside = archive.read("metadata.csv").decode("utf-8-sig")
        readme = archive.read("README.txt").decode("utf-8-sig")
    assert data == written("zh")
    facts = {row[0]: row[3] for row in csv.reader(io.StringIO(beside, newline=""))}
    assert facts["vintage"] == "18204"
    assert facts["method"] == "recycled-supply/1"
    assert facts["coverage"] == "3 %"
    assert facts["log_root"] == "cm9vdA=="
    assert facts["editions"] == "Al = 2024 derived"
    assert facts["rows"] == "4"
    assert hashlib.sha256(data).hexdigest() in readme
    assert "all 4 rows" in readme
    assert "全部 4 行" in readme
    assert readme.count("18204") == 2
    assert readme.count("https://x.example/s") == 2


def test_the_same_statement_gives_the_same_bytes() -> None:
    made = []
    for _ in range(2):
        target = io.BytesIO()
        write_statement_zip(table(), target, publisher="示例", address="x")
        made.append(target.getvalue())

    assert made[0] == made[1]


def test_the_id_of_a_statement_follows_from_what_it_is_a_function_of() -> None:
    def id_of(size: int, metal: str, notes: list[str]) -> str:
        return statement_meta(
            table_id="supply",
            method="m/1",
            coverage="",
            checkpoint=CheckpointRef("o", size, "r"),
            row_count=1,
            editions={},
            filters={"metal": metal},
            notes=notes,
        )[0].value

    assert id_of(7, "Al", []) == id_of(7, "Al", ["another note"])
    assert len({id_of(7, "Al", []), id_of(8, "Al", []), id_of(7, "Cu", [])}) == 3


def test_json_is_one_document_with_exact_numbers() -> None:
    read = json.loads(b"".join(json_chunks(table())))

    assert read["row_count"] == len(read["rows"]) == 4
    assert read["title"] == {"zh": "再生金属供应", "en": "Recycled supply"}
    assert read["columns"][1] == {
        "id": "metal_g",
        "label": {"zh": "金属量", "en": "Metal"},
        "type": "integer",
        "unit": "g",
    }
    assert read["rows"][0] == {
        "note": "=1+1",
        "metal_g": -5,
        "share": "23.70",
        "share_ppm": 237000,
        "on": "2026-03-05",
    }
    assert read["rows"][1]["metal_g"] == 2**53 - 1
    assert {item["key"] for item in read["meta"]} >= {"method", "vintage", "log_root"}


def test_json_without_rows_is_a_document_too() -> None:
    assert json.loads(b"".join(json_chunks(table([]))))["rows"] == []


def test_json_of_many_rows_parses_across_its_pieces() -> None:
    rows: list[Row] = [("甲", n, n, n, None) for n in range(4_001)]

    read = json.loads(b"".join(json_chunks(table(rows))))

    assert [row["metal_g"] for row in read["rows"]] == list(range(4_001))
