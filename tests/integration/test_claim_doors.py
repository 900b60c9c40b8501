"""Claims through the pages, the API and the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from app.cli.claims import cli
from app.services.fact_ids import new_fact_id
from app.services.tokens import make_token
from labels.codes import format_code, new_code
from tests.labelled import PROFILE, SMELTER, YARD, claim_lot, grow_chain, label
from tests.people import add_person, close, csrf_token, make_app, sign_in
from tests.world import World, code_of


@pytest.fixture
def chain(world: World) -> World:
    """The golden chain up to its profile."""
    grow_chain(world)
    return world


@pytest.fixture
def app(chain: World, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(chain.engine, tmp_path)
    yield app
    close(app)


def person_of(app: APIFlask, *roles: str, org: str | None = SMELTER) -> FlaskClient:
    """Somebody who has signed in."""
    email = f"{new_code().lower()}@example.org"
    add_person(app, email, *roles, organisation=org)
    client = app.test_client()
    assert sign_in(client, email).status_code == 302
    return client


def program_of(
    app: APIFlask, world: World, role: str, org: str | None = SMELTER
) -> FlaskClient:
    """A client that carries a token."""
    user_id = add_person(
        app, f"{new_code().lower()}@example.org", role, organisation=org
    )
    with world.transaction() as session:
        _, token = make_token(
            session,
            user_id,
            name="test",
            scopes=("read", "claim"),
            expires_at=world.now + timedelta(days=300),
            now=world.now,
        )
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the forms on a page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


# Pages


def test_a_claim_is_issued_from_a_form_that_shows_what_the_lot_bears(
    app: APIFlask,
) -> None:
    client = person_of(app, "recycler")
    page = client.get(f"/claims/new?lot={format_code(PROFILE).lower()}&lang=en").text
    assert "87.2" in page
    assert "89.9 %" in page
    assert "Claim 87.2 % recycled" in page

    form = hidden(page) | {"net_g": "15 000", "valid_until": "2027-06-30"}
    answer = client.post("/claims", data=form)

    assert answer.status_code == 302
    shown = client.get(answer.location).text
    assert format_code(form["claim"]) in shown
    assert "15\u202f000\u202fkg" in shown
    assert "2027-06-30" in shown
    again = client.post("/claims", data=form)
    assert again.location == answer.location


def test_nothing_typed_is_lost_when_a_claim_is_refused(app: APIFlask) -> None:
    client = person_of(app, "recycler")
    form = hidden(client.get(f"/claims/new?lot={PROFILE}&lang=en").text)

    wrong = form | {"net_g": "12,4oo", "valid_until": "2027-06-30"}
    too_much = form | {"net_g": "30000"}
    answers = [client.post("/claims", data=one) for one in (wrong, too_much)]

    assert [one.status_code for one in answers] == [422, 422]
    assert 'value="12,4oo"' in answers[0].text
    assert 'value="2027-06-30"' in answers[0].text
    assert form["id"] in answers[0].text
    assert "at most 22113907 g" in answers[1].text


def test_a_lot_that_cannot_be_claimed_says_why_and_offers_no_form(
    app: APIFlask, chain: World
) -> None:
    claim_lot(chain, net_g=None)
    client = person_of(app, "recycler")

    page = client.get(f"/claims/new?lot={PROFILE}&lang=en").text

    assert "Nothing can be claimed of this lot" in page
    assert "all that is left of the lot is claimed" in page
    assert 'name="net_g"' not in page


@pytest.mark.parametrize("lot", ["nonsense", code_of("nobody"), code_of("L-ELV")])
def test_a_lot_that_is_not_held_is_not_found_on_the_form(
    app: APIFlask, lot: str
) -> None:
    client = person_of(app, "recycler")

    answer = client.get("/claims/new", query_string={"lot": lot, "lang": "en"})

    assert "Claim 87.2" not in answer.text
    assert "lot that you hold" in answer.text or "another organisation" in answer.text


def test_a_manager_withdraws_with_a_reason_and_a_recycler_cannot(
    app: APIFlask, chain: World
) -> None:
    code = claim_lot(chain).code
    manager, recycler = person_of(app, "manager"), person_of(app, "recycler")
    page = manager.get(f"/claims/{code}?lang=en").text
    assert "Withdraw the claim" in page
    assert "Withdraw the claim" not in recycler.get(f"/claims/{code}?lang=en").text
    form = hidden(page)

    empty = manager.post(f"/claims/{code}/withdraw", data=form | {"reason": " "})
    answer = manager.post(
        f"/claims/{code}/withdraw", data=form | {"reason": "客户退货"}
    )

    assert (empty.status_code, answer.status_code) == (422, 302)
    shown = manager.get(f"/claims/{code}?lang=en").text
    assert "withdrawn" in shown
    assert "客户退货" in shown
    token = csrf_token(recycler, "/claims/new?lang=en")
    refused = recycler.post(
        f"/claims/{code}/withdraw",
        data={"csrf_token": token, "id": new_fact_id(chain.now), "reason": "x"},
    )
    assert refused.status_code == 403


def test_a_claim_names_its_evidence_and_hides_whose_it_is(
    app: APIFlask, chain: World
) -> None:
    code = claim_lot(chain).code

    own = person_of(app, "recycler").get(f"/claims/{code}?lang=en").text
    auditor = person_of(app, "auditor", org=None).get(f"/claims/{code}?lang=en").text
    other = person_of(app, "recycler", org=YARD).get(f"/claims/{code}?lang=en")

    assert "18 entries of the log stand behind this claim" in own
    assert "of them are other organisations" in own
    assert "18 entries" in auditor
    assert "other organisations" not in auditor
    assert other.status_code == 404


def test_the_list_is_narrowed_by_its_address_and_says_its_count(
    app: APIFlask, chain: World
) -> None:
    code = claim_lot(chain, net_g=1_000_000).code
    claim_lot(chain, net_g=2_000_000)
    label(chain, claim=code)
    client = person_of(app, "recycler")

    every = client.get("/claims?lang=en").text
    one = client.get(f"/claims?text={format_code(code)}&lang=en").text
    none = client.get("/claims?state=withdrawn&lang=en").text
    chinese = client.get("/claims?lang=zh").text

    assert "2 claims" in every
    assert "1 claim<" in one
    assert format_code(code) in one
    assert "No claim fits the filter" in none
    assert "条声明" in chinese


def test_the_whole_list_is_downloaded_as_the_filter_has_it(
    app: APIFlask, chain: World
) -> None:
    code = claim_lot(chain, net_g=1_000_000).code
    claim_lot(chain, net_g=2_000_000)
    client = person_of(app, "recycler")

    every = client.get("/claims.csv?lang=en")
    lines = every.data.decode("utf-8-sig").splitlines()
    one = client.get(f"/claims.csv?text={code}&lang=zh")

    assert every.mimetype == "text/csv"
    assert lines[0].startswith("Claim,Lot,Material,Net mass covered (g)")
    assert len(lines) == 3
    assert format_code(code) in lines[2]
    assert "872188" in lines[2]
    assert len(one.data.decode("utf-8-sig").splitlines()) == 2


def test_without_claims_the_list_says_what_to_do_first(app: APIFlask) -> None:
    page = person_of(app, "recycler").get("/claims?lang=en").text

    assert "No claims yet" in page


# API


def test_a_program_claims_without_sending_a_figure(app: APIFlask, chain: World) -> None:
    client = program_of(app, chain, "recycler")
    body = {"id": new_fact_id(chain.now), "lot": PROFILE, "net_g": 15_003_007}

    answer = client.post("/api/v1/claims", json=body)
    again = client.post("/api/v1/claims", json=body)

    assert answer.status_code == 201
    first: Any = answer.json
    claim = first["claim"]
    assert (claim["share_ppm"], claim["upper_ppm"]) == (872_188, 898_731)
    assert again.json == {**first, "repeated": True}
    read = client.get(f"/api/v1/claims/{format_code(claim['code']).lower()}")
    assert read.json == claim
    listed = client.get("/api/v1/claims", query_string={"lot": PROFILE}).json
    assert [one["code"] for one in listed["claims"]] == [claim["code"]]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"share_ppm": 999_999}, 422),
        ({"net_g": 0}, 422),
        ({"net_g": 30_000_000}, 422),
        ({"lot": new_code()}, 404),
        ({"valid_until": "2020-01-01"}, 422),
        ({"valid_until": "soon"}, 422),
        ({"id": "1"}, 422),
    ],
)
def test_a_program_gets_its_fault_by_field(
    app: APIFlask, chain: World, more: dict[str, Any], status: int
) -> None:
    client = program_of(app, chain, "recycler")
    body = {"id": new_fact_id(chain.now), "lot": PROFILE} | more

    answer = client.post("/api/v1/claims", json=body)

    assert answer.status_code == status
    if status == 422:
        [name] = more
        assert name in json.dumps(answer.json["errors"])


def test_a_program_withdraws_and_pages_through_claims(
    app: APIFlask, chain: World
) -> None:
    codes = [claim_lot(chain, net_g=1_000_000).code for _ in range(3)]
    client = program_of(app, chain, "manager")

    answer = client.post(
        f"/api/v1/claims/{codes[0]}/withdrawal",
        json={"id": new_fact_id(chain.now), "reason": "客户退货"},
    )
    first = client.get("/api/v1/claims?limit=2").json
    second = client.get(f"/api/v1/claims?limit=2&before={first['next_before']}").json

    assert answer.json["state"] == "withdrawn"
    assert [one["code"] for one in first["claims"] + second["claims"]] == codes[::-1]
    assert second["next_before"] is None
    assert client.get("/api/v1/claims/nonsense").status_code == 404
    other = program_of(app, chain, "recycler", YARD)
    assert other.get(f"/api/v1/claims/{codes[0]}").status_code == 404
    assert other.get("/api/v1/claims").json["claims"] == []


# Command line


def command(app: APIFlask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(cli, list(arguments))


def test_claims_are_issued_shown_and_withdrawn_at_the_command_line(
    app: APIFlask,
) -> None:
    made = command(
        app,
        "issue",
        format_code(PROFILE),
        "--organisation",
        SMELTER,
        "--net-g",
        "1000000",
        "--valid-until",
        "2027-06-30",
        "--json",
    )
    assert made.exit_code == 0, made.output
    claim = json.loads(made.output)
    assert (claim["share_ppm"], claim["net_g"]) == (872_188, 1_000_000)

    shown = command(app, "show", claim["code"]).output
    ended = command(app, "withdraw", claim["code"], "--reason", "客户退货")

    assert "recycled 87.2188 %, at most 89.8731 %" in shown
    assert "withdrawn: 客户退货" in ended.output


def test_the_command_line_refuses_a_mistyped_code(app: APIFlask) -> None:
    result = CliRunner().invoke(cli, ["show", "7K3M-9QWX-2HT"])

    assert result.exit_code == 2
    assert "expected a code" in result.output
