"""One field for everything: what a scanned or typed text can be the name of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    ClaimRow,
    FacilityRow,
    LabelRow,
    LogEntryRow,
    LotAliasRow,
    LotRow,
    OrganisationRow,
    ProcessRunRow,
    TransferRow,
    entry_of,
)
from app.queries.errors import NotFound
from app.queries.facts import Reader, get_entry_view
from app.queries.lot_pages import get_readable_lot

Sort = Literal["lot", "run", "transfer", "claim", "label", "entry", "organisation"]
MOST_FOUND = 50
LARGEST_INDEX = 2**53


@dataclass(frozen=True, slots=True)
class Found:
    """Something that bears the name.

    Attributes:
        sort: What it is.
        name: Its code; of an entry its index.
        entry_index: The entry that made it; None for a label, whose page is public.
    """

    sort: Sort
    name: str
    entry_index: int | None


def find_code(
    session: Session, code: str, digest: bytes, reader: Reader
) -> list[Found]:
    """Whatever a code of twelve characters names, if the reader may see it.

    Args:
        session: To read in.
        code: As ``labels.codes.parse_code`` gives it.
        digest: Its SHA-256, by which labels are known.
        reader: Who asks.
    """
    found: list[Found] = []
    try:
        view, _ = get_readable_lot(session, code, reader)
        found.append(Found("lot", code, entry_of(view.id)))
    except NotFound:
        pass
    for sort, table in _TABLES.items():
        key = session.scalar(select(table.id).where(table.code == code))
        if key is not None and _readable(session, entry_of(key), reader):
            found.append(Found(sort, code, entry_of(key)))
    if session.scalar(select(LabelRow.id).where(LabelRow.code_sha256 == digest)):
        found.append(Found("label", code, None))
    return found


def find_own_number(session: Session, text: str, reader: Reader) -> list[Found]:
    """Lots that somebody calls so, and own runs and dispatches.

    Only what the reader may see.
    """
    found: list[Found] = []
    lots = session.execute(
        select(LotRow.code, LotRow.id)
        .join(LotAliasRow, LotAliasRow.lot_id == LotRow.id)
        .where(LotAliasRow.value == text)
        .order_by(LotRow.id.desc())
        .limit(MOST_FOUND)
    )
    for row in lots:
        try:
            get_readable_lot(session, row.code, reader)
        except NotFound:
            continue
        found.append(Found("lot", row.code, entry_of(row.id)))
    # By the own facilities, which are indexed: own numbers of others are not looked up
    mine = select(FacilityRow.id).where(
        FacilityRow.organisation_id == reader.organisation_id
    )
    places: tuple[tuple[Sort, Any, Any], ...] = (
        ("run", ProcessRunRow, ProcessRunRow.facility_id),
        ("transfer", TransferRow, TransferRow.from_facility_id),
    )
    for sort, table, place in places:
        rows = session.execute(
            select(table.code, table.id)
            .where(place.in_(mine), table.own_number == text)
            .order_by(table.id.desc())
            .limit(MOST_FOUND)
        )
        found += [Found(sort, row.code, entry_of(row.id)) for row in rows]
    return found


def find_entry(session: Session, index: int, reader: Reader) -> list[Found]:
    """The entry with this index, if the reader may see it."""
    if not 0 <= index < LARGEST_INDEX or not _readable(session, index, reader):
        return []
    return [Found("entry", str(index), index)]


def find_leaf(session: Session, leaf_hash: bytes, reader: Reader) -> list[Found]:
    """The entry with this leaf hash, if the reader may see it."""
    index = session.scalar(
        select(LogEntryRow.entry_index).where(LogEntryRow.leaf_hash == leaf_hash)
    )
    return [] if index is None else find_entry(session, index, reader)


_TABLES: dict[Sort, type[ProcessRunRow | TransferRow | ClaimRow | OrganisationRow]] = {
    "run": ProcessRunRow,
    "transfer": TransferRow,
    "claim": ClaimRow,
    "organisation": OrganisationRow,
}


def _readable(session: Session, index: int, reader: Reader) -> bool:
    try:
        get_entry_view(session, reader, index)
    except NotFound:
        return False
    return True
