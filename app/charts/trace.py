"""The way of a lot as a picture: from left to right, grams on every line.

Lots are boxes with their composition as a thin bar, runs are rounded, what is left out
is dashed. A line keeps its own place at the side of its lot, where its grams stand: so
no two masses lie on each other, however many lines meet at a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Literal

from app.charts.layout import Layout, lay_out
from app.charts.svg import (
    COPPER,
    INK,
    LINE,
    MIST,
    MONO,
    MUTED,
    ORIGIN_COLOURS,
    PAPER,
    Markup,
    element,
    fit,
    origin_patterns,
    origin_stretch,
    picture,
    text_width,
)

Sort = Literal["lot", "run", "rest"]

WIDTHS: Mapping[str, int] = {"lot": 184, "run": 132, "rest": 148}
LEAST_HEIGHTS: Mapping[str, int] = {"lot": 66, "run": 44, "rest": 48}
PORT = {"lot": 18, "run": 8, "rest": 18}
"""Room of one line at the side of a box; lots and rests carry its grams there."""
GAP, LABEL_ROOM, TURN, MARGIN, HEAD, FOOT = 18, 76, 72, 16, 44, 28
WAY_HEIGHT = 6
THICKEST, THINNEST = 12, 1
COLUMNS = {"lot": 22, "run": 16, "rest": 18}
SMALL, BASE, LETTER = 11, 12, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One box.

    Attributes:
        key: Its identity in the picture.
        sort: lot, run, or rest for what was left out.
        lines: Two or three lines of text; the first of a lot is its code.
        says: The same in a sentence, for the pointer and the screen reader.
        href: Where it leads; None for nowhere.
        cells: Twelve masses of a lot; None where they are not told.
        focus: It is the lot in question.
        beyond: What is said where the history goes on to the left; None: it does not.
    """

    key: str
    sort: Sort
    lines: Sequence[str]
    says: str
    layer: int
    href: str | None = None
    cells: Sequence[int] | None = None
    focus: bool = False
    beyond: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Grams that go from one box to another.

    Attributes:
        start: Key of the box that it leaves.
        end: Key of the box that it enters.
        net_g: Net mass in grams; the line is as thick as its root.
        label: The mass as text with its unit.
    """

    start: str
    end: str
    net_g: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceTexts:
    """The words around the picture.

    Attributes:
        title: What it shows.
        description: The same in a sentence.
        footer: Source, vintage and date.
    """

    title: str
    description: str
    footer: str


@dataclass(frozen=True, slots=True)
class _Frame:
    stops: Mapping[str, Stop]
    left: Sequence[int]
    height: Mapping[str, int]
    layout: Layout


def trace_svg(
    stops: Sequence[Stop],
    lines: Sequence[Line],
    texts: TraceTexts,
    *,
    name: str = "trace",
) -> Markup:
    """The picture.

    Args:
        stops: Boxes; at least one.
        lines: Between them, each to a later layer.
        texts: The words around it.
        name: Begins the ids inside; unique on its page.
    """
    into, out = _ports(stops, lines)
    heights = {
        stop.key: max(
            LEAST_HEIGHTS[stop.sort],
            PORT[stop.sort] * max(len(into[stop.key]), len(out[stop.key])) + 8,
        )
        for stop in stops
    }
    layout = lay_out(
        {stop.key: stop.layer for stop in stops},
        [(line.start, line.end) for line in lines],
        heights,
        gap=GAP,
        way_height=WAY_HEIGHT,
    )
    by_key = {stop.key: stop for stop in stops}
    left, width = _columns(stops, max(stop.layer for stop in stops) + 1)
    frame = _Frame(by_key, left, heights, layout)
    drawn: list[str] = [
        origin_patterns(name),
        element("rect", width="100%", height="100%", fill=PAPER, class_="paper"),
        element(
            "text",
            texts.title,
            x=MARGIN,
            y=26,
            font_size=15,
            font_weight=600,
            fill=INK,
        ),
    ]
    drawn += _lines(frame, lines, into, out)
    drawn += [_box(frame, stop, name) for stop in stops]
    drawn.append(
        element(
            "text",
            texts.footer,
            x=MARGIN,
            y=HEAD + layout.height + FOOT + 4,
            font_size=SMALL,
            fill=MUTED,
        )
    )
    return picture(
        *drawn,
        name=name,
        title=texts.title,
        description=texts.description,
        width=max(width, 480),
        height=HEAD + layout.height + FOOT + MARGIN,
    )


def _ports(
    stops: Sequence[Stop], lines: Sequence[Line]
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Numbers of the lines that enter and leave each box."""
    into: dict[str, list[int]] = {stop.key: [] for stop in stops}
    out: dict[str, list[int]] = {stop.key: [] for stop in stops}
    for number, line in enumerate(lines):
        out[line.start].append(number)
        into[line.end].append(number)
    return into, out


