"""Corrections: an organisation takes back an own entry that nothing uses yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.models import (
    ROWS_PER_ENTRY,
    ClaimRow,
    ClaimStateRow,
    DeliveryRow,
    LabelRow,
    LogEntryRow,
    LotRow,
    ProcessRunRow,
    SupplyRecordRow,
    TakingRow,
    TransferOutcomeRow,
    TransferRow,
    VoidingRow,
    entry_of,
    row_id,
)
from app.services.claims import ACTIVE, OPEN_STATES, WITHDRAWN
from app.services.directory import load_facilities_by_id
from app.services.errors import refuse
from app.services.facts import Fact
from app.services.loading import load_claims, load_lots, load_month
from app.services.rules import month_of
from app.services.runs import CONSUMED
from app.services.transfers import WEIGHTS_DIFFER, leaves_boundary
from app.services.work import HELD, VOIDED, LotState, Work
from graph import Stretch, common, free_stretches, release, unclaim
from graph.places import merged

FIELD = "data.corrects"


def post_corrected(work: Work, fact: Fact, index: int) -> None:
    """``entry.corrected`` with ``void``: places are given back, supply is reversed.

    Raises:
        Refused: The entry is not the organisation's, of a type that is not taken
            back, void already, or something uses what it made.
    """
    entry = work.session.execute(
        select(LogEntryRow.entry_index, LogEntryRow.type).where(
            LogEntryRow.org == fact.org, LogEntryRow.fact_id == fact.data["corrects"]
        )
    ).first()
    if entry is None:
        raise refuse(
            FIELD, "found {id}, which is no entry of yours", id=fact.data["corrects"]
        )
    voided, kind = entry
    if voided in work.voided or work.session.scalar(
        select(exists().where(VoidingRow.voided_index == voided))
    ):
        raise refuse(FIELD, "entry {index} was taken back already", index=voided)
    if (undo := _UNDO.get(kind)) is None:
        raise refuse(
            FIELD,
            "entry {index} is a {kind}: it is not taken back by a correction",
            index=voided,
            kind=kind,
        )
    undo(work, voided, index)
    work.voided.add(voided)
    work.add_row(
        VoidingRow,
        {"id": row_id(index), "voided_index": voided, "reason": fact.data["reason"]},
    )


def _void_sourced(work: Work, voided: int, index: int) -> None:
    _void_lots(work, _lots_made(work.session, voided), index)


def _void_run(work: Work, voided: int, index: int) -> None:
    made = _lots_made(work.session, voided)
    run_id = row_id(voided)
    takings = work.session.execute(
        select(TakingRow.from_g, TakingRow.to_g, TakingRow.further, LotRow.code)
        .join(LotRow, LotRow.id == TakingRow.lot_id)
        .where(TakingRow.run_id == run_id)
        .order_by(TakingRow.id)
    ).all()
    _load(work, [row.code for row in takings])
    given_back = [(work.lots[row.code], _stretches(row)) for row in takings]
    _check_here([state for state, _ in given_back])
    _void_lots(work, made, index)
    for state, stretches in given_back:
        state.position = release(state.position, stretches)
        _restore_claims(work, state, voided, index)
        work.touch(state, index)
    _reverse_month(work, run_id, made, index)
    _reverse_supply(work, voided, index)


def _restore_claims(work: Work, state: LotState, voided: int, index: int) -> None:
    """Claims that the run had ended hold again, if all their metal is there or sold."""
    ended = work.session.execute(
        select(ClaimRow.code, ClaimRow.from_g, ClaimRow.to_g)
        .join(ClaimStateRow, ClaimStateRow.claim_id == ClaimRow.id)
        .where(
            ClaimRow.lot_id == state.id,
            ClaimStateRow.state == CONSUMED,
            ClaimStateRow.as_of_index == voided,
        )
        .order_by(ClaimRow.id)
    ).all()
    if not ended:
        return
    sold = [
        stretch
        for row in work.session.execute(
            select(TakingRow.from_g, TakingRow.to_g, TakingRow.further)
            .join(DeliveryRow, DeliveryRow.taking_id == TakingRow.id)
            .outerjoin(VoidingRow, _voids(TakingRow.id))
            .where(TakingRow.lot_id == state.id, VoidingRow.id.is_(None))
        )
        for stretch in _stretches(row)
    ]
    load_claims(work, [row.code for row in ended])
    for row in ended:
        stretch, claim = (row.from_g, row.to_g), work.claims[row.code]
        there = merged((*free_stretches(state.position), *sold))
        if (
            claim.state == CONSUMED
            and common([stretch], there) == (stretch,)
            and not common([stretch], state.position.claimed)
        ):
            claimed = merged((*state.position.claimed, stretch))
            state.position = replace(state.position, claimed=claimed)
            work.set_claim(claim, ACTIVE, index)


def _void_delivery(work: Work, voided: int, index: int) -> None:
    row = work.session.execute(
        select(TakingRow.from_g, TakingRow.to_g, TakingRow.further, LotRow.code)
        .join(DeliveryRow, DeliveryRow.taking_id == TakingRow.id)
        .join(LotRow, LotRow.id == TakingRow.lot_id)
        .where(DeliveryRow.id == row_id(voided))
    ).one()
    _load(work, [row.code])
    state = work.lots[row.code]
    state.position = release(state.position, _stretches(row))
    work.touch(state, index)


def _void_dispatch(work: Work, voided: int, index: int) -> None:
    transfer = work.session.execute(
        select(LotRow.code, TransferOutcomeRow.id)
        .select_from(TransferRow)
        .join(LotRow, LotRow.id == TransferRow.lot_id)
        .outerjoin(TransferOutcomeRow, TransferOutcomeRow.transfer_id == TransferRow.id)
        .where(TransferRow.id == row_id(voided))
    ).one()
    if transfer[1] is not None:
        raise refuse(FIELD, "the receiver has answered already")
    _load(work, [transfer.code])
    state = work.lots[transfer.code]
    if state.transfer_id != row_id(voided):
        raise refuse(FIELD, "the receiver has answered already")
    state.state, state.transfer_id = HELD, None
    work.touch(state, index)


def _void_acceptance(work: Work, voided: int, index: int) -> None:
    """The lot is back with its sender, as it was: to be weighed and sent anew."""
    outcome_id = row_id(voided)
    transfer = work.session.execute(
        select(LotRow.code, TransferRow.from_facility_id)
        .select_from(TransferOutcomeRow)
        .join(TransferRow, TransferRow.id == TransferOutcomeRow.transfer_id)
        .join(LotRow, LotRow.id == TransferRow.lot_id)
        .where(TransferOutcomeRow.id == outcome_id)
    ).one()
    _load(work, [transfer.code])
    state = work.lots[transfer.code]
    labelled = work.session.scalar(
        select(exists().where(LabelRow.lot_id == state.id, LabelRow.id > outcome_id))
    )
    if (
        state.received_index != voided
        or state.state != HELD
        or not state.untouched
        or labelled
    ):
        raise refuse(
            FIELD,
            "lot {code}, which was accepted, is in use: take back what uses it first",
            code=transfer.code,
        )
    load_facilities_by_id(work, [transfer.from_facility_id])
    sender = work.facilities_by_id[transfer.from_facility_id]
    _stand_as_before(work, state, voided)
    state.organisation_id, state.facility_id = sender.organisation_id, sender.id
    work.touch(state, index)
    work.party(index, sender.organisation_id)


def _stand_as_before(work: Work, state: LotState, voided: int) -> None:
    """Weight, reading and claims of a lot as earlier transfers left them."""
    earlier = work.session.execute(
        select(
            TransferOutcomeRow.id,
            TransferOutcomeRow.goes_on_g,
            TransferOutcomeRow.within_tolerance,
            TransferOutcomeRow.ended_at,
            TransferRow.from_facility_id,
            TransferRow.to_facility_id,
        )
        .join(TransferRow, TransferRow.id == TransferOutcomeRow.transfer_id)
        .outerjoin(
            VoidingRow,
            VoidingRow.voided_index == TransferOutcomeRow.id // ROWS_PER_ENTRY,
        )
        .where(
            TransferRow.lot_id == state.id,
            TransferOutcomeRow.accepted.is_(True),
            TransferOutcomeRow.id < row_id(voided),
            VoidingRow.id.is_(None),
        )
        .order_by(TransferOutcomeRow.id)
    ).all()
    made = work.session.execute(
        select(LotRow.made_at, LotRow.claim_block).where(LotRow.id == state.id)
    ).one()
    ends = {row.from_facility_id for row in earlier}
    load_facilities_by_id(work, ends | {row.to_facility_id for row in earlier})
    left_boundary = any(
        leaves_boundary(
            work.facilities_by_id[row.from_facility_id],
            work.facilities_by_id[row.to_facility_id],
        )
        for row in earlier
    )
    differs = any(not row.within_tolerance for row in earlier)
    state.claim_block = WEIGHTS_DIFFER if differs else made.claim_block
    state.received_index = entry_of(earlier[-1].id) if earlier else None
    state.since_at = earlier[-1].ended_at if earlier else made.made_at
    state.position = replace(
        state.position,
        goes_on_g=earlier[-1].goes_on_g if earlier else state.lot.net_g,
        internal_as_unknown=left_boundary,
    )


def _void_claim(work: Work, voided: int, index: int) -> None:
    claim_id = row_id(voided)
    if work.session.scalar(select(exists().where(LabelRow.claim_id == claim_id))):
        raise refuse(FIELD, "labels were printed for the claim: withdraw it instead")
    code, lot = work.session.execute(
        select(ClaimRow.code, LotRow.code)
        .join(LotRow, LotRow.id == ClaimRow.lot_id)
        .where(ClaimRow.id == claim_id)
    ).one()
    _load(work, [lot])
    load_claims(work, [code])
    claim = work.claims[code]
    if claim.state not in OPEN_STATES:
        raise refuse(FIELD, "the claim has ended already")
    state = work.lots[lot]
    state.position = unclaim(state.position, (claim.from_g, claim.to_g))
    work.touch(state, index)
    work.set_claim(claim, WITHDRAWN, index)


_UNDO: dict[str, Callable[[Work, int, int], None]] = {
    "lot.sourced": _void_sourced,
    "run.recorded": _void_run,
    "lot.delivered": _void_delivery,
    "transfer.dispatched": _void_dispatch,
    "transfer.accepted": _void_acceptance,
    "claim.issued": _void_claim,
}


TAKEN_BACK = frozenset(_UNDO)
"""Types of facts that a correction can take back."""


def _voids(key: Any) -> Any:  # noqa: ANN401 - a column and a clause
    """That a voiding takes back the entry which made a row."""
    return VoidingRow.voided_index == key // ROWS_PER_ENTRY


def _lots_made(session: Session, voided: int) -> list[str]:
    first = row_id(voided)
    return list(
        session.scalars(
            select(LotRow.code)
            .where(LotRow.id >= first, LotRow.id < row_id(voided + 1))
            .order_by(LotRow.id)
        )
    )


def _load(work: Work, codes: list[str]) -> None:
    """Lots that the batch has not locked yet, in id order."""
    load_lots(work, [code for code in codes if code not in work.lots])


def _void_lots(work: Work, codes: list[str], index: int) -> None:
    _load(work, codes)
    states = [work.lots[code] for code in codes]
    _check_unused(work, states)
    for state in states:
        state.state = VOIDED
        work.touch(state, index)


def _check_unused(work: Work, states: list[LotState]) -> None:
    """Nothing was taken, claimed, dispatched or labelled of these lots."""
    labelled = set(
        work.session.scalars(
            select(LabelRow.lot_id).where(LabelRow.lot_id.in_([s.id for s in states]))
        )
    )
    for state in states:
        free = not state.position.placed_to_g or _all_free(state)
        if (
            not free
            or state.position.claimed
            or state.state != HELD
            or state.received_index is not None
            or state.id in labelled
        ):
            raise refuse(
                FIELD,
                "lot {code}, which the entry made, is in use: take back what uses it "
                "first",
                code=state.lot.code,
            )


def _all_free(state: LotState) -> bool:
    return state.position.gaps == ((0, state.position.placed_to_g),)


def _check_here(states: list[LotState]) -> None:
    for state in states:
        if state.state != HELD:
            raise refuse(FIELD, "lot {code} is not here any more", code=state.lot.code)


def _stretches(row: Any) -> list[Stretch]:  # noqa: ANN401 - a row of a taking
    return [(row.from_g, row.to_g), *((a, b) for a, b in row.further or ())]


def _reverse_month(work: Work, run_id: int, made: list[str], index: int) -> None:
    run = work.session.execute(
        select(
            ProcessRunRow.facility_id,
            ProcessRunRow.ended_at,
            ProcessRunRow.net_in_g,
            ProcessRunRow.net_difference_g,
            ProcessRunRow.metal_in_g,
            ProcessRunRow.gain_unknown_g,
        ).where(ProcessRunRow.id == run_id)
    ).one()
    key = (run.facility_id, work.lots[made[0]].lot.material, month_of(run.ended_at))
    load_month(work, key)
    work.add_to_month(
        key,
        {
            "net_in_g": -run.net_in_g,
            "net_difference_g": -run.net_difference_g,
            "metal_in_g": -run.metal_in_g,
            "gain_unknown_g": -run.gain_unknown_g,
        },
        index,
    )


def _reverse_supply(work: Work, voided: int, index: int) -> None:
    """The same rows with the other sign, under this entry's own index."""
    table: Any = SupplyRecordRow.__table__
    rows = work.session.execute(
        select(table).where(table.c.about_index == voided).order_by(table.c.id)
    ).mappings()
    for row in rows:
        reversed_row = dict(row)
        reversed_row["id"] = row_id(index, work.next_position("supply_record", index))
        reversed_row["entry_index"] = index
        reversed_row["sign"] = -row["sign"]
        work.add_row(SupplyRecordRow, reversed_row)
