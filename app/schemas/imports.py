"""Imports on the wire."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel

from app.intake.faults import Fault
from app.models import ImportRow
from app.schemas.fields import Closed
from app.services.import_jobs import rejected_of


class RecordIn(Closed):
    """``all``: nothing is recorded where a row has a fault; ``valid``: what fits."""

    mode: Literal["all", "valid"] = "all"


class RowFault(BaseModel):
    """What is wrong with a row: a whole sentence, and its parts."""

    row: int | None
    column: str | None
    found: str | None
    text: str


def row_fault(fault: Fault) -> RowFault:
    """A fault as it is answered."""
    return RowFault(
        row=fault.row, column=fault.column, found=fault.found, text=fault.text()
    )


class DraftedFact(BaseModel):
    """A fact that a file states, as the API takes it, and the rows it was read from."""

    rows: list[int]
    fact: dict[str, Any]


class DraftedOut(BaseModel):
    """What a file states: for programs that sign it themselves.

    Attributes:
        facts: New ones, in the order of the file.
        facts_known: Those that stand in the log already.
        left_to_others: Sides of transfers that another organisation states.
        faults: What is wrong with the other rows.
    """

    facts: list[DraftedFact]
    facts_known: int
    left_to_others: int
    faults: list[RowFault]


class ImportOut(BaseModel):
    """A file and how far it has come."""

    id: str
    template: str
    file_name: str
    mode: str
    state: str
    rows_total: int | None
    rows_done: int
    facts_posted: int
    facts_known: int
    faults: list[RowFault]
    message: str | None

    @classmethod
    def of(cls, row: ImportRow) -> Self:
        """As it is answered."""
        faults: list[Any] = [
            row_fault(fault) for one in rejected_of(row) for fault in one.faults
        ]
        return cls(
            id=row.id,
            template=row.template,
            file_name=row.file_name,
            mode=row.mode,
            state=row.state,
            rows_total=row.rows_total,
            rows_done=row.rows_done,
            facts_posted=row.facts_posted,
            facts_known=row.facts_known,
            faults=faults,
            message=row.message,
        )
