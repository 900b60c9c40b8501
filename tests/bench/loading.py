"""Rows into a table as fast as the plain driver takes them: for databases to measure.

Triggers stay; foreign keys are not checked, and indexes are made afterwards.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, Table
from sqlalchemy.schema import CreateIndex


def load_rows(engine: Engine, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Fill a table whose columns come in the order of the model."""
    ready = [CreateIndex(index).compile(engine) for index in sorted_indexes(table)]
    names = ", ".join(column.name for column in table.columns)
    if engine.dialect.name == "sqlite":
        _load_sqlite(engine, table, names, rows, [str(one) for one in ready])
    else:
        _load_postgresql(engine, table, names, rows, [str(one) for one in ready])


def sorted_indexes(table: Table) -> list[Any]:
    """The indexes of a table by name."""
    return sorted(table.indexes, key=lambda index: str(index.name))


def _load_sqlite(
    engine: Engine,
    table: Table,
    names: str,
    rows: Iterable[tuple[Any, ...]],
    indexes: list[str],
) -> None:
    engine.dispose()
    marks = ", ".join("?" for _ in table.columns)
    connection = sqlite3.connect(str(engine.url.database), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-400000")
    connection.execute("BEGIN")
    for index in sorted_indexes(table):
        connection.execute(f"DROP INDEX {index.name}")
    connection.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)
    for statement in indexes:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _load_postgresql(
    engine: Engine,
    table: Table,
    names: str,
    rows: Iterable[tuple[Any, ...]],
    indexes: list[str],
) -> None:
    with psycopg.connect(plain_url(engine)) as connection:
        # the loader is no client: what it writes refers to nothing that is checked
        connection.execute("SET session_replication_role = replica")
        for index in sorted_indexes(table):
            connection.execute(f'DROP INDEX "{index.name}"')
        with connection.cursor().copy(
            f"COPY {table.name} ({names}) FROM STDIN"
        ) as copy:
            for row in rows:
                copy.write_row(row)
        for statement in indexes:
            connection.execute(statement)
    with psycopg.connect(plain_url(engine), autocommit=True) as connection:
        connection.execute(f"VACUUM ANALYZE {table.name}")


def plain_url(engine: Engine) -> str:
    """The address of a PostgreSQL database as the plain driver takes it."""
    url = engine.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def kept_database(folder: Path, name: str) -> tuple[str, bool]:
    """The address of a SQLite file that stays between runs, and whether it is new.

    A file that was left half filled by a run that ended early is made anew.
    """
    path, done = folder / f"{name}.db", folder / f"{name}.done"
    if done.exists() and path.exists():
        return f"sqlite:///{path}", False
    for old in folder.glob(f"{name}.*"):
        old.unlink()
    return f"sqlite:///{path}", True


def keep(folder: Path, name: str) -> None:
    """Say that a kept database is whole."""
    (folder / f"{name}.done").touch()
