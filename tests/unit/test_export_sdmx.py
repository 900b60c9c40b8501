from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from pysdmx.io import read_sdmx

from app.data import read_csv
from app.export.codelists import (
    CODELISTS,
    DIMENSIONS,
    gbt_2260_of,
    observation,
    time_period_of,
)
from app.export.csv import csv_chunks
from app.export.errors import (
    BadCell,
    NotObservations,
    RowCountDiffers,
    SdmxMissing,
)
from app.export.sdmx import (
    OBSERVATION_COLUMNS,
    ROWS_PER_CHUNK,
    sdmx_csv_chunks,
    structure_json,
)
from app.export.tables import CheckpointRef, Row, Table, statement_meta
from app.export.xlsx import write_xlsx

AT = datetime(2026, 4, 1, tzinfo=UTC)


def rows() -> list[Row]:
    return [
        observation(
            period="2026-03",
            province="440000",
            metal="Al",
            indicator="RECYCLED_SUPPLY",
            value=2**53 - 1,
            unit="GRM",
            origin_class="post_consumer_elv_g",
            source_area="IMPORTED",
        ),
        observation(
            period="2026Q1",
            province="",
            metal="Al",
            indicator="RECYCLED_SHARE",
            value=Decimal("27.40"),
            unit="PT",
            status="P",
        ),
        observation(
            period="2024",
            province="",
            metal="_T",
            indicator="S1",
            value=Decimal("24.18"),
            unit="PT",
        ),
        observation(
            period="2026-02",
            province="350000",
            metal="Cu",
            indicator="RECYCLED_SUPPLY",
            value=None,
            unit="GRM",
            status="Q",
        ),
    ]


def table(made: list[Row], row_count: int | None = None) -> Table:
    count = len(made) if row_count is None else row_count
    meta = statement_meta(
        table_id="observations",
        method="recycled-supply/1",
        coverage="3 %",
        checkpoint=CheckpointRef("remelt.invalid/0", 18204, "cm9vdA=="),
        row_count=count,
        editions={},
        filters={},
    )
    return Table(
        "observations", "观测", "Observations", OBSERVATION_COLUMNS, made, count, meta
    )


def sdmx(made: list[Row]) -> str:
    return b"".join(sdmx_csv_chunks(table(made))).decode()


def read_back(text: str) -> Any:
    datasets: Any = read_sdmx(text).data
    return datasets[0].data


def test_the_same_values_come_back_from_sdmx_csv_and_xlsx() -> None:
    frame = read_back(sdmx(rows()))
    plain = list(
        csv.DictReader(io.StringIO(b"".join(csv_chunks(table(rows()))).decode()))
    )
    book = io.BytesIO()
    write_xlsx(table(rows()), book)
    sheet = list(openpyxl.load_workbook(book)["数据"].values)[1:]

    for place, (one, other) in enumerate(zip(plain, sheet, strict=True)):
        again = frame.iloc[place]
        for name in (*DIMENSIONS, "UNIT_MEASURE", "OBS_STATUS"):
            assert again[name] == one[name]
        assert one["OBS_VALUE"] == "" or (
            Decimal(again["OBS_VALUE"]) == Decimal(one["OBS_VALUE"])
        )
        assert [one[name] for name in DIMENSIONS] == list(other[:7])
        assert one["OBS_VALUE"] == ("" if other[7] is None else one["OBS_VALUE"])
        assert other[7] is None or Decimal(str(other[7])) == Decimal(one["OBS_VALUE"])
    assert len(frame) == len(plain) == 4


