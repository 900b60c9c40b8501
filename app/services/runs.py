"""Process runs: the handler of ``run.recorded``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.models import ProcessRunRow, RunFlowRow, SupplyRecordRow, row_id
from app.services.errors import refuse
from app.services.facts import Fact, parse_at
from app.services.generating import GeneratingRun
from app.services.lots import add_lot, add_taking, check_aliases
from app.services.reclassifying import check_origin_of_returns
from app.services.rules import Material, get_material, month_of, rule, rules
from app.services.run_bands import check_ceilings, find_unusual
from app.services.weighing import check_load, division_for
from app.services.work import HELD, Facility, LotState, Work
from graph import (
    COUNTED_KINDS,
    RUN_RULES,
    LotKind,
    Output,
    OutputRole,
    Position,
    RunKind,
    RunResult,
    Taking,
    beyond_month,
    common,
    content_metal_g,
    metal_tolerance_g,
    net_tolerance_g,
    place,
    pool_run,
    read,
    unclaim,
)

CONSUMED = "consumed"


def post_run(work: Work, fact: Fact, index: int) -> None:
    """``run.recorded``: takes from lots, makes lots, counts what leaves scrap.

    Raises:
        Refused: A lot is not here, a code is in use, the month's sum passes its rule.
        GraphError: The run is not one of its kind, or does not close.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    facility = work.own_facility(data["facility"], organisation, "data.facility")
    if data["run"] in work.run_codes:
        raise refuse("data.run", "the code {code} is in use already", code=data["run"])
    if data.get("started_at") and parse_at(data["started_at"]) > fact.at:
        raise refuse("data.started_at", "the run starts after its end")
    kind = RunKind(data["kind"])
    states = [
        _input(work, fact, facility, flow, f"data.inputs.{n}")
        for n, flow in enumerate(data["inputs"])
    ]
    if kind is RunKind.RECLASSIFY:
        check_origin_of_returns(
            work, states[0], facility, organisation, data["inputs"][0]["net_g"]
        )
    takings, places = _take(states, data["inputs"])
    outputs, materials = _outputs(work, facility, data["outputs"])
    result = _pool(facility, kind, takings, outputs, data)
    check_ceilings(kind, takings, result)
    month = _check_month(work, fact, facility, outputs, result)
    # Nothing above has changed anything: from here on nothing is refused
    work.add_to_month(*month, index)
    run_id = row_id(index)
    work.run_codes.add(data["run"])
    work.facilities_with_runs.add(facility.id)
    for state, taking, position in zip(states, takings, places, strict=True):
        _consume_claims(work, state, taking, position, index)
        add_taking(work, state, taking, index, run_id=run_id)
        _flow(work, run_id, state.id, -taking.net_g, taking.metal_g)
    block = states[0].claim_block if RUN_RULES[kind].same_lot else None
    _make_lots(work, fact, facility, result, block, index)
    work.runs_of_batch[run_id] = _generating(facility, kind, states, result)
    _write_run(work, fact, facility, kind, materials, takings, result, index)
    _write_supply(work, fact, facility, result, index)


def _input(
    work: Work, fact: Fact, facility: Facility, flow: Mapping[str, Any], path: str
) -> LotState:
    organisation = work.organisation(fact.org)
    state = work.held_lot(flow["lot"], organisation, f"{path}.lot")
    if state.facility_id != facility.id:
        raise refuse(
            f"{path}.lot",
            "lot {code} is at facility {found}, expected {facility}: record the "
            "transfer between them first",
            code=flow["lot"],
            found=work.facilities_by_id[state.facility_id].code,
            facility=facility.code,
        )
    return state


def _take(
    states: Sequence[LotState], inputs: Sequence[Mapping[str, Any]]
) -> tuple[list[Taking], list[Position]]:
    takings, places = [], []
    for state, flow in zip(states, inputs, strict=True):
        stretches, after = place(state.position, flow["net_g"])
        places.append(after)
        takings.append(
            read(state.lot, stretches, internal_as_unknown=after.internal_as_unknown)
        )
    return takings, places


