"""Transfers: dispatched, accepted, refused. Handlers of their facts."""

from __future__ import annotations

from app.models import TransferOutcomeRow, TransferRow, row_id
from app.services.errors import refuse
from app.services.facts import Fact
from app.services.weighing import check_weighing, weighing_error_squared
from app.services.work import HELD, IN_TRANSIT, Facility, LotState, TransferState, Work
from graph import check_untouched, hand_over, root_up

WEIGHTS_DIFFER = "weights_differ"


def post_dispatched(work: Work, fact: Fact, index: int) -> None:
    """``transfer.dispatched``: a whole, untouched lot goes on its way.

    Raises:
        Refused: The lot is not at this facility, or the code is in use.
        GraphError: Something was taken or claimed of it.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    sender = work.own_facility(data["from"], organisation, "data.from")
    receiver = work.facility(data["to"], "data.to")
    if sender.id == receiver.id:
        raise refuse("data.to", "found the facility that sends, expected another one")
    if data["transfer"] in work.transfers:
        raise refuse(
            "data.transfer", "the code {code} is in use already", code=data["transfer"]
        )
    state = work.held_lot(data["lot"], organisation, "data.lot")
    if state.facility_id != sender.id:
        raise refuse(
            "data.from",
            "found {facility}, but lot {code} is at {at}",
            facility=sender.code,
            code=data["lot"],
            at=work.facilities_by_id[state.facility_id].code,
        )
    check_untouched(state.position)
    check_weighing(sender, data["weighing"], fact.at, "data.weighing")
    transport = data.get("transport") or {}
    transfer_id = row_id(index)
    work.add_row(
        TransferRow,
        {
            "id": transfer_id,
            "code": data["transfer"],
            "own_number": data.get("alias"),
            "lot_id": state.id,
            "from_facility_id": sender.id,
            "to_facility_id": receiver.id,
            "net_g": data["weighing"]["net_g"],
            "error_squared": weighing_error_squared(sender, data["weighing"]),
            "mode": transport.get("mode"),
            "km": transport.get("km"),
            "dispatched_at": fact.at,
        },
    )
    work.transfers[data["transfer"]] = TransferState(
        id=transfer_id,
        code=data["transfer"],
        lot=data["lot"],
        from_facility=sender,
        to_facility=receiver,
        net_g=data["weighing"]["net_g"],
        error_squared=weighing_error_squared(sender, data["weighing"]),
        dispatched_at=fact.at,
        ended=False,
    )
    state.state = IN_TRANSIT
    state.transfer_id = transfer_id
    state.since_at = fact.at
    work.touch(state, index)
    if receiver.organisation_id != organisation.id:
        work.party(index, receiver.organisation_id)


def post_accepted(work: Work, fact: Fact, index: int) -> None:
    """``transfer.accepted``: the smallest of book, dispatched and received goes on.

    Raises:
        Refused: The transfer is not addressed to this organisation, or has ended, or
            the weights differ by more than their scales can miss and no reason is
            given.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    transfer, state = _open_transfer(work, fact)
    receiver = transfer.to_facility
    check_weighing(receiver, data["weighing"], fact.at, "data.weighing")
    if fact.at < transfer.dispatched_at:
        raise refuse(
            "at",
            "found {at}, before the dispatch at {dispatched_at}",
            at=fact.at_text,
            dispatched_at=transfer.dispatched_at.isoformat(),
        )
    received_g = data["weighing"]["net_g"]
    handover = hand_over(
        state.lot,
        state.position,
        dispatched_g=transfer.net_g,
        received_g=received_g,
        tolerance_g=root_up(
            transfer.error_squared + weighing_error_squared(receiver, data["weighing"])
        ),
        leaves_boundary=leaves_boundary(transfer.from_facility, receiver),
    )
    if not handover.within_tolerance and not data.get("reason"):
        raise refuse(
            "data.reason",
            "dispatched {dispatched_g} g, received {received_g} g: more than the two "
            "scales can miss, say why",
            dispatched_g=transfer.net_g,
            received_g=received_g,
        )
    transfer.ended = True
    state.position = handover.position
    state.state = HELD
    state.organisation_id = organisation.id
    state.facility_id = receiver.id
    state.since_at = fact.at
    state.transfer_id = None
    state.received_index = index
    if not handover.within_tolerance:
        state.claim_block = WEIGHTS_DIFFER
    work.touch(state, index)
    work.add_row(
        TransferOutcomeRow,
        {
            "id": row_id(index),
            "transfer_id": transfer.id,
            "accepted": True,
            "net_g": received_g,
            "goes_on_g": handover.position.goes_on_g,
            "lost_metal_g": handover.lost.metal_g,
            "within_tolerance": handover.within_tolerance,
            "reason": data.get("reason"),
            "ended_at": fact.at,
        },
    )
    if transfer.from_facility.organisation_id != organisation.id:
        work.party(index, transfer.from_facility.organisation_id)


def post_refused(work: Work, fact: Fact, index: int) -> None:
    """``transfer.refused``: the lot is back with its sender.

    Raises:
        Refused: The transfer is not addressed to this organisation, or has ended.
    """
    organisation = work.organisation(fact.org)
    transfer, state = _open_transfer(work, fact)
    transfer.ended = True
    state.state = HELD
    state.transfer_id = None
    state.since_at = fact.at
    work.touch(state, index)
    work.add_row(
        TransferOutcomeRow,
        {
            "id": row_id(index),
            "transfer_id": transfer.id,
            "accepted": False,
            "net_g": None,
            "goes_on_g": None,
            "lost_metal_g": None,
            "within_tolerance": None,
            "reason": fact.data["reason"],
            "ended_at": fact.at,
        },
    )
    if transfer.from_facility.organisation_id != organisation.id:
        work.party(index, transfer.from_facility.organisation_id)


def _open_transfer(work: Work, fact: Fact) -> tuple[TransferState, LotState]:
    code = fact.data["transfer"]
    organisation = work.organisation(fact.org)
    transfer = work.transfers.get(code)
    if transfer is None or transfer.to_facility.organisation_id != organisation.id:
        raise refuse(
            "data.transfer",
            "found {code}, which is no transfer addressed to you",
            code=code,
        )
    if transfer.ended:
        raise refuse("data.transfer", "transfer {code} has ended already", code=code)
    return transfer, work.lots[transfer.lot]


def leaves_boundary(sender: Facility, receiver: Facility) -> bool:
    """Whether metal goes from one boundary to another one under other control."""
    if sender.organisation_id == receiver.organisation_id:
        return False
    return (
        sender.control_group is None or sender.control_group != receiver.control_group
    )
