"""Shares in whole ppm: the lower end rounded down, the upper end up."""

from __future__ import annotations

from dataclasses import dataclass

from graph.model import PPM, Cells

ELV, POST, PRE, INTERNAL, PRIMARY, UNKNOWN = range(0, 12, 2)


@dataclass(frozen=True, slots=True)
class Shares:
    """What a lot's metal is, in ppm of its metal.

    Attributes:
        share_ppm: Recycled: post-consumer and pre-consumer; rounded down.
        elv_ppm: Of it from end-of-life vehicles; each part rounded down by itself.
        post_ppm: Other post-consumer.
        pre_ppm: Pre-consumer.
        upper_ppm: Recycled if all unknown and internal metal were so; rounded up.
    """

    share_ppm: int
    elv_ppm: int
    post_ppm: int
    pre_ppm: int
    upper_ppm: int


def recycled_g(cells: Cells) -> int:
    """Recycled metal: the three classes that count, domestic and imported."""
    return sum(cells[:INTERNAL])


def upper_g(cells: Cells) -> int:
    """Recycled metal if all unknown and internal metal were recycled."""
    return sum(cells[:PRIMARY]) + sum(cells[UNKNOWN:])


def shares(cells: Cells) -> Shares | None:
    """The shares of a composition; None where there is no metal."""
    metal_g = sum(cells)
    if not metal_g:
        return None
    return Shares(
        share_ppm=PPM * recycled_g(cells) // metal_g,
        elv_ppm=PPM * sum(cells[ELV:POST]) // metal_g,
        post_ppm=PPM * sum(cells[POST:PRE]) // metal_g,
        pre_ppm=PPM * sum(cells[PRE:INTERNAL]) // metal_g,
        upper_ppm=-(-PPM * upper_g(cells) // metal_g),
    )
