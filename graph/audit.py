"""Local audit: every taking and every lot made, against the rows that it came from.

A history is right when each taking is what its lot's ruler gives, each lot made is the
stretch of its run's pool, and no run takes what it made, directly or over others. Each
of these is checked from a few stored rows, in any order and in chunks, vectorised; all
of them together prove the whole.

Arrays are int64, one row a thing; masses are grams, at most 10^12. Tables of cells are
worked on column by column: hand them over in column order (``order="F"``), as
``as_columns`` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph.model import INTERNAL, UNCOUNTED_CELLS, UNKNOWN

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_PRE_CONSUMER = 4


@dataclass(frozen=True, slots=True)
class Rulers:
    """Lots as they were made: what takings are read from.

    Attributes:
        net_g: Shape (n,), > 0.
        metal_g: Shape (n,).
        cells: Shape (n, 12); a row sums to ``metal_g``.
        uncounted: Shape (n, 8); all zero on what is no return.
        is_return: Shape (n,).
        is_scrap: Shape (n,).
        left_boundary: Shape (n,); the lot has left its boundary by now.
    """

    net_g: Ints
    metal_g: Ints
    cells: Ints
    uncounted: Ints
    is_return: Flags
    is_scrap: Flags
    left_boundary: Flags


@dataclass(frozen=True, slots=True)
class Takings:
    """Takings as they stand stored, each of one or more stretches.

    Attributes:
        net_g: Shape (m,).
        metal_g: Shape (m,).
        cells: Shape (m, 12).
        uncounted: Shape (m, 8).
        stretch_of: Shape (s,); the taking of each stretch, ascending, each once at
            least.
        start: Shape (s,); net marks.
        end: Shape (s,).
    """

    net_g: Ints
    metal_g: Ints
    cells: Ints
    uncounted: Ints
    stretch_of: Ints
    start: Ints
    end: Ints


def as_columns(rows: npt.ArrayLike) -> Ints:
    """A table of whole numbers whose columns lie together in memory."""
    return np.asarray(rows, dtype=np.int64, order="F")


def floor_muldiv(c: Ints, x: Ints, t: Ints) -> Ints:
    """``floor(c * x / t)``, exact for 0 <= c, x <= t <= 10^12 (0 where t is 0).

    ``c * x`` leaves int64 above 3,037 t of each: the quotient is worked out in
    float64, where it is off by one at most, and mended by the remainder, which wraps
    to its true value.

    >>> big = np.array([10**12 - 1], np.int64)
    >>> int(floor_muldiv(big, big, big + 1)[0]) == (10**12 - 1) ** 2 // 10**12
    True
    """
    safe = np.maximum(t, 1)
    share = x / safe
    share *= c
    quotient = share.astype(np.int64)
    rest = c * x
    rest -= quotient * safe
    quotient += rest >= safe
    quotient -= rest < 0
    return quotient


def cells_at(cells: Ints, metal_g: Ints, mark: Ints) -> Ints:
    """The twelve cells up to a metal mark of each row: ``ruler.cells_at``.

    Args:
        cells: Shape (n, 12).
        metal_g: Shape (n,).
        mark: Shape (n,), from 0 to ``metal_g``.

    Returns:
        Shape (n, 12).
    """
    found = np.zeros_like(cells)
    pairs = cells[:, 0::2] + cells[:, 1::2]
    elv, other_post, pre, internal, primary, unknown = pairs.T
    post = elv + other_post
    recycled = post + pre
    rest = internal + unknown
    at_recycled = floor_muldiv(recycled, mark, metal_g)
    at_post = floor_muldiv(at_recycled, post, recycled)
    at_elv = floor_muldiv(at_post, elv, post)
    at_other = mark - at_recycled
    at_primary = floor_muldiv(at_other, primary, primary + rest)
    at_rest = at_other - at_primary
    at_internal = floor_muldiv(at_rest, internal, rest)
    groups = (
        at_elv,
        at_post - at_elv,
        at_recycled - at_post,
        at_internal,
        at_primary,
        at_rest - at_internal,
    )
    for n, at_group in enumerate(groups):
        imported = cells[:, 2 * n + 1]
        if imported.any():  # most chunks hold no imported metal of most classes
            at_imported = floor_muldiv(at_group, imported, pairs[:, n])
            found[:, 2 * n] = at_group - at_imported
            found[:, 2 * n + 1] = at_imported
        else:
            found[:, 2 * n] = at_group
    return found


def as_unknown(cells: Ints) -> Ints:
    """The cells as they read outside their boundary: ``ruler.as_unknown``."""
    read = cells.copy()
    read[:, UNKNOWN : UNKNOWN + 2] += read[:, INTERNAL : INTERNAL + 2]
    read[:, INTERNAL : INTERNAL + 2] = 0
    return read


def find_wrong_takings(rulers: Rulers, takings: Takings) -> Ints:
    """Positions of takings that are not what their lot's ruler gives.

    A lot that has left its boundary may have been read before or after: internal
    grams stand in it as internal or as unknown, nothing else may differ.

    Args:
        rulers: Row k is the lot of taking k.
        takings: As stored.
    """
    of = takings.stretch_of
    net_g, metal_g, cells = rulers.net_g, rulers.metal_g, rulers.cells
    if len(of) != len(takings.net_g):
        net_g, metal_g, cells = net_g[of], metal_g[of], as_columns(cells[of])
    low = floor_muldiv(metal_g, takings.start, net_g)
    high = floor_muldiv(metal_g, takings.end, net_g)
    at_low = cells_at(cells, metal_g, low)
    at_high = cells_at(cells, metal_g, high)
    impossible = (takings.start < 0) | (takings.end <= takings.start)
    impossible |= takings.end > net_g
    read = _per_taking(takings, at_high - at_low)
    wrong = _per_taking(takings, takings.end - takings.start) != takings.net_g
    wrong |= _per_taking(takings, high - low) != takings.metal_g
    wrong |= _per_taking(takings, impossible.astype(np.int64)) > 0
    differs = _rows_that_differ(read, takings.cells)
    if (asked := differs & rulers.left_boundary).any():
        outside = _rows_that_differ(as_unknown(read), takings.cells)
        differs = np.where(asked, outside, differs)
    wrong |= differs
    wrong |= _uncounted_differs(rulers, takings, at_low, at_high)
    return np.flatnonzero(wrong)


def _per_taking(takings: Takings, values: Ints) -> Ints:
    """Values of stretches, added up for each taking."""
    of = takings.stretch_of
    if len(of) == len(takings.net_g):
        return values
    first = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
    summed: Ints = np.add.reduceat(values, first, axis=0)
    return summed


def _rows_that_differ(left: Ints, right: Ints) -> Flags:
    differs = np.zeros(len(left), np.bool_)
    for n in range(left.shape[1]):
        differs |= left[:, n] != right[:, n]
    return differs


def _uncounted_differs(
    rulers: Rulers, takings: Takings, at_low: Ints, at_high: Ints
) -> Flags:
    """Which takings hold other uncounted grams than the ruler gives, shape (m,)."""
    differs = np.zeros(len(takings.net_g), np.bool_)
    of = takings.stretch_of
    any_return = rulers.is_return.any()
    for n, cell in enumerate(UNCOUNTED_CELLS):
        expected = np.where(rulers.is_scrap, takings.cells[:, cell], 0)
        if any_return:
            whole, uncounted = rulers.cells[of, cell], rulers.uncounted[of, n]
            read = floor_muldiv(uncounted, at_high[:, cell], whole)
            read -= floor_muldiv(uncounted, at_low[:, cell], whole)
            summed = _per_taking(takings, read)
            expected = np.where(rulers.is_return, summed, expected)
        differs |= expected != takings.uncounted[:, n]
    return differs


def pool_of(
    run_of: Ints, cells: Ints, uncounted: Ints, runs: int, gain_unknown_g: Ints
) -> tuple[Ints, Ints]:
    """The pool of each run, cell by cell, and what of it is uncounted.

    Args:
        run_of: Shape (m,); position of the run of each taking.
        cells: Shape (m, 12), of the takings.
        uncounted: Shape (m, 8), of the takings.
        runs: How many runs there are.
        gain_unknown_g: Shape (runs,); joins the pool as unknown, domestic.

    Returns:
        Shapes (runs, 12) and (runs, 8).
    """
    pool = np.zeros((runs, cells.shape[1]), np.int64, order="F")
    counted = np.zeros((runs, uncounted.shape[1]), np.int64, order="F")
    order = np.argsort(run_of, kind="stable")
    if len(order):
        sorted_runs = run_of[order]
        first = np.flatnonzero(np.r_[True, sorted_runs[1:] != sorted_runs[:-1]])
        pool[sorted_runs[first]] = np.add.reduceat(cells[order], first, axis=0)
        counted[sorted_runs[first]] = np.add.reduceat(uncounted[order], first, axis=0)
    pool[:, UNKNOWN] += gain_unknown_g
    return pool, counted


def find_wrong_lots(
    pool: Ints,
    pool_from_g: Ints,
    metal_g: Ints,
    cells: Ints,
    reclassified: Flags,
) -> Ints:
    """Positions of lots made that are not their stretch of their run's pool.

    Args:
        pool: Shape (n, 12); row k is the pool of the run that made lot k.
        pool_from_g: Shape (n,); where in the pool's metal the lot's stretch begins.
        metal_g: Shape (n,).
        cells: Shape (n, 12), as stored.
        reclassified: Shape (n,); made by reclassify: all of it is pre-consumer.
    """
    pool_g: Ints = pool.sum(axis=1)
    end = pool_from_g + metal_g
    wrong = (pool_from_g < 0) | (metal_g < 0) | (end > pool_g)
    low = np.clip(pool_from_g, 0, pool_g)
    high = np.clip(end, low, pool_g)
    drawn = cells_at(pool, pool_g, high) - cells_at(pool, pool_g, low)
    if reclassified.any():
        drawn[reclassified] = 0
        drawn[reclassified, _PRE_CONSUMER] = metal_g[reclassified]
    wrong |= _rows_that_differ(drawn, cells)
    return np.flatnonzero(wrong)


def find_overlaps(lot: Ints, start: Ints, end: Ints) -> Ints:
    """Positions of stretches that reach into another of the same lot.

    Args:
        lot: Shape (s,); any key of the lot.
        start: Shape (s,); net marks.
        end: Shape (s,).
    """
    order = np.lexsort((start, lot))
    same = lot[order][1:] == lot[order][:-1]
    inside = same & (start[order][1:] < end[order][:-1])
    return np.sort(order[1:][inside])


def find_cycles(run: Ints, taken_lot: Ints) -> Ints:
    """Positions of takings of a lot that was made no earlier than the run itself.

    Keys follow entry order: where every run takes earlier lots only, and every lot
    made has the key of its run's entry, no history can close a cycle.

    Args:
        run: Shape (m,); key of the run.
        taken_lot: Shape (m,); key of the lot that it takes.
    """
    return np.flatnonzero(taken_lot >= run)
