"""Business tables against the fold of the log: whatever was changed is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    Integer,
    LargeBinary,
    Table,
    delete,
    select,
)

from app.models import Base, TableKind
from app.models.base import Json, UtcDateTime
from app.queries.row_pairs import columns_of, folded_tables, key_width
from tests.folded import Fold
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, post, set_up
from tests.world import World


@pytest.fixture
def chain(world: World) -> World:
    """The golden chain, all of its facts but the corrections."""
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post(world, item)
    world.checkpoint()
    return world


@pytest.fixture
def fold(tmp_path: Path) -> Iterator[Fold]:
    fold = Fold(tmp_path / "fold.db")
    yield fold
    fold.engine.dispose()


def test_the_tables_are_the_fold_of_the_log(chain: World, fold: Fold) -> None:
    assert fold.follow(chain) == []
    chain.register("later")
    assert fold.follow(chain) == []


def test_every_table_is_folded_or_told_why_not() -> None:
    kinds = (TableKind.FACT, TableKind.PROJECTION)
    tables = {t.name for t in Base.metadata.sorted_tables if t.info["kind"] in kinds}

    assert tables - {table.name for table in folded_tables()} == {
        "log_entry",
        "checkpoint",
        "cosignature",
    }


def other(column: Any, value: Any) -> Any:
    """A value of the same column that is not this one."""
    kind = column.type
    if column.name == "sign":
        return -value
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, Integer | BigInteger):
        return (value or 0) + 1
    if isinstance(kind, UtcDateTime):
        return (value or datetime.fromisoformat("2026-01-01T00:00:00Z")) + timedelta(
            seconds=1
        )
    if isinstance(kind, Date):
        return (value or date(2026, 1, 1)) + timedelta(days=1)
    if isinstance(kind, LargeBinary):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(kind, Json):
        return ["other"]
    return f"{value or ''}x"


def unguard(world: World, connection: Any) -> None:
    """Do what the triggers and keys forbid, as somebody with the password could."""
    if world.engine.dialect.name == "postgresql":
        connection.exec_driver_sql("SET session_replication_role = replica")
    else:
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
        for (name,) in names.fetchall():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")


def filled(world: World) -> list[Table]:
    with world.engine.connect() as connection:
        return [
            table
            for table in folded_tables()
            if connection.execute(select(table).limit(1)).first() is not None
        ]


def test_every_changed_field_is_named(chain: World, fold: Fold) -> None:
    assert fold.follow(chain) == []
    tables = filled(chain)
    assert len(tables) > 15
    raw = chain.engine.execution_options(sqlite_begin="DEFERRED")
    for table in tables:
        for name in columns_of(table)[key_width(table) :]:
            if table.c[name].foreign_keys:
                continue
            keys = list(table.primary_key.columns)
            with raw.connect() as connection:
                if chain.engine.dialect.name == "sqlite":
                    connection.rollback()
                    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                unguard(chain, connection)
                row = connection.execute(select(table).order_by(*keys)).mappings()
                first = row.fetchone()
                assert first is not None
                where = [key == first[key.name] for key in keys]
                old = first[name]
                connection.execute(
                    table.update()
                    .where(*where)
                    .values({name: other(table.c[name], old)})
                )
                connection.commit()
                found = fold.follow(chain)
                assert [(one.table, one.field) for one in found] == [
                    (table.name, name)
                ], name
                assert found[0].entry_index is not None
                assert "the log gives" in found[0].message
                connection.execute(table.update().where(*where).values({name: old}))
                connection.commit()
    assert fold.follow(chain) == []


def test_rows_that_are_missing_or_of_no_entry_are_named(
    chain: World, fold: Fold
) -> None:
    table = Base.metadata.tables["supply_record"]
    with chain.engine.connect() as connection:
        unguard(chain, connection)
        row = connection.execute(select(table).order_by(table.c.id)).mappings().first()
        assert row is not None
        connection.execute(delete(table).where(table.c.id == row["id"]))
        connection.execute(table.insert(), [{**row, "id": row["id"] + 500}])
        connection.commit()

    found = fold.follow(chain)

    assert [(one.table, one.row, one.message) for one in found] == [
        ("supply_record", f"id={row['id']}", "the row is missing"),
        ("supply_record", f"id={row['id'] + 500}", "the row follows from no entry"),
    ]
    assert {one.entry_index for one in found} == {row["id"] // 1024}
