"""The demonstration loads through the import path, once, whole, and is alive."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from app.cli.demo import load
from app.cli.simulate import simulate
from app.models import (
    ClaimRow,
    FacilityRow,
    LogEntryRow,
    LotRow,
    TransferOutcomeRow,
    TransferRow,
)
from app.queries.log import get_head
from app.schemas.entries import check_fact
from app.services.auditing import audit_material
from app.services.demonstration import (
    LOG_INS,
    Demonstration,
    Loader,
    LogInUse,
    demonstration_links,
    find_demonstration,
    load_demonstration,
)
from app.services.errors import Conflict
from app.services.facts import INSTANT
from app.services.verdicts import VerdictKind, judge_label
from app.services.verification import verify_log
from app.simulation.output import Simulation
from labels.codes import format_code
from tests.people import close, make_app, sign_in
from tests.world import World

LOTS = 1000
FILES_BEFORE_THE_CUT = 200
VERDICTS = {
    "valid": VerdictKind.VALID,
    "withdrawn": VerdictKind.REVOKED,
    "unclaimed": VerdictKind.NO_CLAIM,
}


class PowerCut(Exception):
    """Ends a load in its middle."""


def loader_of(world: World, folder: Path) -> Loader:
    return Loader(world.doors, world.keyring, check_fact, folder)


def size_of(world: World) -> int:
    with world.reading() as session:
        return get_head(session).size


def cut(files: int) -> None:
    if files == FILES_BEFORE_THE_CUT:
        raise PowerCut


@pytest.fixture
def loaded(world: World, tmp_path: Path) -> tuple[World, Demonstration]:
    """A small demonstration, whose load was interrupted and went on."""
    loader = loader_of(world, tmp_path)
    with pytest.raises(PowerCut):
        load_demonstration(replace(loader, progress=cut), world.now, lots=LOTS)
    assert demonstration_links(tmp_path) == ()
    found, anything = load_demonstration(loader, world.now + timedelta(minutes=5))
    assert anything
    world.checkpoint()
    return world, found


@pytest.fixture
def app(loaded: tuple[World, Demonstration], tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(loaded[0].engine, tmp_path, log_readers="public")
    yield app
    close(app)


def test_the_demonstration_is_whole_clean_and_alive_and_loads_once(
    loaded: tuple[World, Demonstration], app: APIFlask, tmp_path: Path
) -> None:
    world, found = loaded
    check_everything_of_the_simulation_is_there_once(world, found)
    check_nothing_differs(world)
    check_dates(world, found)
    check_labels(world, tmp_path)
    check_somebody_waits(world)
    check_people_sign_in(app, found)
    check_pages(app, tmp_path)
    check_the_second_load_does_nothing(world, app, found, tmp_path)


def check_everything_of_the_simulation_is_there_once(
    world: World, found: Demonstration
) -> None:
    """Though the first load broke off: an import that goes on adds nothing twice."""
    simulation = Simulation(found.plan)
    facts = sum(sheet.facts for _, sheet in simulation.sheets())
    with world.reading() as session:
        lots = session.scalar(select(func.count()).select_from(LotRow))
        claims = session.scalar(select(func.count()).select_from(ClaimRow)) or 0
    genesis, organisations, facilities = 1, 2 * 17, 18
    labels, withdrawals = 3, 1

    assert lots == simulation.lots
    assert claims >= 2
    assert size_of(world) == (
        genesis + organisations + facilities + facts + claims + labels + withdrawals
    )


def check_nothing_differs(world: World) -> None:
    with world.reading() as session:
        assert verify_log(session) == []
        assert audit_material(session) == []


def check_dates(world: World, found: Demonstration) -> None:
    """Nothing lies in the future, and the newest lots are of these days."""
    with world.reading() as session:
        oldest, newest = session.execute(
            select(func.min(LotRow.made_at), func.max(LotRow.made_at))
        ).one()
        newest_entry = session.scalar(select(func.max(LogEntryRow.entry_index)))

    assert newest_entry == size_of(world) - 1
    assert found.moment == world.now.strftime(INSTANT)
    assert timedelta(0) < world.now - newest < timedelta(days=8)
    assert timedelta(days=365) < world.now - oldest < timedelta(days=400)


def check_labels(world: World, folder: Path) -> None:
    links = demonstration_links(folder)
    assert [link.shows for link in links] == list(VERDICTS)
    for link in links:
        with world.reading() as session:
            verdict = judge_label(session, link.code, world.now)
        assert verdict is not None
        assert verdict.kind is VERDICTS[link.shows]


def check_somebody_waits(world: World) -> None:
    """Lots are on their way to others when the load ends."""
    with world.reading() as session:
        waiting = session.scalars(
            select(FacilityRow.kind)
            .join(TransferRow, TransferRow.to_facility_id == FacilityRow.id)
            .outerjoin(
                TransferOutcomeRow, TransferOutcomeRow.transfer_id == TransferRow.id
            )
            .where(TransferOutcomeRow.id.is_(None))
        ).all()

    assert len(waiting) >= 3
    assert len(set(waiting)) >= 2


def check_people_sign_in(app: APIFlask, found: Demonstration) -> None:
    roles = {role for one in LOG_INS for role in one.roles}
    assert roles == {"recycler", "manager", "auditor", "statistician", "registrar"}
    for one in LOG_INS:
        with app.test_client() as client:
            assert sign_in(client, one.email, found.password).status_code == 302
            assert client.get("/", follow_redirects=True).status_code == 200


def check_pages(app: APIFlask, folder: Path) -> None:
    client = app.test_client()
    home = client.get("/").text
    for link in demonstration_links(folder):
        assert link.code in home or format_code(link.code) in home
        assert client.get(f"/v/{link.code}").status_code == 200
    # The log of the demonstration is readable by everybody
    assert client.get("/log/tile/entries/000").status_code == 200


def check_the_second_load_does_nothing(
    world: World, app: APIFlask, found: Demonstration, folder: Path
) -> None:
    size = size_of(world)
    state = folder / "demonstration.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600

    again, anything = load_demonstration(loader_of(world, folder), world.now)
    assert (again, anything) == (found, False)
    shown = FlaskCliRunner(app).invoke(load, ["--quiet"])

    assert shown.exit_code == 0, shown.output
    assert "loaded already" in shown.stdout
    assert found.password in shown.stdout
    for link in found.links:
        assert f"http://127.0.0.1:8000/v/{format_code(link.code)}" in shown.stdout
    assert size_of(world) == size


def test_a_log_with_other_facts_is_left_alone(world: World, tmp_path: Path) -> None:
    world.register("yard")
    size = size_of(world)
    app = make_app(world.engine, tmp_path)

    with pytest.raises(LogInUse):
        load_demonstration(loader_of(world, tmp_path), world.now)
    refused = FlaskCliRunner(app).invoke(load, ["--quiet"])
    passed_over = FlaskCliRunner(app).invoke(load, ["--quiet", "--if-empty"])
    close(app)

    assert isinstance(refused.exception, LogInUse)
    assert passed_over.exit_code == 0
    assert "No demonstration" in passed_over.stdout
    assert size_of(world) == size
    assert find_demonstration(tmp_path) is None


def test_production_gets_no_demonstration(world: World, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="production"):
        load_demonstration(loader_of(world, tmp_path), world.now, production=True)

    assert size_of(world) == 1
    assert find_demonstration(tmp_path) is None


def test_the_state_of_another_log_is_not_taken_for_this_one(
    world: World, tmp_path: Path
) -> None:
    state = {
        "genesis": "00" * 32,
        "moment": "2026-11-01T00:00:00Z",
        "lots": LOTS,
        "password": "of another log entirely",
        "complete": True,
        "links": [],
    }
    (tmp_path / "demonstration.json").write_text(json.dumps(state))

    with pytest.raises(Conflict, match="another log"):
        load_demonstration(loader_of(world, tmp_path), world.now)

    assert size_of(world) == 1


def test_simulate_writes_files_and_says_how_to_import_them(tmp_path: Path) -> None:
    out = tmp_path / "year"
    options = ["--lots", "300", "--first-month", "2026-01", "--months", "2"]
    written = CliRunner().invoke(simulate, [*options, "--out", str(out), "--json"])
    again = CliRunner().invoke(simulate, [*options, "--out", str(out)])

    assert written.exit_code == 0, written.output
    totals = json.loads(written.stdout)
    lines = (out / "index.csv").read_text().splitlines()
    assert len(lines) == totals["files"] + 1
    assert sum(int(line.rsplit(",", 1)[1]) for line in lines[1:]) == totals["facts"]
    assert {path.name for path in (out / "chain0001").iterdir()} == {
        "2026-01",
        "2026-02",
    }
    assert "index.csv" in (out / "README.md").read_text()
    assert isinstance(again.exception, Conflict)
