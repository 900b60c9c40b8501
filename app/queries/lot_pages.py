"""What the page of a lot tells: how the reader stands to it, its way, its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import (
    ClaimRow,
    ClaimWithdrawalRow,
    FacilityRow,
    LabelRow,
    LabelVoidingRow,
    LotRevisionRow,
    LotRow,
    ProcessRunRow,
    TakingRow,
    TransferOutcomeRow,
    TransferRow,
    VoidingRow,
    entry_of,
)
from app.queries.errors import NotFound
from app.queries.evidence import chunks
from app.queries.facts import EntryView, Reader, get_entry_view
from app.queries.lots import LotView, lots_by_id
from app.queries.trace import Flow, Trace, trace_flows

Standing = Literal["own", "counterparty", "other"]
MOST_ENTRIES = 200


class RunView(NamedTuple):
    """A run of a trace."""

    id: int
    code: str
    kind: str
    organisation_id: int
    province: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Way:
    """Where a lot came from and where it went, less what the reader may not see.

    Attributes:
        flows: Upstream and downstream; each run's flows are complete upstream, and
            downstream as far as the reader's own runs go.
        lots: Of these flows, by key; and the lot itself.
        runs: Of these flows, by key.
        open_to: Keys of the lots that the reader may open.
        truncated: The history has more runs than were traced.
    """

    flows: tuple[Flow, ...]
    lots: dict[int, LotView]
    runs: dict[int, RunView]
    open_to: frozenset[int]
    truncated: bool


@dataclass(frozen=True, slots=True)
class History:
    """Entries about a lot, oldest first.

    Attributes:
        entries: Those that the reader may read; the newest where there are very many.
        hidden: How many more there are that others keep to themselves.
        older: How many readable ones are left out.
    """

    entries: list[EntryView]
    hidden: int
    older: int


def get_readable_lot(
    session: Session, code: str, reader: Reader
) -> tuple[LotView, Standing]:
    """A lot, and how the reader stands to it.

    A counterparty made the lot, or sent or got it once, or is to get it.

    Raises:
        NotFound: There is none, or the reader may not see it: the answer is the same.
    """
    key = session.scalar(select(LotRow.id).where(LotRow.code == code))
    if key is None:
        raise NotFound("no lot {code}", code=code)
    view = lots_by_id(session, [key])[key]
    own = reader.organisation_code
    if own is not None and view.holder == own:
        return view, "own"
    if own is not None and (view.maker == own or _took_part(session, key, reader)):
        return view, "counterparty"
    if reader.everything:
        return view, "other"
    raise NotFound("no lot {code}", code=code)


def _took_part(session: Session, lot_id: int, reader: Reader) -> bool:
    mine = select(FacilityRow.id).where(
        FacilityRow.organisation_id == reader.organisation_id
    )
    wanted = (
        select(TransferRow.id)
        .where(
            TransferRow.lot_id == lot_id,
            or_(
                TransferRow.from_facility_id.in_(mine),
                TransferRow.to_facility_id.in_(mine),
            ),
        )
        .limit(1)
    )
    return session.scalar(wanted) is not None


def get_way(session: Session, view: LotView, reader: Reader, max_runs: int) -> Way:
    """The trace of a lot, both ways.

    Upstream everybody sees stage, province, material and grams. Downstream stops at
    the first run of somebody else.
    """
    up = trace_flows(session, view.id, "upstream", max_runs)
    down = trace_open_downstream(session, view.id, reader, max_runs)
    runs = _runs(session, {flow.run_id for flow in (*up.flows, *down.flows)})
    flows = tuple(dict.fromkeys((*up.flows, *down.flows)))
    lots = lots_by_id(session, sorted({view.id, *(flow.lot_id for flow in flows)}))
    open_to = frozenset(
        key
        for key, lot in lots.items()
        if reader.everything or reader.organisation_code in (lot.holder, lot.maker)
    )
    known = {flow.run_id for flow in flows}
    return Way(
        flows,
        lots,
        {key: run for key, run in runs.items() if key in known},
        open_to | {view.id},
        up.truncated or down.truncated,
    )


def trace_open_downstream(
    session: Session, lot_id: int, reader: Reader, max_runs: int
) -> Trace:
    """Where a lot went, as far as the reader's own runs lead."""
    down = trace_flows(session, lot_id, "downstream", max_runs)
    if reader.everything:
        return down
    runs = _runs(session, {flow.run_id for flow in down.flows})
    ours = [
        flow
        for flow in down.flows
        if runs[flow.run_id].organisation_id == reader.organisation_id
    ]
    return Trace(_reached(lot_id, ours), down.truncated)


