"""What comes in: scrap from yards and ports, shared out as the published figures say.

Which metal the next load is, whether it is imported, and of which grade, is decided by
what lags furthest behind its share: so a year of a single chain has the shares of
``scrap_supply.csv``. What a load weighs and holds is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from random import Random

from app.data import read_csv

# Metal in scrap by kind, near the sums of 2012 to 2021: copper 31 Mt, aluminium 65,
# lead 19; a little less copper, since zinc is left out
METAL_SHARES = {"Al": 0.62, "Cu": 0.20, "Pb": 0.18}


@dataclass(frozen=True, slots=True)
class Grade:
    """A kind of load.

    Attributes:
        material: Code of the catalogue.
        metal: Symbol.
        source: As facts name it.
        origin_class: As facts name it.
        weight: Its part of the domestic or imported loads of its metal, by mass.
        content: Lowest and highest metal content, percent of the clean, dry mass.
        sites: Roles of the facilities where it comes in.
        hs_code: Of imported loads.
    """

    material: str
    metal: str
    source: str
    origin_class: str
    weight: float
    content: tuple[float, float]
    sites: tuple[str, ...]
    hs_code: str | None = None


OLD, NEW, ELV = "post_consumer", "pre_consumer", "post_consumer_elv"
NORTH, SOUTH = ("yard_a", "yard_c"), ("yard_b", "yard_c")
GRADES = (
    Grade("AL-SCRAP-PROFILE", "Al", "collected", OLD, 0.34, (95.5, 97.5), NORTH),
    Grade("AL-SCRAP-MIXED", "Al", "collected", OLD, 0.28, (93.0, 96.0), NORTH),
    Grade("AL-SCRAP-ELV", "Al", "collected", ELV, 0.16, (92.0, 95.0), SOUTH),
    Grade(
        "AL-SCRAP-TURNINGS", "Al", "industrial", NEW, 0.10, (88.0, 92.0), ("yard_c",)
    ),
    Grade("AL-SCRAP-CAST", "Al", "collected", OLD, 0.12, (91.5, 94.0), SOUTH),
    Grade(
        "CU-SCRAP-1", "Cu", "collected", OLD, 0.28, (97.5, 99.0), ("yard_a", "yard_b")
    ),
    Grade(
        "CU-SCRAP-2", "Cu", "collected", OLD, 0.22, (95.0, 96.5), ("yard_a", "yard_b")
    ),
    Grade("CU-SCRAP-CABLE", "Cu", "collected", OLD, 0.22, (54.0, 60.0), ("yard_a",)),
    Grade("CU-SCRAP-BRIGHT", "Cu", "industrial", NEW, 0.12, (99.6, 99.9), ("yard_b",)),
    Grade("CU-SCRAP-MIXED", "Cu", "collected", OLD, 0.13, (76.0, 80.0), ("yard_b",)),
    Grade("CU-SCRAP-ASH", "Cu", "industrial", NEW, 0.03, (30.0, 34.0), ("yard_b",)),
    Grade(
        "PB-SCRAP-BATTERY",
        "Pb",
        "collected",
        OLD,
        1.0,
        (60.0, 64.0),
        ("yard_d", "yard_b"),
    ),
    Grade(
        "AL-SCRAP-CAST",
        "Al",
        "imported",
        OLD,
        0.6,
        (92.0, 95.0),
        ("port_b",),
        "7602000020",
    ),
    Grade(
        "AL-SCRAP-WROUGHT",
        "Al",
        "imported",
        NEW,
        0.4,
        (96.5, 98.0),
        ("port_b",),
        "7602000050",
    ),
    Grade(
        "CU-SCRAP-1",
        "Cu",
        "imported",
        OLD,
        0.7,
        (97.5, 99.0),
        ("port_a",),
        "7404000030",
    ),
    Grade(
        "CU-SCRAP-2",
        "Cu",
        "imported",
        OLD,
        0.3,
        (95.0, 96.5),
        ("port_a",),
        "7404000050",
    ),
)
COUNTRIES = ("US", "JP", "TH", "MY", "GB", "DE", "KR")


@dataclass(frozen=True, slots=True)
class Load:
    """A load at the gate.

    Attributes:
        grade: What it is.
        site: Role of the facility.
        true_kg: What it weighs.
        content_ppm: Metal in the clean, dry mass.
        moisture_ppm: Of the mass.
        foreign_ppm: Of the mass.
    """

    grade: Grade
    site: str
    true_kg: float
    content_ppm: int
    moisture_ppm: int
    foreign_ppm: int


@cache
def domestic_shares() -> dict[str, float]:
    """Domestic part of the raw material, by metal, of the newest year published.

    Lead has no figure of its own: imports of batteries are not allowed.
    """
    shares = {"Pb": 1.0}
    rows = [
        row
        for row in read_csv("scrap_supply.csv")
        if row["flow"] == "domestic_share_of_raw_material"
    ]
    newest = max(row["period"] for row in rows)
    for row in rows:
        if row["period"] == newest and row["metal"] in METAL_SHARES:
            shares[row["metal"]] = float(row["value"]) / 100
    return shares


@dataclass(slots=True)
class Quotas:
    """Metal that has come in so far, by what it has to be shared out over."""

    _sums: dict[object, float] = field(default_factory=dict)

    def next_of(self, group: object, shares: dict[str, float]) -> str:
        """The name that lags furthest behind its share of a group."""
        total = sum(self._sums.get((group, name), 0.0) for name in shares)
        return max(
            shares,
            key=lambda name: (
                shares[name] * (total + 1) - self._sums.get((group, name), 0.0),
                name,
            ),
        )

    def add(self, group: object, name: str, mass: float) -> None:
        """So much of a name has come in."""
        key = (group, name)
        self._sums[key] = self._sums.get(key, 0.0) + mass


def next_load(rng: Random, quotas: Quotas) -> Load:
    """The next load at any gate of a chain."""
    metal = quotas.next_of("metal", METAL_SHARES)
    domestic = domestic_shares()[metal]
    door = quotas.next_of(metal, {"domestic": domestic, "imported": 1 - domestic})
    grades = [
        grade
        for grade in GRADES
        if grade.metal == metal and (grade.source == "imported") == (door == "imported")
    ]
    total = sum(grade.weight for grade in grades)
    material = quotas.next_of(
        (metal, door), {grade.material: grade.weight / total for grade in grades}
    )
    [grade] = [grade for grade in grades if grade.material == material]
    load = _drawn(rng, grade)
    metal_kg = load.true_kg * load.content_ppm / 1_000_000
    quotas.add("metal", metal, metal_kg)
    quotas.add(metal, door, metal_kg)
    quotas.add((metal, door), material, metal_kg)
    return load


def _drawn(rng: Random, grade: Grade) -> Load:
    imported = grade.source == "imported"
    if imported:
        true_kg = rng.uniform(9_000, 13_000)
    elif rng.random() < SMALL_LOADS:
        true_kg = rng.uniform(600, 2_900)
    else:
        true_kg = rng.uniform(3_200, 13_000)
    wet = grade.material == "AL-SCRAP-TURNINGS"
    return Load(
        grade=grade,
        site=rng.choice(grade.sites),
        true_kg=true_kg,
        content_ppm=round(rng.uniform(*grade.content) * 100) * 100,
        moisture_ppm=round(rng.uniform(1.0, 3.0) * 10) * 1000 if wet else 0,
        foreign_ppm=0 if imported else round(rng.uniform(0.0, 1.5) * 10) * 1000,
    )


# Part of the domestic loads that come on a small truck over the platform scale
SMALL_LOADS = 0.45
