"""Load and lock what a batch of facts touches, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, select
from sqlalchemy.orm import Session

from app.models import (
    CELL_COLUMNS,
    UNCOUNTED_COLUMNS,
    ClaimRow,
    ClaimStateRow,
    LotAliasRow,
    LotBalanceRow,
    LotRevisionRow,
    LotRow,
    MonthClosureRow,
    ProcessRunRow,
    TransferOutcomeRow,
    TransferRow,
    entry_of,
)
from app.queries.lots import lot_value, position_value
from app.queries.prepared import Prepared
from app.services.directory import (
    load_facilities,
    load_facilities_by_id,
    load_organisations,
)
from app.services.facts import Fact, made_lots, named_facilities, used_lots
from app.services.journal import chunks
from app.services.work import (
    VOIDED,
    ClaimState,
    LotState,
    TransferState,
    Work,
)

LOT_COLUMNS = (
    LotRow.id,
    LotRow.code,
    LotRow.organisation_id.label("maker_id"),
    LotRow.kind,
    LotRow.material,
    LotRow.metal,
    LotRow.source,
    LotRow.run_id,
    LotRow.net_g,
    LotRow.metal_g,
    *(getattr(LotRow, name) for name in CELL_COLUMNS),
    *(getattr(LotRow, name) for name in UNCOUNTED_COLUMNS),
    LotBalanceRow.organisation_id,
    LotBalanceRow.facility_id,
    LotBalanceRow.state,
    LotBalanceRow.since_at,
    LotBalanceRow.revision_id,
    LotBalanceRow.goes_on_g,
    LotBalanceRow.placed_to_g,
    LotBalanceRow.gaps,
    LotBalanceRow.claimed,
    LotBalanceRow.internal_as_unknown,
    LotBalanceRow.claim_block,
    LotBalanceRow.transfer_id,
    LotBalanceRow.received_index,
)


_LOTS: Any = LotRow.__table__
_TAKEN_ONE = Prepared(select(_LOTS.c.code).where(_LOTS.c.code == bindparam("lot")))
_TAKEN_MANY = select(_LOTS.c.code).where(
    _LOTS.c.code.in_(bindparam("codes", expanding=True))
)


def load_work(session: Session, facts: Sequence[Fact], now: datetime) -> Work:
    """The working set of a batch, its lots locked in id order until the commit.

    Whatever a fact names but is not there is simply missing from the set: the
    handler of the fact says so.
    """
    work = Work(session, now)
    load_organisations(work, {fact.org for fact in facts} | _named(facts))
    load_facilities(work, {code for fact in facts for code in named_facilities(fact)})
    lots = {code for fact in facts for code in used_lots(fact)}
    transfers = {fact.data["transfer"] for fact in facts if "transfer" in fact.data}
    claims = {fact.data["claim"] for fact in facts if fact.data.get("claim")}
    lots |= _lots_of_transfers(session, transfers)
    lots |= _lots_of_claims(session, claims)
    load_lots(work, lots)
    load_transfers(work, transfers)
    load_claims(work, claims)
    return work


def load_after_lock(work: Work, facts: Sequence[Fact]) -> None:
    """What another writer may have added before this one got the log lock."""
    made = [code for fact in facts for code in made_lots(fact)]
    for chunk in chunks(made):
        if len(chunk) == 1:
            taken = _TAKEN_ONE.run(work.connection, {"lot": chunk[0]})
        else:
            taken = work.connection.execute(_TAKEN_MANY, {"codes": chunk})
        work.taken_codes.update(taken.scalars())
    runs = [fact.data["run"] for fact in facts if fact.type == "run.recorded"]
    for chunk in chunks(runs):
        known = work.session.scalars(
            select(ProcessRunRow.code).where(ProcessRunRow.code.in_(chunk))
        )
        work.run_codes.update(known)
    _load_own_numbers(work, facts)
    _load_facilities_with_runs(work, facts)
    _load_months(work, facts)


def load_lots(work: Work, codes: Iterable[str]) -> None:
    """Lots with their balances, locked in id order, and the claims on them."""
    for chunk in chunks(sorted(codes)):
        rows = work.session.execute(
            select(*LOT_COLUMNS)
            .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
            .where(LotRow.code.in_(chunk))
            .order_by(LotRow.id)
            .with_for_update(of=LotBalanceRow)
        ).all()
        revised = _revisions(work.session, rows)
        for row in rows:
            work.lots[row.code] = _lot_state(row, revised.get(row.revision_id))
    load_facilities_by_id(work, {state.facility_id for state in work.lots.values()})
    _load_claims(work)


def _revisions(session: Session, rows: Iterable[Row[Any]]) -> dict[int, Any]:
    wanted = [row.revision_id for row in rows if row.revision_id is not None]
    if not wanted:
        return {}
    found = session.scalars(select(LotRevisionRow).where(LotRevisionRow.id.in_(wanted)))
    return {row.id: row for row in found}


def _lot_state(row: Any, revision: Any) -> LotState:  # noqa: ANN401 - rows of a join
    return LotState(
        id=row.id,
        lot=lot_value(row, row if revision is None else revision),
        position=position_value(row),
        organisation_id=row.organisation_id,
        facility_id=row.facility_id,
        state=row.state,
        since_at=row.since_at,
        made_by_id=row.maker_id,
        source=row.source,
        run_id=row.run_id,
        claim_block=row.claim_block,
        revision_id=row.revision_id,
        transfer_id=row.transfer_id,
        received_index=row.received_index,
    )


def _load_claims(work: Work) -> None:
    claimed = {s.id: code for code, s in work.lots.items() if s.position.claimed}
    if not claimed:
        return
    for chunk in chunks(sorted(claimed)):
        rows = work.session.execute(
            _claims().where(ClaimRow.lot_id.in_(chunk)).order_by(ClaimRow.id)
        )
        for row in rows:
            _remember_claim(work, row, claimed[row.lot_id])


def load_claims(work: Work, codes: Iterable[str]) -> None:
    """Claims by code, whatever their state."""
    missing = sorted(set(codes) - work.claims.keys())
    for chunk in chunks(missing):
        rows = work.session.execute(
            _claims()
            .add_columns(LotRow.code.label("lot_code"))
            .join(LotRow, LotRow.id == ClaimRow.lot_id)
            .where(ClaimRow.code.in_(chunk))
        )
        for row in rows:
            _remember_claim(work, row, row.lot_code)


def _claims() -> Any:  # noqa: ANN401 - a select
    return select(
        ClaimRow.id,
        ClaimRow.code,
        ClaimRow.lot_id,
        ClaimRow.organisation_id,
        ClaimRow.from_g,
        ClaimRow.to_g,
        ClaimRow.share_ppm,
        ClaimStateRow.state,
    ).join(ClaimStateRow, ClaimStateRow.claim_id == ClaimRow.id)


def _remember_claim(work: Work, row: Any, lot: str) -> None:  # noqa: ANN401 - a row
    if row.code in work.claims:
        return
    claim = ClaimState(
        id=row.id,
        code=row.code,
        lot=lot,
        organisation_id=row.organisation_id,
        from_g=row.from_g,
        to_g=row.to_g,
        share_ppm=row.share_ppm,
        state=row.state,
    )
    work.claims[claim.code] = claim
    work.claims_of_lot[lot].append(claim)


def _lots_of_transfers(session: Session, codes: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(sorted(codes)):
        found.update(
            session.scalars(
                select(LotRow.code)
                .join(TransferRow, TransferRow.lot_id == LotRow.id)
                .where(TransferRow.code.in_(chunk))
            )
        )
    return found


def _lots_of_claims(session: Session, codes: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(sorted(codes)):
        found.update(
            session.scalars(
                select(LotRow.code)
                .join(ClaimRow, ClaimRow.lot_id == LotRow.id)
                .where(ClaimRow.code.in_(chunk))
            )
        )
    return found


def load_transfers(work: Work, codes: Iterable[str]) -> None:
    """Transfers by code; their lots are locked already."""
    rows: list[Any] = []
    for chunk in chunks(sorted(codes)):
        rows += work.session.execute(
            select(
                TransferRow.id,
                TransferRow.code,
                LotRow.code.label("lot_code"),
                TransferRow.from_facility_id,
                TransferRow.to_facility_id,
                TransferRow.net_g,
                TransferRow.error_squared,
                TransferRow.dispatched_at,
                TransferOutcomeRow.id.label("outcome_id"),
            )
            .join(LotRow, LotRow.id == TransferRow.lot_id)
            .outerjoin(
                TransferOutcomeRow, TransferOutcomeRow.transfer_id == TransferRow.id
            )
            .where(TransferRow.code.in_(chunk))
        ).all()
    load_facilities_by_id(
        work,
        {row.from_facility_id for row in rows} | {row.to_facility_id for row in rows},
    )
    for row in rows:
        work.transfers[row.code] = TransferState(
            id=row.id,
            code=row.code,
            lot=row.lot_code,
            from_facility=work.facilities_by_id[row.from_facility_id],
            to_facility=work.facilities_by_id[row.to_facility_id],
            net_g=row.net_g,
            error_squared=row.error_squared,
            dispatched_at=row.dispatched_at,
            ended=row.outcome_id is not None,
        )


def _named(facts: Iterable[Fact]) -> set[str]:
    """Organisations that facts name beside the one that states them."""
    named: set[str] = set()
    for fact in facts:
        if fact.type == "facility.registered":
            named.add(fact.data["organisation"])
        elif fact.type == "organisation.registered":
            named.add(fact.data["code"])
    return named


def _load_own_numbers(work: Work, facts: Iterable[Fact]) -> None:
    """Own numbers of these facts that stand for another lot in force already."""
    wanted: dict[int, set[str]] = defaultdict(set)
    for fact in facts:
        facility = work.facilities.get(fact.data.get("facility", ""))
        if facility is None:
            continue
        things = [fact.data, *fact.data.get("outputs", ())]
        for thing in things:
            if isinstance(alias := thing.get("alias"), list):
                wanted[facility.id] |= {
                    a["value"] for a in alias if a["scheme"] == "own"
                }
    for facility_id, values in wanted.items():
        for chunk in chunks(sorted(values)):
            found = work.session.scalars(
                select(LotAliasRow.value)
                .join(LotBalanceRow, LotBalanceRow.lot_id == LotAliasRow.lot_id)
                .where(
                    LotAliasRow.facility_id == facility_id,
                    LotAliasRow.scheme == "own",
                    LotAliasRow.value.in_(chunk),
                    LotBalanceRow.state != VOIDED,
                )
            )
            work.own_numbers |= {(facility_id, value) for value in found}


def _load_facilities_with_runs(work: Work, facts: Iterable[Fact]) -> None:
    """Facilities where opening stock comes too late: they have had a run."""
    opening = {
        work.facilities[fact.data["facility"]].id
        for fact in facts
        if fact.type == "lot.sourced"
        and fact.data["source"] == "opening"
        and fact.data["facility"] in work.facilities
    }
    if opening:
        ran = work.session.scalars(
            select(ProcessRunRow.facility_id)
            .where(ProcessRunRow.facility_id.in_(opening))
            .distinct()
        )
        work.facilities_with_runs.update(ran)


def _load_months(work: Work, facts: Iterable[Fact]) -> None:
    """Closure sums of the facilities where these runs took place."""
    where = {
        work.facilities[fact.data["facility"]].id
        for fact in facts
        if fact.type == "run.recorded" and fact.data["facility"] in work.facilities
    }
    if not where:
        return
    _read_months(work, MonthClosureRow.facility_id.in_(where))


def load_month(work: Work, key: tuple[int, str, str]) -> None:
    """The closure sums of one facility, material and month."""
    if key not in work.month_closures:
        facility_id, material, month = key
        _read_months(
            work,
            and_(
                MonthClosureRow.facility_id == facility_id,
                MonthClosureRow.material == material,
                MonthClosureRow.month == month,
            ),
        )


def _read_months(work: Work, condition: Any) -> None:  # noqa: ANN401 - a clause
    table = MonthClosureRow
    for row in work.session.execute(
        select(
            table.facility_id,
            table.material,
            table.month,
            table.net_in_g,
            table.net_difference_g,
            table.metal_in_g,
            table.gain_unknown_g,
        ).where(condition)
    ):
        work.month_closures[row.facility_id, row.material, row.month] = {
            "net_in_g": row.net_in_g,
            "net_difference_g": row.net_difference_g,
            "metal_in_g": row.metal_in_g,
            "gain_unknown_g": row.gain_unknown_g,
        }


def maker_index(state: LotState) -> int:
    """Index of the entry that made a lot."""
    return entry_of(state.id)
