"""Statements over the golden chain: figures worked out by hand from its rows."""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from openpyxl import load_workbook
from pysdmx.io import read_sdmx

from app.export.csv import write_statement_zip
from app.export.sdmx import sdmx_csv_chunks
from app.export.xlsx import write_xlsx
from app.queries.errors import NotFound
from app.services.access import ROLES, Actor
from app.services.errors import Conflict, Forbidden, Refused
from app.services.national_tables import NATIONAL_TABLES
from app.services.statement_tables import STATEMENT_TABLES, share_table
from app.services.statements import (
    Question,
    Statement,
    find_newest,
    make_statement,
    parse_question,
)
from app.services.supply_shares import SupplyTotals, platform_share
from labels.codes import new_code
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, post, set_up
from tests.world import World, code_of

STATISTICIAN = Actor(7, None, None, frozenset({"statistician"}))
# the rows of runs 15, 16 and 24 of the vector, class by class, added by hand
ELV_G = 10_925_148 + 7_345_442
POST_G = 7_442_312 + 6_659_807 + 5_003_783 + 3_975_564
POST_IMPORTED_G = 6_659_807 + 3_975_564
PRE_G = 2_236_132 + 1_543_599 + 2_981_003
PRE_GUANGXI_G = 2_981_003
INGOT_G, SILICON_G = 9_972_434, 985_322  # came in during March
RECYCLED_G = ELV_G + POST_G + PRE_G
PRIMARY_G = 4_985_000  # of 5 t at 99.7 %


@pytest.fixture
def chain(world: World) -> World:
    """The chain under a checkpoint."""
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post(world, item)
    world.checkpoint()
    return world


def source_primary(world: World, **more: Any) -> str:
    """Five tonnes of ingot on the first of May in Shanghai; gives the fact's id."""
    data = {
        "lot": new_code(),
        "facility": code_of("FAC-S"),
        "material": "AL-INGOT-99.70",
        "source": "primary",
        "origin_class": "primary",
        "weighing": {"net_g": 5_000_000, "scale": "FAC-S-W1"},
        "metal": "Al",
        "content_ppm": 997_000,
        "content_basis": "assay",
    }
    fact = world.fact(
        "lot.sourced", code_of("ORG-S"), data | more, at="2026-04-30T16:00:00Z"
    )
    world.post([fact])
    return fact.id


def make(world: World, **asked: Any) -> Statement:
    with world.reading() as session:
        return make_statement(session, STATISTICIAN, Question(**asked))


def test_the_chain_gives_the_sums_worked_out_by_hand(chain: World) -> None:
    march, line, silicon = make(chain, by="month").lines

    assert (march.period, march.totals) == (
        "2026-03",
        SupplyTotals(primary_g=INGOT_G),
    )
    assert (silicon.metal, silicon.totals) == ("Si", SupplyTotals(primary_g=SILICON_G))
    assert (line.period, line.metal, line.province) == ("2026-04", "Al", "")
    assert line.totals.post_consumer_elv_g == ELV_G
    assert line.totals.post_consumer_g == POST_G
    assert line.totals.pre_consumer_g == PRE_G
    assert (line.totals.unknown_g, line.totals.primary_g) == (0, 0)
    assert (line.imported_g, line.direct_use_g) == (POST_IMPORTED_G, 0)


def test_provinces_add_up_to_the_country(chain: World) -> None:
    each = make(chain, by="year", by_province=True, metal="Al").lines
    guangxi = make(chain, by="year", province="450000").lines

    assert [(line.province, line.period) for line in each] == [
        ("440000", "2026"),
        ("450000", "2026"),
    ]
    assert guangxi[0].totals == each[1].totals
    assert guangxi[0].totals.recycled_g == PRE_GUANGXI_G
    total = sum(line.totals.recycled_g for line in each)
    assert total == RECYCLED_G
    assert each[0].totals.primary_g == INGOT_G


