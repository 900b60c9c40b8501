"""Lots: sourced, assayed, delivered. Handlers of their facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    DeliveryRow,
    LogEntryRow,
    LotAliasRow,
    LotRevisionRow,
    LotRow,
    TakingRow,
    entry_of,
    row_id,
)
from app.services.errors import refuse
from app.services.facts import Fact
from app.services.rules import get_material
from app.services.weighing import check_weighing
from app.services.work import (
    HELD,
    QUARANTINED,
    Facility,
    LotState,
    Work,
    composition,
)
from graph import (
    NO_CELLS,
    PPM,
    Lot,
    OriginClass,
    Position,
    Source,
    Taking,
    place_delivery,
    read,
    source_lot,
    sourced_metal_g,
)
from ledger import parse_entry


def post_sourced(work: Work, fact: Fact, index: int) -> None:
    """``lot.sourced``: a lot comes in, with the origin of its metal.

    Raises:
        Refused: A field does not fit the others, the facility, or what is there.
        GraphError: Source, kind and origin class do not fit together.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    facility = work.own_facility(data["facility"], organisation, "data.facility")
    material = get_material(data["material"], "data.material")
    work.new_code(data["lot"], "data.lot")
    if data["source"] == "opening" and facility.id in work.facilities_with_runs:
        raise refuse(
            "data.source",
            "opening stock is entered before the first run of a facility, and "
            "{facility} has had one",
            facility=facility.code,
        )
    if material.metal not in ("mixed", data["metal"]):
        raise refuse(
            "data.metal",
            "found {found}, expected {expected}, the metal of {material}",
            found=data["metal"],
            expected=material.metal,
            material=material.code,
        )
    claim_block = check_weighing(facility, data["weighing"], fact.at, "data.weighing")
    origin = data["origin_class"]
    content_ppm = data.get("content_ppm")
    if content_ppm is None:
        content_ppm = material.content_ppm
    if content_ppm is None:
        raise refuse(
            "data.content_ppm",
            "is missing, and the catalogue knows no content of {material}",
            material=material.code,
        )
    net_g = data["weighing"]["net_g"]
    lot = source_lot(
        code=data["lot"],
        material=material.code,
        material_kind=material.kind,
        metal=data["metal"],
        net_g=net_g,
        metal_g=sourced_metal_g(
            net_g,
            moisture_ppm=data.get("moisture_ppm", 0),
            foreign_ppm=data.get("foreign_ppm", 0),
            content_ppm=content_ppm,
        ),
        source=Source(data["source"]),
        origin=OriginClass(origin) if isinstance(origin, str) else origin,
    )
    aliases = check_aliases(work, facility, data, "data.alias")
    check = data.get("radiation_check")
    state = LotState(
        id=row_id(index),
        lot=lot,
        position=Position(goes_on_g=net_g),
        organisation_id=organisation.id,
        facility_id=facility.id,
        state=HELD if check is None or check["passed"] else QUARANTINED,
        since_at=fact.at,
        made_by_id=organisation.id,
        source=data["source"],
        run_id=None,
        claim_block=claim_block,
        sourcing=data,
    )
    add_lot(work, state, fact, index, aliases=aliases)


def add_lot(
    work: Work,
    state: LotState,
    fact: Fact,
    index: int,
    *,
    pool_from_g: int | None = None,
    aliases: list[dict[str, Any]],
) -> None:
    """Write a new lot, its other names and its balance."""
    lot = state.lot
    work.add_lot(state, index)
    work.add_row(
        LotRow,
        {
            "id": state.id,
            "code": lot.code,
            "organisation_id": state.made_by_id,
            "facility_id": state.facility_id,
            "kind": lot.kind.value,
            "material": lot.material,
            "metal": lot.metal,
            "source": state.source,
            "made_at": fact.at,
            "run_id": state.run_id,
            "pool_from_g": pool_from_g,
            "claim_block": state.claim_block,
            "net_g": lot.net_g,
            "metal_g": lot.metal_g,
            **composition(lot.cells, lot.uncounted),
        },
    )
    for alias in aliases:
        work.own_numbers.add((state.facility_id, alias["value"]))
        work.add_row(
            LotAliasRow,
            {
                "id": row_id(index, work.next_position("lot_alias", index)),
                "lot_id": state.id,
                "facility_id": state.facility_id,
                "scheme": alias["scheme"],
                "value": alias["value"],
            },
        )


def check_aliases(
    work: Work, facility: Facility, thing: Mapping[str, Any], path: str
) -> list[dict[str, Any]]:
    """Other names of a new lot; an own number stands for one lot of a facility.

    Raises:
        Refused: The own number is in use.
    """
    aliases: list[dict[str, Any]] = thing.get("alias") or []
    for position, alias in enumerate(aliases):
        if (
            alias["scheme"] == "own"
            and (facility.id, alias["value"]) in work.own_numbers
        ):
            raise refuse(
                f"{path}.{position}.value",
                "the number {value} stands for another lot of {facility} already",
                value=alias["value"],
                facility=facility.code,
            )
    return aliases