def test_sdmx_csv_has_the_head_of_the_standard_and_every_digit() -> None:
    lines = sdmx(rows()).splitlines()

    assert lines[0] == (
        "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,MATERIAL,INDICATOR,ORIGIN,"
        "SOURCE_AREA,TIME_PERIOD,OBS_VALUE,UNIT_MEASURE,UNIT_MULT,OBS_STATUS,"
        "VINTAGE,METHOD_ID,LEDGER_ROOT"
    )
    assert lines[1] == (
        "datastructure,RMT:DSD_RECSUPPLY(1.0),I,M,CN-GD,Al,RECYCLED_SUPPLY,"
        "POST_CONSUMER_ELV,IMPORTED,2026-03,9007199254740991,GRM,0,A,"
        "18204,recycled-supply/1,cm9vdA=="
    )
    assert ",2026-Q1,27.40,PT,0,P," in lines[2]
    assert ",2026-02,,GRM,0,Q," in lines[4]


def test_many_rows_have_one_head() -> None:
    made = rows() * (ROWS_PER_CHUNK // 4 + 1)

    lines = sdmx(made).splitlines()

    assert len(lines) == len(made) + 1
    assert sum(line.startswith("STRUCTURE,") for line in lines) == 1


def test_a_table_without_rows_is_a_head() -> None:
    assert sdmx([]).count("\n") == 1


@pytest.mark.parametrize("promised", [3, 5])
def test_sdmx_is_complete_or_an_error(promised: int) -> None:
    with pytest.raises(RowCountDiffers):
        list(sdmx_csv_chunks(table(rows(), promised)))


def test_a_code_that_is_not_in_its_list_is_refused() -> None:
    bad = list(rows()[0])
    bad[2] = "Xx"

    with pytest.raises(BadCell, match="row 1, MATERIAL: found 'Xx'"):
        sdmx([bad])


def test_a_table_of_other_columns_is_refused() -> None:
    other = Table("x", "x", "x", OBSERVATION_COLUMNS[:3], [], 0)

    with pytest.raises(NotObservations, match="take CSV"):
        list(sdmx_csv_chunks(other))


def test_observations_without_a_vintage_are_refused() -> None:
    bare = Table("x", "x", "x", OBSERVATION_COLUMNS, [], 0)

    with pytest.raises(NotObservations, match="LEDGER_ROOT, METHOD_ID, VINTAGE"):
        list(sdmx_csv_chunks(bare))


def test_a_missing_value_says_why() -> None:
    with pytest.raises(ValueError, match="no value with status A"):
        observation(
            period="2026",
            province="",
            metal="Al",
            indicator="S1",
            value=None,
            unit="PT",
        )


def test_without_the_extra_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(SdmxMissing, match=r"remelt\[sdmx\]"):
        sdmx(rows())


def test_the_structure_names_each_component_and_each_code() -> None:
    document = json.loads(structure_json(AT))

    data = document["data"]
    structure = data["dataStructures"][0]
    parts = structure["dataStructureComponents"]
    dimensions = parts["dimensionList"]
    names = [one["id"] for one in dimensions["dimensions"]]
    times = dimensions.get("timeDimension")
    assert (structure["agencyID"], structure["id"]) == ("RMT", "DSD_RECSUPPLY")
    assert names + ([times["id"]] if times else []) == list(DIMENSIONS)
    assert "groups" not in parts
    lists = {
        one["id"]: {code["id"] for code in one["codes"]} for one in data["codelists"]
    }
    assert lists == {f"CL_{name}": set(codes) for name, codes in CODELISTS.items()}
    assert structure_json(AT) == structure_json(AT)


def test_every_province_has_an_area_and_back() -> None:
    provinces = [row["code"] for row in read_csv("provinces.csv")]

    areas = [row["iso_3166_2"] for row in read_csv("provinces.csv")]

    assert [gbt_2260_of(area) for area in areas] == provinces
    assert gbt_2260_of("CN") == ""


def test_periods_are_written_as_sdmx_has_them() -> None:
    assert time_period_of("2026-Q3") == ("Q", "2026-Q3")
    assert time_period_of("2026Q3") == ("Q", "2026-Q3")
    assert time_period_of("2025") == ("A", "2025")
