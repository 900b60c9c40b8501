"""Whether returns that came from another boundary may become scrap."""

from __future__ import annotations

from sqlalchemy import func, select

from app.models import (
    FacilityRow,
    LotRow,
    OrganisationRow,
    ProcessRunRow,
    RunFlowRow,
)
from app.services.errors import refuse
from app.services.generating import GeneratingRun
from app.services.rules import rule
from app.services.work import (
    Facility,
    LotState,
    Organisation,
    Work,
)
from graph import COUNTED_KINDS, PPM, RUN_RULES, LotKind, RunKind

FIELD = "data.inputs.0.lot"


def check_origin_of_returns(
    work: Work,
    state: LotState,
    facility: Facility,
    organisation: Organisation,
    taken_g: int,
) -> None:
    """Only whole, untouched returns of a boundary under other control become scrap.

    They need a generating run that made a product, whichever parts they were split
    into since; returns above the band of its process keep their classes.

    Raises:
        Refused: One of these is not so.
    """
    lot = state.lot
    if not state.untouched or taken_g != state.position.goes_on_g:
        raise refuse(
            FIELD,
            "takes {taken_g} g of lot {code}: the whole untouched lot is reclassified, "
            "{whole_g} g, never a part",
            taken_g=taken_g,
            whole_g=state.position.goes_on_g,
            code=lot.code,
        )
    if state.run_id is None:
        raise refuse(
            FIELD,
            "lot {code} has no run that made it: nothing shows which process it "
            "comes from",
            code=lot.code,
        )
    made = _generating_run(work, state.run_id)
    if made is None:
        raise refuse(
            FIELD,
            "lot {code} is a part of stock that no run made: nothing shows which "
            "process it comes from",
            code=lot.code,
        )
    boundary, made_by_group = _boundary(work, made.facility_id)
    if boundary == facility.boundary_code:
        raise refuse(
            FIELD,
            "lot {code} arose inside this boundary: it is a return",
            code=lot.code,
        )
    group = organisation.control_group
    if made.organisation_id == organisation.id or (
        group is not None and made_by_group == group
    ):
        raise refuse(
            FIELD,
            "lot {code} arose under the same control: it flows, but is no scrap",
            code=lot.code,
        )
    if not made.product_g or not RUN_RULES[RunKind(made.kind)].counts:
        raise refuse(
            FIELD, "the run that made lot {code} made no product", code=lot.code
        )
    if made.returns_g * PPM > made.input_g * rule("most_returns_ppm"):
        raise refuse(
            FIELD,
            "the run that made lot {code} had {returns_g} g of returns from "
            "{input_g} g: above the band of its process they keep their classes",
            code=lot.code,
            returns_g=made.returns_g,
            input_g=made.input_g,
        )


def _boundary(work: Work, facility_id: int) -> tuple[str, str | None]:
    if (known := work.facilities_by_id.get(facility_id)) is not None:
        return known.boundary_code, known.control_group
    row = work.session.execute(
        select(FacilityRow.boundary_code, OrganisationRow.control_group)
        .join(OrganisationRow, OrganisationRow.id == FacilityRow.organisation_id)
        .where(FacilityRow.id == facility_id)
    ).one()
    return row.boundary_code, row.control_group


def _generating_run(work: Work, run_id: int | None) -> GeneratingRun | None:
    """The process that a lot comes from: parts come from where the whole did."""
    while run_id is not None:
        made = work.runs_of_batch.get(run_id) or _stored_run(work, run_id)
        if not RUN_RULES[RunKind(made.kind)].same_lot:
            return made
        run_id = made.part_of_run_id
    return None


def _stored_run(work: Work, run_id: int) -> GeneratingRun:
    run = work.session.execute(
        select(
            ProcessRunRow.facility_id,
            ProcessRunRow.organisation_id,
            ProcessRunRow.kind,
            ProcessRunRow.net_in_g,
        ).where(ProcessRunRow.id == run_id)
    ).one()
    made = {
        kind: int(net_g)
        for kind, net_g in work.session.execute(
            select(LotRow.kind, func.sum(RunFlowRow.net_g))
            .join(LotRow, LotRow.id == RunFlowRow.lot_id)
            .where(RunFlowRow.run_id == run_id, RunFlowRow.net_g > 0)
            .group_by(LotRow.kind)
        )
    }
    whole = None
    if RUN_RULES[RunKind(run.kind)].same_lot:
        whole = work.session.scalar(
            select(LotRow.run_id)
            .join(RunFlowRow, RunFlowRow.lot_id == LotRow.id)
            .where(RunFlowRow.run_id == run_id, RunFlowRow.net_g < 0)
        )
    return GeneratingRun(
        facility_id=run.facility_id,
        organisation_id=run.organisation_id,
        kind=run.kind,
        product_g=sum(made.get(kind.value, 0) for kind in COUNTED_KINDS),
        returns_g=made.get(LotKind.RETURN.value, 0),
        input_g=run.net_in_g,
        part_of_run_id=whole,
    )
