"""Receipts: where a fact stands in the log, and how firmly."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.models import CheckpointRow
from app.queries.facts import EntryView, Reader, get_entry_view
from app.queries.log import find_covering


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """An entry with its grade.

    Attributes:
        entry: The entry.
        checkpoint: The first that covers it; None while there is none.
    """

    entry: EntryView
    checkpoint: CheckpointRow | None

    @property
    def grade(self) -> str:
        """``recorded`` (the index is final) or ``logged`` (under a checkpoint)."""
        return "recorded" if self.checkpoint is None else "logged"


def get_receipt(session: Session, reader: Reader, index: int) -> ReceiptView:
    """The receipt of an entry.

    Raises:
        NotFound: There is none, or the caller may not read it: the answer is the same.
    """
    return ReceiptView(
        get_entry_view(session, reader, index), find_covering(session, index)
    )
