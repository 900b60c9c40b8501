"""The files of a simulation: the same each time, in an order, readable, of any size."""

from __future__ import annotations

import csv
import gc
import json
import tracemalloc
from datetime import date
from pathlib import Path
from random import Random

import pytest

from app.intake.drafts import Draft
from app.intake.facts import read_drafts
from app.intake.reading import open_table
from app.intake.templates import get_template
from app.simulation.calendar import day_weight, days_between, months_later
from app.simulation.output import LOTS_A_CHAIN, Plan, Simulation, write_folder
from app.simulation.weighing import Scale, limit_kg
from labels.codes import parse_code
from tests.simulated import FIRST, SEEDS

SMALL = 300


def plan_of(lots: int = SMALL, seed: int = 1, months: int = 12) -> Plan:
    return Plan.of_months(lots, seed, FIRST, months)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small year, written once."""
    path = tmp_path_factory.mktemp("simulated") / "year"
    write_folder(plan_of(), path)
    return path


def bytes_in(path: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(path)): one.read_bytes()
        for one in path.rglob("*")
        if one.is_file()
    }


def index_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_same_seed_writes_the_same_files_and_another_seed_others(
    tmp_path: Path,
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_folder(plan_of(seed=seed, months=3), tmp_path / name)
    first, again, other = (bytes_in(tmp_path / name) for name in "abc")

    # Spreadsheets carry the moment of their making; their rows are compared below
    texts = [name for name in first if not name.endswith(".xlsx")]
    assert len(texts) > 50
    assert first.keys() == again.keys()
    assert all(first[name] == again[name] for name in texts)
    sourced = [name for name in texts if "sourced" in name]
    assert all(first[name] != other.get(name) for name in sourced)


def test_the_rows_of_spreadsheets_follow_from_the_seed_too() -> None:
    rows = [
        [sheet.rows for _, sheet in Simulation(plan_of(months=3)).sheets()]
        for _ in range(2)
    ]

    assert rows[0] == rows[1]


def test_every_file_reads_without_a_fault_into_the_facts_that_the_index_counts(
    folder: Path,
) -> None:
    forms = set()
    for line in index_of(folder):
        if line["file"].endswith(".xlsx") and "xlsx" in forms:
            continue  # each takes a process of its own to read
        template = get_template(line["template"])
        table = open_table((folder / line["file"]).read_bytes())
        forms.add(table.encoding or table.form)
        outcomes = list(read_drafts(table, template))
        faulty = [one for one in outcomes if not isinstance(one, Draft)]
        assert not faulty, (line["file"], faulty[:1])
        assert len(outcomes) == int(line["facts"])

    assert {"gb18030", "xlsx"} < forms
    assert any(form.startswith("utf-8") for form in forms)


def test_the_index_lists_every_file_in_the_order_of_import(folder: Path) -> None:
    lines = index_of(folder)

    paths = [line["file"] for line in lines]
    assert paths == sorted(paths)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*-*-*-*.*")}
    assert set(paths) == written
    assert [int(line["order"]) for line in lines] == list(range(1, len(lines) + 1))


def test_a_file_names_only_what_the_files_before_it_have_made(folder: Path) -> None:
    known: set[str] = set()
    sent: set[str] = set()
    for _, sheet in Simulation(plan_of()).sheets():
        for row in sheet.rows:
            if sheet.step == "sourced" or (
                sheet.step == "runs" and row["direction"] in ("产出", "副产", "返料")
            ):
                assert row["lot"] not in known
                known.add(row["lot"])
            elif "lot" in row:
                assert row["lot"] in known
            if sheet.step == "sent":
                sent.add(row["transfer"])
            if sheet.step == "received":
                assert row["transfer"] in sent
    assert len(known) > 0.8 * SMALL


def test_organisations_and_facilities_are_invented_and_fit_together(
    folder: Path,
) -> None:
    organisations = json.loads((folder / "organisations.json").read_text())
    facilities = json.loads((folder / "facilities.json").read_text())

    codes = {one["code"] for one in organisations}
    assert len(codes) == len(organisations) == 17
    assert len({one["code"] for one in facilities}) == len(facilities) == 18
    for one in (*organisations, *facilities):
        assert one["code"] == parse_code(one["code"])
        assert "示例" in one["name_zh"]
        assert "示例" in one["name_en"]
    for one in facilities:
        assert one["organisation"] in codes
        assert len(one["scales"]) == 2
        assert all(scale["certificate_until"] > "2026-10-31" for scale in one["scales"])
    groups = [one["control_group"] for one in organisations if "control_group" in one]
    assert len(groups) == 2
    assert len(set(groups)) == 1
    assert {line["organisation"] for line in index_of(folder)} <= codes


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(FileExistsError):
        write_folder(plan_of(months=1), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lots", [1000, 3000])
def test_there_are_about_as_many_lots_as_were_asked_for(lots: int, seed: int) -> None:
    simulation = Simulation(plan_of(lots, seed))
    names = {sheet.facility.name_zh for _, sheet in simulation.sheets()}

    assert simulation.lots == pytest.approx(lots, rel=0.16)
    assert len(names) == 18


def test_beyond_what_a_chain_makes_others_stand_beside_it() -> None:
    simulation = Simulation(plan_of(LOTS_A_CHAIN + 1000, months=1))
    sheets = list(simulation.sheets())

    assert {number for number, _ in sheets} == {1, 2}
    assert len({sheet.facility.name_zh for _, sheet in sheets}) == 36
    assert len({sheet.facility.code for _, sheet in sheets}) == 36


@pytest.mark.soak
def test_memory_does_not_grow_with_the_number_of_lots() -> None:
    peaks = []
    for chains in (1, 5):
        gc.collect()
        tracemalloc.start()
        for _ in Simulation(plan_of(chains * LOTS_A_CHAIN)).files():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    # How much waits for the collector differs by a few MB from run to run
    assert peaks[1] < 2.5 * peaks[0]


def test_deliveries_that_arrive_in_the_last_days_wait_for_their_acceptance() -> None:
    last = date(2026, 3, 22)
    accepted_on, waiting = [], []
    for unaccepted_days in (0, 10):
        plan = Plan(1500, 1, FIRST, last, unaccepted_days)
        sent, received = set(), {}
        for _, sheet in Simulation(plan).sheets():
            for row in sheet.rows:
                if sheet.step == "sent":
                    sent.add(row["transfer"])
                if sheet.step == "received":
                    received[row["transfer"]] = row["accepted"][:10]
        waiting.append(len(sent - received.keys()))
        accepted_on.append(max(received.values()))

    assert waiting[1] > waiting[0]
    assert accepted_on[0] > str(date(2026, 3, 18))
    assert accepted_on[1] <= str(date(2026, 3, 12))


def test_a_day_of_the_festival_is_quiet_and_a_sunday_is_slow() -> None:
    monday, sunday = date(2026, 4, 13), date(2026, 4, 19)

    assert day_weight(monday) == 1
    assert day_weight(sunday) < 0.5
    assert day_weight(date(2026, 2, 17)) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="expected one of 2020"):
        day_weight(date(2019, 1, 1))


def test_months_are_counted_over_the_turn_of_the_year() -> None:
    assert months_later(date(2025, 11, 1), 12) == date(2026, 11, 1)
    assert months_later(date(2026, 1, 1), -12) == date(2025, 1, 1)
    assert len(list(days_between(date(2026, 2, 27), date(2026, 3, 1)))) == 3


@pytest.mark.parametrize(
    ("load_kg", "limit"), [(10_000, 20), (10_001, 40), (40_000, 40), (40_001, 60)]
)
def test_a_scale_misses_what_its_class_allows_in_service(
    load_kg: int, limit: int
) -> None:
    assert limit_kg(load_kg, 20) == limit


@pytest.mark.parametrize("load_kg", [400, 8_000, 30_000, 45_000])
def test_a_reading_strays_within_the_limit_and_does_stray(load_kg: int) -> None:
    rng, scale = Random(1), Scale("W1", "III", 20, 100_000, 0.2)
    errors = [scale.read(rng, load_kg + 7.3) - load_kg - 7.3 for _ in range(2000)]

    assert max(map(abs, errors)) <= limit_kg(load_kg, 20)
    assert max(errors) - min(errors) >= 20
