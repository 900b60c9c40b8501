"""JSON for programs: one document, written in pieces.

``{"id", "title", "columns", "meta", "row_count", "rows": [{column: value}, ...]}``.
Integers and ppm are numbers; decimals are strings, so that ``23.70`` keeps its
digits in every language; dates are ISO 8601; an empty cell is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import islice

from app.export.tables import Cell, Table, checked_rows

ROWS_PER_CHUNK = 2_000


def json_chunks(table: Table) -> Iterator[bytes]:
    """A table as one JSON document, piece by piece.

    Args:
        table: Its rows are read once, while the pieces are taken.

    Yields:
        UTF-8 bytes; together they are the document. The closing brackets come only
        when every promised row was there: what is cut off does not parse.

    Raises:
        BadCell: A cell does not fit its column.
        RowCountDiffers: There are more or fewer rows than promised.
    """
    yield json.dumps(_head(table))[:-1].encode() + b', "rows": ['
    names = [column.id for column in table.columns]
    rows = (
        json.dumps(dict(zip(names, map(_value, row), strict=True)))
        for row in checked_rows(table)
    )
    before = ""
    while chunk := list(islice(rows, ROWS_PER_CHUNK)):
        yield (before + ",\n".join(chunk)).encode()
        before = ",\n"
    yield b"]}\n"


def _head(table: Table) -> dict[str, object]:
    return {
        "id": table.id,
        "title": {"zh": table.title_zh, "en": table.title_en},
        "columns": [
            {
                "id": column.id,
                "label": {"zh": column.label_zh, "en": column.label_en},
                "type": column.type,
                "unit": column.unit,
            }
            for column in table.columns
        ],
        "meta": [
            {
                "key": item.key,
                "label": {"zh": item.label_zh, "en": item.label_en},
                "value": item.value,
            }
            for item in table.meta
        ],
        "row_count": table.row_count,
    }


def _value(cell: Cell) -> str | int | None:
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, date):
        return cell.isoformat()
    return cell
