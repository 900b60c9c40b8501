"""The one door to the log: every entry is appended here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.models import LogEntryRow, LogHeadRow
from app.services.facts import SealedFact
from ledger import Frontier

T = TypeVar("T")
HEAD_ID = 1
# Any constant: it names the lock of the log on PostgreSQL
LOG_LOCK = 0x52454D454C54


class Journal:
    """The log, locked: gives indexes and takes entries until the caller commits.

    The lock is the last one that a use case takes (lots first, in id order), so that
    nobody can deadlock on it; it lasts until the commit, so that the order of indexes
    is the order of commits, without gaps or doubles. Work under it is kept short:
    notes are signed before.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        if session.get_bind().dialect.name == "postgresql":
            # A statement of its own: one that locked and read the head at once could
            # see the head as it was before the wait. On SQLite BEGIN IMMEDIATE has
            # taken the lock already.
            session.execute(select(func.pg_advisory_xact_lock(LOG_LOCK)))
        head = session.execute(
            select(LogHeadRow.size, LogHeadRow.frontier).where(LogHeadRow.id == HEAD_ID)
        ).one()
        self._frontier = Frontier.load(head.size, head.frontier)
        self._rows: list[dict[str, Any]] = []

    @property
    def size(self) -> int:
        """The index that the next entry will get."""
        return self._frontier.size

    def add(self, sealed: SealedFact) -> int:
        """Give a sealed fact its index; it is written by ``write``."""
        index = self._frontier.size
        self._frontier.append_leaf(sealed.leaf_hash)
        fact = sealed.fact
        self._rows.append(
            {
                "entry_index": index,
                "leaf_hash": sealed.leaf_hash,
                "note": sealed.note,
                "type": fact.type,
                "org": fact.org,
                "fact_id": fact.id,
                "at": fact.at,
                "request_digest": sealed.request_digest,
            }
        )
        return index

    def write(self) -> None:
        """Write the entries and the new head in the caller's transaction."""
        if not self._rows:
            return
        self._session.execute(insert(LogEntryRow), self._rows)
        self._session.execute(
            update(LogHeadRow)
            .where(LogHeadRow.id == HEAD_ID)
            .execution_options(synchronize_session=False)
            .values(size=self._frontier.size, frontier=self._frontier.dump())
        )
        self._rows = []


def start_log(session: Session) -> None:
    """Write the head of an empty log; nothing when there is one."""
    if session.get(LogHeadRow, HEAD_ID) is None:
        session.add(LogHeadRow(id=HEAD_ID, size=0, frontier=b""))
        session.flush()


def find_known(
    session: Session, facts: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, bytes, bytes]]:
    """Index, leaf hash and request digest of those (org, fact id) in the log."""
    found: dict[tuple[str, str], tuple[int, bytes, bytes]] = {}
    by_org: dict[str, list[str]] = {}
    for org, fact_id in facts:
        by_org.setdefault(org, []).append(fact_id)
    for org, fact_ids in by_org.items():
        for chunk in chunks(fact_ids):
            rows = session.execute(
                select(
                    LogEntryRow.fact_id,
                    LogEntryRow.entry_index,
                    LogEntryRow.leaf_hash,
                    LogEntryRow.request_digest,
                ).where(LogEntryRow.org == org, LogEntryRow.fact_id.in_(chunk))
            )
            for fact_id, index, leaf_hash, digest in rows:
                found[org, fact_id] = (index, leaf_hash, digest)
    return found


def chunks(values: Sequence[T], size: int = 500) -> Iterable[Sequence[T]]:
    """Slices that stay below the bound parameters of every database."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def is_future(at: datetime, now: datetime, tolerance_s: int = 600) -> bool:
    """Whether an instant lies more than ten minutes ahead."""
    return (at - now).total_seconds() > tolerance_s
