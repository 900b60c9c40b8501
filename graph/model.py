"""Lots, places and takings as values. All masses are whole grams."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Cells = tuple[int, ...]
"""Twelve masses: the classes of OriginClass in order, each domestic, imported."""
Uncounted = tuple[int, ...]
"""Eight masses: ELV, other post-consumer, pre-consumer, unknown; domestic, imported."""
Stretch = tuple[int, int]
"""[a, b) of a ruler, in marks of net or of metal grams."""

NO_CELLS: Cells = (0,) * 12
NO_UNCOUNTED: Uncounted = (0,) * 8
UNCOUNTED_CELLS = (0, 1, 2, 3, 4, 5, 10, 11)
"""Where the eight uncounted masses stand among the twelve cells."""
INTERNAL, UNKNOWN = 6, 10
"""Where the domestic cells of these classes stand; the imported ones follow."""
MAX_G = 10**12
PPM = 1_000_000


class OriginClass(StrEnum):
    """Where metal comes from; a pair of cells each."""

    POST_CONSUMER_ELV = "post_consumer_elv"
    POST_CONSUMER = "post_consumer"
    PRE_CONSUMER = "pre_consumer"
    INTERNAL = "internal"
    PRIMARY = "primary"
    UNKNOWN = "unknown"


class LotKind(StrEnum):
    """What a lot is for the accounting."""

    SCRAP = "scrap"
    RETURN = "return"
    INTERMEDIATE = "intermediate"
    METAL = "metal"
    PRODUCT = "product"
    BY_PRODUCT = "by_product"
    PRIMARY = "primary"
    ADDITION = "addition"


class Source(StrEnum):
    """The way in which a lot came into the ledger."""

    COLLECTED = "collected"
    INDUSTRIAL = "industrial"
    IMPORTED = "imported"
    PRIMARY = "primary"
    ADDITION = "addition"
    OPENING = "opening"


class OutputRole(StrEnum):
    """What an output is to its run."""

    PRODUCT = "product"
    BY_PRODUCT = "by_product"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot as it was made: the ruler that it keeps for life.

    Attributes:
        code: Its identity.
        kind: What it is.
        material: Code of its material.
        metal: Symbol, or ``mixed``.
        net_g: Marks of the ruler, > 0.
        metal_g: Book metal, at most ``net_g``.
        cells: Origin of the metal; sums to ``metal_g``.
        uncounted: Of a return, grams not yet counted in the statistics; else None.
    """

    code: str
    kind: LotKind
    material: str
    metal: str
    net_g: int
    metal_g: int
    cells: Cells
    uncounted: Uncounted | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Which marks of a lot are given away.

    Attributes:
        goes_on_g: End of what remains after transfers; marks behind it were lost.
        placed_to_g: End of the last place ever given.
        gaps: Free stretches below ``placed_to_g``, ascending, not touching.
        claimed: Stretches under a claim in force, ascending.
        internal_as_unknown: The lot has left its boundary: internal reads as unknown.
    """

    goes_on_g: int
    placed_to_g: int = 0
    gaps: tuple[Stretch, ...] = ()
    claimed: tuple[Stretch, ...] = ()
    internal_as_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Taking:
    """What one fact takes from one lot.

    Attributes:
        lot: The lot as made.
        net_g: Grams of net mass.
        stretches: In net marks of the lot, in the order in which they were given.
        metal_marks: The same in metal grams.
        metal_g: Grams of metal.
        cells: Origin of the metal.
        uncounted: Grams of it not yet counted: of returns and scrap; else zeros.
    """

    lot: Lot
    net_g: int
    stretches: tuple[Stretch, ...]
    metal_marks: tuple[Stretch, ...]
    metal_g: int
    cells: Cells
    uncounted: Uncounted
