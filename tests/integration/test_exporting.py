"""What was exported is read again: nothing new here, the same rows elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.db import open_engine
from app.intake.files import write_csv, write_xlsx
from app.models import CELL_COLUMNS, LotAliasRow, LotBalanceRow, LotRow
from app.schema import upgrade
from app.services.disclosures import Looker
from app.services.exporting import RowExport, count_facts
from labels.codes import new_code
from tests.integration.test_importing import Trade, full_chain, sourced, texts
from tests.integration.test_importing import row as yard_row
from tests.world import NOW, World, code_of

TEMPLATES = ("sourced", "runs", "transfers", "deliveries")
SCALES = [
    {"code": "W1", "e_g": 20_000, "max_g": 100_000_000},
    {"code": "P1", "e_g": 500, "max_g": 3_000_000},
]


def trade_in(world: World) -> Trade:
    yard, smelter = world.register("yard"), world.register("smelter")
    world.facility(yard, "gate", scales=SCALES)
    world.facility(smelter, "furnace", kind="smelter", boundary="S", scales=SCALES)
    return Trade(world, yard, smelter)


@pytest.fixture
def trade(world: World) -> Trade:
    return trade_in(world)


def exported(trade: Trade, org: str, template: str, form: str = "csv") -> bytes:
    with trade.world.reading() as session:
        found = RowExport(
            session,
            org,
            template,
            "zh" if form == "csv" else "en",
            Looker(trade.world.keyring, None, org, NOW),
        )
        if form == "xlsx":
            content = write_xlsx("rows", found.heads, found.rows())
        else:
            content = b"".join(write_csv(found.heads, found.rows()))
        assert found.facts == count_facts(session, org, template)
        assert found.left_out == {}
    return content


def state_by_hand(trade: Trade) -> None:
    """The same kinds of facts as people log them on a page."""
    world = trade.world
    lot = world.sourced(
        trade.yard,
        code_of("gate"),
        alias=[{"scheme": "own", "value": "H1"}],
        weighing={
            "gross_g": 30_000_000,
            "tare_g": 9_000_000,
            "net_g": 21_000_000,
            "scale": "W1",
        },
        moisture_ppm=12_500,
    )
    anonymous = world.sourced(trade.yard, code_of("gate"), net_g=5_000_000)
    for code in (lot, anonymous):
        delivery = {"lot": code, "net_g": 1_000_000, "to": "sold", "category": "铸件"}
        world.state("lot.delivered", trade.yard, delivery)
    shredded: dict[str, Any] = {
        "run": new_code(),
        "facility": code_of("gate"),
        "kind": "shred",
        "inputs": [{"lot": lot, "net_g": 10_000_000}],
        "outputs": [
            {
                "lot": new_code(),
                "material": "AL-SHRED",
                "net_g": 9_900_000,
                "content_ppm": 940_000,
                "role": "product",
            }
        ],
        "losses": {"dust": 100_000},
    }
    world.state("run.recorded", trade.yard, shredded, at="2026-03-12T09:30:15Z")


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_export_handed_in_again_adds_nothing(trade: Trade, form: str) -> None:
    full_chain(trade)
    state_by_hand(trade)
    size = trade.size()

    for org in (trade.yard, trade.smelter):
        for template in TEMPLATES:
            with trade.world.reading() as session:
                if not count_facts(session, org, template):
                    continue
            result = trade.hand_in(org, template, exported(trade, org, template, form))
            assert texts(result) == [], (org, template)
            assert result.facts_posted == 0, (org, template)

    assert trade.size() == size


def test_an_export_makes_the_same_lots_in_an_empty_ledger(
    trade: Trade, tmp_path: Path
) -> None:
    full_chain(trade)
    engine = open_engine(f"sqlite:///{tmp_path}/other.db")
    upgrade(engine)
    other_world = World(engine)
    other_world.found()
    other = trade_in(other_world)

    for org, template in (
        (trade.yard, "sourced"),
        (trade.yard, "runs"),
        (trade.yard, "transfers"),
        (trade.smelter, "transfers"),
        (trade.smelter, "runs"),
        (trade.smelter, "deliveries"),
    ):
        result = other.hand_in(org, template, exported(trade, org, template))
        assert texts(result) == [], (org, template)

    assert _lots(other) == _lots(trade)
    engine.dispose()


def _lots(trade: Trade) -> dict[str, tuple[Any, ...]]:
    with trade.world.reading() as session:
        rows = session.execute(
            select(LotAliasRow.value, LotRow, LotBalanceRow)
            .join(LotRow, LotRow.id == LotAliasRow.lot_id)
            .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
        ).all()
        return {
            number: (
                lot.code,
                lot.net_g,
                lot.metal_g,
                [getattr(lot, name) for name in CELL_COLUMNS],
                balance.left_g,
                balance.state,
            )
            for number, lot, balance in rows
        }


def test_what_was_taken_back_is_not_exported(trade: Trade) -> None:
    trade.hand_in(trade.yard, "sourced", sourced(yard_row("A1"), yard_row("A2")))
    fact = trade.world.fact(
        "lot.sourced", trade.yard, _sourced_data(), at="2026-03-02T08:00:00Z"
    )
    trade.world.post([fact])
    void = {"corrects": fact.id, "action": "void", "reason": "typed twice"}
    trade.world.state("entry.corrected", trade.yard, void)

    lines = exported(trade, trade.yard, "sourced").decode("utf-8-sig").splitlines()

    assert len(lines) == 3


def _sourced_data() -> dict[str, Any]:
    return {
        "lot": new_code(),
        "facility": code_of("gate"),
        "material": "AL-SCRAP-MIXED",
        "source": "collected",
        "origin_class": "post_consumer",
        "weighing": {"net_g": 10_000_000, "scale": "W1"},
        "metal": "Al",
        "content_ppm": 950_000,
        "content_basis": "declared",
    }
