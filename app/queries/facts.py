"""Decoded entries, and who may read which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from app.models import (
    EntryPartyRow,
    LogEntryRow,
    OrganisationRow,
    VoidingRow,
)
from app.queries.errors import NotFound
from ledger import parse_entry

OpenPrivate = Callable[[Session, Sequence[int]], Mapping[int, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Reader:
    """What a caller may read of the log.

    Attributes:
        everything: Auditors, registered mirrors, or a public log.
        organisation_id: Reads what it signed or is a party of; None: nothing.
        organisation_code: Its code.
        open_private: Gives the private values of entries that the caller may see.
    """

    everything: bool
    organisation_id: int | None = None
    organisation_code: str | None = None
    open_private: OpenPrivate | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry as people and programs read it."""

    entry_index: int
    leaf_hash: str
    signers: tuple[str, ...]
    fact: dict[str, Any]
    voided_by: int | None
    private: dict[str, str]
    note: str


def list_entries(
    session: Session,
    reader: Reader,
    *,
    after: int = -1,
    before: int | None = None,
    limit: int = 100,
    fact_type: str | None = None,
) -> list[EntryView]:
    """Entries that the caller may read.

    Behind ``after``, in log order; or, with ``before``, those in front of it, the
    newest first.
    """
    wanted = _readable(reader).limit(limit)
    if before is None:
        wanted = wanted.where(LogEntryRow.entry_index > after).order_by(
            LogEntryRow.entry_index
        )
    else:
        wanted = wanted.where(LogEntryRow.entry_index < before).order_by(
            LogEntryRow.entry_index.desc()
        )
    if fact_type is not None:
        wanted = wanted.where(LogEntryRow.type == fact_type)
    return [_view(session, row, reader) for row in session.scalars(wanted)]


def count_entries(
    session: Session, reader: Reader, fact_type: str | None = None
) -> int:
    """How many entries the caller may read."""
    wanted = _readable(reader).with_only_columns(func.count(LogEntryRow.entry_index))
    if fact_type is not None:
        wanted = wanted.where(LogEntryRow.type == fact_type)
    return session.scalar(wanted) or 0


def get_entry_view(session: Session, reader: Reader, index: int) -> EntryView:
    """One entry.

    Raises:
        NotFound: There is none, or the caller may not read it: the answer is the same.
    """
    row = session.scalar(_readable(reader).where(LogEntryRow.entry_index == index))
    if row is None:
        raise NotFound(f"no entry {index}")
    return _view(session, row, reader)


def _readable(reader: Reader) -> Any:  # noqa: ANN401 - a select
    wanted = select(LogEntryRow)
    if reader.everything:
        return wanted
    if reader.organisation_id is None:
        return wanted.where(LogEntryRow.entry_index == 0)
    concerned = exists().where(
        EntryPartyRow.entry_index == LogEntryRow.entry_index,
        EntryPartyRow.organisation_id == reader.organisation_id,
    )
    return wanted.where(or_(LogEntryRow.org == reader.organisation_code, concerned))


def _view(session: Session, row: LogEntryRow, reader: Reader) -> EntryView:
    entry = parse_entry(row.note)
    voided = session.scalar(
        select(VoidingRow.id).where(VoidingRow.voided_index == row.entry_index)
    )
    return EntryView(
        entry_index=row.entry_index,
        leaf_hash=row.leaf_hash.hex(),
        signers=tuple(line.name for line in entry.signatures),
        fact=entry.fact,
        voided_by=None if voided is None else voided // 1024,
        private=_private(session, row.entry_index, reader),
        note=row.note.decode(),
    )


def _private(session: Session, index: int, reader: Reader) -> dict[str, str]:
    if reader.open_private is None:
        return {}
    return dict(reader.open_private(session, [index]).get(index, {}))


def find_organisation(session: Session, code: str) -> OrganisationRow | None:
    """An organisation by its code."""
    return session.scalar(select(OrganisationRow).where(OrganisationRow.code == code))
