"""A simulation as a folder of files, and the order in which they are imported."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from app.intake.files import write_csv, write_xlsx
from app.intake.templates import get_template
from app.intake.writing import cells_of
from app.simulation.books import LANGUAGE, STEPS, Sheet
from app.simulation.calendar import months_later
from app.simulation.chain import ChainYear
from app.simulation.network import Chain, make_chain

# A chain makes about so many lots for each load of scrap that comes in
LOTS_A_LOAD = 3.85
# Above this another chain stands beside the first
LOTS_A_CHAIN = 20_000
CERTIFIED_FOR = timedelta(days=90)
INDEX_HEADS = (
    "order",
    "file",
    "month",
    "organisation",
    "facility",
    "template",
    "rows",
    "facts",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated.

    Attributes:
        lots: How many lots there will be, about.
        seed: What everything that is drawn follows from.
        first: First day.
        last: Last day.
        unaccepted_days: What arrives in so many days before the end still waits for
            its acceptance then.
    """

    lots: int
    seed: int
    first: date
    last: date
    unaccepted_days: int = 0

    @classmethod
    def of_months(cls, lots: int, seed: int, first: date, months: int) -> Plan:
        """Whole months from a first one on."""
        end = months_later(first, months)
        return cls(lots, seed, first.replace(day=1), end - timedelta(days=1))

    @property
    def chains(self) -> int:
        """How many chains stand side by side."""
        return max(1, -(-self.lots // LOTS_A_CHAIN))


@dataclass(frozen=True, slots=True)
class File:
    """A file of an organisation.

    Attributes:
        path: In the folder, with forward slashes; paths sort in the order of import.
        organisation: Code of whose it is.
        sheet: What it holds.
        content: Its bytes.
    """

    path: str
    organisation: str
    sheet: Sheet
    content: bytes


@dataclass(frozen=True, slots=True)
class Totals:
    """What was written.

    Attributes:
        lots: How many lots the files make.
        facts: How many facts they state.
        files: How many files there are.
    """

    lots: int
    facts: int
    files: int


class Simulation:
    """The chains of a plan, one after the other."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lots = 0

    def chains(self) -> Iterator[Chain]:
        """Who takes part."""
        for number in range(1, self.plan.chains + 1):
            yield make_chain(number, self.plan.seed, self.plan.last + CERTIFIED_FOR)

    def sheets(self) -> Iterator[tuple[int, Sheet]]:
        """The files of each chain, with its number, in the order of import."""
        plan = self.plan
        for number, chain in enumerate(self.chains(), 1):
            rng = Random(f"{plan.seed}/{number}/year")  # noqa: S311 - a simulation
            loads = plan.lots / plan.chains / LOTS_A_LOAD
            year = ChainYear(
                chain,
                rng,
                plan.first,
                plan.last,
                loads,
                unaccepted_days=plan.unaccepted_days,
            )
            for sheet in year.sheets():
                yield number, sheet
            self.lots += year.lots

    def files(self) -> Iterator[File]:
        """The same as bytes, in the forms in which the parties hand them in."""
        for number, sheet in self.sheets():
            facility = sheet.facility
            step = STEPS.index(sheet.step) + 1
            suffix = "xlsx" if facility.form == "xlsx" else "csv"
            yield File(
                path=f"chain{number:04d}/{sheet.month}/{facility.stage}-"
                f"{facility.role}-{step}-{sheet.step}.{suffix}",
                organisation=facility.organisation,
                sheet=sheet,
                content=file_bytes(sheet),
            )


def file_bytes(sheet: Sheet) -> bytes:
    """A file with Chinese heads, in the form that its facility hands in."""
    template = get_template(sheet.template)
    heads = [column.head(LANGUAGE) for column in template.columns]
    rows = cells_of(sheet.template, sheet.rows)
    if sheet.facility.form == "xlsx":
        return write_xlsx(template.title(LANGUAGE), heads, rows)
    content = b"".join(write_csv(heads, rows))
    if sheet.facility.form == "gb18030":
        return content.decode("utf-8-sig").encode("gb18030")
    return content


def write_folder(plan: Plan, folder: Path) -> Totals:
    """Write a simulation; memory does not grow with it.

    Args:
        plan: What is simulated.
        folder: New or empty.

    Raises:
        FileExistsError: There is something in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    simulation = Simulation(plan)
    _write_parties(simulation, folder)
    files = facts = 0
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as stream:
        index = csv.writer(stream, lineterminator="\n")
        index.writerow(INDEX_HEADS)
        for file in simulation.files():
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            files, facts = files + 1, facts + file.sheet.facts
            index.writerow(
                (
                    files,
                    file.path,
                    file.sheet.month,
                    file.organisation,
                    file.sheet.facility.code,
                    file.sheet.template,
                    len(file.sheet.rows),
                    file.sheet.facts,
                )
            )
    totals = Totals(simulation.lots, facts, files)
    (folder / "README.md").write_text(_readme(plan, totals), encoding="utf-8")
    return totals


def _write_parties(simulation: Simulation, folder: Path) -> None:
    """Registrations, a line at a time: lists of JSON objects."""
    with (
        (folder / "organisations.json").open("w", encoding="utf-8") as organisations,
        (folder / "facilities.json").open("w", encoding="utf-8") as facilities,
    ):
        for count, chain in enumerate(simulation.chains()):
            _write_items(organisations, chain.organisations, first=count == 0)
            _write_items(facilities, chain.registrations, first=count == 0)
        organisations.write("\n]\n")
        facilities.write("\n]\n")


def _write_items(stream: Any, items: list[dict[str, Any]], *, first: bool) -> None:  # noqa: ANN401 - a text file
    for count, item in enumerate(items):
        stream.write("[\n" if first and count == 0 else ",\n")
        stream.write(json.dumps(item, ensure_ascii=False, sort_keys=True))


def _readme(plan: Plan, totals: Totals) -> str:
    return f"""# A simulated year of recyclers

Every company here is invented. {totals.lots} lots, {totals.facts} facts in
{totals.files} files, from {plan.first} to {plan.last}, seed {plan.seed}: the same
command writes the same rows (a spreadsheet also notes when it was made).

1. Register the organisations of `organisations.json`, then the facilities of
   `facilities.json`, with their scales.
2. Import the files in the order of `index.csv`, each as the organisation that stands
   beside it. Within a month, files go by stage (1 yards, ports and the primary
   smelter, up to 6 fabricators), and within a facility receipts come before own lots,
   those before runs, runs before dispatches, deliveries last. A receiver's file names
   lots by the own number of their maker and transfers by the number of their sender,
   whose file was imported before.

Files are text in UTF-8 with a byte order mark or in GB18030, and XLSX, as their
facility is used to.
"""
