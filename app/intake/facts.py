"""Rows to drafts of facts; every fault of every row, not only the first.

What a file can say by itself is checked here: cells, what belongs together on a row,
numbers that stand twice. What needs the ledger is left to the services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.intake.drafts import Draft, printed_code
from app.intake.faults import N_, shown
from app.intake.heads import Binding, Values, read_heads, read_rows
from app.intake.kept_rows import FirstRows
from app.intake.lots import make_delivered, make_sourced
from app.intake.reading import Table
from app.intake.row_reader import Outcome, Rejected, RowReader
from app.intake.runs import read_runs
from app.intake.templates import Template
from app.intake.transfers import make_transfers

Maker = Callable[[RowReader], list[Draft]]
MAKERS: dict[str, Maker] = {
    "sourced": make_sourced,
    "deliveries": make_delivered,
    "transfers": make_transfers,
}
SAME_DELIVERY = N_(
    "row {first} says the same; if these are two deliveries, give each its time of day"
)


def read_drafts(table: Table, template: Template) -> Iterator[Outcome]:
    """The facts that a file states, in the order of their first rows.

    Args:
        table: To be read once.
        template: What it is read by.

    Raises:
        IntakeError: Heads or file are faulty: at once, or where the file breaks off.
    """
    return read_bound(table, template, read_heads(table, template))


def read_bound(table: Table, template: Template, binding: Binding) -> Iterator[Outcome]:
    """The same, where the heads have been read already."""
    rows = read_rows(table, binding)
    if template.group_by is not None:
        return read_runs(rows, binding)
    return _each(rows, binding, MAKERS[template.id])


def _each(rows: Iterator[Values], binding: Binding, make: Maker) -> Iterator[Outcome]:
    with FirstRows() as first_rows:
        for row in rows:
            reader = RowReader(binding, row)
            drafts = make(reader)
            _check_once(reader, binding.template.id, first_rows)
            if reader.faults:
                yield Rejected((row.row,), tuple(reader.faults))
            else:
                yield from drafts


def _check_once(reader: RowReader, template_id: str, first_rows: FirstRows) -> None:
    """A fault where another row of the file states the same fact, or names it so."""
    for identity in _IDENTITIES[template_id](reader):
        first = first_rows.of(identity, reader.row)
        if first == reader.row:
            continue
        if template_id == "deliveries":
            reader.fault(None, SAME_DELIVERY, first=first)
            continue
        reader.fault(
            "lot" if template_id == "sourced" else "transfer",
            N_("'{number}' stands in row {first} already"),
            number=shown(identity[-1]),
            first=first,
        )


def _of_sourced(reader: RowReader) -> list[tuple[object, ...]]:
    lot, facility = reader.get("lot"), reader.get("facility")
    return [] if lot is None or facility is None else [(facility, lot.name)]


def _of_delivery(reader: RowReader) -> list[tuple[object, ...]]:
    names = ("date", "net", "to", "category")
    lot = reader.get("lot")
    if lot is None or reader.faults:
        return []
    return [(*(reader.get(name) for name in names), lot.name)]


def _of_transfer(reader: RowReader) -> list[tuple[object, ...]]:
    number = reader.get("transfer")
    if number is None:
        return []
    sides = ("dispatched", "accepted")
    name = printed_code(number) or number
    return [(side, name) for side in sides if reader.has(side)]


_IDENTITIES: dict[str, Callable[[RowReader], list[tuple[object, ...]]]] = {
    "sourced": _of_sourced,
    "deliveries": _of_delivery,
    "transfers": _of_transfer,
}
