"""Organisations hold their own keys: make, register, rotate, revoke, sign."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.client.errors import BadKeyFile
from app.client.key_file import read_key_file
from app.client.seen import seen_path
from app.client.server import Server
from app.client.signing import sign_fact
from app.queries.log import get_entry, get_head
from app.queries.registers import list_keys
from app.services.fact_ids import new_fact_id
from ledger import (
    KeyHistory,
    Signer,
    Verifier,
    key_name,
    leaf_hash,
    parse_entry,
    prove_possession,
    sign_entry,
    sign_note,
)
from tests.own_keys import PASSPHRASE, Holder, open_holder
from tests.world import REGISTRAR, World
from tests.yards import send


@pytest.fixture
def holder(world: World, tmp_path: Path) -> Iterator[Holder]:
    with open_holder(world, tmp_path) as opened:
        yield opened


def size(world: World) -> int:
    with world.reading() as session:
        return get_head(session).size


def entry(world: World, index: int) -> Any:
    with world.reading() as session:
        return parse_entry(get_entry(session, index).note)


def history(world: World) -> KeyHistory:
    """What any verifier makes of the log; it fails at an entry not signed well."""
    folded = KeyHistory()
    for index in range(size(world)):
        folded.check(index, entry(world, index))
    return folded


def post_note(holder: Holder, fact: dict[str, Any], signer: Signer) -> Any:
    """Send a fact as whoever holds a key and a token can."""
    envelope = {
        "at": "2026-03-05T08:30:00Z",
        "id": new_fact_id(holder.world.now),
        "org": holder.org,
        "parents": [],
        "sd": [],
        "seen": None,
        "v": 1,
        **fact,
    }
    client = holder.yards.client("manager", holder.org)
    return send(client, {"note": sign_entry(envelope, [signer]).decode()})


def test_a_new_key_is_a_file_for_its_owner_alone_with_the_next_one_beside_it(
    holder: Holder,
) -> None:
    next_file = holder.file.with_name("key.json.next")

    for path in (holder.file, next_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with holder.world.reading() as session:
        [key] = [one.key for one in list_keys(session) if holder.org in one.key.vkey]
    assert (key.held_by, key.next_digest) == (
        "organisation",
        read_key_file(next_file).digest,
    )
    assert holder.signer().vkey == key.vkey


def test_a_key_file_that_others_may_read_is_refused(holder: Holder) -> None:
    holder.file.chmod(0o640)

    refused = holder.keys("show", str(holder.file))

    assert refused.exit_code == 1
    assert "mode 0640, expected 0600" in refused.output


def test_a_wrong_passphrase_or_a_changed_name_opens_nothing(holder: Holder) -> None:
    with pytest.raises(BadKeyFile, match="passphrase is wrong"):
        holder.key().open("four lorries of slag")
    document = json.loads(holder.file.read_text())
    holder.file.write_text(json.dumps(document | {"number": 2}))
    with pytest.raises(BadKeyFile, match="or the file was changed"):
        holder.key().open(PASSPHRASE)


def test_a_key_file_is_never_written_over_and_short_passphrases_are_refused(
    holder: Holder,
) -> None:
    before = holder.file.read_bytes()

    again = holder.keys("new", str(holder.file), "--org", holder.org)
    short = holder.keys("new", str(holder.folder / "b"), passphrase="eleven char")

    assert (again.exit_code, short.exit_code) == (1, 1)
    assert "exists" in again.output
    assert "12 characters" in short.output
    assert holder.file.read_bytes() == before


def test_facts_are_signed_on_the_machine_and_the_log_says_who_holds_the_key(
    holder: Holder,
) -> None:
    holder.settle()
    holder.world.checkpoint()
    path = holder.facts("lots.json", [holder.sourced()])

    sent = holder.sign(str(path), "--send", "--json")

    assert sent.exit_code == 0, sent.output
    [receipt] = json.loads(sent.stdout)
    logged = entry(holder.world, receipt["entry_index"])
    assert [line.name for line in logged.signatures] == [holder.signer().name]
    assert history(holder.world).held_by(holder.signer().name) == "organisation"
    assert logged.fact["seen"]["size"] == receipt["entry_index"]
    assert len(logged.fact["sd"]) == 8
    assert "示例供方" not in logged.note.decode()
    client = holder.yards.client("manager", holder.org)
    shown = client.get(f"/api/v1/entries/{receipt['entry_index']}").json
    assert shown["private"] == {"supplier": "示例供方", "ticket": "T-1"}
    assert (shown["signers"], shown["held_by"]) == (
        [holder.signer().name],
        ["organisation"],
    )
    known = history(holder.world)
    listed = client.get("/api/v1/entries?limit=1000").json["entries"]
    assert len(listed) > 1
    for one in listed:
        assert one["held_by"] == [known.held_by(name) for name in one["signers"]]


def test_the_same_file_again_adds_nothing_with_or_without_ids(holder: Holder) -> None:
    holder.settle()
    named, unnamed = holder.sourced(), holder.sourced()
    unnamed.pop("id")
    path = holder.facts("lots.json", [named, unnamed])
    first = json.loads(holder.sign(str(path), "--send", "--json").stdout)
    before = size(holder.world)

    again = holder.sign(str(path), "--send", "--json")

    assert again.exit_code == 0, again.output
    assert size(holder.world) == before
    assert json.loads(again.stdout) == [one | {"repeated": True} for one in first]


def test_another_fact_under_a_known_id_is_refused_before_it_is_signed(
    holder: Holder,
) -> None:
    holder.settle()
    fact = holder.sourced()
    holder.sign(str(holder.facts("a.json", [fact])), "--send")
    other = {**holder.sourced(), "id": fact["id"]}

    refused = holder.sign(str(holder.facts("b.json", [other])), "--send")

    assert refused.exit_code == 1
    assert "it says something else" in refused.output


def test_a_run_cites_the_entries_that_made_its_inputs_even_those_of_the_same_file(
    holder: Holder,
) -> None:
    holder.settle()
    before, after = holder.sourced(), holder.sourced()
    lots = [one["data"]["lot"] for one in (before, after)]
    sent = holder.sign(str(holder.facts("a.json", [before])), "--send", "--json")
    [first] = json.loads(sent.stdout)
    run = {
        "type": "run.recorded",
        "at": "2026-03-06T08:30:00Z",
        "data": {
            "run": holder.code(),
            "facility": holder.site,
            "kind": "blend",
            "inputs": [{"lot": lot, "net_g": 12_480_000} for lot in lots],
            "outputs": [
                {
                    "lot": holder.code(),
                    "material": "AL-SCRAP-MIXED",
                    "net_g": 24_960_000,
                    "metal_g": 23_712_000,
                    "role": "product",
                }
            ],
            "losses": {},
        },
    }

    sent = holder.sign(str(holder.facts("b.json", [after, run])), "--send", "--json")

    assert sent.exit_code == 0, sent.output
    second, blended = json.loads(sent.stdout)
    made = [
        leaf_hash(entry(holder.world, one["entry_index"]).note).hex()
        for one in (first, second)
    ]
    cited = entry(holder.world, blended["entry_index"]).fact["parents"]
    assert cited == sorted(made)


def test_faults_are_told_by_place_before_anything_is_signed(holder: Holder) -> None:
    holder.settle()
    before = size(holder.world)
    good = holder.sourced()
    bad = holder.sourced(material="NO-SUCH-METAL")
    worse = {**holder.sourced(), "private": {"colour": "grey"}}

    by_server = holder.sign(str(holder.facts("a.json", [good, bad])), "--send")
    by_client = holder.sign(str(holder.facts("b.json", [good, worse])), "--send")

    assert (by_server.exit_code, by_client.exit_code) == (1, 1)
    assert "fact 2: data.material" in by_server.output
    assert "fact 2: private.colour" in by_client.output
    assert size(holder.world) == before


def test_entries_signed_into_a_file_are_what_the_api_takes(holder: Holder) -> None:
    holder.settle()
    out = holder.folder / "notes.json"
    path = holder.facts("a.json", [holder.sourced(), holder.sourced()])

    signed = holder.sign(str(path), "--out", str(out))

    assert signed.exit_code == 0, signed.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    client = holder.yards.client("manager", holder.org)
    answer = client.post("/api/v1/entries", json=json.loads(out.read_text()))
    assert answer.status_code == 201
    again = client.post("/api/v1/entries", json=json.loads(out.read_text()))
    assert [one["repeated"] for one in again.json["receipts"]] == [True, True]


def test_a_log_that_forgets_what_the_client_saw_gets_no_signature(
    holder: Holder,
) -> None:
    holder.settle()
    holder.world.checkpoint()
    path = holder.facts("a.json", [holder.sourced()])
    holder.sign(str(path), "--send")
    state = seen_path(holder.key())
    other = Signer.from_bytes(holder.world.root.origin, holder.world.log_key.seed)
    # The operator signs another history of the same length for somebody else
    forged = (
        f"{holder.world.root.origin}\n"
        f"{state.read_text().splitlines()[1]}\n"
        f"{'A' * 43}=\n"
    )

    state.write_bytes(sign_note(forged, [other]))
    before = size(holder.world)

    refused = holder.sign(str(holder.facts("b.json", [holder.sourced()])), "--send")

    assert refused.exit_code == 1
    assert "two histories" in refused.output
    assert size(holder.world) == before
    assert list(holder.folder.glob("key.json.fork-*"))


def test_only_the_committed_next_key_takes_the_place_of_the_current_one(
    holder: Holder,
) -> None:
    holder.settle()
    old = holder.signer()

    rotated = holder.keys("rotate", str(holder.file))

    assert rotated.exit_code == 0, rotated.output
    new = holder.signer()
    assert new.name == key_name(holder.world.root.origin, holder.org, 2)
    assert new.public_key != old.public_key
    # A third key waits, and the one that ended is kept apart
    assert holder.file.with_name("key.json.next").exists()
    assert holder.file.with_name("key.json.ended-1").exists()
    path = holder.facts("a.json", [holder.sourced()])
    assert holder.sign(str(path), "--send").exit_code == 0
    again = holder.keys("rotate", str(holder.file))
    assert again.exit_code == 0, again.output
    assert holder.signer().name.endswith("/3")
    records = history(holder.world).keys_of(holder.org)
    assert [one.ended_index is None for one in records] == [False, False, True]


def test_an_interrupted_rotation_goes_on_where_it_stopped(holder: Holder) -> None:
    before = {path.name: path.read_bytes() for path in holder.folder.iterdir()}
    holder.keys("rotate", str(holder.file))
    done = size(holder.world)
    later = holder.file.with_name("key.json.next").read_bytes()
    # The log has it, this machine was switched off before it knew
    for path in holder.folder.iterdir():
        path.unlink()
    for name, content in {**before, "key.json.later": later}.items():
        (holder.folder / name).write_bytes(content)
        (holder.folder / name).chmod(0o600)

    again = holder.keys("rotate", str(holder.file))

    assert again.exit_code == 0, again.output
    assert size(holder.world) == done
    assert holder.signer().name.endswith("/2")
    assert holder.file.with_name("key.json.next").read_bytes() == later


def test_a_signature_or_disclosure_that_does_not_hold_is_refused_by_its_place(
    holder: Holder,
) -> None:
    holder.settle()
    thief = Signer.generate(holder.signer().name)
    client = holder.yards.client("manager", holder.org)
    fact = holder.world.fact("lot.sourced", holder.org, holder.sourced()["data"])
    forged = sign_fact(thief, fact, [], None).to_request()
    honest = sign_fact(holder.signer(), fact, [], None).to_request()

    bad_signature = send(client, honest, forged)
    bad_disclosure = send(client, honest | {"disclosures": ["WyJub3Qgb25l"]})

    assert bad_signature.status_code == 422
    assert bad_signature.json["errors"][0]["position"] == 1
    assert bad_disclosure.status_code == 422


def test_a_thief_of_the_current_key_cannot_rotate(holder: Holder) -> None:
    stolen = holder.signer()
    own = Signer.generate(key_name(holder.world.root.origin, holder.org, 2))
    rotation = {
        "type": "key.rotated",
        "data": {"old": stolen.verifier.key_id.hex(), "vkey": own.vkey},
    }

    by_his_own = post_note(holder, rotation, own)
    by_the_stolen = post_note(holder, rotation, stolen)

    assert (by_his_own.status_code, by_the_stolen.status_code) == (422, 422)
    assert len(history(holder.world).keys_of(holder.org)) == 1


def test_what_a_stolen_key_signs_after_its_end_is_refused_whatever_its_date(
    holder: Holder,
) -> None:
    holder.settle()
    stolen = holder.signer()
    assert holder.keys("rotate", str(holder.file)).exit_code == 0
    before = size(holder.world)
    lot = holder.sourced()

    answer = post_note(
        holder,
        {
            "type": "lot.sourced",
            "at": "2026-03-01T00:00:00Z",
            "data": lot["data"],
            "sd": sorted(f"{n}" * 43 for n in range(8)),
        },
        stolen,
    )

    assert answer.status_code == 409
    assert size(holder.world) == before


def test_another_key_is_registered_by_the_first_one_and_ends_it(
    holder: Holder,
) -> None:
    second = holder.folder / "second.json"
    made = holder.keys("new", str(second), "--org", holder.org)
    assert made.exit_code == 0, made.output

    registered = holder.keys("register", str(second), "--with", str(holder.file))
    revoked = holder.keys(
        "revoke", "1", "--reason", "laptop stolen", "--with", str(second)
    )

    assert registered.exit_code == 0, registered.output
    assert revoked.exit_code == 0, revoked.output
    listed = holder.keys("list").stdout.splitlines()
    assert [("ended" in line) for line in listed] == [True, False]
    refused = holder.keys("register", str(second), "--with", str(holder.file))
    assert refused.exit_code == 1
    history(holder.world)


def test_a_key_made_elsewhere_is_registered_by_its_text_and_proof(
    holder: Holder,
) -> None:
    browser = Signer.generate(key_name(holder.world.root.origin, holder.org, 2))
    proof = prove_possession(holder.org, browser)
    other_proof = prove_possession(holder.org, holder.signer())
    register = ["register", "--with", str(holder.file), "--vkey", browser.vkey]

    wrong = holder.keys(*register, "--proof", other_proof)
    right = holder.keys(*register, "--proof", proof)

    assert wrong.exit_code == 1
    assert "did not sign its own registration" in wrong.output
    assert right.exit_code == 0, right.output
    assert Verifier.parse(browser.vkey).name in holder.keys("list").stdout


def test_the_registrar_ends_a_key_but_signs_nothing_else_for_the_organisation(
    holder: Holder,
) -> None:
    holder.settle()
    world, key = holder.world, holder.signer()
    revoked = world.fact(
        "key.revoked",
        holder.org,
        {"key_id": key.verifier.key_id.hex(), "reason": "asked by telephone"},
    )

    world.post_as_registrar([revoked])

    refused = holder.sign(str(holder.facts("a.json", [holder.sourced()])), "--send")
    assert refused.exit_code == 1
    # The key that was committed to can still take its place
    rotated = holder.keys("rotate", str(holder.file))
    assert rotated.exit_code == 0, rotated.output
    sent = holder.sign(str(holder.facts("a.json", [holder.sourced()])), "--send")
    assert sent.exit_code == 0, sent.output
    assert not REGISTRAR.may("lot.sourced", "other")
    history(world)


def test_an_organisation_without_a_platform_key_is_never_signed_for(
    holder: Holder,
) -> None:
    holder.settle()
    client = holder.yards.client("manager", holder.org)

    answer = send(client, {**holder.sourced(), "private": {}})

    assert answer.status_code == 409
    assert answer.json["type"].endswith("no-signing-key")


def test_plans_tell_the_place_of_what_is_known_and_take_no_signed_notes(
    holder: Holder,
) -> None:
    holder.settle()
    client = holder.yards.client("manager", holder.org)
    fact = {**holder.sourced(), "private": {}}
    holder.sign(str(holder.facts("a.json", [fact])), "--send")
    before = size(holder.world)

    plans = client.post("/api/v1/entries/parents", json={"facts": [fact]})
    seen = None
    signed = sign_fact(
        holder.signer(),
        holder.world.fact("lot.sourced", holder.org, fact["data"]),
        [],
        seen,
    )
    note = client.post("/api/v1/entries/parents", json={"facts": [signed.to_request()]})
    others = holder.yards.client("manager", holder.yards.own)
    foreign = others.post(
        "/api/v1/entries/parents", json={"facts": [{**fact, "org": holder.org}]}
    )

    assert plans.json["plans"][0]["entry_index"] == before - 1
    assert note.status_code == 422
    assert foreign.status_code == 403
    assert size(holder.world) == before


ROWS = """批号,日期,场所,物料,来源,来源类别,毛重 kg,皮重 kg,净重 kg,磅秤,金属含量 %,供方
S-1,2026-03-05 08:30,{site},AL-SCRAP-MIXED,回收,消费后,22480,10000,12480,W1,95,示例供方
S-2,2026-03-05 09:30,{site},AL-SCRAP-MIXED,回收,消费后,,,1200.5,W1,95,
"""


def rows(holder: Holder, text: str = ROWS) -> Path:
    path = holder.folder / "sourced.csv"
    path.write_text(text.format(site=holder.site), "utf-8")
    return path


def test_a_file_of_rows_is_signed_on_the_machine_and_adds_nothing_twice(
    holder: Holder,
) -> None:
    holder.settle()
    before = size(holder.world)

    first = holder.sign(str(rows(holder)), "--template", "sourced", "--send")
    again = holder.sign(str(rows(holder)), "--template", "sourced", "--send")

    assert first.exit_code == 0, first.output
    assert again.exit_code == 0, again.output
    assert size(holder.world) == before + 2
    assert "2 facts stand in the log already" in again.output
    logged = [entry(holder.world, before + n).fact["data"] for n in range(2)]
    assert [one["weighing"]["net_g"] for one in logged] == [12_480_000, 1_200_500]
    assert history(holder.world).held_by(holder.signer().name) == "organisation"


def test_faulty_rows_are_named_and_nothing_of_the_file_is_signed(
    holder: Holder,
) -> None:
    holder.settle()
    before = size(holder.world)
    text = ROWS.replace("1200.5", "12oo")

    refused = holder.sign(str(rows(holder, text)), "--template", "sourced", "--send")

    assert refused.exit_code == 1
    assert "row 3" in refused.output
    assert size(holder.world) == before


@pytest.mark.parametrize("change", ["weight", "supplier", "code", "time"])
def test_a_server_that_makes_something_else_of_a_row_gets_no_signature(
    holder: Holder, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    holder.settle()
    before = size(holder.world)
    honest = Server.draft_file

    def lie(self: Server, path: Path, template: str) -> Any:
        answer = honest(self, path, template)
        fact = answer["facts"][0]["fact"]
        match change:
            case "weight":
                fact["data"]["weighing"] |= {"net_g": 12_470_000, "tare_g": 10_010_000}
            case "supplier":
                fact["private"]["supplier"] = "示例他方"
            case "code":
                fact["data"]["lot"] = holder.code()
            case "time":
                fact["at"] = "2026-03-04T00:30:00Z"
        return answer

    monkeypatch.setattr(Server, "draft_file", lie)
    refused = holder.sign(str(rows(holder)), "--template", "sourced", "--send")

    assert refused.exit_code == 1
    assert "the server made another" in refused.output
    assert size(holder.world) == before
