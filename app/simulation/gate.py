"""The gate of a facility: what comes in is weighed, checked and written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from app.intake.dates import SHANGHAI
from app.simulation.books import Books
from app.simulation.network import Facility
from app.simulation.sourcing import COUNTRIES, Load
from app.simulation.stock import Lot

KG = 1000
PPM = 1_000_000
SMALL_LOAD_KG = 2_950
TRUCK_TARE_KG = (8_500.0, 14_500.0)
SUPPLIERS = 60
VEHICLES = 400
DECLARED_BEFORE = timedelta(days=9)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What stands at the gate.

    Attributes:
        material: Code of the catalogue.
        source: As facts name it.
        origin_class: As facts name it.
        true_kg: What it weighs.
        content_ppm: Metal in the clean, dry mass.
        content_basis: As facts name it.
        moisture_ppm: Of the mass.
        foreign_ppm: Of the mass.
        hs_code: Of imported loads.
    """

    material: str
    source: str
    origin_class: str
    true_kg: float
    content_ppm: int
    content_basis: str = "declared"
    moisture_ppm: int = 0
    foreign_ppm: int = 0
    hs_code: str | None = None


def arrival_of(load: Load) -> Arrival:
    """A load of scrap at the gate."""
    grade = load.grade
    return Arrival(
        material=grade.material,
        source=grade.source,
        origin_class=grade.origin_class,
        true_kg=load.true_kg,
        content_ppm=load.content_ppm,
        content_basis="assay" if grade.hs_code else "declared",
        moisture_ppm=load.moisture_ppm,
        foreign_ppm=load.foreign_ppm,
        hs_code=grade.hs_code,
    )


def weigh_in(
    rng: Random, books: Books, facility: Facility, arrival: Arrival, day: date
) -> Lot:
    """Weigh a load and write it down; gives the lot.

    Small loads go over the platform scale without their truck, the others with it:
    gross less tare.
    """
    at = datetime.combine(day, time(8 + rng.randrange(9), rng.randrange(60)), SHANGHAI)
    number = facility.number("")
    weighing: dict[str, object]
    if arrival.true_kg <= SMALL_LOAD_KG:
        scale = facility.platform
        net_kg = scale.read(rng, arrival.true_kg)
        weighing = {}
    else:
        scale = facility.truck
        empty_kg = rng.uniform(*TRUCK_TARE_KG)
        tare_kg = scale.read(rng, empty_kg)
        gross_kg = scale.read(rng, empty_kg + arrival.true_kg)
        net_kg = gross_kg - tare_kg
        weighing = {"gross_g": gross_kg * KG, "tare_g": tare_kg * KG}
    net_g = net_kg * KG
    data: dict[str, object] = {
        "lot": number,
        "alias": [{"scheme": "own", "value": number}],
        "facility": facility.name_zh,
        "material": arrival.material,
        "metal": arrival.material[:2].capitalize(),
        "source": arrival.source,
        "origin_class": arrival.origin_class,
        "weighing": weighing | {"net_g": net_g, "scale": scale.code},
        "content_ppm": arrival.content_ppm,
        "content_basis": arrival.content_basis,
    }
    for name, ppm in (
        ("moisture_ppm", arrival.moisture_ppm),
        ("foreign_ppm", arrival.foreign_ppm),
    ):
        if ppm:
            data[name] = ppm
    if arrival.hs_code is not None:
        data["imported"] = {
            "hs_code": arrival.hs_code,
            "country": rng.choice(COUNTRIES),
            "declared_on": (day - DECLARED_BEFORE).isoformat(),
        }
    scrap = arrival.source in ("collected", "industrial", "imported")
    if scrap:
        data["radiation_check"] = {"passed": True, "on": day.isoformat()}
    private = {
        "supplier": f"示例供方{rng.randint(1, SUPPLIERS):03d}",
        "vehicle": f"示例车{rng.randint(1, VEHICLES):04d}",
        "ticket": f"磅单{number}",
    }
    books.write(facility, "lot.sourced", at, data, private if scrap else None)
    clean_ppm = PPM - arrival.moisture_ppm - arrival.foreign_ppm
    return Lot(
        number=number,
        material=arrival.material,
        net_g=net_g,
        metal_g=net_g * clean_ppm * arrival.content_ppm // (PPM * PPM),
        true_g=arrival.true_kg * KG,
        made_on=day,
        held_from=day + timedelta(days=1),
        imported=arrival.hs_code is not None,
    )
