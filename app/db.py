"""The engine, and the two ways to open a transaction.

An engine holds no connection until it is asked for one, and a process that was forked
drops those of its parent: a connection is never shared across a fork. Nothing is tried
again silently: a database that is busy or gone shows as the error that it is.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from flask import Flask, current_app
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_MS = 10_000
"""How long a writer waits for the others, and anybody for a locked database."""
BUSY_STEP_S = 0.000_5
PRAGMAS = (
    "journal_mode=WAL",
    # A receipt must survive a power cut: each commit is synced to the disk
    "synchronous=FULL",
    "foreign_keys=ON",
    f"busy_timeout={BUSY_MS}",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "cache_size=-32000",
)

# Longer than between two requests of a busy hour, shorter than any firewall waits
PING_AFTER_S = 5.0

# What a disk says that is full, or that cannot be written
DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
DISK_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
DISK_POSTGRESQL = ("53100", "58030")

_engines: WeakSet[Engine] = WeakSet()


def init_app(app: Flask, url: str) -> None:
    """Make the engine of an application; nothing is connected yet."""
    engine = open_engine(url)
    writers, readers = session_makers(engine)
    app.extensions["engine"] = engine
    app.extensions["writers"] = writers
    app.extensions["readers"] = readers


def session_makers(
    engine: Engine,
) -> tuple[sessionmaker[Session], sessionmaker[Session]]:
    """Sessions that write, and sessions that read one consistent view."""
    if engine.dialect.name == "sqlite":
        readers = engine.execution_options(sqlite_begin="DEFERRED")
    else:
        readers = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    return (
        sessionmaker(engine, expire_on_commit=False),
        sessionmaker(readers, expire_on_commit=False),
    )


def open_engine(url: str) -> Engine:
    """An engine with the pragmas and the locking that the product relies on."""
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "checkin", _note_return)
    event.listen(engine, "checkout", _ping_after_rest)
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
    _engines.add(engine)
    return engine


@contextmanager
def transaction() -> Iterator[Session]:
    """One use case, one transaction: commit at the end, roll back on any error.

    On SQLite the write lock is taken at once (BEGIN IMMEDIATE): a transaction that
    reads first and writes later would fail under a second writer, in spite of
    ``busy_timeout``.
    """
    with current_app.extensions["writers"].begin() as session:
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """One consistent view of the database; nothing in it may write.

    It ends in a commit, although there is nothing to commit: on a rollback psycopg
    forgets its prepared statements, and every query would be planned anew each time.
    """
    with current_app.extensions["readers"]() as session:
        yield session
        if not (session.new or session.dirty or session.deleted):
            session.commit()


def engine_of(app: Flask) -> Engine:
    """The engine, for migrations and tests."""
    engine: Engine = app.extensions["engine"]
    return engine


def is_of_disk(error: BaseException) -> bool:
    """Whether an error says that a disk is full or cannot be written.

    Nothing is wrong with the request then: it can be sent again once there is room.
    """
    if isinstance(error, OSError):
        return error.errno in DISK_ERRNOS
    driver = getattr(error, "orig", None)
    if isinstance(driver, sqlite3.Error):
        code: int = getattr(driver, "sqlite_errorcode", 0)
        return code & 0xFF in DISK_SQLITE
    return getattr(driver, "sqlstate", None) in DISK_POSTGRESQL


def _note_return(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["returned_s"] = time.monotonic()


def _ping_after_rest(
    connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
) -> None:
    """Ask a connection that has rested whether it lives.

    The pool's own ping asks every time, which doubles the way to a database that is a
    network away; one that worked a moment ago is as alive as a ping can tell.

    Raises:
        DisconnectionError: It does not; the pool opens another one.
    """
    returned = record.info.get("returned_s")
    if returned is None or time.monotonic() - returned < PING_AFTER_S:
        return
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT 1")
        cursor.fetchall()
        connection.rollback()
    except Exception as error:
        raise DisconnectionError("the connection did not outlive its rest") from error
    finally:
        cursor.close()


def _set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401
    connection.isolation_level = None  # sqlite3 must not begin on its own
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    if mode == "IMMEDIATE":
        _await_write_lock(connection)
    else:
        connection.exec_driver_sql(f"BEGIN {mode}")


def _await_write_lock(connection: Connection) -> None:
    """Begin to write as soon as the others have done, for up to ``BUSY_MS``.

    SQLite's own wait sleeps for up to 100 ms at a time, where the one who writes needs
    two: with a few writers at once the lock would lie idle most of the time.

    Raises:
        sqlalchemy.exc.OperationalError: The database stayed locked.
    """
    driver = connection.connection.dbapi_connection
    if driver is None:
        raise RuntimeError("a connection that was given back cannot begin")
    end = time.monotonic() + BUSY_MS / 1000
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < end:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(BUSY_STEP_S)
            else:
                return
        # Once more, for the error as SQLAlchemy words it
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def _forget_connections() -> None:
    """Leave the connections of the parent process to it."""
    for engine in list(_engines):
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)
