"""What plants make of what: charges, yields and by-products of each process.

Yields are drawn inside the published bands (``process_yields.csv`` and the bands of
``rules.json``). Where a figure has no published band, it is a usual one of the trade.
A run holds one metal: nothing here is alloyed with another one.
"""

from __future__ import annotations

from dataclasses import dataclass

Band = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Group:
    """A part of a charge.

    Attributes:
        materials: Any of these, in this order.
        part: Of the charge, by net mass.
        needed: Whether the run waits for it; else it is taken if it is there.
        at_most: Whether its part is a limit: a charge is never made mostly of it.
    """

    materials: tuple[str, ...]
    part: float
    needed: bool = True
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Something that comes out.

    Attributes:
        material: Code of the catalogue.
        role: ``product``, ``by_product`` or ``return``.
        content: Metal content, lowest and highest, percent.
        of_metal: Metal in it, as a part of the metal charged.
        of_net: Or its net mass, as a part of the mass charged. Where neither is
            given it holds what the others leave of the metal that comes out.
        largest_kg: Cut into lots of at most so much.
    """

    material: str
    role: str
    content: Band
    of_metal: Band | None = None
    of_net: Band | None = None
    largest_kg: int = 30_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """A process at a facility.

    Attributes:
        role: Of the facility.
        kind: Of the run.
        groups: What is charged.
        parts: What comes out, in the order in which it is listed.
        metal_yield: Metal in all that comes out, as a part of the metal charged.
        losses: Names of the losses, each with its part of what is missing.
        charge_kg: A full charge.
        least_kg: What is charged when stock has waited long enough.
        electricity_kwh: Per tonne charged.
        gas_m3: Per tonne charged.
        hours: How long it takes.
    """

    role: str
    kind: str
    groups: tuple[Group, ...]
    parts: tuple[Part, ...]
    metal_yield: Band
    losses: tuple[tuple[str, float], ...]
    charge_kg: int
    least_kg: int
    electricity_kwh: float = 0.0
    gas_m3: float = 0.0
    hours: float = 4.0


AL_RETURNS = ("AL-OFFCUTS-6063", "AL-RETURNS")
MELT_LOSS = (("combustion", 0.7), ("dust", 0.3))
RECIPES = (
    Recipe(
        "centre_a",
        "shred",
        (
            Group(("AL-SCRAP-MIXED",), 0.65, False),
            Group(("AL-SCRAP-ELV",), 0.35, False),
        ),
        (
            Part("AL-SHRED", "product", (95.5, 96.5)),
            Part("SHRED-HEAVIES", "by_product", (5.0, 10.0), of_net=(0.01, 0.02)),
            Part("SHRED-RESIDUE", "by_product", (1.5, 2.5), of_net=(0.015, 0.025)),
        ),
        (0.945, 0.972),
        (("dust", 1.0),),
        40_000,
        8_000,
        electricity_kwh=55,
    ),
    Recipe(
        "centre_b",
        "granulate",
        (Group(("CU-SCRAP-CABLE",), 1.0),),
        (
            Part("CU-GRANULE-1", "product", (98.6, 99.2)),
            Part("CABLE-PLASTIC", "by_product", (0.4, 0.6), of_net=(0.36, 0.39)),
        ),
        (0.965, 0.99),
        (("dust", 1.0),),
        20_000,
        5_000,
        electricity_kwh=160,
    ),
    Recipe(
        "billet",
        "melt",
        (
            Group(
                (
                    "AL-RECYCLED-6063",
                    "AL-SCRAP-WROUGHT",
                    "AL-SCRAP-PROFILE",
                    "AL-SHRED",
                ),
                0.62,
            ),
            Group(("AL-INGOT-99.70",), 0.26),
            Group(AL_RETURNS, 0.12, False),
        ),
        (
            Part(
                "AL-6063-BILLET",
                "product",
                (100, 100),
                largest_kg=9_000,
            ),
            Part("AL-RETURNS", "return", (96.5, 97.5), of_metal=(0.01, 0.02)),
            Part("AL-DROSS", "by_product", (52.0, 66.0), of_net=(0.025, 0.035)),
        ),
        (0.955, 0.975),
        MELT_LOSS,
        25_000,
        9_000,
        electricity_kwh=40,
        gas_m3=75,
    ),
    Recipe(
        "alloy",
        "melt",
        (
            Group(("AL-SCRAP-CAST",), 0.5, False),
            Group(("AL-SCRAP-TURNINGS",), 0.2, False, at_most=True),
            Group(("AL-SHRED",), 0.3, False),
            Group(("AL-RETURNS",), 0.04, False),
        ),
        (
            Part("ADC12", "product", (100, 100), largest_kg=12_000),
            Part("AL-RETURNS", "return", (95.5, 97.0), of_metal=(0.01, 0.02)),
            Part("AL-DROSS", "by_product", (50.0, 62.0), of_net=(0.025, 0.035)),
        ),
        (0.958, 0.974),
        MELT_LOSS,
        25_000,
        8_000,
        electricity_kwh=35,
        gas_m3=80,
    ),
    Recipe(
        "black",
        "smelt",
        (Group(("CU-SCRAP-MIXED",), 0.62), Group(("CU-SCRAP-ASH",), 0.38)),
        (
            Part("CU-BLACK", "product", (73.5, 77.0)),
            Part("CU-SLAG", "by_product", (0.6, 1.0), of_net=(0.1, 0.14)),
        ),
        (0.957, 0.977),
        (("dust", 0.5), ("combustion", 0.5)),
        12_000,
        3_000,
        electricity_kwh=90,
        gas_m3=110,
    ),
    Recipe(
        "anode",
        "fire_refine",
        (
            Group(("CU-SCRAP-1", "CU-SCRAP-2"), 0.64, False),
            Group(("CU-GRANULE-1",), 0.16, False),
            Group(("CU-BLACK",), 0.08, False),
            Group(("CU-ANODE-SCRAP", "CU-SLAG-RICH"), 0.16, False),
        ),
        (
            Part("CU-ANODE", "product", (98.9, 99.3)),
            Part("CU-SLAG-RICH", "return", (28.0, 32.0), of_metal=(0.003, 0.005)),
        ),
        (0.976, 0.989),
        (("slag", 0.8), ("dust", 0.2)),
        30_000,
        10_000,
        electricity_kwh=70,
        gas_m3=60,
    ),
    Recipe(
        "cathode",
        "electrorefine",
        (Group(("CU-ANODE",), 1.0),),
        (
            Part("CATHODE-CU", "product", (99.99, 99.99)),
            Part("CU-ANODE-SCRAP", "return", (98.9, 99.2), of_metal=(0.12, 0.18)),
            Part("CU-SLIME", "by_product", (20.0, 30.0), of_net=(0.002, 0.004)),
        ),
        (0.992, 0.998),
        (("other", 1.0),),
        25_000,
        8_000,
        electricity_kwh=320,
    ),
    Recipe(
        "wire",
        "cast",
        (
            Group(("CU-SCRAP-BRIGHT",), 0.12, False),
            Group(("CATHODE-CU",), 0.76),
            Group(("CU-OFFCUTS",), 0.12, False),
        ),
        (
            Part(
                "CU-ROD",
                "product",
                (99.95, 99.95),
                largest_kg=8_000,
            ),
        ),
        (0.992, 0.996),
        (("slag", 0.6), ("combustion", 0.4)),
        16_000,
        6_000,
        electricity_kwh=60,
        gas_m3=55,
    ),
    Recipe(
        "wire",
        "draw",
        (Group(("CU-ROD",), 1.0),),
        (
            Part("CU-WIRE", "product", (99.95, 99.95)),
            Part("CU-OFFCUTS", "return", (99.9, 99.9), of_metal=(0.105, 0.155)),
        ),
        (0.998, 0.9995),
        (("other", 1.0),),
        8_000,
        3_000,
        electricity_kwh=190,
    ),
    *(
        Recipe(
            role,
            "extrude",
            (Group(("AL-6063-BILLET",), 1.0),),
            (
                Part("AL-6063-T5-PROFILE", "product", (100, 100)),
                Part("AL-OFFCUTS-6063", "return", (100, 100), of_metal=(0.108, 0.185)),
            ),
            (0.997, 0.999),
            (("other", 1.0),),
            9_000,
            3_000,
            electricity_kwh=650,
            gas_m3=30,
        )
        for role in ("press", "extruder")
    ),
    Recipe(
        "lead",
        "break_battery",
        (Group(("PB-SCRAP-BATTERY",), 1.0),),
        (
            Part("PB-SCRAP-GRID", "product", (93.0, 95.0), of_metal=(0.38, 0.4)),
            Part("PB-SCRAP-PASTE", "product", (74.0, 76.0)),
            Part("BATTERY-PLASTIC", "by_product", (0, 0), of_net=(0.05, 0.06)),
            Part("BATTERY-ACID", "by_product", (0, 0), of_net=(0.13, 0.15)),
        ),
        (0.96, 0.985),
        (("moisture", 0.6), ("other", 0.4)),
        30_000,
        8_000,
        electricity_kwh=25,
    ),
    Recipe(
        "lead",
        "smelt",
        (
            Group(("PB-SCRAP-GRID",), 0.34, False),
            Group(("PB-SCRAP-PASTE",), 0.6, False),
            Group(("PB-DROSS",), 0.06, False),
        ),
        (
            Part("PB-CRUDE", "product", (96.5, 97.5)),
            Part("PB-SLAG", "by_product", (1.2, 1.8), of_net=(0.06, 0.09)),
        ),
        (0.975, 0.985),
        (("combustion", 0.7), ("dust", 0.3)),
        25_000,
        8_000,
        electricity_kwh=80,
        gas_m3=65,
    ),
    Recipe(
        "lead",
        "fire_refine",
        (Group(("PB-CRUDE",), 1.0),),
        (
            Part(
                "PB-RECYCLED",
                "product",
                (99.97, 99.97),
                largest_kg=15_000,
            ),
            Part("PB-DROSS", "return", (79.0, 81.0), of_metal=(0.025, 0.03)),
        ),
        (0.985, 0.993),
        (("slag", 0.7), ("dust", 0.3)),
        25_000,
        8_000,
        electricity_kwh=30,
        gas_m3=25,
    ),
)
