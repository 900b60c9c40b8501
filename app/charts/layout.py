"""Where the nodes of a layered picture stand: few crossings, short lines, no overlap.

Layers come from the caller. A line that passes a layer gets a waypoint there, so that
it has a place of its own between the boxes. Within the layers nodes are ordered by the
mean place of their neighbours, sweeping to and fro; the order with the fewest
crossings that was met is kept.

Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of
Hierarchical System Structures", IEEE Trans. SMC 11(2), 1981, pp. 109-125.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

SWEEPS = 12
SETTLINGS = 6

Key = TypeVar("Key", bound=Hashable)
Way = tuple[int, int]
"""A waypoint: number of the edge, layer."""
Place = Hashable


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of a picture.

    Attributes:
        layers: Boxes and waypoints of each layer, from top to bottom.
        top: Upper end of each box or waypoint.
        height: Of the whole.
    """

    layers: Sequence[Sequence[Place]]
    top: Mapping[Place, int]
    height: int


def lay_out(
    layers: Mapping[Key, int],
    edges: Sequence[tuple[Key, Key]],
    heights: Mapping[Key, int],
    *,
    gap: int,
    way_height: int,
) -> Layout:
    """Order the layers and find a height for everything.

    Args:
        layers: Layer of each box; an edge leads to a later one.
        edges: Between boxes.
        heights: Of the boxes.
        gap: At least so much between two neighbours of a layer.
        way_height: Of a waypoint; waypoint ``(n, layer)`` belongs to ``edges[n]``.
    """
    columns: list[list[Place]] = [[] for _ in range(max(layers.values()) + 1)]
    for key, layer in layers.items():
        columns[layer].append(key)
    segments: list[tuple[Place, Place]] = []
    size: dict[Place, int] = dict(heights.items())
    for number, (start, end) in enumerate(edges):
        last: Place = start
        for layer in range(layers[start] + 1, layers[end]):
            way = (number, layer)
            columns[layer].append(way)
            size[way] = way_height
            segments.append((last, way))
            last = way
        segments.append((last, end))
    before: dict[Place, list[Place]] = {key: [] for key in size}
    after: dict[Place, list[Place]] = {key: [] for key in size}
    for first, second in segments:
        after[first].append(second)
        before[second].append(first)
    ordered = _order(columns, before, after)
    top = _settle(ordered, before, after, size, gap)
    lowest = min(top.values())
    top = {key: at - lowest for key, at in top.items()}
    return Layout(ordered, top, max(at + size[key] for key, at in top.items()))


def _order(
    columns: Sequence[Sequence[Place]],
    before: Mapping[Place, Sequence[Place]],
    after: Mapping[Place, Sequence[Place]],
) -> list[list[Place]]:
    current = [list(column) for column in columns]
    best, fewest = current, _crossings(current, after)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        current = [list(column) for column in current]
        rightwards = sweep % 2 == 0
        numbers = range(1, len(current))
        for number in numbers if rightwards else reversed(range(len(current) - 1)):
            beside = current[number - 1 if rightwards else number + 1]
            place = {key: at for at, key in enumerate(beside)}
            near = before if rightwards else after
            here = {key: at for at, key in enumerate(current[number])}

            def mean(
                key: Place,
                near: Mapping[Place, Sequence[Place]] = near,
                place: Mapping[Place, int] = place,
                here: Mapping[Place, int] = here,
            ) -> float:
                found = [place[one] for one in near[key]]
                return sum(found) / len(found) if found else here[key]

            current[number].sort(key=mean)
        if (found := _crossings(current, after)) < fewest:
            best, fewest = current, found
    return best


def _crossings(
    columns: Sequence[Sequence[Place]], after: Mapping[Place, Sequence[Place]]
) -> int:
    total = 0
    for left, right in pairwise(columns):
        place = {key: at for at, key in enumerate(right)}
        seen: list[int] = []
        for key in left:
            ends = sorted(place[one] for one in after[key])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _settle(
    columns: Sequence[Sequence[Place]],
    before: Mapping[Place, Sequence[Place]],
    after: Mapping[Place, Sequence[Place]],
    size: Mapping[Place, int],
    gap: int,
) -> dict[Place, int]:
    top: dict[Place, int] = {}
    for column in columns:
        at = 0
        for key in column:
            top[key] = at
            at += size[key] + gap
    for round_ in range(SETTLINGS):
        near, sweep = (before, columns) if round_ % 2 == 0 else (after, columns[::-1])
        for column in sweep:
            wished = []
            for key in column:
                found = [2 * top[one] + size[one] for one in near[key]]
                middle = sum(found) // (2 * len(found)) if found else None
                wished.append(top[key] if middle is None else middle - size[key] // 2)
            settled = _spread([size[key] + gap for key in column], wished)
            top.update(zip(column, settled, strict=True))
    return top


def _spread(room: Sequence[int], wished: Sequence[int]) -> list[int]:
    """Places as near to the wished ones as their order and their room allow.

    The least squares under that condition, by pooling adjacent violators.
    """
    pools: list[tuple[int, int]] = []  # sum and number of members
    before = 0
    for need, wish in zip(room, wished, strict=True):
        total, count = wish - before, 1
        before += need
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            last = pools.pop()
            total, count = total + last[0], count + last[1]
        pools.append((total, count))
    places, before, number = [], 0, 0
    for total, count in pools:
        for _ in range(count):
            places.append(total // count + before)
            before += room[number]
            number += 1
    return places
