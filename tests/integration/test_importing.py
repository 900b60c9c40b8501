"""Files of rows into the log, as yards hand them in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from app.intake.faulty_rows import faulty_csv, reasons_of
from app.intake.reading import open_table
from app.models import LogEntryRow, LotAliasRow, LotBalanceRow, LotRow, OrganisationRow
from app.schemas.entries import check_fact
from app.services.access import Actor
from app.services.auditing import audit_material
from app.services.errors import Conflict, Forbidden
from app.services.importing import Importer, ImportResult, Mode, count_rows, import_file
from tests.world import World

SOURCED = (
    "批号,日期,场所,物料,来源,来源类别,毛重(kg),皮重(kg),净重(kg),磅秤,金属含量(%)"
)
RUNS = "工序号,工序,场所,开始,结束,方向,批号,物料,重量(kg),金属含量(%)"
TRANSFERS = "交接号,批号,发出场所,接收场所,发出日期,发出净重(kg),接收日期,接收净重(kg)"
DELIVERIES = "批号,日期,净重(kg),去向,产品类别"


@dataclass
class Trade:
    """A yard and a smelter that hand in files."""

    world: World
    yard: str
    smelter: str

    def hand_in(
        self,
        org: str,
        template: str,
        text: str | bytes,
        *,
        mode: Mode = "all",
        dry_run: bool = False,
        roles: frozenset[str] = frozenset({"recycler"}),
        **more: Any,
    ) -> ImportResult:
        """Import a file for an organisation."""
        with self.world.reading() as session:
            key = session.scalar(
                select(OrganisationRow.id).where(OrganisationRow.code == org)
            )
        actor = Actor(1, key, org, roles)
        importer = Importer(
            self.world.doors, self.world.keyring, actor, check_fact, self.world.now
        )
        content = text if isinstance(text, bytes) else text.encode()
        return import_file(
            importer, template, io.BytesIO(content), mode=mode, dry_run=dry_run, **more
        )

    def size(self) -> int:
        """Entries of the log."""
        with self.world.reading() as session:
            return session.scalar(select(func.count()).select_from(LogEntryRow)) or 0

    def lots(self) -> dict[str, tuple[int, int, str]]:
        """(left, metal as made, state) of every lot by its own number."""
        with self.world.reading() as session:
            rows = session.execute(
                select(
                    LotAliasRow.value,
                    LotBalanceRow.left_g,
                    LotRow.metal_g,
                    LotBalanceRow.state,
                )
                .join(LotRow, LotRow.id == LotAliasRow.lot_id)
                .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
            )
            return {row[0]: (row[1], row[2], row[3]) for row in rows}


@pytest.fixture
def trade(world: World) -> Trade:
    scales = [
        {"code": "W1", "e_g": 20_000, "max_g": 100_000_000},
        {"code": "P1", "e_g": 500, "max_g": 3_000_000},
    ]
    yard, smelter = world.register("yard"), world.register("smelter")
    world.facility(yard, "gate", scales=scales)
    world.facility(smelter, "furnace", kind="smelter", boundary="S", scales=scales)
    return Trade(world, yard, smelter)


def sourced(*rows: str) -> str:
    return "\n".join([SOURCED, *rows])


def row(number: str, net_kg: str = "12480", facility: str = "示例 gate") -> str:
    return f"{number},2026-03-05,{facility},AL-SCRAP-MIXED,回收,消费后,,,{net_kg},W1,95"


def texts(result: ImportResult) -> list[str]:
    return [fault.text() for fault in result.faults]


def test_rows_become_lots_with_their_own_numbers(trade: Trade) -> None:
    result = trade.hand_in(
        trade.yard, "sourced", sourced(row("A1"), row("A2", "800.5"))
    )

    assert (result.rows, result.facts_posted, result.recorded) == (2, 2, True)
    assert trade.lots() == {
        "A1": (12_480_000, 11_856_000, "held"),
        "A2": (800_500, 760_475, "held"),
    }


def test_a_file_handed_in_again_adds_nothing(trade: Trade) -> None:
    text = sourced(row("A1"), row("A2"))
    trade.hand_in(trade.yard, "sourced", text)
    size = trade.size()

    again = trade.hand_in(trade.yard, "sourced", text.replace("\n", "\r\n"))
    longer = trade.hand_in(
        trade.yard, "sourced", f"{text}\n{row('A3')}".encode("gb18030")
    )

    assert (again.facts_posted, again.facts_known, again.recorded) == (0, 2, True)
    assert (longer.facts_posted, longer.facts_known) == (1, 2)
    assert trade.size() == size + 1


def test_a_row_with_another_weight_under_the_same_number_is_a_fault(
    trade: Trade,
) -> None:
    trade.hand_in(trade.yard, "sourced", sourced(row("A1")))

    result = trade.hand_in(trade.yard, "sourced", sourced(row("A1", "12500")))

    assert not result.recorded
    [text] = texts(result)
    assert text.startswith("Row 2, 批号: the number A1 stands for another lot")


def test_other_confidential_values_under_the_same_row_are_told(trade: Trade) -> None:
    head = SOURCED + ",供方"
    trade.hand_in(trade.yard, "sourced", f"{head}\n{row('A1')},示例甲")

    result = trade.hand_in(trade.yard, "sourced", f"{head}\n{row('A1')},示例乙")

    assert (result.recorded, result.facts_posted) == (False, 0)
    assert "other confidential values" in texts(result)[0]


def test_all_or_nothing_names_every_fault_and_records_nothing(trade: Trade) -> None:
    size = trade.size()
    text = sourced(
        row("A1"),
        row("A2", '"12,4oo"'),
        row("A3", facility="示例 nowhere"),
        row("A4", "200000"),
    )

    result = trade.hand_in(trade.yard, "sourced", text)

    assert not result.recorded
    assert trade.size() == size
    found = texts(result)
    assert found[0].startswith("Row 3, 净重(kg): found '12,4oo', expected")
    assert found[1] == "Row 4, 场所: there is no facility of this name or code."
    assert found[2].startswith("Row 5, 净重(kg): found 200000000 g, expected at most")
    assert len(found) == 3


def test_a_dry_run_finds_the_same_and_records_nothing(trade: Trade) -> None:
    size = trade.size()
    good = sourced(row("A1"), row("A2"))

    dry = trade.hand_in(trade.yard, "sourced", good, dry_run=True)
    assert (dry.facts_posted, dry.recorded, trade.size()) == (2, False, size)

    wet = trade.hand_in(trade.yard, "sourced", good)
    assert (wet.facts_posted, wet.recorded, trade.size()) == (2, True, size + 2)


def test_only_the_rows_that_fit_are_recorded_and_the_others_come_back(
    trade: Trade,
) -> None:
    text = sourced(row("A1"), row("A2", "-3"), row("A3"), row("A4", "1e9"))

    result = trade.hand_in(trade.yard, "sourced", text, mode="valid")

    assert (result.facts_posted, result.recorded) == (2, True)
    assert sorted(trade.lots()) == ["A1", "A3"]
    table = open_table(text.encode())
    next(iter(table.rows))
    rest = b"".join(
        faulty_csv(table, result.binding, reasons_of(result.rejected))
    ).decode("utf-8-sig")
    assert [line.split(",")[0] for line in rest.splitlines()[1:]] == ["A2", "A4"]

    mended = rest.replace("'-3", "3").replace("-3", "3").replace("1e9", "900")
    again = trade.hand_in(trade.yard, "sourced", mended)
    assert (again.facts_posted, again.recorded) == (2, True)


def test_what_is_interrupted_leaves_nothing_or_what_was_whole(trade: Trade) -> None:
    text = sourced(*(row(f"N{n}") for n in range(700)))
    size = trade.size()

    def pull_the_plug(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trade.hand_in(trade.yard, "sourced", text, progress=pull_the_plug)
    assert trade.size() == size

    with pytest.raises(KeyboardInterrupt):
        trade.hand_in(trade.yard, "sourced", text, mode="valid", progress=pull_the_plug)
    assert trade.size() == size + 500

    again = trade.hand_in(trade.yard, "sourced", text, mode="valid")
    assert (again.facts_known, again.facts_posted) == (500, 200)


def full_chain(trade: Trade) -> None:
    """A lot is split, a part travels, is melted and sold."""
    trade.hand_in(trade.yard, "sourced", sourced(row("A1")))
    split = [
        "R1,拆分,示例 gate,,2026-03-06,投入,A1,,12480,",
        "R1,拆分,示例 gate,,2026-03-06,产出,A1-1,AL-SCRAP-MIXED,8000,",
        "R1,拆分,示例 gate,,2026-03-06,产出,A1-2,AL-SCRAP-MIXED,4480,",
    ]
    assert texts(trade.hand_in(trade.yard, "runs", "\n".join([RUNS, *split]))) == []
    sent = "T1,A1-1,示例 gate,示例 furnace,2026-03-07,8000,,"
    assert texts(trade.hand_in(trade.yard, "transfers", f"{TRANSFERS}\n{sent}")) == []
    taken = "T1,A1-1,示例 gate,示例 furnace,,,2026-03-08,7990"
    result = trade.hand_in(trade.smelter, "transfers", f"{TRANSFERS}\n{taken}")
    assert texts(result) == []
    shift = "M1,熔炼,示例 furnace,2026-03-09 08:00,2026-03-09 16:00"
    melt = [
        f"{shift},投入,A1-1,,7990,",
        f"{shift},产出,B1,AL-6063-BILLET,7200,98",
        f"{shift},损耗,,烧损,790,",
    ]
    assert texts(trade.hand_in(trade.smelter, "runs", "\n".join([RUNS, *melt]))) == []
    sold = "B1,2026-03-10,5000,销售,型材"
    result = trade.hand_in(trade.smelter, "deliveries", f"{DELIVERIES}\n{sold}")
    assert texts(result) == []


def test_a_chain_of_files_from_yard_to_sale(trade: Trade) -> None:
    full_chain(trade)

    lots = trade.lots()
    assert lots["A1"][0] == 0
    assert lots["A1-1"][1] + lots["A1-2"][1] == lots["A1"][1]
    assert lots["A1-2"] == (4_480_000, 4_256_000, "held")
    assert lots["B1"][0] == 2_200_000
    with trade.world.reading() as session:
        assert audit_material(session) == []


def test_the_same_chain_handed_in_again_adds_nothing(trade: Trade) -> None:
    full_chain(trade)
    size = trade.size()

    full_chain(trade)

    assert trade.size() == size


def test_the_other_side_of_a_transfer_is_left_to_its_organisation(
    trade: Trade,
) -> None:
    trade.hand_in(trade.yard, "sourced", sourced(row("A1")))
    both = (
        f"{TRANSFERS}\nT1,A1,示例 gate,示例 furnace,2026-03-07,12480,2026-03-08,12470"
    )

    sender = trade.hand_in(trade.yard, "transfers", both)
    receiver = trade.hand_in(trade.smelter, "transfers", both)

    assert (sender.facts_posted, sender.left_to_others) == (1, 1)
    assert (receiver.facts_posted, receiver.left_to_others) == (1, 1)
    assert trade.lots()["A1"] == (12_470_000, 11_856_000, "held")


def test_names_that_stand_for_nothing_are_told_with_their_column(trade: Trade) -> None:
    melt = [
        "M1,熔炼,示例 furnace,,2026-03-09,投入,Z9,,7990,",
        "M1,熔炼,示例 furnace,,2026-03-09,产出,B1,AL-6063-BILLET,7200,98",
        "M1,熔炼,示例 furnace,,2026-03-09,损耗,,烧损,790,",
    ]
    result = trade.hand_in(trade.smelter, "runs", "\n".join([RUNS, *melt]))
    sold = trade.hand_in(
        trade.smelter, "deliveries", f"{DELIVERIES}\nZ9,2026-03-10,50,销售,"
    )

    assert texts(result) == [
        "Row 2, 批号: no lot of yours has this number, and no row above makes one."
    ]
    assert texts(sold)[0].startswith("Row 2, 批号: no lot of yours")


def test_a_material_that_is_not_the_lots_is_told(trade: Trade) -> None:
    trade.hand_in(trade.yard, "sourced", sourced(row("A1")))
    split = [
        "R1,拆分,示例 gate,,2026-03-06,投入,A1,AL-SCRAP-UBC,12480,",
        "R1,拆分,示例 gate,,2026-03-06,产出,A1-1,AL-SCRAP-MIXED,12480,",
    ]

    result = trade.hand_in(trade.yard, "runs", "\n".join([RUNS, *split]))

    assert texts(result) == [
        "Row 2, 物料: found AL-SCRAP-UBC, expected AL-SCRAP-MIXED, what this lot is."
    ]


def test_who_may_not_state_facts_may_not_import_them(trade: Trade) -> None:
    with pytest.raises(Forbidden):
        trade.hand_in(
            trade.yard, "sourced", sourced(row("A1")), roles=frozenset({"statistician"})
        )
    nobody = Actor(1, None, None, frozenset({"registrar"}))
    importer = Importer(
        trade.world.doors, trade.world.keyring, nobody, check_fact, trade.world.now
    )
    with pytest.raises(Conflict):
        import_file(importer, "sourced", io.BytesIO(sourced(row("A1")).encode()))


def test_rows_are_counted_without_importing(trade: Trade) -> None:
    text = sourced(row("A1"), "", row("A2"))

    assert count_rows(io.BytesIO(text.encode()), "sourced") == 2
