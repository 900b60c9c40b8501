"""Whether a fact that is sent again is the one that stands in the log."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LogEntryRow
from app.services.facts import Fact
from ledger import parse_entry

UNKNOWN_REQUEST = bytes(32)
"""Digest of a request that nobody remembers: of entries that were recovered."""


def is_repeat(
    session: Session, index: int, stored: bytes, asked: bytes, fact: Fact
) -> bool:
    """Whether a request is the one that made an entry.

    Of an entry that was recovered from outside, the request is not known: type, time
    and data of the note are compared instead, private values are not.

    Args:
        session: For reading.
        index: Of the entry.
        stored: Digest of its request.
        asked: Digest of this request.
        fact: What this request states.
    """
    if stored != UNKNOWN_REQUEST:
        return stored == asked
    note = session.scalars(
        select(LogEntryRow.note).where(LogEntryRow.entry_index == index)
    ).one()
    said = parse_entry(note).fact
    stated = (fact.type, fact.at_text, dict(fact.data))
    return (said["type"], said["at"], said["data"]) == stated
