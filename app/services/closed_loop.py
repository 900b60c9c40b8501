"""Closed loops: metal that comes back to the group in whose processes it arose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from app.queries.closed_loops import (
    first_arrival,
    organisations_of_group,
    pre_consumer_taken,
)
from app.queries.lot_pages import RunView, Way
from app.queries.lots import LotView
from app.services.rules import SHANGHAI, rule
from graph import RUN_RULES, RunKind
from graph.loops import Passage, carry

PRE_CONSUMER = slice(4, 6)
MONTHS_IN_YEAR = 12


def find_closed_loop(session: Session, view: LotView, way: Way) -> int | None:
    """Grams of a lot's pre-consumer metal that are a closed loop, at most.

    They arose in a process of the group that holds the lot, were reclassified
    elsewhere, and came back to the group within the months of the rule data.

    Args:
        session: One consistent view.
        view: The lot.
        way: Its history.

    Returns:
        Grams in the lot as it was made, rounded up; None where there are none.
    """
    if not sum(view.lot.cells[PRE_CONSUMER]):
        return None
    makers = {flow.lot_id: flow.run_id for flow in way.flows if flow.net_g > 0}
    sources = _sources(way, makers)
    if not sources:
        return None
    group = organisations_of_group(session, view.holder)
    own = {lot: run for lot, run in sources.items() if run.organisation_id in group}
    if not own:
        return None
    pre_g = {key: sum(one.lot.cells[PRE_CONSUMER]) for key, one in way.lots.items()}
    passages = _passages(session, way, pre_g)
    carried = carry(passages, {lot: pre_g[lot] for lot in own}, pre_g)
    arrived_at = first_arrival(session, carried, group)
    if view.id not in carried or arrived_at is None:
        return None
    within = {
        lot: pre_g[lot]
        for lot, run in own.items()
        if arrived_at <= months_later(run.ended_at, rule("closed_loop_months"))
    }
    return carry(passages, within, pre_g).get(view.id)


def months_later(at: datetime, months: int) -> datetime:
    """The same day and time so many months later, in the zone of the books.

    A day that the month does not have is its last one.
    """
    local = at.astimezone(SHANGHAI)
    years, month = divmod(local.month - 1 + months, MONTHS_IN_YEAR)
    for day in (local.day, 30, 29, 28):
        try:
            return local.replace(year=local.year + years, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def _sources(way: Way, makers: Mapping[int, int]) -> dict[int, RunView]:
    """Reclassified lot -> the process that its metal arose in."""
    taken: dict[int, list[int]] = defaultdict(list)
    for flow in way.flows:
        if flow.net_g < 0:
            taken[flow.run_id].append(flow.lot_id)
    found = {}
    for lot, run in makers.items():
        if way.runs[run].kind != RunKind.RECLASSIFY:
            continue
        source: int | None = run
        while source is not None:
            source = makers.get(taken[source][0])
            if (
                source is not None
                and not RUN_RULES[RunKind(way.runs[source].kind)].same_lot
            ):
                found[lot] = way.runs[source]
                break
    return found


def _passages(session: Session, way: Way, pre_g: Mapping[int, int]) -> list[Passage]:
    made: dict[int, dict[int, int]] = defaultdict(dict)
    for flow in way.flows:
        if flow.net_g > 0:
            made[flow.run_id][flow.lot_id] = pre_g[flow.lot_id]
    taken = pre_consumer_taken(session, sorted(way.runs))
    return [Passage(run, taken.get(run, {}), made[run]) for run in way.runs]
