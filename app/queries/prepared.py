"""Statements of the hot path, compiled once and run through the plain driver.

SQLAlchemy works out for every execution how to compile, bind and fetch; for the few
statements that every append runs, that costs more than the database does. Here a
statement is compiled once per dialect, with the same types, and then given to the
driver as text. It stays one definition: nothing here writes SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """A statement without expanding parameters, ready for every dialect it meets.

    Results come as the driver gives them: select whole numbers, text and bytes only.

    >>> from sqlalchemy import bindparam, create_engine, literal, select
    >>> doubled = Prepared(select(bindparam("x", type_=literal(1).type) * 2))
    >>> with create_engine("sqlite://").connect() as connection:
    ...     doubled.run(connection, {"x": 21}).scalar_one()
    42
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._ready: dict[str, _Compiled] = {}

    def run(
        self,
        connection: Connection,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    ) -> CursorResult[Any]:
        """Execute for one set of parameters, or for each of many."""
        ready = self._for(connection.dialect)
        if isinstance(parameters, Mapping):
            return connection.exec_driver_sql(ready.text, ready.bind(parameters))
        return connection.exec_driver_sql(
            ready.text, [ready.bind(one) for one in parameters]
        )

    def stream(
        self, connection: Connection, parameters: Mapping[str, Any]
    ) -> Iterator[tuple[Any, ...]]:
        """The rows as the driver reads them, bare: for millions at a time."""
        ready = self._for(connection.dialect)
        cursor: Any = connection.connection.cursor()
        try:
            cursor.execute(ready.text, ready.bind(parameters))
            yield from cursor
        finally:
            cursor.close()

    def text_for(self, dialect: Dialect) -> str:
        """The statement as the driver takes it."""
        return self._for(dialect).text

    def bind_for(self, dialect: Dialect, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Its parameters as the driver takes them."""
        return self._for(dialect).bind(values)

    def literal(self, dialect: Dialect, values: Mapping[str, int]) -> str:
        """The statement with whole numbers written into it."""
        compiled = self._statement.params(**values).compile(
            dialect=dialect, compile_kwargs={"literal_binds": True}
        )
        return str(compiled)

    def _for(self, dialect: Dialect) -> _Compiled:
        ready = self._ready.get(dialect.name)
        if ready is None:
            ready = self._ready[dialect.name] = _Compiled(self._statement, dialect)
        return ready


class _Compiled:
    """The text of a statement, and how to turn values into what the driver takes."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler) or compiled.insert_prefetch:
            raise TypeError(f"cannot be prepared: {statement}")
        self.text = str(compiled)
        self._nothing = dict(compiled.params)
        self._processors: dict[str, Callable[[Any], Any]] = {}
        for name, parameter in compiled.binds.items():
            process = parameter.type.dialect_impl(dialect).bind_processor(dialect)
            if process is not None:
                self._processors[name] = process
        self._places: list[tuple[int, Callable[[Any], Any]]] = []
        self._fetch: Callable[[Mapping[str, Any]], tuple[Any, ...]] | None = None
        if (names := compiled.positiontup) is not None:
            self._fetch = _fetcher(names)
            self._places = [
                (n, self._processors[name])
                for n, name in enumerate(names)
                if name in self._processors
            ]

    def bind(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - tuple or dict
        """The parameters as the driver takes them."""
        if self._fetch is None:
            named = {**self._nothing, **values}
            for name, process in self._processors.items():
                named[name] = process(named[name])
            return named
        try:
            bound = list(self._fetch(values))
        except KeyError:
            bound = list(self._fetch({**self._nothing, **values}))
        for place, process in self._places:
            bound[place] = process(bound[place])
        return tuple(bound)


def _fetcher(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Takes the values of these names out of a mapping, all at once."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


@contextmanager
def at_once(connection: Connection) -> Iterator[None]:
    """Statements that nothing is read from go to the server without waiting for each.

    PostgreSQL answers each statement; with the server a network away, the answers cost
    more than the writing. SQLite has no such way, and nothing changes there.

    Raises:
        sqlalchemy.exc.DBAPIError: One of them failed; known at the end of the block.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    with _as_sqlalchemy(connection), driver.pipeline():
        yield


def first_after(
    connection: Connection, before: Prepared, wanted: Prepared
) -> tuple[Any, ...]:
    """The first row of a query that runs once another statement has, on PostgreSQL.

    Both are sent together. The query sees what was committed until the other is done.

    Raises:
        LookupError: The query finds no row.
    """
    driver: Any = connection.connection.dbapi_connection
    dialect = connection.dialect
    with _as_sqlalchemy(connection), driver.pipeline():
        driver.execute(before.text_for(dialect), before.bind_for(dialect, {}))
        row: tuple[Any, ...] | None = driver.execute(
            wanted.text_for(dialect), wanted.bind_for(dialect, {})
        ).fetchone()
    if row is None:
        raise LookupError("the query found no row")
    return row


@contextmanager
def _as_sqlalchemy(connection: Connection) -> Iterator[None]:
    """Faults of the driver as the rest of the application knows them."""
    errors = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except errors as error:
        raise DBAPIError.instance(
            None, None, error, errors, dialect=connection.dialect
        ) from error


@cache
def _insert_into(table: Table) -> Prepared:
    return Prepared(table.insert())


def insert_rows(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows; a column that a row does not name stays empty."""
    if rows:
        _insert_into(table).run(connection, rows[0] if len(rows) == 1 else rows)
