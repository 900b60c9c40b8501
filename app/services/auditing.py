"""Check the stored composition of every lot against what it was made of."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

import numpy as np
from sqlalchemy import URL
from sqlalchemy.orm import Session

from app.models.base import ROWS_PER_ENTRY, entry_of
from app.queries.audit import (
    MadeArrays,
    RunArrays,
    TakingArrays,
    load_made,
    load_runs,
    load_stretches,
    load_taken_back,
    load_takings,
)
from app.queries.columns import ArrowSource, ConnectionSource, Source, open_arrow
from app.queries.log import get_head
from app.services.differences import Difference
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
WINDOWS_A_PROCESS = 4
"""Fewer are not worth the start of another process."""


def audit_material(
    session: Session, progress: Callable[[int], None] = lambda done: None
) -> list[Difference]:
    """Every taking against its lot, every lot against its run, no cycle, no overlap.

    Args:
        session: One consistent view; what it has written itself is part of it.
        progress: Told how many entries are done.

    Returns:
        Every difference; empty when all is well.

    Cost: grows with the rows; memory does not.
    """
    source = ConnectionSource(session.connection())
    found: list[Difference] = []
    for first, last in _windows(get_head(session).size):
        found += audit_window(source, first, last)
        progress(last)
    return found


def audit_committed(
    url: URL,
    size: int,
    progress: Callable[[int], None] = lambda done: None,
    processes: int | None = None,
) -> list[Difference]:
    """The same of what is committed: several times as fast, on all cores.

    Each window is read from one consistent view. What a window checks was written by
    its entries and never changes, but for the state of lots, which is read with it.

    Args:
        url: Of the database.
        size: How many entries.
        progress: Told how many entries are done.
        processes: At most so many; None for one a core. A log of a few windows is
            worked on here.
    """
    windows = list(_windows(size))
    found: list[Difference] = []
    count = min(processes or os.cpu_count() or 1, len(windows) // WINDOWS_A_PROCESS)
    results: Iterator[list[Difference]]
    with ExitStack() as stack:
        if count > 1:
            pool = stack.enter_context(
                ProcessPoolExecutor(
                    count, get_context(_start_method()), _open_source, (url,)
                )
            )
            results = pool.map(_audit_here, windows)
        else:
            source = stack.enter_context(open_arrow(url))
            results = (audit_window(source, *window) for window in windows)
        for (_, last), differences in zip(windows, results, strict=True):
            found += differences
            progress(last)
    return found


def _start_method() -> str:
    """A fork starts at once, where nothing else runs in this process; else afresh."""
    alone = sys.platform == "linux" and threading.active_count() == 1
    return "fork" if alone else "spawn"


_here: list[ArrowSource] = []
"""The source of a process of the pool."""
_until_the_end = ExitStack()


def _open_source(url: URL) -> None:
    _here.append(_until_the_end.enter_context(open_arrow(url)))


def _audit_here(window: tuple[int, int]) -> list[Difference]:
    return audit_window(_here[0], *window)


def _windows(size: int) -> Iterator[tuple[int, int]]:
    for first in range(0, size, WINDOW):
        yield first, min(first + WINDOW, size)


def audit_window(source: Source, first: int, last: int) -> list[Difference]:
    """What entries from ``first`` up to ``last`` made, against what they used."""
    low, high = first * ROWS_PER_ENTRY, last * ROWS_PER_ENTRY
    taken = load_takings(source, low, high)
    made = load_made(source, low, high)
    runs = load_runs(source, low, high)
    found = list(_check_takings(taken, lambda: load_taken_back(source, low, high)))
    found += _check_made(taken, made, runs)
    found += _check_flows(taken, made, runs)
    lot, start, end, taking = load_stretches(source, low, high)
    found += _at(
        taking[find_overlaps(lot, start, end)],
        "taking",
        "from_g",
        "reaches into a stretch that another fact has taken of the same lot",
    )
    return found


def _check_takings(
    taken: TakingArrays, taken_back: Callable[[], Ints]
) -> Iterator[Difference]:
    if not len(taken.ids):
        return
    wrong = taken.ids[find_wrong_takings(taken.rulers, taken.takings)]
    if len(wrong):
        # The lot of a taking that was taken back may be assayed, or come home, since
        wrong = wrong[~np.isin(wrong // ROWS_PER_ENTRY, taken_back())]
    yield from _at(wrong, "taking", "cells", "is not what the ruler of its lot gives")
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
