"""All national ratios: what is computed, beside what was published.

A published percentage joins the computed ratio that has the same figures. One that
joins none is shown as published only, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache

from app.data import read_csv
from app.services.national import (
    FORMULAS,
    Bilingual,
    Edition,
    Formula,
    PublishedShare,
    Ratio,
    Series,
    compute_ratio,
    national_series,
)
from app.services.rounding import round_half_up

_CIRCULAR = Bilingual(
    "分子由所公布的占比反推得出，计算结果与之相符并不构成独立验证。",
    "The numerator was derived from the published ratio itself: that the two agree "
    "confirms the arithmetic and nothing else.",
)
_EXPECTED = Bilingual(
    "分子为预计数，尚无正式公布的数据。",
    "The numerator is an expectation; no result has been published.",
)
_GENERAL_KNOWLEDGE = Bilingual(
    "其中有数据未在原始来源中核实。",
    "One of the figures has not been read in a source of its own.",
)
_NO_BASE = Bilingual(
    "只公布了百分比，未公布分子和分母。",
    "Only the percentage was published, without numerator and denominator.",
)
_OTHER_BASE = Bilingual(
    "国家数据中没有这一口径的分母。",
    "The national series has no denominator on this base.",
)


def national_ratios(
    series: Series, published: Sequence[Mapping[str, str]]
) -> list[Ratio]:
    """Every ratio for every period and edition of its numerator, and what is published.

    Args:
        series: The national figures.
        published: Rows of ``recycled_share.csv``.

    Returns:
        By ratio, then period: computed ones, ones that lack a figure (``why``), and
        percentages that are only published (``why``, ``published``).
    """
    unmatched = list(published)
    made: list[Ratio] = []
    for ratio in _all_computed(series):
        row = next((one for one in unmatched if _belongs(one, ratio)), None)
        if row is not None:
            unmatched.remove(row)
        made.append(_with_published(ratio, row))
    made += [_only_published(row) for row in unmatched]
    return sorted(made, key=lambda ratio: (ratio.id, ratio.period))


@cache
def shipped_ratios() -> tuple[Ratio, ...]:
    """The ratios of the data that ships with the product."""
    return tuple(national_ratios(national_series(), read_csv("recycled_share.csv")))


def _all_computed(series: Series) -> Iterator[Ratio]:
    for formula in FORMULAS.values():
        for period, edition in _tops(series, formula):
            yield compute_ratio(series, formula, period, edition)


def _tops(series: Series, formula: Formula) -> Iterator[tuple[str, Edition]]:
    term = formula.numerator
    for one in (term, replace(term, indicator=f"{term.indicator}_cum")):
        for period in series.periods(one):
            for edition in series.editions(period, one):
                yield period, edition


def _belongs(row: Mapping[str, str], ratio: Ratio) -> bool:
    if (row["ratio"], row["period"]) != (ratio.id, ratio.period):
        return False
    if ratio.numerator is None or ratio.denominator is None:
        return False
    if not row["numerator_mt"]:
        return True
    base = Decimal(row["denominator_mt"])
    digits = max(0, -int(base.as_tuple().exponent))
    return (
        Fraction(Decimal(row["numerator_mt"])) == ratio.numerator
        and round_half_up(ratio.denominator, digits) == base
    )


def _share(row: Mapping[str, str]) -> PublishedShare:
    return PublishedShare(
        percent=Decimal(row["share_pct"]),
        edition=row["edition"],
        note=row["note"],
        evidence=row["evidence"],
        source=row["source"],
    )


def _with_published(ratio: Ratio, row: Mapping[str, str] | None) -> Ratio:
    share = _share(row) if row else None
    return replace(ratio, published=share, caution=_caution(ratio, share))


def _caution(ratio: Ratio, share: PublishedShare | None) -> Bilingual | None:
    if not ratio.figures:
        return None
    top = ratio.figures[0].edition
    if top is Edition.DERIVED and share is not None and share.evidence == "R":
        return _CIRCULAR
    if top is Edition.EXPECTED:
        return _EXPECTED
    if any("G" in figure.evidence for figure in ratio.figures):
        return _GENERAL_KNOWLEDGE
    return None


def _only_published(row: Mapping[str, str]) -> Ratio:
    formula = FORMULAS.get(row["ratio"])
    return Ratio(
        id=row["ratio"],
        period=row["period"],
        formula=formula.text if formula else None,
        published=_share(row),
        why=_OTHER_BASE if row["numerator_mt"] else _NO_BASE,
    )