def _reached(lot_id: int, flows: Sequence[Flow]) -> list[Flow]:
    """Flows of runs that the lot still leads to; key order is topological."""
    by_run: dict[int, list[Flow]] = {}
    for flow in flows:
        by_run.setdefault(flow.run_id, []).append(flow)
    reached, kept = {lot_id}, []
    for run in sorted(by_run):
        if any(flow.net_g < 0 and flow.lot_id in reached for flow in by_run[run]):
            reached.update(flow.lot_id for flow in by_run[run] if flow.net_g > 0)
            kept += by_run[run]
    return kept


def _runs(session: Session, ids: set[int]) -> dict[int, RunView]:
    found: dict[int, RunView] = {}
    for chunk in chunks(sorted(ids)):
        rows = session.execute(
            select(
                ProcessRunRow.id,
                ProcessRunRow.code,
                ProcessRunRow.kind,
                ProcessRunRow.organisation_id,
                FacilityRow.province,
                ProcessRunRow.ended_at,
            )
            .join(FacilityRow, FacilityRow.id == ProcessRunRow.facility_id)
            .where(ProcessRunRow.id.in_(chunk))
        )
        found.update((row.id, RunView(*row)) for row in rows)
    return found


def get_history(session: Session, view: LotView, reader: Reader) -> History:
    """The entries that made a lot, weighed, moved, used, claimed and labelled it."""
    indexes = sorted(entries_about(session, [view.id]))
    readable: list[EntryView] = []
    hidden = older = 0
    for index in reversed(indexes):
        if len(readable) == MOST_ENTRIES:
            older += 1
            continue
        try:
            readable.append(get_entry_view(session, reader, index))
        except NotFound:
            hidden += 1
    return History(readable[::-1], hidden, older)


def entries_about(session: Session, lot_ids: Sequence[int]) -> set[int]:
    """Indexes of the entries about lots, by the keys of their rows, read or not."""
    about: set[int] = set()
    for chunk in chunks(sorted(lot_ids)):
        about |= _about(session, chunk)
    for chunk in chunks(sorted(about)):
        voided = select(VoidingRow.id).where(VoidingRow.voided_index.in_(chunk))
        about = about | {entry_of(key) for key in session.scalars(voided)}
    return about


def _about(session: Session, lot_ids: Sequence[int]) -> set[int]:
    transfers = select(TransferRow.id).where(TransferRow.lot_id.in_(lot_ids))
    claims = select(ClaimRow.id).where(ClaimRow.lot_id.in_(lot_ids))
    labels = select(LabelRow.id).where(LabelRow.lot_id.in_(lot_ids))
    keys = list(lot_ids)
    for wanted in (
        select(LotRevisionRow.id).where(LotRevisionRow.lot_id.in_(lot_ids)),
        select(TakingRow.id).where(TakingRow.lot_id.in_(lot_ids)),
        transfers,
        select(TransferOutcomeRow.id).where(
            TransferOutcomeRow.transfer_id.in_(transfers)
        ),
        claims,
        select(ClaimWithdrawalRow.id).where(ClaimWithdrawalRow.claim_id.in_(claims)),
        labels,
        select(LabelVoidingRow.id).where(LabelVoidingRow.label_id.in_(labels)),
    ):
        keys += session.scalars(wanted)
    return {entry_of(key) for key in keys}
