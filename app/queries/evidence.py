"""The evidence behind an entry: the entries that it names, and those that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.models import (
    ClaimWithdrawalRow,
    EntryPartyRow,
    FacilityRow,
    LabelRow,
    LabelVoidingRow,
    LogEntryRow,
    OrganisationRow,
    SigningKeyRow,
    VoidingRow,
    entry_of,
    row_id,
)
from app.queries.facts import Reader
from ledger import parse_entry

CHUNK = 500
T = TypeVar("T")


@dataclass(slots=True)
class Cone:
    """Entries reached by their parents, nearest first.

    Attributes:
        indexes: Of the entries, in the order in which they were reached.
        organisations: Codes of those that stated them.
        facilities: Codes of the facilities that they name.
        truncated: There is more behind them.
    """

    indexes: list[int] = field(default_factory=list)
    organisations: set[str] = field(default_factory=set)
    facilities: set[str] = field(default_factory=set)
    truncated: bool = False


def evidence_cone(session: Session, start: Iterable[int], most: int) -> Cone:
    """What stands behind some entries, these included.

    Args:
        session: To read in.
        start: Indexes to begin with.
        most: Entries after which the search ends.

    Cost: a query for every 500 entries of each generation of parents.
    """
    cone = Cone()
    rows = _notes(session, LogEntryRow.entry_index, sorted(set(start)))
    reached: set[bytes] = set()
    while rows:
        parents: dict[bytes, None] = {}
        for index, note in rows:
            if len(cone.indexes) >= most:
                cone.truncated = True
                return cone
            fact = parse_entry(note).fact
            cone.indexes.append(index)
            cone.organisations.add(fact["org"])
            cone.facilities.update(
                fact["data"][name]
                for name in ("facility", "from", "to")
                if isinstance(fact["data"].get(name), str)
                and not (fact["type"] == "lot.delivered" and name == "to")
            )
            parents.update(dict.fromkeys(map(bytes.fromhex, fact["parents"])))
        new = [leaf for leaf in parents if leaf not in reached]
        reached.update(new)
        known = set(cone.indexes)
        rows = [
            row
            for row in _notes(session, LogEntryRow.leaf_hash, new)
            if row[0] not in known
        ]
    return cone


def _notes(
    session: Session,
    column: Any,  # noqa: ANN401 - a column
    values: Sequence[object],
) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for chunk in chunks(values):
        rows = session.execute(
            select(LogEntryRow.entry_index, LogEntryRow.note)
            .where(column.in_(chunk))
            .order_by(LogEntryRow.entry_index.desc())
        )
        found += [(row[0], row[1]) for row in rows]
    return found


def registrations(
    session: Session, organisations: Iterable[str], facilities: Iterable[str] = ()
) -> set[int]:
    """The entries that registered these organisations, their keys, and facilities."""
    found: set[int] = set()
    for chunk in chunks(sorted(set(organisations))):
        ids = session.scalars(
            select(OrganisationRow.id).where(OrganisationRow.code.in_(chunk))
        ).all()
        keys = session.scalars(
            select(SigningKeyRow.id).where(SigningKeyRow.organisation_id.in_(ids))
        )
        found.update(entry_of(key) for key in (*ids, *keys))
    for chunk in chunks(sorted(set(facilities))):
        rows = session.scalars(
            select(FacilityRow.id).where(FacilityRow.code.in_(chunk))
        )
        found.update(entry_of(key) for key in rows)
    return found


def ending_entries(
    session: Session, code_sha256: bytes, claim_index: int | None
) -> set[int]:
    """The entries that ended a label or its claim: they belong into its proof."""
    voidings = session.scalars(
        select(LabelVoidingRow.id)
        .join(LabelRow, LabelRow.id == LabelVoidingRow.label_id)
        .where(LabelRow.code_sha256 == code_sha256)
    )
    found = {entry_of(key) for key in voidings}
    if claim_index is not None:
        withdrawals = session.scalars(
            select(ClaimWithdrawalRow.id).where(
                ClaimWithdrawalRow.claim_id == row_id(claim_index)
            )
        )
        corrections = session.scalars(
            select(VoidingRow.id).where(VoidingRow.voided_index == claim_index)
        )
        found.update(entry_of(key) for key in (*withdrawals, *corrections))
    return found


def count_unreadable(session: Session, reader: Reader, indexes: Iterable[int]) -> int:
    """How many of these entries the reader may not read."""
    if reader.everything:
        return 0
    wanted = sorted(set(indexes))
    readable = 0
    for chunk in chunks(wanted):
        concerned = exists().where(
            EntryPartyRow.entry_index == LogEntryRow.entry_index,
            EntryPartyRow.organisation_id == reader.organisation_id,
        )
        readable += len(
            session.scalars(
                select(LogEntryRow.entry_index).where(
                    LogEntryRow.entry_index.in_(chunk),
                    or_(LogEntryRow.org == reader.organisation_code, concerned),
                )
            ).all()
        )
    return len(wanted) - readable


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices that stay below the bound parameters of every database."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
