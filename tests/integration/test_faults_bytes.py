"""One changed byte of the database file is told by ``remelt ledger verify``.

Or it changes nothing: then every row still reads as it was, and SQLite finds its file
well. Rows that no entry speaks of are nobody's promise: they are listed here.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskCliRunner
from sqlalchemy import Engine

from app import create_app
from app.cli.ledger import cli
from app.config import Settings
from app.db import engine_of, open_engine
from app.models import CheckpointRow, TableKind, tables_of
from app.queries.log import find_checkpoint
from app.services.genesis import get_trust_root
from app.services.published import keep_published
from app.services.tokens import make_token
from ledger import LedgerError, Signer, load_bundle, verify_bundle
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, post, set_up
from tests.people import add_person, close, make_app
from tests.small_log import GENESIS, POLICY, claim_bundle
from tests.world import World

SEED = 20261123
FLIPS, MANY_FLIPS, AT_ONCE = 48, 2000, 200
Rows = dict[str, list[tuple[Any, ...]]]

CHECKED_THOUGH_OPERATIONAL = {"log_head", "log_tile"}
UNCOVERED_TABLES = set(tables_of(TableKind.OPERATIONAL)) - CHECKED_THOUGH_OPERATIONAL
"""Users, tokens, sessions, drafts, files handed in, witnesses' last answers, sealed
keys, private values: the log says nothing about them, so that nothing can be held
against it. What damage breaks there is still found where SQLite finds its file hurt."""
UNCOVERED_COLUMNS = {
    "log_entry": {"request_digest"},  # keyed: says which request an entry answers
    "checkpoint": {"signed_at"},  # the server's clock; nothing signs it
    "cosignature": {"cosigned_at"},  # repeats what the line says
}


@dataclass(frozen=True)
class Sound:
    """A database file, its write-ahead log, and what they say.

    Attributes:
        folder: With ``remelt.db`` and perhaps ``remelt.db-wal``.
        var: The data directory, with the checkpoint that was published.
        rows: Of every table.
        log_key: Signs the log.
    """

    folder: Path
    var: Path
    rows: Rows
    log_key: Signer


@pytest.fixture(scope="module")
def engine(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("live") / "remelt.db"
    shutil.copy(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def sound(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """The worked chain, people with tokens, checkpoints; all in the file itself."""
    world = World(engine)
    world.found()
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post(world, item)
    world.checkpoint()
    folder = tmp_path_factory.mktemp("sound")
    app = make_app(engine, folder)
    user = add_person(app, "example@example.org", "auditor")
    close(app)
    with world.transaction() as session:
        make_token(
            session,
            user,
            name="示例",
            scopes=("read",),
            expires_at=world.now + timedelta(days=30),
            now=world.now,
        )
    org = world.register("after")
    world.facility(org, "after gate")
    world.checkpoint()
    with world.reading() as session:
        newest = session.query(CheckpointRow).order_by(CheckpointRow.size.desc())
        keep_published(folder / "var", newest.first().note)  # type: ignore[union-attr]
    engine.dispose()
    shutil.copy(str(engine.url.database), folder / "remelt.db")
    return Sound(folder, folder / "var", rows_of(folder / "remelt.db"), world.log_key)


def rows_of(path: Path) -> Rows:
    """Every row of every table, and the schema, as SQLite reads them.

    Raises:
        sqlite3.Error: The file cannot be read.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        rows: Rows = {}
        for (name,) in names:
            columns = connection.execute(f"PRAGMA table_info('{name}')").fetchall()
            left_out = UNCOVERED_COLUMNS.get(name, set())
            wanted = ", ".join(f'"{c[1]}"' for c in columns if c[1] not in left_out)
            if name not in UNCOVERED_TABLES:
                query = f'SELECT {wanted} FROM "{name}" NOT INDEXED'
                rows[name] = sorted(connection.execute(query).fetchall(), key=repr)
        rows["sqlite_master"] = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master"
        ).fetchall()
        return rows


