"""Progress against the published targets, said as far as it is known.

A target speaks of a year. If the series has no figure for that year yet, the newest
earlier year is shown as such, and nobody is told that a target is met or missed; an
expectation is called one. A half-year is shown beside it, doubled only by name.

Source: app/data/targets.csv.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from app.services.national import (
    RECYCLED,
    RECYCLED_AL,
    RECYCLED_CU,
    RECYCLED_REFINED_CU,
    S1,
    Bilingual,
    Edition,
    Figure,
    Ratio,
    Series,
    Term,
    compute_ratio,
)


class Standing(StrEnum):
    """What can be said of a target today."""

    MET = "met"
    MISSED = "missed"
    EXPECTED_MET = "expected_met"
    EXPECTED_MISSED = "expected_missed"
    OPEN = "open"
    OUTLOOK = "outlook"
    NO_FIGURE = "no_figure"


STANDINGS: Mapping[Standing, Bilingual] = {
    Standing.MET: Bilingual("已达到", "met"),
    Standing.MISSED: Bilingual("未达到", "not met"),
    Standing.EXPECTED_MET: Bilingual(
        "按预计数可达到，尚无正式数据", "met if the expectation holds; no result yet"
    ),
    Standing.EXPECTED_MISSED: Bilingual(
        "按预计数未达到，尚无正式数据",
        "not met if the expectation holds; no result yet",
    ),
    Standing.OPEN: Bilingual(
        "目标年份尚无数据，所示为最近年份",
        "no figure for the target year yet; the newest earlier year is shown",
    ),
    Standing.OUTLOOK: Bilingual(
        "协会预计，并非目标", "an association's outlook, not a target"
    ),
    Standing.NO_FIGURE: Bilingual("无可比数据", "no comparable figure"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One row of the targets.

    Attributes:
        year: Which year it speaks of.
        indicator: Its code, such as ``recycled_al_output``.
        label: What is to be reached.
        comparison: ``>=``, ``>`` or ``~`` (about).
        value: In ``unit``, exact.
        unit: ``Mt`` or ``%``.
        kind: ``target`` (a plan) or ``expectation`` (an association's outlook).
        issuer: Who set it.
        source: Where it was read.
    """

    year: int
    indicator: str
    label: Bilingual
    comparison: str
    value: Fraction
    unit: str
    kind: str
    issuer: str
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of an indicator.

    Attributes:
        period: The year, or half-year, that it speaks of.
        value: In the unit of its target, exact.
        editions: Figure -> edition.
        expected: Whether it rests on an expectation.
        derived: Whether its numerator was derived and not published.
        note: What sets it apart from the indicator; None for nothing.
    """

    period: str
    value: Fraction
    editions: Mapping[str, str]
    expected: bool
    derived: bool
    note: Bilingual | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a target stands.

    Attributes:
        target: The target.
        standing: What can be said of it.
        reading: That of the target year, else of the newest earlier year; None if
            there is none.
        gap: Value less target, in the target's unit: below 0 when it is short of it.
            None without a reading.
        latest_result: The newest reading that is no expectation, where ``reading`` is
            one; else None.
        beside: Other readings that are not comparable without their note.
    """

    target: Target
    standing: Standing
    reading: Reading | None
    gap: Fraction | None
    latest_result: Reading | None = None
    beside: tuple[Reading, ...] = ()


# indicator -> line of the series; shares are S1
_OUTPUTS: Mapping[str, Term] = {
    "recycled_cu_output": RECYCLED_CU,
    "recycled_al_output": RECYCLED_AL,
    "recycled_nonferrous_output": RECYCLED,
}
_SHARES: Mapping[str, Bilingual | None] = {
    "recycled_metal_supply_share": None,
    "recycled_share_of_nonferrous_output": Bilingual(
        "协会未公布公式，以 S1 对照。",
        "The association published no formula; compared with S1.",
    ),
}
_HALF = Bilingual(
    "仅上半年；不可与全年目标直接比较。",
    "First half-year only: not comparable with a target for the year.",
)
_TWICE = Bilingual(
    "上半年的两倍，是推算，不是统计数据。",
    "Twice the first half-year: an extrapolation, not a statistic.",
)
_REFINED_ONLY = Bilingual(
    "仅再生精炼铜，不含直接利用。",
    "Recycled refined copper only, without direct use of scrap.",
)


