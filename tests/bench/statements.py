"""Statements: a share table from millions of supply records, and rows into files."""

from __future__ import annotations

import csv
import io
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Engine

from app.db import open_engine, session_makers
from app.export.codelists import observation
from app.export.csv import csv_chunks
from app.export.sdmx import OBSERVATION_COLUMNS, sdmx_csv_chunks
from app.export.tables import CheckpointRef, Table, statement_meta
from app.export.tables import Row as Cells
from app.export.xlsx import write_xlsx
from app.models import CheckpointRow, LogEntryRow, SupplyRecordRow
from app.services.access import Actor
from app.services.statement_tables import share_table
from app.services.statements import Question, make_statement
from tests.bench.append import world_over
from tests.bench.loading import keep, kept_database, load_rows, plain_url
from tests.bench.rows import Bench, Row

RECORDS, RECORDS_SMALL = 10_000_000, 200_000
EXPORTED, EXPORTED_SMALL = 200_000, 20_000
PER_ENTRY = 6
METALS = ("Al", "Cu", "Pb", "Zn")
CLASSES = ("post_consumer_elv", "post_consumer", "pre_consumer", "unknown")
YEARS = (2024, 2025, 2026)
MONTHS = [f"{year}-{month:02d}" for year in YEARS for month in range(1, 13)]
PROVINCES = [f"{number}0000" for number in range(11, 45)]
STATISTICIAN = Actor(1, None, None, frozenset({"statistician"}))
BARE = (
    "SELECT substr(month, 1, 4), metal, origin_class, imported, SUM(sign * metal_g) "
    "FROM supply_record WHERE entry_index < {vintage} GROUP BY 1, 2, 3, 4"
)


def records(count: int, first: int, facility: int) -> Iterator[tuple[Any, ...]]:
    """Supply records of three years, four metals and 34 provinces."""
    entries = count // PER_ENTRY + 1
    for number in range(count):
        entry = number // PER_ENTRY
        index = first + entry
        yield (
            index * 1024 + number % PER_ENTRY,
            index,
            index,
            1,
            MONTHS[entry * len(MONTHS) // entries],
            PROVINCES[entry * 7919 % len(PROVINCES)],
            METALS[entry % len(METALS)],
            "recycled_output" if entry % 5 else "direct_use",
            CLASSES[number % len(CLASSES)],
            bool(number % 2),
            facility,
            1 + number * 104729 % 10_000_000,
        )


def filled(engine: Engine, count: int) -> int:
    """Fill a database with supply records under a checkpoint; gives the vintage."""
    world, _, _ = world_over(engine)
    with engine.connect() as connection:
        facility = connection.exec_driver_sql("SELECT min(id) FROM facility").scalar()
    first = 1_000
    table: Any = SupplyRecordRow.__table__
    load_rows(engine, table, records(count, first, int(facility or 0)))
    vintage = first + count // PER_ENTRY + 2
    at = datetime(2026, 12, 31, 8, tzinfo=UTC)
    with world.transaction() as session:
        session.add(
            LogEntryRow(
                entry_index=vintage - 1,
                leaf_hash=b"\1" * 32,
                note=b"",
                type="run.recorded",
                org="",
                fact_id="",
                at=at,
                request_digest=b"\1" * 32,
            )
        )
        session.add(
            CheckpointRow(size=vintage, root=b"\1" * 32, note=b"", signed_at=at)
        )
    return vintage


def ours(engine: Engine) -> float:
    """Seconds for the yearly share table, from question to rows."""
    _, readers = session_makers(engine)
    with readers() as session:
        start = time.perf_counter()
        table = share_table(make_statement(session, STATISTICIAN, Question(by="year")))
        assert len(list(table.rows)) == len(METALS) * len(YEARS)
        return time.perf_counter() - start


def bare(engine: Engine, vintage: int) -> float:
    """Seconds for the same sums by the plain driver."""
    statement = BARE.format(vintage=vintage)
    if engine.dialect.name == "sqlite":
        connection: Any = sqlite3.connect(str(engine.url.database))
    else:
        connection = psycopg.connect(plain_url(engine))
    start = time.perf_counter()
    found = connection.execute(statement).fetchall()
    seconds = time.perf_counter() - start
    connection.close()
    assert found
    return seconds


def rows(bench: Bench) -> Iterator[Row]:
    """The yearly share table on both databases, then exports."""
    count = RECORDS_SMALL if bench.small else RECORDS
    wanted = "< 2 s" if not bench.small else ""
    name = f"supply-{count}"
    url, new = kept_database(bench.kept, name)
    for database, address in (("SQLite", url), ("PostgreSQL", bench.postgresql)):
        engine = open_engine(address)
        if database != "SQLite" or new:
            filled(engine, count)
        if database == "SQLite":
            keep(bench.kept, name)
        vintage = 1_000 + count // PER_ENTRY + 2
        yield Row(
            f"yearly share table from {count:,} supply records ({database})",
            min(bare(engine, vintage) for _ in range(2)),
            min(ours(engine) for _ in range(2)),
            "s",
            wanted,
            "one pass over the covering index",
        )
        engine.dispose()
    yield from exports(EXPORTED_SMALL if bench.small else EXPORTED)


def exported(count: int) -> Table:
    """A table of observations whose rows are made as they are read."""
    meta = statement_meta(
        table_id="bench",
        method="recycled-supply/1",
        coverage="",
        checkpoint=CheckpointRef("remelt.invalid/bench", count, "0" * 64),
        row_count=count,
        editions={},
        filters={},
    )
    row: Cells = observation(
        period="2026-03",
        province="440000",
        metal="Al",
        indicator="RECYCLED_OUTPUT",
        value=22_113_907,
        unit="GRM",
        origin_class="post_consumer",
        source_area="DOMESTIC",
    )
    rows_made = (row for _ in range(count))
    return Table("bench", "测试", "bench", OBSERVATION_COLUMNS, rows_made, count, meta)


def exports(count: int) -> Iterator[Row]:
    """Rows a second into each format, beside the csv module alone."""
    table = exported(count)
    start = time.perf_counter()
    csv.writer(io.StringIO(newline="")).writerows(table.rows)
    plain = count / (time.perf_counter() - start)
    for name, write in (("CSV", csv_chunks), ("SDMX-CSV", sdmx_csv_chunks)):
        list(write(exported(10)))  # libraries that load on first use
        start = time.perf_counter()
        for _ in write(exported(count)):
            pass
        rate = count / (time.perf_counter() - start)
        yield Row(
            f"export of {count:,} rows, {name}", plain, rate, "rows/s", ">= 100,000"
        )
    start = time.perf_counter()
    write_xlsx(exported(count), io.BytesIO())
    rate = count / (time.perf_counter() - start)
    yield Row(f"export of {count:,} rows, XLSX", plain, rate, "rows/s", "")
