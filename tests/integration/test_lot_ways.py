"""What a trace tells to whom: the holder, whoever handled the lot, and an auditor."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LotRow, OrganisationRow, ProcessRunRow, RunFlowRow
from app.queries.errors import NotFound
from app.queries.facts import Reader
from app.queries.lot_pages import Way, get_history, get_readable_lot, get_way
from labels.codes import format_code
from tests.labelled import PROFILE, SMELTER, YARD, grow_chain
from tests.people import add_person, close, make_app, sign_in
from tests.world import World, code_of

CENTRE = code_of("ORG-P")
AUDITOR = Reader(everything=True)
MOST = 2000


@pytest.fixture
def chain(world: World) -> World:
    grow_chain(world)
    world.checkpoint()
    return world


def reader(session: Session, org: str) -> Reader:
    key = session.scalar(select(OrganisationRow.id).where(OrganisationRow.code == org))
    return Reader(everything=False, organisation_id=key, organisation_code=org)


def way(session: Session, lot: str, who: Reader) -> Way:
    view, _ = get_readable_lot(session, lot, who)
    return get_way(session, view, who, MOST)


def made_by(session: Session, org: str, *, bought: bool) -> list[str]:
    """Lots of an organisation that came in (or were made of others), oldest first."""
    wanted = (
        select(LotRow.code)
        .join(OrganisationRow, OrganisationRow.id == LotRow.organisation_id)
        .where(OrganisationRow.code == org, LotRow.run_id.is_(None) == bought)
        .order_by(LotRow.id)
    )
    return list(session.scalars(wanted))


def test_upstream_others_lots_are_told_without_code_and_cannot_be_opened(
    chain: World,
) -> None:
    with chain.reading() as session:
        found = way(session, PROFILE, reader(session, SMELTER))

        closed = {key for key in found.lots if key not in found.open_to}
        makers = {found.lots[key].maker for key in closed}
        assert closed
        assert SMELTER not in makers
        assert {found.lots[key].maker for key in found.open_to} >= {SMELTER}


def test_downstream_nothing_is_told_of_what_the_next_holder_did(chain: World) -> None:
    with chain.reading() as session:
        (lot,) = (
            code
            for code in made_by(session, CENTRE, bought=False)
            if get_readable_lot(session, code, AUDITOR)[0].holder == SMELTER
        )
        centre = reader(session, CENTRE)
        view, standing = get_readable_lot(session, lot, centre)
        mine, all_of_it = way(session, lot, centre), way(session, lot, AUDITOR)

        assert standing == "counterparty"
        assert {run.organisation_id for run in mine.runs.values()} == {
            centre.organisation_id
        }
        assert len(all_of_it.runs) > len(mine.runs)
        seen = get_history(session, view, centre)
        told = {entry.fact["type"] for entry in seen.entries}
        assert {"transfer.dispatched", "transfer.accepted"} <= told
        runs = [one for one in seen.entries if one.fact["type"] == "run.recorded"]
        assert {one.fact["org"] for one in runs} == {CENTRE}
        assert seen.hidden > 0


def test_whoever_handled_a_lot_reads_it_and_a_stranger_does_not(chain: World) -> None:
    with chain.reading() as session:
        bought = made_by(session, SMELTER, bought=True)[0]

        assert get_readable_lot(session, bought, reader(session, SMELTER))[1] == "own"
        for org in (YARD, CENTRE):
            with pytest.raises(NotFound):
                get_readable_lot(session, bought, reader(session, org))
        with pytest.raises(NotFound):
            get_readable_lot(session, bought, Reader(everything=False))


def test_a_way_holds_every_gram_of_the_flows_that_it_names(chain: World) -> None:
    with chain.reading() as session:
        found = way(session, PROFILE, AUDITOR)

        for run in found.runs:
            stored = session.execute(
                select(RunFlowRow.lot_id, RunFlowRow.net_g, RunFlowRow.metal_g).where(
                    RunFlowRow.run_id == run
                )
            ).all()
            told = [flow[1:] for flow in found.flows if flow.run_id == run]
            assert sorted(told) == sorted(tuple(row) for row in stored)
        assert set(found.runs) <= set(session.scalars(select(ProcessRunRow.id)))


@pytest.fixture
def app(chain: World, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(chain.engine, tmp_path)
    yield app
    close(app)


def signed_in(app: APIFlask, email: str, role: str, org: str | None) -> FlaskClient:
    add_person(app, email, role, organisation=org)
    client = app.test_client()
    sign_in(client, email)
    return client


def test_the_page_tells_balance_and_place_to_the_holder_only(
    app: APIFlask, chain: World
) -> None:
    with chain.reading() as session:
        (lot,) = (
            code
            for code in made_by(session, CENTRE, bought=False)
            if get_readable_lot(session, code, AUDITOR)[0].holder == SMELTER
        )
    centre = signed_in(app, "centre@example.org", "recycler", CENTRE)
    holder = signed_in(app, "smelter@example.org", "recycler", SMELTER)

    told = holder.get(f"/lots/{lot}?lang=en").text
    withheld = centre.get(f"/lots/{lot}?lang=en").text

    for part in ("<dt>Left</dt>", "<dt>State</dt>", "<dt>Where</dt>"):
        assert part in told
        assert part not in withheld
    assert "theirs to tell" in withheld
    assert "示例 FAC-S" not in withheld
    for client, withholds in ((centre, True), (holder, False)):
        heads, *rows = csv.reader(
            io.StringIO(client.get("/lots.csv?lang=en").data.decode("utf-8-sig"))
        )
        row = next(row for row in rows if row[0] == format_code(lot))
        for head in ("Left (g)", "State", "Facility"):
            assert (row[heads.index(head)] == "") == withholds


def test_the_list_pages_forth_and_back_over_the_same_lots(
    app: APIFlask, chain: World
) -> None:
    for _ in range(60):
        chain.sourced(
            SMELTER,
            code_of("FAC-S"),
            weighing={"net_g": 10_000_000, "scale": "FAC-S-W1"},
        )
    client = signed_in(app, "smelter@example.org", "recycler", SMELTER)

    def follow(page: str, way_on: str) -> str:
        link = page.split(f'rel="{way_on}"', maxsplit=1)[0].rpartition('href="')[2]
        return client.get(link.partition('"')[0].replace("&amp;", "&")).text

    first = client.get("/lots?state=held&lang=en").text
    second = follow(first, "next")
    back = follow(second, "prev")

    assert 'rel="prev"' not in first
    assert 'rel="next"' not in second
    lots = [_codes(page) for page in (first, second, back)]
    assert lots[0] == lots[2]
    assert len(lots[0]) == 50
    assert not set(lots[0]) & set(lots[1])
    assert f"{len(lots[0]) + len(lots[1])} lots<" in first
    exported = client.get("/lots.csv?state=held").data
    assert exported.count(b"\r\n") == 1 + len(lots[0]) + len(lots[1])


def _codes(page: str) -> list[str]:
    return [
        part.partition('"')[0]
        for part in page.split('href="/lots/')[1:]
        if len(part.partition('"')[0]) == len(PROFILE)
    ]
