"""What is read to tell metal that comes back to the group that it arose in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    ROWS_PER_ENTRY,
    FacilityRow,
    OrganisationRow,
    TakingRow,
    TransferOutcomeRow,
    TransferRow,
    VoidingRow,
)
from app.queries.evidence import chunks


def organisations_of_group(session: Session, code: str) -> frozenset[int]:
    """Keys of an organisation and of all others of its control group."""
    own = session.execute(
        select(OrganisationRow.id, OrganisationRow.control_group).where(
            OrganisationRow.code == code
        )
    ).one()
    if own.control_group is None:
        return frozenset({own.id})
    others = select(OrganisationRow.id).where(
        OrganisationRow.control_group == own.control_group
    )
    return frozenset(session.scalars(others))


def pre_consumer_taken(
    session: Session, runs: Iterable[int]
) -> dict[int, dict[int, int]]:
    """Run -> lot -> pre-consumer grams that it took."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for chunk in chunks(list(runs)):
        rows = session.execute(
            select(
                TakingRow.run_id,
                TakingRow.lot_id,
                TakingRow.pre_domestic_g + TakingRow.pre_imported_g,
            ).where(TakingRow.run_id.in_(chunk))
        )
        for run, lot, metal_g in rows:
            if run is not None:
                found[run][lot] = metal_g
    return found


def first_arrival(
    session: Session, lots: Iterable[int], organisations: Collection[int]
) -> datetime | None:
    """When the first of some lots was accepted by one of some organisations."""
    own = select(FacilityRow.id).where(
        FacilityRow.organisation_id.in_(sorted(organisations))
    )
    found: list[datetime | None] = []
    for chunk in chunks(sorted(lots)):
        found += session.scalars(
            select(func.min(TransferOutcomeRow.ended_at))
            .join(TransferRow, TransferRow.id == TransferOutcomeRow.transfer_id)
            .outerjoin(
                VoidingRow,
                VoidingRow.voided_index == TransferOutcomeRow.id // ROWS_PER_ENTRY,
            )
            .where(
                TransferRow.lot_id.in_(chunk),
                TransferRow.to_facility_id.in_(own),
                TransferOutcomeRow.accepted.is_(True),
                VoidingRow.id.is_(None),
            )
        )
    return min((at for at in found if at is not None), default=None)
