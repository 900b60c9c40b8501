"""What the files of a simulation say, added up from their rows alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache

from app.intake.templates import word_list
from app.simulation.books import Sheet
from app.simulation.network import Chain, Facility
from app.simulation.output import Plan, Simulation

FIRST = date(2025, 11, 1)
LOTS = 3000
SEEDS = (1, 7, 2026)


def kg(row: Mapping[str, str], column: str) -> float:
    return float(row[column])


def value(words: str, row: Mapping[str, str], column: str) -> str:
    """What a word of a file means."""
    return word_list(words).meanings[row[column]]


@dataclass
class SourcedLot:
    """A row of a file of sourced lots."""

    number: str
    facility: Facility
    day: date
    source: str
    material: str
    net_kg: float
    metal_kg: float
    row: Mapping[str, str]

    @property
    def scrap(self) -> bool:
        return self.source in ("collected", "industrial", "imported")


@dataclass
class Run:
    """The rows of a run; metal of inputs by the content of their lots."""

    number: str
    kind: str
    facility: Facility
    inputs: list[tuple[str, float]] = field(default_factory=list)
    outputs: list[tuple[str, str, float, float]] = field(default_factory=list)
    losses_kg: float = 0.0
    metal_in_kg: float = 0.0

    @property
    def net_in_kg(self) -> float:
        return sum(net_kg for _, net_kg in self.inputs)

    @property
    def net_out_kg(self) -> float:
        return sum(net_kg for _, _, net_kg, _ in self.outputs)

    @property
    def metal_out_kg(self) -> float:
        return sum(metal_kg for *_, metal_kg in self.outputs)

    def net_of(self, direction: str) -> float:
        return sum(net for role, _, net, _ in self.outputs if role == direction)


@dataclass
class Journey:
    """Both rows of a transfer."""

    sender: str
    receiver: str
    sent_kg: float
    received_kg: float | None = None


@dataclass
class Read:
    """Everything that the files of one simulation say."""

    sheets: list[Sheet]
    chains: list[Chain]
    sourced: list[SourcedLot] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    journeys: dict[str, Journey] = field(default_factory=dict)
    content: dict[str, float] = field(default_factory=dict)

    @property
    def facilities(self) -> dict[str, Facility]:
        return {
            one.name_zh: one
            for chain in self.chains
            for one in chain.facilities.values()
        }


@cache
def simulated(seed: int, lots: int = LOTS) -> Read:
    """The files of a year."""
    simulation = Simulation(Plan.of_months(lots, seed, FIRST, 12))
    sheets = [sheet for _, sheet in simulation.sheets()]
    read = Read(sheets, list(simulation.chains()))
    for sheet in sheets:
        match sheet.template:
            case "sourced":
                for row in sheet.rows:
                    _sourced(read, sheet, row)
            case "runs":
                _runs(read, sheet)
            case "transfers":
                for row in sheet.rows:
                    _transfer(read, row)
    return read


def _sourced(read: Read, sheet: Sheet, row: Mapping[str, str]) -> None:
    net_kg = kg(row, "net")
    off = float(row.get("moisture", 0)) + float(row.get("foreign", 0))
    metal_kg = net_kg * (100 - off) / 100 * float(row["content"]) / 100
    read.content[row["lot"]] = metal_kg / net_kg
    read.sourced.append(
        SourcedLot(
            row["lot"],
            sheet.facility,
            datetime.fromisoformat(row["date"]).date(),
            value("source", row, "source"),
            row["material"],
            net_kg,
            metal_kg,
            row,
        )
    )


def _runs(read: Read, sheet: Sheet) -> None:
    rows = defaultdict(list)
    for row in sheet.rows:
        rows[row["run"]].append(row)
    for number, flows in rows.items():
        run = Run(number, value("run_kind", flows[0], "kind"), sheet.facility)
        for row in flows:
            direction = value("direction", row, "direction")
            net_kg = kg(row, "net")
            if direction == "input":
                run.inputs.append((row["lot"], net_kg))
                run.metal_in_kg += net_kg * read.content[row["lot"]]
            elif direction == "loss":
                run.losses_kg += net_kg
            else:
                content = (
                    float(row["content"]) / 100
                    if "content" in row
                    else run.metal_in_kg / run.net_in_kg
                )
                read.content[row["lot"]] = content
                run.outputs.append(
                    (direction, row["material"], net_kg, net_kg * content)
                )
        read.runs.append(run)


def _transfer(read: Read, row: Mapping[str, str]) -> None:
    if "dispatched" in row:
        assert row["transfer"] not in read.journeys
        read.journeys[row["transfer"]] = Journey(
            row["from"], row["to"], kg(row, "dispatched_net")
        )
    else:
        read.journeys[row["transfer"]].received_kg = kg(row, "accepted_net")
