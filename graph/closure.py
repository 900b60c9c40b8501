"""What scales and assays can miss, and whether a run closes within it.

Scale errors follow the in-service limits of OIML R 76 for class III: twice the limits
at verification of 0.5 e up to 500 e, 1 e up to 2,000 e, 1.5 e beyond.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt

from graph.model import PPM

FIRST_BAND_E, SECOND_BAND_E = 500, 2000
LIGHTEST_CLAIMABLE_E = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault found by a check: data, not an exception.

    Attributes:
        check: Which check found it.
        message: English, with ``{name}`` fields.
        values: What goes into them.
    """

    check: str
    message: str
    values: dict[str, object]


def mpe_in_service_g(load_g: int, e_g: int) -> int:
    """What a scale in service may be wrong by at this load: 1, 2 or 3 divisions.

    >>> mpe_in_service_g(30_000_000, 20_000), mpe_in_service_g(45_000_000, 20_000)
    (40000, 60000)
    """
    if load_g <= FIRST_BAND_E * e_g:
        return e_g
    return 2 * e_g if load_g <= SECOND_BAND_E * e_g else 3 * e_g


def net_error_squared(
    net_g: int, e_g: int, gross_g: int | None = None, tare_g: int | None = None
) -> int:
    """Square of the error of a net weight: of gross and tare, or of two such loads.

    >>> root_up(net_error_squared(16_000_000, 20_000, 30_000_000, 14_000_000))
    56569
    """
    if gross_g is None or tare_g is None:
        return 2 * mpe_in_service_g(net_g, e_g) ** 2
    return mpe_in_service_g(gross_g, e_g) ** 2 + mpe_in_service_g(tare_g, e_g) ** 2


def root_up(total: int) -> int:
    """Square root of a whole number, rounded up."""
    root = isqrt(total)
    return root if root * root == total else root + 1


def net_tolerance_g(weighings: Iterable[tuple[int, int]]) -> int:
    """Root sum of squares of the errors of (net grams, division) pairs."""
    return root_up(sum(net_error_squared(net_g, e_g) for net_g, e_g in weighings))


def metal_tolerance_g(
    weighings: Iterable[tuple[int, int, int]], assay_error_ppm: int
) -> int:
    """Root sum of squares of scale and assay errors of the metal.

    Args:
        weighings: (net grams, metal grams, division) of each input and output.
        assay_error_ppm: What an assay can miss, in ppm of the metal found.
    """
    total = 0
    for net_g, metal_g, e_g in weighings:
        scale = root_up(net_error_squared(net_g, e_g)) * metal_g // net_g + 1
        assay = metal_g * assay_error_ppm // PPM + 1
        total += scale * scale + assay * assay
    return root_up(total)


def claimable_load(load_g: int, e_g: int) -> bool:
    """Whether a load is heavy enough for its scale: 20 divisions or more."""
    return load_g >= LIGHTEST_CLAIMABLE_E * e_g


def beyond_month(
    sum_g: int, change_g: int, through_g: int, *, rule_ppm: int, floor_g: int
) -> bool:
    """Whether differences of a month pass the rule, and this one makes it worse.

    Args:
        sum_g: Signed sum of the month, this difference included.
        change_g: This difference.
        through_g: Mass that went in during the month, this run included.
        rule_ppm: Allowed part of it.
        floor_g: What one weighing can miss: a first small load is not refused for it.
    """
    if sum_g * change_g <= 0:
        return False
    return abs(sum_g) > max(through_g * rule_ppm // PPM, floor_g)


def check_yield(
    metal_in_g: int, metal_out_g: int, low_ppm: int, high_ppm: int
) -> Finding | None:
    """A finding where a run's metal yield lies outside its usual band."""
    if not metal_in_g:
        return None
    found_ppm = metal_out_g * PPM // metal_in_g
    if low_ppm <= found_ppm <= high_ppm:
        return None
    return Finding(
        "yield",
        "metal yield {found_ppm} ppm, usual {low_ppm} to {high_ppm} ppm",
        {"found_ppm": found_ppm, "low_ppm": low_ppm, "high_ppm": high_ppm},
    )
