"""The page behind a label and its proof, as anybody's phone and program get them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.queries.evidence import evidence_cone
from app.queries.verdicts import find_label
from app.services.claim_composing import withdraw_claim
from app.services.fact_ids import new_fact_id
from app.services.tokens import make_token
from labels.codes import code_sha256, format_code, new_code
from ledger import parse_policy, verify_bundle
from tests.labelled import (
    PROFILE,
    SMELTER,
    YARD,
    Labelled,
    grow_chain,
    label,
    labelled_claim,
    lose_evidence,
    person,
)
from tests.people import add_person, close, make_app
from tests.world import World, code_of

LIMIT_BYTES = 30_000


@pytest.fixture
def chain(world: World) -> World:
    """The golden chain up to its profile."""
    grow_chain(world)
    return world


@pytest.fixture
def claimed(chain: World) -> Labelled:
    """A label for a claim on the profile, under a checkpoint."""
    made = labelled_claim(chain)
    chain.checkpoint()
    return made


@pytest.fixture
def app(chain: World, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(chain.engine, tmp_path)
    yield app
    close(app)


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


def set_state(world: World, claim: str | None, state: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE claim_state SET state = :state WHERE claim_id = "
                "(SELECT id FROM claim WHERE code = :code)"
            ),
            {"state": state, "code": claim},
        )


def withdraw(world: World, claim: str | None) -> None:
    withdraw_claim(
        world.doors,
        world.keyring,
        person(world, SMELTER),
        claim=claim or "",
        reason="客户退货",
        fact_id=new_fact_id(world.now),
        now=world.now,
    )


def body_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1]))


def test_a_valid_claim_shows_its_verdict_and_share_first(
    client: FlaskClient, claimed: Labelled
) -> None:
    page = client.get(f"/v/{claimed.code}?lang=en").text

    shown = body_of(page)
    assert shown.index("Valid") < shown.index("87.2") < shown.index("What is claimed")
    assert "89.9 %" in shown
    assert "controlled blending" in shown
    assert "示例 ORG-S" in shown
    assert "kept by this platform" in shown
    assert shown.index("Checked") < shown.index("Not proven by this")


def test_the_path_names_provinces_and_materials_and_no_supplier(
    client: FlaskClient, claimed: Labelled
) -> None:
    shown = body_of(client.get(f"/v/{claimed.code}?lang=en").text)

    for stage in ("Collected", "Pre-processed", "Melted, refined", "Cast, worked"):
        assert stage in shown
    assert "Guangdong" in shown
    assert "ORG-Y" not in shown
    assert "ORG-P" not in shown
    assert format_code(code_of("L-SHRED")) not in shown


@pytest.mark.parametrize(
    ("language", "word", "code"),
    [("zh", "有效", "zh-CN"), ("en", "Valid", "en")],
)
def test_the_page_speaks_both_languages(
    client: FlaskClient, claimed: Labelled, language: str, word: str, code: str
) -> None:
    page = client.get(f"/v/{claimed.code}?lang={language}").text

    assert f"<h1>{word}</h1>" in page
    assert f'<html lang="{code}"' in page


def test_the_code_is_read_however_it_is_written(
    client: FlaskClient, claimed: Labelled
) -> None:
    grouped = format_code(claimed.code)

    for path in (
        f"/v/{claimed.code}",
        f"/V/{claimed.code}",
        f"/v/{claimed.code.lower()}",
        f"/V/{grouped}",
        f"/v/{grouped.lower().replace('-', '%20')}",
    ):
        assert "87.2" in client.get(path).text, path


def test_the_page_sets_no_cookie_and_asks_nobody_else(
    client: FlaskClient, claimed: Labelled
) -> None:
    client.set_cookie("remelt_lang", "en")
    answer = client.get(f"/v/{claimed.code}")

    assert "Set-Cookie" not in answer.headers
    assert "有效" in answer.text
    # The one script checks the proof here; it is the server's own, and inline is none
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert len(scripts) == 1
    assert 'type="module" src="/static/js/verify_label.js' in scripts[0]
    assert " style=" not in answer.text
    for address in re.findall(r'(?:src|href|action)="([^"]+)"', answer.text):
        assert address.startswith(("/", "?", "#")), address


def test_every_verdict_is_small_on_the_wire(
    chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    sizes = {}
    for state in ("active", "affected", "consumed"):
        set_state(chain, claimed.claim, state)
        for language in ("zh", "en"):
            page = client.get(f"/v/{claimed.code}?lang={language}").data
            sizes[state, language] = len(gzip.compress(page))
    assert max(sizes.values()) < LIMIT_BYTES


def test_a_kept_page_is_asked_for_again_and_costs_no_second_body(
    chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    first = client.get(f"/v/{claimed.code}")
    etag = first.headers["ETag"]

    again = client.get(f"/v/{claimed.code}", headers={"If-None-Match": etag})

    assert first.headers["Cache-Control"] == "public, no-cache"
    assert "Accept-Language" in first.headers["Vary"]
    assert (again.status_code, again.data) == (304, b"")
    withdraw(chain, claimed.claim)
    changed = client.get(f"/v/{claimed.code}", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert "已撤销" in changed.text


@pytest.mark.parametrize(
    ("code", "advice"),
    [("0000-0000-0000", "no label with this code"), ("7K3M-9QWX-2HT", "misread")],
)
def test_an_unknown_code_is_not_found_and_gets_advice(
    client: FlaskClient, claimed: Labelled, code: str, advice: str
) -> None:
    answer = client.get(f"/v/{code}?lang=en")

    assert answer.status_code == 404
    assert "No such code" in answer.text
    assert advice in answer.text
    assert "无此编号" in client.get(f"/v/{code}?lang=zh").text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_a_typed_code_leads_to_its_page(client: FlaskClient, claimed: Labelled) -> None:
    assert "Check a label" in client.get("/v?lang=en").text

    answer = client.get("/V", query_string={"code": f" {claimed.code.lower()} "})

    assert answer.status_code == 302
    assert answer.location == f"/v/{claimed.code.lower()}"


def test_a_pending_label_shows_its_share_as_not_verified(
    chain: World, client: FlaskClient
) -> None:
    made = labelled_claim(chain)

    shown = body_of(client.get(f"/v/{made.code}?lang=en").text)

    assert "Cannot be verified" in shown
    assert "within seconds" in shown
    assert "as claimed, not yet verified" in shown
    assert client.get(f"/v/{made.code}/bundle").status_code == 409


def test_a_revoked_label_says_why_and_shows_no_large_share(
    chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    withdraw(chain, claimed.claim)

    page = client.get(f"/v/{claimed.code}?lang=en").text

    assert "<h1>Revoked</h1>" in page
    assert "客户退货" in page
    assert 'class="share-number"' not in page


def test_a_corrected_claim_shows_the_new_value_and_the_old_one(
    chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    lose_evidence(chain, PROFILE, 2_211_391)
    set_state(chain, claimed.claim, "affected")

    page = client.get(f"/v/{claimed.code}?lang=en").text

    assert "<h1>Corrected</h1>" in page
    assert '<s><span data-shown="share">87.2</span> %</s>' in page
    assert '<span class="share-number">77.2</span>' in page


def test_a_lot_without_claim_shows_its_facts_and_no_share(
    chain: World, client: FlaskClient
) -> None:
    code = label(chain, lot=PROFILE)
    chain.checkpoint()

    page = client.get(f"/v/{code}?lang=en").text

    assert "<h1>No claim</h1>" in page
    assert "22\u202f113.907 kg" in page
    assert 'class="share' not in page


def test_a_failed_check_is_named_and_no_figure_is_shown(
    chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    with chain.engine.begin() as connection:
        drop = "DROP TRIGGER claim_refuses_update"
        if chain.engine.dialect.name == "postgresql":
            drop = "DROP TRIGGER claim_refuses_change ON claim"
        connection.exec_driver_sql(drop)
        connection.exec_driver_sql("UPDATE claim SET share_ppm = 999000")

    page = client.get(f"/v/{claimed.code}?lang=en").text

    assert "Cannot be verified" in page
    assert "Which check, and whom to tell" in page
    assert "says share_ppm 872188, the row 999000" in page
    assert chain.root.origin in page
    assert "99.9" not in page
    assert "Guangdong" not in page


# The proof


def test_the_public_proof_holds_under_the_published_policy(
    chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    answer = client.get(f"/V/{format_code(claimed.code)}/bundle")
    policy = client.get("/.well-known/remelt/policy")

    document = json.loads(answer.data)
    report = verify_bundle(
        document, parse_policy(policy.text), genesis=chain.root.leaf_hash
    )
    assert report.passed, report.checks
    assert document["kind"] == "public"
    assert document["subject"] == {
        "label_sha256": hashlib.sha256(claimed.code.encode()).hexdigest(),
        "claim": claimed.claim,
        "lot": PROFILE,
    }
    shown = {fact.fact["type"] for fact in report.facts}
    assert shown == {
        "log.genesis",
        "organisation.registered",
        "key.registered",
        "claim.issued",
        "label.issued",
    }
    hidden = [one for one in document["entries"] if "note" not in one]
    assert len(hidden) == 17  # the whole chain behind the profile
    assert f"# genesis {chain.root.leaf_hash}\n" in policy.text
    assert "Set-Cookie" not in answer.headers
    assert claimed.code in answer.headers["Content-Disposition"]
    assert claimed.code.encode() not in answer.data


def test_the_proof_of_a_lot_without_claim_holds(
    chain: World, client: FlaskClient
) -> None:
    code = label(chain, lot=PROFILE)
    chain.checkpoint()

    document = json.loads(client.get(f"/v/{code}/bundle").data)

    policy = parse_policy(document["policy"])
    assert verify_bundle(document, policy, genesis=chain.root.leaf_hash).passed
    assert "claim" not in document["subject"]


def test_the_proof_of_a_withdrawn_claim_shows_the_withdrawal(
    chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    withdraw(chain, claimed.claim)
    data = {"code_sha256": code_sha256(claimed.code).hex(), "reason": "标签破损"}
    chain.state("label.voided", SMELTER, data)
    chain.checkpoint()

    document = json.loads(client.get(f"/v/{claimed.code}/bundle").data)

    policy = parse_policy(document["policy"])
    report = verify_bundle(document, policy, genesis=chain.root.leaf_hash)
    assert report.passed
    shown = {fact.fact["type"] for fact in report.facts}
    assert {"claim.withdrawn", "label.voided"} <= shown


def token(app: APIFlask, world: World, role: str, org: str | None = None) -> Any:
    """Headers with a token of somebody new."""
    email = f"{new_code().lower()}@example.org"
    user_id = add_person(app, email, role, organisation=org)
    with world.transaction() as session:
        _, made = make_token(
            session,
            user_id,
            name="test",
            scopes=("read",),
            expires_at=world.now + timedelta(days=300),
            now=world.now,
        )
    return {"Authorization": f"Bearer {made}"}


def test_the_full_proof_is_for_those_who_may_read_the_entries(
    app: APIFlask, chain: World, client: FlaskClient, claimed: Labelled
) -> None:
    path = f"/v/{claimed.code}/bundle?kind=full"

    nobody = client.get(path)
    smelter = client.get(path, headers=token(app, chain, "manager", SMELTER))
    yard = client.get(path, headers=token(app, chain, "manager", YARD))
    auditor = client.get(path, headers=token(app, chain, "auditor"))

    assert nobody.status_code == 401
    assert (smelter.status_code, yard.status_code) == (403, 403)
    assert "an auditor can" in smelter.json["detail"]
    document = json.loads(auditor.data)
    policy = parse_policy(document["policy"])
    report = verify_bundle(document, policy, genesis=chain.root.leaf_hash)
    assert report.passed, report.checks
    kinds = [fact.fact["type"] for fact in report.facts]
    assert kinds.count("run.recorded") == 4
    assert "facility.registered" in kinds
    assert auditor.headers["Cache-Control"] == "no-store"


def test_an_organisation_whose_own_entries_are_all_the_evidence_gets_the_full_proof(
    app: APIFlask, chain: World, client: FlaskClient
) -> None:
    scales = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
    site = chain.facility(YARD, "second gate", scales=scales)
    lot = chain.sourced(YARD, site)
    made = labelled_claim(chain, lot=lot, org=YARD, net_g=None)
    chain.checkpoint()

    path = f"/v/{made.code}/bundle?kind=full"
    answer = client.get(path, headers=token(app, chain, "manager", YARD))

    document = json.loads(answer.data)
    policy = parse_policy(document["policy"])
    assert verify_bundle(document, policy, genesis=None).passed


def test_no_proof_where_there_is_no_label(client: FlaskClient) -> None:
    assert client.get(f"/v/{new_code()}/bundle").status_code == 404
    assert client.get("/v/7K3M-9QWX-2HT/bundle").status_code == 404
    answer = client.get(f"/v/{new_code()}/bundle?kind=secret")
    assert answer.status_code == 422


def test_evidence_is_gathered_nearest_first_and_says_when_it_ends_early(
    chain: World, claimed: Labelled
) -> None:
    with chain.reading() as session:
        found = find_label(session, code_sha256(claimed.code))
        assert found is not None
        case, _ = found
        whole = evidence_cone(session, [case.label_index], 1000)
        part = evidence_cone(session, [case.label_index], 4)

    assert whole.indexes[:3] == [case.label_index, case.claim_index, case.lot_index]
    assert len(whole.indexes) == len(set(whole.indexes)) == 19
    assert (whole.truncated, part.truncated) == (False, True)
    assert part.indexes == whole.indexes[:4]
    assert whole.organisations == {code_of(f"ORG-{one}") for one in "YPS"}
    assert whole.facilities == {code_of(f"FAC-{one}") for one in "YPS"}


def test_guessing_codes_is_slowed_down_and_labels_are_not(
    client: FlaskClient, claimed: Labelled
) -> None:
    guesses = [client.get(f"/v/{new_code()}").status_code for _ in range(31)]

    assert guesses[:30] == [404] * 30
    assert guesses[30] == 429
    another = {"REMOTE_ADDR": "192.0.2.7"}
    good = [
        client.get(f"/v/{claimed.code}", environ_overrides=another).status_code
        for _ in range(40)
    ]
    assert set(good) == {200}
