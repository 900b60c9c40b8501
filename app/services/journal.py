"""The one door to the log: every entry is appended here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, literal, select
from sqlalchemy.orm import Session

from app.models import LogEntryRow, LogHeadRow, SigningKeyEndRow
from app.queries.prepared import Prepared, first_after, insert_rows
from app.services.facts import SealedFact
from ledger import Frontier

T = TypeVar("T")
HEAD_ID = 1
# Statements over plain tables, built once: an append is a few of them, and building
# one anew costs as much as running it
_ENTRIES: Any = LogEntryRow.__table__
_HEAD: Any = LogHeadRow.__table__
_ENDS: Any = SigningKeyEndRow.__table__
_LAST_END = [
    select(column).order_by(_ENDS.c.id.desc()).limit(1).scalar_subquery()
    for column in (_ENDS.c.id, _ENDS.c.signing_key_id)
]
_READ_HEAD = Prepared(
    select(_HEAD.c.size, _HEAD.c.frontier, *_LAST_END).where(_HEAD.c.id == HEAD_ID)
)
_WRITE_HEAD = Prepared(
    _HEAD.update()
    .where(_HEAD.c.id == HEAD_ID)
    .values(size=bindparam("new_size"), frontier=bindparam("new_frontier"))
)
_KNOWN = select(
    _ENTRIES.c.fact_id,
    _ENTRIES.c.entry_index,
    _ENTRIES.c.leaf_hash,
    _ENTRIES.c.request_digest,
).where(_ENTRIES.c.org == bindparam("org"))
_KNOWN_ONE = Prepared(_KNOWN.where(_ENTRIES.c.fact_id == bindparam("fact_id")))
_KNOWN_MANY = _KNOWN.where(_ENTRIES.c.fact_id.in_(bindparam("ids", expanding=True)))
# Any constant: it names the lock of the log on PostgreSQL
LOG_LOCK = 0x52454D454C54
_TAKE_LOCK = Prepared(select(func.pg_advisory_xact_lock(literal(LOG_LOCK))))


class Journal:
    """The log, locked: gives indexes and takes entries until the caller commits.

    The lock is the last one that a use case takes (lots first, in id order), so that
    nobody can deadlock on it; it lasts until the commit, so that the order of indexes
    is the order of commits, without gaps or doubles. Work under it is kept short:
    notes are signed before.
    """

    def __init__(self, session: Session) -> None:
        self._connection = session.connection()
        if self._connection.dialect.name == "postgresql":
            # A statement of its own: one that locked and read the head at once could
            # see the head as it was before the wait.
            head = first_after(self._connection, _TAKE_LOCK, _READ_HEAD)
        else:
            # BEGIN IMMEDIATE has taken the lock already
            head = tuple(_READ_HEAD.run(self._connection, {}).one())
        size, frontier, *last_end = head
        self.last_end: tuple[int, int] | None = (
            None if last_end[0] is None else (last_end[0], last_end[1])
        )
        self._frontier = Frontier.load(size, frontier)
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
        insert_rows(self._connection, _ENTRIES, self._rows)
        _WRITE_HEAD.run(
            self._connection,
            {"new_size": self._frontier.size, "new_frontier": self._frontier.dump()},
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
    connection = session.connection()
    by_org: dict[str, list[str]] = {}
    for org, fact_id in facts:
        by_org.setdefault(org, []).append(fact_id)
    for org, fact_ids in by_org.items():
        for chunk in chunks(fact_ids):
            answer: Iterable[Any]
            if len(chunk) == 1:
                one = {"org": org, "fact_id": chunk[0]}
                answer = _KNOWN_ONE.run(connection, one)
            else:
                answer = connection.execute(_KNOWN_MANY, {"org": org, "ids": chunk})
            for row in answer:
                found[org, row.fact_id] = (
                    row.entry_index,
                    row.leaf_hash,
                    row.request_digest,
                )
    return found


def chunks(values: Sequence[T], size: int = 500) -> Iterable[Sequence[T]]:
    """Slices that stay below the bound parameters of every database."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def is_future(at: datetime, now: datetime, tolerance_s: int = 600) -> bool:
    """Whether an instant lies more than ten minutes ahead."""
    return (at - now).total_seconds() > tolerance_s
