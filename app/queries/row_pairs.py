"""Rows of two databases side by side, by their keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, Text, select

from app.models import Base, TableKind

# What entries do not make: what others signed about the log, and the entries
# themselves, which are checked as such
_NOT_FOLDED = {"log_entry", "checkpoint", "cosignature"}
BATCH = 2000
Row = tuple[Any, ...]


def folded_tables() -> list[Table]:
    """The business tables: those whose rows follow from the entries."""
    return [
        table
        for table in Base.metadata.sorted_tables
        if table.info["kind"] in (TableKind.FACT, TableKind.PROJECTION)
        and table.name not in _NOT_FOLDED
    ]


def key_width(table: Table) -> int:
    """How many columns, the first ones of each row, make its key."""
    return len(table.primary_key.columns)


def columns_of(table: Table) -> list[str]:
    """Names of the columns, those of the key first."""
    keys = [column.name for column in table.primary_key.columns]
    return keys + [c.name for c in table.columns if c.name not in keys]


def iter_rows(connection: Connection, table: Table) -> Iterator[Row]:
    """Every row of a table, by key; a few at a time in memory."""
    names = columns_of(table)
    keys: list[ColumnElement[Any]] = [
        table.c[name] for name in names[: key_width(table)]
    ]
    if connection.dialect.name == "postgresql":
        # By code points, as SQLite and Python order text
        keys = [k.collate("C") if isinstance(k.type, Text) else k for k in keys]
    wanted = select(*(table.c[name] for name in names)).order_by(*keys)
    for row in connection.execute(wanted.execution_options(yield_per=BATCH)):
        yield tuple(row)


def pair_rows(
    found: Iterator[Row], expected: Iterator[Row], width: int
) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows of the same key together; None where one side lacks it.

    Args:
        found: Ascending by the first ``width`` values.
        expected: The same.
        width: Of the key.
    """
    left, right = next(found, None), next(expected, None)
    while left is not None or right is not None:
        if right is None or (
            left is not None and _key(left, width) < _key(right, width)
        ):
            yield left, None
            left = next(found, None)
        elif left is None or _key(right, width) < _key(left, width):
            yield None, right
            right = next(expected, None)
        else:
            yield left, right
            left, right = next(found, None), next(expected, None)


def _key(row: Row, width: int) -> Row:
    return row[:width]
