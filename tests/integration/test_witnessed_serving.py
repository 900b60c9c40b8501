"""What everybody is told about witnesses: addresses, receipts, labels, figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import Result
from flask.testing import FlaskClient, FlaskCliRunner
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, update

from app import create_app
from app.cli.ledger import cli as ledger
from app.config import Settings
from app.models import CosignatureRow
from app.queries.cosigned import find_published_checkpoint, least_witnesses
from app.queries.log import get_head
from app.security import now
from app.services.archive import WrongPolicy, export_log, policy_text
from app.services.doctor import State, check_policy
from app.services.verdicts import judge_label
from app.services.witness_rounds import ask_all
from ledger import (
    Policy,
    Signer,
    evaluate_policy,
    format_policy,
    parse_policy,
    read_checkpoint,
    split_note,
    verify_bundle,
)
from tests.labelled import YARD, Labelled, grow_chain, labelled_claim
from tests.people import add_person, close, sign_in
from tests.witnesses import Honest, at, desk_of, honest, policy_of, witness_key
from tests.world import World


@pytest.fixture
def claimed(world: World) -> Labelled:
    """A label for a claim, under a checkpoint."""
    grow_chain(world)
    made = labelled_claim(world)
    world.checkpoint()
    return made


@pytest.fixture
def one(world: World, claimed: Labelled, tmp_path: Path) -> Iterator[Honest]:
    """A witness."""
    with honest(tmp_path, 1, world) as made:
        yield made


@pytest.fixture
def policy(world: World, one: Honest) -> Policy:
    """The witness must have cosigned."""
    return policy_of(world, *at(one))


@pytest.fixture
def app(world: World, policy: Policy, tmp_path: Path) -> Iterator[APIFlask]:
    """The application under this policy."""
    app = create_app(
        Settings(
            database_url=world.engine.url.render_as_string(hide_password=False),
            data_dir=tmp_path,
            secret_key="k" * 32,
            key_encryption_key=bytes(range(32)),
            policy=policy,
        )
    )
    app.testing = True
    yield app
    close(app)


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


def ask(world: World, policy: Policy) -> int:
    """Ask the witnesses; gives the size that is believed then."""
    ask_all(desk_of(world, policy))
    with world.reading() as session:
        found = find_published_checkpoint(session, policy)
    return 0 if found is None else found.size


def test_the_checkpoint_is_the_witnessed_one_and_the_logged_one_has_its_own_address(
    client: FlaskClient, world: World, policy: Policy
) -> None:
    assert client.get("/log/checkpoint").status_code == 404
    size = ask(world, policy)
    world.register("later")
    world.checkpoint()

    believed = client.get("/log/checkpoint")
    logged = client.get("/log/checkpoint/logged")

    assert evaluate_policy(policy, believed.data).grade == "witnessed"
    assert read_checkpoint(believed.data).size == size
    assert read_checkpoint(logged.data).size > size
    assert evaluate_policy(policy, logged.data).grade == "logged"
    assert len(split_note(logged.data)[1]) == 1
    for answer in (believed, logged):
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=1"


def test_without_witnesses_both_addresses_give_the_same(
    world: World, claimed: Labelled, tmp_path: Path
) -> None:
    app = create_app(
        Settings(
            database_url=world.engine.url.render_as_string(hide_password=False),
            data_dir=tmp_path,
            secret_key="k" * 32,
            key_encryption_key=bytes(range(32)),
        )
    )
    client = app.test_client()

    assert (
        client.get("/log/checkpoint").data == client.get("/log/checkpoint/logged").data
    )
    close(app)


def test_one_policy_is_told_everywhere(
    app: APIFlask, client: FlaskClient, world: World, policy: Policy, tmp_path: Path
) -> None:
    ask(world, policy)
    with world.reading() as session:
        export_log(session, tmp_path / "copy", policy)
        told = policy_text(session, policy)

    printed = FlaskCliRunner(app).invoke(ledger, ["policy"])

    assert told == f"# genesis {world.root.leaf_hash}\n{format_policy(policy)}"
    assert client.get("/.well-known/remelt/policy").text == told
    assert printed.stdout == told
    exported = (tmp_path / "copy" / "policy").read_text()
    assert parse_policy(exported) == policy
    checkpoint = (tmp_path / "copy" / "checkpoint").read_bytes()
    assert evaluate_policy(policy, checkpoint).grade == "witnessed"


def test_the_policy_of_another_log_is_refused(world: World, policy: Policy) -> None:
    other = Signer.generate(world.root.origin)
    logs = (replace(policy.logs[0], vkey=other.vkey),)

    with world.reading() as session, pytest.raises(WrongPolicy, match="line 'log'"):
        policy_text(session, replace(policy, logs=logs))


def test_a_bundle_carries_what_its_policy_asks_for(
    client: FlaskClient, world: World, policy: Policy, claimed: Labelled
) -> None:
    logged = client.get(f"/v/{claimed.code}/bundle").json
    ask(world, policy)
    witnessed = client.get(f"/v/{claimed.code}/bundle").json

    assert logged is not None
    assert witnessed is not None
    before = verify_bundle(logged, policy, genesis=world.root.leaf_hash)
    after = verify_bundle(witnessed, policy, genesis=world.root.leaf_hash)

    assert [one.name for one in before.checks if not one.passed] == [
        "checkpoint",
        "inclusion",
    ]
    assert after.passed
    assert after.outcome is not None
    assert after.outcome.grade == "witnessed"


def test_the_page_behind_a_label_says_who_has_cosigned(
    client: FlaskClient, world: World, policy: Policy, claimed: Labelled
) -> None:
    before = client.get(f"/v/{claimed.code}?lang=en").text
    ask(world, policy)
    after = client.get(f"/v/{claimed.code}?lang=en").text

    assert "not cosigned by enough witnesses yet" in before
    assert "cosigned by p-w1.example" in after
    assert "not cosigned by enough witnesses yet" not in after


def test_a_verdict_has_its_grade(
    world: World, policy: Policy, claimed: Labelled
) -> None:
    def grade() -> str:
        with world.reading() as session:
            verdict = judge_label(session, claimed.code, world.now, policy)
        assert verdict is not None
        assert verdict.kind.value == "valid"
        return verdict.grade

    assert grade() == "logged"
    ask(world, policy)
    assert grade() == "witnessed"


def test_a_cosignature_that_somebody_changed_condemns_the_checkpoint(
    world: World, policy: Policy, claimed: Labelled
) -> None:
    ask(world, policy)
    with world.reading() as session:
        kept = session.scalars(select(CosignatureRow)).one()
    broken = kept.line[:40] + ("A" if kept.line[40] != "A" else "B") + kept.line[41:]
    with world.engine.begin() as connection:
        if world.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER cosignature_refuses_update")
        else:
            connection.exec_driver_sql(
                "DROP TRIGGER cosignature_refuses_change ON cosignature"
            )
        connection.execute(update(CosignatureRow).values(line=broken))

    with world.reading() as session:
        verdict = judge_label(session, claimed.code, world.now, policy)

    assert verdict is not None
    assert (verdict.kind.value, verdict.cause) == ("unverifiable", "checkpoint")


def test_a_receipt_is_recorded_then_logged_then_witnessed(
    app: APIFlask, client: FlaskClient, world: World, policy: Policy
) -> None:
    add_person(app, "y@example.org", "recycler", organisation=YARD)
    sign_in(client, "y@example.org")
    world.facility(YARD, "second gate")
    with world.reading() as session:
        index = get_head(session).size - 1
    page = f"/logged/{index}/grade?lang=en"
    texts = [client.get(page).text]
    world.checkpoint()
    texts.append(client.get(page).text)
    size = ask(world, policy)
    texts.append(client.get(page).text)

    assert ["hx-get" in text for text in texts] == [True, True, False]
    assert ">recorded<" in texts[0]
    assert ">logged<" in texts[1]
    assert "not cosigned by enough witnesses yet" in texts[1]
    assert ">witnessed<" in texts[2]
    assert f"size {size}, cosigned by p-w1.example" in texts[2]


def test_figures_and_doctor_tell_when_the_quorum_fails(
    client: FlaskClient, world: World, policy: Policy, one: Honest
) -> None:
    def figures() -> dict[str, float]:
        text = client.get("/metrics").text
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("remelt_wit")
        }

    def findings(later: timedelta = timedelta()) -> list[tuple[str, State]]:
        with world.reading() as session:
            found = check_policy(session, policy, world.now + later)
        return [(finding.check, finding.state) for finding in found]

    assert findings() == [
        ("witnesses", State.WARNING),
        ("quorum", State.WELL),
    ]
    size = ask(world, policy)
    assert figures() == {
        "remelt_witnessed_size": size,
        "remelt_witness_lag_entries": 0,
        "remelt_witness_cosigns": 1,
        "remelt_witness_size": size,
    }
    assert findings() == [("witnesses", State.WELL), ("quorum", State.WELL)]

    world.register("later")
    newest = world.checkpoint()
    assert newest is not None
    dead = policy_of(world, (one.witness, "http://127.0.0.1:9"))
    ask_all(desk_of(world, dead))

    assert figures()["remelt_witness_cosigns"] == 0
    assert figures()["remelt_witness_lag_entries"] == newest.size - size
    assert findings(timedelta(minutes=2)) == [
        ("witnesses", State.WARNING),
        ("quorum", State.WARNING),
    ]


def run(app: APIFlask, *arguments: str) -> Result:
    result: Result = FlaskCliRunner(app).invoke(ledger, ["witnesses", *arguments])
    return result


def test_the_command_asks_the_witnesses_and_says_how_they_stand(
    app: APIFlask, world: World, one: Honest
) -> None:
    one.at = now().timestamp()  # the command has the time of the machine
    told = run(app, "--json")

    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["quorum_met"]
    assert found["witnesses"][0]["state"] == "cosigned"
    assert "cosigned" in run(app).stdout


@pytest.mark.parametrize(("threshold", "least"), [("any", 1), ("2", 2), ("all", 3)])
def test_the_least_number_of_witnesses_follows_from_the_groups(
    threshold: str, least: int
) -> None:
    log = Signer.from_bytes("example.org/log", bytes(32))
    lines = [f"log {log.vkey}"]
    lines += [f"witness w{n} {witness_key(n).vkey}" for n in range(1, 6)]
    lines += ["group inner 2 w1 w2 w3", f"group outer {threshold} w4 w5"]

    flat = parse_policy("\n".join([*lines[:-1], "quorum inner"]))
    nested = parse_policy(
        "\n".join(
            [
                *lines[:-2],
                "group inner 2 w1 w2",
                f"group outer {threshold} w3 w4 w5",
                "quorum outer",
            ]
        )
    )
    both = parse_policy(
        "\n".join([*lines[:-1], "group outer all inner w4", "quorum outer"])
    )

    assert least_witnesses(flat) == 2
    assert least_witnesses(nested) == least
    assert least_witnesses(both) == 3
    assert least_witnesses(replace(flat, quorum="none")) == 0
