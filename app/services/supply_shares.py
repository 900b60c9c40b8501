"""Shares of the supply that is recorded here, with both ends, and their coverage.

All are functions of sums over supply records at one vintage: whole grams in, exact
fractions out. Metal of unknown origin counts as not recycled in the lower end and as
recycled in the upper; it stands in the denominator of both, so that the true share
lies between them. The upper end is never shown without the lower.

Sources of the indicators: ILZSG "Recycling Rate Definitions" and ICSG (RIR), Eurostat
cei_srm010 (EOL-RIR), UNEP/IRP 2011 (OSR).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from app.services.national import (
    RECYCLED_AL,
    RECYCLED_CU,
    Bilingual,
    Figure,
    Series,
    Term,
)

GRAMS_PER_MT = 10**12
MONTHS_IN_YEAR = 12
_PERIOD = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])|-?Q([1-4]))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyTotals:
    """Metal recorded for one metal, period and region, in grams, by origin class.

    Sums over supply records with their signs; a correction booked in a later period
    can make one negative. Recycled output and direct use are both in them.

    Attributes:
        post_consumer_elv_g: From end-of-life vehicles.
        post_consumer_g: From other end-user scrap.
        pre_consumer_g: From the waste stream of others.
        unknown_g: Not evidenced: internal returns that left their boundary included.
        primary_g: From ore, or additions.
    """

    post_consumer_elv_g: int = 0
    post_consumer_g: int = 0
    pre_consumer_g: int = 0
    unknown_g: int = 0
    primary_g: int = 0

    @property
    def old_g(self) -> int:
        """Old scrap: what end users discarded, in grams."""
        return self.post_consumer_elv_g + self.post_consumer_g

    @property
    def recycled_g(self) -> int:
        """Old and new scrap, in grams."""
        return self.old_g + self.pre_consumer_g

    @property
    def total_g(self) -> int:
        """All supply recorded, in grams."""
        return self.recycled_g + self.unknown_g + self.primary_g


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both ends of a share, exact; ``lower <= upper``, both between 0 and 1."""

    lower: Fraction
    upper: Fraction


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator, its formula, and whether the records can answer it.

    Attributes:
        id: Its code.
        name: What it is called.
        formula: In words.
        why_not: Why it cannot be computed from supply records; None if it can.
    """

    id: str
    name: Bilingual
    formula: Bilingual
    why_not: Bilingual | None = None


_NO_STOCK_MODEL = Bilingual(
    "需要报废量（可供回收的金属量），账本中没有。",
    "Needs the metal available from end-of-life products, which no log records.",
)
_NO_FABRICATION = Bilingual(
    "需要加工环节的全部金属投入，账本只记录其中一部分。",
    "Needs all metal put into fabrication, of which the log records a part.",
)
SHARE = Indicator(
    "RECYCLED_SHARE",
    Bilingual("再生金属供应占比", "recycled supply share"),
    Bilingual(
        "再生（消费后 + 消费前）÷（再生 + 来源不明 + 原生）；上限把来源不明计入再生",
        "recycled (post- + pre-consumer) ÷ (recycled + unknown + primary); "
        "the upper end counts unknown as recycled",
    ),
)
RIR = Indicator(
    "RIR",
    Bilingual("再生投入率 RIR", "recycling input rate (RIR)"),
    Bilingual(
        "废料（旧 + 新，含直接利用）所得金属 ÷ 所记录的全部金属供应",
        "metal from scrap (old + new, direct use included) ÷ all metal supply recorded",
    ),
)
EOL_RIR = Indicator(
    "EOL_RIR",
    Bilingual("报废再生投入率 EOL-RIR", "end-of-life recycling input rate (EOL-RIR)"),
    Bilingual(
        "旧废料所得金属 ÷ 所记录的全部金属供应；不含新废料",
        "metal from old scrap ÷ all metal supply recorded; new scrap is left out",
    ),
)
OSR = Indicator(
    "OSR",
    Bilingual("旧废料比 OSR", "old scrap ratio (OSR)"),
    Bilingual(
        "旧废料 ÷（旧废料 + 新废料）；来源不明计入分母，上限亦计入分子",
        "old scrap ÷ (old + new scrap); unknown stands in the denominator, "
        "in the upper end also in the numerator",
    ),
)
EOL_RR = Indicator(
    "EOL_RR",
    Bilingual("报废回收率 EOL-RR", "end-of-life recycling rate (EOL-RR)"),
    Bilingual(
        "报废产品中再生的金属 ÷ 报废产品中可供回收的金属",
        "metal recycled from end-of-life products ÷ metal available in them",
    ),
    _NO_STOCK_MODEL,
)
RC = Indicator(
    "RC",
    Bilingual("再生含量 RC", "recycled content (RC)"),
    Bilingual(
        "所用废料（旧 + 新）÷ 加工环节的全部金属投入",
        "scrap used (old + new) ÷ all metal put into fabrication",
    ),
    _NO_FABRICATION,
)
INDICATORS: Mapping[str, Indicator] = {
    one.id: one for one in (SHARE, RIR, EOL_RIR, OSR, EOL_RR, RC)
}


def platform_share(totals: SupplyTotals) -> Bounds | None:
    """The recycled share of the supply recorded here: ``SHARE``.

    Args:
        totals: For one metal, period and region.

    Returns:
        Both ends; None where there is no supply, or where corrections of an earlier
        period outweigh a class, so that no share has a meaning.
    """
    return _bounds(totals.recycled_g, totals, totals.total_g)


def recycling_input_rate(totals: SupplyTotals) -> Bounds | None:
    """``RIR`` in the form of ICSG, over the supply recorded here.

    As an amount it equals ``platform_share``: both put all scrap over all supply.

    Args:
        totals: For one metal, period and region.

    Returns:
        Both ends; None where they have no meaning.
    """
    return platform_share(totals)


def end_of_life_input_rate(totals: SupplyTotals) -> Bounds | None:
    """``EOL_RIR``: old scrap in the supply recorded here.

    Args:
        totals: For one metal, period and region.

    Returns:
        Both ends; None where they have no meaning.
    """
    return _bounds(totals.old_g, totals, totals.total_g)


def old_scrap_ratio(totals: SupplyTotals) -> Bounds | None:
    """``OSR``: old scrap in all scrap.

    Args:
        totals: For one metal, period and region.

    Returns:
        Both ends; None where they have no meaning.
    """
    return _bounds(totals.old_g, totals, totals.recycled_g + totals.unknown_g)


def _bounds(certain_g: int, totals: SupplyTotals, base_g: int) -> Bounds | None:
    parts = (
        totals.post_consumer_elv_g,
        totals.post_consumer_g,
        totals.pre_consumer_g,
        totals.unknown_g,
        totals.primary_g,
    )
    if base_g <= 0 or min(parts) < 0:
        return None
    return Bounds(
        Fraction(certain_g, base_g), Fraction(certain_g + totals.unknown_g, base_g)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the nation's recycled output is recorded here.

    Attributes:
        recorded_g: Recycled metal recorded for the period, in grams.
        national: The national figure that it is compared with; None if there is none.
        months: How many months the period has: the year's figure counts by twelfths.
        value: ``recorded / (national * months / 12)``, exact; None without a figure.
        same_year: Whether the national figure is that of the period's own year.
        formula: In words.
        note: What a reader must know; None for nothing.
    """

    recorded_g: int
    national: Figure | None
    months: int
    value: Fraction | None
    same_year: bool
    formula: Bilingual
    note: Bilingual | None

    @property
    def editions(self) -> dict[str, str]:
        """Figure -> edition, as a statement names them."""
        if self.national is None:
            return {}
        return {self.national.name: self.national.edition.value}


