"""The rows that became no fact, as a file to be corrected and handed in again.

The columns are those of the file, with one more that says what is wrong. Reading
passes over that column, so that the corrected file can be handed in as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

from app.intake.dates import Cell, format_typed
from app.intake.faults import N_, Fault
from app.intake.files import write_csv, write_xlsx
from app.intake.heads import REASON_HEADS, Binding, is_reason
from app.intake.reading import Table
from app.intake.row_reader import Rejected

SHARED = N_("a row of the same run has a fault: row {row}")
SHEETS = {"zh": "有误的行", "en": "faulty rows"}


def reasons_of(
    rejected: Iterable[Rejected], translate: Callable[[str], str] = str
) -> dict[int, str]:
    """What is wrong with each row that became no fact, by row number.

    Args:
        rejected: As reading and the services gave them.
        translate: From an English source text to one of another language.
    """
    texts: dict[int, list[str]] = {}
    for one in rejected:
        faulty = [fault.row for fault in one.faults if fault.row is not None]
        for row in one.rows:
            own = [
                fault.text_here(translate)
                for fault in one.faults
                if fault.row in (row, None)
            ]
            if not own and faulty:
                other = Fault(row, None, None, SHARED, {"row": faulty[0]})
                own = [other.text_here(translate)]
            texts.setdefault(row, []).extend(own)
    return {row: " ".join(found) for row, found in texts.items()}


def faulty_csv(
    table: Table, binding: Binding, reasons: Mapping[int, str]
) -> Iterator[bytes]:
    """These rows of a file as CSV, a chunk at a time.

    Args:
        table: The file, opened again.
        binding: Its heads, as read before.
        reasons: As ``reasons_of`` gave them.
    """
    return write_csv(_heads(binding), _rows(table, binding, reasons))


def faulty_xlsx(table: Table, binding: Binding, reasons: Mapping[int, str]) -> bytes:
    """These rows of a file as XLSX; the arguments are those of ``faulty_csv``.

    Raises:
        TooManyRows: They do not fit on a sheet.
    """
    rows = _rows(table, binding, reasons)
    return write_xlsx(SHEETS[binding.language], _heads(binding), rows)


def _kept(binding: Binding) -> list[int]:
    return [n for n, head in enumerate(binding.heads) if head and not is_reason(head)]


def _heads(binding: Binding) -> list[str]:
    kept = [binding.heads[n] for n in _kept(binding)]
    return [*kept, REASON_HEADS[binding.language]]


def _rows(
    table: Table, binding: Binding, reasons: Mapping[int, str]
) -> Iterator[list[str]]:
    kept = _kept(binding)
    for row in table.rows:
        if (reason := reasons.get(row.number)) is None:
            continue
        cells = [_text(row.cells[n]) if n < len(row.cells) else "" for n in kept]
        yield [*cells, reason]


def _text(cell: Cell | None) -> str:
    """A cell as it can be typed again; what no file can hold is shown by its number."""
    if cell is None:
        return ""
    if isinstance(cell, date | datetime):
        return format_typed(cell)
    text = f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
    return text.encode("utf-8", "backslashreplace").decode()
