"""Facts in: all or nothing, once, with faults by position."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from app.models import DisclosureRow, LogEntryRow, LotBalanceRow, LotRow
from app.queries.log import get_head
from app.services.disclosures import Safe, rows_of
from app.services.errors import Forbidden, NoSigningKey, Refused, RepeatMismatch
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact
from labels.codes import new_code
from ledger import parse_disclosure, parse_entry
from tests.world import World


@pytest.fixture
def yard(world: World) -> World:
    """One yard with a truck scale."""
    world.org = world.register("yard")  # type: ignore[attr-defined]
    world.site = world.facility(  # type: ignore[attr-defined]
        world.org,  # type: ignore[attr-defined]
        "yard gate",
        scales=[{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}],
    )
    return world


def lot_fact(world: World, *, net_g: int = 10_000_000, **more: object) -> Fact:
    """A sourced lot of the yard."""
    data = {
        "lot": new_code(),
        "facility": world.site,  # type: ignore[attr-defined]
        "material": "AL-SCRAP-MIXED",
        "source": "collected",
        "origin_class": "post_consumer",
        "weighing": {"net_g": net_g, "scale": "W1"},
        "metal": "Al",
        "content_ppm": 950_000,
        "content_basis": "declared",
    }
    return world.fact("lot.sourced", world.org, data | more)  # type: ignore[attr-defined]


def size(world: World) -> int:
    with world.reading() as session:
        return get_head(session).size


def test_a_batch_gets_indexes_in_its_order_without_gaps(yard: World) -> None:
    before = size(yard)

    receipts = yard.post([lot_fact(yard) for _ in range(5)])

    assert [one.entry_index for one in receipts] == list(range(before, before + 5))
    assert size(yard) == before + 5


def test_a_lot_and_its_entry_come_together_with_a_key_from_the_log(yard: World) -> None:
    fact = lot_fact(yard)

    [receipt] = yard.post([fact])

    with yard.reading() as session:
        row = session.scalars(
            select(LotRow).where(LotRow.code == fact.data["lot"])
        ).one()
        entry = session.get_one(LogEntryRow, receipt.entry_index)
    assert row.id == receipt.entry_index * 1024
    assert row.metal_g == 9_500_000
    assert parse_entry(entry.note).fact["data"] == fact.data


def test_faults_are_told_by_position_and_nothing_is_kept(yard: World) -> None:
    before = size(yard)
    good = lot_fact(yard)
    wrong_scale = lot_fact(yard, weighing={"net_g": 5, "scale": "W9"})
    no_material = lot_fact(yard, material="AL-NOTHING")

    with pytest.raises(Refused) as refused:
        yard.post([good, wrong_scale, good, no_material])

    places = [(one.position, one.field) for one in refused.value.faults]
    assert places == [(1, "data.weighing.scale"), (3, "data.material")]
    assert "expected a scale" in refused.value.faults[0].text
    assert size(yard) == before


def test_a_fact_that_uses_a_refused_one_is_refused_too(yard: World) -> None:
    source = lot_fact(yard, material="AL-NOTHING")
    delivery = yard.fact(
        "lot.delivered",
        source.org,
        {"lot": source.data["lot"], "net_g": 10, "to": "sold"},
    )

    with pytest.raises(Refused) as refused:
        yard.post([source, delivery])

    assert [one.position for one in refused.value.faults] == [0, 1]


def test_the_same_request_is_answered_with_its_first_receipt(yard: World) -> None:
    fact = lot_fact(yard)
    [first] = yard.post([fact])
    before = size(yard)

    [again] = yard.post([fact])

    assert again == replace(first, repeated=True)
    assert size(yard) == before


def test_a_fact_that_stands_twice_in_a_batch_is_recorded_once(yard: World) -> None:
    fact = lot_fact(yard)

    first, second = yard.post([fact, fact])

    assert first.entry_index == second.entry_index
    assert second.repeated


def test_another_request_under_the_same_id_is_refused(yard: World) -> None:
    fact = lot_fact(yard)
    yard.post([fact])
    other = replace(lot_fact(yard), id=fact.id)

    with pytest.raises(RepeatMismatch):
        yard.post([other])


def test_a_private_value_changes_the_request(yard: World) -> None:
    fact = lot_fact(yard)
    yard.post([replace(fact, private={"supplier": "示例供方"})])

    with pytest.raises(RepeatMismatch):
        yard.post([replace(fact, private={"supplier": "另一供方"})])


def test_private_values_stand_outside_the_entry(yard: World) -> None:
    fact = replace(lot_fact(yard), private={"supplier": "示例供方甲", "price": "18000"})

    [receipt] = yard.post([fact])

    with yard.reading() as session:
        note = session.get_one(LogEntryRow, receipt.entry_index).note
        shown = [
            parse_disclosure(Safe(yard.keyring).text_of(row))
            for row in rows_of(
                session, DisclosureRow.entry_index == receipt.entry_index
            )
        ]
    digests = parse_entry(note).fact["sd"]
    assert "示例供方甲".encode() not in note
    assert {one.name: one.value for one in shown} == dict(fact.private)
    assert len(digests) == 8
    assert {one.digest for one in shown} <= set(digests)


def test_an_entry_names_the_entries_that_made_what_it_uses(yard: World) -> None:
    source = lot_fact(yard)
    delivery = yard.fact(
        "lot.delivered",
        source.org,
        {"lot": source.data["lot"], "net_g": 1000, "to": "sold"},
    )

    first, second = yard.post([source, delivery])

    with yard.reading() as session:
        note = session.get_one(LogEntryRow, second.entry_index).note
    assert parse_entry(note).fact["parents"] == [first.leaf_hash]


def test_a_fact_of_another_organisation_is_forbidden(yard: World) -> None:
    other = yard.register("other")
    fact = replace(lot_fact(yard), org=other)
    mine = lot_fact(yard)

    with pytest.raises(Forbidden):
        yard.post([mine, fact])


def test_an_organisation_without_a_platform_key_is_told_so(yard: World) -> None:
    fact = replace(lot_fact(yard), org=new_code())

    with pytest.raises(NoSigningKey):
        yard.post([fact])


def test_a_fact_of_the_future_is_refused(yard: World) -> None:
    fact = yard.fact(
        "lot.sourced",
        lot_fact(yard).org,
        dict(lot_fact(yard).data),
        at="2027-01-01T00:00:00Z",
    )

    with pytest.raises(Refused, match="future"):
        yard.post([fact])


def test_no_lot_gives_more_than_it_holds(yard: World) -> None:
    source = lot_fact(yard, net_g=1_000_000)
    yard.post([source])

    def deliver(net_g: int) -> None:
        data = {"lot": source.data["lot"], "net_g": net_g, "to": "sold"}
        yard.state("lot.delivered", source.org, data)

    deliver(600_000)
    with pytest.raises(Refused, match="400000 g are left"):
        deliver(400_001)
    deliver(400_000)

    with yard.reading() as session:
        assert session.scalar(select(func.sum(LotBalanceRow.left_g))) == 0


def test_a_radiation_failure_puts_the_lot_in_quarantine(yard: World) -> None:
    check = {"passed": False, "on": "2026-03-01"}
    source = lot_fact(yard, radiation_check=check)
    yard.post([source])
    data = {"lot": source.data["lot"], "net_g": 1000, "to": "sold"}

    with pytest.raises(Refused, match="quarantine"):
        yard.state("lot.delivered", source.org, data)


def test_an_own_number_stands_for_one_lot_of_a_facility(yard: World) -> None:
    alias = [{"scheme": "own", "value": "A-001"}]
    yard.post([lot_fact(yard, alias=alias)])

    with pytest.raises(Refused, match="A-001"):
        yard.post([lot_fact(yard, alias=alias)])


def test_an_own_number_is_free_again_after_its_lot_was_taken_back(yard: World) -> None:
    alias = [{"scheme": "own", "value": "A-001"}]
    first = lot_fact(yard, alias=alias)
    yard.post([first])
    yard.state(
        "entry.corrected",
        first.org,
        {"corrects": first.id, "action": "void", "reason": "重复录入"},
    )

    [receipt] = yard.post([lot_fact(yard, alias=alias)])

    assert not receipt.repeated


def test_opening_stock_comes_before_the_first_run_and_is_never_recycled(
    yard: World,
) -> None:
    opening = lot_fact(
        yard, source="opening", origin_class="internal", material="AL-RETURNS"
    )
    yard.post([opening])
    with pytest.raises(Refused, match="origin class"):
        yard.post([lot_fact(yard, source="opening", origin_class="post_consumer")])
    run = {
        "run": new_code(),
        "facility": opening.data["facility"],
        "kind": "split",
        "inputs": [{"lot": opening.data["lot"], "net_g": 10_000_000}],
        "outputs": [
            {
                "lot": new_code(),
                "material": "AL-RETURNS",
                "net_g": 5_000_000,
                "metal_g": 4_750_000,
                "role": "product",
            }
            for _ in range(2)
        ],
        "losses": {},
    }
    yard.state("run.recorded", opening.org, run)

    with pytest.raises(Refused, match="first run"):
        yard.post([lot_fact(yard, source="opening", origin_class="unknown")])


def test_fact_ids_are_of_version_7_and_grow_with_time(yard: World) -> None:
    earlier = new_fact_id(yard.now.replace(year=2025))
    later = new_fact_id(yard.now)

    assert earlier[14] == later[14] == "7"
    assert earlier < later
