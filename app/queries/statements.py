"""Sums over supply records, and over the primary metal that came in, at a vintage.

A sum at vintage ``n`` sees the rows of entries with an index below ``n`` and no
others, so that it comes out the same for ever. The database adds whole grams; the
index ``ix_supply_record_sums`` covers what is grouped, in the order of the groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, case, func, literal_column, null, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Text

from app.models import (
    ROWS_PER_ENTRY,
    CheckpointRow,
    FacilityRow,
    LogEntryRow,
    LotRevisionRow,
    LotRow,
    SupplyRecordRow,
    VoidingRow,
)

BOOKS_OFFSET = timedelta(hours=8)
"""Months are those of Asia/Shanghai, which has no summer time."""
MONTHS_IN_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyFilter:
    """Which rows are summed.

    Attributes:
        first_month: ``YYYY-MM``; None from the beginning.
        last_month: ``YYYY-MM``, included; None to the end.
        metal: Symbol; None for every metal.
        province: GB/T 2260 code; None for the whole country.
        by_province: Whether provinces are told apart.
    """

    first_month: str | None = None
    last_month: str | None = None
    metal: str | None = None
    province: str | None = None
    by_province: bool = False


class SupplySum(NamedTuple):
    """Grams of metal of one kind in one month.

    ``province`` is empty where provinces are added up. A sum can be below zero, where
    corrections outweigh what they correct.
    """

    month: str
    metal: str
    origin_class: str
    imported: bool
    flow: str
    province: str
    metal_g: int


class _BooksMonth(FunctionElement[str]):
    """The month of an instant in the zone of the books."""

    type = Text()
    name = "books_month"
    inherit_cache = True


@compiles(_BooksMonth, "sqlite")
def _month_sqlite(
    element: _BooksMonth,
    compiler: SQLCompiler,
    **options: Any,  # noqa: ANN401
) -> str:
    instant = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m', {instant}, '+8 hours')"


@compiles(_BooksMonth, "postgresql")
def _month_postgresql(
    element: _BooksMonth,
    compiler: SQLCompiler,
    **options: Any,  # noqa: ANN401
) -> str:
    instant = compiler.process(element.clauses, **options)
    return f"to_char(timezone(interval '8 hours', {instant}), 'YYYY-MM')"


def sum_supply(
    session: Session, vintage: int, wanted: SupplyFilter
) -> Iterator[SupplySum]:
    """Metal that left scrap as metal, by month and kind.

    Args:
        session: One consistent view.
        vintage: Only rows of entries below this index count.
        wanted: Which rows, and whether by province.

    Yields:
        Sums that are not zero, sorted by month, metal, class, domestic or imported,
        flow, province.
    """
    row = SupplyRecordRow
    keys: list[Any] = [row.month, row.metal, row.origin_class, row.imported, row.flow]
    if wanted.by_province:
        keys.append(row.province)
    conditions = [row.entry_index < vintage]
    if wanted.first_month is not None:
        conditions.append(row.month >= wanted.first_month)
    if wanted.last_month is not None:
        conditions.append(row.month <= wanted.last_month)
    if wanted.metal is not None:
        conditions.append(row.metal == wanted.metal)
    if wanted.province is not None:
        conditions.append(row.province == wanted.province)
    total = func.sum(row.sign * row.metal_g)
    rows = session.execute(
        select(*keys, total).where(*conditions).group_by(*keys).order_by(*keys)
    )
    for found in rows:
        # PostgreSQL adds bigints up to a numeric
        if metal_g := int(found[-1]):
            province = found[5] if wanted.by_province else ""
            yield SupplySum(*found[:5], province, metal_g)


def sum_primary(
    session: Session, vintage: int, wanted: SupplyFilter
) -> Iterator[SupplySum]:
    """Primary metal that came in from outside, by month of coming in.

    Lots that no run made and that hold primary metal, as their newest assay below the
    vintage has them; taken-back ones are left out, and so is opening stock, which came
    in before the books began.

    Args:
        session: One consistent view.
        vintage: Only entries below this index count.
        wanted: Which rows, and whether by province.

    Yields:
        Sums above zero, with flow ``primary_supply``, sorted as ``sum_supply`` does.
    """
    limit = vintage * ROWS_PER_ENTRY
    newest = (
        select(func.max(LotRevisionRow.id))
        .where(LotRevisionRow.lot_id == LotRow.id, LotRevisionRow.id < limit)
        .correlate(LotRow)
        .scalar_subquery()
    )
    month = _BooksMonth(LotRow.made_at)
    keys: list[Any] = [month, LotRow.metal]
    if wanted.by_province:
        keys.append(FacilityRow.province)
    sums = [
        func.sum(
            case(
                (LotRevisionRow.id.is_(null()), getattr(LotRow, name)),
                else_=getattr(LotRevisionRow, name),
            )
        )
        for name in ("primary_domestic_g", "primary_imported_g")
    ]
    rows = session.execute(
        select(*keys, *sums)
        .join(FacilityRow, FacilityRow.id == LotRow.facility_id)
        .outerjoin(LotRevisionRow, LotRevisionRow.id == newest)
        .outerjoin(
            VoidingRow,
            and_(
                VoidingRow.voided_index == LotRow.id // ROWS_PER_ENTRY,
                VoidingRow.id < limit,
            ),
        )
        .where(
            LotRow.run_id.is_(null()),
            # as the partial index has it, so that it is used
            literal_column("lot.primary_domestic_g + lot.primary_imported_g > 0"),
            LotRow.id < limit,
            LotRow.source != "opening",
            VoidingRow.id.is_(null()),
            *_primary_conditions(wanted),
        )
        .group_by(*keys)
        .order_by(*keys)
    )
    for found in rows:
        province = found[2] if wanted.by_province else ""
        for imported, metal_g in ((False, found[-2]), (True, found[-1])):
            if metal_g:
                yield SupplySum(
                    found[0],
                    found[1],
                    "primary",
                    imported,
                    "primary_supply",
                    province,
                    int(metal_g),
                )


def _primary_conditions(wanted: SupplyFilter) -> Iterator[Any]:
    if wanted.first_month is not None:
        yield LotRow.made_at >= _start_of(wanted.first_month)
    if wanted.last_month is not None:
        yield LotRow.made_at < _start_of(_next_month(wanted.last_month))
    if wanted.metal is not None:
        yield LotRow.metal == wanted.metal
    if wanted.province is not None:
        yield FacilityRow.province == wanted.province


def _start_of(month: str) -> datetime:
    year, number = map(int, month.split("-"))
    return datetime(year, number, 1, tzinfo=UTC) - BOOKS_OFFSET


def _next_month(month: str) -> str:
    year, number = map(int, month.split("-"))
    years, rest = divmod(year * MONTHS_IN_YEAR + number, MONTHS_IN_YEAR)
    return f"{years:04d}-{rest + 1:02d}"


def newest_instant(session: Session, vintage: int) -> datetime:
    """When the newest of the entries below a vintage says that it happened.

    Raises:
        sqlalchemy.exc.NoResultFound: There is no such entry.
    """
    wanted = select(LogEntryRow.at).where(LogEntryRow.entry_index == vintage - 1)
    return session.scalars(wanted).one()


def list_vintages(session: Session, limit: int) -> list[CheckpointRow]:
    """The newest checkpoints, newest first."""
    wanted = select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(limit)
    return list(session.scalars(wanted))


def near_vintages(session: Session, size: int) -> list[int]:
    """The nearest checkpoint sizes below and above a size that has none."""
    below = session.scalar(
        select(func.max(CheckpointRow.size)).where(CheckpointRow.size < size)
    )
    above = session.scalar(
        select(func.min(CheckpointRow.size)).where(CheckpointRow.size > size)
    )
    return [one for one in (below, above) if one is not None]
