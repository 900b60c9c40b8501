"""Rounding half up, in one place: exact rationals in, decimal digits out.

Statistics are fractions until they are shown; each is rounded once, here.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def round_half_up(value: Fraction | int, decimals: int) -> Decimal:
    """A rational number with so many decimals; a half goes away from zero.

    Zero has no sign: -0.004 with two decimals is 0.00.

    >>> round_half_up(Fraction(1, 8), 2), round_half_up(Fraction(-1, 8), 2)
    (Decimal('0.13'), Decimal('-0.13'))

    Args:
        value: The exact number.
        decimals: How many digits stand behind the point, 0 or more.

    Returns:
        A decimal with exactly that many digits behind the point.

    Raises:
        ValueError: ``decimals`` is below 0.
    """
    if decimals < 0:
        raise ValueError(f"found {decimals} decimals, expected 0 or more")
    exact = Fraction(value)
    scaled, rest = divmod(abs(exact.numerator) * 10**decimals, exact.denominator)
    if 2 * rest >= exact.denominator:
        scaled += 1
    sign = int(exact < 0 and scaled > 0)
    return Decimal((sign, tuple(map(int, str(scaled))), -decimals))


def percent_half_up(value: Fraction | int, decimals: int) -> Decimal:
    """A share as a percentage with so many decimals, rounded half up once.

    >>> percent_half_up(Fraction("19.15") / Fraction("79.188"), 2)
    Decimal('24.18')

    Args:
        value: The share, 1 being the whole.
        decimals: How many digits stand behind the point, 0 or more.

    Returns:
        The percentage, in %.

    Raises:
        ValueError: ``decimals`` is below 0.
    """
    return round_half_up(Fraction(value) * 100, decimals)
