"""``remelt doctor`` names what is wrong, and says what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner
from sqlalchemy import Engine, text

from app import create_app
from app.cli.database import KEY_FILE
from app.cli.doctor import doctor, file_system_of
from app.config import Settings
from app.db import open_engine
from app.queries.log import find_checkpoint
from app.services.checkpoints import note_alive
from app.services.doctor import State, check_disk, check_font, check_log_key
from app.services.keys import KeyRing, store_sealed
from app.services.published import keep_published
from ledger import Signer
from tests.people import close
from tests.world import World


@pytest.fixture
def installed(world: World, tmp_path: Path) -> World:
    """A log with an organisation, its key in its place, everything signed."""
    world.register("yard")
    world.checkpoint()
    path = tmp_path / "keys" / KEY_FILE
    path.parent.mkdir()
    path.write_text(f"{world.log_key.name}\n{world.log_key.seed.hex()}\n")
    path.chmod(0o600)
    with world.transaction() as session:
        checkpoint = find_checkpoint(session)
        assert checkpoint is not None
        keep_published(tmp_path, checkpoint.note)
    return world


def run(engine: Engine, data_dir: Path, *options: str) -> Result:
    """The doctor over an application that does not check its schema, as by command."""
    app = create_app(
        Settings(
            database_url=engine.url.render_as_string(hide_password=False),
            data_dir=data_dir,
            secret_key="k" * 32,
            key_encryption_key=bytes(range(32)),
        ),
        check=False,
    )
    result: Result = FlaskCliRunner(app).invoke(doctor, list(options))
    close(app)
    return result


def faults(world: World, data_dir: Path) -> dict[str, str]:
    """Check -> what was found, of every fault."""
    result = run(world.engine, data_dir, "--json")
    found = json.loads(result.stdout)
    bad = {one["check"]: one["found"] for one in found if one["state"] == "fault"}
    assert result.exit_code == (1 if bad else 0)
    assert all(one["advice"] for one in found if one["state"] != "well")
    return bad


def test_a_sound_installation_has_no_fault(installed: World, tmp_path: Path) -> None:
    result = run(installed.engine, tmp_path)

    assert result.exit_code == 0, result.output
    assert "FAULT" not in result.output
    for check in ("triggers", "log key", "sealed keys", "tiles", "clock", "published"):
        assert f"ok       {check}:" in result.output
    assert "no signer ever ran" in result.output
    assert "start 'remelt serve'" in result.output


def test_the_signer_that_stopped_is_a_warning_and_a_live_one_is_well(
    installed: World, tmp_path: Path
) -> None:
    with installed.transaction() as session:
        note_alive(session, installed.now.replace(year=2020))
    assert "the signer last looked" in run(installed.engine, tmp_path).output

    assert faults(installed, tmp_path) == {}


def test_entries_that_wait_for_a_checkpoint_are_a_warning(
    installed: World, tmp_path: Path
) -> None:
    installed.register("later")

    result = run(installed.engine, tmp_path)

    assert result.exit_code == 0
    assert "entries wait" in result.output


def test_the_log_key_that_is_missing_open_or_another_ones_is_a_fault(
    installed: World, tmp_path: Path
) -> None:
    path = tmp_path / "keys" / KEY_FILE
    text_of_key = path.read_text()

    path.chmod(0o644)
    assert "open to others" in faults(installed, tmp_path)["log key"]
    path.chmod(0o600)
    other = Signer.generate(installed.log_key.name)
    path.write_text(f"{other.name}\n{other.seed.hex()}\n")
    assert "another log" in faults(installed, tmp_path)["log key"]
    path.write_text("not a key")
    assert "holds no key" in faults(installed, tmp_path)["log key"]
    path.unlink()
    assert "missing" in faults(installed, tmp_path)["log key"]
    path.write_text(text_of_key)
    path.chmod(0o600)
    assert faults(installed, tmp_path) == {}


def test_keys_that_another_secret_sealed_are_a_fault(
    installed: World, tmp_path: Path
) -> None:
    with installed.transaction() as session:
        foreign = Signer.generate("remelt.invalid/foreign/1")
        store_sealed(session, KeyRing(b"\7" * 32), foreign, installed.now)

    found = faults(installed, tmp_path)["sealed keys"]

    assert "1 of 3" in found
    assert "foreign" in found


def test_a_log_behind_what_was_published_is_a_fault(
    installed: World, tmp_path: Path
) -> None:
    installed.register("later")
    newest = installed.checkpoint()
    assert newest is not None
    with installed.transaction() as session:
        row = find_checkpoint(session)
        assert row is not None
        keep_published(tmp_path, row.note)
    found = faults_without_the_last_entries(installed, tmp_path)

    assert "an old copy was restored" in found["published"]


def faults_without_the_last_entries(world: World, data_dir: Path) -> dict[str, str]:
    """What the doctor says when the last facts are gone, past the triggers."""
    with world.engine.begin() as connection:
        if world.engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER checkpoint_refuses_delete"))
        else:
            connection.execute(
                text("DROP TRIGGER checkpoint_refuses_change ON checkpoint")
            )
        connection.execute(text("UPDATE log_head SET size = 1"))
        connection.execute(
            text("DELETE FROM checkpoint WHERE size > 1"),
        )
    return faults(world, data_dir)


def test_a_missing_trigger_is_a_fault(installed: World, tmp_path: Path) -> None:
    with installed.engine.begin() as connection:
        if installed.engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER lot_refuses_update"))
        else:
            connection.execute(text("DROP TRIGGER lot_refuses_change ON lot"))

    assert "lot_refuses" in faults(installed, tmp_path)["triggers"]


def test_a_database_without_schema_is_a_fault_with_the_way_out(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")

    result = run(engine, tmp_path)

    assert result.exit_code == 1
    assert "FAULT    database" in result.output
    assert "run 'remelt db upgrade'" in result.output
    engine.dispose()


def test_checks_of_files_name_the_file(tmp_path: Path) -> None:
    assert check_font(tmp_path / "face.ttf").state is State.FAULT
    assert check_log_key(tmp_path / "log.key", None).state is State.FAULT
    assert "GiB are free" in check_disk(tmp_path).found


def test_the_file_system_of_a_path_is_known(tmp_path: Path) -> None:
    assert file_system_of(Path("/proc/self")) == "proc"
    assert file_system_of(tmp_path) not in ("proc", "nfs")
