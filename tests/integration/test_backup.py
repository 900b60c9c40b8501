"""Backup while others write; restore that only the log itself can talk into being."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner
from sqlalchemy import Engine, create_engine, func, select, text

from app.cli.database import cli
from app.db import open_engine
from app.models import Base, LogEntryRow
from app.queries.log import find_checkpoint, get_head
from app.schema import newest_revision, upgrade
from app.services.backup import (
    DIGEST_LENGTH,
    MANIFEST,
    BadBackup,
    Manifest,
    read_manifest,
    restore_backup,
    write_backup,
)
from app.services.errors import Conflict, LogRolledBack
from app.services.published import BadCheckpointFile, find_published, keep_published
from app.services.statements import Question, make_statement
from app.services.users import add_user
from app.services.verification import verify_log
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, post, set_up
from tests.integration.test_statements import STATISTICIAN
from tests.people import PASSWORD, close, make_app
from tests.world import World

Restorer = Callable[[Path], World]


@pytest.fixture
def chain(world: World) -> World:
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post(world, item)
    world.checkpoint()
    with world.transaction() as session:
        add_user(
            session,
            email="auditor@example.org",
            name="示例 𠮷",
            password=PASSWORD,
            roles=["auditor"],
            organisation_id=None,
            now=world.now,
        )
    return world


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind, to restore into."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path}/other.db")
        upgrade(engine)
    else:
        server: str = request.getfixturevalue("postgresql_server")
        name = f"r{uuid4().hex}"
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE remelt_template"))
        admin.dispose()
        url = admin.url.set(database=name).render_as_string(hide_password=False)
        engine = open_engine(url)
    yield engine
    engine.dispose()


def back_up(world: World, path: Path) -> Manifest:
    with world.reading() as session:
        return write_backup(
            session, path, revision=newest_revision() or "", now=world.now
        )


def restore(
    engine: Engine, path: Path, published: Any = (), **more: Any
) -> tuple[World, Manifest]:
    world = World(engine)
    with world.transaction() as session:
        manifest = restore_backup(
            session,
            path,
            revision=more.get("revision", newest_revision() or ""),
            published=published,
        )
    return world, manifest


def rows_of(world: World) -> dict[str, list[Any]]:
    with world.reading() as session:
        return {
            table.name: [
                tuple(row)
                for row in session.execute(
                    select(table).order_by(*table.primary_key.columns)
                )
            ]
            for table in Base.metadata.sorted_tables
        }


def is_empty(engine: Engine) -> bool:
    return not any(rows_of(World(engine)).values())


def test_a_restored_database_is_equal_row_for_row_on_either_database(
    chain: World, other: Engine, tmp_path: Path
) -> None:
    made = back_up(chain, tmp_path / "a.backup")

    restored, manifest = restore(other, tmp_path / "a.backup")

    assert manifest == made
    assert rows_of(restored) == rows_of(chain)
    with chain.reading() as one, restored.reading() as two:
        assert make_statement(one, STATISTICIAN, Question()) == make_statement(
            two, STATISTICIAN, Question()
        )
    assert ((tmp_path / "a.backup").stat().st_mode & 0o777) == 0o600


def test_a_restored_log_goes_on_where_it_was(
    chain: World, other: Engine, tmp_path: Path
) -> None:
    back_up(chain, tmp_path / "a.backup")
    restored, _ = restore(other, tmp_path / "a.backup")
    restored.log_key, restored.root = chain.log_key, chain.root

    restored.register("newcomer")
    restored.checkpoint()
    with restored.transaction() as session:
        user = add_user(
            session,
            email="second@example.org",
            name="示例",
            password=PASSWORD,
            roles=["auditor"],
            organisation_id=None,
            now=chain.now,
        )
        assert user.id > 1

    with restored.reading() as session:
        assert verify_log(session) == []


def test_a_backup_taken_while_others_write_holds_one_state_of_the_log(
    world: World, other: Engine, tmp_path: Path
) -> None:
    org = world.register("yard")
    site = world.facility(
        org, "gate", scales=[{"code": "W1", "e_g": 20_000, "max_g": 10**8}]
    )
    world.checkpoint()
    stop, failed = threading.Event(), []

    def write(signs: bool) -> None:
        try:
            while not stop.is_set():
                world.sourced(org, site)
                if signs:
                    world.checkpoint()
        except Exception as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(n == 0,)) for n in range(2)]
    for thread in writers:
        thread.start()
    sizes = []
    for n in range(4):
        sizes.append(back_up(world, tmp_path / f"{n}.backup").log_size)
    stop.set()
    for thread in writers:
        thread.join()

    assert failed == []
    assert sizes[0] < sizes[-1]
    restored, manifest = restore(other, tmp_path / "2.backup")
    with restored.reading() as session:
        assert session.scalar(select(func.count()).select_from(LogEntryRow)) == sizes[2]
        assert get_head(session).size == manifest.log_size == sizes[2]


def test_one_changed_byte_anywhere_is_refused(chain: World, tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    back_up(chain, path)
    whole = path.read_bytes()
    drawn = random.Random(7)
    places = [0, len(whole) - 1, len(whole) - DIGEST_LENGTH - 1]
    places += [drawn.randrange(len(whole)) for _ in range(60)]
    bad = tmp_path / "bad.backup"

    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << drawn.randrange(8)
        bad.write_bytes(changed)
        with pytest.raises(BadBackup):
            read_manifest(bad)
    for length in (0, 10, 64, 65, len(whole) // 2, len(whole) - 1):
        bad.write_bytes(whole[:length])
        with pytest.raises(BadBackup):
            read_manifest(bad)


def forge(path: Path, table: str, change: Callable[[list[list[Any]]], None]) -> None:
    """Change rows of a backup, and make every digest of the file fit again."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    rows = [json.loads(line) for line in parts[f"{table}.jsonl"].splitlines()]
    change(rows)
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    parts[f"{table}.jsonl"] = lines
    manifest = json.loads(parts[MANIFEST])
    for one in manifest["tables"]:
        if one["name"] == table:
            one["rows"] = len(rows)
            one["sha256"] = hashlib.sha256(lines).hexdigest()
    parts[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        archive.comment = b"0" * DIGEST_LENGTH
    body = path.read_bytes()[:-DIGEST_LENGTH]
    path.write_bytes(body + hashlib.sha256(body).hexdigest().encode())


def column(table: str, name: str) -> int:
    return list(Base.metadata.tables[table].columns.keys()).index(name)


def test_a_forged_row_that_does_not_agree_with_the_log_is_refused(
    chain: World, other: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "a.backup"

    def heavier(rows: list[list[Any]]) -> None:
        rows[0][column("lot", "metal_g")] += 1

    def resigned(rows: list[list[Any]]) -> None:
        rows[-1][column("log_entry", "org")] = rows[0][column("log_entry", "org")]

    def shorter(rows: list[list[Any]]) -> None:
        rows.pop()

    for table, change, said in (
        ("lot", heavier, "does not add up"),
        ("log_entry", resigned, "log_entry.org"),
        ("checkpoint", shorter, "newest checkpoint"),
    ):
        back_up(chain, path)
        forge(path, table, change)
        with pytest.raises(Exception, match=said):
            restore(other, path)
        assert is_empty(other)
        path.unlink()


def test_a_backup_is_restored_into_an_empty_database_only(
    chain: World, tmp_path: Path
) -> None:
    back_up(chain, tmp_path / "a.backup")

    with pytest.raises(Conflict, match="not empty"):
        restore(chain.engine, tmp_path / "a.backup")
    with pytest.raises(Conflict, match="exists"):
        back_up(chain, tmp_path / "a.backup")
    assert not list(tmp_path.glob(".a.backup*"))


def test_a_backup_of_another_schema_is_refused(
    chain: World, other: Engine, tmp_path: Path
) -> None:
    back_up(chain, tmp_path / "a.backup")

    with pytest.raises(BadBackup, match="the version that made it"):
        restore(other, tmp_path / "a.backup", revision="0000_older")


def test_a_backup_older_than_what_was_published_is_refused(
    chain: World, other: Engine, tmp_path: Path
) -> None:
    back_up(chain, tmp_path / "old.backup")
    chain.register("later")
    chain.checkpoint()
    back_up(chain, tmp_path / "new.backup")
    with chain.reading() as session:
        newest = find_checkpoint(session)
    assert newest is not None
    keep_published(tmp_path, newest.note)
    published = find_published(tmp_path, chain.root.log_vkey)
    assert [one.size for one in published] == [newest.size]

    with pytest.raises(LogRolledBack, match="would fork"):
        restore(other, tmp_path / "old.backup", published)
    assert is_empty(other)
    restored, _ = restore(other, tmp_path / "new.backup", published)
    with restored.reading() as session:
        published[0].check_against(session)


def test_a_log_with_another_root_than_was_published_is_refused(
    chain: World, other: Engine, tmp_path: Path
) -> None:
    back_up(chain, tmp_path / "a.backup")
    chain.register("this way")
    fork, _ = restore(other, tmp_path / "a.backup")
    fork.log_key, fork.root = chain.log_key, chain.root
    fork.register("that way")
    chain.checkpoint()
    with chain.reading() as session:
        newest = find_checkpoint(session)
    assert newest is not None
    seen = tmp_path / "exports" / "mirror" / "checkpoint"
    seen.parent.mkdir(parents=True)
    seen.write_bytes(newest.note)
    [published] = find_published(tmp_path, chain.root.log_vkey)

    with fork.reading() as session, pytest.raises(LogRolledBack, match="another root"):
        published.check_against(session)


def test_a_named_file_that_is_no_checkpoint_of_the_log_is_refused(
    chain: World, tmp_path: Path
) -> None:
    (tmp_path / "seen").write_text("nothing of the kind\n")

    with pytest.raises(BadCheckpointFile, match="seen"):
        find_published(tmp_path, chain.root.log_vkey, [tmp_path / "seen"])


def run(engine: Engine, data_dir: Path, *command: str) -> Result:
    app = make_app(engine, data_dir)
    result: Result = FlaskCliRunner(app).invoke(cli, list(command))
    close(app)
    return result


def test_the_commands_back_up_and_restore_and_say_what_to_do_next(
    chain: World, other: Engine, tmp_path: Path
) -> None:
    file = str(tmp_path / "a.backup")

    made = run(chain.engine, tmp_path, "backup", file)
    restored = run(other, tmp_path, "restore", file)

    assert made.exit_code == 0, made.output
    assert chain.root.origin in made.output
    assert restored.exit_code == 0, restored.output
    assert "rows restored" in restored.output
    assert "put the log key back" in restored.stderr
    assert rows_of(World(other)) == rows_of(chain)