def is_well(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with its file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def verify(folder: Path) -> tuple[int, dict[str, Any]]:
    """``remelt ledger verify`` over a folder: exit status and what it says."""
    app = create_app(
        Settings(
            database_url=f"sqlite:///{folder}/remelt.db",
            data_dir=folder / "var",
            secret_key="k" * 32,
            key_encryption_key=bytes(range(32)),
        ),
        check=False,
    )
    try:
        result = FlaskCliRunner(app).invoke(cli, ["verify", "--json"])
    finally:
        engine_of(app).dispose()
    assert isinstance(result.exception, SystemExit | None), result.exception
    said: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == int(bool(said["differences"]))
    return result.exit_code, said


def hurt_copy(sound: Sound, folder: Path, name: str, at: int, bit: int) -> Path:
    """A copy with one bit of one file flipped."""
    shutil.copytree(sound.folder, folder)
    with (folder / name).open("r+b") as stream:
        stream.seek(at)
        byte = stream.read(1)[0]
        stream.seek(at)
        stream.write(bytes([byte ^ bit]))
    return folder


def check_flip(sound: Sound, folder: Path, name: str, at: int, bit: int) -> bool:
    """Whether a flip was told; if not, it must not have changed a thing."""
    hurt_copy(sound, folder, name, at, bit)
    # As it is on disk, before anything has opened it
    untouched = folder.with_name("untouched")
    shutil.copytree(folder, untouched)
    try:
        status, said = verify(folder)
        if status == 0:
            assert rows_of(untouched / "remelt.db") == sound.rows, (name, at, bit)
            assert is_well(untouched / "remelt.db"), (name, at, bit)
        for one in said["differences"]:
            assert one["table"], (name, at, bit)
            assert one["message"], (name, at, bit)
        return status != 0
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(untouched)


def flip(sound: Sound, tmp_path: Path, rng: random.Random, count: int) -> int:
    """Flip bits, one at a time, anywhere in the file and where it holds something."""
    data = (sound.folder / "remelt.db").read_bytes()
    full = [at for at, byte in enumerate(data) if byte]
    told = 0
    for number in range(count):
        at = rng.choice(full) if number % 2 else rng.randrange(len(data))
        bit = 1 << rng.randrange(8)
        told += check_flip(sound, tmp_path / "hurt", "remelt.db", at, bit)
    return told


def test_a_changed_byte_of_the_database_file_is_told_or_changes_nothing(
    sound: Sound, tmp_path: Path
) -> None:
    status, said = verify(sound.folder)
    assert (status, said["differences"]) == (0, [])
    assert said["notes"] == ["SQLite has checked its file (integrity_check)"]

    told = flip(sound, tmp_path, random.Random(SEED), FLIPS)

    assert told >= FLIPS // 4, "a small file is empty for the most part, not all"


@pytest.mark.soak
@pytest.mark.parametrize("part", range(MANY_FLIPS // AT_ONCE))
def test_two_thousand_changed_bytes_are_told_or_change_nothing(
    sound: Sound, tmp_path: Path, part: int
) -> None:
    told = flip(sound, tmp_path, random.Random(SEED + 1 + part), AT_ONCE)

    assert told >= AT_ONCE // 4


@pytest.fixture(scope="module")
def with_log(sound: Sound, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """The same while it is in use: the newest commits stand in the write-ahead log."""
    folder = tmp_path_factory.mktemp("with-log") / "copy"
    shutil.copytree(sound.folder, folder)
    live = folder.with_name("live")
    shutil.copytree(sound.folder, live)
    engine = open_engine(f"sqlite:///{live}/remelt.db")
    world = World(engine)
    with world.reading() as session:
        world.root = get_trust_root(session)
    world.log_key = sound.log_key
    world.register("in the write-ahead log")
    world.checkpoint()
    with world.reading() as session:
        newest = find_checkpoint(session)
        assert newest is not None
        keep_published(folder / "var", newest.note)
    # While a connection is open: the last one to go would write all into the file
    for name in ("remelt.db", "remelt.db-wal"):
        shutil.copy(live / name, folder / name)
    engine.dispose()
    read = folder.with_name("read")
    shutil.copytree(folder, read)
    return Sound(folder, folder / "var", rows_of(read / "remelt.db"), sound.log_key)


def test_a_changed_byte_of_the_write_ahead_log_is_told_or_changes_nothing(
    with_log: Sound, tmp_path: Path
) -> None:
    """SQLite passes over a torn log in silence: what was published tells the loss."""
    rng = random.Random(SEED)
    size = (with_log.folder / "remelt.db-wal").stat().st_size
    told = 0
    for at in (30, 40, size // 2, *(rng.randrange(size) for _ in range(5))):
        told += check_flip(with_log, tmp_path / "hurt", "remelt.db-wal", at, 4)

    assert told >= 4


BUNDLES = {
    kind: json.dumps(claim_bundle(kind), ensure_ascii=False).encode()
    for kind in ("public", "full")
}


def is_refused(data: bytes) -> bool:
    try:
        return not verify_bundle(load_bundle(data), POLICY, genesis=GENESIS).passed
    except LedgerError:
        return True


def check_bundle_bytes(kind: str, step: int) -> None:
    """A changed byte is refused, or the document says what it said: white space."""
    data = BUNDLES[kind]
    assert not is_refused(data)
    for at in range(0, len(data), step):
        hurt = bytearray(data)
        hurt[at] ^= 1 << (at % 8)
        if not is_refused(bytes(hurt)):
            assert data[at] in b" \n", (kind, at)
            assert json.loads(hurt) == json.loads(data), (kind, at)


@pytest.mark.parametrize("kind", BUNDLES)
def test_a_changed_byte_of_a_bundle_is_refused(kind: str) -> None:
    check_bundle_bytes(kind, step=17)


@pytest.mark.soak
@pytest.mark.parametrize("kind", BUNDLES)
def test_every_changed_byte_of_a_bundle_is_refused(kind: str) -> None:
    check_bundle_bytes(kind, step=1)
