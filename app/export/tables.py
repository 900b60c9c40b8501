"""A statistical table as a value: columns, rows, and what the figures rest on.

A table says beforehand how many rows it has. Every writer counts the rows that it
wrote and fails when the two differ: an export is complete, or it is an error.
Rows may be any iterable, read once, so that a long table never lies in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from app.export.errors import BadCell, RowCountDiffers

ColumnType = Literal["text", "integer", "decimal", "ppm", "date"]
Language = Literal["zh", "en"]
Cell = str | int | Decimal | date | None
Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        id: Short name for programs, such as ``recycled_g``.
        label_zh: Head in Chinese, without the unit.
        label_en: Head in English, without the unit.
        type: ``text``; ``integer``; ``decimal`` (``Decimal`` or ``int``); ``ppm``
            (a share in whole millionths); ``date``. Any cell may be None: empty.
        unit: Of the numbers, such as ``g`` or ``%``; empty for none.
        decimals: Digits behind the point that a spreadsheet shows; None: as they are.
    """

    id: str
    label_zh: str
    label_en: str
    type: ColumnType
    unit: str = ""
    decimals: int | None = None

    def head(self, language: Language) -> str:
        """The head with its unit, such as ``recycled output (g)``."""
        label = self.label_zh if language == "zh" else self.label_en
        return f"{label} ({self.unit})" if self.unit else label


@dataclass(frozen=True, slots=True)
class MetaItem:
    """One thing that a reader must know about the table.

    Attributes:
        key: Short name for programs, such as ``vintage``.
        label_zh: Its name in Chinese.
        label_en: Its name in English.
        value: As text, in the language in which it was written.
    """

    key: str
    label_zh: str
    label_en: str
    value: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is ready to be written, in any format.

    Attributes:
        id: Short name, also that of the file, such as ``recycled-supply-by-month``.
        title_zh: Title in Chinese.
        title_en: Title in English.
        columns: From left to right, with different ids.
        rows: Each as long as ``columns``; read once.
        row_count: How many rows there are.
        meta: What the figures rest on, in the order in which it is shown.

    Raises:
        ValueError: Two columns, or two items of ``meta``, have one name, or the
            row count is negative.
    """

    id: str
    title_zh: str
    title_en: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    row_count: int
    meta: tuple[MetaItem, ...] = ()

    def __post_init__(self) -> None:
        names = [column.id for column in self.columns]
        keys = [item.key for item in self.meta]
        if len(set(names)) != len(names) or len(set(keys)) != len(keys):
            raise ValueError(f"table {self.id} names a column or a fact twice")
        if self.row_count < 0:
            raise ValueError(f"table {self.id} has {self.row_count} rows")

    def title(self, language: Language) -> str:
        """The title in one of the two languages."""
        return self.title_zh if language == "zh" else self.title_en

    def meta_value(self, key: str) -> str:
        """The value of one item of ``meta``; empty when it is not there."""
        return next((item.value for item in self.meta if item.key == key), "")


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """The signed state of the log that a statement was computed at.

    Attributes:
        origin: Name of the log.
        size: How many entries it had: the vintage.
        root: Root hash at that size, in hexadecimal: base64 can begin with a plus
            sign, which a spreadsheet takes for a formula.
    """

    origin: str
    size: int
    root: str


def statement_meta(
    *,
    table_id: str,
    method: str,
    coverage: str,
    checkpoint: CheckpointRef,
    row_count: int,
    editions: Mapping[str, str],
    filters: Mapping[str, str],
    notes: Sequence[str] = (),
) -> tuple[MetaItem, ...]:
    """What every statement carries, in the order in which it is shown.

    The statement's id follows from what the statement is a function of (table,
    method, checkpoint, editions, filters) and from nothing else: no clock. Two
    people who ask the same of the same checkpoint get the same id.

    Args:
        table_id: The table's id.
        method: Method and its version, such as ``recycled-supply/1``.
        coverage: What part of the whole the figures cover, in words.
        checkpoint: The vintage.
        row_count: As the table has it.
        editions: National series -> the edition that was used.
        filters: Name of a filter -> what was asked for.
        notes: Sentences for the reader; each becomes an item of its own.
    """
    basis = {
        "table": table_id,
        "method": method,
        "log": [checkpoint.origin, checkpoint.size, checkpoint.root],
        "editions": dict(editions),
        "filters": dict(filters),
    }
    canonical = json.dumps(basis, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    fixed = (
        MetaItem("statement", "统计表编号", "Statement", f"RMT-{digest[:16]}"),
        MetaItem("method", "方法", "Method", method),
        MetaItem("coverage", "覆盖范围", "Coverage", coverage),
        MetaItem("vintage", "版本", "Vintage", str(checkpoint.size)),
        MetaItem("log_origin", "账本", "Log", checkpoint.origin),
        MetaItem("log_size", "检查点大小", "Checkpoint size", str(checkpoint.size)),
        MetaItem("log_root", "检查点根哈希", "Checkpoint root", checkpoint.root),
        MetaItem("editions", "国家数据版次", "National editions", _pairs(editions)),
        MetaItem("filters", "筛选条件", "Filters", _pairs(filters)),
        MetaItem("rows", "行数", "Rows", str(row_count)),
    )
    said = (
        MetaItem(f"note_{number}", "说明", "Note", note)
        for number, note in enumerate(notes, start=1)
    )
    return (*fixed, *said)


def _pairs(values: Mapping[str, str]) -> str:
    return "; ".join(f"{name} = {value}" for name, value in sorted(values.items()))


def checked_rows(table: Table) -> Iterator[list[Cell]]:
    """The rows of a table, each cell checked, and counted at the end.

    Args:
        table: Its ``rows`` are used up.

    Raises:
        BadCell: A row is too long or too short, or a cell is not of its column's
            type. Floats and booleans fit no column.
        RowCountDiffers: There are more or fewer rows than ``row_count``.
    """
    checks = [_CHECKS[column.type] for column in table.columns]
    width, count = len(checks), 0
    for row in table.rows:
        count += 1
        if count > table.row_count:
            break
        if len(row) != width:
            raise BadCell(
                "row {row}: found {found} cells, expected {expected}",
                row=count,
                found=len(row),
                expected=width,
            )
        for position, value in enumerate(row):
            if value is not None and not checks[position](value):
                raise _misfit(table, count, position, value)
        yield list(row)
    if count != table.row_count:
        raise RowCountDiffers(
            "table {table}: found {found} rows, expected {expected}",
            table=table.id,
            found=f"more than {table.row_count}" if count > table.row_count else count,
            expected=table.row_count,
        )


def _misfit(table: Table, row: int, position: int, value: object) -> BadCell:
    column = table.columns[position]
    return BadCell(
        "row {row}, column {column}: found {found}, expected {expected}",
        row=row,
        column=column.id,
        found=repr(value),
        expected=column.type,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_integer(value: object) -> bool:
    return type(value) is int


def _is_decimal(value: object) -> bool:
    # NaN and the infinities are decimals too, and no figure of ours
    if type(value) is Decimal:
        return value.is_finite()
    return type(value) is int


def _is_date(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


_CHECKS: dict[ColumnType, Callable[[object], bool]] = {
    "text": _is_text,
    "integer": _is_integer,
    "decimal": _is_decimal,
    "ppm": _is_integer,
    "date": _is_date,
}
