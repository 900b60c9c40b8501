"""The log under concurrent writers, its checkpoints, and its verification."""

from __future__ import annotations

import multiprocessing
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from app.db import open_engine
from app.models import CheckpointRow, LogEntryRow, LogHeadRow, TableKind, tables_of
from app.queries.log import DatabaseTiles, get_head, iter_notes
from app.schema import SchemaError, check_schema, trigger_faults
from app.services.archive import export_log
from app.services.archive_check import check_archive
from app.services.errors import LogRolledBack, Refused
from app.services.verification import verify_log
from labels.codes import new_code
from ledger import (
    TILE_WIDTH,
    LeafTiles,
    Verifier,
    decode_bundle,
    leaf_hash,
    open_checkpoint,
    prove_inclusion,
    root_from_tiles,
    verify_inclusion,
)
from tests.world import World

WRITERS, FACTS_EACH = 8, 12


def make_yard(world: World) -> tuple[str, str]:
    org = world.register("yard")
    scales = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
    return org, world.facility(org, "gate", scales=scales)


def notes(world: World) -> list[bytes]:
    with world.reading() as session:
        return [note for _, note in iter_notes(session, 0, get_head(session).size)]


def write_from_another_process(url: str, root: object, org: str, site: str) -> None:
    engine = open_engine(url)
    world = World(engine)
    for _ in range(FACTS_EACH):
        world.sourced(org, site)
    engine.dispose()


def test_concurrent_writers_get_every_index_once(world: World) -> None:
    org, site = make_yard(world)
    before = len(notes(world))
    url = world.engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=write_from_another_process, args=(url, None, org, site))
        for _ in range(2)
    ]
    for process in processes:
        process.start()

    with ThreadPoolExecutor(WRITERS - 2) as pool:
        jobs = [
            pool.submit(world.sourced, org, site)
            for _ in range((WRITERS - 2) * FACTS_EACH)
        ]
        codes = [job.result() for job in jobs]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0

    assert len(set(codes)) == len(codes)
    assert len(notes(world)) == before + WRITERS * FACTS_EACH
    with world.reading() as session:
        assert verify_log(session) == []


def test_concurrent_takings_never_overdraw_a_lot(world: World) -> None:
    org, site = make_yard(world)
    lot = world.sourced(org, site, net_g=1_000_000)

    def deliver(_: int) -> bool:
        data = {"lot": lot, "net_g": 150_000, "to": "sold"}
        try:
            world.state("lot.delivered", org, data)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(deliver, range(WRITERS)))

    assert answers.count(True) == 6
    with world.reading() as session:
        assert verify_log(session) == []


def test_the_same_fact_sent_many_times_at_once_is_recorded_once(world: World) -> None:
    org, site = make_yard(world)
    fact = world.fact(
        "lot.sourced",
        org,
        {
            "lot": new_code(),
            "facility": site,
            "material": "AL-SCRAP-MIXED",
            "source": "collected",
            "origin_class": "unknown",
            "weighing": {"net_g": 900_000, "scale": "W1"},
            "metal": "Al",
            "content_basis": "grade",
        },
    )

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(lambda _: world.post([fact])[0], range(20)))

    assert len({one.entry_index for one in answers}) == 1
    assert [one.repeated for one in answers].count(False) == 1


def test_a_checkpoint_covers_what_was_committed(world: World) -> None:
    make_yard(world)

    checkpoint = world.checkpoint()

    assert checkpoint is not None
    found = notes(world)
    assert checkpoint.size == len(found)
    tiles = LeafTiles.of_entries(found)
    assert checkpoint.root == root_from_tiles(tiles, len(found))
    with world.reading() as session:
        row = session.scalars(select(CheckpointRow)).one()
        log_key = Verifier.parse(world.root.log_vkey)
        assert open_checkpoint(row.note, [log_key], world.root.origin) == checkpoint


def test_an_unchanged_log_is_not_signed_again(world: World) -> None:
    assert world.checkpoint() is not None
    assert world.checkpoint() is None


def test_a_second_root_for_a_size_cannot_be_stored(world: World) -> None:
    world.checkpoint()
    with world.reading() as session:
        row = session.scalars(select(CheckpointRow)).one()

    with pytest.raises(IntegrityError), world.transaction() as session:
        session.add(
            CheckpointRow(size=row.size, root=bytes(32), note=b"-", signed_at=world.now)
        )


def test_a_log_that_was_rolled_back_is_not_signed(world: World) -> None:
    make_yard(world)
    world.checkpoint()
    with world.transaction() as session:
        session.execute(update(LogHeadRow).values(size=0, frontier=b""))

    with pytest.raises(LogRolledBack):
        world.checkpoint()


