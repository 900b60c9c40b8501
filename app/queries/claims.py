"""Reading claims: what they say, what became of them, which labels carry them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import (
    ClaimRow,
    ClaimStateRow,
    ClaimWithdrawalRow,
    FacilityRow,
    LabelRow,
    LotRow,
    OrganisationRow,
    entry_of,
)
from app.queries.errors import NotFound
from graph import Stretch

STATES = ("active", "affected", "corrected", "consumed", "withdrawn")


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim as its holder and auditors read it.

    Attributes:
        id: Row key.
        code: Of the claim.
        entry_index: The entry that issued it.
        state: One of STATES.
        state_index: The entry that brought the claim into this state.
        lot: Code of the lot that it is about.
        lot_id: Row key of that lot.
        material: Code of its material.
        lot_net_g: Net mass of the whole lot.
        organisation: Code of the organisation that claims.
        organisation_id: Its row key.
        name_zh: Its Chinese name.
        name_en: Its English name.
        stretch: What is claimed of the lot, in net marks.
        claimed_g: Metal on the stretch.
        share_ppm: Recycled share; the parts that follow are of it.
        elv_ppm: From end-of-life vehicles.
        post_ppm: Other post-consumer.
        pre_ppm: Pre-consumer.
        upper_ppm: If all unknown and internal metal were recycled.
        model: Custody model.
        rule_set: Of the scheme.
        boundary_text: Definition of the process boundary.
        method: Version of the method.
        valid_until: Last day, if the claim names one.
        issued_at: When.
        withdrawn_because: The reason that its holder gave; None when not withdrawn.
        labels: How many labels were issued for it.
    """

    id: int
    code: str
    entry_index: int
    state: str
    state_index: int
    lot: str
    lot_id: int
    material: str
    lot_net_g: int
    organisation: str
    organisation_id: int
    name_zh: str | None
    name_en: str | None
    stretch: Stretch
    claimed_g: int
    share_ppm: int
    elv_ppm: int
    post_ppm: int
    pre_ppm: int
    upper_ppm: int
    model: str
    rule_set: str
    boundary_text: str
    method: str
    valid_until: date | None
    issued_at: datetime
    withdrawn_because: str | None
    labels: int

    @property
    def net_g(self) -> int:
        """Net grams that the claim covers."""
        return self.stretch[1] - self.stretch[0]

    @property
    def open(self) -> bool:
        """Whether the claim still holds its grams."""
        return self.state in ("active", "affected", "corrected")


@dataclass(frozen=True, slots=True)
class ClaimFilter:
    """What a list of claims is narrowed to; None does not narrow.

    Attributes:
        text: A part of the code of the claim or of its lot.
        state: One of STATES.
        lot: Code of the lot.
    """

    text: str | None = None
    state: str | None = None
    lot: str | None = None


def list_claims(
    session: Session,
    narrowed: ClaimFilter,
    *,
    organisation_id: int | None,
    everything: bool,
    before: int | None = None,
    limit: int = 50,
) -> list[ClaimView]:
    """Claims that the caller issued, or all for an auditor; newest first."""
    wanted = _readable(_claims(), narrowed, organisation_id, everything=everything)
    if before is not None:
        wanted = wanted.where(ClaimRow.id < before)
    rows = session.execute(wanted.order_by(ClaimRow.id.desc()).limit(limit)).all()
    return _views(session, rows)


def count_claims(
    session: Session,
    narrowed: ClaimFilter,
    *,
    organisation_id: int | None,
    everything: bool,
) -> int:
    """How many claims the list has in all."""
    wanted = (
        select(func.count())
        .select_from(ClaimRow)
        .join(ClaimStateRow, ClaimStateRow.claim_id == ClaimRow.id)
        .join(LotRow, LotRow.id == ClaimRow.lot_id)
    )
    narrow = _readable(wanted, narrowed, organisation_id, everything=everything)
    return int(session.scalar(narrow) or 0)