_COVERAGE_FORMULA = Bilingual(
    "本平台记录的再生金属 ÷（该金属全国年度再生产量 × 月数 ÷ 12）",
    "recycled metal recorded here ÷ (national recycled output of that metal in the "
    "year × months ÷ 12)",
)
_NATIONAL_TERMS: Mapping[str, Term] = {
    "Cu": RECYCLED_CU,
    "Al": RECYCLED_AL,
    "Pb": Term("Pb", "recycled_output"),
    "Zn": Term("Zn", "recycled_output"),
}


def months_of(period: str) -> tuple[int, int]:
    """Year and number of months of a period.

    >>> months_of("2026-03"), months_of("2026Q1"), months_of("2026")
    ((2026, 1), (2026, 3), (2026, 12))

    Args:
        period: ``YYYY``, ``YYYYQn`` (also ``YYYY-Qn``) or ``YYYY-MM``.

    Raises:
        ValueError: It is none of these.
    """
    if (found := _PERIOD.fullmatch(period)) is None:
        raise ValueError(f"found period {period!r}, expected 2026, 2026Q1 or 2026-03")
    year, month, quarter = found.groups()
    if month:
        return int(year), 1
    return int(year), 3 if quarter else MONTHS_IN_YEAR


def coverage(series: Series, totals: SupplyTotals, metal: str, period: str) -> Coverage:
    """Compare what is recorded with the national recycled output of that metal.

    The national figure is that of the period's year, in its best edition; where there
    is none yet, that of the newest earlier year, and the coverage says so.

    Args:
        series: The national figures.
        totals: For the metal and period, the whole country.
        metal: Symbol.
        period: ``YYYY``, ``YYYYQn`` or ``YYYY-MM``.

    Returns:
        The coverage; without a value where the nation publishes no such figure.

    Raises:
        ValueError: The period is none of these.
    """
    year, months = months_of(period)
    national = _national_figure(series, metal, year)
    same_year = national is not None and national.period == str(year)
    value = None
    if national is not None:
        share_of_year = national.value * GRAMS_PER_MT * Fraction(months, MONTHS_IN_YEAR)
        value = totals.recycled_g / share_of_year
    return Coverage(
        recorded_g=totals.recycled_g,
        national=national,
        months=months,
        value=value,
        same_year=same_year,
        formula=_COVERAGE_FORMULA,
        note=_coverage_note(metal, year, national),
    )


