"""National ratios and targets as tables: no log stands behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from app.data import read_csv
from app.export.columns import PERCENT, PERCENT_DECIMALS, column
from app.export.tables import Column, MetaItem, Row, Table
from app.services.national import Bilingual, Figure, national_series
from app.services.national_progress import (
    STANDINGS,
    Progress,
    parse_targets,
    progress,
)
from app.services.published_ratios import shipped_ratios
from app.services.rounding import round_half_up

METHOD = "national-ratios/1"
RATIO_NAMES = {
    "S3_Pb_recycled_over_lead": Bilingual("铅占比 S3", "lead ratio S3"),
    "S3_Zn_recycled_over_zinc": Bilingual("锌占比 S3", "zinc ratio S3"),
    "S4_Al_recycled_in_national_aluminium_output": Bilingual(
        "铝占比 S4（2017 年行动方案）", "aluminium ratio S4 (action plan of 2017)"
    ),
    "S4_Cu_recycled": Bilingual(
        "铜占比 S4（2017 年行动方案）", "copper ratio S4 (action plan of 2017)"
    ),
    "S4_Pb_recycled": Bilingual(
        "铅占比 S4（2017 年行动方案）", "lead ratio S4 (action plan of 2017)"
    ),
    "S4_Al_target": Bilingual("铝占比 S4 目标", "aluminium ratio S4, target"),
    "S4_Cu_target": Bilingual("铜占比 S4 目标", "copper ratio S4, target"),
    "S4_Pb_target": Bilingual("铅占比 S4 目标", "lead ratio S4, target"),
}
"""Ratios that are shown as published only: what they are called."""


def ratio_table() -> Table:
    """National ratios: computed from the series, or shown as published only."""
    rows = [
        (
            one.id,
            one.period,
            "computed" if one.computed else "published only",
            _mt(one.numerator),
            _mt(one.denominator),
            one.percent(PERCENT_DECIMALS),
            one.edition,
            one.published.percent if one.published else None,
            one.formula.zh if one.formula else None,
            one.formula.en if one.formula else None,
            one.why.zh if one.why else None,
            one.why.en if one.why else None,
            one.caution.zh if one.caution else None,
            one.caution.en if one.caution else None,
            _sources(one.figures) or (one.published.source if one.published else ""),
        )
        for one in shipped_ratios()
    ]
    return _national_table(
        "national-ratios",
        ("全国占比：计算值与公布值", "National ratios, computed and published"),
        (
            column("ratio", "指标", "ratio"),
            column("period", "时期", "period"),
            column("state", "状态", "state"),
            column("numerator", "分子", "numerator", ("decimal", "Mt", None)),
            column("denominator", "分母", "denominator", ("decimal", "Mt", None)),
            column("computed_pct", "计算值", "computed", PERCENT),
            column("edition", "版次", "edition"),
            column("published_pct", "公布值", "published", ("decimal", "%", None)),
            column("formula_zh", "公式", "formula in Chinese"),
            column("formula_en", "公式（英文）", "formula"),
            column("why_zh", "未计算的原因", "why not computed, in Chinese"),
            column("why_en", "未计算的原因（英文）", "why not computed"),
            column("caution_zh", "注意", "caution in Chinese"),
            column("caution_en", "注意（英文）", "caution"),
            column("source", "来源", "source"),
        ),
        rows,
    )


def progress_table() -> Table:
    """Where the published targets stand."""
    rows = [_progress_row(one) for one in target_progress()]
    return _national_table(
        "national-targets",
        ("目标进展", "Progress against the targets"),
        (
            column("target_year", "目标年份", "target year", ("integer", "", None)),
            column("label_zh", "目标", "target in Chinese"),
            column("label_en", "目标（英文）", "target"),
            column("comparison", "比较", "comparison"),
            column("target", "目标值", "target value", ("decimal", "", None)),
            column("unit", "单位", "unit"),
            column("standing_zh", "进展", "standing in Chinese"),
            column("standing_en", "进展（英文）", "standing"),
            column("period", "数据年份", "year of the figure"),
            column("value", "数值", "value", ("decimal", "", PERCENT_DECIMALS)),
            column("gap", "差距", "gap", ("decimal", "", PERCENT_DECIMALS)),
            column("editions", "版次", "editions"),
            column("source", "来源", "source"),
        ),
        rows,
    )


def target_progress() -> list[Progress]:
    """Where each target that ships with the product stands."""
    return progress(national_series(), parse_targets(read_csv("targets.csv")))


NATIONAL_TABLES: dict[str, Callable[[], Table]] = {
    "ratios": ratio_table,
    "targets": progress_table,
}


def _national_table(
    name: str, titles: tuple[str, str], columns: tuple[Column, ...], rows: Sequence[Row]
) -> Table:
    meta = (
        MetaItem("method", "方法", "Method", METHOD),
        MetaItem("data_sha256", "数据 SHA-256", "SHA-256 of the data", _digest()),
        MetaItem("rows", "行数", "Rows", str(len(rows))),
    )
    return Table(name, *titles, columns, rows, len(rows), meta)


def _digest() -> str:
    """Of the rows that the national figures come from, in the order of their files."""
    digest = hashlib.sha256()
    for name in ("national_series.csv", "recycled_share.csv", "targets.csv"):
        for row in read_csv(name):
            digest.update(repr(sorted(row.items())).encode())
    return digest.hexdigest()


def _mt(value: Fraction | None) -> Decimal | None:
    return None if value is None else round_half_up(value, 4)


def _sources(figures: Iterable[Figure]) -> str:
    return "; ".join(dict.fromkeys(one.source for one in figures))


def _progress_row(one: Progress) -> Row:
    target, reading = one.target, one.reading
    return (
        target.year,
        target.label.zh,
        target.label.en,
        target.comparison,
        round_half_up(target.value, PERCENT_DECIMALS),
        target.unit,
        STANDINGS[one.standing].zh,
        STANDINGS[one.standing].en,
        reading.period if reading else None,
        round_half_up(reading.value, PERCENT_DECIMALS) if reading else None,
        None if one.gap is None else round_half_up(one.gap, PERCENT_DECIMALS),
        "; ".join(f"{k} = {v}" for k, v in reading.editions.items())
        if reading
        else None,
        target.source,
    )
