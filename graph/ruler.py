"""The ruler: the one primitive that does all allocation (design, section 6).

Up to metal mark ``y`` of a lot lie ``floor(recycled * y / metal)`` recycled grams, the
rest is not recycled; each side is cut the same way, the first named gets the floor.
What a stretch ``[a, b)`` holds is the value at ``b`` less the value at ``a``: so
takings sum exactly, are never negative, and cutting finer changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import sub

from graph.model import (
    INTERNAL,
    NO_CELLS,
    NO_UNCOUNTED,
    UNCOUNTED_CELLS,
    UNKNOWN,
    Cells,
    Lot,
    LotKind,
    Stretch,
    Taking,
    Uncounted,
)


def metal_at(lot: Lot, mark: int) -> int:
    """Grams of metal up to a net mark: ``floor(metal_g * mark / net_g)``."""
    return lot.metal_g * mark // lot.net_g


def cells_at(cells: Cells, metal_g: int, mark: int) -> Cells:
    """The twelve cells up to a metal mark.

    Args:
        cells: Of the whole; sums to ``metal_g``.
        metal_g: Grams of metal of the whole.
        mark: From 0 to ``metal_g``.

    Cost: eleven multiplications and divisions of integers.
    """
    if mark == metal_g:
        return cells
    if mark == 0:
        return NO_CELLS
    (
        elv_d,
        elv_i,
        post_d,
        post_i,
        pre_d,
        pre_i,
        int_d,
        int_i,
        pri_d,
        pri_i,
        unk_d,
        unk_i,
    ) = cells
    elv, other_post, pre = elv_d + elv_i, post_d + post_i, pre_d + pre_i
    internal, primary, unknown = int_d + int_i, pri_d + pri_i, unk_d + unk_i
    post = elv + other_post
    recycled = post + pre

    at_recycled = recycled * mark // metal_g
    at_post = post * at_recycled // recycled if recycled else 0
    at_elv = elv * at_post // post if post else 0
    at_pre, at_other_post = at_recycled - at_post, at_post - at_elv

    at_rest = mark - at_recycled
    rest = internal + unknown
    other = primary + rest
    at_primary = primary * at_rest // other if other else 0
    at_rest -= at_primary
    at_internal = internal * at_rest // rest if rest else 0
    at_unknown = at_rest - at_internal

    at_elv_i = elv_i * at_elv // elv if elv_i else 0
    at_post_i = post_i * at_other_post // other_post if post_i else 0
    at_pre_i = pre_i * at_pre // pre if pre_i else 0
    at_int_i = int_i * at_internal // internal if int_i else 0
    at_pri_i = pri_i * at_primary // primary if pri_i else 0
    at_unk_i = unk_i * at_unknown // unknown if unk_i else 0
    return (
        at_elv - at_elv_i,
        at_elv_i,
        at_other_post - at_post_i,
        at_post_i,
        at_pre - at_pre_i,
        at_pre_i,
        at_internal - at_int_i,
        at_int_i,
        at_primary - at_pri_i,
        at_pri_i,
        at_unknown - at_unk_i,
        at_unk_i,
    )


def uncounted_at(cells: Cells, uncounted: Uncounted, at: Cells) -> Uncounted:
    """Uncounted grams of a return up to the marks that reached each of its cells.

    Args:
        cells: Of the whole lot.
        uncounted: Of the whole lot.
        at: The cells up to the mark, as ``cells_at`` gives them.
    """
    return tuple(
        uncounted[n] * at[cell] // cells[cell] if uncounted[n] else 0
        for n, cell in enumerate(UNCOUNTED_CELLS)
    )


def as_unknown(cells: Cells) -> Cells:
    """The cells as they read outside their boundary: internal counts as unknown."""
    if not (cells[INTERNAL] or cells[INTERNAL + 1]):
        return cells
    return (
        *cells[:INTERNAL],
        0,
        0,
        *cells[INTERNAL + 2 : UNKNOWN],
        cells[UNKNOWN] + cells[INTERNAL],
        cells[UNKNOWN + 1] + cells[INTERNAL + 1],
    )


def read(
    lot: Lot, stretches: Iterable[Stretch], *, internal_as_unknown: bool
) -> Taking:
    """What lies on stretches of a lot's ruler.

    Uncounted are: of a return, what its own ruler gives; of scrap, all grams of the
    eight cells as read; of anything else, none.

    Args:
        lot: As made.
        stretches: In net marks.
        internal_as_unknown: Whether the lot has left its boundary.
    """
    marks = tuple(stretches)
    net_g = metal_g = 0
    cells, uncounted = NO_CELLS, NO_UNCOUNTED
    metal_marks = []
    for start, end in marks:
        low, high = metal_at(lot, start), metal_at(lot, end)
        metal_marks.append((low, high))
        net_g += end - start
        metal_g += high - low
        at_low = cells_at(lot.cells, lot.metal_g, low)
        at_high = cells_at(lot.cells, lot.metal_g, high)
        cells = add(cells, tuple(map(sub, at_high, at_low)))
        if lot.uncounted is not None:
            upper = uncounted_at(lot.cells, lot.uncounted, at_high)
            lower = uncounted_at(lot.cells, lot.uncounted, at_low)
            uncounted = add(uncounted, tuple(map(sub, upper, lower)))
    if internal_as_unknown:
        cells = as_unknown(cells)
    if lot.kind is LotKind.SCRAP:
        uncounted = tuple(cells[n] for n in UNCOUNTED_CELLS)
    return Taking(lot, net_g, marks, tuple(metal_marks), metal_g, cells, uncounted)


def add(left: Cells, right: Cells) -> Cells:
    """Cell by cell."""
    return tuple([a + b for a, b in zip(left, right, strict=True)])
