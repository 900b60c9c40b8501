"""Lots of a simulation, and the stock that a facility holds of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date


@dataclass(slots=True)
class Lot:
    """A lot as its holder knows it.

    Attributes:
        number: Own number of its maker; no two facilities begin theirs alike.
        material: Code of the catalogue.
        net_g: Net mass as made.
        metal_g: Metal in it as made.
        true_g: What it really weighs; no file tells.
        made_on: Day on which it was made.
        held_from: Day from which its holder can use it.
        imported: Whether it was imported as scrap.
        goes_on_g: What was left of it after its transfers.
        taken_g: What runs have taken so far.
    """

    number: str
    material: str
    net_g: int
    metal_g: int
    true_g: float
    made_on: date
    held_from: date
    imported: bool = False
    goes_on_g: int = field(default=-1)
    taken_g: int = 0

    def __post_init__(self) -> None:
        if self.goes_on_g < 0:
            self.goes_on_g = self.net_g

    @property
    def left_g(self) -> int:
        """Net mass that is still there."""
        return self.goes_on_g - self.taken_g

    def take(self, net_g: int) -> int:
        """Take the next stretch; give the metal on it.

        The same arithmetic as the ledger's ruler, so that what a plant writes down
        agrees with what the ledger works out.
        """
        upper = self.taken_g + net_g
        metal_g = (
            self.metal_g * upper // self.net_g
            - self.metal_g * self.taken_g // self.net_g
        )
        self.taken_g = upper
        return metal_g


@dataclass(slots=True)
class Charge:
    """What a run takes.

    Attributes:
        takings: Lots with the grams that were taken of each.
        net_g: Of all together.
        metal_g: Of all together.
    """

    takings: list[tuple[Lot, int]] = field(default_factory=list)
    net_g: int = 0
    metal_g: int = 0

    def add(self, lot: Lot, net_g: int) -> None:
        """Take so much of a lot."""
        self.metal_g += lot.take(net_g)
        self.net_g += net_g
        self.takings.append((lot, net_g))


class Stock:
    """Lots of a facility by material, the oldest first."""

    def __init__(self) -> None:
        self._lots: dict[str, deque[Lot]] = {}

    def add(self, lot: Lot) -> None:
        """A lot comes in."""
        self._lots.setdefault(lot.material, deque()).append(lot)

    def lots(self, material: str) -> deque[Lot]:
        """Lots of a material."""
        return self._lots.setdefault(material, deque())

    def available_g(self, materials: Iterable[str], day: date) -> int:
        """Net mass of these materials that can be used on a day."""
        return sum(
            lot.left_g
            for material in materials
            for lot in self._lots.get(material, ())
            if lot.held_from <= day
        )

    def oldest(self, materials: Iterable[str]) -> date | None:
        """Day from which the oldest lot of these materials was held."""
        days = [
            lots[0].held_from
            for material in materials
            if (lots := self._lots.get(material))
        ]
        return min(days, default=None)

    def draw(
        self,
        charge: Charge,
        materials: Iterable[str],
        wanted_g: int,
        day: date,
        *,
        whole: bool = False,
        most_lots: int = 40,
    ) -> int:
        """Take from the oldest lots until enough is charged; give what was taken.

        Args:
            charge: Of the run.
            materials: In the order in which they are taken.
            wanted_g: Net mass.
            day: Of the run: what came in later stays.
            whole: Whether lots are taken to their end, even when that is more.
            most_lots: How many lots one run may take.
        """
        taken_g = 0
        for material in materials:
            lots = self._lots.get(material, deque())
            while (
                lots
                and taken_g < wanted_g
                and lots[0].held_from <= day
                and len(charge.takings) < most_lots
            ):
                lot = lots[0]
                part_g = lot.left_g if whole else min(lot.left_g, wanted_g - taken_g)
                charge.add(lot, part_g)
                taken_g += part_g
                if not lot.left_g:
                    lots.popleft()
        return taken_g

    def pop_ready(self, material: str, day: date) -> Lot | None:
        """The oldest untouched lot that was held before a day, taken out."""
        lots = self._lots.get(material)
        if lots and lots[0].held_from < day and not lots[0].taken_g:
            return lots.popleft()
        return None
