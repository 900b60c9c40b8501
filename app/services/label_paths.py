"""The path behind a label, in at most four stages: nothing that names anybody."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.queries.verdicts import Step, steps_of
from app.services.verdicts import Verdict

MOST_RUNS = 2000
KEPT_PATHS = 20_000
STAGES = ("sourced", "prepared", "melted", "formed")
_STAGE_OF = {
    "sourced": "sourced",
    **dict.fromkeys(
        (
            "blend",
            "regrade",
            "sort",
            "dismantle",
            "shred",
            "decoat",
            "granulate",
            "break_battery",
            "reclassify",
        ),
        "prepared",
    ),
    **dict.fromkeys(
        ("melt", "smelt", "convert", "fire_refine", "electrorefine", "distil"),
        "melted",
    ),
    **dict.fromkeys(("cast", "roll", "extrude", "draw", "forge", "machine"), "formed"),
}
"""Runs that only part or pack a lot make no station."""


@dataclass(frozen=True, slots=True)
class Station:
    """One stage of a path.

    Attributes:
        stage: One of STAGES.
        provinces: Codes of GB/T 2260, most metal first.
        materials: Codes of the catalogue, most mass first.
    """

    stage: str
    provinces: tuple[str, ...]
    materials: tuple[str, ...]


def stations_of(steps: Iterable[Step]) -> tuple[Station, ...]:
    """Steps gathered into stages, in the order of the trade."""
    provinces: dict[str, Counter[str]] = {}
    materials: dict[str, Counter[str]] = {}
    for step in steps:
        if (stage := _STAGE_OF.get(step.kind)) is not None:
            provinces.setdefault(stage, Counter())[step.province] += step.net_g
            materials.setdefault(stage, Counter())[step.material] += step.net_g
    return tuple(
        Station(stage, _heaviest(provinces[stage]), _heaviest(materials[stage]))
        for stage in STAGES
        if stage in provinces
    )


def _heaviest(masses: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(masses, key=lambda name: (-masses[name], name)))


class Paths:
    """Paths by the entry and code of their lot: what lies upstream never changes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[bytes, str], tuple[Station, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session: Session, verdict: Verdict) -> tuple[Station, ...]:
        """The stations behind the lot of a verdict."""
        case = verdict.case
        key = (verdict.leaves[case.lot_index], case.lot.code)
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                return known
        if case.run_kind is None:
            step = Step("sourced", case.province, case.lot.material, case.lot.net_g)
            found = stations_of([step])
        else:
            found = stations_of(steps_of(session, case.lot_id, MOST_RUNS))
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


paths = Paths(KEPT_PATHS)
