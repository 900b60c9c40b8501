"""Receipts: where a fact stands in the log, and how firmly."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.queries.cosigned import (
    Grade,
    PublishedCheckpoint,
    asks_for_witnesses,
    find_published_covering,
)
from app.queries.facts import EntryView, Reader, get_entry_view
from ledger import Policy


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """An entry with its grade.

    Attributes:
        entry: The entry.
        checkpoint: The first that covers it, of those that the witnesses have
            cosigned if there is one; None while there is none at all.
        awaits_witnesses: The policy asks for witnesses, who have not come to it yet.
    """

    entry: EntryView
    checkpoint: PublishedCheckpoint | None
    awaits_witnesses: bool

    @property
    def grade(self) -> Grade:
        """``recorded`` (the index is final), ``logged`` (under a checkpoint).

        Or ``witnessed``: under one that a quorum of witnesses has cosigned.
        """
        return "recorded" if self.checkpoint is None else self.checkpoint.grade


def get_receipt(
    session: Session, reader: Reader, index: int, policy: Policy | None
) -> ReceiptView:
    """The receipt of an entry.

    Args:
        session: To read in.
        reader: Who asks.
        index: Of the entry.
        policy: Of the log; None where nobody witnesses it.

    Raises:
        NotFound: There is none, or the caller may not read it: the answer is the same.
    """
    entry = get_entry_view(session, reader, index)
    found = find_published_covering(session, policy, index)
    witnessed = found is not None and found.grade == "witnessed"
    return ReceiptView(entry, found, asks_for_witnesses(policy) and not witnessed)
