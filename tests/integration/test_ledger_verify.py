"""``remelt ledger verify`` and ``rebuild`` as an operator runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from click.testing import Result
from flask.testing import FlaskCliRunner
from sqlalchemy import Engine, select, text, update

from app.cli.ledger import cli
from app.models import (
    CheckpointRow,
    CosignatureRow,
    LogEntryRow,
    LogHeadRow,
    LogTileRow,
    LotRow,
)
from app.services.log_check import SPAN
from ledger import leaf_hash
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, post, set_up
from tests.people import close, make_app
from tests.world import World, code_of


@pytest.fixture
def chain(world: World) -> World:
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post(world, item)
    world.checkpoint()
    return world


@pytest.fixture
def app(chain: World, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(chain.engine, tmp_path)
    yield app
    close(app)


def run(app: APIFlask, *options: str) -> Result:
    return FlaskCliRunner(app).invoke(cli, list(options))


def verify(app: APIFlask, *options: str) -> dict[str, Any]:
    result = run(app, "verify", "--json", *options)
    assert result.exit_code in (0, 1), result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == int(bool(found["differences"]))
    return found


def places(found: dict[str, Any]) -> set[tuple[int | None, str, str]]:
    return {
        (one["entry_index"], one["table"], one["field"]) for one in found["differences"]
    }


def change(engine: Engine, *statements: Any) -> None:
    """Do what the triggers forbid, as somebody with the password could; and tidy up."""
    triggers: list[tuple[str, str]] = []
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            driver = connection.connection.dbapi_connection
            assert driver is not None
            driver.cursor().execute("PRAGMA foreign_keys=OFF")
            found = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            triggers = [(name, sql) for name, sql in found]
            for name, _ in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.exec_driver_sql(sql)
        connection.commit()


def test_a_sound_log_agrees_in_full_and_further_on(app: APIFlask, chain: World) -> None:
    full = verify(app)
    chain.register("later")
    chain.checkpoint()
    further = verify(app, "--incremental")

    assert full["differences"] == further["differences"] == []
    assert full["signatures_from"] == 0
    assert further["signatures_from"] == full["size"] < further["size"]
    assert "entries agree" in run(app, "verify", "--quiet").stdout
    assert verify(app, "--hashes-only")["root"] == further["root"]


def test_a_changed_weight_is_named_by_row_and_field(
    app: APIFlask, chain: World
) -> None:
    verify(app)
    with chain.reading() as session:
        lot = session.scalars(select(LotRow).order_by(LotRow.id)).first()
        assert lot is not None
    change(
        chain.engine,
        update(LotRow).where(LotRow.id == lot.id).values(net_g=LotRow.net_g + 1000),
    )

    for options in ((), ("--incremental",)):
        found = verify(app, *options)
        assert (lot.id // 1024, "lot", "net_g") in places(found)
    told = run(app, "verify", "--quiet")
    assert told.exit_code == 1
    assert f"entry {lot.id // 1024}, lot.net_g, row id={lot.id}: found" in told.stdout


def test_a_rewritten_entry_is_found_even_with_its_hash_renewed(
    app: APIFlask, chain: World
) -> None:
    verify(app)
    with chain.reading() as session:
        row = session.scalars(
            select(LogEntryRow).where(LogEntryRow.type == "lot.sourced")
        ).first()
        assert row is not None
    forged = row.note.replace(b'"net_g":', b'"net_g":1', 1)
    change(
        chain.engine,
        update(LogEntryRow)
        .where(LogEntryRow.entry_index == row.entry_index)
        .values(note=forged, leaf_hash=leaf_hash(forged)),
    )

    found = verify(app)

    assert {
        (row.entry_index, "log_entry", "note"),
        (None, "checkpoint", "root"),
        (None, "log_head", "frontier"),
    } <= places(found)
    # Signatures before the last check are not verified again; the hashes tell
    assert (None, "checkpoint", "root") in places(verify(app, "--incremental"))
    assert (None, "checkpoint", "root") in places(verify(app, "--hashes-only"))


COLUMNS = [
    (LogEntryRow, "leaf_hash", bytes(32)),
    (LogEntryRow, "type", "lot.assayed"),
    (LogEntryRow, "org", "A" * 12),
    (LogEntryRow, "fact_id", "0" * 36),
    (CheckpointRow, "root", bytes(32)),
    (CheckpointRow, "note", b"x\n"),
    (LogHeadRow, "size", 7),
    (LogHeadRow, "frontier", bytes(32)),
]


@pytest.mark.parametrize(("model", "column", "value"), COLUMNS)
def test_every_column_of_the_log_is_held_against_the_notes(
    app: APIFlask, chain: World, model: Any, column: str, value: Any
) -> None:
    with chain.reading() as session:
        keys = list(model.__table__.primary_key.columns)
        first = session.scalars(select(model).order_by(keys[0].desc())).first()
        key = getattr(first, keys[0].name)
    change(chain.engine, update(model).where(keys[0] == key).values({column: value}))

    found = verify(app)

    assert model.__tablename__ in {one["table"] for one in found["differences"]}


def test_a_hidden_revocation_is_found(app: APIFlask, chain: World) -> None:
    org = chain.register("revoked")
    with chain.reading() as session:
        name = chain.keyring.signer_of(session, org).verifier.key_id.hex()
    receipt = chain.state("key.revoked", org, {"key_id": name, "reason": "x"})
    change(
        chain.engine,
        update(LogEntryRow)
        .where(LogEntryRow.entry_index == receipt.entry_index)
        .values(type="lot.sourced"),
    )

    found = verify(app)

    assert (receipt.entry_index, "log_entry", "note") in places(found)
    assert (receipt.entry_index, "log_entry", "type") in places(found)


def test_a_missing_entry_is_found_where_it_is_missing(
    app: APIFlask, chain: World
) -> None:
    change(chain.engine, text("DELETE FROM log_entry WHERE entry_index = 5"))

    assert (5, "log_entry", "entry_index") in places(verify(app, "--hashes-only"))


def test_history_that_changed_since_the_last_check_is_told(
    app: APIFlask, chain: World, tmp_path: Path
) -> None:
    verify(app)
    [kept] = tmp_path.glob("**/verified.json")
    said = json.loads(kept.read_text())
    kept.write_text(json.dumps({**said, "root": "00" * 32}))

    found = verify(app, "--incremental")

    assert (None, "checkpoint", "root") in places(found)
    assert found["signatures_from"] == 0, "nothing before is taken for granted"


def test_a_cosignature_that_does_not_verify_is_named(
    app: APIFlask, chain: World
) -> None:
    with chain.transaction() as session:
        size = session.scalars(select(CheckpointRow.size)).first()
        session.add(
            CosignatureRow(
                size=size, witness="unknown", line="x\n", cosigned_at=chain.now
            )
        )

    # No policy names this witness: nobody can tell, and nothing is claimed
    assert verify(app)["differences"] == []


def test_tables_are_made_anew_in_an_empty_database(
    app: APIFlask, chain: World, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/rebuilt.db"

    made = run(app, "rebuild", "--into", url, "--quiet")
    again = run(app, "rebuild", "--into", url, "--quiet")

    assert (made.exit_code, again.exit_code) == (0, 2), made.output
    assert "0 differences" in made.stdout
    assert "holds a log already" in again.output


@pytest.mark.soak
def test_many_stretches_side_by_side_agree_with_one_after_the_other(
    app: APIFlask, chain: World
) -> None:
    org = chain.register("many")
    scale = {"code": "W1", "e_g": 20_000, "max_g": 100_000_000}
    site = chain.facility(org, "gate", scales=[scale])
    facts = [
        chain.fact(
            "lot.sourced",
            org,
            {
                "lot": code,
                "facility": site,
                "material": "AL-SCRAP-MIXED",
                "source": "collected",
                "origin_class": "post_consumer",
                "weighing": {"net_g": 10_000_000, "scale": "W1"},
                "metal": "Al",
                "content_ppm": 950_000,
                "content_basis": "declared",
            },
        )
        for code in _codes(5 * SPAN)
    ]
    for start in range(0, len(facts), 500):
        chain.post(facts[start : start + 500])
    chain.checkpoint()
    change(
        chain.engine,
        update(LogEntryRow)
        .where(LogEntryRow.entry_index == 3 * SPAN + 7)
        .values(leaf_hash=bytes(32)),
        update(LogTileRow)
        .where(LogTileRow.level == 0, LogTileRow.tile_index == 3)
        .values(root=bytes(32)),
    )

    side_by_side = verify(app, "--processes", "2")
    alone = verify(app, "--processes", "1")

    assert side_by_side == alone
    assert places(alone) == {
        (3 * SPAN + 7, "log_entry", "leaf_hash"),
        (None, "log_tile", "root"),
    }


def _codes(count: int) -> list[str]:
    return [code_of(f"many-{number}") for number in range(count)]
