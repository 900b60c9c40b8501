"""Where a lot came from and where it went: recursive queries over ``run_flow``.

The recursion is over runs as a set, so that a run reached on many paths costs once:
a trace costs what the history holds, whatever the size of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

Direction = Literal["upstream", "downstream"]

_FLOWS = {
    # from a lot to the run that made it, to what that run took, and so on
    "upstream": text(
        """
    WITH RECURSIVE reached(run_id) AS (
        SELECT run_id FROM run_flow WHERE lot_id = :lot AND net_g > 0
        UNION
        SELECT made.run_id FROM reached
        JOIN run_flow AS taken ON taken.run_id = reached.run_id AND taken.net_g < 0
        JOIN run_flow AS made ON made.lot_id = taken.lot_id AND made.net_g > 0
    )
    SELECT run_flow.run_id, run_flow.lot_id, run_flow.net_g, run_flow.metal_g
    FROM (SELECT run_id FROM reached LIMIT :runs) AS chosen
    JOIN run_flow ON run_flow.run_id = chosen.run_id
"""
    ),
    # from a lot to the runs that took it, to what they made, and so on
    "downstream": text(
        """
    WITH RECURSIVE reached(run_id) AS (
        SELECT run_id FROM run_flow
        WHERE lot_id = :lot AND net_g < 0 AND NOT EXISTS (
            SELECT 1 FROM voiding WHERE voided_index = run_flow.run_id / 1024
        )
        UNION
        SELECT taken.run_id FROM reached
        JOIN run_flow AS made ON made.run_id = reached.run_id AND made.net_g > 0
        JOIN run_flow AS taken ON taken.lot_id = made.lot_id AND taken.net_g < 0
        WHERE NOT EXISTS (
            SELECT 1 FROM voiding WHERE voided_index = taken.run_id / 1024
        )
    )
    SELECT run_flow.run_id, run_flow.lot_id, run_flow.net_g, run_flow.metal_g
    FROM (SELECT run_id FROM reached LIMIT :runs) AS chosen
    JOIN run_flow ON run_flow.run_id = chosen.run_id
"""
    ),
}


class Flow(NamedTuple):
    """Grams of one lot in one run: below 0 taken, above 0 made."""

    run_id: int
    lot_id: int
    net_g: int
    metal_g: int


@dataclass(frozen=True, slots=True)
class Trace:
    """The flows of a history.

    Attributes:
        flows: Of every run that was reached; a run's flows are complete.
        truncated: The history has more runs than the bound allows.
    """

    flows: Sequence[Flow]
    truncated: bool


def trace_flows(
    session: Session, lot_id: int, direction: Direction, max_runs: int
) -> Trace:
    """Every flow upstream or downstream of a lot, of at most ``max_runs`` runs.

    Cost: grows with the history traced and nothing else.
    """
    rows = session.execute(
        _FLOWS[direction], {"lot": lot_id, "runs": max_runs + 1}
    ).all()
    flows = [Flow(*row) for row in rows]
    runs = {flow.run_id for flow in flows}
    if len(runs) <= max_runs:
        return Trace(flows, False)
    # Runs nearest to the lot have keys nearest to its own: key order is topological
    kept = set(sorted(runs, reverse=direction == "upstream")[:max_runs])
    return Trace([flow for flow in flows if flow.run_id in kept], True)
