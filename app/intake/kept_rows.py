"""What has to be kept of the rows of a file, in temporary files once it grows.

A file may have millions of rows: kept in memory they would take more of it than all
the rest of an import. Everything here is used in a ``with`` block, by one thread, and
gone at its end.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Self

from app.intake.heads import Values


class _Kept:
    """A temporary database of SQLite: a few pages in memory, the rest on disk."""

    def __init__(self, table: str) -> None:
        # An empty name: SQLite makes a file of its own and takes it away again
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute(f"CREATE TABLE kept ({table}) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()


class FirstRows(_Kept):
    """The first row of each identity."""

    def __init__(self) -> None:
        super().__init__("identity BLOB PRIMARY KEY, row INTEGER")

    def of(self, identity: tuple[object, ...], row: int) -> int:
        """The row that had this identity first: this one, where none had it before.

        Args:
            identity: Values whose ``repr`` tells them apart.
            row: Where it stands now.
        """
        # Half of a surrogate pair is refused elsewhere; here it must not break off
        key = repr(identity).encode("utf-8", "surrogatepass")
        insert = "INSERT OR IGNORE INTO kept VALUES (?, ?)"
        if self._database.execute(insert, (key, row)).rowcount:
            return row
        wanted = "SELECT row FROM kept WHERE identity = ?"
        first: int = self._database.execute(wanted, (key,)).fetchone()[0]
        return first


class GroupedRows(_Kept):
    """Rows by the first row of what they belong to."""

    def __init__(self) -> None:
        super().__init__(
            "first INTEGER, row INTEGER, pickled BLOB, PRIMARY KEY (first, row)"
        )

    def add(self, first: int, row: Values) -> None:
        """Keep a row.

        Args:
            first: Number of the first row of what it belongs to; its own, if it is.
            row: Its values.
        """
        pickled = pickle.dumps(row, pickle.HIGHEST_PROTOCOL)
        insert = "INSERT INTO kept VALUES (?, ?, ?)"
        self._database.execute(insert, (first, row.row, pickled))

    def groups(self) -> Iterator[list[Values]]:
        """What belongs together, in the order of the first rows, each in row order."""
        kept = self._database.execute(
            "SELECT first, pickled FROM kept ORDER BY first, row"
        )
        for _, parts in groupby(kept, key=itemgetter(0)):
            yield [pickle.loads(pickled) for _, pickled in parts]  # noqa: S301 - ours