def _outputs(
    work: Work, facility: Facility, flows: Sequence[Mapping[str, Any]]
) -> tuple[list[Output], list[Material]]:
    outputs, materials = [], []
    for n, flow in enumerate(flows):
        path = f"data.outputs.{n}"
        work.new_code(flow["lot"], f"{path}.lot")
        check_aliases(work, facility, flow, f"{path}.alias")
        material = get_material(flow["material"], f"{path}.material")
        metal_g = flow.get("metal_g")
        if metal_g is None:
            metal_g = content_metal_g(flow["net_g"], flow["content_ppm"])
        materials.append(material)
        outputs.append(
            Output(
                lot=flow["lot"],
                material=material.code,
                material_kind=material.kind,
                metal=material.metal,
                net_g=flow["net_g"],
                metal_g=metal_g,
                role=OutputRole(flow["role"]),
            )
        )
    return outputs, materials


def _pool(
    facility: Facility,
    kind: RunKind,
    takings: Sequence[Taking],
    outputs: Sequence[Output],
    data: Mapping[str, Any],
) -> RunResult:
    flows = [(one.net_g, one.metal_g) for one in takings]
    flows += [(one.net_g, one.metal_g) for one in outputs]
    weighed = [
        (net_g, metal_g, division_for(facility, net_g)) for net_g, metal_g in flows
    ]
    return pool_run(
        kind,
        takings,
        outputs,
        losses_g=sum(data["losses"].values()),
        taken_up_g=data.get("gain_g", 0),
        net_tolerance_g=net_tolerance_g([(net_g, e_g) for net_g, _, e_g in weighed]),
        metal_tolerance_g=metal_tolerance_g(
            weighed, int(rules()["assay_error_ppm"]["assay"]["value"])
        ),
    )


MonthChange = tuple[tuple[int, str, str], dict[str, int]]


def _check_month(
    work: Work,
    fact: Fact,
    facility: Facility,
    outputs: Sequence[Output],
    result: RunResult,
) -> MonthChange:
    """The month's sums with this run; refused where they pass the rule."""
    key = (facility.id, outputs[0].material, month_of(fact.at))
    changes = {
        "net_in_g": result.net_in_g,
        "net_difference_g": result.net_difference_g,
        "metal_in_g": sum(result.pool_cells) - result.gain_unknown_g,
        "gain_unknown_g": result.gain_unknown_g,
    }
    before = work.month_closures.get(key, dict.fromkeys(changes, 0))
    heaviest = max(result.net_in_g, result.net_out_g)
    floor_g = net_tolerance_g([(heaviest, division_for(facility, heaviest))])
    for name, through in (
        ("net_difference_g", "net_in_g"),
        ("gain_unknown_g", "metal_in_g"),
    ):
        total_g = before[name] + changes[name]
        if beyond_month(
            total_g,
            changes[name],
            before[through] + changes[through],
            rule_ppm=rule("month_difference_ppm"),
            floor_g=floor_g,
        ):
            raise refuse(
                "data",
                "the unexplained differences of {month} at {facility} for {material} "
                "add up to {total_g} g, more than {rule_ppm} ppm of what went in: "
                "declare the losses, or correct the weights",
                month=key[2],
                facility=facility.code,
                material=key[1],
                total_g=total_g,
                rule_ppm=rule("month_difference_ppm"),
            )
    return key, changes


def _consume_claims(
    work: Work, state: LotState, taking: Taking, position: Position, index: int
) -> None:
    """Drawing claimed metal into a run ends its claim, in the same transaction."""
    for claim in work.claims_of_lot.get(state.lot.code, ()):
        stretch = (claim.from_g, claim.to_g)
        if claim.state in ("active", "affected", "corrected") and common(
            [stretch], taking.stretches
        ):
            position = unclaim(position, stretch)
            work.set_claim(claim, CONSUMED, index)
    state.position = position
    work.touch(state, index)


