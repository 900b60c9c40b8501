"""Pages of lots, of the log and of the registers, and who sees what on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.models import SigningKeyRow
from app.queries.log import find_covering, get_head
from app.services.archive import policy_text
from app.services.keys import store_sealed
from labels.codes import new_code
from ledger import (
    Signer,
    key_name,
    leaf_hash,
    parse_policy,
    parse_proof_file,
    verify_proof_file,
)
from tests.labelled import PROFILE, SMELTER, YARD, grow_chain
from tests.people import add_person, close, csrf_token, make_app, sign_in
from tests.world import World, code_of


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    grow_chain(world)
    world.checkpoint()
    app = make_app(world.engine, tmp_path)
    yield app
    close(app)


def person(app: APIFlask, role: str, org: str | None = None) -> FlaskClient:
    email = f"{role}-{(org or 'nobody').lower()}@example.org"
    add_person(app, email, role, organisation=org)
    client = app.test_client()
    sign_in(client, email)
    return client


def test_the_list_finds_lots_by_code_number_material_and_state(app: APIFlask) -> None:
    client = person(app, "recycler", SMELTER)

    everything = client.get("/lots?lang=en").text
    assert PROFILE[:4] in everything
    count = int(re.search(r"(\d+) lots?<", everything)[1])
    assert client.get("/lots.csv").data.count(b"\r\n") >= count

    one = client.get(f"/lots?text={PROFILE}&lang=en").text
    assert "1 lot<" in one
    assert client.get("/lots?text=nothing-like-it&lang=en").text.count("<tr>") == 0
    assert "expected a date" in client.get("/lots?since=yesterday&lang=en").text
    for question in (
        "state=held",
        "material=AL-6063-PROFILE",
        "open=1",
        "until=2026-12-31",
    ):
        assert client.get(f"/lots?{question}").status_code == 200


@pytest.mark.parametrize(
    "text", ["%", "' OR 1=1 --", "\x00", "a" * 500, "<script>alert(1)</script>", "𠮷"]
)
def test_hostile_questions_find_nothing_and_break_nothing(
    app: APIFlask, text: str
) -> None:
    client = person(app, "recycler", SMELTER)

    answer = client.get("/lots", query_string={"text": text})
    searched = client.get("/search", query_string={"text": text})

    no_text = "\x00" in text
    assert answer.status_code == (422 if no_text else 200)
    assert "<script>alert" not in answer.text
    assert searched.status_code in ((422,) if no_text else (200, 302))


def test_a_lot_shows_its_facts_its_way_and_its_history(app: APIFlask) -> None:
    client = person(app, "recycler", SMELTER)

    page = client.get(f"/lots/{PROFILE}?lang=en")

    assert page.status_code == 200, page.text
    for part in ("Net", "What it is made of", "Where it came from", "History", "proof"):
        assert part in page.text
    assert "<svg" in page.text
    assert "style=" not in page.text
    for name in ("trace", "composition"):
        picture = client.get(f"/lots/{PROFILE}/{name}.svg")
        assert picture.mimetype == "image/svg+xml"
        ElementTree.fromstring(picture.data)


def test_who_sees_a_lot_of_others(app: APIFlask) -> None:
    stranger = person(app, "recycler", YARD)
    auditor = person(app, "auditor")

    assert stranger.get(f"/lots/{PROFILE}").status_code == 404
    assert auditor.get(f"/lots/{PROFILE}").status_code == 200
    assert stranger.get("/lots/nonsense").status_code == 404


def test_the_register_lists_what_the_reader_may_read(app: APIFlask) -> None:
    yard, auditor = person(app, "recycler", YARD), person(app, "auditor")

    mine = yard.get("/ledger/search?lang=en").text
    everything = auditor.get("/ledger/search?lang=en").text

    assert mine.count("<tr>") < everything.count("<tr>")
    assert "your organisation signed or is a party of" in mine
    older = auditor.get("/ledger/search?before=5&lang=en").text
    assert older.count("<tr>") == 6
    runs = auditor.get("/ledger/search?type=run.recorded&lang=en").text
    assert f"{runs.count('<tr>') - 1} entries<" in runs
    assert f"{mine.count('<tr>') - 1} entries<" in mine
    assert app.test_client().get("/ledger/search").status_code == 302


def test_the_register_pages_forth_and_back_over_the_same_entries(
    app: APIFlask, world: World
) -> None:
    for _ in range(60):
        world.sourced(
            SMELTER,
            code_of("FAC-S"),
            weighing={"net_g": 10_000_000, "scale": "FAC-S-W1"},
        )
    client = person(app, "auditor")

    def follow(page: str, way_on: str) -> str:
        link = page.split(f'rel="{way_on}"', maxsplit=1)[0].rpartition('href="')[2]
        return client.get(link.partition('"')[0].replace("&amp;", "&")).text

    def indexes(page: str) -> list[int]:
        links = re.findall(r'lead"><a href="/ledger/entries/(\d+)"', page)
        return [int(one) for one in links]

    first = client.get("/ledger/search?lang=en").text
    second = follow(first, "next")
    back = follow(second, "prev")

    assert 'rel="prev"' not in first
    assert 'rel="next"' not in second
    assert indexes(first) == indexes(back)
    everything = indexes(first) + indexes(second)
    assert everything == sorted(everything, reverse=True)
    assert f"{len(everything)} entries<" in first
    assert len(everything) == everything[0] + 1


def test_a_public_log_is_read_without_an_account(world: World, tmp_path: Path) -> None:
    grow_chain(world)
    world.checkpoint()
    app = make_app(world.engine, tmp_path, log_readers="public")
    visitor = app.test_client()

    for address in ("/ledger/search", "/ledger/entries/20", "/log/proof/20.tlog-proof"):
        assert visitor.get(address).status_code == 200
    assert "Confidential" not in visitor.get("/ledger/entries/20?lang=en").text
    close(app)


def test_an_entry_shows_its_fact_and_its_proof_verifies(
    app: APIFlask, world: World
) -> None:
    client = person(app, "auditor")
    page = client.get("/ledger/entries/6?lang=en")
    assert page.status_code == 200
    assert "Download the proof" in page.text

    proof = client.get("/log/proof/6.tlog-proof")
    note = client.get("/ledger/entries/6/note")

    with world.reading() as session:
        assert find_covering(session, 6) is not None
        policy = parse_policy(policy_text(session))
    found = parse_proof_file(proof.data)
    outcome = verify_proof_file(found, leaf_hash=leaf_hash(note.data), policy=policy)
    assert (found.index, outcome.satisfied) == (6, True)
    assert client.get("/ledger/entries/99999").status_code == 404
    assert client.get(f"/ledger/entries/{2**70}").status_code == 404


def test_a_manager_registers_a_facility(app: APIFlask) -> None:
    client = person(app, "manager", SMELTER)
    page = client.get("/facilities?lang=en").text
    fact = re.search(r'name="id" value="([^"]+)"', page)
    assert fact is not None
    form = {
        "csrf_token": csrf_token(client, "/facilities"),
        "id": fact[1],
        "name_zh": "示例二厂",
        "kind": "casthouse",
        "province": "440000",
        "boundary": "B2",
        "boundary_zh": "熔铸与挤压",
        "scale_1": "W1",
        "scale_1_e": "20",
        "scale_1_max": "80 000",
    }

    assert client.post("/facilities", data=form).status_code == 302
    assert "示例二厂" in client.get("/facilities").text

    wrong = form | {"scale_1_e": "heavy", "province": "990000"}
    refused = client.post("/facilities", data=wrong)
    assert refused.status_code == 422
    assert 'id="scale_1_e-error"' in refused.text
    assert 'value="80 000"' in refused.text


def test_keys_say_who_holds_them(app: APIFlask) -> None:
    client = person(app, "manager", SMELTER)

    page = client.get("/keys?lang=en").text

    assert "the platform, encrypted" in page
    assert person(app, "recycler", SMELTER).get("/keys").status_code == 403
    of_all = person(app, "registrar").get("/keys?lang=en").text
    assert of_all.count("the platform, encrypted") == 4
    assert "Register another key" not in of_all


def test_another_key_of_the_platform_is_registered_once_and_signs_from_then_on(
    app: APIFlask, world: World
) -> None:
    client = person(app, "manager", SMELTER)
    page = client.get("/keys?lang=en").text
    fact = re.search(r'name="id" value="([^"]+)"', page)
    assert fact is not None
    form = {"csrf_token": csrf_token(client, "/keys"), "id": fact[1]}

    for _ in range(2):
        assert client.post("/keys", data=form).status_code == 302

    keys = client.get("/keys?lang=en").text
    assert keys.count("the platform, encrypted") == 2
    with world.reading() as session:
        signer = app.extensions["keyring"].signer_of(session, SMELTER)
    assert signer.name.endswith(f"{SMELTER}/2")
    clerk = person(app, "recycler", SMELTER)
    form = {"csrf_token": csrf_token(clerk, "/account/settings"), "id": fact[1]}
    assert clerk.post("/keys", data=form).status_code == 403


def test_an_attempt_that_did_not_reach_the_log_leaves_its_key_to_the_next(
    app: APIFlask, world: World
) -> None:
    name = key_name(world.root.origin, SMELTER, 2)
    left = Signer.generate(name)
    with world.transaction() as session:
        store_sealed(session, world.keyring, left, world.now)
    client = person(app, "manager", SMELTER)

    form = {"csrf_token": csrf_token(client, "/keys"), "id": ""}
    assert client.post("/keys", data=form).status_code == 302

    with world.reading() as session:
        key = session.scalars(
            select(SigningKeyRow).where(SigningKeyRow.key_name == name)
        ).one()
    assert key.vkey == left.vkey


@pytest.mark.parametrize(
    "wrong", [{"email": "nobody"}, {"email": ""}, {"person": " "}, {"uscc": "1"}]
)
def test_an_organisation_is_registered_with_its_manager_or_not_at_all(
    app: APIFlask, world: World, wrong: dict[str, str]
) -> None:
    client = person(app, "registrar")
    form = {
        "csrf_token": csrf_token(client, "/organisations"),
        "code": new_code(),
        "name_zh": "示例新厂",
        "email": "first@example.org",
        "person": "示例经理",
    }
    with world.reading() as session:
        before = get_head(session).size

    refused = client.post("/organisations?lang=en", data=form | wrong)

    assert refused.status_code == 422
    assert f'id="{next(iter(wrong))}-error"' in refused.text
    with world.reading() as session:
        assert get_head(session).size == before


def test_the_registrar_brings_an_organisation_in(app: APIFlask) -> None:
    client = person(app, "registrar")
    page = client.get("/organisations?lang=en").text
    code = re.search(r'name="code" value="([^"]+)"', page)
    assert code is not None
    form = {
        "csrf_token": csrf_token(client, "/organisations"),
        "code": code[1],
        "name_zh": "示例新厂",
        "email": "first@example.org",
        "person": "示例经理",
    }

    made = client.post("/organisations?lang=en", data=form)
    assert made.status_code == 200
    password = re.findall(r"<code>([^<]+)</code></p></div>", made.text)[0]
    manager = app.test_client()
    assert sign_in(manager, "first@example.org", password).status_code == 302
    assert manager.get("/facilities").status_code == 200

    again = client.post("/organisations?lang=en", data=form)
    assert again.status_code == 422
    assert "a user with the address first@example.org exists" in again.text
    assert person(app, "manager", SMELTER).get("/organisations").status_code == 403


def test_code_of_a_stranger_leads_nowhere(app: APIFlask) -> None:
    client = person(app, "recycler", YARD)

    found = client.get("/search", query_string={"text": code_of("L-PROF")})

    assert found.status_code == 302
    assert "/lots?" in found.location
