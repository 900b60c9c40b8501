"""What forms that log facts offer: own sites, receivers, lots at hand, the last lot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import FacilityRow, LotRow, OrganisationRow, ScaleRow, TransferRow
from app.queries.lots import LotFilter, LotView, list_lots
from app.queries.transfers import INDEX_FACTOR

MOST_AT_HAND = 200
MOST_RECEIVERS = 300
LOOKED_AT = 300
MOST_MATERIALS = 8


@dataclass(frozen=True, slots=True)
class Site:
    """A facility of one's own.

    Attributes:
        id: Row key.
        code: Its code.
        name_zh: Chinese name.
        name_en: English name.
        kind: What it is.
        scales: Codes of its scales.
        capacities: (division, capacity) of each, in grams.
    """

    id: int
    code: str
    name_zh: str | None
    name_en: str | None
    kind: str
    scales: tuple[str, ...]
    capacities: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Receiver:
    """A facility that a lot can be sent to, and whose it is."""

    facility: FacilityRow
    organisation: OrganisationRow


def own_sites(session: Session, organisation_id: int) -> list[Site]:
    """The facilities of an organisation, in the order of their registration."""
    rows = session.scalars(
        select(FacilityRow)
        .where(FacilityRow.organisation_id == organisation_id)
        .order_by(FacilityRow.id)
    ).all()
    scales: dict[int, list[ScaleRow]] = {row.id: [] for row in rows}
    found = session.scalars(
        select(ScaleRow)
        .where(ScaleRow.facility_id.in_(list(scales)))
        .order_by(ScaleRow.id)
    )
    for scale in found:
        scales[scale.facility_id].append(scale)
    return [
        Site(
            row.id,
            row.code,
            row.name_zh,
            row.name_en,
            row.kind,
            tuple(one.code for one in scales[row.id]),
            tuple((one.e_g, one.max_g) for one in scales[row.id]),
        )
        for row in rows
    ]


def find_last_sourced(session: Session, organisation_id: int) -> int | None:
    """Index of the entry of the newest lot that an organisation logged itself."""
    row_id = session.scalar(
        select(func.max(LotRow.id)).where(
            LotRow.organisation_id == organisation_id, LotRow.source.is_not(None)
        )
    )
    return None if row_id is None else row_id // INDEX_FACTOR


def recent_materials(session: Session, organisation_id: int) -> list[str]:
    """Materials of the organisation's newest lots, the most frequent first."""
    newest = (
        select(LotRow.material)
        .where(LotRow.organisation_id == organisation_id)
        .order_by(LotRow.id.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    found = session.execute(
        select(newest.c.material, func.count().label("times"))
        .group_by(newest.c.material)
        .order_by(func.count().desc(), newest.c.material)
        .limit(MOST_MATERIALS)
    )
    return [row.material for row in found]


def lots_at_hand(
    session: Session,
    organisation_id: int,
    *,
    facility_id: int | None = None,
    text: str | None = None,
) -> list[LotView]:
    """Lots in stock that still hold something, newest first.

    Args:
        session: The view of the database.
        organisation_id: Who holds them.
        facility_id: Where they are; None for anywhere.
        text: A part of the code or of another name.
    """
    found = list_lots(
        session,
        LotFilter(text=text, state="held", open_only=True),
        organisation_id=organisation_id,
        everything=False,
        limit=MOST_AT_HAND,
    )
    return [
        view for view in found if facility_id is None or view.facility_id == facility_id
    ]


def list_receivers(session: Session, organisation_id: int) -> list[Receiver]:
    """Where lots can be sent: those used before first, then all others."""
    own = select(FacilityRow.id).where(FacilityRow.organisation_id == organisation_id)
    used = (
        select(TransferRow.to_facility_id, func.max(TransferRow.id).label("last"))
        .where(TransferRow.from_facility_id.in_(own))
        .group_by(TransferRow.to_facility_id)
        .subquery()
    )
    rows = session.execute(
        _receivers()
        .outerjoin(used, used.c.to_facility_id == FacilityRow.id)
        .order_by(func.coalesce(used.c.last, 0).desc(), FacilityRow.id)
        .limit(MOST_RECEIVERS)
    )
    return [Receiver(row.FacilityRow, row.OrganisationRow) for row in rows]


def find_receivers(session: Session, text: str) -> Sequence[Receiver]:
    """Facilities by their code, or by a part of their name or their owner's."""
    wanted = _receivers().where(FacilityRow.code == text)
    rows = session.execute(wanted).all()
    if not rows:
        pattern = f"%{text}%"
        rows = session.execute(
            _receivers()
            .where(
                FacilityRow.name_zh.ilike(pattern)
                | FacilityRow.name_en.ilike(pattern)
                | OrganisationRow.name_zh.ilike(pattern)
                | OrganisationRow.name_en.ilike(pattern)
            )
            .order_by(FacilityRow.id)
            .limit(MOST_MATERIALS)
        ).all()
    return [Receiver(row.FacilityRow, row.OrganisationRow) for row in rows]


def _receivers() -> Any:  # noqa: ANN401 - a select
    return select(FacilityRow, OrganisationRow).join(
        OrganisationRow, OrganisationRow.id == FacilityRow.organisation_id
    )