def test_primary_metal_counts_when_it_comes_in_and_opening_stock_never(
    chain: World,
) -> None:
    source_primary(chain)
    chain.checkpoint()

    lines = make(chain, by="month", metal="Al").lines

    # 30 April 16:00 UTC is the first of May in the books
    assert [line.period for line in lines] == ["2026-03", "2026-04", "2026-05"]
    assert lines[2].totals == SupplyTotals(primary_g=PRIMARY_G)
    [year] = make(chain, by="year", metal="Al").lines
    bounds = platform_share(year.totals)
    assert bounds is not None
    total_g = RECYCLED_G + INGOT_G + PRIMARY_G
    assert bounds.lower == bounds.upper == Fraction(RECYCLED_G, total_g)


def test_bounds_widen_to_whole_periods_and_leave_the_rest_out(chain: World) -> None:
    source_primary(chain)
    chain.checkpoint()

    april = make(chain, by="month", first="2026-04", last="2026-04")
    quarter = make(chain, by="quarter", first="2026-05", last="2026-05")

    assert [line.period for line in april.lines] == ["2026-04"]
    assert quarter.question.first == "2026Q2"
    assert quarter.lines[0].totals.recycled_g == RECYCLED_G
    assert quarter.lines[0].totals.primary_g == PRIMARY_G
    assert not make(chain, by="month", first="2026-06").lines
    assert not make(chain, by="month", metal="Cu").lines


def test_an_older_vintage_gives_the_same_figures_whatever_came_later(
    chain: World,
) -> None:
    before = make(chain, by="month")
    primary = source_primary(chain)
    chain.checkpoint()
    with_primary = make(chain, by="month")
    void = {"corrects": primary, "action": "void", "reason": "录入错误"}
    chain.state("entry.corrected", code_of("ORG-S"), void)
    chain.checkpoint()

    again = make(chain, by="month", vintage=before.checkpoint.size)
    between = make(chain, by="month", vintage=with_primary.checkpoint.size)
    after = make(chain, by="month")

    assert again == before
    assert between == with_primary
    assert share_table(again).meta == share_table(before).meta
    assert after.sums == before.sums
    assert share_table(after).meta != share_table(before).meta


def test_an_assay_counts_from_its_own_vintage_on(chain: World) -> None:
    code = new_code()
    source_primary(chain, lot=code)
    chain.checkpoint()
    declared = make(chain)
    assay = {
        "lot": code,
        "laboratory": "示例 laboratory",
        "method": "OES",
        "elements_ppm": {"Al": 990_000},
    }
    chain.state("lot.assayed", code_of("ORG-S"), assay)
    chain.checkpoint()

    may = make(chain, by="month", first="2026-05").lines[0]
    again = make(
        chain, by="month", first="2026-05", vintage=declared.checkpoint.size
    ).lines[0]
    assert may.totals.primary_g == 4_950_000
    assert again.totals.primary_g == PRIMARY_G


def test_a_vintage_without_checkpoint_is_refused_with_the_nearest_ones(
    chain: World,
) -> None:
    size = make(chain).checkpoint.size

    with pytest.raises(NotFound, match=f"the nearest are {size}"):
        make(chain, vintage=size - 1)


def test_without_any_checkpoint_there_is_no_statement(world: World) -> None:
    with pytest.raises(Conflict, match="no checkpoint"):
        make(world)


def test_only_the_three_roles_may_make_a_statement(chain: World) -> None:
    with chain.reading() as session:
        for role in ROLES:
            actor = Actor(7, 1, None, frozenset({role}))
            if role in ("auditor", "statistician", "registrar"):
                assert make_statement(session, actor, Question()).lines
            else:
                with pytest.raises(Forbidden):
                    make_statement(session, actor, Question())
        reader = Actor(7, None, None, frozenset({"auditor"}), frozenset({"read"}))
        with pytest.raises(Forbidden, match="scope statistics"):
            make_statement(session, reader, Question())


