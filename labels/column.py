"""The lines beside the symbol: as large as they can be, alike where they are alike.

Lines have one of four sizes. A size shrinks until every line of it fits, so that two
lines of a kind never differ; a line that would make its size shrink much takes two
lines instead. The lines stand in groups; what is left of the height goes between the
groups, then above and below, alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from unicodedata import east_asian_width

from labels.errors import TooLong
from labels.fonts import width

SMALLEST_MM = 1.8
"""Height of the em: what is under it is not read at arm's length."""
Kind = Literal["title", "share", "body", "small"]
_SIZES: dict[Kind, float] = {"title": 1.5, "share": 1.4, "body": 1.06, "small": 0.86}
_BOLD: frozenset[Kind] = frozenset({"title", "share"})
_ASCENT, _DESCENT = 0.86, 0.14
"""How far hanzi reach above and below the base line, as shares of the em."""
_LEADING = 0.16
"""White between lines of a group, as a share of the size of the lower one."""
_GROUP_GAP, _WIDEST_GAP = 0.5, 1.2
"""White between groups, as shares of the unit."""
_STEP = 0.97
_SHRINKS_TO = 0.68
"""A size shrinks so far before lines are broken."""
_NATURAL = 1.3
"""A break at a blank or a bracket may make a line so much longer than the best."""
_NOT_FIRST = frozenset("）」』】》〉、。，．：；！？％”’·)]}.,:;!?%/-")
_NOT_LAST = frozenset("（「『【《〈“‘([{")


@dataclass(frozen=True, slots=True)
class Line:
    """A text of the column.

    Attributes:
        text: What it says.
        kind: Its size.
        opens: Whether it begins a group.
        bold: Whether it is bold though its kind is not.
        breaks: Whether it may take two lines; codes and figures may not.
    """

    text: str
    kind: Kind
    opens: bool = False
    bold: bool = False
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text: left end of its base line, height of the em; millimetres."""

    x: float
    y: float
    size: float
    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class _Set:
    """A line of a size, and the white above it."""

    text: str
    size: float
    above: float
    opens: bool
    bold: bool

    @property
    def high(self) -> float:
        return self.size * (_ASCENT + _DESCENT)


@lru_cache(maxsize=256)
def set_column(
    lines: tuple[Line, ...], left: float, top: float, room: float, height: float
) -> tuple[Text, ...]:
    """Place lines in a room. Labels of one print run share the answer.

    Args:
        lines: From top to bottom.
        left: Edge of the room.
        top: Of the room.
        room: Its width.
        height: Of the room.

    Raises:
        TooLong: They do not fit in readable letters; names the longest.
    """
    lines = tuple(line for line in lines if line.text)
    unit = height / sum(_SIZES[line.kind] for line in lines)
    while True:
        placed = _sized(lines, room, unit)
        used = sum(one.above + one.high for one in placed)
        if used <= height:
            return _spread(placed, left, top, height - used, unit)
        if unit * _SIZES["title"] <= SMALLEST_MM:
            longest = max(lines, key=lambda line: width(line.text)).text
            raise TooLong("{text} does not fit on this size of label", text=longest)
        unit *= _STEP


def _sized(lines: Sequence[Line], room: float, unit: float) -> list[_Set]:
    """Every line, broken where it has to be, with the size of its kind."""
    parts: dict[Line, tuple[str, ...]] = {line: (line.text,) for line in lines}
    sizes: dict[Kind, float] = {}
    for kind in {line.kind for line in lines}:
        wanted = max(_SIZES[kind] * unit, SMALLEST_MM)
        alike = [line for line in lines if line.kind == kind]
        sizes[kind] = _fitted(alike, parts, room, wanted)
    placed: list[_Set] = []
    for line in lines:
        size = sizes[line.kind]
        for n, part in enumerate(parts[line]):
            opens = line.opens and not n
            above = _GROUP_GAP * unit if opens else _LEADING * size
            bold = line.bold or line.kind in _BOLD
            placed.append(_Set(part, size, above if placed else 0.0, opens, bold))
    return placed


def _fitted(
    alike: Sequence[Line],
    parts: dict[Line, tuple[str, ...]],
    room: float,
    wanted: float,
) -> float:
    """The size at which lines of a kind fit; the widest are broken first."""
    while True:
        widest = max(alike, key=lambda line: max(map(width, parts[line])))
        fitting = room / max(map(width, parts[widest]))
        if fitting >= max(wanted * _SHRINKS_TO, SMALLEST_MM):
            return min(wanted, fitting)
        broken = _broken(widest.text) if widest.breaks else (widest.text,)
        if len(parts[widest]) == len(broken):
            if fitting < SMALLEST_MM:
                raise TooLong(
                    "{text} does not fit on this size of label", text=widest.text
                )
            return min(wanted, fitting)
        parts[widest] = broken


def _spread(
    placed: Sequence[_Set], left: float, top: float, slack: float, unit: float
) -> tuple[Text, ...]:
    """Base lines, with what is left of the height shared out."""
    gaps = sum(one.opens for one in placed[1:])
    more = min(slack / gaps, (_WIDEST_GAP - _GROUP_GAP) * unit) if gaps else 0.0
    y = top + (slack - more * gaps) / 2
    texts = []
    for n, one in enumerate(placed):
        y += one.above + (more if one.opens and n else 0.0)
        base = y + one.size * _ASCENT
        texts.append(Text(left, base, one.size, one.text, one.bold))
        y += one.high
    return tuple(texts)


@lru_cache(maxsize=1024)
def _broken(text: str) -> tuple[str, ...]:
    """A text in two lines, about as long; whole words, brackets with their words."""
    choices = []
    for n in range(1, len(text)):
        before, after = text[:n].rstrip(" ·"), text[n:].lstrip(" ·")
        if not before or not after or not _may_break(text, n):
            continue
        longer = max(width(before), width(after))
        natural = (
            " " in text[n - 1 : n + 1] or after[0] in _NOT_LAST or text[n - 1] in "）)"
        )
        choices.append((longer if natural else longer * _NATURAL, (before, after)))
    if not choices:
        return (text,)
    return min(choices)[1]


def _may_break(text: str, n: int) -> bool:
    """Whether a line may end before the character ``n``."""
    last, first = text[n - 1], text[n]
    if " " in (last, first):
        return True
    if last in _NOT_LAST or first in _NOT_FIRST:
        return False
    # Latin words and figures stay whole; Chinese breaks anywhere
    return any(east_asian_width(one) in "WF" for one in (last, first))
