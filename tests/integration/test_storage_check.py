"""What ``remelt ledger verify`` asks the database about its own pages and indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.db import open_engine
from app.schema import trigger_faults
from app.services.storage_check import StorageReport, check_storage
from tests.world import World


def check(engine: Engine) -> StorageReport:
    return check_storage(engine, trigger_faults)


def do(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_sound_store_has_no_difference_and_says_what_was_looked_at(
    world: World,
) -> None:
    report = check(world.engine)

    assert report.differences == ()
    assert report.notes
    if world.engine.dialect.name == "sqlite":
        assert report.notes == ("SQLite has checked its file (integrity_check)",)


def test_an_index_that_lacks_a_row_is_named(world: World) -> None:
    """Rows, fold and hashes all agree; a query by the index misses one."""
    if world.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL lets nobody edit an index; see amcheck below")
    name = "ix_log_entry_type_entry_index"
    with world.engine.connect() as connection:
        connection.execute(text("DROP TRIGGER log_entry_refuses_update"))
        connection.exec_driver_sql("PRAGMA writable_schema=ON")
        # The index is taken out of the schema, a row changes, the index comes back
        row = connection.execute(
            text("SELECT * FROM sqlite_master WHERE name = :name"), {"name": name}
        ).one()
        connection.execute(
            text("DELETE FROM sqlite_master WHERE name = :name"), {"name": name}
        )
        connection.commit()
    world.engine.dispose()
    do(world.engine, "UPDATE log_entry SET type = 'lot.sourced' WHERE entry_index = 0")
    with world.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA writable_schema=ON")
        connection.execute(
            text("INSERT INTO sqlite_master VALUES (:type, :name, :tbl, :page, :sql)"),
            {
                "type": row.type,
                "name": row.name,
                "tbl": row.tbl_name,
                "page": row.rootpage,
                "sql": row.sql,
            },
        )
        connection.commit()
    world.engine.dispose()

    report = check(world.engine)

    assert name in {one.table for one in report.differences}


def test_a_trigger_that_is_gone_is_a_difference(world: World) -> None:
    if world.engine.dialect.name == "sqlite":
        do(world.engine, "DROP TRIGGER log_entry_refuses_delete")
    else:
        do(world.engine, "DROP TRIGGER log_entry_refuses_change ON log_entry")

    [one] = check(world.engine).differences

    assert (one.table, one.field) == ("database", "trigger")
    assert "log_entry_refuses" in one.message


def test_a_file_that_is_no_database_is_told_and_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "remelt.db"
    path.write_bytes(b"not a database at all" * 1000)
    engine = open_engine(f"sqlite:///{path}")

    [one] = check(engine).differences

    assert one.table == "database"
    assert "file is not a database" in one.message
    engine.dispose()


def test_a_page_that_is_overwritten_is_named_by_its_table(
    world: World, tmp_path: Path
) -> None:
    if world.engine.dialect.name != "sqlite":
        pytest.skip("the pages of a PostgreSQL that runs are its own")
    with world.engine.connect() as connection:
        page = connection.scalar(
            text("SELECT rootpage FROM sqlite_master WHERE name = 'lot'")
        )
    world.engine.dispose()
    with (tmp_path / "remelt.db").open("r+b") as stream:
        stream.seek((page - 1) * 4096)
        stream.write(b"\xff" * 100)

    report = check(world.engine)

    assert {one.table for one in report.differences} == {"lot"}


def test_what_postgresql_could_not_check_is_said_plainly(world: World) -> None:
    if world.engine.dialect.name != "postgresql":
        pytest.skip("SQLite checks its file itself")
    with world.engine.connect() as connection:
        checksums = connection.scalar(text("SHOW data_checksums"))

    notes = check(world.engine).notes

    assert ("NOT CHECKED: PostgreSQL keeps no checksums" in notes[0]) == (
        checksums == "off"
    )
    assert notes[1].startswith("NOT CHECKED: indexes and pages")


STANDS_IN = (
    # What amcheck says, of whatever index and table it is asked about
    """CREATE FUNCTION bt_index_check(index regclass, heapallindexed boolean)
    RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF index::text = 'ix_log_entry_type_entry_index' THEN
    RAISE EXCEPTION 'heap tuple (0,1) from table "log_entry" lacks matching index tuple'
    USING ERRCODE = 'index_corrupted';
    END IF; END $$""",
    """CREATE FUNCTION verify_heapam(relation regclass)
    RETURNS TABLE (blkno bigint, offnum integer, attnum integer, msg text)
    LANGUAGE sql AS $$ SELECT 7::bigint, 1, 1, 'xmin 1 precedes oldest valid'
    WHERE relation::text = 'lot' $$""",
)


def test_what_amcheck_finds_is_named_by_index_table_and_block(world: World) -> None:
    """The wheel lacks the extension: functions of its names answer as it does."""
    if world.engine.dialect.name != "postgresql":
        pytest.skip("amcheck is PostgreSQL's")
    do(world.engine, *STANDS_IN)

    report = check(world.engine)

    found: set[tuple[Any, ...]] = {(one.table, one.row) for one in report.differences}
    assert found == {("ix_log_entry_type_entry_index", None), ("lot", "block 7")}
    assert "lacks matching index tuple" in report.differences[0].message
    assert report.notes[1] == "PostgreSQL has checked tables and indexes (amcheck)"
