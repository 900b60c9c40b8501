"""Runs of a plant: when there is enough to charge, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from app.intake.dates import SHANGHAI
from app.simulation.books import Books
from app.simulation.network import Facility
from app.simulation.recipes import Band, Part, Recipe
from app.simulation.stock import Charge, Lot, Stock

PATIENCE = timedelta(days=12)
FULL_ENOUGH = 0.85
# However rich the charge: something goes up the chimney or sticks to the floor
MOST_OUT = 0.9985
MOST_RUNS_A_DAY = 50
FIRST_END, MINUTES_BETWEEN = time(12), 11
PPM = 1_000_000
KG = 1000


@dataclass(frozen=True, slots=True)
class Made:
    """An output before it has a number."""

    part: Part
    net_g: int
    content_ppm: int

    @property
    def metal_g(self) -> int:
        """Metal in it, as the ledger works it out."""
        return self.net_g * self.content_ppm // PPM


def find_charge(recipe: Recipe, stock: Stock, day: date) -> Charge | None:
    """Take a charge from stock, if there is enough of what it needs.

    A full charge is taken at once, a smaller one when something has waited for long.
    """
    full_g = recipe.charge_kg * KG
    shares = {
        group: stock.available_g(group.materials, day) / (group.part * full_g)
        for group in recipe.groups
    }
    scale = min([1.0, *(shares[group] for group in recipe.groups if group.needed)])
    wanted = {
        group: round(min(shares[group], scale) * group.part * full_g)
        for group in recipe.groups
    }
    if not any(group.needed for group in recipe.groups):
        missing_g = full_g - sum(wanted.values())
        for group in recipe.groups:
            if group.at_most:
                continue
            spare_g = stock.available_g(group.materials, day) - wanted[group]
            more_g = max(0, min(spare_g, missing_g))
            wanted[group] += more_g
            missing_g -= more_g
    for group in recipe.groups:
        if group.at_most:
            others_g = sum(wanted.values()) - wanted[group]
            most_g = int(others_g * group.part / (1 - group.part))
            wanted[group] = min(wanted[group], most_g)
    total_g = sum(wanted.values())
    oldest = stock.oldest([one for group in recipe.groups for one in group.materials])
    waited = oldest is not None and day - oldest >= PATIENCE
    enough_g = recipe.least_kg * KG if waited else full_g * FULL_ENOUGH
    if total_g < enough_g:
        return None
    charge = Charge()
    for group, wanted_g in wanted.items():
        stock.draw(charge, group.materials, wanted_g // KG * KG, day)
    return charge if charge.net_g else None


def work_out(
    rng: Random, recipe: Recipe, charge: Charge, facility: Facility
) -> list[Made]:
    """What a charge becomes: every net mass a reading of the facility's scale."""
    out_g = charge.metal_g * rng.uniform(*recipe.metal_yield)
    made: dict[Part, list[Made]] = {}
    rest: Part | None = None
    for part in recipe.parts:
        content = _between(rng, part.content)
        if part.of_net is not None:
            net_g = charge.net_g * rng.uniform(*part.of_net)
        elif part.of_metal is not None:
            net_g = charge.metal_g * rng.uniform(*part.of_metal) * PPM / content
        else:
            rest = part
            continue
        made[part] = _cut(part, net_g, content, facility)
    if rest is not None:
        content = _between(rng, rest.content)
        left_g = out_g - sum(one.metal_g for ones in made.values() for one in ones)
        room_g = charge.net_g * MOST_OUT - sum(
            one.net_g for ones in made.values() for one in ones
        )
        net_g = min(left_g * PPM / content, room_g)
        made[rest] = _cut(rest, net_g, content, facility)
    return [one for part in recipe.parts for one in made[part]]


def _between(rng: Random, percent: Band) -> int:
    """A content in ppm, to the hundredth of a percent."""
    return round(rng.uniform(*percent) * 100) * 100


