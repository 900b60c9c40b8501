"""``.tlog-proof`` files, for everybody, of any entry that a checkpoint covers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask

from app.models import LogEntryRow
from ledger import (
    Policy,
    PolicyLog,
    ProofFailed,
    parse_proof_file,
    verify_proof_file,
)
from tests.people import close, make_app
from tests.world import World


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(world.engine, tmp_path)
    yield app
    close(app)


def leaf_of(world: World, index: int) -> bytes:
    with world.reading() as session:
        return session.get_one(LogEntryRow, index).leaf_hash


def test_anybody_gets_the_proof_of_an_entry_by_index_and_by_leaf_hash(
    app: APIFlask, world: World
) -> None:
    world.register("yard")
    checkpoint = world.checkpoint()
    assert checkpoint is not None
    policy = Policy((PolicyLog(world.root.log_vkey),))
    client = app.test_client()

    for index in range(checkpoint.size):
        leaf = leaf_of(world, index)
        answer = client.get(f"/log/proof/{index}.tlog-proof")
        assert answer.status_code == 200
        outcome = verify_proof_file(
            parse_proof_file(answer.data), leaf_hash=leaf, policy=policy
        )
        assert outcome.checkpoint == checkpoint
        with pytest.raises(ProofFailed):
            verify_proof_file(
                parse_proof_file(answer.data), leaf_hash=bytes(32), policy=policy
            )
        assert (
            client.get(f"/log/proof/leaf/{leaf.hex()}.tlog-proof").data == answer.data
        )


@pytest.mark.parametrize(
    "name",
    [
        *("3", "99", "-1", "x", str(2**53), str(2**70)),
        *(f"leaf/{one}" for one in ("00" * 32, "zz" * 32, "00")),
    ],
)
def test_what_no_checkpoint_covers_has_no_proof(
    app: APIFlask, world: World, name: str
) -> None:
    world.register("yard")
    world.checkpoint()
    world.register("other yard")

    answer = app.test_client().get(f"/log/proof/{name}.tlog-proof")

    assert answer.status_code == 404
