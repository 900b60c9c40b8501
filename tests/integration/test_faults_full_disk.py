"""A full disk: said in words, nothing lost, nothing half written; then it goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from app.cli.mirror import cli as mirror_cli
from app.console import main
from app.db import is_of_disk, open_engine
from app.services.archive import export_log
from app.services.archive_check import check_archive
from app.services.backup import write_backup
from tests.archives import archive_files, long_log, write_files
from tests.faults import Mortal
from tests.log_host import hosting
from tests.world import World
from tests.yards import open_yards, send

MB = 1 << 20
PAGE = 4096


class SmallDisk:
    """A file system of a few megabytes, and a file that takes what is left of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def leave(self, pages: int) -> None:
        """Leave room for so many pages of 4 KiB, and none for more."""
        self.clear()
        room = os.statvfs(self.folder)
        take = room.f_bavail * room.f_frsize - pages * PAGE
        with self._ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, max(take, PAGE))

    def clear(self) -> None:
        """There is room again."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """A disk of that size, if this machine lets us have one."""
    folder.mkdir()
    options = f"size={size},mode=777"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"NOT TESTED: no small disk without the right to mount one: {done}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 8 * MB) as made:
        yield made


@contextmanager
def on_sqlite(request: pytest.FixtureRequest) -> Iterator[tuple[SmallDisk, str]]:
    """A small disk, and a migrated database on it."""
    template: Path = request.getfixturevalue("sqlite_template")
    disk: SmallDisk = request.getfixturevalue("disk")
    shutil.copy(template, disk.folder / "remelt.db")
    yield disk, f"sqlite:///{disk.folder}/remelt.db"


@contextmanager
def on_postgresql(request: pytest.FixtureRequest) -> Iterator[tuple[SmallDisk, str]]:
    """A small disk with the tables of a database whose server lies elsewhere."""
    server: str = request.getfixturevalue("postgresql_server")
    name = f"f{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        place = Path(str(connection.scalar(text("SHOW data_directory"))))
    # Beside the server's own folder: whoever it runs as comes that far
    with small_disk(place.parent / name, 32 * MB) as disk:
        tables = disk.folder / "tables"
        tables.mkdir()
        os.chown(tables, place.stat().st_uid, place.stat().st_gid)
        with admin.connect() as connection:
            connection.execute(text(f"CREATE TABLESPACE {name} LOCATION '{tables}'"))
            made = f"CREATE DATABASE {name} TEMPLATE remelt_template TABLESPACE {name}"
            connection.execute(text(made))
        url = admin.url.set(database=name)
        try:
            yield disk, url.render_as_string(hide_password=False)
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
                connection.execute(text(f"DROP TABLESPACE {name}"))
            admin.dispose()


@dataclass(frozen=True)
class Full:
    """A yard whose database lies on a small disk."""

    mortal: Mortal
    disk: SmallDisk


@pytest.fixture(params=[on_sqlite, on_postgresql], ids=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Full]:
    with request.param(request) as (disk, url):
        engine = open_engine(url)
        world = World(engine)
        world.found()
        (tmp_path / "var").mkdir()
        with open_yards(world, tmp_path / "var") as yards:
            yield Full(Mortal(yards, tmp_path / "export"), disk)
        engine.dispose()


def test_a_full_disk_is_said_and_loses_nothing(full: Full) -> None:
    mortal, disk = full.mortal, full.disk
    [first] = mortal.record([mortal.yards.sourced()])
    place = f"/api/v1/entries/{first['entry_index']}"
    batch = [mortal.yards.sourced() for _ in range(500)]
    disk.leave(0)

    refused = send(mortal.client, *batch)

    assert refused.status_code == 507
    assert refused.content_type == "application/problem+json"
    assert refused.json["type"].endswith("/problems/no-room")
    assert "disk" in refused.json["title"]
    assert "send the same request again" in refused.json["detail"]
    assert refused.headers["Retry-After"] == "60"
    assert mortal.client.get(place).status_code == 200
    mortal.look_around()
    disk.clear()
    mortal.goes_on(batch)


def test_a_signature_that_finds_no_room_is_made_later(full: Full) -> None:
    mortal, disk = full.mortal, full.disk
    failed = done = 0
    for pages in range(0, 64, 5):
        mortal.fill_tile()
        mortal.record([mortal.yards.sourced()])
        disk.leave(pages)
        try:
            mortal.sign()
        except (OSError, SQLAlchemyError) as error:
            assert is_of_disk(error), error
            failed += 1
        else:
            done += 1
        disk.clear()
        mortal.look_around()
        mortal.goes_on([mortal.yards.sourced()])
        if done == 2:
            break
    # PostgreSQL writes what it signs into pages that it has
    assert done and (failed or mortal.yards.world.engine.dialect.name != "sqlite")


def test_a_database_that_may_not_grow_says_so_on_any_machine(
    sqlite_template: Path, tmp_path: Path
) -> None:
    """The same without the right to mount: SQLite itself says that it is full."""
    shutil.copy(sqlite_template, tmp_path / "remelt.db")
    engine = open_engine(f"sqlite:///{tmp_path}/remelt.db")
    world = World(engine)
    world.found()
    (tmp_path / "var").mkdir()
    with open_yards(world, tmp_path / "var") as yards:
        mortal = Mortal(yards, tmp_path / "export")
        batch = [yards.sourced() for _ in range(500)]
        at_most = limit_of(yards.app.extensions["engine"])
        at_most(1)

        refused = send(mortal.client, *batch)

        assert refused.status_code == 507
        mortal.look_around()
        at_most(1 << 30)
        mortal.goes_on(batch)
    engine.dispose()


def limit_of(engine: Engine) -> Callable[[int], None]:
    """How many pages the database may have: no fewer than it has."""
    limits = {"pages": 1 << 30}

    def begin(connection: Any) -> None:
        driver = connection.connection.dbapi_connection
        driver.execute(f"PRAGMA max_page_count={limits['pages']}")

    event.listen(engine, "begin", begin)
    return lambda pages: limits.update(pages=pages)


def test_files_that_find_no_room_never_show_half(
    world: World, disk: SmallDisk, tmp_path: Path
) -> None:
    """Export, kept checkpoint and backup, on ever more room."""
    (tmp_path / "var").mkdir()
    with open_yards(world, tmp_path / "var") as yards:
        mortal = Mortal(yards, tmp_path / "export")
        mortal.fill_tile()
        mortal.goes_on([yards.sourced(), yards.sourced()])
        folder, backup = disk.folder / "export", disk.folder / "backup.zip"

        def export() -> None:
            with world.reading() as session:
                export_log(session, folder)

        def back_up() -> None:
            backup.unlink(missing_ok=True)
            with world.reading() as session:
                write_backup(session, backup, revision="x", now=world.now)

        for act, whole in ((export, folder / "checkpoint"), (back_up, backup)):
            hidden, done = 0, False
            for pages in range(0, 400, 3):
                disk.leave(pages)
                done = True
                try:
                    act()
                except OSError as error:
                    assert is_of_disk(error), error
                    assert not whole.exists(), "half of it shows"
                    hidden, done = hidden + 1, False
                    halves = [one for one in disk.folder.rglob(".*") if one.is_file()]
                    assert halves == [], "a half takes the room that is missing"
                if done:
                    break
            assert done and hidden, act.__name__
            disk.clear()
            for left in (folder, backup):
                if left.is_dir():
                    assert check_archive(left).passed
        assert set(_tiles(folder)) == set(_tiles(mortal.folder))


def _tiles(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.glob("tile/**/*"):
        if path.is_file() and ".p/" not in str(path):
            yield str(path.relative_to(folder)), path.read_bytes()


def test_a_copy_that_finds_no_room_stays_what_it_was(disk: SmallDisk) -> None:
    notes = long_log(700).notes
    copy = disk.folder / "copy"
    with hosting(archive_files(notes[:300])) as host:
        write_files(copy, {"policy": host.files["policy"]})
        assert _mirror(host.url, copy) == 0
        host.files = archive_files(notes)
        failed = 0
        for pages in range(0, 200, 5):
            disk.leave(pages)
            status = _mirror(host.url, copy)
            disk.clear()
            report = check_archive(copy)
            assert report.passed, [one.to_text() for one in report.faults]
            if status == 0:
                break
            failed += 1
            assert report.size == 300
    assert failed
    assert check_archive(copy).size == 700


def _mirror(url: str, copy: Path) -> int:
    result = CliRunner().invoke(mirror_cli, [url, str(copy)], env={"REMELT_TOKEN": ""})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, OSError), result.exception
        assert is_of_disk(result.exception), result.exception
    return result.exit_code


def test_a_command_on_a_full_disk_ends_in_one_line(
    disk: SmallDisk, tmp_path: Path
) -> None:
    env = {"REMELT_DATA_DIR": str(tmp_path / "var"), "REMELT_TOKEN": ""}
    assert CliRunner().invoke(main, ["db", "upgrade"], env=env).exit_code == 0
    signed = CliRunner().invoke(main, ["ledger", "checkpoint"], env=env)
    assert signed.exit_code == 0, signed.output
    disk.leave(0)

    for words in (
        ["ledger", "export", str(disk.folder / "export")],
        ["db", "backup", str(disk.folder / "backup.zip")],
    ):
        told = CliRunner().invoke(main, words, env=env)

        assert told.exit_code == 1
        assert isinstance(told.exception, SystemExit)
        assert "No space left on device; no file was left half written" in told.stderr
    assert list(disk.folder.rglob("checkpoint")) == []
    assert list(disk.folder.rglob("backup.zip")) == []


def test_only_the_disk_is_called_the_disk() -> None:
    assert not is_of_disk(OSError(2, "no such file"))
    assert not is_of_disk(ValueError("full"))


def test_a_small_disk_is_full_when_it_should_be(disk: SmallDisk) -> None:
    """The measure that the tests above rest on: it is full when it should be."""
    disk.leave(1)
    (disk.folder / "fits").write_bytes(bytes(PAGE))
    with pytest.raises(OSError, match="No space left"):
        (disk.folder / "more").write_bytes(bytes(PAGE))