def _columns(stops: Sequence[Stop], count: int) -> tuple[list[int], int]:
    """Left end of each layer, and the width of the whole."""
    widest = [
        max((WIDTHS[s.sort] for s in stops if s.layer == n), default=0)
        for n in range(count)
    ]
    left, x = [], MARGIN + (LABEL_ROOM if any(s.beyond for s in stops) else 0)
    for width in widest:
        left.append(x)
        x += width + LABEL_ROOM + TURN
    return left, x - LABEL_ROOM - TURN + MARGIN


def _sorted_ports(
    frame: _Frame, numbers: Sequence[int], lines: Sequence[Line], *, leaving: bool
) -> list[int]:
    """Lines at one side of a box, ordered by where they come from or go to."""
    top = frame.layout.top

    def height_of(number: int) -> tuple[int, int]:
        line = lines[number]
        layer = frame.stops[line.start if leaving else line.end].layer
        way = (number, layer + (1 if leaving else -1))
        other = line.end if leaving else line.start
        return (top[way] if way in top else top[other], number)

    return sorted(numbers, key=height_of)


def _lines(
    frame: _Frame,
    lines: Sequence[Line],
    into: Mapping[str, Sequence[int]],
    out: Mapping[str, Sequence[int]],
) -> list[Markup]:
    largest = max((line.net_g for line in lines), default=1)
    start_y: dict[int, int] = {}
    end_y: dict[int, int] = {}
    for key in frame.stops:
        for ports, leaving, found in ((out, True, start_y), (into, False, end_y)):
            order = _sorted_ports(frame, ports[key], lines, leaving=leaving)
            for place, number in enumerate(order):
                found[number] = _port_y(frame, key, place, len(order))
    strokes, labels = [], []
    for number, line in enumerate(lines):
        first, last = frame.stops[line.start], frame.stops[line.end]
        x1 = frame.left[first.layer] + WIDTHS[first.sort]
        x2 = frame.left[last.layer]
        points = [(x1, start_y[number])]
        for layer in range(first.layer + 1, last.layer):
            way_y = HEAD + frame.layout.top[number, layer] + WAY_HEIGHT // 2
            points += [(frame.left[layer], way_y), (_layer_end(frame, layer), way_y)]
        points.append((x2, end_y[number]))
        at_start = first.sort != "run"
        width = max(THINNEST, THICKEST * isqrt(line.net_g) // max(isqrt(largest), 1))
        strokes.append(
            element(
                "path",
                element("title", f"{first.lines[0]} → {last.lines[0]}: {line.label}"),
                d=_path(points, at_start=at_start),
                fill="none",
                stroke=MUTED,
                stroke_opacity="0.45",
                stroke_width=width,
                class_="flow",
            )
        )
        x, y = (x1, start_y[number]) if at_start else (x2, end_y[number])
        labels += _grams(line.label, x, y, at_start=at_start)
    return strokes + labels


def _grams(label: str, x: int, y: int, *, at_start: bool) -> list[Markup]:
    """A mass beside its lot, on ground of its own: the line does not cross it."""
    width = text_width(label) * LETTER + 4
    return [
        element(
            "rect",
            x=x + 4 if at_start else x - 4 - width,
            y=y - 7,
            width=width,
            height=14,
            fill=PAPER,
            class_="ground",
        ),
        element(
            "text",
            label,
            x=x + 6 if at_start else x - 6,
            y=y + 4,
            text_anchor="start" if at_start else "end",
            font_size=SMALL,
            fill=INK,
            class_="grams",
        ),
    ]


def _layer_end(frame: _Frame, layer: int) -> int:
    return frame.left[layer] + max(
        (WIDTHS[one.sort] for one in frame.stops.values() if one.layer == layer),
        default=0,
    )


def _port_y(frame: _Frame, key: str, place: int, count: int) -> int:
    sort, height = frame.stops[key].sort, frame.height[key]
    room = PORT[sort]
    first = (height - room * count) // 2 + room // 2
    return HEAD + frame.layout.top[key] + first + room * place


def _path(points: Sequence[tuple[int, int]], *, at_start: bool) -> str:
    """A line that runs level beside the grams, then turns."""
    x, y = points[0]
    path = f"M{x} {y}"
    for number, (x2, y2) in enumerate(points[1:], start=1):
        if number % 2 == 0:
            path += f"H{x2}"
        else:
            turn = x + LABEL_ROOM if at_start else x
            end = x2 if at_start else x2 - LABEL_ROOM
            middle = (turn + end) // 2
            path += f"H{turn}C{middle} {y} {middle} {y2} {end} {y2}H{x2}"
        x, y = x2, y2
    return path


def _box(frame: _Frame, stop: Stop, name: str) -> Markup:
    x, y = frame.left[stop.layer], HEAD + frame.layout.top[stop.key]
    width, height = WIDTHS[stop.sort], frame.height[stop.key]
    drawn: list[str] = [
        element("title", stop.says),
        element(
            "rect",
            x=x,
            y=y,
            width=width,
            height=height,
            rx=22 if stop.sort == "run" else 6,
            fill=MIST if stop.sort == "run" else PAPER,
            stroke=COPPER if stop.focus else MUTED if stop.href else LINE,
            stroke_width=3 if stop.focus else 1,
            stroke_dasharray="4 3" if stop.sort == "rest" else None,
            class_=f"box {stop.sort}{' focus' if stop.focus else ''}",
        ),
    ]
    bar = 6 if stop.cells else 0
    first = y + (height - bar - 16 * len(stop.lines)) // 2 + BASE
    for number, words in enumerate(stop.lines):
        lead = number == 0
        drawn.append(
            element(
                "text",
                fit(words, COLUMNS[stop.sort]),
                x=x + (width // 2 if stop.sort == "run" else 12),
                y=first + 16 * number,
                text_anchor="middle" if stop.sort == "run" else None,
                font_size=BASE,
                font_weight=600 if lead else None,
                font_family=MONO if lead and stop.sort == "lot" else None,
                fill=(COPPER if stop.href else INK) if lead else MUTED,
                class_="lead" if lead else "rest",
            )
        )
    if stop.cells and sum(stop.cells):
        drawn += _bar(stop.cells, name, x + 12, y + height - 11, width - 24)
    if stop.beyond:
        middle = y + height // 2
        drawn += [
            element(
                "path",
                d=f"M{x - LABEL_ROOM} {middle}H{x}",
                stroke=MUTED,
                stroke_dasharray="2 4",
            ),
            element(
                "text",
                fit(stop.beyond, 12),
                x=x - 6,
                y=middle - 5,
                text_anchor="end",
                font_size=SMALL,
                fill=MUTED,
            ),
        ]
    if stop.href is None:
        return element("g", *drawn)
    return element("a", *drawn, href=stop.href)


def _bar(cells: Sequence[int], name: str, x: int, y: int, width: int) -> list[Markup]:
    total, before, drawn = sum(cells), 0, []
    for number, origin in enumerate(ORIGIN_COLOURS):
        start = before * width // total
        before += cells[2 * number] + cells[2 * number + 1]
        end = before * width // total
        if end > start:
            drawn.append(
                origin_stretch(
                    name, origin, x=x + start, y=y, width=end - start, height=5
                )
            )
    return drawn
