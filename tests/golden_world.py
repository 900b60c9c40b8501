"""The organisations, facilities and facts of the golden chain in a real log."""

from __future__ import annotations

from typing import Any

from app.services.facts import Fact
from tests.golden import golden
from tests.world import World, code_of

CHAIN_FACTS = 24
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


def set_up(world: World) -> World:
    """The setting of the vector: organisations and facilities."""
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
    return world


def post(world: World, item: dict[str, Any]) -> int:
    """Post one fact of the vector; give its index in our log."""
    fact = item["fact"]
    made: Fact = world.fact(
        fact["type"],
        code_of(fact["org"]),
        coded(fact["data"]),
        at=fact["at"],
        fact_id=fact["id"],
    )
    return world.post([made])[0].entry_index
