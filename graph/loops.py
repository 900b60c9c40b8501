"""Closed loops: how much of a lot's metal arose where it has come back to.

A pool does not keep sources of one class apart: what came of a loop is spread over
the outputs of a run as its pre-consumer metal is. Each part is rounded up, so that
the figure is an upper end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """Pre-consumer grams in one run.

    Attributes:
        key: Of the run; keys follow the order of the log.
        taken: Lot -> grams that the run took of it.
        made: Lot -> grams in what the run made.
    """

    key: int
    taken: Mapping[int, int]
    made: Mapping[int, int]


def carry(
    passages: Iterable[Passage], seeds: Mapping[int, int], pre_g: Mapping[int, int]
) -> dict[int, int]:
    """How many grams at most of each lot came of the seeds.

    Args:
        passages: Runs of a history, in any order.
        seeds: Lot -> grams that a loop begins with.
        pre_g: Lot -> its pre-consumer grams as it was made.

    Returns:
        Lots that hold any, the seeds among them.

    Cost: O(flows).
    """
    carried = dict(seeds)
    for passage in sorted(passages, key=lambda one: one.key):
        came_g = sum(
            _part_up(carried[lot], taken_g, pre_g[lot])
            for lot, taken_g in passage.taken.items()
            if taken_g and lot in carried
        )
        if not came_g:
            continue
        pool_g = sum(passage.taken.values())
        for lot, made_g in passage.made.items():
            if made_g and lot not in seeds:
                carried[lot] = min(_part_up(came_g, made_g, pool_g), made_g)
    return carried


def _part_up(grams: int, part: int, whole: int) -> int:
    return -(-grams * part // whole)
