"""The local audit: over arrays in memory, and over a database with its loading."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.db import open_engine
from app.models import (
    CELL_COLUMNS,
    UNCOUNTED_COLUMNS,
    LotBalanceRow,
    LotRow,
    ProcessRunRow,
    RunFlowRow,
    TakingRow,
)
from app.models.base import ROWS_PER_ENTRY
from app.schema import upgrade
from app.services.auditing import WINDOW, audit_committed
from graph import Lot, LotKind, Output, OutputRole, RunKind, pool_run, read
from graph.audit import (
    Rulers,
    Takings,
    as_columns,
    find_wrong_lots,
    find_wrong_takings,
)
from tests.bench.loading import keep, kept_database, load_rows
from tests.bench.rows import Bench, Row

LOTS, LOTS_SMALL = 1_000_000, 60_000
VARIANTS = 500
AT = "2026-03-05 08:30:00.000000"


class Case:
    """A sourced lot, half of it melted: what the audit meets most."""

    def __init__(self, n: int) -> None:
        net_g, metal_g = 12_480_000 + 20_000 * n, 11_000_000 + 19_000 * n
        elv, primary = metal_g // 7 + n, metal_g // 11
        cells = [elv, n, metal_g // 3, 0, 0, 0, 0, 0, primary, 0, 0, 0]
        cells[2] += metal_g - sum(cells)
        self.lot = Lot("S", LotKind.SCRAP, "AL", "Al", net_g, metal_g, tuple(cells))
        self.taken = read(self.lot, [(0, net_g // 2)], internal_as_unknown=False)
        output = Output(
            lot="M",
            material="AL",
            material_kind=LotKind.METAL,
            metal="Al",
            net_g=self.taken.metal_g - 10_000,
            metal_g=self.taken.metal_g - 20_000,
            role=OutputRole.PRODUCT,
        )
        self.result = pool_run(
            RunKind.MELT,
            [self.taken],
            [output],
            losses_g=self.taken.net_g - output.net_g,
            net_tolerance_g=0,
            metal_tolerance_g=0,
        )
        self.made = self.result.lots_made[0][0]


def _row(table: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(values.get(column.name) for column in table.columns)


def _composed(lot: Any, uncounted: Any = None) -> dict[str, Any]:
    found = dict(zip(CELL_COLUMNS, lot.cells, strict=True))
    if uncounted is not None:
        found |= dict(zip(UNCOUNTED_COLUMNS, uncounted, strict=True))
    return found | {"metal_g": lot.metal_g, "net_g": lot.net_g}


def _keys(count: int) -> Iterator[tuple[int, int, int]]:
    """(variant, key of the sourced lot, key of the run and its lot)."""
    for n in range(count // 2):
        entry = 2 * n + 1
        yield n % VARIANTS, entry * ROWS_PER_ENTRY, (entry + 1) * ROWS_PER_ENTRY


def _lots(cases: list[Case], count: int) -> Iterator[tuple[Any, ...]]:
    shared = {
        "organisation_id": 1,
        "facility_id": 1,
        "material": "AL",
        "metal": "Al",
        "made_at": AT,
    }
    for variant, source, run in _keys(count):
        case = cases[variant]
        yield _row(
            LotRow.__table__,
            shared
            | _composed(case.lot)
            | {"id": source, "code": f"S{source}", "kind": "scrap"},
        )
        yield _row(
            LotRow.__table__,
            shared
            | _composed(case.made)
            | {
                "id": run,
                "code": f"M{run}",
                "kind": "metal",
                "run_id": run,
                "pool_from_g": 0,
            },
        )


def _balances(cases: list[Case], count: int) -> Iterator[tuple[Any, ...]]:
    for variant, source, run in _keys(count):
        case = cases[variant]
        for key, lot in ((source, case.lot), (run, case.made)):
            yield _row(
                LotBalanceRow.__table__,
                {
                    "lot_id": key,
                    "as_of_index": run // ROWS_PER_ENTRY,
                    "organisation_id": 1,
                    "facility_id": 1,
                    "state": "held",
                    "since_at": AT,
                    "goes_on_g": lot.net_g,
                    "placed_to_g": 0,
                    "gaps": "[]",
                    "left_g": lot.net_g,
                    "claimed": "[]",
                    "claimed_g": 0,
                    "internal_as_unknown": 0,
                },
            )


def _takings(cases: list[Case], count: int) -> Iterator[tuple[Any, ...]]:
    for variant, source, run in _keys(count):
        taken = cases[variant].taken
        yield _row(
            TakingRow.__table__,
            _composed(taken, taken.uncounted)
            | {
                "id": run,
                "lot_id": source,
                "run_id": run,
                "from_g": taken.stretches[0][0],
                "to_g": taken.stretches[0][1],
            },
        )


def _runs(cases: list[Case], count: int) -> Iterator[tuple[Any, ...]]:
    for variant, _, run in _keys(count):
        case = cases[variant]
        yield _row(
            ProcessRunRow.__table__,
            {
                "id": run,
                "code": f"R{run}",
                "organisation_id": 1,
                "facility_id": 1,
                "kind": "melt",
                "ended_at": AT,
                "net_in_g": case.result.net_in_g,
                "net_out_g": case.result.net_out_g,
                "losses": "{}",
                "gain_g": 0,
                "net_difference_g": 0,
                "metal_in_g": case.taken.metal_g,
                "gain_unknown_g": 0,
                "metal_loss_g": case.result.metal_loss_g,
                "findings": "[]",
            },
        )


def _flows(cases: list[Case], count: int) -> Iterator[tuple[Any, ...]]:
    for variant, source, run in _keys(count):
        case = cases[variant]
        taken, made = case.taken, case.made
        yield run, run, made.net_g, made.metal_g
        yield run, source, -taken.net_g, taken.metal_g


def rows(bench: Bench) -> Iterator[Row]:
    """Lots a second, in memory and from SQLite."""
    cases = [Case(n) for n in range(VARIANTS)]
    yield _in_memory(cases)
    count = LOTS_SMALL if bench.small else LOTS
    name = f"audit-{count}"
    url, new = kept_database(bench.kept, name)
    engine = open_engine(url)
    if new:
        upgrade(engine)
        for table, made in (
            (ProcessRunRow.__table__, _runs(cases, count)),
            (LotRow.__table__, _lots(cases, count)),
            (LotBalanceRow.__table__, _balances(cases, count)),
            (TakingRow.__table__, _takings(cases, count)),
            (RunFlowRow.__table__, _flows(cases, count)),
        ):
            load_rows(engine, table, made)  # type: ignore[arg-type]
        keep(bench.kept, name)
    start = time.perf_counter()
    if found := audit_committed(engine.url, count + 1):
        raise AssertionError(found[0])
    rate = count / (time.perf_counter() - start)
    engine.dispose()
    work = f"audit of {count:,} lots, with loading (SQLite)"
    yield Row(work, None, rate, "lots/s", ">= 400,000", f"{os.cpu_count()} cores")


def _in_memory(cases: list[Case]) -> Row:
    """Each lot made with its taking, against plain products and quotients."""
    times = WINDOW // VARIANTS
    lots = [case.lot for case in cases] * times
    taken = [case.taken for case in cases] * times
    made = [case.made for case in cases] * times
    none = np.zeros(len(lots), np.bool_)
    rulers = Rulers(
        net_g=np.array([one.net_g for one in lots]),
        metal_g=np.array([one.metal_g for one in lots]),
        cells=as_columns([one.cells for one in lots]),
        uncounted=as_columns(np.zeros((len(lots), 8))),
        is_return=none,
        is_scrap=~none,
        left_boundary=none,
    )
    stored = Takings(
        net_g=np.array([one.net_g for one in taken]),
        metal_g=np.array([one.metal_g for one in taken]),
        cells=as_columns([one.cells for one in taken]),
        uncounted=as_columns([one.uncounted for one in taken]),
        stretch_of=np.arange(len(lots)),
        start=np.array([one.stretches[0][0] for one in taken]),
        end=np.array([one.stretches[0][1] for one in taken]),
    )
    metal_g = np.array([one.metal_g for one in made])
    cells = as_columns([one.cells for one in made])
    start_g = np.zeros(len(lots), np.int64)
    repeats = 30
    begun = time.perf_counter()
    for _ in range(repeats):
        wrong = find_wrong_takings(rulers, stored)
        bad = find_wrong_lots(stored.cells, start_g, metal_g, cells, none)
        if wrong.size or bad.size:
            raise AssertionError((wrong, bad))
    ours = repeats * len(lots) / (time.perf_counter() - begun)
    begun = time.perf_counter()
    for _ in range(repeats):
        for marks, whole, parts in (
            (stored.metal_g, rulers.metal_g, rulers.cells),
            (metal_g, stored.metal_g, stored.cells),
        ):
            (parts * marks[:, None] // whole[:, None] >= 0).all(axis=1)
    bare = repeats * len(lots) / (time.perf_counter() - begun)
    return Row(
        "audit, arrays in memory",
        bare,
        ours,
        "lots/s",
        ">= 1,000,000",
        "bare: twelve products and quotients a lot and taking, inexact",
    )
