"""Who sends what to whom, how long it is on its way, and what leaves the chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from app.intake.dates import SHANGHAI
from app.simulation.books import Books
from app.simulation.calendar import next_month
from app.simulation.network import Facility
from app.simulation.stock import Lot
from app.simulation.weighing import pair_limit_kg, weigh_again

KG = 1000
YARDS = ("yard_a", "yard_b", "yard_c", "yard_d")
PORTS = ("port_a", "port_b")
# By sender's role and material, the receivers: in turn where there are several
ROUTES: dict[tuple[str, str], tuple[str, ...]] = {
    **{
        (yard, material): receivers
        for yard in YARDS
        for material, receivers in {
            "AL-SCRAP-PROFILE": ("billet",),
            "AL-SCRAP-MIXED": ("centre_a",),
            "AL-SCRAP-ELV": ("centre_a",),
            "AL-SCRAP-TURNINGS": ("alloy",),
            "AL-SCRAP-CAST": ("alloy",),
            "CU-SCRAP-1": ("anode",),
            "CU-SCRAP-2": ("anode",),
            "CU-SCRAP-CABLE": ("centre_b",),
            "CU-SCRAP-BRIGHT": ("wire",),
            "CU-SCRAP-MIXED": ("black",),
            "CU-SCRAP-ASH": ("black",),
            "PB-SCRAP-BATTERY": ("lead",),
        }.items()
    },
    ("port_b", "AL-SCRAP-WROUGHT"): ("billet",),
    ("port_b", "AL-SCRAP-CAST"): ("alloy",),
    ("port_a", "CU-SCRAP-1"): ("anode",),
    ("port_a", "CU-SCRAP-2"): ("anode",),
    ("primary", "AL-INGOT-99.70"): ("billet",),
    ("centre_a", "AL-SHRED"): ("billet", "alloy"),
    ("centre_b", "CU-GRANULE-1"): ("anode",),
    ("black", "CU-BLACK"): ("anode",),
    ("anode", "CU-ANODE"): ("cathode",),
    ("cathode", "CATHODE-CU"): ("wire",),
    ("cathode", "CU-ANODE-SCRAP"): ("anode",),
    ("billet", "AL-6063-BILLET"): ("press", "extruder"),
    ("press", "AL-OFFCUTS-6063"): ("billet",),
    ("extruder", "AL-OFFCUTS-6063"): ("billet",),
}
# What is sold or left behind: destination and category of the statistics
SOLD = {
    "AL-6063-T5-PROFILE": ("sold", "construction"),
    "ADC12": ("sold", "transport"),
    "CU-WIRE": ("sold", "power"),
    "PB-RECYCLED": ("sold", "batteries"),
    "AL-DROSS": ("sold", "residue"),
    "SHRED-HEAVIES": ("sold", "residue"),
    "SHRED-RESIDUE": ("landfilled", "residue"),
    "CABLE-PLASTIC": ("sold", "residue"),
    "CU-SLAG": ("landfilled", "residue"),
    "CU-SLIME": ("sold", "residue"),
    "PB-SLAG": ("landfilled", "residue"),
    "BATTERY-PLASTIC": ("sold", "residue"),
    "BATTERY-ACID": ("sold", "residue"),
}
EXPORTED_PART = 0.08
# A lot waits for its buyer: on each day after these, one in two leaves
DAYS_IN_STORE = timedelta(days=21)
LEAVES = 0.5
KM = {"road": (80, 900), "rail": (900, 1900), "water": (400, 1600)}


@dataclass(frozen=True, slots=True)
class Transit:
    """A lot on its way.

    Attributes:
        number: Of the transfer.
        lot: What travels.
        sender: Where it comes from.
        receiver: Where it goes.
        arrives_on: Day of its receipt.
        net_g: Weight at dispatch.
    """

    number: str
    lot: Lot
    sender: Facility
    receiver: Facility
    arrives_on: date
    net_g: int


def dispatch(
    rng: Random,
    books: Books,
    lot: Lot,
    sender: Facility,
    receiver: Facility,
    day: date,
) -> Transit:
    """Weigh a lot out and send it off.

    Metal that goes back to an earlier stage is fetched in the next month, so that
    the files of each month can be imported stage by stage.
    """
    book_kg = lot.goes_on_g // KG
    scale = sender.scale_for(book_kg)
    limit_kg = pair_limit_kg(book_kg, scale.e_kg, scale.e_kg)
    shown_kg = weigh_again(rng, scale, lot.true_g / KG, book_kg, limit_kg)
    arrives_on = day + timedelta(days=rng.randint(1, 4))
    if receiver.stage <= sender.stage:
        arrives_on = max(
            arrives_on, next_month(day) + timedelta(days=rng.randint(0, 3))
        )
    mode = rng.choices(("road", "rail", "water"), (0.8, 0.12, 0.08))[0]
    number = sender.number("T")
    books.write(
        sender,
        "transfer.dispatched",
        datetime.combine(day, time(13 + rng.randrange(5), rng.randrange(60)), SHANGHAI),
        {
            "transfer": number,
            "alias": number,
            "lot": lot.number,
            "from": sender.name_zh,
            "to": receiver.name_zh,
            "weighing": {"net_g": shown_kg * KG},
            "transport": {"mode": mode, "km": rng.randint(*KM[mode])},
        },
    )
    return Transit(number, lot, sender, receiver, arrives_on, shown_kg * KG)


def accept(rng: Random, books: Books, transit: Transit, day: date) -> Lot:
    """Weigh a lot in: the smallest of the three weights goes on."""
    lot, sent_kg = transit.lot, transit.net_g // KG
    scale = transit.receiver.scale_for(sent_kg)
    sender_e_kg = transit.sender.scale_for(sent_kg).e_kg
    limit_kg = pair_limit_kg(sent_kg, sender_e_kg, scale.e_kg)
    shown_kg = weigh_again(rng, scale, lot.true_g / KG, sent_kg, limit_kg)
    books.write(
        transit.receiver,
        "transfer.accepted",
        datetime.combine(day, time(8 + rng.randrange(3), rng.randrange(60)), SHANGHAI),
        {"transfer": transit.number, "weighing": {"net_g": shown_kg * KG}},
    )
    lot.goes_on_g = min(lot.goes_on_g, transit.net_g, shown_kg * KG)
    lot.held_from = day + timedelta(days=1)
    return lot


def deliver(rng: Random, books: Books, lot: Lot, facility: Facility, day: date) -> None:
    """A lot leaves the chain."""
    to, category = SOLD[lot.material]
    if to == "sold" and category != "residue" and rng.random() < EXPORTED_PART:
        to = "exported"
    books.write(
        facility,
        "lot.delivered",
        datetime.combine(day, time(14 + rng.randrange(4), rng.randrange(60)), SHANGHAI),
        {"lot": lot.number, "net_g": lot.left_g, "to": to, "category": category},
    )