def parse_targets(rows: Iterable[Mapping[str, str]]) -> list[Target]:
    """The targets of the rows of ``targets.csv``, in their order.

    Raises:
        ValueError: A comparison or a unit is not known, or a value is no number.
    """
    return [_target(row) for row in rows]


def _target(row: Mapping[str, str]) -> Target:
    if row["comparison"] not in _REACHED or row["unit"] not in ("Mt", "%"):
        raise ValueError(
            f"target {row['indicator']}: {row['comparison']} {row['unit']}"
        )
    return Target(
        year=int(row["target_year"]),
        indicator=row["indicator"],
        label=Bilingual(row["label_zh"], row["label_en"]),
        comparison=row["comparison"],
        value=Fraction(Decimal(row["value"])),
        unit=row["unit"],
        kind=row["kind"],
        issuer=row["issuer"],
        source=row["source"],
    )


_REACHED = {
    ">=": lambda value, target: value >= target,
    ">": lambda value, target: value > target,
    "~": lambda value, target: value >= target,
}


def progress(series: Series, targets: Iterable[Target]) -> list[Progress]:
    """Where each target stands, in the order of the targets.

    Args:
        series: The national figures.
        targets: Also those that no line of the series speaks of.
    """
    return [_progress(series, target) for target in targets]


def _progress(series: Series, target: Target) -> Progress:
    readings = [
        one for one in _readings(series, target) if int(one.period) <= target.year
    ]
    if not readings:
        return Progress(target, Standing.NO_FIGURE, None, None)
    newest = readings[-1]
    results = [one for one in readings if not one.expected]
    return Progress(
        target=target,
        standing=_standing(target, newest),
        reading=newest,
        gap=newest.value - target.value,
        latest_result=results[-1] if newest.expected and results else None,
        beside=tuple(_beside(series, target, newest.period)),
    )


def _standing(target: Target, reading: Reading) -> Standing:
    if target.kind != "target":
        return Standing.OUTLOOK
    if int(reading.period) < target.year:
        return Standing.OPEN
    reached = _REACHED[target.comparison](reading.value, target.value)
    if reading.expected:
        return Standing.EXPECTED_MET if reached else Standing.EXPECTED_MISSED
    return Standing.MET if reached else Standing.MISSED


def _readings(series: Series, target: Target) -> list[Reading]:
    """The yearly values of the target's indicator, oldest first."""
    if (term := _OUTPUTS.get(target.indicator)) and target.unit == "Mt":
        return [
            _of_figure(figure)
            for period in series.periods(term)
            if period.isdigit() and (figure := series.find(period, term))
        ]
    if target.indicator in _SHARES and target.unit == "%":
        ratios = [
            compute_ratio(series, S1, period)
            for period in series.periods(RECYCLED)
            if period.isdigit()
        ]
        note = _SHARES[target.indicator]
        return [_of_ratio(one, one.value, note) for one in ratios if one.value]
    return []


def _of_figure(figure: Figure, note: Bilingual | None = None) -> Reading:
    return Reading(
        period=figure.period,
        value=figure.value,
        editions={figure.name: figure.edition.value},
        expected=figure.edition is Edition.EXPECTED,
        derived=figure.edition is Edition.DERIVED,
        note=note,
    )


def _of_ratio(ratio: Ratio, value: Fraction, note: Bilingual | None) -> Reading:
    editions = {figure.edition for figure in ratio.figures}
    return Reading(
        period=ratio.period,
        value=value * 100,
        editions=ratio.editions,
        expected=Edition.EXPECTED in editions,
        derived=Edition.DERIVED in editions,
        note=note,
    )


def _beside(series: Series, target: Target, newest: str) -> Iterable[Reading]:
    """Newer readings of the indicator that need a note to be understood."""
    term = _OUTPUTS.get(target.indicator)
    if term is None:
        return
    if (half := series.find(f"{target.year}H1", term)) is not None:
        yield _of_figure(half, _HALF)
        yield Reading(
            period=str(target.year),
            value=half.value * 2,
            editions={half.name: half.edition.value},
            expected=True,
            derived=True,
            note=_TWICE,
        )
    if term == RECYCLED_CU:
        for period in series.periods(RECYCLED_REFINED_CU):
            refined = series.find(period, RECYCLED_REFINED_CU)
            if refined is not None and newest < period <= str(target.year):
                yield _of_figure(refined, _REFINED_ONLY)
