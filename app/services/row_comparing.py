"""The business tables against the fold of the log: row by row, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table

from app.models import entry_of
from app.queries.row_pairs import (
    Row,
    columns_of,
    folded_tables,
    iter_rows,
    key_width,
    pair_rows,
)
from app.services.differences import Difference

SHOWN = 200


def compare_tables(found: Connection, expected: Connection) -> Iterator[Difference]:
    """Every difference between the tables in use and those that the entries give.

    Args:
        found: One consistent view of the database in use.
        expected: Tables that were folded from the same entries.
    """
    for table in folded_tables():
        names, width = columns_of(table), key_width(table)
        for left, right in pair_rows(
            iter_rows(found, table), iter_rows(expected, table), width
        ):
            if left != right:
                yield from _differences(table, names, width, left, right)


def _differences(
    table: Table, names: list[str], width: int, left: Row | None, right: Row | None
) -> Iterator[Difference]:
    either = left or right or ()
    key = either[:width]
    place = ", ".join(
        f"{name}={_shown(value)}" for name, value in zip(names, key, strict=False)
    )
    entry = _entry(names, right or left or ())
    if left is None:
        yield Difference(entry, table.name, "", "the row is missing", row=place)
    elif right is None:
        yield Difference(
            entry, table.name, "", "the row follows from no entry", row=place
        )
    else:
        for name, is_value, expected in zip(names, left, right, strict=True):
            if is_value != expected:
                yield Difference(
                    entry,
                    table.name,
                    name,
                    f"found {_shown(is_value)}, the log gives {_shown(expected)}",
                    row=place,
                )


def _entry(names: list[str], row: Row) -> int:
    """The entry that made a row, or that it stands at: keys follow from entries."""
    for name in ("entry_index", "as_of_index"):
        if name in names:
            return int(row[names.index(name)])
    return entry_of(int(row[0]))


def _shown(value: Any) -> str:  # noqa: ANN401 - any value of a column
    if value is None:
        return "nothing"
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
