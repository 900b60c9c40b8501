"""What every table shares: key types, column types, and the three kinds of table.

Business rows take keys that follow from the log, ``entry_index * 1024 + position``:
no autoincrement and no wall clock, so that tables rebuilt from the entries are equal
row for row, and key order is a topological order.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, LargeBinary, MetaData, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

ROWS_PER_ENTRY = 1024


def row_id(entry_index: int, position: int = 0) -> int:
    """The key of the row number ``position`` that an entry makes in a table.

    Raises:
        ValueError: The entry makes more rows than its keys can tell apart.
    """
    if not 0 <= position < ROWS_PER_ENTRY:
        raise ValueError(f"an entry cannot make row {position} of a table")
    return entry_index * ROWS_PER_ENTRY + position


def entry_of(key: int) -> int:
    """The index of the entry that made the row with this key."""
    return key // ROWS_PER_ENTRY


class TableKind(StrEnum):
    """What may happen to the rows of a table."""

    FACT = "fact"
    """Append-only, held by triggers."""
    PROJECTION = "projection"
    """A state that follows from the facts; carries ``as_of_index``."""
    OPERATIONAL = "operational"
    """Users, tokens, disclosures, the log head: not a function of the log."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware UTC in Python, to the microsecond, on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Refuse a time without zone; store UTC (without zone on SQLite)."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Give aware UTC back."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True
).encode


class Json(TypeDecorator[Any]):
    """A small JSON value as text: the same bytes on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401
        """Write compactly, members sorted."""
        if value is None:
            return None
        return _encode(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401
        """Read back what was written."""
        return None if value is None else json.loads(value)


Grams = Annotated[int, mapped_column(BigInteger)]
RowId = Annotated[int, mapped_column(BigInteger, primary_key=True, autoincrement=False)]
EntryIndex = Annotated[int, mapped_column(BigInteger)]
Hash = Annotated[bytes, mapped_column(LargeBinary(32))]
Instant = Annotated[datetime, mapped_column(UtcDateTime)]
Code = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    """Root of the models; its naming convention keeps migrations reversible."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


FACT = {"info": {"kind": TableKind.FACT}}
PROJECTION = {"info": {"kind": TableKind.PROJECTION}}
OPERATIONAL = {"info": {"kind": TableKind.OPERATIONAL}}


def tables_of(kind: TableKind) -> list[str]:
    """Names of the tables of one kind, in order of dependence.

    Raises:
        KeyError: A table does not say of which kind it is.
    """
    return [t.name for t in Base.metadata.sorted_tables if t.info["kind"] is kind]
