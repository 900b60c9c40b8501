"""The API as programs of recyclers and auditors use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.services.access import ROLES, rights
from app.services.fact_ids import new_fact_id
from labels.codes import format_code, new_code
from ledger import (
    Signer,
    Verifier,
    decode_bundle,
    key_name,
    leaf_hash,
    open_checkpoint,
    pad_digests,
    prove_possession,
    sign_entry,
    verify_inclusion,
)
from tests.world import World, code_of
from tests.yards import Yards, open_yards, send


@pytest.fixture
def yards(world: World, tmp_path: Path) -> Iterator[Yards]:
    with open_yards(world, tmp_path) as opened:
        yield opened


def test_a_fact_gets_a_receipt_and_its_lot_can_be_read(yards: Yards) -> None:
    client = yards.client("recycler", yards.own)
    fact = yards.sourced()

    answer = send(client, fact)

    assert answer.status_code == 201
    [receipt] = answer.json["receipts"]
    assert receipt["grade"] == "recorded"
    assert answer.json["size"] == receipt["entry_index"] + 1
    lot = client.get(f"/api/v1/lots/{format_code(fact['data']['lot']).lower()}").json
    assert (lot["net_g"], lot["metal_g"], lot["left_g"]) == (
        12_480_000,
        11_856_000,
        12_480_000,
    )
    assert lot["shares"]["share_ppm"] == 1_000_000


def test_every_fault_of_every_fact_is_named_by_position_and_field(yards: Yards) -> None:
    client = yards.client("recycler", yards.own)
    unknown = yards.sourced(colour="grey")
    bad_net = yards.sourced(weighing={"net_g": "12,4oo", "scale": "W1"})
    bad_net["at"] = "yesterday"

    answer = send(client, unknown, yards.sourced(), bad_net)

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    places = {(one["position"], one["field"]) for one in answer.json["errors"]}
    assert (0, "data.colour") in places
    assert (2, "at") in places


def test_gross_tare_and_net_must_agree(yards: Yards) -> None:
    client = yards.client("recycler", yards.own)
    weighing = {"gross_g": 20, "tare_g": 5, "net_g": 14, "scale": "W1"}

    answer = send(client, yards.sourced(weighing=weighing))

    assert answer.status_code == 422
    assert "expected 15" in answer.json["errors"][0]["message"]


def test_a_repeat_is_answered_again_and_another_request_is_a_conflict(
    yards: Yards,
) -> None:
    client = yards.client("recycler", yards.own)
    fact = yards.sourced()
    first = send(client, fact).json["receipts"][0]

    again = send(client, fact).json["receipts"][0]
    other = send(client, yards.sourced() | {"id": fact["id"]})

    assert again == first | {"repeated": True}
    assert other.status_code == 409


def test_more_than_a_thousand_facts_are_too_many(yards: Yards) -> None:
    client = yards.client("recycler", yards.own)

    answer = client.post("/api/v1/entries", json={"facts": [{}] * 1001})

    assert answer.status_code == 422


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"facts": 5}', b'{"facts": []}'])
def test_a_body_that_is_no_request_is_told_so(yards: Yards, body: bytes) -> None:
    client = yards.client("recycler", yards.own)

    answer = client.post("/api/v1/entries", data=body, content_type="application/json")

    assert 400 <= answer.status_code < 500
    assert answer.content_type == "application/problem+json"


def test_no_endpoint_of_the_api_answers_without_a_token(yards: Yards) -> None:
    client = yards.app.test_client()
    rules = [
        rule
        for rule in yards.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
    ]
    assert rules

    for rule in rules:
        path = rule.rule.replace("<code>", "0" * 12).replace("<int:index>", "1")
        path = path.replace("<any(csv, xlsx):kind>", "csv")
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.open(path, method=method)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["", "rmt_", "rmt_" + "a" * 40, "x" * 44])
def test_a_token_that_nobody_made_opens_nothing(yards: Yards, token: str) -> None:
    client = yards.app.test_client()

    answer = client.get("/api/v1/lots", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


def test_a_token_without_the_scope_cannot_record(yards: Yards) -> None:
    client = yards.client("recycler", yards.own, scopes=("read",))

    assert send(client, yards.sourced()).status_code == 403
    assert client.get("/api/v1/lots").status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_each_role_records_exactly_what_the_matrix_allows(
    yards: Yards, role: str
) -> None:
    member = role in ("recycler", "manager")
    client = yards.client(role, yards.own if member else None)
    own = send(client, yards.sourced() | {"org": yards.own})
    other = send(
        client, yards.sourced(facility=yards.other_site) | {"org": yards.other}
    )

    allowed = ("lot.sourced", role, "own") in rights().allowed
    assert own.status_code == (201 if allowed and member else 403)
    assert other.status_code == 403


@pytest.mark.parametrize(
    ("role", "own", "counterparty", "other"),
    [
        ("recycler", 200, 200, 404),
        ("manager", 200, 200, 404),
        ("auditor", 200, 200, 200),
        ("mirror", 200, 200, 200),
        ("statistician", 404, 404, 404),
        ("registrar", 404, 404, 404),
    ],
)
def test_who_reads_which_entry(
    yards: Yards, role: str, own: int, counterparty: int, other: int
) -> None:
    sender = yards.client("recycler", yards.other)
    member = role in ("recycler", "manager")
    reader = yards.client(role, yards.own if member else None)
    mine = send(yards.client("recycler", yards.own), yards.sourced())
    theirs = yards.sourced(facility=yards.other_site)
    dispatch = {
        "id": new_fact_id(yards.world.now),
        "type": "transfer.dispatched",
        "at": "2026-03-06T08:30:00Z",
        "data": {
            "transfer": new_code(),
            "lot": theirs["data"]["lot"],
            "from": yards.other_site,
            "to": yards.site,
            "weighing": {"net_g": 12_480_000, "scale": "W1"},
        },
    }
    sent = send(sender, theirs, dispatch).json["receipts"]

    def status(index: int) -> int:
        return reader.get(f"/api/v1/entries/{index}").status_code

    assert status(mine.json["receipts"][0]["entry_index"]) == own
    assert status(sent[1]["entry_index"]) == counterparty
    assert status(sent[0]["entry_index"]) == other


def test_private_values_are_read_by_their_own_organisation_only(yards: Yards) -> None:
    client = yards.client("recycler", yards.own)
    fact = yards.sourced() | {"private": {"supplier": "示例供方", "ticket": "P-1"}}
    index = send(client, fact).json["receipts"][0]["entry_index"]

    own = client.get(f"/api/v1/entries/{index}").json
    auditor = yards.client("auditor").get(f"/api/v1/entries/{index}").json

    assert own["private"] == fact["private"]
    assert auditor["private"] == {}
    assert "示例供方" not in auditor["note"]


def test_entries_are_listed_in_pages_without_a_gap(yards: Yards) -> None:
    client = yards.client("recycler", yards.own)
    sent = send(client, *(yards.sourced() for _ in range(7))).json["receipts"]
    found: list[int] = []
    after: int | None = -1

    while after is not None:
        page = client.get(
            "/api/v1/entries",
            query_string={"after": after, "limit": 3, "type": "lot.sourced"},
        ).json
        found += [entry["entry_index"] for entry in page["entries"]]
        after = page["next_after"]

    assert found == [one["entry_index"] for one in sent]


def test_a_proof_of_the_api_verifies_with_the_checkpoint_beside_it(
    yards: Yards,
) -> None:
    client = yards.client("recycler", yards.own)
    index = send(client, yards.sourced()).json["receipts"][0]["entry_index"]
    before = client.get(f"/api/v1/entries/{index}/proof").json
    yards.world.checkpoint()

    proof = client.get(f"/api/v1/entries/{index}/proof").json

    assert before["grade"] == "recorded"
    assert proof["grade"] == "logged"
    root = yards.world.root
    checkpoint = open_checkpoint(
        proof["checkpoint"].encode(), [Verifier.parse(root.log_vkey)], root.origin
    )
    note = client.get(f"/api/v1/entries/{index}").json["note"].encode()
    verify_inclusion(
        [bytes.fromhex(one) for one in proof["proof"]],
        index=index,
        size=checkpoint.size,
        leaf_hash=leaf_hash(note),
        root=checkpoint.root,
    )


def test_an_organisation_signs_its_own_entries(yards: Yards) -> None:
    world = yards.world
    manager = yards.client("manager", yards.own)
    signer = Signer.generate(key_name(world.root.origin, yards.own, 2))
    key = {
        "id": new_fact_id(world.now),
        "type": "key.registered",
        "at": "2026-03-05T08:00:00Z",
        "data": {
            "vkey": signer.vkey,
            "held_by": "organisation",
            "proof": prove_possession(yards.own, signer),
        },
    }
    assert send(manager, key).status_code == 201
    fact = yards.sourced()
    envelope = {
        "id": fact["id"],
        "type": fact["type"],
        "v": 1,
        "org": yards.own,
        "at": fact["at"],
        "data": fact["data"],
        "sd": pad_digests([], 8),
        "parents": [],
        "seen": None,
    }
    note = sign_entry(envelope, [signer])

    answer = send(manager, {"note": note.decode()})

    assert answer.status_code == 201
    [receipt] = answer.json["receipts"]
    assert receipt["leaf_hash"] == leaf_hash(note).hex()
    forged = note.replace(b'"net_g":12480000', b'"net_g":12480001')
    assert send(manager, {"note": forged.decode()}).status_code == 422
    stranger = Signer.generate(key_name(world.root.origin, yards.own, 3))
    other = sign_entry(envelope | {"id": new_fact_id(world.now)}, [stranger])
    assert send(manager, {"note": other.decode()}).status_code == 422


def test_a_weak_key_is_not_registered(yards: Yards) -> None:
    manager = yards.client("manager", yards.own)
    name = key_name(yards.world.root.origin, yards.own, 2)
    good = Signer.generate(name)
    key = {
        "id": new_fact_id(yards.world.now),
        "type": "key.registered",
        "at": "2026-03-05T08:00:00Z",
        "data": {
            "vkey": good.vkey,
            "held_by": "organisation",
            "proof": prove_possession(code_of("other yard"), good),
        },
    }

    answer = send(manager, key)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "data.proof"


def test_a_trace_shows_stage_and_grams_of_others_but_not_their_codes(
    yards: Yards,
) -> None:
    own, other = (
        yards.client("recycler", yards.own),
        yards.client("recycler", yards.other),
    )
    source = yards.sourced(facility=yards.other_site)
    lot, transfer = source["data"]["lot"], new_code()
    shredded = new_code()

    def fact(kind: str, data: dict[str, Any], at: str) -> dict[str, Any]:
        return {
            "id": new_fact_id(yards.world.now),
            "type": kind,
            "at": at,
            "data": data,
        }

    weighing = {"net_g": 10_000_000, "scale": "W1"}
    run = {
        "run": new_code(),
        "facility": yards.other_site,
        "kind": "shred",
        "inputs": [{"lot": lot, "net_g": 12_480_000}],
        "outputs": [
            {
                "lot": shredded,
                "material": "AL-SHRED",
                "net_g": 10_000_000,
                "metal_g": 9_900_000,
                "role": "product",
            }
        ],
        "losses": {"dust": 2_480_000},
    }
    dispatch = {
        "transfer": transfer,
        "lot": shredded,
        "from": yards.other_site,
        "to": yards.site,
        "weighing": weighing,
    }
    sent = send(
        other,
        source,
        fact("run.recorded", run, "2026-03-06T08:00:00Z"),
        fact("transfer.dispatched", dispatch, "2026-03-07T08:00:00Z"),
    )
    assert sent.status_code == 201, sent.json
    accepted = {"transfer": transfer, "weighing": weighing}
    taken = send(own, fact("transfer.accepted", accepted, "2026-03-08T08:00:00Z"))
    assert taken.status_code == 201, taken.json

    trace = own.get(f"/api/v1/lots/{shredded}/trace").json

    by_code = {node["code"]: node for node in trace["lots"]}
    assert by_code[shredded]["own"]
    assert by_code[None]["net_g"] == 12_480_000
    assert by_code[None]["province"] == "440000"
    assert {flow["net_g"] for flow in trace["flows"]} == {-12_480_000, 10_000_000}
    assert other.get(f"/api/v1/lots/{shredded}").status_code == 200
    sorted_ = {
        **run,
        "run": new_code(),
        "facility": yards.site,
        "kind": "sort",
        "inputs": [{"lot": shredded, "net_g": 10_000_000}],
        "outputs": [{**run["outputs"][0], "lot": new_code(), "net_g": 9_950_000}],
        "losses": {"dust": 50_000},
    }
    used = send(own, fact("run.recorded", sorted_, "2026-03-09T08:00:00Z"))
    assert used.status_code == 201, used.json
    down = other.get(f"/api/v1/lots/{lot}/trace?direction=downstream").json
    assert {node["code"] for node in down["lots"]} == {lot, shredded}
    assert {flow["net_g"] for flow in down["flows"]} == {-12_480_000, 10_000_000}
    further = own.get(f"/api/v1/lots/{shredded}/trace?direction=downstream").json
    assert {flow["net_g"] for flow in further["flows"]} == {-10_000_000, 9_950_000}
    assert own.get(f"/api/v1/lots/{lot}").status_code == 404


def test_the_log_is_served_as_tlog_tiles_says(yards: Yards) -> None:
    world = yards.world
    client = yards.app.test_client()
    assert client.get("/log/checkpoint").status_code == 404
    checkpoint = world.checkpoint()
    assert checkpoint is not None

    note = client.get("/log/checkpoint")
    tile = client.get(f"/log/tile/0/000.p/{checkpoint.size}")

    assert note.content_type == "text/plain; charset=utf-8"
    log_key = Verifier.parse(world.root.log_vkey)
    assert open_checkpoint(note.data, [log_key], world.root.origin) == checkpoint
    assert len(tile.data) == 32 * checkpoint.size
    assert "immutable" in tile.headers["Cache-Control"]
    for missing in (
        f"0/000.p/{checkpoint.size + 1}",
        "0/000",
        "1/000.p/1",
        "0/0",
        "0/001",
    ):
        assert client.get(f"/log/tile/{missing}").status_code == 404, missing


def test_bundles_of_a_members_log_are_read_by_auditors_only(yards: Yards) -> None:
    checkpoint = yards.world.checkpoint()
    assert checkpoint is not None
    path = f"/log/tile/entries/000.p/{checkpoint.size}"

    assert yards.app.test_client().get(path).status_code == 401
    assert yards.client("recycler", yards.own).get(path).status_code == 403
    bundle = yards.client("auditor").get(path)

    assert bundle.status_code == 200
    assert len(decode_bundle(bundle.data)) == checkpoint.size


def test_health_says_how_far_the_signer_has_come(yards: Yards) -> None:
    client = yards.app.test_client()
    yards.world.checkpoint()

    health = client.get("/healthz")
    metrics = client.get("/metrics")

    assert health.status_code == 200
    assert health.json["log_size"] == health.json["checkpoint_size"]
    assert b"remelt_log_size" in metrics.data


def test_the_api_describes_itself(yards: Yards) -> None:
    described = yards.app.test_client().get("/api/openapi.json")

    assert described.status_code == 200
    assert "/api/v1/entries" in described.json["paths"]
