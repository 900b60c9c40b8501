"""Scales and what they miss. Masses here are whole kilograms.

The limits are those of ``weighing_tolerance.csv``: of class III at verification, and
twice that in service.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import isqrt
from random import Random

from app.data import read_csv

PLATFORM_MAX_KG = 3_000
PLATFORM_E_KG = 1
# Spread of a single reading, as a part of the limit in service
SPREAD = 0.3
# Trade custom for the difference of two net weights: 3 per mille
CUSTOM_PER_MILLE = 3


@cache
def _bands() -> tuple[tuple[float, float], ...]:
    """(upper end of the load in e, limit in service in e), ascending."""
    rows = read_csv("weighing_tolerance.csv")
    [factor] = [
        float(row["limit"])
        for row in rows
        if row["rule"] == "scale_mpe_in_service_factor"
    ]
    return tuple(
        (float(row["to_e"]), float(row["limit"]) * factor)
        for row in rows
        if row["rule"] == "scale_mpe_verification"
    )


def limit_kg(load_kg: int, e_kg: int) -> int:
    """What a scale in service may be wrong by at a load.

    >>> limit_kg(30_000, 20), limit_kg(45_000, 20)
    (40, 60)
    """
    for to_e, limit_e in _bands():
        if load_kg <= to_e * e_kg:
            return int(limit_e * e_kg)
    return int(_bands()[-1][1] * e_kg)


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of a facility.

    Attributes:
        code: Within the facility.
        scale_class: By OIML R 76.
        e_kg: Verification division.
        max_kg: Capacity.
        bias: Its own lasting error, as a part of the limit, -0.3 to 0.3.
    """

    code: str
    scale_class: str
    e_kg: int
    max_kg: int
    bias: float

    def read(self, rng: Random, load_kg: float) -> int:
        """What the scale shows for a load: a whole number of divisions.

        Args:
            rng: Source of the random part of the error.
            load_kg: What is on it.
        """
        limit = limit_kg(round(load_kg), self.e_kg)
        error = limit * (self.bias + rng.gauss(0.0, SPREAD))
        shown = round((load_kg + error) / self.e_kg) * self.e_kg
        while abs(shown - load_kg) > limit:
            shown += self.e_kg if shown < load_kg else -self.e_kg
        return int(shown)


def pair_limit_kg(net_kg: int, sender_e_kg: int, receiver_e_kg: int) -> int:
    """How far two net weights of one lot may lie apart.

    The root sum of squares of four weighings (gross and tare at both ends), and not
    more than trade custom or one division.
    """
    squares = sum(
        2 * limit_kg(net_kg, e_kg) ** 2 for e_kg in (sender_e_kg, receiver_e_kg)
    )
    custom = max(net_kg * CUSTOM_PER_MILLE // 1000, sender_e_kg, receiver_e_kg)
    return min(isqrt(squares), custom)


def weigh_again(
    rng: Random, scale: Scale, true_kg: float, other_kg: int, limit: int
) -> int:
    """A net weight of a lot that was weighed before, within what is allowed.

    Args:
        rng: Source of the random part of the error.
        scale: On which it is weighed now.
        true_kg: Its real mass.
        other_kg: The weight that the other side found.
        limit: How far the two may lie apart; beyond it people weigh once more.
    """
    shown = scale.read(rng, true_kg)
    if abs(shown - other_kg) <= limit:
        return max(shown, scale.e_kg)
    return other_kg
