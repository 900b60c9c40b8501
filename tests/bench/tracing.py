"""Traces in a database of millions of lots, beside a bare recursive query."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from sqlalchemy import Engine

from app.db import open_engine, session_makers
from app.models import CELL_COLUMNS, LotRow, RunFlowRow
from app.models.base import ROWS_PER_ENTRY
from app.queries.trace import trace_flows
from app.schema import upgrade
from tests.bench.loading import keep, kept_database, load_rows, plain_url
from tests.bench.rows import Bench, Row

LOTS, LOTS_SMALL = 5_000_000, 100_000
HISTORIES, HISTORIES_SMALL = (1_000, 50_000), (1_000, 10_000)
REPEATS = 3
BARE = """
    WITH RECURSIVE up(lot_id) AS (
        SELECT {lot}
        UNION
        SELECT taken.lot_id FROM up
        JOIN run_flow AS made ON made.lot_id = up.lot_id AND made.net_g > 0
        JOIN run_flow AS taken ON taken.run_id = made.run_id AND taken.net_g < 0
    )
    SELECT flow.run_id, flow.lot_id, flow.net_g, flow.metal_g
    FROM up JOIN run_flow AS flow ON flow.lot_id = up.lot_id
"""


class Histories:
    """Lots of others, and among them, far apart, lots of one history each.

    A history is a heap: its lot number ``n`` was made from lots ``2n`` and ``2n + 1``.
    Keys are in topological order: what is made later has the higher key.
    """

    def __init__(self, lots: int, sizes: tuple[int, ...]) -> None:
        self.lots, self.sizes = lots, sizes

    def top(self, size: int) -> int:
        """Key of the lot whose whole history has ``size`` lots."""
        return self._key(size, 1)

    def _key(self, size: int, number: int) -> int:
        stride = max(1, self.lots // 2 // size)
        # odd entries are for histories, even ones for the lots of others
        place = (size - number) * stride * 2 + 1
        return (place * len(self.sizes) + self.sizes.index(size)) * ROWS_PER_ENTRY + 8

    def flows(self) -> Iterator[tuple[int, int, int, int]]:
        """Rows of ``run_flow``."""
        for size in self.sizes:
            for number in range(1, size // 2 + 1):
                lot = self._key(size, number)
                run = lot - 8
                yield run, lot, 2_000, 1_900
                for part in (2 * number, 2 * number + 1):
                    if part <= size:
                        yield run, self._key(size, part), -1_000, -950
        before = (16, 17)
        for number in range((self.lots - sum(self.sizes)) // 2):
            run = (number + 1) * 4 * ROWS_PER_ENTRY
            made = (run + 16, run + 17)
            for lot in before:
                yield run, lot, -1_000, -950
            for lot in made:
                yield run, lot, 1_000, 950
            before = made

    def lot_rows(self, width: int) -> Iterator[tuple[Any, ...]]:
        """Rows of ``lot`` for every lot that a flow made."""
        columns = [column.name for column in LotRow.__table__.columns]
        blank: dict[str, Any] = dict.fromkeys(columns)
        blank |= dict.fromkeys(CELL_COLUMNS, 0)
        blank |= {
            "organisation_id": 1,
            "facility_id": 1,
            "kind": "scrap",
            "material": "AL-SCRAP-MIXED",
            "metal": "Al",
            "made_at": "2026-03-01 00:00:00.000000",
            "net_g": 1_000,
            "metal_g": 950,
            "post_domestic_g": 950,
        }
        assert len(blank) == width
        for run, lot, net_g, _ in self.flows():
            if net_g > 0:
                yield tuple(
                    (blank | {"id": lot, "code": f"B{lot}", "run_id": run}).values()
                )


def fill(engine: Engine, histories: Histories) -> None:
    """Lots and flows of all histories, and of as many others."""
    upgrade(engine)
    flows: Any = RunFlowRow.__table__
    lots: Any = LotRow.__table__
    load_rows(engine, flows, histories.flows())
    load_rows(engine, lots, histories.lot_rows(len(lots.columns)))


def ours(engine: Engine, lot: int, size: int) -> float:
    """Milliseconds from the query to tuples."""
    _, readers = session_makers(engine)
    with readers() as session:
        start = time.perf_counter()
        trace = trace_flows(session, lot, "upstream", size)
        milliseconds = (time.perf_counter() - start) * 1000
    assert not trace.truncated
    assert len({flow.lot_id for flow in trace.flows}) == size
    return milliseconds


def bare(engine: Engine, lot: int, size: int) -> float:
    """The same by the plain driver and the simplest recursion, over lots."""
    if engine.dialect.name == "sqlite":
        connection: Any = sqlite3.connect(str(engine.url.database))
    else:
        connection = psycopg.connect(plain_url(engine))
    start = time.perf_counter()
    found = connection.execute(BARE.format(lot=f"CAST({lot} AS bigint)")).fetchall()
    milliseconds = (time.perf_counter() - start) * 1000
    connection.close()
    assert len({row[1] for row in found}) == size
    return milliseconds


def rows(bench: Bench) -> Iterator[Row]:
    """A short and a long history on both databases."""
    lots = LOTS_SMALL if bench.small else LOTS
    sizes = HISTORIES_SMALL if bench.small else HISTORIES
    histories = Histories(lots, sizes)
    name = f"lots-{lots}"
    url, new = kept_database(bench.kept, name)
    for database, address in (("SQLite", url), ("PostgreSQL", bench.postgresql)):
        engine = open_engine(address)
        if database != "SQLite" or new:
            fill(engine, histories)
        if database == "SQLite":
            keep(bench.kept, name)
        for size in sizes:
            lot = histories.top(size)
            yield Row(
                f"trace of {size:,} lots among {lots:,} ({database})",
                min(bare(engine, lot, size) for _ in range(REPEATS)),
                min(ours(engine, lot, size) for _ in range(REPEATS)),
                "ms",
                "<= 3",
                "from the query to tuples",
            )
        engine.dispose()
