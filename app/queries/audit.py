"""Rows of the material tables as arrays, a window of entries at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, bindparam, case, func, select

from app.models import (
    LotBalanceRow,
    LotRevisionRow,
    LotRow,
    ProcessRunRow,
    RunFlowRow,
    TakingRow,
    VoidingRow,
)
from app.models.base import ROWS_PER_ENTRY
from app.models.lots import CELL_COLUMNS, UNCOUNTED_COLUMNS
from app.queries.columns import Source
from app.queries.prepared import Prepared
from graph.audit import Flags, Ints, Rulers, Takings, as_columns

_TAKING: Any = TakingRow.__table__.c
_LOT: Any = LotRow.__table__.c
_REVISION: Any = LotRevisionRow.__table__.c
_BALANCE: Any = LotBalanceRow.__table__.c
_RUN: Any = ProcessRunRow.__table__.c
_FLOW: Any = RunFlowRow.__table__.c
_COMPOSITION = ("metal_g", *CELL_COLUMNS, *UNCOUNTED_COLUMNS)
_CELLS, _UNCOUNTED = len(CELL_COLUMNS), len(UNCOUNTED_COLUMNS)


def _window(column: Any) -> Any:  # noqa: ANN401 - clauses
    return (column >= bindparam("low")) & (column < bindparam("high"))


def _zero(column: Any) -> Any:  # noqa: ANN401 - clauses
    return func.coalesce(column, 0)


_LOTS_IN_FORCE = LotRow.__table__.join(
    LotBalanceRow.__table__, _BALANCE.lot_id == _LOT.id
).outerjoin(LotRevisionRow.__table__, _REVISION.id == _BALANCE.revision_id)
_TAKINGS = Prepared(
    select(
        _TAKING.id,
        _TAKING.lot_id,
        _zero(_TAKING.run_id),
        _TAKING.from_g,
        _TAKING.to_g,
        _TAKING.net_g,
        case((_TAKING.further.is_(None), 0), else_=1),
        *(_TAKING[name] for name in ("metal_g", *CELL_COLUMNS)),
        *(_zero(_TAKING[name]) for name in UNCOUNTED_COLUMNS),
        _LOT.net_g,
        case((_LOT.kind == "return", 1), (_LOT.kind == "scrap", 2), else_=0),
        case((_BALANCE.internal_as_unknown, 1), else_=0),
        *(
            func.coalesce(_REVISION[name], _LOT[name])
            for name in ("metal_g", *CELL_COLUMNS)
        ),
        # An assay is of what came in, which has nothing uncounted beside its cells
        *(_zero(_LOT[name]) for name in UNCOUNTED_COLUMNS),
    )
    .select_from(TakingRow.__table__.join(_LOTS_IN_FORCE, _LOT.id == _TAKING.lot_id))
    .where(_window(_TAKING.id))
    .order_by(_TAKING.id)
)
_FURTHER = Prepared(
    select(_TAKING.id, _TAKING.further)
    .where(_window(_TAKING.id), _TAKING.further.is_not(None))
    .order_by(_TAKING.id)
)
_MADE = Prepared(
    select(
        _LOT.id,
        _zero(_LOT.run_id),
        _zero(_LOT.pool_from_g),
        _LOT.net_g,
        *(_LOT[name] for name in ("metal_g", *CELL_COLUMNS)),
    )
    .where(_window(_LOT.id))
    .order_by(_LOT.id)
)
_RUNS = Prepared(
    select(
        _RUN.id,
        _RUN.gain_unknown_g,
        _RUN.metal_in_g,
        _RUN.metal_loss_g,
        case((_RUN.kind == "reclassify", 1), else_=0),
    )
    .where(_window(_RUN.id))
    .order_by(_RUN.id)
)
_FLOWS = Prepared(
    select(_FLOW.run_id, _FLOW.lot_id, _FLOW.net_g, _FLOW.metal_g)
    .where(_window(_FLOW.run_id))
    .order_by(_FLOW.run_id, _FLOW.lot_id)
)
_IN_FORCE = (
    ~select(VoidingRow.id)
    .where(
        VoidingRow.voided_index * ROWS_PER_ENTRY <= _TAKING.id,
        (VoidingRow.voided_index + 1) * ROWS_PER_ENTRY > _TAKING.id,
    )
    .exists()
)
_STRETCHES = Prepared(
    select(_TAKING.lot_id, _TAKING.from_g, _TAKING.to_g, _TAKING.id).where(
        _window(_TAKING.lot_id), _IN_FORCE
    )
)
_TAKEN_BACK = Prepared(
    select(VoidingRow.voided_index).where(
        VoidingRow.voided_index >= bindparam("low", type_=BigInteger) // ROWS_PER_ENTRY,
        VoidingRow.voided_index < bindparam("high", type_=BigInteger) // ROWS_PER_ENTRY,
    )
)
_FURTHER_STRETCHES = Prepared(
    select(_TAKING.lot_id, _TAKING.further, _TAKING.id).where(
        _window(_TAKING.lot_id), _IN_FORCE, _TAKING.further.is_not(None)
    )
)


@dataclass(frozen=True, slots=True)
class TakingArrays:
    """Takings of a window of entries, and the lots that they are taken from.

    Attributes:
        ids: Shape (m,).
        lot_ids: Shape (m,).
        run_ids: Shape (m,); 0 where no run took it.
        rulers: Row k is the lot of taking k, in the composition in force.
        takings: As stored.
    """

    ids: Ints
    lot_ids: Ints
    run_ids: Ints
    rulers: Rulers
    takings: Takings


@dataclass(frozen=True, slots=True)
class MadeArrays:
    """Lots of a window of entries as they were made.

    Attributes:
        ids: Shape (n,).
        run_ids: Shape (n,); 0 for a sourced lot.
        pool_from_g: Shape (n,).
        net_g: Shape (n,).
        metal_g: Shape (n,).
        cells: Shape (n, 12).
    """

    ids: Ints
    run_ids: Ints
    pool_from_g: Ints
    net_g: Ints
    metal_g: Ints
    cells: Ints


@dataclass(frozen=True, slots=True)
class RunArrays:
    """Runs of a window of entries.

    Attributes:
        ids: Shape (r,), ascending.
        gain_unknown_g: Shape (r,).
        metal_in_g: Shape (r,).
        metal_loss_g: Shape (r,).
        reclassifies: Shape (r,).
        flows: Shape (f, 4): run, lot, net, metal; by run and lot.
    """

    ids: Ints
    gain_unknown_g: Ints
    metal_in_g: Ints
    metal_loss_g: Ints
    reclassifies: Flags
    flows: Ints


def load_takings(source: Source, low: int, high: int) -> TakingArrays:
    """Takings with keys from ``low`` up to ``high``."""
    table = source.table(_TAKINGS, low, high, 10 + 2 * len(_COMPOSITION))
    ids, start, end = table[:, 0], table[:, 3], table[:, 4]
    stretch_of = np.arange(len(ids))
    if table[:, 6].any():
        stretch_of, start, end = _with_further(
            ids, start, end, source.rows(_FURTHER, low, high)
        )
    stored, lots = table[:, 7:], table[:, 7 + len(_COMPOSITION) :]
    behind = 3 + 1
    kind = lots[:, 1]
    return TakingArrays(
        ids=ids,
        lot_ids=table[:, 1],
        run_ids=table[:, 2],
        rulers=Rulers(
            net_g=lots[:, 0],
            metal_g=lots[:, 3],
            cells=lots[:, behind : behind + _CELLS],
            uncounted=lots[:, behind + _CELLS : behind + _CELLS + _UNCOUNTED],
            is_return=kind == 1,
            is_scrap=kind == 2,  # noqa: PLR2004 - as the query marks them
            left_boundary=lots[:, 2] == 1,
        ),
        takings=Takings(
            net_g=table[:, 5],
            metal_g=stored[:, 0],
            cells=stored[:, 1 : 1 + _CELLS],
            uncounted=stored[:, 1 + _CELLS : 1 + _CELLS + _UNCOUNTED],
            stretch_of=stretch_of,
            start=start,
            end=end,
        ),
    )


def load_made(source: Source, low: int, high: int) -> MadeArrays:
    """Lots with keys from ``low`` up to ``high``, sourced ones too."""
    table = source.table(_MADE, low, high, 5 + _CELLS)
    ids, run_ids, pool_from_g, net_g, metal_g = (table[:, n] for n in range(5))
    return MadeArrays(ids, run_ids, pool_from_g, net_g, metal_g, table[:, 5:])


def load_runs(source: Source, low: int, high: int) -> RunArrays:
    """Runs with keys from ``low`` up to ``high``, and their flows."""
    runs = source.table(_RUNS, low, high, 5)
    flows = source.table(_FLOWS, low, high, 4)
    ids, gain_g, metal_in_g, metal_loss_g = (runs[:, n] for n in range(4))
    return RunArrays(ids, gain_g, metal_in_g, metal_loss_g, runs[:, 4] == 1, flows)


def load_taken_back(source: Source, low: int, high: int) -> Ints:
    """Indexes of the entries of a window that were taken back since."""
    return source.table(_TAKEN_BACK, low, high, 1)[:, 0]


def load_stretches(
    source: Source, low: int, high: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Lot, start, end and taking of every stretch in force of lots in a range."""
    table = source.table(_STRETCHES, low, high, 4)
    more = [
        (lot, a, b, taking)
        for lot, further, taking in source.rows(_FURTHER_STRETCHES, low, high)
        for a, b in json.loads(further)
    ]
    if more:
        table = as_columns(np.concatenate([table, np.array(more, np.int64)]))
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3]


def _with_further(
    ids: Ints, start: Ints, end: Ints, further: Iterator[tuple[Any, ...]]
) -> tuple[Ints, Ints, Ints]:
    """The stretches of takings that are not in one piece, behind their first."""
    of, starts, ends = list(range(len(ids))), start.tolist(), end.tolist()
    for taking, text in further:
        position = int(np.searchsorted(ids, taking))
        for a, b in json.loads(text):
            of.append(position)
            starts.append(a)
            ends.append(b)
    order = np.argsort(np.array(of), kind="stable")
    return np.array(of)[order], np.array(starts)[order], np.array(ends)[order]
