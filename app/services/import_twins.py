"""Facts of a file that stand in the log under another id: logged on a page, say.

An export holds whatever the organisation has stated, by page, program or file. Handed
in again, it adds nothing: a row that names what is there, and says the same of it,
is known. What says something else is left to posting, which refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    DeliveryRow,
    FacilityRow,
    LogEntryRow,
    LotAliasRow,
    LotBalanceRow,
    LotRow,
    ProcessRunRow,
    TransferOutcomeRow,
    TransferRow,
    VoidingRow,
    entry_of,
)
from app.services.facts import Fact
from app.services.journal import chunks
from app.services.work import VOIDED
from ledger import parse_entry

Key = tuple[object, ...]


def find_twins(session: Session, facts: Sequence[Fact]) -> set[str]:
    """Ids of the facts that stand in the log already, under another id."""
    by_type: dict[str, list[Fact]] = {}
    for fact in facts:
        by_type.setdefault(fact.type, []).append(fact)
    candidates: dict[int, list[Fact]] = {}
    for kind, some in by_type.items():
        for index, fact in _FINDERS[kind](session, some):
            candidates.setdefault(index, []).append(fact)
    twins: set[str] = set()
    for chunk in chunks(sorted(candidates)):
        rows = session.execute(
            select(LogEntryRow.entry_index, LogEntryRow.note)
            .outerjoin(VoidingRow, VoidingRow.voided_index == LogEntryRow.entry_index)
            .where(LogEntryRow.entry_index.in_(chunk), VoidingRow.id.is_(None))
        )
        for index, note in rows:
            stated = parse_entry(note).fact
            for fact in candidates[index]:
                if _gist(stated["type"], stated["at"], stated["data"]) == _gist(
                    fact.type, fact.at_text, fact.data
                ):
                    twins.add(fact.id)
    return twins


def _gist(kind: str, at: str, data: Mapping[str, Any]) -> Key:
    """What makes two statements one: who, what, how much, when."""
    match kind:
        case "lot.sourced":
            said: Key = (
                data["facility"],
                data["material"],
                data["source"],
                data["weighing"]["net_g"],
            )
        case "run.recorded":
            said = (
                data["facility"],
                data["kind"],
                tuple(sorted((one["lot"], one["net_g"]) for one in data["inputs"])),
                tuple(
                    sorted(
                        (one["material"], one["net_g"], one["role"])
                        for one in data["outputs"]
                    )
                ),
                sum(data["losses"].values()),
            )
        case "transfer.dispatched":
            said = (data["lot"], data["from"], data["to"], data["weighing"]["net_g"])
        case "transfer.accepted":
            said = (data["transfer"], data["weighing"]["net_g"])
        case "lot.delivered":
            said = (data["lot"], data["net_g"], data["to"])
        case _:
            said = ()
    return (kind, at, *said)


Found = list[tuple[int, Fact]]


def _sourced(session: Session, facts: Sequence[Fact]) -> Found:
    """By code, or by the yard's own number at the facility."""
    found = _by_code(session, facts, "lot", LotRow)
    wanted: dict[Key, Fact] = {}
    for fact in facts:
        for alias in fact.data.get("alias") or []:
            if alias["scheme"] == "own":
                wanted[fact.data["facility"], alias["value"]] = fact
    for chunk in chunks(sorted({str(number) for _, number in wanted})):
        rows = session.execute(
            select(FacilityRow.code, LotAliasRow.value, LotAliasRow.lot_id)
            .join(FacilityRow, FacilityRow.id == LotAliasRow.facility_id)
            .join(LotBalanceRow, LotBalanceRow.lot_id == LotAliasRow.lot_id)
            .where(LotAliasRow.value.in_(chunk), LotBalanceRow.state != VOIDED)
        )
        for facility, number, lot in rows:
            if (facility, number) in wanted:
                found.append((entry_of(lot), wanted[facility, number]))
    return found


def _runs(session: Session, facts: Sequence[Fact]) -> Found:
    found = _by_code(session, facts, "run", ProcessRunRow)
    wanted = {
        (fact.data["facility"], fact.data["alias"]): fact
        for fact in facts
        if fact.data.get("alias")
    }
    for chunk in chunks(sorted({number for _, number in wanted})):
        rows = session.execute(
            select(FacilityRow.code, ProcessRunRow.own_number, ProcessRunRow.id)
            .join(FacilityRow, FacilityRow.id == ProcessRunRow.facility_id)
            .where(ProcessRunRow.own_number.in_(chunk))
        )
        for facility, number, run in rows:
            if (facility, number) in wanted:
                found.append((entry_of(run), wanted[facility, number]))
    return found


def _dispatched(session: Session, facts: Sequence[Fact]) -> Found:
    found = _by_code(session, facts, "transfer", TransferRow)
    wanted = {
        (fact.data["from"], fact.data["alias"]): fact
        for fact in facts
        if fact.data.get("alias")
    }
    for chunk in chunks(sorted({number for _, number in wanted})):
        rows = session.execute(
            select(FacilityRow.code, TransferRow.own_number, TransferRow.id)
            .join(FacilityRow, FacilityRow.id == TransferRow.from_facility_id)
            .where(TransferRow.own_number.in_(chunk))
        )
        for facility, number, transfer in rows:
            if (facility, number) in wanted:
                found.append((entry_of(transfer), wanted[facility, number]))
    return found


def _accepted(session: Session, facts: Sequence[Fact]) -> Found:
    wanted = {fact.data["transfer"]: fact for fact in facts}
    found: Found = []
    for chunk in chunks(sorted(wanted)):
        rows = session.execute(
            select(TransferRow.code, TransferOutcomeRow.id)
            .join(TransferRow, TransferRow.id == TransferOutcomeRow.transfer_id)
            .where(TransferRow.code.in_(chunk))
        )
        found += [(entry_of(key), wanted[code]) for code, key in rows]
    return found


def _delivered(session: Session, facts: Sequence[Fact]) -> Found:
    wanted: dict[str, list[Fact]] = {}
    for fact in facts:
        wanted.setdefault(fact.data["lot"], []).append(fact)
    found: Found = []
    for chunk in chunks(sorted(wanted)):
        rows = session.execute(
            select(LotRow.code, DeliveryRow.id)
            .join(LotRow, LotRow.id == DeliveryRow.lot_id)
            .where(LotRow.code.in_(chunk))
        )
        for code, key in rows:
            found += [(entry_of(key), fact) for fact in wanted[code]]
    return found


def _by_code(
    session: Session,
    facts: Sequence[Fact],
    name: str,
    table: type[LotRow | ProcessRunRow | TransferRow],
) -> Found:
    wanted = {fact.data[name]: fact for fact in facts}
    found: Found = []
    for chunk in chunks(sorted(wanted)):
        rows = session.execute(
            select(table.code, table.id).where(table.code.in_(chunk))
        )
        found += [(entry_of(key), wanted[code]) for code, key in rows]
    return found


_FINDERS = {
    "lot.sourced": _sourced,
    "run.recorded": _runs,
    "transfer.dispatched": _dispatched,
    "transfer.accepted": _accepted,
    "lot.delivered": _delivered,
}
