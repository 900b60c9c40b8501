"""kill -9 at each step of an append: nothing acknowledged is lost, nothing forks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import STEPS, Killer, Mortal, Step
from tests.folded import Fold
from tests.world import World
from tests.yards import open_yards

LIVES, DEATHS = 5, 40
"""Logs that workers die over, and how many: 200 on each database."""
SEED = 20261123


@pytest.fixture
def mortal(world: World, tmp_path: Path) -> Iterator[Mortal]:
    (tmp_path / "var").mkdir()
    with open_yards(world, tmp_path / "var") as yards:
        yield Mortal(yards, tmp_path / "export")


def die_at(mortal: Mortal, step: Step) -> None:
    """One worker dies at a step; the log is looked at, and goes on."""
    if step.tiles:
        mortal.fill_tile()
    facts = [mortal.yards.sourced(), mortal.yards.sourced()]
    killer = Killer(step)

    death = mortal.life(facts, killer)

    assert death.killed, f"no worker got to: {step.name}"
    assert bool(death.said) == (step.part != "append"), step.name
    mortal.look_around()
    mortal.goes_on(facts)


def die_at_any_event(mortal: Mortal, rng: random.Random, events: int) -> bool:
    """One worker dies at any call or return of its life, in Python or in C."""
    facts = [mortal.yards.sourced() for _ in range(rng.randint(1, 3))]
    death = mortal.life(facts, Killer(event=rng.randint(1, events)))
    mortal.look_around()
    mortal.goes_on(facts)
    return death.killed


def die_from_outside(mortal: Mortal, rng: random.Random, life_s: float) -> bool:
    """One worker is killed while it does whatever: in a system call, in a sync."""
    facts = [mortal.yards.sourced() for _ in range(rng.randint(1, 3))]
    death = mortal.life(facts, Killer(), kill_after_s=rng.uniform(0, life_s))
    mortal.look_around()
    mortal.goes_on(facts)
    return death.killed


def one_life(mortal: Mortal) -> tuple[int, float]:
    """Events and seconds of a worker that nobody kills."""
    facts = [mortal.yards.sourced()]
    death = mortal.life(facts, Killer())
    assert not death.killed
    return death.said[-1]["events"], death.took_s


def check_rows(mortal: Mortal, tmp_path: Path) -> None:
    """No lot without its entry, no entry without its effect."""
    fold = Fold(tmp_path / "fold.db")
    assert fold.follow(mortal.yards.world) == []
    fold.engine.dispose()


def test_a_worker_killed_at_any_step_loses_nothing_that_was_acknowledged(
    mortal: Mortal, tmp_path: Path
) -> None:
    for step in STEPS:
        die_at(mortal, step)
    check_rows(mortal, tmp_path)


def test_a_worker_killed_at_any_moment_loses_nothing_that_was_acknowledged(
    mortal: Mortal, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    events, life_s = one_life(mortal)

    killed = [die_at_any_event(mortal, rng, events) for _ in range(4)]
    killed += [die_from_outside(mortal, rng, life_s) for _ in range(4)]

    assert killed.count(True) >= 4
    check_rows(mortal, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("life", range(LIVES))
def test_two_hundred_workers_killed_lose_nothing_that_was_acknowledged(
    mortal: Mortal, tmp_path: Path, life: int
) -> None:
    rng = random.Random(SEED + life)
    events, life_s = one_life(mortal)
    steps = rng.sample(STEPS, len(STEPS))
    for step in steps:
        die_at(mortal, step)
    deaths = len(steps)
    while deaths < DEATHS:
        deaths += die_at_any_event(mortal, rng, events)
        deaths += die_from_outside(mortal, rng, life_s)
    check_rows(mortal, tmp_path)
