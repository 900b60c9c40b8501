"""Claims follow from the composition, hold each gram once, and say why they cannot."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from app.models import ClaimRow, LotBalanceRow, LotRow
from app.queries.claims import (
    ClaimFilter,
    ClaimView,
    count_claims,
    get_claim,
    list_claims,
)
from app.queries.errors import NotFound
from app.queries.log import get_entry
from app.queries.lots import get_lot
from app.schemas.facts import parse_data
from app.services.access import Actor
from app.services.claim_composing import BLOCKS, make_offer, withdraw_claim
from app.services.errors import Forbidden, Refused, RepeatMismatch
from app.services.fact_ids import new_fact_id
from labels.codes import new_code
from ledger import parse_entry
from tests.labelled import (
    PROFILE,
    SMELTER,
    YARD,
    claim_lot,
    grow_chain,
    person,
)
from tests.world import World, code_of


@pytest.fixture
def chain(world: World) -> World:
    """The golden chain up to its profile."""
    grow_chain(world)
    return world


def view_of(world: World, claim: str) -> ClaimView:
    with world.reading() as session:
        return get_claim(session, claim, organisation_id=None, everything=True)


def withdraw(world: World, claim: str, *, fact_id: str | None = None) -> Any:
    return withdraw_claim(
        world.doors,
        world.keyring,
        person(world, SMELTER),
        claim=claim,
        reason="录入错误",
        fact_id=fact_id or new_fact_id(world.now),
        now=world.now,
    )


def block_of(world: World, lot: str, org: str = SMELTER) -> str | None:
    with world.reading() as session:
        view = get_lot(session, lot, organisation_id=None, everything=True)
    return make_offer(view, org).block


def test_a_claim_says_what_the_composition_bears_and_no_more(chain: World) -> None:
    view = view_of(chain, claim_lot(chain, net_g=15_003_007).code)

    assert (view.share_ppm, view.upper_ppm) == (872_188, 898_731)
    assert (view.elv_ppm, view.post_ppm, view.pre_ppm) == (352_809, 446_449, 72_928)
    assert view.net_g == view.claimed_g == 15_003_007
    assert view.model == "controlled_blending"
    assert view.boundary_text == "边界 B-S"
    assert (view.state, view.rule_set, view.method) == ("active", "base", "1")


def test_a_claim_lies_where_takings_come_last(chain: World) -> None:
    view = view_of(chain, claim_lot(chain, net_g=5_000_000).code)

    assert view.stretch == (22_113_907 - 5_000_000, 22_113_907)


def test_the_entry_of_a_claim_fits_the_closed_schema(chain: World) -> None:
    issued = claim_lot(chain, valid_until=date(2027, 6, 30))

    with chain.reading() as session:
        row = session.scalars(
            select(ClaimRow).where(ClaimRow.code == issued.code)
        ).one()
        note = get_entry(session, issued.receipt.entry_index).note
    data = parse_entry(note).fact["data"]
    assert parse_data("claim.issued", data) == data
    assert row.valid_until == date(2027, 6, 30)


def test_without_a_mass_the_largest_free_piece_is_claimed(chain: World) -> None:
    first = view_of(chain, claim_lot(chain, net_g=10_000_000).code)
    second = view_of(chain, claim_lot(chain, net_g=None).code)

    assert first.stretch == (12_113_907, 22_113_907)
    assert second.stretch == (0, 12_113_907)
    assert block_of(chain, PROFILE) == "all_claimed"


def test_no_gram_is_claimed_twice(chain: World) -> None:
    claim_lot(chain, net_g=15_000_000)

    with pytest.raises(Refused, match="at most 7113907 g"):
        claim_lot(chain, net_g=15_000_000)


def test_claims_in_the_same_moment_never_overlap(chain: World) -> None:
    def attempt(_number: int) -> str | None:
        try:
            return claim_lot(chain, net_g=4_000_000).code
        except Refused:
            return None

    with ThreadPoolExecutor(8) as pool:
        codes = [code for code in pool.map(attempt, range(10)) if code is not None]

    stretches = sorted(view_of(chain, code).stretch for code in codes)
    assert len(stretches) == 5  # 22.1 t hold 4 t five times
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(stretches))
    with chain.reading() as session:
        balance = session.scalars(
            select(LotBalanceRow)
            .join(LotRow, LotRow.id == LotBalanceRow.lot_id)
            .where(LotRow.code == PROFILE)
        ).one()
    assert balance.claimed_g == 20_000_000


def test_a_form_sent_twice_claims_once(chain: World) -> None:
    fact_id, code = new_fact_id(chain.now), new_code()

    def send(_number: int) -> bool:
        issued = claim_lot(chain, fact_id=fact_id, claim=code)
        return issued.receipt.repeated

    with ThreadPoolExecutor(4) as pool:
        repeats = list(pool.map(send, range(4)))

    assert sorted(repeats) == [False, True, True, True]
    with pytest.raises(RepeatMismatch):
        claim_lot(chain, fact_id=fact_id, claim=new_code())


def test_a_withdrawn_claim_frees_its_grams(chain: World) -> None:
    first = claim_lot(chain, net_g=None).code
    fact_id = new_fact_id(chain.now)

    receipt = withdraw(chain, first, fact_id=fact_id)
    again = withdraw(chain, first, fact_id=fact_id)

    view = view_of(chain, first)
    assert (view.state, view.withdrawn_because) == ("withdrawn", "录入错误")
    assert view.state_index == receipt.entry_index == again.entry_index
    assert view_of(chain, claim_lot(chain, net_g=None).code).net_g == 22_113_907
    with pytest.raises(Refused, match="ended already"):
        withdraw(chain, first)


def test_a_recycler_claims_and_only_a_manager_withdraws(chain: World) -> None:
    code = claim_lot(chain).code

    with pytest.raises(Forbidden):
        withdraw_claim(
            chain.doors,
            chain.keyring,
            person(chain, SMELTER, "recycler"),
            claim=code,
            reason="录入错误",
            fact_id=new_fact_id(chain.now),
            now=chain.now,
        )
    with pytest.raises(Refused, match="no claim of yours"):
        withdraw_claim(
            chain.doors,
            chain.keyring,
            person(chain, YARD),
            claim=code,
            reason="录入错误",
            fact_id=new_fact_id(chain.now),
            now=chain.now,
        )


def test_a_lot_of_another_cannot_be_claimed(chain: World) -> None:
    assert block_of(chain, PROFILE, YARD) == "not_held"
    with pytest.raises(NotFound):
        claim_lot(chain, org=YARD)


@pytest.mark.parametrize(
    ("more", "block"),
    [
        ({"weighing": {"net_g": 390_000, "scale": "W1"}}, "load_too_small"),
        ({"at": "2027-01-01"}, "scale_expired"),
        ({"origin_class": "unknown"}, "not_recycled"),
        ({"content_ppm": 0}, "no_metal"),
        ({"content_ppm": 500}, "too_little"),
        ({"radiation_check": {"passed": False, "on": "2026-03-01"}}, "quarantined"),
    ],
)
def test_what_cannot_be_claimed_says_why(
    world: World, more: dict[str, Any], block: str
) -> None:
    org = world.register("yard")
    until = "2025-12-31" if block == "scale_expired" else "2027-12-31"
    scale = {"code": "W1", "e_g": 20_000, "max_g": 10**8, "certificate_until": until}
    site = world.facility(org, "gate", scales=[scale])
    more = {name: value for name, value in more.items() if name != "at"}
    lot = world.sourced(org, site, **more)

    assert block_of(world, lot, org) == block
    with pytest.raises(Refused) as refused:
        claim_lot(world, lot=lot, org=org, net_g=None)
    assert refused.value.faults[0].message == BLOCKS[block].message


def test_a_lot_without_a_scale_or_on_its_way_cannot_be_claimed(world: World) -> None:
    org, other = world.register("yard"), world.register("smelter")
    site, casthouse = world.facility(org, "gate"), world.facility(other, "casthouse")
    lot = world.sourced(org, site)
    assert block_of(world, lot, org) == "no_scale"
    world.state(
        "transfer.dispatched",
        org,
        {
            "transfer": new_code(),
            "lot": lot,
            "from": site,
            "to": casthouse,
            "weighing": {"net_g": 10_000_000, "scale": "W1"},
        },
    )
    assert block_of(world, lot, org) == "in_transit"


def test_weights_that_differ_block_a_claim(world: World) -> None:
    scales = [{"code": "W1", "e_g": 20_000, "max_g": 10**8}]
    org, other = world.register("yard"), world.register("smelter")
    site = world.facility(org, "gate", scales=scales)
    casthouse = world.facility(other, "casthouse", scales=scales)
    lot, transfer = world.sourced(org, site), new_code()
    sent: dict[str, Any] = {
        "transfer": transfer,
        "lot": lot,
        "from": site,
        "to": casthouse,
        "weighing": {"net_g": 10_000_000, "scale": "W1"},
    }
    world.state("transfer.dispatched", org, sent)
    taken = {
        "transfer": transfer,
        "weighing": {"net_g": 9_000_000, "scale": "W1"},
        "reason": "雨水",
    }
    world.state("transfer.accepted", other, taken)

    assert block_of(world, lot, other) == "weights_differ"


def test_a_lot_used_up_has_nothing_left_to_claim(chain: World) -> None:
    delivery = {"lot": PROFILE, "net_g": 22_113_907, "to": "sold"}
    chain.state("lot.delivered", SMELTER, delivery)

    assert block_of(chain, PROFILE) == "nothing_left"


def test_a_lot_of_one_class_is_segregated(world: World) -> None:
    org = world.register("yard")
    scales = [{"code": "W1", "e_g": 20_000, "max_g": 10**8}]
    site = world.facility(org, "gate", scales=scales)
    lot = world.sourced(org, site)

    view = view_of(world, claim_lot(world, lot=lot, org=org, net_g=None).code)

    assert (view.model, view.share_ppm, view.upper_ppm) == (
        "segregated",
        1_000_000,
        1_000_000,
    )


def test_a_claim_ends_on_a_day_to_come(chain: World) -> None:
    with pytest.raises(Refused, match="a day that is over"):
        claim_lot(chain, valid_until=date(2026, 11, 22))


def test_claims_are_listed_by_their_own_organisation_and_by_auditors(
    chain: World,
) -> None:
    codes = [claim_lot(chain, net_g=net_g).code for net_g in (10**6, 2 * 10**6)]
    withdraw(chain, codes[0])
    own, other = person(chain, SMELTER), person(chain, YARD)

    def listed(actor: Actor | None, narrowed: ClaimFilter) -> list[str]:
        with chain.reading() as session:
            scope: Any = {
                "organisation_id": actor.organisation_id if actor else None,
                "everything": actor is None,
            }
            found = list_claims(session, narrowed, **scope)
            assert count_claims(session, narrowed, **scope) == len(found)
        return [one.code for one in found]

    assert listed(own, ClaimFilter()) == codes[::-1]
    assert listed(None, ClaimFilter()) == codes[::-1]
    assert listed(other, ClaimFilter()) == []
    assert listed(own, ClaimFilter(state="withdrawn")) == [codes[0]]
    assert listed(own, ClaimFilter(text=codes[1][2:9].lower())) == [codes[1]]
    assert listed(own, ClaimFilter(text="%")) == []
    assert listed(own, ClaimFilter(lot=code_of("L-BIL1"))) == []
