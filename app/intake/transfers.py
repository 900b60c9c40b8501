"""Rows of transfers to drafts: the sender's side, the receiver's, or both."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.intake.drafts import (
    Draft,
    FacilityRef,
    NewCode,
    TransferRef,
    UsualScale,
    printed_code,
)
from app.intake.faults import N_
from app.intake.row_reader import NEEDED_WITH, Places, RowReader, without_none

MAX_KM = 50_000
TRANSFER_PLACES = {
    "data.transfer": "transfer",
    "data.alias": "transfer",
    "data.lot": "lot",
    "data.from": "from",
    "data.to": "to",
    "data.transport": "mode",
    "data.transport.km": "km",
}


def make_transfers(reader: RowReader) -> list[Draft]:
    """A row of transfers: the sender's fact, the receiver's, or both."""
    sides = [
        side
        for side in ("dispatched", "accepted")
        if reader.has(side) or reader.has(f"{side}_net")
    ]
    for side in sides:
        reader.need(side)
        reader.need(f"{side}_net")
    _check_transfer(reader, sides)
    if reader.faults:
        return []
    make = {"dispatched": _dispatched, "accepted": _accepted}
    return [make[side](reader) for side in sides]


def _check_transfer(reader: RowReader, sides: list[str]) -> None:
    if not sides:
        reader.fault(
            None,
            N_("expected {sent}, or {received}, with its weight"),
            sent=reader.head("dispatched"),
            received=reader.head("accepted"),
        )
    sender, receiver = reader.get("from"), reader.get("to")
    if sender is not None and sender == receiver:
        reader.fault("to", N_("is the facility that the lot comes from"))
    sent_at, received_at = reader.get("dispatched"), reader.get("accepted")
    if sent_at is not None and received_at is not None and received_at < sent_at:
        reader.fault("accepted", N_("is before the dispatch"))
    for column in ("mode", "km"):
        if reader.has(column) and "dispatched" not in sides:
            reader.fault(
                column, N_("expected empty, only the sender says how a lot travels")
            )
    if reader.has("km"):
        reader.need(
            "mode",
            NEEDED_WITH,
            other=reader.head("km"),
        )
    km = reader.get("km")
    if km is not None and (km % 1000 or km > MAX_KM * 1000):
        reader.fault(
            "km", N_("expected whole kilometres, at most {limit}"), limit=MAX_KM
        )


def _dispatched(reader: RowReader) -> Draft:
    number, sender = reader.get("transfer"), reader.get("from")
    mode, km = reader.get("mode"), reader.get("km")
    transport = {"mode": mode, "km": None if km is None else km // 1000}
    data = without_none(
        {
            "transfer": NewCode("transfer", number),
            "lot": reader.get("lot"),
            "from": sender,
            "to": reader.get("to"),
            "weighing": _one_weighing(sender, reader.get("dispatched_net")),
            "transport": None if mode is None else without_none(transport),
            "alias": None if printed_code(number) else number,
        }
    )
    return _transfer(reader, "transfer.dispatched", reader.get("dispatched"), data)


def _accepted(reader: RowReader) -> Draft:
    sender, receiver = reader.get("from"), reader.get("to")
    number = reader.get("transfer")
    data = {
        "transfer": TransferRef(number, reader.get("lot"), sender),
        "weighing": _one_weighing(receiver, reader.get("accepted_net")),
    }
    return _transfer(reader, "transfer.accepted", reader.get("accepted"), data)


def _transfer(
    reader: RowReader, kind: str, at: datetime, data: dict[str, Any]
) -> Draft:
    number, side = reader.get("transfer"), kind.partition(".")[2]
    return Draft(
        rows=(reader.row,),
        template="transfers",
        own_number=printed_code(number) or number,
        type=kind,
        at=at,
        data=data,
        places=Places(
            reader.row, TRANSFER_PLACES | {"at": side, "data.weighing": f"{side}_net"}
        ),
    )


def _one_weighing(facility: FacilityRef, net_g: int) -> dict[str, Any]:
    return {"net_g": net_g, "scale": UsualScale(facility, net_g)}
