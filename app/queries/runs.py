"""Reading process runs: what went in, what came out, what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.models import (
    FacilityRow,
    LotRow,
    OrganisationRow,
    ProcessRunRow,
    RunFlowRow,
    VoidingRow,
)
from app.queries.errors import NotFound

INDEX_FACTOR = 1024


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What a list of runs is narrowed to; None does not narrow.

    Attributes:
        text: A part of the code, of the own number, or the code of a lot in it.
        kind: Of the run.
        since: Ended at or after.
        until: Ended before.
        findings_only: A check found something.
    """

    text: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    findings_only: bool = False


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with where it was.

    Attributes:
        run: The row; its entry is ``run.id // 1024``.
        facility: Where.
        organisation: Whose.
        voided: A correction took it back.
    """

    run: ProcessRunRow
    facility: FacilityRow
    organisation: OrganisationRow
    voided: bool

    @property
    def loss_g(self) -> int:
        """Net grams that were named as lost."""
        return sum(self.run.losses.values())

    @property
    def yield_ppm(self) -> int | None:
        """Metal that came out, in ppm of the metal that went in."""
        metal_in_g = self.run.metal_in_g
        if not metal_in_g:
            return None
        out_g = metal_in_g + self.run.gain_unknown_g - self.run.metal_loss_g
        return out_g * 1_000_000 // metal_in_g


@dataclass(frozen=True, slots=True)
class FlowView:
    """One lot in a run.

    Attributes:
        lot: The row of the lot.
        net_g: Grams that went in or came out, above 0.
        metal_g: Metal in them.
        made: It came out.
    """

    lot: LotRow
    net_g: int
    metal_g: int
    made: bool


def list_runs(
    session: Session,
    narrowed: RunFilter,
    *,
    organisation_id: int | None,
    everything: bool,
    before: int | None = None,
    limit: int = 50,
) -> list[RunView]:
    """Runs of the organisation, newest first, with keys below ``before``."""
    wanted = _narrowed(narrowed, organisation_id, everything=everything)
    if before is not None:
        wanted = wanted.where(ProcessRunRow.id < before)
    rows = session.execute(wanted.order_by(ProcessRunRow.id.desc()).limit(limit))
    return [_view(row) for row in rows]


def count_runs(
    session: Session,
    narrowed: RunFilter,
    *,
    organisation_id: int | None,
    everything: bool,
) -> int:
    """How many there are."""
    wanted = _narrowed(narrowed, organisation_id, everything=everything)
    counted = wanted.with_only_columns(func.count(), maintain_column_froms=True)
    return int(session.execute(counted).scalar_one())


def iter_runs(
    session: Session,
    narrowed: RunFilter,
    *,
    organisation_id: int | None,
    everything: bool,
    batch: int = 500,
) -> Iterator[RunView]:
    """All of them, newest first, read in batches."""
    before = None
    while True:
        views = list_runs(
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
        before = views[-1].run.id


def get_run(
    session: Session, code: str, *, organisation_id: int | None, everything: bool
) -> RunView:
    """A run of the caller's, or one that the caller may read as an auditor.

    Raises:
        NotFound: There is none, or the caller may not see it: the answer is the same.
    """
    wanted = _seen(organisation_id, everything=everything)
    row = session.execute(wanted.where(ProcessRunRow.code == code)).first()
    if row is None:
        raise NotFound("no run {code}", code=code)
    return _view(row)


def list_flows(session: Session, run_id: int) -> Sequence[FlowView]:
    """The lots of a run: what went in, then what came out, in their order."""
    rows = session.execute(
        select(RunFlowRow, LotRow)
        .join(LotRow, LotRow.id == RunFlowRow.lot_id)
        .where(RunFlowRow.run_id == run_id)
        .order_by(RunFlowRow.net_g > 0, LotRow.id)
    )
    return [
        FlowView(lot, abs(flow.net_g), flow.metal_g, flow.net_g > 0)
        for flow, lot in rows
    ]


def _seen(organisation_id: int | None, *, everything: bool) -> Any:  # noqa: ANN401
    wanted = (
        select(
            ProcessRunRow, FacilityRow, OrganisationRow, VoidingRow.id.label("voiding")
        )
        .join(FacilityRow, FacilityRow.id == ProcessRunRow.facility_id)
        .join(OrganisationRow, OrganisationRow.id == ProcessRunRow.organisation_id)
        .outerjoin(
            VoidingRow, VoidingRow.voided_index == ProcessRunRow.id // INDEX_FACTOR
        )
    )
    if everything:
        return wanted
    return wanted.where(ProcessRunRow.organisation_id == organisation_id)


def _narrowed(
    narrowed: RunFilter, organisation_id: int | None, *, everything: bool
) -> Any:  # noqa: ANN401 - a select
    wanted = _seen(organisation_id, everything=everything)
    if narrowed.text:
        code = narrowed.text.replace("-", "").upper()
        holds_lot = exists().where(
            RunFlowRow.run_id == ProcessRunRow.id,
            RunFlowRow.lot_id == LotRow.id,
            LotRow.code == code,
        )
        wanted = wanted.where(
            ProcessRunRow.code.like(f"%{code}%")
            | ProcessRunRow.own_number.ilike(f"%{narrowed.text}%")
            | holds_lot
        )
    if narrowed.kind:
        wanted = wanted.where(ProcessRunRow.kind == narrowed.kind)
    if narrowed.since:
        wanted = wanted.where(ProcessRunRow.ended_at >= narrowed.since)
    if narrowed.until:
        wanted = wanted.where(ProcessRunRow.ended_at < narrowed.until)
    if narrowed.findings_only:
        # An empty list is stored as these two characters, on both databases
        wanted = wanted.where(func.length(ProcessRunRow.findings) > len("[]"))
    return wanted


def _view(row: Any) -> RunView:  # noqa: ANN401 - a row of the select above
    return RunView(
        row.ProcessRunRow, row.FacilityRow, row.OrganisationRow, row.voiding is not None
    )