def _make_lots(
    work: Work,
    fact: Fact,
    facility: Facility,
    result: RunResult,
    block: str | None,
    index: int,
) -> None:
    """Write the lots; parts cannot be claimed where the whole could not."""
    organisation = work.organisation(fact.org)
    run_id = row_id(index)
    for n, ((lot, stretch), flow) in enumerate(
        zip(result.lots_made, fact.data["outputs"], strict=True)
    ):
        state = LotState(
            id=row_id(index, n),
            lot=lot,
            position=Position(goes_on_g=lot.net_g),
            organisation_id=organisation.id,
            facility_id=facility.id,
            state=HELD,
            since_at=fact.at,
            made_by_id=organisation.id,
            source=None,
            run_id=run_id,
            claim_block=block or check_load(facility, lot.net_g),
        )
        add_lot(
            work,
            state,
            fact,
            index,
            pool_from_g=stretch[0],
            aliases=flow.get("alias") or [],
        )
        _flow(work, run_id, state.id, lot.net_g, lot.metal_g)


def _generating(
    facility: Facility,
    kind: RunKind,
    states: Sequence[LotState],
    result: RunResult,
) -> GeneratingRun:
    made = [lot for lot, _ in result.lots_made]
    return GeneratingRun(
        facility_id=facility.id,
        organisation_id=facility.organisation_id,
        kind=kind.value,
        product_g=sum(lot.net_g for lot in made if lot.kind in COUNTED_KINDS),
        returns_g=sum(lot.net_g for lot in made if lot.kind is LotKind.RETURN),
        input_g=result.net_in_g,
        part_of_run_id=states[0].run_id if RUN_RULES[kind].same_lot else None,
    )


def _flow(work: Work, run_id: int, lot_id: int, net_g: int, metal_g: int) -> None:
    work.add_row(
        RunFlowRow,
        {"run_id": run_id, "lot_id": lot_id, "net_g": net_g, "metal_g": metal_g},
    )


def _write_run(
    work: Work,
    fact: Fact,
    facility: Facility,
    kind: RunKind,
    materials: Sequence[Material],
    takings: Sequence[Taking],
    result: RunResult,
    index: int,
) -> None:
    data = fact.data
    findings = find_unusual(kind, materials, takings, result)
    work.add_row(
        ProcessRunRow,
        {
            "id": row_id(index),
            "code": data["run"],
            "own_number": data.get("alias"),
            "organisation_id": facility.organisation_id,
            "facility_id": facility.id,
            "kind": kind.value,
            "started_at": parse_at(data["started_at"])
            if data.get("started_at")
            else None,
            "ended_at": fact.at,
            "net_in_g": result.net_in_g,
            "net_out_g": result.net_out_g,
            "losses": dict(data["losses"]),
            "gain_g": data.get("gain_g", 0),
            "net_difference_g": result.net_difference_g,
            "metal_in_g": sum(taking.metal_g for taking in takings),
            "gain_unknown_g": result.gain_unknown_g,
            "metal_loss_g": result.metal_loss_g,
            "findings": [asdict(finding) for finding in findings],
        },
    )


def _write_supply(
    work: Work,
    fact: Fact,
    facility: Facility,
    result: RunResult,
    index: int,
) -> None:
    metals = [lot.metal for lot, _ in result.lots_made if lot.kind in COUNTED_KINDS]
    flow = "direct_use" if facility.kind == "fabricator" else "recycled_output"
    for cell in result.supply:
        work.add_row(
            SupplyRecordRow,
            {
                "id": row_id(index, work.next_position("supply_record", index)),
                "entry_index": index,
                "about_index": index,
                "sign": 1,
                "month": month_of(fact.at),
                "province": facility.province,
                "metal": metals[0],
                "flow": flow,
                "origin_class": cell.origin_class.value,
                "imported": cell.imported,
                "facility_id": facility.id,
                "metal_g": cell.metal_g,
            },
        )
