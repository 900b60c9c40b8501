"""The golden chain up to its profile, then claimed and labelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, update

from app.models import CELL_COLUMNS, LotBalanceRow, LotRevisionRow, LotRow
from app.queries.users import get_organisation_id
from app.services.access import Actor
from app.services.claim_composing import ClaimWish, IssuedClaim, issue_claim
from app.services.fact_ids import new_fact_id
from labels.codes import code_sha256, new_code
from tests.golden import golden
from tests.world import World, code_of

UP_TO_THE_PROFILE = 17
PROFILE, SMELTER, YARD = code_of("L-PROF"), code_of("ORG-S"), code_of("ORG-Y")
NAMED = ("lot", "facility", "run", "transfer", "claim", "from", "to")


def coded(value: Any) -> Any:
    """The vector's short names as codes."""
    if isinstance(value, list):
        return [coded(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: code_of(one)
        if name in NAMED and isinstance(one, str) and "-" in one
        else coded(one)
        for name, one in value.items()
    }


def grow_chain(world: World, facts: int = UP_TO_THE_PROFILE) -> None:
    """Register the vector's organisations and post its first facts."""
    setting = golden()["setting"]
    for organisation in setting["organisations"]:
        world.register(organisation["code"], organisation["control_group"])
    for facility in setting["facilities"]:
        scale = {"code": f"{facility['code']}-W1", "e_g": 20_000, "max_g": 10**8}
        world.facility(
            code_of(facility["organisation"]),
            facility["code"],
            kind=facility["kind"],
            province=facility["province"],
            boundary=facility["boundary"],
            scales=[scale],
        )
    for item in golden()["facts"][:facts]:
        fact = item["fact"]
        world.state(
            fact["type"],
            code_of(fact["org"]),
            coded(fact["data"]),
            at=fact["at"],
            fact_id=fact["id"],
        )


def person(world: World, org: str, *roles: str) -> Actor:
    """Somebody of an organisation."""
    with world.reading() as session:
        key = get_organisation_id(session, org)
    return Actor(2, key, org, frozenset(roles or ("recycler", "manager")))


def claim_lot(
    world: World,
    *,
    lot: str = PROFILE,
    org: str = SMELTER,
    net_g: int | None = 15_000_000,
    valid_until: date | None = None,
    fact_id: str | None = None,
    claim: str | None = None,
) -> IssuedClaim:
    """Claim a part of a lot; by default of the profile."""
    wish = ClaimWish(
        fact_id=fact_id or new_fact_id(world.now),
        lot=lot,
        claim=claim or new_code(),
        net_g=net_g,
        valid_until=valid_until,
    )
    return issue_claim(world.doors, world.keyring, person(world, org), wish, world.now)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Codes of what stands behind one label."""

    code: str
    org: str
    lot: str
    claim: str | None


def label(world: World, *, org: str = SMELTER, **about: str) -> str:
    """Issue one label for ``lot=`` or ``claim=``; gives its code."""
    code = new_code()
    world.state(
        "label.issued",
        org,
        {**about, "codes_sha256": [code_sha256(code).hex()], "format": "100x70"},
    )
    return code


def labelled_claim(world: World, **more: Any) -> Labelled:
    """A label for a new claim."""
    issued = claim_lot(world, **more)
    org = more.get("org", SMELTER)
    code = label(world, org=org, claim=issued.code)
    return Labelled(code, org, more.get("lot", PROFILE), issued.code)


def lose_evidence(world: World, lot: str, lost_g: int) -> None:
    """So many grams of other post-consumer metal of a lot become unknown."""
    with world.transaction() as session:
        row = session.scalars(select(LotRow).where(LotRow.code == lot)).one()
        made = {name: getattr(row, name) for name in ("metal_g", *CELL_COLUMNS)}
        made["post_domestic_g"] -= lost_g
        made["unknown_domestic_g"] += lost_g
        revision = LotRevisionRow(id=row.id + 1000, lot_id=row.id, **made)
        session.add(revision)
        session.flush()
        session.execute(
            update(LotBalanceRow)
            .where(LotBalanceRow.lot_id == row.id)
            .values(revision_id=revision.id)
        )
