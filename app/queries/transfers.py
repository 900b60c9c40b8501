"""Reading transfers: what is on its way, what arrived, what differed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    FacilityRow,
    LotRow,
    OrganisationRow,
    TransferOutcomeRow,
    TransferRow,
    VoidingRow,
)
from app.queries.errors import NotFound

ON_ITS_WAY, ACCEPTED, DIFFERS = "on_its_way", "accepted", "differs"
REFUSED, VOIDED = "refused", "voided"
TRANSFER_STATES = (ON_ITS_WAY, ACCEPTED, DIFFERS, REFUSED, VOIDED)
INDEX_FACTOR = 1024

_OutcomeVoiding = aliased(VoidingRow, name="outcome_voiding")
_From = aliased(FacilityRow, name="sender")
_To = aliased(FacilityRow, name="receiver")
_FromOrganisation = aliased(OrganisationRow, name="sender_organisation")
_ToOrganisation = aliased(OrganisationRow, name="receiver_organisation")


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """What a list of transfers is narrowed to; None does not narrow.

    Attributes:
        text: A part of the code, of the own number, or of the lot's code.
        state: One of TRANSFER_STATES.
        way: ``in`` for those addressed to the organisation, ``out`` for its own.
        since: Dispatched at or after.
        until: Dispatched before.
    """

    text: str | None = None
    state: str | None = None
    way: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer with how it ended.

    Attributes:
        id: Row key; its entry is ``id // 1024``.
        code: Its code.
        own_number: The sender's number.
        lot: Code of the lot.
        material: Code of the lot's material.
        sender: The facility that sent.
        receiver: The facility addressed.
        sender_organisation: Whose facility sent.
        receiver_organisation: Whose facility is addressed.
        net_g: As dispatched.
        mode: road, rail, water, air or None.
        km: Length of the way, where stated.
        dispatched_at: When it left.
        state: One of TRANSFER_STATES.
        outcome: How it ended; None while it is on its way.
    """

    id: int
    code: str
    own_number: str | None
    lot: str
    material: str
    sender: FacilityRow
    receiver: FacilityRow
    sender_organisation: OrganisationRow
    receiver_organisation: OrganisationRow
    net_g: int
    mode: str | None
    km: int | None
    dispatched_at: datetime
    state: str
    outcome: TransferOutcomeRow | None


def list_transfers(
    session: Session,
    narrowed: TransferFilter,
    *,
    organisation_id: int | None,
    everything: bool,
    before: int | None = None,
    limit: int = 50,
) -> list[TransferView]:
    """Transfers from or to the organisation, newest first, keys below ``before``."""
    wanted = _narrowed(narrowed, organisation_id, everything=everything)
    if before is not None:
        wanted = wanted.where(TransferRow.id < before)
    rows = session.execute(wanted.order_by(TransferRow.id.desc()).limit(limit))
    return [_view(row) for row in rows]


def count_transfers(
    session: Session,
    narrowed: TransferFilter,
    *,
    organisation_id: int | None,
    everything: bool,
) -> int:
    """How many there are."""
    wanted = _narrowed(narrowed, organisation_id, everything=everything)
    counted = wanted.with_only_columns(func.count(), maintain_column_froms=True)
    return int(session.execute(counted).scalar_one())


def iter_transfers(
    session: Session,
    narrowed: TransferFilter,
    *,
    organisation_id: int | None,
    everything: bool,
    batch: int = 500,
) -> Iterator[TransferView]:
    """All of them, newest first, read in batches."""
    before = None
    while True:
        views = list_transfers(
            session,
            narrowed,
            organisation_id=organisation_id,
            everything=everything,
            before=before,
            limit=batch,
        )
        yield from views
        if len(views) < batch:
            return
        before = views[-1].id


def get_transfer(
    session: Session, code: str, *, organisation_id: int | None, everything: bool
) -> TransferView:
    """A transfer that the caller sent, is to receive, or may read as an auditor.

    Raises:
        NotFound: There is none, or the caller may not see it: the answer is the same.
    """
    wanted = _seen(organisation_id, everything=everything)
    row = session.execute(wanted.where(TransferRow.code == code)).first()
    if row is None:
        raise NotFound("no transfer {code}", code=code)
    return _view(row)