def test_every_fault_of_a_question_is_listed() -> None:
    with pytest.raises(Refused) as refused:
        parse_question({"from": "2026-13", "metal": "Unobtainium", "province": "1"})
    assert [one.field for one in refused.value.faults] == ["from", "metal", "province"]
    with pytest.raises(Refused) as refused:
        parse_question({"by": "week", "vintage": "-1"})
    assert [one.field for one in refused.value.faults] == ["by", "vintage"]
    with pytest.raises(Refused, match="2026Q2 or later"):
        parse_question({"from": "2026Q2", "to": "2026-03"})


def test_the_finding_says_share_and_coverage_of_the_newest_period(chain: World) -> None:
    source_primary(chain)
    chain.checkpoint()
    found = find_newest(make(chain, by="month"))

    assert found is not None
    # May has not gone by yet at this vintage: the newest whole month speaks
    assert (found.metal, found.period) == ("Al", "2026-04")
    national = found.coverage.national
    assert national is not None
    assert found.coverage.value == RECYCLED_G * 12 / (national.value * 10**12)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


@pytest.mark.parametrize("name", sorted(STATEMENT_TABLES))
def test_a_zip_of_csv_is_complete_and_says_what_it_rests_on(
    chain: World, name: str
) -> None:
    statement = make(chain, by="month", by_province=True)
    table = STATEMENT_TABLES[name](statement)
    target = io.BytesIO()
    write_statement_zip(table, target, publisher="示例", address="https://x.invalid/")

    with zipfile.ZipFile(target) as archive:
        rows = rows_of(archive.read("data.csv"))
        facts = {
            row["key"]: row["value"] for row in rows_of(archive.read("metadata.csv"))
        }
    assert len(rows) == table.row_count == int(facts["rows"])
    assert facts["method"] == "recycled-supply/1"
    assert facts["vintage"] == str(statement.checkpoint.size)
    assert facts["log_root"] == statement.checkpoint.root
    if name == "sums":
        total_g = sum(int(row["metal_g"]) for row in rows)
        assert total_g == RECYCLED_G + INGOT_G + SILICON_G


def test_xlsx_and_sdmx_hold_the_same_figures(chain: World) -> None:
    statement = make(chain, by="quarter", first="2026Q2")
    book = io.BytesIO()
    write_xlsx(share_table(statement), book, language="en")
    table = STATEMENT_TABLES["observations"](statement)
    observations = rows_of(b"".join(sdmx_csv_chunks(table)))

    sheet = load_workbook(book)["data"]
    heads, *rows = [[cell.value for cell in row] for row in sheet.rows]
    assert len(rows) == 1
    assert dict(zip(heads, rows[0], strict=True))["recycled (g)"] == RECYCLED_G
    assert len(observations) == table.row_count
    by_key = {
        (row["INDICATOR"], row["ORIGIN"], row["SOURCE_AREA"]): row["OBS_VALUE"]
        for row in observations
    }
    assert len(by_key) == len(observations)
    assert by_key["RECYCLED_SUPPLY", "_T", "_T"] == str(RECYCLED_G)
    assert by_key["RECYCLED_OUTPUT", "POST_CONSUMER", "IMPORTED"] == str(
        POST_IMPORTED_G
    )
    assert by_key["RECYCLED_SHARE", "_T", "_T"] == "100.00"
    assert {row["VINTAGE"] for row in observations} == {str(statement.checkpoint.size)}
    message: Any = read_sdmx(b"".join(sdmx_csv_chunks(table)).decode())
    [dataset] = message.data
    read_back = dataset.data
    assert len(read_back) == table.row_count
    assert [Decimal(str(value)) for value in read_back["OBS_VALUE"]] == [
        Decimal(row["OBS_VALUE"]) for row in observations
    ]


