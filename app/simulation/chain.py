"""The days of a chain: loads come in, plants run, lots travel and leave."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random

from app.intake.dates import SHANGHAI
from app.simulation.books import Books, Sheet
from app.simulation.calendar import STANDSTILL, day_weight, days_between
from app.simulation.gate import Arrival, arrival_of, weigh_in
from app.simulation.network import Chain, Facility
from app.simulation.plants import PPM, Made, run_plant, write_run
from app.simulation.recipes import RECIPES, Part
from app.simulation.sourcing import Quotas, next_load
from app.simulation.stock import Charge, Lot, Stock
from app.simulation.trade import (
    DAYS_IN_STORE,
    LEAVES,
    ROUTES,
    SOLD,
    YARDS,
    Transit,
    accept,
    deliver,
    dispatch,
)

KG = 1000
# A yard sends what fills a truck, or what has waited for so long
TRUCK_KG, FULL_TRUCK_KG = 18_000, 26_000
YARD_PATIENCE = timedelta(days=18)
# The casthouse orders primary metal when less than this is there or on its way
PRIMARY_ORDER_KG = 36_000
OPENING = (
    ("billet", "AL-RETURNS", 6_200, 970_000),
    ("alloy", "AL-RETURNS", 2_800, 960_000),
    ("anode", "CU-ANODE-SCRAP", 8_400, 990_000),
    ("wire", "CU-OFFCUTS", 2_600, 999_000),
    ("lead", "PB-DROSS", 2_900, 800_000),
)
"""Returns that were there on the first day: role, material, net kg, content ppm."""
PRIMARY = "AL-INGOT-99.70"
RECLASSIFIED = {"AL-OFFCUTS-6063": "AL-RECYCLED-6063"}


@dataclass(slots=True)
class Place:
    """A facility with what it has: in stock, and ready to be sent."""

    facility: Facility
    stock: Stock = field(default_factory=Stock)
    outbox: deque[Lot] = field(default_factory=deque)
    turns: dict[str, int] = field(default_factory=dict)


class ChainYear:
    """One chain from its first day to its last.

    Args:
        chain: Its parties.
        rng: Source of all that is drawn.
        first: First day.
        last: Last day.
        loads: How many loads of scrap come in, about.
        unaccepted_days: What arrives in so many days before the end still waits for
            its acceptance then.
    """

    def __init__(
        self,
        chain: Chain,
        rng: Random,
        first: date,
        last: date,
        loads: float,
        *,
        unaccepted_days: int = 0,
    ) -> None:
        self._rng, self._first, self._last = rng, first, last
        self._last_receipt = last - timedelta(days=unaccepted_days)
        self._places = {role: Place(one) for role, one in chain.facilities.items()}
        self._books = Books()
        self._quotas = Quotas()
        self._transits: list[Transit] = []
        total = sum(day_weight(day) for day in days_between(first, last))
        self._loads_per_weight = loads / total
        self._owed = 0.0
        self.lots = 0

    def sheets(self) -> Iterator[Sheet]:
        """The files of each month, in the order of their import."""
        self._open()
        month = f"{self._first:%Y-%m}"
        for day in days_between(self._first, self._last):
            if f"{day:%Y-%m}" != month:
                yield from self._books.close_month(month)
                month = f"{day:%Y-%m}"
            self._live(day)
        yield from self._books.close_month(month)

    def _live(self, day: date) -> None:
        weight = day_weight(day)
        self._receive(day)
        self._collect(day, weight)
        if weight >= STANDSTILL:
            self._order_primary(day)
            for yard in YARDS:
                self._blend(self._places[yard], day)
            for recipe in RECIPES:
                place = self._places[recipe.role]
                for lot in run_plant(
                    self._rng, self._books, place.facility, recipe, place.stock, day
                ):
                    self.lots += 1
                    self._put(place, lot)
            self._send(day)
            self._sell(day)

    def _open(self) -> None:
        """Stock of returns on the first day: entered before any run."""
        for role, material, net_kg, content_ppm in OPENING:
            place = self._places[role]
            arrival = Arrival(material, "opening", "internal", net_kg, content_ppm)
            self._enter(place, arrival, self._first)

    def _enter(self, place: Place, arrival: Arrival, day: date) -> None:
        lot = weigh_in(self._rng, self._books, place.facility, arrival, day)
        self.lots += 1
        if arrival.source in ("collected", "industrial"):
            place.stock.add(lot)
        else:
            self._put(place, lot)

    def _put(self, place: Place, lot: Lot) -> None:
        """A lot goes where it belongs: to those that are sent, or into stock."""
        if (place.facility.role, lot.material) in ROUTES:
            place.outbox.append(lot)
        else:
            place.stock.add(lot)

    def _receive(self, day: date) -> None:
        if day > self._last_receipt:
            return
        arrived = [one for one in self._transits if one.arrives_on <= day]
        self._transits = [one for one in self._transits if one.arrives_on > day]
        for transit in arrived:
            lot = accept(self._rng, self._books, transit, day)
            place = self._places[transit.receiver.role]
            if transit.sender.control != transit.receiver.control:
                lot = self._reclassify(place, lot, day)
            place.stock.add(lot)

    def _reclassify(self, place: Place, lot: Lot, day: date) -> Lot:
        """Offcuts from under other control become scrap, pre-consumer, as a whole."""
        if (material := RECLASSIFIED.get(lot.material)) is None:
            return lot
        net_g = lot.left_g
        charge = Charge()
        charge.add(lot, net_g)
        part = Part(material, "product", (0, 0))
        made = [Made(part, net_g, charge.metal_g * PPM // net_g)]
        ended_at = datetime.combine(day, time(11, 40), SHANGHAI)
        [scrap] = write_run(
            self._books,
            place.facility,
            "reclassify",
            charge,
            made,
            {},
            ended_at,
            hours=0.5,
        )
        scrap.metal_g = charge.metal_g
        self.lots += 1
        return scrap

    def _collect(self, day: date, weight: float) -> None:
        self._owed += weight * self._loads_per_weight
        while self._owed >= 1:
            self._owed -= 1
            load = next_load(self._rng, self._quotas)
            self._enter(self._places[load.site], arrival_of(load), day)

    def _order_primary(self, day: date) -> None:
        billet, primary = self._places["billet"], self._places["primary"]
        ordered_g = billet.stock.available_g((PRIMARY,), date.max)
        ordered_g += sum(lot.left_g for lot in primary.outbox)
        ordered_g += sum(
            one.lot.left_g for one in self._transits if one.lot.material == PRIMARY
        )
        if ordered_g < PRIMARY_ORDER_KG * KG:
            net_kg = self._rng.randrange(22_000, 27_000)
            arrival = Arrival(PRIMARY, "primary", "primary", net_kg, 997_000, "assay")
            self._enter(primary, arrival, day)

    def _blend(self, yard: Place, day: date) -> None:
        """Loads of one grade are put together until they fill a truck."""
        for role, material in ROUTES:
            if role != yard.facility.role:
                continue
            while self._blend_once(yard, material, day):
                pass

    def _blend_once(self, yard: Place, material: str, day: date) -> bool:
        ready_g = yard.stock.available_g((material,), day)
        oldest = yard.stock.oldest((material,))
        waited = oldest is not None and day - oldest >= YARD_PATIENCE
        if not ready_g or (ready_g < TRUCK_KG * KG and not waited):
            return False
        charge = Charge()
        most_g = FULL_TRUCK_KG * KG
        while (lots := yard.stock.lots(material)) and lots[0].held_from <= day:
            if charge.takings and charge.net_g + lots[0].left_g > most_g:
                break
            lot = lots.popleft()
            charge.add(lot, lot.left_g)
        if len(charge.takings) == 1:
            [(lot, _)] = charge.takings
            lot.taken_g = 0
            yard.outbox.append(lot)
            return True
        content_ppm = charge.metal_g * PPM // charge.net_g
        part = Part(material, "product", (0, 0))
        ended_at = datetime.combine(day, time(11, self._rng.randrange(60)), SHANGHAI)
        [blended] = write_run(
            self._books,
            yard.facility,
            "blend",
            charge,
            [Made(part, charge.net_g, content_ppm)],
            {},
            ended_at,
            hours=1,
        )
        blended.true_g = sum(lot.true_g for lot, _ in charge.takings)
        self.lots += 1
        yard.outbox.append(blended)
        return True

    def _send(self, day: date) -> None:
        for place in self._places.values():
            for _ in range(len(place.outbox)):
                lot = place.outbox.popleft()
                if lot.held_from > day:
                    place.outbox.append(lot)
                    continue
                receiver = self._places[self._receiver_of(place, lot)].facility
                self._transits.append(
                    dispatch(self._rng, self._books, lot, place.facility, receiver, day)
                )

    def _receiver_of(self, place: Place, lot: Lot) -> str:
        receivers = ROUTES[place.facility.role, lot.material]
        turn = place.turns.get(lot.material, 0)
        place.turns[lot.material] = turn + 1
        return receivers[turn % len(receivers)]

    def _sell(self, day: date) -> None:
        for place in self._places.values():
            for material in SOLD:
                while lot := place.stock.pop_ready(material, day - DAYS_IN_STORE):
                    if self._rng.random() >= LEAVES:
                        place.stock.lots(material).appendleft(lot)
                        break
                    deliver(self._rng, self._books, lot, place.facility, day)
