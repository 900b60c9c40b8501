"""Places: which stretch of a lot's ruler a taking gets, and keeps.

A taking gets the next free stretch behind every place ever given; what does not fit
there goes to the lowest free marks. Nobody else's stretch ever moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graph.errors import NotEnoughMass
from graph.model import Position, Stretch


def free_g(position: Position) -> int:
    """Grams of net mass that nobody has taken."""
    if not position.gaps:
        return max(position.goes_on_g - position.placed_to_g, 0)
    return sum(end - start for start, end in free_stretches(position))


def free_stretches(position: Position) -> tuple[Stretch, ...]:
    """Free stretches, ascending; marks lost in transit are not among them."""
    low = tuple(
        (start, min(end, position.goes_on_g))
        for start, end in position.gaps
        if start < position.goes_on_g
    )
    if position.placed_to_g < position.goes_on_g:
        return merged((*low, (position.placed_to_g, position.goes_on_g)))
    return low


def place(position: Position, net_g: int) -> tuple[tuple[Stretch, ...], Position]:
    """Give a taking its place: behind all others, then the lowest free marks.

    Returns:
        Its stretches, the first place first, and the position after it.

    Raises:
        NotEnoughMass: Less is free.
    """
    end = min(position.placed_to_g + net_g, position.goes_on_g)
    first = ((position.placed_to_g, end),) if end > position.placed_to_g else ()
    missing_g = net_g - (end - position.placed_to_g if first else 0)
    if not missing_g:
        return first, replace(position, placed_to_g=end)
    filled, gaps = _fill(position.gaps, missing_g, position, net_g)
    placed_to_g = max(end, position.placed_to_g)
    return first + filled, replace(position, placed_to_g=placed_to_g, gaps=gaps)


def place_delivery(
    position: Position, net_g: int
) -> tuple[tuple[Stretch, ...], Position]:
    """Give a delivery its place: free claimed marks first, then as for any taking.

    Raises:
        NotEnoughMass: Less is free.
    """
    if free_g(position) < net_g:
        raise _too_little(position, net_g)
    wanted, claimed = net_g, []
    for start, end in common(position.claimed, free_stretches(position)):
        if not wanted:
            break
        piece = (start, min(end, start + wanted))
        claimed.append(piece)
        wanted -= piece[1] - piece[0]
    first = merged(claimed)
    position = occupy(position, first)
    if not wanted:
        return first, position
    rest, position = place(position, wanted)
    return first + rest, position


def occupy(position: Position, stretches: Iterable[Stretch]) -> Position:
    """The position after these free stretches were given away."""
    gaps, placed_to_g = list(position.gaps), position.placed_to_g
    for start, end in stretches:
        if start > placed_to_g:
            gaps.append((placed_to_g, start))
        placed_to_g = max(placed_to_g, end)
        gaps = list(without(gaps, (start, end)))
    return replace(position, gaps=merged(gaps), placed_to_g=placed_to_g)


def release(position: Position, stretches: Iterable[Stretch]) -> Position:
    """The position after a taking gave its stretches back; its place stays given."""
    return replace(position, gaps=merged((*position.gaps, *stretches)))


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Ascending stretches that do not touch, over the same marks."""
    made: list[Stretch] = []
    for start, end in sorted(stretches):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        elif start < end:
            made.append((start, end))
    return tuple(made)


def common(left: Iterable[Stretch], right: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The marks that both cover, ascending."""
    others = tuple(right)
    pieces = (
        (max(a, c), min(b, d))
        for a, b in left
        for c, d in others
        if max(a, c) < min(b, d)
    )
    return tuple(sorted(pieces))


def without(stretches: Iterable[Stretch], hole: Stretch) -> tuple[Stretch, ...]:
    """The stretches less one."""
    left: list[Stretch] = []
    for start, end in stretches:
        for piece in ((start, min(end, hole[0])), (max(start, hole[1]), end)):
            if piece[0] < piece[1]:
                left.append(piece)
    return tuple(left)


def _fill(
    gaps: tuple[Stretch, ...], missing_g: int, position: Position, asked_g: int
) -> tuple[tuple[Stretch, ...], tuple[Stretch, ...]]:
    filled: list[Stretch] = []
    left = list(gaps)
    for start, gap_end in gaps:
        end = min(gap_end, position.goes_on_g)
        if not missing_g or start >= end:
            break
        piece = (start, min(end, start + missing_g))
        filled.append(piece)
        left = list(without(left, piece))
        missing_g -= piece[1] - piece[0]
    if missing_g:
        raise _too_little(position, asked_g)
    return tuple(filled), tuple(left)


def _too_little(position: Position, asked_g: int) -> NotEnoughMass:
    return NotEnoughMass(
        "takes {asked_g} g, but only {left_g} g are left",
        asked_g=asked_g,
        left_g=free_g(position),
    )
