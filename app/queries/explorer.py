"""What hangs together with an entry: what cites it, what it names, what was erased."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.models import (
    ClaimRow,
    ErasureRow,
    LabelRow,
    LogEntryRow,
    LotRow,
    TransferOutcomeRow,
    TransferRow,
    entry_of,
    row_id,
)
from app.queries.errors import NotFound
from app.queries.facts import EntryView, Reader, get_entry_view
from app.queries.lot_pages import entries_about

MOST_CITING_TRIED = 200
_Keyed = LotRow | TransferRow | TransferOutcomeRow | ClaimRow | LabelRow


@dataclass(frozen=True, slots=True)
class EntryStub:
    """What everybody may know of an entry."""

    entry_index: int
    leaf_hash: str


def find_stub(session: Session, index: int) -> EntryStub:
    """What everybody may know of an entry.

    Raises:
        NotFound: The log is not that long.
    """
    wanted = select(LogEntryRow.leaf_hash).where(LogEntryRow.entry_index == index)
    if (leaf := session.scalar(wanted)) is None:
        raise NotFound("no entry {index}", index=index)
    return EntryStub(index, leaf.hex())


def find_index_of_leaf(session: Session, leaf: bytes) -> int | None:
    """The index of the entry with a leaf hash; None where none has it."""
    return session.scalar(
        select(LogEntryRow.entry_index).where(LogEntryRow.leaf_hash == leaf)
    )


def list_citing(session: Session, reader: Reader, entry: EntryView) -> list[EntryView]:
    """Entries that name this one as a parent, oldest first.

    They are found over what the entry is about: its lots. Of very many only the first
    are looked at.
    """
    index = entry.entry_index
    about = entries_about(session, _lots_of(session, index))
    about.update(find_erasures(session, index).values())
    if entry.voided_by is not None:
        about.add(entry.voided_by)
    found = []
    for one in sorted(one for one in about if one > index)[:MOST_CITING_TRIED]:
        try:
            view = get_entry_view(session, reader, one)
        except NotFound:
            continue
        if entry.leaf_hash in view.fact["parents"]:
            found.append(view)
    return found


def _lots_of(session: Session, index: int) -> list[int]:
    """Keys of the lots that an entry made, moved, claimed or labelled."""
    first, end = row_id(index), row_id(index + 1)

    def made(table: type[_Keyed]) -> Any:  # noqa: ANN401 - a clause
        return and_(table.id >= first, table.id < end)

    accepted = (
        select(TransferRow.lot_id)
        .join(TransferOutcomeRow, TransferOutcomeRow.transfer_id == TransferRow.id)
        .where(made(TransferOutcomeRow))
    )
    keys: set[int] = set(session.scalars(accepted))
    keys.update(session.scalars(select(LotRow.id).where(made(LotRow))))
    for table in (TransferRow, ClaimRow, LabelRow):
        keys.update(session.scalars(select(table.lot_id).where(made(table))))
    return sorted(keys)


def find_erasures(session: Session, index: int) -> dict[str, int]:
    """Digests of an entry whose values were erased, with the entry that says so."""
    rows = session.execute(
        select(ErasureRow.digest, ErasureRow.id).where(ErasureRow.erased_index == index)
    )
    return {row.digest: entry_of(row.id) for row in rows}


def find_entry_of_fact(session: Session, org: str, fact_id: str) -> int | None:
    """The index of a fact of an organisation, by its id."""
    return session.scalar(
        select(LogEntryRow.entry_index).where(
            LogEntryRow.org == org, LogEntryRow.fact_id == fact_id
        )
    )


def lots_behind(session: Session, codes: Iterable[str]) -> dict[str, str]:
    """The lot behind each transfer and claim, by codes."""
    wanted = sorted(set(codes))
    found: dict[str, str] = {}
    for table in (TransferRow, ClaimRow):
        rows = session.execute(
            select(table.code, LotRow.code)
            .join(LotRow, LotRow.id == table.lot_id)
            .where(table.code.in_(wanted))
        )
        found.update((row[0], row[1]) for row in rows)
    return found