def _national_figure(series: Series, metal: str, year: int) -> Figure | None:
    if (term := _NATIONAL_TERMS.get(metal)) is None:
        return None
    years = [one for one in series.periods(term) if one.isdigit() and int(one) <= year]
    return series.find(years[-1], term) if years else None


def _coverage_note(metal: str, year: int, national: Figure | None) -> Bilingual | None:
    if national is None:
        return Bilingual(
            f"{metal}：{year} 年及以前没有全国再生产量数据",
            f"no national recycled output of {metal} for {year} or before",
        )
    if national.period != str(year):
        return Bilingual(
            f"{year} 年尚无全国数据，以 {national.period} 年为基准",
            f"no national figure for {year} yet; compared with {national.period}",
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFinding:
    """What the statistics page says in one sentence.

    "In March 2026, 27.4 % of the aluminium supply recorded here was recycled;
    coverage 3 % of national output; vintage 18 204."

    Attributes:
        period: ``YYYY``, ``YYYYQn`` or ``YYYY-MM``.
        metal: Symbol.
        vintage: Log size that the totals were summed at.
        totals: What was recorded.
        share: Both ends; None where there is no share.
        coverage: Against the national figure.
        formula: Of the share.
    """

    period: str
    metal: str
    vintage: int
    totals: SupplyTotals
    share: Bounds | None
    coverage: Coverage
    formula: Bilingual


def find_share(
    series: Series, totals: SupplyTotals, *, metal: str, period: str, vintage: int
) -> ShareFinding:
    """Share, coverage and formula of one metal and period at one vintage.

    Args:
        series: The national figures.
        totals: Summed at ``vintage``, the whole country.
        metal: Symbol.
        period: ``YYYY``, ``YYYYQn`` or ``YYYY-MM``.
        vintage: Log size.

    Raises:
        ValueError: The period is none of these.
    """
    return ShareFinding(
        period=period,
        metal=metal,
        vintage=vintage,
        totals=totals,
        share=platform_share(totals),
        coverage=coverage(series, totals, metal, period),
        formula=SHARE.formula,
    )