def _seen(organisation_id: int | None, *, everything: bool) -> Any:  # noqa: ANN401
    wanted = (
        select(
            TransferRow,
            TransferOutcomeRow,
            LotRow.code.label("lot"),
            LotRow.material,
            _From,
            _To,
            _FromOrganisation,
            _ToOrganisation,
            func.coalesce(VoidingRow.id, _OutcomeVoiding.id).label("voiding_id"),
        )
        .join(LotRow, LotRow.id == TransferRow.lot_id)
        .join(_From, _From.id == TransferRow.from_facility_id)
        .join(_To, _To.id == TransferRow.to_facility_id)
        .join(_FromOrganisation, _FromOrganisation.id == _From.organisation_id)
        .join(_ToOrganisation, _ToOrganisation.id == _To.organisation_id)
        .outerjoin(TransferOutcomeRow, TransferOutcomeRow.transfer_id == TransferRow.id)
        .outerjoin(
            VoidingRow, VoidingRow.voided_index == TransferRow.id // INDEX_FACTOR
        )
        .outerjoin(
            _OutcomeVoiding,
            _OutcomeVoiding.voided_index == TransferOutcomeRow.id // INDEX_FACTOR,
        )
    )
    if everything:
        return wanted
    return wanted.where(
        (_From.organisation_id == organisation_id)
        | (_To.organisation_id == organisation_id)
    )


def _narrowed(
    narrowed: TransferFilter, organisation_id: int | None, *, everything: bool
) -> Any:  # noqa: ANN401 - a select
    wanted = _seen(organisation_id, everything=everything)
    if narrowed.text:
        pattern = f"%{narrowed.text.replace('-', '').upper()}%"
        wanted = wanted.where(
            TransferRow.code.like(pattern)
            | LotRow.code.like(pattern)
            | TransferRow.own_number.ilike(f"%{narrowed.text}%")
        )
    if narrowed.way == "in":
        wanted = wanted.where(_To.organisation_id == organisation_id)
    if narrowed.way == "out":
        wanted = wanted.where(_From.organisation_id == organisation_id)
    if narrowed.since:
        wanted = wanted.where(TransferRow.dispatched_at >= narrowed.since)
    if narrowed.until:
        wanted = wanted.where(TransferRow.dispatched_at < narrowed.until)
    if narrowed.state:
        wanted = wanted.where(*_conditions(narrowed.state))
    return wanted


def _conditions(state: str) -> tuple[Any, ...]:
    live = VoidingRow.id.is_(None) & _OutcomeVoiding.id.is_(None)
    match state:
        case "voided":
            return (~live,)
        case "on_its_way":
            return (live, TransferOutcomeRow.id.is_(None))
        case "refused":
            return (live, TransferOutcomeRow.accepted.is_(False))
        case "differs":
            return (live, TransferOutcomeRow.within_tolerance.is_(False))
        case _:
            return (live, TransferOutcomeRow.within_tolerance.is_(True))


def _view(row: Any) -> TransferView:  # noqa: ANN401 - a row of the select above
    sent: TransferRow = row.TransferRow
    outcome: TransferOutcomeRow | None = row.TransferOutcomeRow
    return TransferView(
        id=sent.id,
        code=sent.code,
        own_number=sent.own_number,
        lot=row.lot,
        material=row.material,
        sender=row.sender,
        receiver=row.receiver,
        sender_organisation=row.sender_organisation,
        receiver_organisation=row.receiver_organisation,
        net_g=sent.net_g,
        mode=sent.mode,
        km=sent.km,
        dispatched_at=sent.dispatched_at,
        state=_state(outcome, voided=row.voiding_id is not None),
        outcome=outcome,
    )


def _state(outcome: TransferOutcomeRow | None, *, voided: bool) -> str:
    if voided:
        return VOIDED
    if outcome is None:
        return ON_ITS_WAY
    if not outcome.accepted:
        return REFUSED
    return ACCEPTED if outcome.within_tolerance else DIFFERS
