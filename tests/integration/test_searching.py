"""One field finds whatever has a name, on both databases, for whom it concerns."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.models import LogEntryRow, ProcessRunRow
from labels.codes import format_code
from tests.labelled import PROFILE, SMELTER, YARD, claim_lot, grow_chain, label
from tests.people import add_person, close, make_app, sign_in
from tests.world import World, code_of

OTHER_ENTRY = 6


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    grow_chain(world)
    world.checkpoint()
    app = make_app(world.engine, tmp_path)
    yield app
    close(app)


@pytest.fixture
def smelter(app: APIFlask) -> FlaskClient:
    return signed_in(app, "smelter@example.org", SMELTER)


@pytest.fixture
def yard(app: APIFlask) -> FlaskClient:
    return signed_in(app, "yard@example.org", YARD)


def signed_in(app: APIFlask, email: str, org: str) -> FlaskClient:
    add_person(app, email, "recycler", "manager", organisation=org)
    client = app.test_client()
    sign_in(client, email)
    return client


def search(client: FlaskClient, text: str) -> str:
    """Where a text leads."""
    answer = client.get("/search", query_string={"text": text, "lang": "en"})
    return answer.location if answer.status_code == 302 else answer.text


def numbered(world: World, org: str, facility: str, number: str) -> str:
    return world.sourced(
        code_of(org),
        code_of(facility),
        alias=[{"scheme": "own", "value": number}],
        weighing={"net_g": 10_000_000, "scale": f"{facility}-W1"},
    )


@pytest.mark.parametrize("spelled", [format_code(PROFILE), PROFILE.lower()])
def test_a_code_in_any_spelling_opens_its_lot(
    smelter: FlaskClient, spelled: str
) -> None:
    assert search(smelter, spelled) == f"/lots/{PROFILE}"


def test_an_address_of_this_site_opens_what_it_names(smelter: FlaskClient) -> None:
    assert (
        search(smelter, f"HTTPS://X.INVALID/lots/{PROFILE}?x=1") == f"/lots/{PROFILE}"
    )
    assert search(smelter, "http://[broken") == "/lots?text=http%3A%2F%2F%5Bbroken"


def test_a_label_opens_its_lot_or_the_public_page(
    smelter: FlaskClient, yard: FlaskClient, world: World
) -> None:
    printed = label(world, lot=PROFILE)

    assert search(smelter, f"http://x.invalid/V/{printed}") == f"/lots/{PROFILE}"
    assert search(yard, printed) == f"/v/{printed}"


def test_a_claim_opens_its_page_only_for_those_it_concerns(
    smelter: FlaskClient, yard: FlaskClient, world: World
) -> None:
    claim = claim_lot(world).code

    assert search(smelter, claim) == f"/claims/{claim}"
    assert search(yard, claim) == f"/lots?text={claim}"


def test_a_run_opens_for_its_organisation_and_for_nobody_else(
    smelter: FlaskClient, yard: FlaskClient, world: World
) -> None:
    with world.reading() as session:
        run = session.scalars(
            select(ProcessRunRow.code).order_by(ProcessRunRow.id.desc())
        ).first()
    assert run is not None

    assert search(smelter, run) == f"/runs/{run}"
    assert search(yard, run) == f"/lots?text={run}"


def test_an_own_number_opens_its_lot_and_two_of_them_are_listed(
    smelter: FlaskClient, yard: FlaskClient, world: World
) -> None:
    first = numbered(world, "ORG-S", "FAC-S", "S 7/1")
    assert search(smelter, "S 7/1") == f"/lots/{first}"
    assert search(yard, "S 7/1") == "/lots?text=S+7%2F1"

    scale = {"code": "FAC-S2-W1", "e_g": 20_000, "max_g": 10**8}
    world.facility(SMELTER, "FAC-S2", kind="smelter", scales=[scale])
    second = numbered(world, "ORG-S", "FAC-S2", "S 7/1")

    page = search(smelter, "S 7/1")
    assert f'href="/lots/{first}"' in page
    assert f'href="/lots/{second}"' in page


def test_an_index_or_a_leaf_hash_opens_its_entry_for_those_who_may_read_it(
    smelter: FlaskClient, yard: FlaskClient, world: World
) -> None:
    with world.reading() as session:
        leaf = session.get_one(LogEntryRow, OTHER_ENTRY).leaf_hash

    for text in (str(OTHER_ENTRY), leaf.hex(), base64.b64encode(leaf).decode()):
        assert search(smelter, text) == f"/ledger/entries/{OTHER_ENTRY}"
        assert search(yard, text).startswith("/lots?")


HOSTILE = (
    "%",
    "_",
    "' OR 1=1 --",
    "\x00",
    "9" * 200,
    "9" * 16,
    "<b>x</b>",
    "𠮷" * 90,
    "==",
)


@pytest.mark.parametrize("page", ["search", "lots", "runs", "transfers"])
def test_hostile_texts_find_nothing_and_break_nothing(
    smelter: FlaskClient, page: str
) -> None:
    for text in HOSTILE:
        names = ("text", "before", "after", "type", "since", "material", "state")

        answer = smelter.get(f"/{page}", query_string=dict.fromkeys(names, text))

        expected = (422,) if "\x00" in text else (200, 302)
        assert answer.status_code in expected, ascii(text)
        assert "<b>x</b>" not in answer.text


@pytest.mark.parametrize("wild", ["%", "_", "\\"])
def test_wildcards_of_the_database_are_letters_like_others(
    smelter: FlaskClient, world: World, wild: str
) -> None:
    named = numbered(world, "ORG-S", "FAC-S", f"A{wild}B")

    found = smelter.get("/lots", query_string={"text": wild, "lang": "en"}).text

    assert "1 lot<" in found
    assert format_code(named) in found


def test_keys_beyond_every_row_are_empty_pages(smelter: FlaskClient) -> None:
    for key in ("-1", str(2**70), str(-(2**70)), "x"):
        for page in ("lots", "runs", "transfers", "ledger/search"):
            for name in ("before", "after"):
                assert smelter.get(f"/{page}?{name}={key}").status_code == 200


def test_days_that_no_calendar_holds_are_named(smelter: FlaskClient) -> None:
    for day in ("9999-12-31", "0001-01-01", "2026-02-30"):
        page = smelter.get(f"/lots?since={day}&until={day}&lang=en")

        assert page.status_code == 200
        assert page.text.count("expected a date") >= 2
