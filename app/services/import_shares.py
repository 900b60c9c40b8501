"""The metal of parts: what a split, a re-packing or a reclassification hands on.

A file says how much each part weighs, not how much metal it holds: that follows from
the lot. It is read from the stretch that the run will take, behind whatever the rows
before it take.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.intake.runs import KEEPING_KINDS
from app.services.facts import Fact
from app.services.loading import load_lots
from app.services.work import Work
from graph import NotEnoughMass, Position, place


def needs_shares(fact_type: str, data: dict[str, Any]) -> bool:
    """Whether a run leaves the metal of a part open."""
    return (
        fact_type == "run.recorded"
        and data["kind"] in KEEPING_KINDS
        and any(
            "metal_g" not in flow and "content_ppm" not in flow
            for flow in data["outputs"]
        )
    )


def fill_shares(
    session: Session, data: dict[str, Any], pending: Sequence[Fact], now: datetime
) -> None:
    """Give each part its share of the metal that the run takes.

    Whatever cannot be worked out stays open: posting says what is wrong with it.

    Args:
        session: Of the transaction in which the run will be posted.
        data: Of the run; its outputs are filled in.
        pending: Facts before it that are not posted yet.
        now: For the working set.
    """
    taken_g = 0
    for flow in data["inputs"]:
        metal_g = _metal_taken(session, flow["lot"], flow["net_g"], pending, now)
        if metal_g is None:
            return
        taken_g += metal_g
    total_g = sum(flow["net_g"] for flow in data["outputs"])
    below_g = 0
    for flow in data["outputs"]:
        low = taken_g * below_g // total_g
        below_g += flow["net_g"]
        if "metal_g" not in flow and "content_ppm" not in flow:
            flow["metal_g"] = min(taken_g * below_g // total_g - low, flow["net_g"])


def _metal_taken(
    session: Session, code: str, net_g: int, pending: Sequence[Fact], now: datetime
) -> int | None:
    """Metal in the next stretch of a lot, or None where it has no such stretch."""
    work = Work(session, now)
    load_lots(work, [code])
    if (state := work.lots.get(code)) is not None:
        whole_g, metal_g, position = state.lot.net_g, state.lot.metal_g, state.position
    elif (made := _made(code, pending)) is not None:
        whole_g, metal_g = made
        position = Position(goes_on_g=whole_g)
    else:
        return None
    try:
        for earlier_g in _taken(code, pending):
            _, position = place(position, earlier_g)
        stretches, _ = place(position, net_g)
    except NotEnoughMass:
        return None
    return sum(
        metal_g * end // whole_g - metal_g * start // whole_g
        for start, end in stretches
    )


def _made(code: str, pending: Sequence[Fact]) -> tuple[int, int] | None:
    """Net mass and metal of a lot that a pending run makes."""
    for fact in pending:
        for flow in fact.data.get("outputs", ()):
            if flow["lot"] == code:
                metal_g = flow.get("metal_g")
                if metal_g is None:
                    metal_g = flow["net_g"] * flow["content_ppm"] // 10**6
                return flow["net_g"], metal_g
    return None


def _taken(code: str, pending: Sequence[Fact]) -> list[int]:
    """What pending facts take from a lot, in their order."""
    return [
        flow["net_g"]
        for fact in pending
        for flow in fact.data.get("inputs", ())
        if flow["lot"] == code
    ]
