"""Whole numbers out of the database as columns: for checks that read millions of rows.

``ConnectionSource`` reads what a transaction sees, a row at a time. ``ArrowSource``
has a connection of its own through Apache Arrow ADBC, whose drivers hand over whole
columns: three times as fast, of what is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Protocol

import numpy as np
from sqlalchemy import URL, Connection, Dialect

from app.queries.prepared import Prepared
from graph.audit import Ints, as_columns

BATCH_ROWS = 16_384
WHOLE = frozenset({"INT64", "INT32", "INT16"})


class Source(Protocol):
    """Where rows with keys from ``low`` up to ``high`` are read."""

    def table(self, query: Prepared, low: int, high: int, width: int) -> Ints:
        """Shape (rows, width), columns one behind another in memory.

        Args:
            query: Of ``width`` columns of whole numbers, none of them null.
            low: The first key.
            high: Behind the last key.
            width: How many columns.
        """

    def rows(self, query: Prepared, low: int, high: int) -> Iterator[tuple[Any, ...]]:
        """Rows of any types; for few of them."""


class ConnectionSource:
    """What a transaction sees."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def table(self, query: Prepared, low: int, high: int, width: int) -> Ints:
        """See ``Source``."""
        flat = np.fromiter(chain.from_iterable(self.rows(query, low, high)), np.int64)
        return as_columns(flat.reshape(-1, width))

    def rows(self, query: Prepared, low: int, high: int) -> Iterator[tuple[Any, ...]]:
        """See ``Source``."""
        return query.stream(self._connection, {"low": low, "high": high})


class ArrowSource:
    """What was committed when it was opened."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:  # noqa: ANN401
        self._connection = connection
        self._dialect = dialect

    def table(self, query: Prepared, low: int, high: int, width: int) -> Ints:
        """See ``Source``.

        Raises:
            TypeError: A column holds nulls or anything but whole numbers.
        """
        batches = list(self._batches(query, low, high))
        found = np.empty((width, sum(len(one) for one in batches)), np.int64)
        start = 0
        for batch in batches:
            end = start + len(batch)
            for n in range(width):
                found[n, start:end] = _whole_numbers(batch.child(n))
            start = end
        return found.T

    def rows(self, query: Prepared, low: int, high: int) -> Iterator[tuple[Any, ...]]:
        """See ``Source``."""
        for batch in self._batches(query, low, high):
            columns = [batch.child(n).to_pylist() for n in range(batch.n_children)]
            yield from zip(*columns, strict=True)

    def _batches(self, query: Prepared, low: int, high: int) -> Iterator[Any]:
        # Imported where they are used: the driver loads pyarrow and pandas where it
        # finds them, which takes two seconds and 100 MB
        import adbc_driver_manager  # noqa: PLC0415
        import nanoarrow  # noqa: PLC0415

        options = {}
        if self._dialect.name == "sqlite":
            options["adbc.sqlite.query.batch_rows"] = BATCH_ROWS
        text = query.literal(self._dialect, {"low": low, "high": high})
        try:
            with self._connection.cursor(adbc_stmt_kwargs=options) as cursor:
                cursor.execute(text)
                for batch in nanoarrow.ArrayStream(cursor.fetch_arrow()):
                    if len(batch):
                        yield batch
        except adbc_driver_manager.Error as error:
            # The driver's own does not travel from one process to another
            raise RuntimeError(f"the database cannot be read: {error}") from error


def _whole_numbers(column: Any) -> Ints:  # noqa: ANN401 - nanoarrow has no types
    if column.schema.type.name not in WHOLE:
        raise TypeError(f"found {column.schema.type.name}, expected whole numbers")
    end = column.offset + len(column)
    if len(validity := column.buffer(0)):
        valid = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
        if not valid[column.offset : end].all():
            raise TypeError("found nothing where a whole number belongs")
    values: Ints = np.asarray(column.buffer(1))
    return values[column.offset : end]


@contextmanager
def open_arrow(url: URL) -> Iterator[ArrowSource]:
    """A source over one consistent view of a database.

    Args:
        url: Of a SQLite file or a PostgreSQL database.
    """
    if url.get_backend_name() == "sqlite":
        import adbc_driver_sqlite.dbapi  # noqa: PLC0415 - see above

        address = f"file:{url.database}?mode=ro"
        connection = adbc_driver_sqlite.dbapi.connect(address, autocommit=True)
        begin = "BEGIN"
    else:
        import adbc_driver_postgresql.dbapi  # noqa: PLC0415 - of the extra "pg"

        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = adbc_driver_postgresql.dbapi.connect(address, autocommit=True)
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    with connection:
        with connection.cursor() as cursor:
            cursor.execute(begin)
        yield ArrowSource(connection, url.get_dialect()())
