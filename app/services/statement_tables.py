"""Statements as tables that are ready to be written in any format.

Grams are whole; shares are exact until here and rounded half up once, to hundredths
of a per cent. The upper end of a share never stands without the lower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from app.export.codelists import CODELISTS, observation
from app.export.columns import GRAMS, PERCENT, column
from app.export.sdmx import OBSERVATION_COLUMNS
from app.export.tables import (
    Column,
    Row,
    Table,
    statement_meta,
)
from app.queries.statements import SupplySum
from app.services.rounding import percent_half_up
from app.services.rules import provinces
from app.services.statements import METHOD, Line, Statement
from app.services.supply_shares import (
    SHARE,
    Bounds,
    end_of_life_input_rate,
    old_scrap_ratio,
    platform_share,
)

DECIMALS = 2
COVERAGE_TEXT = (
    "supply recorded on this platform; coverage = recycled metal recorded / "
    "(national recycled output of that metal x months / 12), per line"
)
NOTES = (
    SHARE.formula.en,
    SHARE.formula.zh,
    "Recycled and unknown metal counts once, when it leaves scrap as metal; primary "
    "metal when it comes in from outside, opening stock excepted.",
    "再生和来源不明的金属在离开废料成为金属时计一次；原生金属在外部购入时计入，期初库存不计。",
)
SHARE_COLUMNS = (
    column("period", "时期", "period"),
    column("metal", "金属", "metal"),
    column("province", "省份代码", "province code"),
    column("province_zh", "省份", "province in Chinese"),
    column("province_en", "省份（英文）", "province"),
    column("post_consumer_elv_g", "报废汽车", "end-of-life vehicles", GRAMS),
    column("post_consumer_g", "其他消费后", "other post-consumer", GRAMS),
    column("pre_consumer_g", "消费前", "pre-consumer", GRAMS),
    column("recycled_g", "再生合计", "recycled", GRAMS),
    column("direct_use_g", "其中直接利用", "of it direct use", GRAMS),
    column("imported_g", "其中进口废料", "of it imported scrap", GRAMS),
    column("unknown_g", "来源不明", "unknown origin", GRAMS),
    column("primary_g", "原生", "primary", GRAMS),
    column("total_g", "供应合计", "total supply", GRAMS),
    column("share_pct", "再生占比下限", "recycled share, lower end", PERCENT),
    column("share_upper_pct", "再生占比上限", "recycled share, upper end", PERCENT),
    column("eol_rir_pct", "旧废料占供应下限", "EOL-RIR, lower end", PERCENT),
    column("eol_rir_upper_pct", "旧废料占供应上限", "EOL-RIR, upper end", PERCENT),
    column("osr_pct", "旧废料比下限", "OSR, lower end", PERCENT),
    column("osr_upper_pct", "旧废料比上限", "OSR, upper end", PERCENT),
    column("coverage_pct", "占全国再生产量", "coverage", PERCENT),
    column("status", "状态（A 正常，P 初步）", "status (A final, P provisional)"),
)
SUM_COLUMNS = (
    column("period", "时期", "period"),
    column("metal", "金属", "metal"),
    column("province", "省份代码", "province code"),
    column("flow", "流向", "flow"),
    column("origin_class", "来源类别", "origin class"),
    column("source_area", "国内或进口", "domestic or imported"),
    column("metal_g", "金属量", "metal", GRAMS),
)


def share_table(statement: Statement) -> Table:
    """Shares with both ends, one row for each period, metal and region."""
    rows = [_share_row(line) for line in statement.lines]
    return _table(
        statement,
        "recycled-supply-shares",
        ("再生金属供应占比", "Shares of recycled metal in the supply recorded"),
        SHARE_COLUMNS,
        rows,
    )


def sum_table(statement: Statement) -> Table:
    """Grams by origin class, flow, domestic or imported: what the shares rest on."""
    one_province = statement.question.province or ""
    rows = [
        (
            one.month,
            one.metal,
            one.province or one_province,
            one.flow,
            one.origin_class,
            "imported" if one.imported else "domestic",
            one.metal_g,
        )
        for one in statement.sums
    ]
    return _table(
        statement,
        "recycled-supply-sums",
        ("金属供应，按来源类别", "Metal supply by origin class"),
        SUM_COLUMNS,
        rows,
    )


def observation_table(statement: Statement) -> Table:
    """The same figures as observations of ``RMT:DSD_RECSUPPLY``, for SDMX."""
    rows = [row for line in statement.lines for row in _share_observations(line)]
    rows += _sum_observations(statement)
    return _table(
        statement,
        "recycled-supply-observations",
        ("再生金属供应：观测值", "Recycled metal supply: observations"),
        OBSERVATION_COLUMNS,
        rows,
    )


STATEMENT_TABLES: dict[str, Callable[[Statement], Table]] = {
    "shares": share_table,
    "sums": sum_table,
    "observations": observation_table,
}


def _table(
    statement: Statement,
    name: str,
    titles: tuple[str, str],
    columns: tuple[Column, ...],
    rows: Sequence[Row],
) -> Table:
    return Table(
        id=name,
        title_zh=titles[0],
        title_en=titles[1],
        columns=columns,
        rows=rows,
        row_count=len(rows),
        meta=statement_meta(
            table_id=name,
            method=METHOD,
            coverage=COVERAGE_TEXT,
            checkpoint=statement.checkpoint,
            row_count=len(rows),
            editions=statement.editions,
            filters=statement.filters,
            notes=NOTES,
        ),
    )


def _share_row(line: Line) -> Row:
    totals = line.totals
    named = provinces().get(line.province, {})
    return (
        line.period,
        line.metal,
        line.province,
        named.get("name_zh", "全国"),
        named.get("name_en", "China"),
        totals.post_consumer_elv_g,
        totals.post_consumer_g,
        totals.pre_consumer_g,
        totals.recycled_g,
        line.direct_use_g,
        line.imported_g,
        totals.unknown_g,
        totals.primary_g,
        totals.total_g,
        *_ends(platform_share(totals)),
        *_ends(end_of_life_input_rate(totals)),
        *_ends(old_scrap_ratio(totals)),
        coverage_percent(line),
        "P" if line.provisional else "A",
    )


def _ends(bounds: Bounds | None) -> tuple[Decimal | None, Decimal | None]:
    if bounds is None:
        return None, None
    return (
        percent_half_up(bounds.lower, DECIMALS),
        percent_half_up(bounds.upper, DECIMALS),
    )


def coverage_percent(line: Line) -> Decimal | None:
    """Coverage of a line in %, rounded half up; None where there is none."""
    if line.coverage is None or line.coverage.value is None:
        return None
    return percent_half_up(line.coverage.value, DECIMALS)


def _share_observations(line: Line) -> Iterator[Row]:
    status = "P" if line.provisional else "A"
    totals = line.totals

    def say(indicator: str, value: int | Decimal | None, unit: str) -> Row:
        return observation(
            period=line.period,
            province=line.province,
            metal=line.metal,
            indicator=indicator,
            value=value,
            unit=unit,
            status="M" if value is None else status,
        )

    yield say("RECYCLED_SUPPLY", totals.recycled_g, "GRM")
    yield say("TOTAL_SUPPLY", totals.total_g, "GRM")
    for name, bounds in (
        ("RECYCLED_SHARE", platform_share(totals)),
        ("EOL_RIR", end_of_life_input_rate(totals)),
        ("OSR", old_scrap_ratio(totals)),
    ):
        lower, upper = _ends(bounds)
        yield say(name, lower, "PT")
        yield say(f"{name}_UPPER", upper, "PT")
    if line.coverage is not None:
        yield say("COVERAGE", coverage_percent(line), "PT")


_INDICATORS = {"primary": "PRIMARY_SUPPLY", "unknown": "UNKNOWN_SUPPLY"}


def _sum_observations(statement: Statement) -> Iterator[Row]:
    """One observation for each class, domestic or imported; unknown over all flows."""
    province = statement.question.province or ""
    provisional = {
        (line.metal, line.province, line.period)
        for line in statement.lines
        if line.provisional
    }
    grams: dict[tuple[str, str, str, str, str, bool], int] = {}
    for one in statement.sums:
        key = _observed(one, province)
        grams[key] = grams.get(key, 0) + one.metal_g
    for key, metal_g in sorted(grams.items()):
        period, region, metal, indicator, origin_class, imported = key
        yield observation(
            period=period,
            province=region,
            metal=metal,
            indicator=indicator,
            value=metal_g,
            unit="GRM",
            status="P" if (metal, region, period) in provisional else "A",
            origin_class=origin_class,
            source_area="IMPORTED" if imported else "DOMESTIC",
        )


def _observed(one: SupplySum, province: str) -> tuple[str, str, str, str, str, bool]:
    indicator = _INDICATORS.get(one.origin_class, one.flow.upper())
    if indicator not in CODELISTS["INDICATOR"]:
        raise ValueError(f"a supply record has the flow {one.flow!r}")
    region = one.province or province
    return one.month, region, one.metal, indicator, one.origin_class, one.imported
