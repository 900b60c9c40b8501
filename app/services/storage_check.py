"""The database as a store: whether what was written can be read back as it was.

Rows are held against the log elsewhere. What lies below them is checked here: the
pages of the file, the indexes that queries go by, the triggers that keep facts as they
are. A wrong index makes a query miss a row that a full reading of the table finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from app.services.differences import Difference

PLACE = "database"
MOST = 100
TriggerCheck = Callable[[Connection], list[str]]
_TREE = re.compile(r"^(?:\*\*\* in database \w+ \*\*\*\s*)?Tree (\d+)\b")
_INDEX = re.compile(r"\bindex (\w+)")
_NAMED = re.compile(r"\b(?:in|of) (\w+)(?:\.\w+)?$")
_FUNCTIONS = ("bt_index_check", "verify_heapam")


@dataclass(frozen=True, slots=True)
class StorageReport:
    """What was found of a store.

    Attributes:
        differences: What is damaged, by table or index where the database says so.
        notes: What was looked at, and what could not be.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def check_storage(engine: Engine, check_triggers: TriggerCheck) -> StorageReport:
    """Let the database check its own pages and indexes.

    SQLite reads its whole file. PostgreSQL does where it has the extension amcheck;
    its data checksums, where they are on, are checked with every page that is read.

    Args:
        engine: Of the database.
        check_triggers: Says what is wrong with the triggers of the fact tables.

    Cost: grows with the database; one process, memory does not grow.
    """
    sqlite = engine.dialect.name == "sqlite"
    found: list[Difference] = []
    notes: list[str] = []
    try:
        if sqlite:
            with engine.execution_options(
                sqlite_begin="DEFERRED"
            ).connect() as connection:
                found += _check_sqlite(connection)
            notes.append("SQLite has checked its file (integrity_check)")
        else:
            free = engine.execution_options(isolation_level="AUTOCOMMIT")
            with free.connect() as connection:
                notes += _notes_of_postgresql(connection)
                found += _check_postgresql(connection)
        with engine.execution_options(
            **({"sqlite_begin": "DEFERRED"} if sqlite else {})
        ).connect() as connection:
            found += [
                Difference(None, PLACE, "trigger", fault)
                for fault in check_triggers(connection)
            ]
    except Exception as error:
        # Not the driver's errors alone: it cannot even spell some of its messages
        found.append(unreadable("the database", error))
    return StorageReport(tuple(found), tuple(notes))


def unreadable(what: str, error: Exception) -> Difference:
    """A check that came upon something that it could not read."""
    reason = error.orig if isinstance(error, DBAPIError) else error
    shown = " ".join(str(reason).split())
    return Difference(
        None, PLACE, "", f"{what} cannot be read: {type(reason).__name__}: {shown}"
    )


def _check_sqlite(connection: Connection) -> Iterator[Difference]:
    schema = text("SELECT rootpage, tbl_name FROM sqlite_master WHERE rootpage > 0")
    named = {int(page): str(name) for page, name in connection.execute(schema)}
    try:
        messages = _integrity(connection, str(MOST))
    except DBAPIError as whole:
        # Damage that ends the check: table by table it is found where it lies
        found = list(_check_each(connection, sorted(set(named.values()))))
        yield from found or [unreadable("the database", whole)]
        return
    for message in messages:
        yield Difference(None, _place_of(message, named), "", message)


def _check_each(connection: Connection, tables: list[str]) -> Iterator[Difference]:
    for table in tables:
        try:
            messages = _integrity(connection, f'"{table}"')
        except DBAPIError as error:
            messages = [str(error.orig)]
        for message in messages:
            yield Difference(None, table, "", message)


def _integrity(connection: Connection, what: str) -> list[str]:
    """What SQLite finds wrong with the whole file, or with one table of it."""
    rows = connection.exec_driver_sql(f"PRAGMA integrity_check({what})").scalars()
    lines = [line for row in rows for line in str(row).splitlines()]
    return [one for one in lines if one not in ("ok", "*** in database main ***")]


def _place_of(message: str, named: dict[int, str]) -> str:
    """The table or index that SQLite speaks of, as it spells it."""
    if (tree := _TREE.match(message)) is not None:
        return named.get(int(tree[1]), PLACE)
    for pattern in (_INDEX, _NAMED):
        if (place := pattern.search(message)) is not None:
            return place[1]
    return PLACE


def _notes_of_postgresql(connection: Connection) -> Iterator[str]:
    on = connection.scalar(text("SHOW data_checksums")) == "on"
    yield (
        "PostgreSQL checks the checksum of each page that it reads"
        if on
        else "NOT CHECKED: PostgreSQL keeps no checksums of its pages (initdb "
        "--data-checksums, or pg_checksums --enable)"
    )
    missing = [one for one in _FUNCTIONS if not _may_call(connection, one)]
    yield (
        "PostgreSQL has checked tables and indexes (amcheck)"
        if not missing
        else f"NOT CHECKED: indexes and pages, because {' and '.join(missing)} of the "
        "extension amcheck cannot be called (CREATE EXTENSION amcheck, GRANT EXECUTE)"
    )


def _may_call(connection: Connection, function: str) -> bool:
    wanted = text(
        "SELECT coalesce(bool_or(has_function_privilege(oid, 'EXECUTE')), false) "
        "FROM pg_proc WHERE proname = :name"
    )
    return bool(connection.scalar(wanted, {"name": function}))


def _check_postgresql(connection: Connection) -> Iterator[Difference]:
    indexes = (
        "SELECT i.indexrelid::regclass::text, i.indexrelid FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam "
        "WHERE a.amname = 'btree' AND i.indisvalid AND c.relnamespace = "
        "'public'::regnamespace ORDER BY 1"
    )
    tables = (
        "SELECT oid::regclass::text, oid FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    if _may_call(connection, "bt_index_check"):
        for name, oid in connection.execute(text(indexes)).all():
            call = text("SELECT bt_index_check(CAST(:oid AS oid)::regclass, true)")
            try:
                connection.execute(call, {"oid": oid})
            except DBAPIError as error:
                yield Difference(None, name, "", str(error.orig).splitlines()[0])
    if _may_call(connection, "verify_heapam"):
        for name, oid in connection.execute(text(tables)).all():
            call = text(
                "SELECT blkno, msg FROM verify_heapam(CAST(:oid AS oid)::regclass)"
            )
            for block, message in connection.execute(call, {"oid": oid}):
                yield Difference(None, name, "", message, row=f"block {block}")
