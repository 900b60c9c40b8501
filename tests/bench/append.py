"""Append: one fact a transaction and in batches, beside the bare loop.

The bare loop writes the same rows with the same durability through the plain driver,
and signs and verifies once a fact.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, insert
from sqlalchemy.dialects import postgresql, sqlite

from app.db import PRAGMAS, open_engine
from app.models import DisclosureRow, LogEntryRow, LotBalanceRow, LotRow
from app.schema import upgrade
from app.services.facts import Fact
from app.services.posting import post
from app.services.signing import seal_facts
from labels.codes import new_code
from ledger import Frontier, Signer, canonical_json, leaf_hash
from tests.bench.rows import Bench, Row
from tests.world import World

SINGLE, BATCHED, BATCH = 400, 5000, 500


def facts_of(world: World, org: str, site: str, count: int) -> list[Fact]:
    """Sourced lots with a supplier and a ticket."""
    data = {
        "facility": site,
        "material": "AL-SCRAP-MIXED",
        "source": "collected",
        "origin_class": "post_consumer",
        "weighing": {
            "gross_g": 22_480_000,
            "tare_g": 10_000_000,
            "net_g": 12_480_000,
            "scale": "W1",
        },
        "metal": "Al",
        "content_ppm": 950_000,
        "content_basis": "declared",
    }
    return [
        world.fact("lot.sourced", org, data | {"lot": new_code()}) for _ in range(count)
    ]


def world_over(engine: Engine) -> tuple[World, str, str]:
    """A founded log with one yard."""
    upgrade(engine)
    world = World(engine)
    world.found()
    org = world.register("yard")
    scales = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
    return world, org, world.facility(org, "gate", scales=scales)


def ours(world: World, facts: Sequence[Fact], batch: int) -> float:
    """Facts a second through signing and posting."""
    start = time.perf_counter()
    for n in range(0, len(facts), batch):
        some = facts[n : n + batch]
        with world.reading() as session:
            sealed = seal_facts(session, world.keyring, some)
        with world.transaction() as session:
            post(session, sealed, world.now)
    return len(facts) / (time.perf_counter() - start)


def rows_of(world: World, count: int) -> list[dict[str, list[dict[str, Any]]]]:
    """The rows that the last facts left, table by table: what the bare loop writes."""
    tables: tuple[Any, ...] = (LogEntryRow, LotRow, LotBalanceRow, DisclosureRow)
    with world.engine.connect() as connection:
        found = {}
        for row_class in tables:
            table = row_class.__table__
            key = next(iter(table.primary_key.columns))
            found[table.name] = [
                dict(row)
                for row in connection.execute(
                    table.select().order_by(key.desc()).limit(count)
                ).mappings()
            ]
    return [
        {name: rows[n : n + 1] for name, rows in found.items()} for n in range(count)
    ]


def bare(
    world: World,
    samples: Sequence[dict[str, list[dict[str, Any]]]],
    batch: int,
    execute: Callable[[str, list[tuple[Any, ...]]], object],
    transaction: Callable[[], Any],
    dialect: Any,
) -> float:
    """Rows a second through the plain driver, with one signature made and checked."""
    tables: tuple[Any, ...] = (LogEntryRow, LotRow, LotBalanceRow)
    statements = {}
    for row_class in tables:
        table = row_class.__table__
        compiled = insert(table).compile(dialect=dialect)
        names = [column.name for column in table.columns]
        marks = ", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(names))
        columns = ", ".join(names)
        assert compiled is not None
        statements[table.name] = (
            f"INSERT INTO {table.name} ({columns}) VALUES ({marks})",
            table,
        )
    signer = Signer.generate("bare/loop/1")
    frontier = Frontier()
    text = canonical_json({"lot": "x" * 400})
    head = 10**9
    start = time.perf_counter()
    done = 0
    for n in range(0, len(samples), batch):
        with transaction():
            for name, (statement, table) in statements.items():
                values = []
                for place, sample in enumerate(samples[n : n + batch]):
                    row = dict(sample[name][0])
                    index = head + n + place
                    if name == "log_entry":
                        # signs and verifies, as ours does
                        note = text + signer.sign(text)
                        row |= {
                            "entry_index": index,
                            "leaf_hash": leaf_hash(note + index.to_bytes(8, "big")),
                            "fact_id": f"bare-{index}",
                        }
                        frontier.append(note)
                    elif name == "lot":
                        row |= {"id": index * 1024, "code": f"B{index}"}
                    else:
                        row |= {"lot_id": index * 1024}
                    values.append(
                        tuple(
                            _plain(row[column.name], dialect)
                            for column in table.columns
                        )
                    )
                execute(statement, values)
            execute(
                "UPDATE log_head SET frontier = "
                + ("?" if dialect.paramstyle == "qmark" else "%s"),
                [(frontier.dump(),)],
            )
        done += len(samples[n : n + batch])
    return done / (time.perf_counter() - start)


def _plain(value: Any, dialect: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value)
    if dialect.name == "sqlite" and hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def bare_sqlite(world: World, path: Path, samples: Sequence[Any], batch: int) -> float:
    """The bare loop over sqlite3."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")

    @contextmanager
    def transaction() -> Iterator[None]:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")

    rate = bare(
        world,
        samples,
        batch,
        connection.executemany,
        transaction,
        sqlite.dialect(),
    )
    connection.close()
    return rate