def test_national_tables_say_computed_and_published_apart() -> None:
    ratios = NATIONAL_TABLES["ratios"]()
    ids = [column.id for column in ratios.columns]
    rows = [dict(zip(ids, row, strict=True)) for row in ratios.rows]

    assert len(rows) == ratios.row_count
    revised = [
        row["computed_pct"]
        for row in rows
        if row["ratio"] == "S1_policy_ratio"
        and (row["period"], row["edition"]) == ("2023", "revised")
    ]
    assert revised == [Decimal("23.70")]
    [lead] = [row for row in rows if row["ratio"] == "S3_Pb_recycled_over_lead"]
    assert (lead["state"], lead["published_pct"]) == ("published only", Decimal(47))


def test_progress_stands_against_the_three_targets() -> None:
    targets = NATIONAL_TABLES["targets"]()
    ids = [column.id for column in targets.columns]
    rows = [dict(zip(ids, row, strict=True)) for row in targets.rows]

    wanted = {row["target"] for row in rows if row["target_year"] == 2025}
    assert {Decimal("24.00"), Decimal("4.00"), Decimal("11.50")} <= wanted


def test_a_run_taken_back_leaves_statements_of_earlier_vintages_as_they_were(
    chain: World,
) -> None:
    before = {by: make(chain, by=by) for by in ("month", "quarter", "year")}
    by_province = make(chain, by="month", by_province=True)
    last_melt = golden()["facts"][CHAIN_FACTS - 1]["fact"]
    void = {"corrects": last_melt["id"], "action": "void", "reason": "录入错误"}
    chain.state("entry.corrected", code_of(last_melt["org"]), void)
    chain.checkpoint()
    vintage = by_province.checkpoint.size

    assert make(chain, by="month", by_province=True, vintage=vintage) == by_province
    for by, statement in before.items():
        assert make(chain, by=by, vintage=vintage) == statement
        after = make(chain, by=by, metal="Al")
        assert sum(line.totals.recycled_g for line in after.lines) == (
            RECYCLED_G - PRE_GUANGXI_G
        )
    # what was counted and taken back leaves no line and no province behind
    assert {line.province for line in make(chain, by_province=True).lines} == {"440000"}


def test_every_way_of_cutting_the_sums_adds_up_to_the_same_grams(chain: World) -> None:
    source_primary(chain)
    chain.checkpoint()
    whole = sum(one.metal_g for one in make(chain, by="year").sums)

    for by in ("month", "quarter", "year"):
        for by_province in (False, True):
            statement = make(chain, by=by, by_province=by_province)
            assert sum(one.metal_g for one in statement.sums) == whole
            assert sum(line.totals.total_g for line in statement.lines) == whole
    imported = sum(one.metal_g for one in make(chain).sums if one.imported)
    assert imported == POST_IMPORTED_G
    classes: dict[str, int] = {}
    for one in make(chain, metal="Al").sums:
        classes[one.origin_class] = classes.get(one.origin_class, 0) + one.metal_g
    assert classes == {
        "post_consumer_elv": ELV_G,
        "post_consumer": POST_G,
        "pre_consumer": PRE_G,
        "primary": INGOT_G + PRIMARY_G,
    }
    parts = [
        make(chain, by="month", first=month, last=month).sums
        for month in ("2026-03", "2026-04", "2026-05")
    ]
    assert sum(one.metal_g for part in parts for one in part) == whole


def test_primary_metal_in_stock_when_the_books_begin_is_no_supply(world: World) -> None:
    org = world.register("smelter")
    site = world.facility(org, "casthouse", kind="smelter")
    for source in ("opening", "primary"):
        world.sourced(
            org,
            site,
            source=source,
            origin_class="primary",
            material="AL-INGOT-99.70",
            content_ppm=997_000,
        )
    world.checkpoint()

    [line] = make(world, by="month").lines

    assert line.totals == SupplyTotals(primary_g=9_970_000)
