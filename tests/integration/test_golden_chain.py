"""The golden chain through the services, on real databases, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.models import (
    CELL_COLUMNS,
    UNCOUNTED_COLUMNS,
    FacilityRow,
    LotBalanceRow,
    LotRow,
    ProcessRunRow,
    SupplyRecordRow,
    TakingRow,
)
from app.queries.lots import lot_value, position_value
from app.services.errors import Refused
from graph import free_stretches, read, shares
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, coded, post, set_up
from tests.world import World, code_of


@pytest.fixture
def chain(world: World) -> World:
    return set_up(world)


def lot_row(world: World, name: str) -> Any:
    with world.reading() as session:
        return session.scalars(select(LotRow).where(LotRow.code == code_of(name))).one()


def check_lots(world: World, result: dict[str, Any]) -> None:
    for expected in result.get("lots_made", ()):
        row = lot_row(world, expected["lot"])
        cells = [getattr(row, name) for name in CELL_COLUMNS]
        found = shares(tuple(cells))
        assert found is not None
        assert (row.kind, row.net_g, row.metal_g) == (
            expected["kind"],
            expected["net_g"],
            expected["metal_g"],
        )
        assert cells == expected["cells"]
        assert found.share_ppm == expected["share_ppm"]
        assert found.upper_ppm == expected["upper_ppm"]
        if "uncounted" in expected:
            uncounted = [getattr(row, name) for name in UNCOUNTED_COLUMNS]
            assert uncounted == expected["uncounted"]
        if "pool_stretch" in expected:
            assert row.pool_from_g == expected["pool_stretch"][0]


def check_takings(world: World, result: dict[str, Any], index: int) -> None:
    with world.reading() as session:
        rows = session.scalars(
            select(TakingRow)
            .where(TakingRow.id >= index * 1024, TakingRow.id < (index + 1) * 1024)
            .order_by(TakingRow.id)
        ).all()
    expected = result.get("takings", [])
    assert len(rows) == len(expected)
    for row, taking in zip(rows, expected, strict=True):
        stretches = [[row.from_g, row.to_g], *(row.further or [])]
        assert stretches == taking["stretches"]
        assert row.metal_g == taking["metal_g"]
        assert [getattr(row, name) for name in CELL_COLUMNS] == taking["cells"]
        if "uncounted" in taking:
            uncounted = [getattr(row, name) for name in UNCOUNTED_COLUMNS]
            assert uncounted == taking["uncounted"]


def check_run(world: World, result: dict[str, Any], index: int) -> None:
    if "run" not in result:
        return
    with world.reading() as session:
        row = session.get_one(ProcessRunRow, index * 1024)
    for name in (
        "gain_unknown_g",
        "net_in_g",
        "net_out_g",
        "net_difference_g",
        "metal_loss_g",
    ):
        assert getattr(row, name) == result["run"][name], name


def check_left(world: World, result: dict[str, Any]) -> None:
    for expected in result["left"]:
        with world.reading() as session:
            row, balance = session.execute(
                select(LotRow, LotBalanceRow)
                .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
                .where(LotRow.code == code_of(expected["lot"]))
            ).one()
        position = position_value(balance)
        left = read(
            lot_value(row, row),
            free_stretches(position),
            internal_as_unknown=position.internal_as_unknown,
        )
        assert balance.left_g == left.net_g == expected["net_g"]
        assert left.metal_g == expected["metal_g"]
        assert list(left.cells) == expected["cells"]
        if "uncounted" in expected:
            assert list(left.uncounted) == expected["uncounted"]


def check_supply(world: World, result: dict[str, Any], index: int) -> None:
    with world.reading() as session:
        rows = session.execute(
            select(SupplyRecordRow, FacilityRow.code)
            .join(FacilityRow, FacilityRow.id == SupplyRecordRow.facility_id)
            .where(SupplyRecordRow.entry_index == index)
            .order_by(SupplyRecordRow.id)
        ).all()
    found = [
        {
            "sign": row.sign,
            "month": row.month,
            "province": row.province,
            "metal": row.metal,
            "flow": row.flow,
            "origin_class": row.origin_class,
            "imported": row.imported,
            "facility": facility,
            "metal_g": row.metal_g,
        }
        for row, facility in rows
    ]
    expected = [
        {name: value for name, value in row.items() if name not in ("index", "about")}
        for row in result["supply_rows"]
    ]
    assert found == coded(expected)
    assert all(row.about_index == index for row, _ in rows)


def test_the_golden_chain_is_stored_to_the_gram(chain: World) -> None:
    for item in golden()["facts"][:CHAIN_FACTS]:
        index = post(chain, item)

        check_lots(chain, item["result"])
        check_takings(chain, item["result"], index)
        check_run(chain, item["result"], index)
        check_left(chain, item["result"])
        check_supply(chain, item["result"], index)


def test_a_delivery_taken_back_frees_its_marks_for_the_next_one(chain: World) -> None:
    facts = golden()["facts"]
    for item in facts[:CHAIN_FACTS]:
        post(chain, item)
    delivery, void, later = facts[19], facts[26], facts[27]

    void_index = post(chain, void)
    check_left(chain, {"left": [facts[19 - 1]["result"]["left"][0]]})
    index = post(chain, later)

    with chain.reading() as session:
        row = session.scalars(
            select(TakingRow).where(TakingRow.id == index * 1024)
        ).one()
    stretches = later["result"]["takings"][0]["stretches"]
    assert [[row.from_g, row.to_g], *(row.further or [])] == stretches
    assert void_index < index
    assert delivery["fact"]["id"] == void["fact"]["data"]["corrects"]


def test_a_run_whose_lots_are_used_cannot_be_taken_back(chain: World) -> None:
    facts = golden()["facts"]
    for item in facts[:CHAIN_FACTS]:
        post(chain, item)
    melt = facts[14]["fact"]
    void = chain.fact(
        "entry.corrected",
        code_of(melt["org"]),
        {"corrects": melt["id"], "action": "void", "reason": "录入错误"},
    )

    with pytest.raises(Refused, match="in use"):
        chain.post([void])


def test_a_run_taken_back_restores_every_lot_and_reverses_its_supply(
    chain: World,
) -> None:
    facts = golden()["facts"]
    for item in facts[:23]:
        post(chain, item)
    last = facts[23]
    index = post(chain, last)
    void = chain.fact(
        "entry.corrected",
        code_of(last["fact"]["org"]),
        {"corrects": last["fact"]["id"], "action": "void", "reason": "录入错误"},
    )

    void_index = chain.post([void])[0].entry_index

    check_left(chain, {"left": [facts[22]["result"]["left"][1]]})
    with chain.reading() as session:
        sums = session.execute(
            select(SupplyRecordRow.sign, SupplyRecordRow.metal_g).where(
                SupplyRecordRow.about_index == index
            )
        ).all()
        made = session.scalars(
            select(LotBalanceRow.state)
            .join(LotRow, LotRow.id == LotBalanceRow.lot_id)
            .where(LotRow.run_id == index * 1024)
        ).all()
    assert sum(sign * metal_g for sign, metal_g in sums) == 0
    assert set(made) == {"voided"}
    assert void_index == index + 1