@pytest.mark.parametrize("count", [TILE_WIDTH + 44])
def test_tiles_past_the_first_full_one_give_the_same_proofs(
    world: World, count: int
) -> None:
    org, site = make_yard(world)
    facts = [
        world.fact(
            "lot.sourced",
            org,
            {
                "lot": new_code(),
                "facility": site,
                "material": "AL-SCRAP-MIXED",
                "source": "collected",
                "origin_class": "unknown",
                "weighing": {"net_g": 900_000, "scale": "W1"},
                "metal": "Al",
                "content_basis": "grade",
            },
        )
        for _ in range(count)
    ]
    world.post(facts[:100])
    world.checkpoint()
    world.post(facts[100:])
    checkpoint = world.checkpoint()
    assert checkpoint is not None
    found = notes(world)

    with world.reading() as session:
        tiles = DatabaseTiles(session)
        for index in (0, 1, TILE_WIDTH - 1, TILE_WIDTH, len(found) - 1):
            proof = prove_inclusion(tiles, index, checkpoint.size)
            verify_inclusion(
                proof,
                index=index,
                size=checkpoint.size,
                leaf_hash=leaf_hash(found[index]),
                root=checkpoint.root,
            )


def test_an_exported_log_is_whole_and_its_bundles_hold_every_entry(
    world: World, tmp_path: Path
) -> None:
    make_yard(world)
    world.checkpoint()

    with world.reading() as session:
        size = export_log(session, tmp_path)

    assert check_archive(tmp_path).passed
    bundle = tmp_path / "tile" / "entries" / f"000.p/{size}"
    assert decode_bundle(bundle.read_bytes()) == notes(world)
    hashes = (tmp_path / "tile" / "0" / f"000.p/{size}").read_bytes()
    assert hashes == b"".join(leaf_hash(note) for note in notes(world))
    policy = (tmp_path / "policy").read_text()
    assert policy.rpartition("# sha256 ")[0] == (
        f"# genesis {world.root.leaf_hash}\nlog {world.root.log_vkey}\nquorum none\n"
    )


def disarm(engine: Engine, table: str) -> None:
    """What an owner of the database can do: drop the triggers of a fact table."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text(f"DROP TRIGGER {table}_refuses_update"))
        else:
            connection.execute(text(f"DROP TRIGGER {table}_refuses_change ON {table}"))


@pytest.mark.parametrize(
    ("column", "value", "names"),
    [
        ("note", b"remelt/fact@v1\n", "leaf_hash"),
        ("type", "lot.delivered", "type"),
        ("fact_id", "019ca6cd-5340-7001-8001-000000000001", "fact_id"),
        ("leaf_hash", bytes(32), "leaf_hash"),
    ],
)
def test_an_edited_entry_is_named_with_its_field(
    world: World, column: str, value: object, names: str
) -> None:
    org, site = make_yard(world)
    world.sourced(org, site)
    world.checkpoint()
    disarm(world.engine, "log_entry")
    with world.transaction() as session:
        session.execute(
            update(LogEntryRow)
            .where(LogEntryRow.entry_index == 4)
            .values({column: value})
        )

    with world.reading() as session:
        found = verify_log(session)

    assert (4, "log_entry", names) in {
        (one.entry_index, one.table, one.field) for one in found
    }


def test_a_signature_by_a_key_of_nobody_is_found(world: World) -> None:
    org, site = make_yard(world)
    world.sourced(org, site)
    with world.reading() as session:
        note = session.get_one(LogEntryRow, 4).note
    forged = note.replace(b"post_consumer", b"pre_consumer", 1)
    disarm(world.engine, "log_entry")
    with world.transaction() as session:
        session.execute(
            update(LogEntryRow)
            .where(LogEntryRow.entry_index == 4)
            .values(note=forged, leaf_hash=leaf_hash(forged))
        )

    with world.reading() as session:
        found = verify_log(session)

    assert any("does not verify" in one.message for one in found)
    assert any(one.table == "log_head" for one in found)


@pytest.mark.parametrize("table", tables_of(TableKind.FACT))
def test_a_fact_table_refuses_every_change(engine: Engine, table: str) -> None:
    statements = [f"DELETE FROM {table}"]
    if engine.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table} CASCADE")
    world = World(engine)
    world.found()
    world.checkpoint()
    if table not in ("log_entry", "checkpoint"):
        # Row triggers fire on rows: these two have some; of the rest the triggers'
        # bodies are compared with what was installed
        with engine.connect() as connection:
            assert trigger_faults(connection) == []
        statements = statements[1:]

    for statement in statements:
        with (
            pytest.raises(DatabaseError, match="append-only"),
            engine.begin() as connection,
        ):
            connection.execute(text(statement))


def test_a_database_without_a_trigger_is_refused_at_start(world: World) -> None:
    check_schema(world.engine)
    disarm(world.engine, "lot")

    with pytest.raises(SchemaError, match="lot_refuses_"):
        check_schema(world.engine)


def test_a_trigger_with_another_body_is_refused_at_start(world: World) -> None:
    disarm(world.engine, "lot")
    with world.engine.begin() as connection:
        if world.engine.dialect.name == "sqlite":
            connection.execute(
                text(
                    "CREATE TRIGGER lot_refuses_update BEFORE UPDATE ON lot "
                    "BEGIN SELECT 1; END"
                )
            )
        else:
            connection.execute(
                text(
                    "CREATE TRIGGER lot_refuses_change BEFORE DELETE ON lot "
                    "FOR EACH ROW EXECUTE FUNCTION remelt_refuse_change()"
                )
            )

    with pytest.raises(SchemaError, match="not as it was made"):
        check_schema(world.engine)


def test_an_empty_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")

    with pytest.raises(SchemaError, match="remelt db upgrade"):
        check_schema(engine)

    engine.dispose()
    shutil.rmtree(tmp_path)
