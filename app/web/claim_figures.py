"""Shares of a claim as pages set them: a large number, and a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graph import PPM

BAR_WIDTH = 1000


class Segment(NamedTuple):
    """One class of metal as a stretch of a bar of 1000 units."""

    name: str
    x: str
    width: str


def share_bar(
    parts: Mapping[str, int], share_ppm: int, upper_ppm: int
) -> list[Segment]:
    """The bar of a claim, left to right; its segments fill it.

    Args:
        parts: ppm of the recycled classes by name; they sum to the share, or to a few
            ppm less, each being rounded down by itself.
        share_ppm: The lower end.
        upper_ppm: The upper end.

    >>> bar = share_bar({"post": 500_000}, 500_000, 750_000)
    >>> [(one.name, one.width) for one in bar]
    [('post', '500'), ('unknown', '250'), ('primary', '250')]
    """
    ends, at = [], 0
    for name, ppm in parts.items():
        at += ppm
        ends.append((name, at))
    if ends:
        ends[-1] = (ends[-1][0], share_ppm)
    ends += [("unknown", max(upper_ppm, share_ppm)), ("primary", PPM)]
    bar, before = [], 0
    for name, ppm in ends:
        end = ppm * BAR_WIDTH // PPM
        if end > before:
            bar.append(Segment(name, str(before), str(end - before)))
        before = max(before, end)
    return bar


def percent(ppm: int, *, up: bool = False) -> str:
    """A share to a tenth of a per cent, rounded down; the upper end up.

    >>> percent(872188), percent(898731, up=True), percent(1000000)
    ('87.2', '89.9', '100')
    """
    tenths = -(-ppm // 1000) if up else ppm // 1000
    return f"{tenths // 10}" if tenths == PPM // 1000 else f"{tenths / 10:.1f}"