def bare_postgresql(
    world: World, url: str, samples: Sequence[Any], batch: int
) -> float:
    """The bare loop over psycopg."""
    with psycopg.connect(
        url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True
    ) as connection:
        cursor = connection.cursor()

        def execute(statement: str, rows: list[tuple[Any, ...]]) -> None:
            if len(rows) == 1:
                cursor.execute(statement, rows[0])
            else:
                cursor.executemany(statement, rows)

        return bare(
            world,
            samples,
            batch,
            execute,
            connection.transaction,
            postgresql.dialect(),  # type: ignore[no-untyped-call]
        )


def _forget_bare(engine: Engine) -> None:
    """Empty what the bare loop wrote, past the triggers: its keys come again."""
    with engine.begin() as connection:
        for trigger in ("lot", "log_entry"):
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql(f"DROP TRIGGER {trigger}_refuses_delete")
            else:
                connection.exec_driver_sql(
                    f"DROP TRIGGER {trigger}_refuses_change ON {trigger}"
                )
        for table, column in (
            ("lot_balance", "lot_id"),
            ("lot", "id"),
            ("log_entry", "entry_index"),
        ):
            connection.exec_driver_sql(
                f"DELETE FROM {table} WHERE {column} > 900000000"
            )


def rows(bench: Bench) -> Iterator[Row]:
    """Appending facts one by one and in batches, on both databases."""
    for name, url in bench.databases():
        engine = open_engine(url)
        world, org, site = world_over(engine)
        one_by_one = SINGLE // 4 if bench.small else SINGLE
        in_batches = BATCHED // 4 if bench.small else BATCHED
        facts = facts_of(world, org, site, one_by_one + in_batches)
        ours(world, facts_of(world, org, site, 50), 1)
        single = ours(world, facts[:one_by_one], 1)
        batched = ours(world, facts[one_by_one:], BATCH)
        samples = rows_of(world, one_by_one)
        many = (samples * (in_batches // one_by_one + 1))[:in_batches]
        run = bare_sqlite if engine.dialect.name == "sqlite" else bare_postgresql
        place: Any = bench.folder / "bench.db" if run is bare_sqlite else url
        bare_single = run(world, place, samples, 1)
        _forget_bare(engine)
        bare_batched = run(world, place, many, BATCH)
        engine.dispose()
        work = f"append, one fact a transaction ({name})"
        yield Row(work, bare_single, single, "facts/s", ">= 0.5")
        work = f"append, batches of {BATCH} ({name})"
        yield Row(work, bare_batched, batched, "facts/s", ">= 0.6")
