"""The clock goes back a day: the log goes on, and what would be future is refused.

The order of a log is that of its entries, never that of a clock. Time enters by one
door, ``app.security.now``: the tests stand behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app import create_app, security, serving
from app.models import CheckpointRow, LogEntryRow
from app.services.checkpoints import note_alive
from app.services.fact_ids import new_fact_id
from tests.faults import Mortal
from tests.folded import Fold
from tests.people import close
from tests.world import World
from tests.yards import open_yards, send

DAY = timedelta(days=1)
INSTANT = "%Y-%m-%dT%H:%M:%SZ"


class Clock:
    """The server's clock; it stands until it is set."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one door through which the application asks for the time.

    Every module took the function by its name; each gets the clock in its place.
    """
    clock, real = Clock(), security.now
    took = [
        name
        for name, module in list(sys.modules.items())
        if name.startswith("app") and getattr(module, "now", None) is real
    ]
    for name in took:
        monkeypatch.setattr(sys.modules[name], "now", clock)
    assert {"app.serving", "app.operation", "app.api.entries"} <= set(took)
    return clock


@pytest.fixture
def mortal(clock: Clock, world: World, tmp_path: Path) -> Iterator[Mortal]:
    world.now = clock.at
    (tmp_path / "var").mkdir()
    with open_yards(world, tmp_path / "var") as yards:
        yield Mortal(yards, tmp_path / "export")


def fact_at(mortal: Mortal, at: datetime) -> dict[str, object]:
    """A fact of a client whose clock is right."""
    fact = mortal.yards.sourced()
    return fact | {"id": new_fact_id(at), "at": at.strftime(INSTANT)}


def test_the_log_goes_on_in_its_own_order(
    mortal: Mortal, clock: Clock, tmp_path: Path
) -> None:
    today = clock.at
    mortal.goes_on([fact_at(mortal, today)])
    clock.at = today - DAY

    mortal.goes_on([fact_at(mortal, clock.at)])
    clock.at = today
    mortal.goes_on([fact_at(mortal, today)])

    with mortal.yards.world.reading() as session:
        newest = session.scalars(
            select(LogEntryRow.at).order_by(LogEntryRow.entry_index.desc()).limit(3)
        ).all()
        signed = session.scalars(
            select(CheckpointRow.signed_at).order_by(CheckpointRow.size.desc()).limit(3)
        ).all()
    # What each clock said is kept as it was; sizes alone say what came first
    assert newest == signed == [today, today - DAY, today]
    fold = Fold(tmp_path / "fold.db")
    assert fold.follow(mortal.yards.world) == []
    fold.engine.dispose()


def test_a_fact_of_today_is_refused_in_words_by_a_server_of_yesterday(
    mortal: Mortal, clock: Clock
) -> None:
    today = clock.at
    fact = fact_at(mortal, today)
    clock.at = today - DAY

    refused = send(mortal.client, fact)
    clock.at = today
    taken = send(mortal.client, fact)

    assert refused.status_code == 422
    [fault] = refused.json["errors"]
    assert (fault["field"], fault["position"]) == ("at", 0)
    assert "lies in the future" in fault["message"]
    assert taken.status_code == 201, "nothing was written under its id"


def test_a_repeat_is_known_whatever_the_clock_says(
    mortal: Mortal, clock: Clock
) -> None:
    today = clock.at
    fact = fact_at(mortal, today)
    [first] = mortal.record([fact])
    clock.at = today - DAY

    [again] = mortal.record([fact])

    assert again == first | {"repeated": True}


def test_an_application_that_starts_yesterday_serves_what_is_there(
    mortal: Mortal, clock: Clock
) -> None:
    today = clock.at
    [first] = mortal.record([fact_at(mortal, today)])
    mortal.sign()
    clock.at = today - DAY
    app = create_app(mortal.yards.app.config["SETTINGS"])

    with app.app_context():
        serving.check_not_rolled_back(app.config["SETTINGS"])
        serving.sign_once(mortal.yards.world.log_key, mortal.data_dir, beat=True)
    health = app.test_client().get("/healthz")

    assert (health.status_code, health.json["signer_alive"]) == (200, True)
    assert health.json["checkpoint_size"] == first["entry_index"] + 1
    mortal.look_around()
    close(app)


def test_a_signer_that_was_alive_tomorrow_counts_as_dead(
    mortal: Mortal, clock: Clock
) -> None:
    """Else nobody would learn for a day that nothing is signed."""
    with mortal.yards.world.transaction() as session:
        note_alive(session, clock.at)
    clock.at -= DAY
    mortal.record([fact_at(mortal, clock.at)])

    waiting = mortal.client.get("/healthz")
    mortal.sign()
    signed = mortal.client.get("/healthz")

    assert (waiting.status_code, waiting.json["signer_alive"]) == (503, False)
    assert (signed.status_code, signed.json["signer_alive"]) == (200, True)