def get_claim(
    session: Session, code: str, *, organisation_id: int | None, everything: bool
) -> ClaimView:
    """A claim of the caller, or any for an auditor.

    Raises:
        NotFound: There is none, or the caller may not see it: the answer is the same.
    """
    wanted = _readable(
        _claims(), ClaimFilter(), organisation_id, everything=everything
    ).where(ClaimRow.code == code)
    rows = session.execute(wanted).all()
    if not rows:
        raise NotFound("no claim {code}", code=code)
    return _views(session, rows)[0]


def find_boundary(session: Session, lot_id: int) -> FacilityRow:
    """The facility that made a lot: its process boundary is what a claim prints."""
    return session.scalars(
        select(FacilityRow)
        .join(LotRow, LotRow.facility_id == FacilityRow.id)
        .where(LotRow.id == lot_id)
    ).one()


def _claims() -> Any:  # noqa: ANN401 - a select
    return (
        select(
            ClaimRow,
            ClaimStateRow.state,
            ClaimStateRow.as_of_index,
            ClaimWithdrawalRow.reason,
            LotRow.code.label("lot"),
            LotRow.material,
            LotRow.net_g,
            OrganisationRow.code.label("organisation"),
            OrganisationRow.name_zh,
            OrganisationRow.name_en,
        )
        .join(ClaimStateRow, ClaimStateRow.claim_id == ClaimRow.id)
        .join(LotRow, LotRow.id == ClaimRow.lot_id)
        .join(OrganisationRow, OrganisationRow.id == ClaimRow.organisation_id)
        .outerjoin(ClaimWithdrawalRow, ClaimWithdrawalRow.claim_id == ClaimRow.id)
    )


def _readable(
    wanted: Any,  # noqa: ANN401 - a select
    narrowed: ClaimFilter,
    organisation_id: int | None,
    *,
    everything: bool,
) -> Any:  # noqa: ANN401
    if not everything:
        wanted = wanted.where(ClaimRow.organisation_id == organisation_id)
    if narrowed.text:
        part = f"%{_escaped(narrowed.text.upper())}%"
        wanted = wanted.where(
            or_(
                ClaimRow.code.like(part, escape="\\"),
                LotRow.code.like(part, escape="\\"),
            )
        )
    if narrowed.state:
        wanted = wanted.where(ClaimStateRow.state == narrowed.state)
    if narrowed.lot:
        wanted = wanted.where(LotRow.code == narrowed.lot)
    return wanted


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _views(session: Session, rows: Sequence[Any]) -> list[ClaimView]:
    labels = _labels(session, [row.ClaimRow.id for row in rows])
    return [
        ClaimView(
            id=claim.id,
            code=claim.code,
            entry_index=entry_of(claim.id),
            state=row.state,
            state_index=row.as_of_index,
            lot=row.lot,
            lot_id=claim.lot_id,
            material=row.material,
            lot_net_g=row.net_g,
            organisation=row.organisation,
            organisation_id=claim.organisation_id,
            name_zh=row.name_zh,
            name_en=row.name_en,
            stretch=(claim.from_g, claim.to_g),
            claimed_g=claim.claimed_g,
            share_ppm=claim.share_ppm,
            elv_ppm=claim.elv_ppm,
            post_ppm=claim.post_ppm,
            pre_ppm=claim.pre_ppm,
            upper_ppm=claim.upper_ppm,
            model=claim.model,
            rule_set=claim.rule_set,
            boundary_text=claim.boundary_text,
            method=claim.method,
            valid_until=claim.valid_until,
            issued_at=claim.issued_at,
            withdrawn_because=row.reason,
            labels=labels.get(claim.id, 0),
        )
        for row in rows
        for claim in [row.ClaimRow]
    ]


def _labels(session: Session, ids: Sequence[int]) -> dict[int, int]:
    if not ids:
        return {}
    wanted = (
        select(LabelRow.claim_id, func.count())
        .where(LabelRow.claim_id.in_(ids))
        .group_by(LabelRow.claim_id)
    )
    rows = session.execute(wanted).all()
    return {row[0]: int(row[1]) for row in rows if row[0] is not None}
