"""A restored backup signs nothing that a copy outside contradicts, and recovers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from apiflask import APIFlask
from click.testing import Result
from flask.testing import FlaskCliRunner
from sqlalchemy import Engine, delete, select, update

from app.cli.ledger import cli
from app.db import open_engine
from app.models import CheckpointRow, LogEntryRow, LogHeadRow, SealedKeyRow
from app.queries.log import get_head
from app.schema import upgrade
from app.services.archive import export_log
from app.services.copies import advice_for, compare_copies
from app.services.errors import LogChanged, LogRolledBack
from app.services.folding import fold_entries, iter_entries
from app.services.published import keep_published
from app.services.verification import verify_log
from app.serving import refuse_rolled_back
from ledger import parse_entry
from tests.folded import Fold
from tests.people import close, make_app
from tests.world import NOW, World, code_of

SCALE = {"code": "W1", "e_g": 20_000, "max_g": 100_000_000}


def make_yard(world: World, name: str = "yard") -> tuple[str, str]:
    org = world.register(name)
    return org, world.facility(org, f"{name}-gate", scales=[SCALE])


def old_copy_of(world: World, path: Path, size: int) -> World:
    """The database as a backup after so many entries had it, restored."""
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    old = World(engine)
    old.keyring, old.log_key = world.keyring, world.log_key
    with world.reading() as session:
        rows = list(iter_entries(session.connection(), 0, size))
        sealed = [
            (row.key_name, row.sealed) for row in session.scalars(select(SealedKeyRow))
        ]
        old.root = world.root
    assert fold_entries(rows, old.transaction) == []
    with old.transaction() as session:
        for name, data in sealed:
            session.add(SealedKeyRow(key_name=name, sealed=data, created_at=NOW))
    return old


@pytest.fixture
def restored(world: World, tmp_path: Path) -> Iterator[tuple[World, World, Path]]:
    """The log as it was, its restored old backup, and an export of the newest state."""
    org, site = make_yard(world)
    with world.reading() as session:
        size = get_head(session).size
    for _ in range(5):
        world.sourced(org, site)
    world.checkpoint()
    folder = tmp_path / "export"
    with world.reading() as session:
        export_log(session, folder)
    old = old_copy_of(world, tmp_path / "old.db", size)
    yield world, old, folder
    old.engine.dispose()


def app_of(world: World, folder: Path, **more: Any) -> APIFlask:
    folder.mkdir(exist_ok=True)
    return make_app(world.engine, folder, **more)


def run(app: APIFlask, *options: str) -> Result:
    return FlaskCliRunner(app).invoke(cli, list(options))


def test_a_database_behind_its_export_is_not_served(
    restored: tuple[World, World, Path], tmp_path: Path
) -> None:
    new, old, folder = restored
    for world, behind in ((old, True), (new, False)):
        app = app_of(world, tmp_path / f"var-{behind}", copies=(str(folder),))
        with app.app_context():
            if behind:
                with pytest.raises(click.ClickException, match=r"ledger recover"):
                    refuse_rolled_back(app.config["SETTINGS"])
            else:
                refuse_rolled_back(app.config["SETTINGS"])
        close(app)


def test_a_copy_that_cannot_be_reached_stops_nobody_and_is_named(
    restored: tuple[World, World, Path], tmp_path: Path
) -> None:
    new, _, folder = restored
    gone = str(tmp_path / "gone")
    with new.reading() as session:
        states = compare_copies(
            session, tmp_path / "var", new.log_key.vkey, [gone, str(folder)]
        )

    assert [(one.where, one.size is None) for one in states] == [
        (gone, True),
        (str(folder), False),
    ]


def test_another_history_is_refused_whatever_its_length(
    world: World, tmp_path: Path
) -> None:
    org, site = make_yard(world)
    world.checkpoint()
    with world.reading() as session:
        size = get_head(session).size
    other = old_copy_of(world, tmp_path / "other.db", size)
    world.sourced(org, site)
    world.checkpoint()
    other.sourced(org, site)
    other.sourced(org, site)
    other.checkpoint()
    with other.reading() as session:
        export_log(session, tmp_path / "export")
    other.engine.dispose()

    with world.reading() as session, pytest.raises(LogRolledBack):
        compare_copies(
            session, tmp_path, world.log_key.vkey, [str(tmp_path / "export")]
        )


def test_entries_are_taken_back_and_the_log_goes_on(
    restored: tuple[World, World, Path], tmp_path: Path
) -> None:
    new, old, folder = restored
    app = app_of(old, tmp_path / "var", copies=(str(folder),))
    policy = str(folder / "policy")

    taken = run(app, "recover", "--from", str(folder), "--policy", policy, "--quiet")
    again = run(app, "recover", "--from", str(folder), "--policy", policy, "--quiet")

    assert taken.exit_code == 0, taken.output
    assert taken.stdout.startswith("5 entries taken back")
    assert again.exit_code == 1
    assert "nothing is missing" in str(again.output) + str(again.exception)
    with new.reading() as session, old.reading() as ours:
        assert get_head(ours) == get_head(session)
        assert verify_log(ours) == []
    fold = Fold(tmp_path / "fold.db")
    assert fold.follow(old) == []
    fold.engine.dispose()
    make_yard(old, "later")
    old.checkpoint()
    with old.reading() as session:
        sizes = session.scalars(select(CheckpointRow.size)).all()
    assert len(sizes) == len(set(sizes)) == 2
    close(app)


def test_a_fact_that_was_recovered_is_answered_again_by_what_it_says(
    restored: tuple[World, World, Path], tmp_path: Path
) -> None:
    _, old, folder = restored
    app = app_of(old, tmp_path / "var")
    policy = str(folder / "policy")
    run(app, "recover", "--from", str(folder), "--policy", policy, "--quiet")
    with old.reading() as session:
        row = session.scalars(
            select(LogEntryRow).order_by(LogEntryRow.entry_index.desc()).limit(1)
        ).one()
    said = parse_entry(row.note).fact
    fact = old.fact(
        said["type"], said["org"], said["data"], at=said["at"], fact_id=said["id"]
    )

    [receipt] = old.post([fact])

    assert (receipt.repeated, receipt.entry_index) == (True, row.entry_index)
    close(app)


def test_an_empty_database_is_filled_from_a_copy(
    restored: tuple[World, World, Path], tmp_path: Path
) -> None:
    _, _, folder = restored
    engine: Engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
    upgrade(engine)
    (tmp_path / "var2").mkdir()
    app = make_app(engine, tmp_path / "var2")

    taken = run(
        app,
        "recover",
        "--from",
        str(folder),
        "--policy",
        str(folder / "policy"),
        "--quiet",
    )

    assert taken.exit_code == 0, taken.output
    with World(engine).reading() as session:
        assert verify_log(session) == []
    close(app)
    engine.dispose()


def test_a_copy_with_one_byte_changed_gives_nothing(
    restored: tuple[World, World, Path], tmp_path: Path
) -> None:
    _, old, folder = restored
    app = app_of(old, tmp_path / "var")
    with old.reading() as session:
        before = get_head(session)
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        changed = tmp_path / "changed"
        shutil.copytree(folder, changed)
        place = changed / path.relative_to(folder)
        data = bytearray(place.read_bytes())
        data[len(data) // 2] ^= 1
        place.write_bytes(data)
        policy = str(folder / "policy")
        refused = run(
            app, "recover", "--from", str(changed), "--policy", policy, "--quiet"
        )
        assert refused.exit_code == 1, path
        shutil.rmtree(changed)
    with old.reading() as session:
        assert get_head(session) == before
    close(app)


def test_a_database_that_went_on_by_itself_is_told_so(
    restored: tuple[World, World, Path], tmp_path: Path
) -> None:
    _, old, folder = restored
    make_yard(old, "other")
    app = app_of(old, tmp_path / "var")

    refused = run(
        app,
        "recover",
        "--from",
        str(folder),
        "--policy",
        str(folder / "policy"),
        "--quiet",
    )

    assert refused.exit_code == 1
    assert "not the beginning of the copy" in f"{refused.output}{refused.exception}"
    close(app)


def test_a_log_shorter_than_what_was_published_here_signs_nothing(
    world: World, tmp_path: Path
) -> None:
    make_yard(world)
    world.checkpoint()
    with world.reading() as session:
        note = session.scalars(select(CheckpointRow.note)).one()
    keep_published(tmp_path, note)
    with world.engine.connect() as connection:
        if world.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            for name in ("log_entry_refuses_delete", "checkpoint_refuses_delete"):
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.execute(delete(CheckpointRow))
        connection.execute(update(LogHeadRow).values(size=0, frontier=b""))
        connection.commit()

    with world.reading() as session, pytest.raises(LogRolledBack, match="old copy"):
        compare_copies(session, tmp_path, world.log_key.vkey, [])


def test_nothing_is_signed_over_entries_that_were_changed(
    world: World, tmp_path: Path
) -> None:
    make_yard(world)
    world.checkpoint()
    with world.engine.connect() as connection:
        if world.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            connection.exec_driver_sql("DROP TRIGGER log_entry_refuses_update")
        connection.execute(
            update(LogEntryRow)
            .where(LogEntryRow.entry_index == 1)
            .values(leaf_hash=bytes(32))
        )
        connection.commit()

    with world.reading() as session, pytest.raises(LogChanged) as refused:
        compare_copies(session, tmp_path, world.log_key.vkey, [])

    assert "ledger verify" in advice_for(refused.value)


def test_the_clock_may_go_back_a_day(world: World) -> None:
    org, site = make_yard(world)
    world.checkpoint()
    world.now -= timedelta(days=1)

    world.sourced(org, site)
    checkpoint = world.checkpoint()

    assert checkpoint is not None
    with world.reading() as session:
        assert checkpoint.size == get_head(session).size
        assert verify_log(session) == []
    assert code_of("yard") == org
