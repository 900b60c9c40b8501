"""Check the stored composition of every lot against what it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.models.base import ROWS_PER_ENTRY, entry_of
from app.queries.audit import (
    MadeArrays,
    RunArrays,
    TakingArrays,
    load_made,
    load_runs,
    load_stretches,
    load_takings,
)
from app.queries.log import get_head
from app.services.verification import Difference
from graph.audit import (
    Flags,
    Ints,
    find_cycles,
    find_overlaps,
    find_wrong_lots,
    find_wrong_takings,
    pool_of,
)

WINDOW = 16_384
"""Entries at a time: what their rows need stays in the cache of a processor."""


def audit_material(
    session: Session, progress: Callable[[int], None] = lambda done: None
) -> list[Difference]:
    """Every taking against its lot, every lot against its run, no cycle, no overlap.

    Args:
        session: One consistent view.
        progress: Told how many entries are done.

    Returns:
        Every difference; empty when all is well.

    Cost: grows with the rows; memory does not.
    """
    size = get_head(session).size
    connection = session.connection()
    found: list[Difference] = []
    for first in range(0, size, WINDOW):
        last = min(first + WINDOW, size)
        found += audit_window(connection, first, last)
        progress(last)
    return found


def audit_window(connection: Connection, first: int, last: int) -> list[Difference]:
    """What entries from ``first`` up to ``last`` made, against what they used."""
    low, high = first * ROWS_PER_ENTRY, last * ROWS_PER_ENTRY
    taken = load_takings(connection, low, high)
    made = load_made(connection, low, high)
    runs = load_runs(connection, low, high)
    found = list(_check_takings(taken))
    found += _check_made(taken, made, runs)
    found += _check_flows(taken, made, runs)
    lot, start, end, taking = load_stretches(connection, low, high)
    found += _at(
        taking[find_overlaps(lot, start, end)],
        "taking",
        "from_g",
        "reaches into a stretch that another fact has taken of the same lot",
    )
    return found


def _check_takings(taken: TakingArrays) -> Iterator[Difference]:
    if not len(taken.ids):
        return
    wrong = find_wrong_takings(taken.rulers, taken.takings)
    yield from _at(
        taken.ids[wrong], "taking", "cells", "is not what the ruler of its lot gives"
    )
    cyclic = find_cycles(
        np.where(taken.run_ids > 0, taken.run_ids, taken.ids), taken.lot_ids
    )
    yield from _at(
        taken.ids[cyclic], "taking", "lot_id", "takes from a lot that was made later"
    )


def _check_made(
    taken: TakingArrays, made: MadeArrays, runs: RunArrays
) -> Iterator[Difference]:
    sums = (made.cells.sum(axis=1) != made.metal_g) | (made.metal_g > made.net_g)
    sums |= (made.cells < 0).any(axis=1)
    yield from _at(
        made.ids[np.flatnonzero(sums)],
        "lot",
        "cells",
        "does not add up to its metal, or holds more metal than it weighs",
    )
    by_run = made.run_ids > 0
    known, place = _find(runs.ids, made.run_ids[by_run])
    yield from _at(
        made.ids[by_run][~known], "lot", "run_id", "names a run that is not there"
    )
    in_run = taken.run_ids > 0
    charged, run_of = _find(runs.ids, taken.run_ids[in_run])
    yield from _at(
        taken.ids[in_run][~charged], "taking", "run_id", "names a run that is not there"
    )
    cells = taken.takings.cells[in_run][charged]
    uncounted = taken.takings.uncounted[in_run][charged]
    pool, _ = pool_of(
        run_of[charged], cells, uncounted, len(runs.ids), runs.gain_unknown_g
    )
    place = place[known]
    ids = made.ids[by_run][known]
    metal_g = made.metal_g[by_run][known]
    wrong = find_wrong_lots(
        pool[place],
        made.pool_from_g[by_run][known],
        metal_g,
        made.cells[by_run][known],
        runs.reclassifies[place],
    )
    yield from _at(ids[wrong], "lot", "cells", "is not its stretch of its run's pool")
    pool_g: Ints = pool.sum(axis=1)
    out_g = np.zeros(len(runs.ids), np.int64)
    np.add.at(out_g, place, metal_g)
    lost = pool_g - out_g != runs.metal_loss_g
    yield from _at(
        runs.ids[np.flatnonzero(lost)],
        "process_run",
        "metal_loss_g",
        "is not what its outputs left of its pool",
    )
    charged_g = pool_g - runs.gain_unknown_g != runs.metal_in_g
    yield from _at(
        runs.ids[np.flatnonzero(charged_g)],
        "process_run",
        "metal_in_g",
        "is not the sum of what the run took",
    )


def _check_flows(
    taken: TakingArrays, made: MadeArrays, runs: RunArrays
) -> Iterator[Difference]:
    """The edges that traces walk are the takings and the lots made, no others."""
    into, out_of = taken.run_ids > 0, made.run_ids > 0
    expected = np.concatenate(
        [
            np.column_stack(
                [
                    taken.run_ids[into],
                    taken.lot_ids[into],
                    -taken.takings.net_g[into],
                    taken.takings.metal_g[into],
                ]
            ),
            np.column_stack(
                [
                    made.run_ids[out_of],
                    made.ids[out_of],
                    made.net_g[out_of],
                    made.metal_g[out_of],
                ]
            ),
        ]
    )
    expected = expected[np.lexsort((expected[:, 1], expected[:, 0]))]
    if np.array_equal(expected, runs.flows):
        return
    stored = {tuple(row) for row in runs.flows.tolist()}
    wanted = {tuple(row) for row in expected.tolist()}
    for run, lot, net_g, metal_g in sorted(stored ^ wanted):
        which = "stands" if (run, lot, net_g, metal_g) in stored else "is missing"
        yield Difference(
            entry_of(run),
            "run_flow",
            "net_g",
            f"lot {lot} in run {run}: {net_g} g with {metal_g} g of metal {which}, "
            "against what the run took and made",
        )


def _find(ids: Ints, wanted: Ints) -> tuple[Flags, Ints]:
    """Which wanted keys stand in ascending ``ids``, and where."""
    if not len(ids):
        return np.zeros(len(wanted), np.bool_), np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    known: Flags = ids[place] == wanted
    return known, place


def _at(ids: Ints, table: str, field: str, message: str) -> list[Difference]:
    return [
        Difference(entry_of(key), table, field, f"row {key} {message}")
        for key in ids.tolist()
    ]