def post_assayed(work: Work, fact: Fact, index: int) -> None:
    """``lot.assayed``: content from this index on, if the lot is untouched.

    A laboratory finds the content of clean metal: foreign matter stays off as it was
    when the lot came in, and so does moisture, unless the assay names its own.

    Raises:
        Refused: The lot is not there, not sourced, or something was taken or claimed.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    state = work.held_lot(data["lot"], organisation, "data.lot")
    lot = state.lot
    if state.source is None or state.made_by_id != organisation.id:
        raise refuse(
            "data.lot", "only the lot's own maker assays it, and only a sourced lot"
        )
    if not state.untouched:
        raise refuse(
            "data.lot",
            "something was taken of lot {code} or is claimed: its content stands",
            code=lot.code,
        )
    content_ppm = data["elements_ppm"].get(lot.metal)
    if content_ppm is None:
        raise refuse(
            "data.elements_ppm",
            "expected the content of {metal}, the metal of the lot",
            metal=lot.metal,
        )
    sourcing = state.sourcing or read_sourcing(work.session, state.id)
    moisture_ppm = data.get("moisture_ppm", sourcing.get("moisture_ppm", 0))
    foreign_ppm = sourcing.get("foreign_ppm", 0)
    if moisture_ppm + foreign_ppm > PPM:
        raise refuse(
            "data.moisture_ppm",
            "found {moisture_ppm} ppm, but {foreign_ppm} ppm of the lot are foreign "
            "matter already",
            moisture_ppm=moisture_ppm,
            foreign_ppm=foreign_ppm,
        )
    metal_g = sourced_metal_g(
        lot.net_g,
        moisture_ppm=moisture_ppm,
        foreign_ppm=foreign_ppm,
        content_ppm=content_ppm,
    )
    cells = rescaled(lot, metal_g)
    revision_id = row_id(index)
    work.add_row(
        LotRevisionRow,
        {
            "id": revision_id,
            "lot_id": state.id,
            "metal_g": metal_g,
            **composition(cells, lot.uncounted),
        },
    )
    state.lot = replace(lot, metal_g=metal_g, cells=cells)
    state.revision_id = revision_id
    work.touch(state, index)


def read_sourcing(session: Session, lot_id: int) -> Mapping[str, Any]:
    """What the entry says that brought a lot in."""
    note = session.scalars(
        select(LogEntryRow.note).where(LogEntryRow.entry_index == entry_of(lot_id))
    ).one()
    data: Mapping[str, Any] = parse_entry(note).fact["data"]
    return data


def rescaled(lot: Lot, metal_g: int) -> tuple[int, ...]:
    """The lot's origin over another mass of metal; the largest cell takes the rest."""
    if not lot.metal_g:
        return (*NO_CELLS[:10], metal_g, 0)
    cells = [cell * metal_g // lot.metal_g for cell in lot.cells]
    cells[max(range(12), key=lambda n: lot.cells[n])] += metal_g - sum(cells)
    return tuple(cells)


def post_delivered(work: Work, fact: Fact, index: int) -> None:
    """``lot.delivered``: grams leave the ledger, claimed ones first.

    Raises:
        Refused: The lot is not there.
        GraphError: Less is left.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    state = work.held_lot(data["lot"], organisation, "data.lot")
    stretches, after = place_delivery(state.position, data["net_g"])
    taking = read(state.lot, stretches, internal_as_unknown=after.internal_as_unknown)
    state.position = after
    work.touch(state, index)
    key = add_taking(work, state, taking, index, run_id=None)
    work.add_row(
        DeliveryRow,
        {
            "id": row_id(index),
            "lot_id": state.id,
            "organisation_id": organisation.id,
            "facility_id": state.facility_id,
            "taking_id": key,
            "net_g": taking.net_g,
            "destination": data["to"],
            "category": data.get("category"),
            "delivered_at": fact.at,
        },
    )


def add_taking(
    work: Work, state: LotState, taking: Taking, index: int, *, run_id: int | None
) -> int:
    """Write a taking; give its key."""
    key = row_id(index, work.next_position("taking", index))
    first, *further = taking.stretches
    work.add_row(
        TakingRow,
        {
            "id": key,
            "lot_id": state.id,
            "run_id": run_id,
            "from_g": first[0],
            "to_g": first[1],
            "further": [list(one) for one in further] or None,
            "net_g": taking.net_g,
            "metal_g": taking.metal_g,
            **composition(taking.cells, taking.uncounted),
        },
    )
    return key
