"""Claims: a stretch of a lot, once, never above what its composition bears."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graph.errors import InvalidClaim
from graph.model import Cells, Lot, Position, Stretch, Taking
from graph.places import common, free_stretches, merged, without
from graph.ruler import as_unknown, read
from graph.shares import Shares, shares

LEAST_METAL_G = 10_000
CLASSES = 6


@dataclass(frozen=True, slots=True)
class Claimable:
    """What a claim on a stretch may say.

    Attributes:
        taking: What lies on the stretch.
        shares: Of the whole lot, as it reads where it is.
        segregated: All its metal is of one origin class.
        position: Of the lot, with the stretch claimed.
    """

    taking: Taking
    shares: Shares
    segregated: bool
    position: Position


def claim_stretch(lot: Lot, position: Position, stretch: Stretch) -> Claimable:
    """Work out a claim on a stretch of a lot.

    Raises:
        InvalidClaim: The stretch is empty, not free, claimed already, or holds less
            than 10 kg of metal.
    """
    start, end = stretch
    if not 0 <= start < end:
        raise InvalidClaim(
            "found the stretch {start} to {end}, expected one that is not empty",
            start=start,
            end=end,
        )
    if common([stretch], position.claimed):
        raise InvalidClaim("a part of the stretch is claimed already")
    if common([stretch], free_stretches(position)) != (stretch,):
        raise InvalidClaim("a part of the stretch was taken, or is not here")
    taking = read(lot, [stretch], internal_as_unknown=position.internal_as_unknown)
    found = shares(_as_it_reads(lot, position))
    if taking.metal_g < LEAST_METAL_G or found is None:
        raise InvalidClaim(
            "found {metal_g} g of metal on the stretch, a claim needs {least_g} g",
            metal_g=taking.metal_g,
            least_g=LEAST_METAL_G,
        )
    return Claimable(
        taking=taking,
        shares=found,
        segregated=_of_one_class(lot.cells),
        position=replace(position, claimed=merged((*position.claimed, stretch))),
    )


def unclaim(position: Position, stretch: Stretch) -> Position:
    """The position after a claim on this stretch ended."""
    return replace(position, claimed=without(position.claimed, stretch))


def _as_it_reads(lot: Lot, position: Position) -> Cells:
    return as_unknown(lot.cells) if position.internal_as_unknown else lot.cells


def _of_one_class(cells: Cells) -> bool:
    filled = [n for n in range(CLASSES) if cells[2 * n] or cells[2 * n + 1]]
    return len(filled) == 1
