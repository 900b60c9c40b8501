"""Returns: what flows, what becomes scrap, and what comes back to its own group."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from app.queries.facts import Reader
from app.queries.lot_pages import get_readable_lot, get_way
from app.services.closed_loop import find_closed_loop, months_later
from app.services.errors import Refused
from labels.codes import new_code
from tests.people import add_person, close, make_app, sign_in
from tests.trade import TONNE, Trade, out
from tests.world import World


@pytest.fixture
def trade(world: World) -> Trade:
    return Trade(world)


def test_offcuts_of_another_boundary_become_pre_consumer_scrap_whole(
    trade: Trade,
) -> None:
    offcut, net_g = trade.offcuts()
    trade.send(offcut, trade.mill, trade.caster, net_g, net_g)
    with pytest.raises(Refused, match="never a part"):
        trade.reclassify(trade.caster, offcut, net_g - 1)

    scrap = trade.lot(trade.reclassify(trade.caster, offcut, net_g))

    assert (scrap.kind, scrap.pre_domestic_g) == ("scrap", net_g)
    assert scrap.primary_domestic_g == 0


def test_a_part_of_offcuts_comes_from_the_process_of_the_whole(trade: Trade) -> None:
    part, net_g = trade.offcuts(cut=True)
    trade.send(part, trade.mill, trade.dealer, net_g, net_g)
    smaller = new_code()
    trade.run(
        trade.dealer,
        "repack",
        [(part, net_g)],
        [
            out(net_g // 4, "AL-OFFCUTS-6063", code=smaller),
            out(net_g - net_g // 4, "AL-OFFCUTS-6063"),
        ],
    )
    trade.send(smaller, trade.dealer, trade.caster, net_g // 4, net_g // 4)

    scrap = trade.reclassify(trade.caster, smaller, net_g // 4)

    assert trade.lot(scrap).pre_domestic_g == net_g // 4


def test_offcuts_that_come_home_over_a_dealer_are_returns_still(trade: Trade) -> None:
    part, net_g = trade.offcuts(cut=True)
    trade.send(part, trade.mill, trade.dealer, net_g, net_g)
    trade.send(part, trade.dealer, trade.mill, net_g, net_g)

    with pytest.raises(Refused, match="inside this boundary"):
        trade.reclassify(trade.mill, part, net_g)


def test_offcuts_of_the_own_group_flow_and_are_no_scrap(trade: Trade) -> None:
    offcut, net_g = trade.offcuts()
    trade.send(offcut, trade.mill, trade.sister, net_g, net_g)

    with pytest.raises(Refused, match="under the same control"):
        trade.reclassify(trade.sister, offcut, net_g)


def test_more_returns_than_a_process_has_keep_their_classes(trade: Trade) -> None:
    offcut, net_g = trade.offcuts(returns_g=3_500_001)
    trade.send(offcut, trade.mill, trade.caster, net_g, net_g)

    with pytest.raises(Refused, match="keep their classes"):
        trade.reclassify(trade.caster, offcut, net_g)


def test_stock_that_no_process_made_is_not_reclassified(trade: Trade) -> None:
    opening = trade.sourced(
        trade.mill, source="opening", origin_class="internal", material="AL-RETURNS"
    )
    part, rest = new_code(), new_code()
    trade.run(
        trade.mill,
        "split",
        [(opening, 10 * TONNE)],
        [
            out(4 * TONNE, "AL-RETURNS", code=part, metal_g=3_800_000),
            out(6 * TONNE, "AL-RETURNS", code=rest, metal_g=5_700_000),
        ],
    )
    trade.send(part, trade.mill, trade.caster, 4 * TONNE, 4 * TONNE)

    with pytest.raises(Refused, match="part of stock that no run made"):
        trade.reclassify(trade.caster, part, 4 * TONNE)


def test_regrading_a_product_makes_no_scrap_for_anybody(trade: Trade) -> None:
    billet = trade.sourced(
        trade.mill,
        source="primary",
        material="AL-6063-BILLET",
        origin_class="primary",
        content_ppm=1_000_000,
    )
    rejected = new_code()
    trade.run(
        trade.mill,
        "regrade",
        [(billet, 10 * TONNE)],
        [
            out(8 * TONNE, "AL-6061-BILLET"),
            out(2 * TONNE, "AL-OFFCUTS-6063", code=rejected, role="return"),
        ],
    )
    trade.send(rejected, trade.mill, trade.caster, 2 * TONNE, 2 * TONNE)

    with pytest.raises(Refused, match="made no product"):
        trade.reclassify(trade.caster, rejected, 2 * TONNE)


def test_internal_metal_is_internal_in_its_group_and_unknown_beyond(
    trade: Trade,
) -> None:
    lots = [
        trade.sourced(
            trade.mill, source="opening", origin_class="internal", material="AL-RETURNS"
        )
        for _ in range(2)
    ]
    for lot, org in zip(lots, (trade.sister, trade.caster), strict=True):
        trade.send(lot, trade.mill, org, 10 * TONNE, 10 * TONNE)

    assert not trade.balance(lots[0]).internal_as_unknown
    assert trade.balance(lots[1]).internal_as_unknown


def melt_back(trade: Trade, at: str = "2026-03-01T08:00:00Z") -> tuple[str, int]:
    """Offcuts of the mill and as much of others, melted by the caster."""
    offcut, net_g = trade.offcuts()
    trade.send(offcut, trade.mill, trade.caster, net_g, net_g)
    scrap = trade.reclassify(trade.caster, offcut, net_g)
    other = trade.sourced(
        trade.caster,
        source="industrial",
        origin_class="pre_consumer",
        content_ppm=1_000_000,
        weighing={"net_g": net_g, "scale": "W1"},
    )
    billet = new_code()
    trade.run(
        trade.caster,
        "melt",
        [(scrap, net_g), (other, net_g)],
        [out(3_600_001, "AL-6063-BILLET", code=billet)],
        losses={"dust": 399_999},
        at=at,
    )
    return billet, 3_600_001


def loop_of(trade: Trade, lot: str) -> int | None:
    with trade.world.reading() as session:
        auditor = Reader(everything=True)
        view, _ = get_readable_lot(session, lot, auditor)
        return find_closed_loop(session, view, get_way(session, view, auditor, 100))


@pytest.mark.parametrize("home", ["mill", "sister"])
def test_metal_that_comes_back_to_its_group_is_told_apart(
    trade: Trade, home: str
) -> None:
    billet, net_g = melt_back(trade)
    assert loop_of(trade, billet) is None

    trade.send(billet, trade.caster, getattr(trade, home), net_g, net_g)

    # half of the charge, rounded up
    assert loop_of(trade, billet) == 1_800_001


def test_metal_that_goes_to_others_is_no_closed_loop(trade: Trade) -> None:
    billet, net_g = melt_back(trade)
    trade.send(billet, trade.caster, trade.dealer, net_g, net_g)

    assert loop_of(trade, billet) is None


def test_what_a_group_makes_of_its_own_metal_carries_the_loop_on(trade: Trade) -> None:
    billet, net_g = melt_back(trade)
    trade.send(billet, trade.caster, trade.mill, net_g, net_g)
    profile = new_code()
    trade.run(
        trade.mill,
        "extrude",
        [(billet, 1_000_001)],
        [
            out(800_000, "AL-6063-T5-PROFILE", code=profile),
            out(200_001, "AL-OFFCUTS-6063", role="return"),
        ],
    )

    assert loop_of(trade, profile) == 400_001


@pytest.mark.parametrize(
    ("accepted_at", "closed"),
    [("2027-03-01T08:00:00Z", True), ("2027-03-01T08:00:01Z", False)],
)
def test_a_loop_closes_within_twelve_months(
    trade: Trade, accepted_at: str, closed: bool
) -> None:
    billet, net_g = melt_back(trade)
    trade.world.now = trade.world.now.replace(year=2028)
    transfer = new_code()
    sent = {
        "transfer": transfer,
        "lot": billet,
        "from": trade.sites[trade.caster],
        "to": trade.sites[trade.mill],
        "weighing": {"net_g": net_g, "scale": "W1"},
    }
    trade.world.state("transfer.dispatched", trade.caster, sent)
    taken = {"transfer": transfer, "weighing": {"net_g": net_g, "scale": "W1"}}
    trade.world.state("transfer.accepted", trade.mill, taken, at=accepted_at)

    assert (loop_of(trade, billet) is not None) is closed


def test_twelve_months_later_is_the_same_day_or_the_last_of_the_month() -> None:
    for at, months, later in (
        ("2026-03-01T08:00:00+08:00", 12, "2027-03-01T08:00:00+08:00"),
        ("2024-02-29T23:59:59+08:00", 12, "2025-02-28T23:59:59+08:00"),
        ("2026-12-31T00:00:00+08:00", 2, "2027-02-28T00:00:00+08:00"),
    ):
        found = months_later(datetime.fromisoformat(at), months)
        assert found == datetime.fromisoformat(later)


def test_the_page_of_a_lot_tells_its_holder_and_auditors_of_the_loop(
    trade: Trade, tmp_path: Path
) -> None:
    billet, net_g = melt_back(trade)
    trade.send(billet, trade.caster, trade.mill, net_g, net_g)
    app = make_app(trade.world.engine, tmp_path)
    told = {}
    for role, org in (
        ("recycler", trade.mill),
        ("auditor", None),
        ("manager", trade.caster),
    ):
        add_person(app, f"{role}@example.org", role, organisation=org)
        client = app.test_client()
        sign_in(client, f"{role}@example.org")
        page = client.get(f"/lots/{billet}?lang=en").text
        told[role] = "Closed loop: at most 1\u202f800.001\u202fkg" in page
    close(app)

    assert told == {"recycler": True, "auditor": True, "manager": False}
