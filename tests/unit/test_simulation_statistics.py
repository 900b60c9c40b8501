"""A simulated year has the shares, yields, errors and seasons that are published."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from random import Random
from statistics import mean, median
from typing import Any

import pytest

from app.data import read_csv, read_json
from app.simulation.calendar import new_year_monday
from app.simulation.weighing import limit_kg, pair_limit_kg
from tests.simulated import SEEDS, Read, SourcedLot, simulated

pytestmark = pytest.mark.parametrize("seed", SEEDS)
METALS = {row["code"]: row["metal"] for row in read_csv("materials.csv")}


def domestic_share(lots: list[SourcedLot]) -> float:
    domestic = sum(lot.metal_kg for lot in lots if lot.source != "imported")
    return domestic / sum(lot.metal_kg for lot in lots)


def published(metal: str) -> float:
    [row] = [
        row
        for row in read_csv("scrap_supply.csv")
        if (row["flow"], row["period"], row["metal"])
        == ("domestic_share_of_raw_material", "2021", metal)
    ]
    return float(row["value"]) / 100


def test_the_domestic_share_of_scrap_is_the_published_one(seed: int) -> None:
    scrap = [lot for lot in simulated(seed).sourced if lot.scrap]

    assert domestic_share(scrap) == pytest.approx(published("total4"), abs=0.02)
    for metal in ("Cu", "Al"):
        of_metal = [lot for lot in scrap if METALS[lot.material] == metal]
        share = domestic_share(of_metal)
        assert share == pytest.approx(published(metal), abs=0.02), metal


def band_of(read: Read, kind: str, metal: str) -> list[dict[str, Any]]:
    return [
        {**band, "runs": runs}
        for band in read_json("rules.json")["yield_bands"]
        if (band["kind"], band["metal"]) == (kind, metal)
        and (
            runs := [
                run
                for run in read.runs
                if run.kind == kind and METALS[run.outputs[0][1]] == metal
            ]
        )
    ]


@pytest.mark.parametrize(
    ("kind", "metal"),
    [
        ("melt", "Al"),
        ("shred", "Al"),
        ("fire_refine", "Cu"),
        ("electrorefine", "Cu"),
        ("granulate", "Cu"),
    ],
)
def test_every_yield_lies_in_the_band_of_its_process(
    seed: int, kind: str, metal: str
) -> None:
    [band] = band_of(simulated(seed), kind, metal)

    assert len(band["runs"]) >= 8
    on_net = band["basis"] == "mass charged"
    yields = [
        run.metal_out_kg / (run.net_in_kg if on_net else run.metal_in_kg) * 1_000_000
        for run in band["runs"]
    ]
    assert min(yields) >= band["low_ppm"]
    assert max(yields) <= band["high_ppm"]
    assert max(yields) - min(yields) > 1000, "yields differ from run to run"


def test_no_battery_holds_more_lead_than_its_plates(seed: int) -> None:
    [ceiling] = [
        one
        for one in read_json("rules.json")["ceilings"]
        if one["kind"] == "break_battery"
    ]
    broken = [run for run in simulated(seed).runs if run.kind == "break_battery"]

    assert len(broken) >= 8
    for run in broken:
        most_kg = run.net_in_kg * ceiling["most_metal_per_net_ppm"] / 1_000_000
        assert 0.55 * run.net_in_kg < run.metal_out_kg < most_kg


def test_every_run_closes_and_gains_no_metal(seed: int) -> None:
    runs = simulated(seed).runs

    assert len(runs) > 500
    for run in runs:
        closed_kg = run.net_out_kg + run.losses_kg
        assert closed_kg == pytest.approx(run.net_in_kg, abs=1e-6), run.number
        assert run.metal_out_kg <= run.metal_in_kg + 0.01, run.number


@pytest.mark.parametrize("kind", ["extrude", "draw", "electrorefine"])
def test_ten_to_twenty_percent_go_round_as_returns(seed: int, kind: str) -> None:
    runs = [run for run in simulated(seed).runs if run.kind == kind]

    assert len(runs) >= 8
    for run in runs:
        assert 0.10 <= run.net_of("return") / run.net_in_kg <= 0.20, run.number


def test_returns_are_charged_again(seed: int) -> None:
    read = simulated(seed)
    made = {
        lot["lot"]: lot["material"]
        for sheet in read.sheets
        if sheet.template == "runs"
        for lot in sheet.rows
        if lot["direction"] == "返料"
    }
    again: dict[str, float] = defaultdict(float)
    for run in read.runs:
        for number, net_kg in run.inputs:
            if number in made:
                again[made[number]] += net_kg

    for material in ("AL-OFFCUTS-6063", "CU-OFFCUTS", "CU-ANODE-SCRAP", "PB-DROSS"):
        assert again[material] > 1000, material
    assert any(run.kind == "reclassify" for run in read.runs)


def test_weights_differ_by_no_more_than_the_class_of_the_scales_allows(
    seed: int,
) -> None:
    read = simulated(seed)
    gaps = []
    for journey in read.journeys.values():
        if journey.received_kg is None:
            continue
        ends = [read.facilities[name] for name in (journey.sender, journey.receiver)]
        e_kg = [end.scale_for(journey.sent_kg).e_kg for end in ends]
        limit = pair_limit_kg(int(journey.sent_kg), *e_kg)
        gap = abs(journey.sent_kg - journey.received_kg)
        assert gap <= limit
        assert gap <= max(journey.sent_kg * 0.003, *e_kg)
        gaps.append(gap / limit)

    assert len(gaps) > 300
    assert sum(gap > 0 for gap in gaps) > len(gaps) / 4, "scales are not perfect"
    assert 0.05 < mean(gaps) < 0.6


def test_every_reading_is_a_whole_number_of_divisions_below_the_capacity(
    seed: int,
) -> None:
    for lot in simulated(seed).sourced:
        code = lot.row["scale"]
        scales = (lot.facility.truck, lot.facility.platform)
        [scale] = [one for one in scales if one.code == code]
        gross_kg = float(lot.row.get("gross", lot.row["net"]))
        assert gross_kg % scale.e_kg == 0
        assert gross_kg <= scale.max_kg
        assert 2000 <= scale.max_kg / scale.e_kg <= 10_000, "n of class III"
        assert limit_kg(int(gross_kg), scale.e_kg) <= 3 * scale.e_kg


def test_little_comes_in_around_the_spring_festival(seed: int) -> None:
    collected: dict[date, float] = defaultdict(float)
    for lot in simulated(seed).sourced:
        if lot.scrap:
            collected[lot.day - timedelta(days=lot.day.weekday())] += lot.net_kg
    festival = new_year_monday(2026)
    assert festival == date(2026, 2, 16)
    weeks = [date(2025, 11, 3) + timedelta(weeks=count) for count in range(51)]
    usual = median(collected[week] for week in weeks)

    assert collected[festival] < 0.3 * usual
    assert collected[festival + timedelta(weeks=1)] < 0.5 * usual
    quietest = sorted(weeks, key=lambda week: collected[week])[:2]
    assert set(quietest) == {festival, festival + timedelta(weeks=1)}
    others = [week for week in weeks if abs((week - festival).days) > 21]
    assert min(collected[week] for week in others) > 0.4 * usual


def test_scrap_comes_in_at_the_published_hubs(seed: int) -> None:
    read = simulated(seed)
    hubs = {row["place_zh"]: row for row in read_csv("regional_hubs.csv")}
    [chain] = read.chains
    used = set()
    for registration in chain.registrations:
        [hub] = [hub for place, hub in hubs.items() if place in registration["name_zh"]]
        assert registration["province"] == hub["province"]
        used.add(hub["place_zh"])
    roles = {
        "domestic collection": {"临沂", "汨罗", "长葛", "大石桥"},
        "import-fed": {"宁波", "南海", "清远", "静海", "台州"},
    }
    for role, places in roles.items():
        assert {place for place in places if role in hubs[place]["role"]} == places
        assert places <= used
    for lot in read.sourced:
        if lot.source in ("collected", "industrial"):
            assert any(
                one in lot.facility.name_zh for one in roles["domestic collection"]
            )
        if lot.source == "imported":
            assert any(one in lot.facility.name_zh for one in roles["import-fed"])


def test_imports_name_a_code_that_is_open_and_where_they_come_from(seed: int) -> None:
    codes = {row["hs10"]: row["metal"] for row in read_csv("hs_codes.csv")}
    imported = [lot for lot in simulated(seed).sourced if lot.source == "imported"]

    assert len(imported) > 50
    for lot in imported:
        assert codes[lot.row["hs_code"]] == METALS[lot.material]
        assert len(lot.row["country"]) == 2
        assert date.fromisoformat(lot.row["declared_on"]) < lot.day


def test_each_scale_errs_within_the_limit_of_its_class_and_load(seed: int) -> None:
    rng = Random(seed)
    scales = [
        scale
        for facility in simulated(seed).facilities.values()
        for scale in (facility.truck, facility.platform)
    ]
    used = set()
    for scale in scales:
        for _ in range(200):
            load_kg = rng.uniform(scale.e_kg, scale.max_kg)
            divisions = load_kg / scale.e_kg
            # in service: 1, 2 or 3 divisions, as OIML R 76 has it for class III
            most = 1 if divisions <= 500 else 2 if divisions <= 2000 else 3
            shown = scale.read(rng, load_kg)
            assert shown % scale.e_kg == 0
            assert abs(shown - load_kg) <= most * scale.e_kg
            if abs(shown - load_kg) > scale.e_kg:
                used.add(most)

    assert {scale.scale_class for scale in scales} == {"III"}
    assert used >= {2, 3}, "heavier loads err by more"