def _cut(part: Part, net_g: float, content_ppm: int, facility: Facility) -> list[Made]:
    pieces = max(1, -int(-net_g // (part.largest_kg * KG)))
    each_kg = net_g / pieces / KG
    e_kg = facility.scale_for(each_kg).e_kg
    shown_kg = int(each_kg // e_kg) * e_kg
    return [Made(part, shown_kg * KG, content_ppm)] * pieces if shown_kg else []


def losses_of(recipe: Recipe, missing_g: int) -> dict[str, int]:
    """What is missing, by the names of the losses; the last takes the rest."""
    losses = {
        name: int(missing_g * part) // KG * KG for name, part in recipe.losses[:-1]
    }
    losses[recipe.losses[-1][0]] = missing_g - sum(losses.values())
    return losses


def run_plant(
    rng: Random,
    books: Books,
    facility: Facility,
    recipe: Recipe,
    stock: Stock,
    day: date,
) -> list[Lot]:
    """All runs of a recipe on a day; gives the lots that they made."""
    lots: list[Lot] = []
    for count in range(MOST_RUNS_A_DAY):
        charge = find_charge(recipe, stock, day)
        if charge is None:
            break
        ended_at = datetime.combine(day, FIRST_END, SHANGHAI) + timedelta(
            minutes=MINUTES_BETWEEN * count
        )
        made = work_out(rng, recipe, charge, facility)
        lots += write_run(
            books,
            facility,
            recipe.kind,
            charge,
            made,
            losses_of(recipe, charge.net_g - sum(one.net_g for one in made)),
            ended_at,
            hours=recipe.hours,
            energy=_energy(rng, recipe, charge),
        )
    return lots


def write_run(
    books: Books,
    facility: Facility,
    kind: str,
    charge: Charge,
    made: list[Made],
    losses: Mapping[str, int],
    ended_at: datetime,
    *,
    hours: float,
    energy: list[dict[str, Any]] | None = None,
) -> list[Lot]:
    """Write a run down; give the lots that it made."""
    outputs: list[dict[str, Any]] = []
    lots = []
    for one in made:
        number = facility.number("")
        outputs.append(
            {
                "lot": number,
                "alias": [{"scheme": "own", "value": number}],
                "material": one.part.material,
                "net_g": one.net_g,
                "role": one.part.role,
                **({} if kind == "reclassify" else {"content_ppm": one.content_ppm}),
            }
        )
        lots.append(
            Lot(
                number=number,
                material=one.part.material,
                net_g=one.net_g,
                metal_g=one.metal_g,
                true_g=one.net_g,
                made_on=ended_at.date(),
                held_from=ended_at.date() + timedelta(days=1),
            )
        )
    number = facility.number("R")
    books.write(
        facility,
        "run.recorded",
        ended_at,
        {
            "run": number,
            "alias": number,
            "facility": facility.name_zh,
            "kind": kind,
            "started_at": (ended_at - timedelta(hours=hours))
            .astimezone(UTC)
            .strftime("%Y-%m-%dT%H:%M:%SZ"),
            "inputs": [
                {"lot": lot.number, "net_g": net_g} for lot, net_g in charge.takings
            ],
            "outputs": outputs,
            "losses": {name: mass_g for name, mass_g in losses.items() if mass_g},
            "energy": energy or [],
        },
    )
    return lots


def _energy(rng: Random, recipe: Recipe, charge: Charge) -> list[dict[str, Any]]:
    tonnes = charge.net_g / 1_000_000
    listed = []
    for carrier, unit, per_tonne in (
        ("electricity", "kWh", recipe.electricity_kwh),
        ("natural_gas", "m3", recipe.gas_m3),
    ):
        if per_tonne:
            amount = round(per_tonne * tonnes * rng.uniform(0.94, 1.06)) * 1000
            listed.append({"carrier": carrier, "amount": amount, "unit": unit})
    return listed
