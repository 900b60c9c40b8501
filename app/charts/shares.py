"""Bars of shares by period: zero at the foot, parts named beside the last bar.

The title says the finding; source, vintage and date stand inside the picture, so that
it can be cited wherever it is pasted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.charts.drawing import Box, Drawing, Label, Shape, Stroke
from app.charts.svg import COPPER, INK, LINE, MUTED, ORIGIN_COLOURS, PAPER, text_width

WIDE, NARROW = 960, 360
_NARROW_BELOW = 600
_LETTER = 0.58  # width of a column of text in parts of its size
RECYCLED = "recycled"
COLOURS = {**ORIGIN_COLOURS, RECYCLED: COPPER}
_NAMES_GAP = 18
# where the axis may end, in per cent, and from tick to tick
_TOPS = {10: 2, 20: 5, 30: 10, 40: 10, 50: 10, 60: 20, 80: 20, 100: 20}
Level = Callable[[Fraction], int]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a bar: an origin class (or ``recycled``) and its share."""

    origin: str
    share: Fraction


@dataclass(frozen=True, slots=True)
class Bar:
    """One period.

    Attributes:
        period: As it is written under the bar.
        parts: From the foot up, none of them 0.
        value: The figure that stands over the bar, such as ``27.4 %``.
        provisional: Marked with a star: a figure that will still change.
    """

    period: str
    parts: tuple[Part, ...]
    value: str
    provisional: bool = False

    @property
    def height(self) -> Fraction:
        """The sum of its parts."""
        return sum((part.share for part in self.parts), Fraction(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTexts:
    """The words of the picture, in the language of whoever looks at it.

    Attributes:
        title: The finding, in a sentence.
        description: For those who cannot see it.
        axis: What the upright axis measures, with its unit.
        names: Origin class -> what it is called, beside the last bar.
        target: Name of the target line; None for none.
        provisional: What a star after a period means; None where there is none.
        footer: Source, vintage, date: one line each.
    """

    title: str
    description: str
    axis: str
    names: dict[str, str]
    footer: Sequence[str]
    target: str | None = None
    provisional: str | None = None


def top_of(bars: Sequence[Bar], target: Fraction | None = None) -> Fraction:
    """Where the axis ends: the tenth, fifth or whole above everything drawn."""
    highest = max([bar.height for bar in bars] + ([target] if target else []))
    # room for the figure over the highest bar
    enough = (top for top in _TOPS if highest * 100 <= top * Fraction(9, 10))
    return Fraction(next(enough, 100), 100)


def share_drawing(
    bars: Sequence[Bar],
    texts: ShareTexts,
    *,
    target: Fraction | None = None,
    width: int = WIDE,
) -> Drawing:
    """The picture.

    Args:
        bars: In order of time, at least one.
        texts: Its words.
        target: Share at which the target line stands; None for none.
        width: ``WIDE`` for desks and documents, ``NARROW`` for phones.
    """
    narrow = width < _NARROW_BELOW
    top = top_of(bars, target)
    size = 12 if narrow else 14
    margin = 12 if narrow else 24
    title_size = 15 if narrow else 20
    columns = int((width - 2 * margin) / (title_size * _LETTER))
    title = wrapped(texts.title, columns)
    foot_columns = int((width - 2 * margin) / ((size - 1) * _LETTER))
    footer = [line for text in texts.footer for line in wrapped(text, foot_columns)]
    if texts.provisional:
        footer = [*wrapped(texts.provisional, foot_columns), *footer]
    names_width = 0 if narrow else 210
    plot_top = margin + len(title) * (title_size + 8) + size + 22
    plot_height = 220 if narrow else 300
    left, right = margin + 36, width - margin - names_width
    foot = plot_top + plot_height

    def level(share: Fraction) -> int:
        return foot - round(share / top * plot_height)

    shapes: list[Shape] = []
    for number, line in enumerate(title):
        y = margin + title_size + number * (title_size + 8)
        shapes.append(Label(margin, y, line, title_size, INK, bold=True))
    shapes.append(Label(margin, plot_top - 14, texts.axis, size, MUTED))
    shapes += _axis(top, level, left, right, size)
    step = Fraction(right - left, len(bars))
    every = max(1, -(-_longest(bars) * size // max(1, int(step))))
    values: list[Label] = []
    for number, bar in enumerate(bars):
        middle = left + round(step * number + step / 2)
        bar_width = max(2, min(64, round(step * Fraction(3, 5))))
        shapes += _bar(bar, middle, bar_width, level)
        if (len(bars) - 1 - number) % every == 0:
            mark = "*" if bar.provisional else ""
            shapes.append(
                Label(middle, foot + size + 6, bar.period + mark, size, INK, "middle")
            )
            shapes.append(
                Label(
                    middle, level(bar.height) - 6, bar.value, size, INK, "middle", True
                )
            )
    entries = list(_entries(bars, texts, target))
    if target is not None:
        y = level(target)
        shapes.append(Stroke(left, y, right, y, INK, 2, dashed=True))
    for value in values:
        wide = int(text_width(value.text) * size * _LETTER) + 6
        # on paper of its own, so that the target line does not strike it out
        box = Box(value.x - wide // 2, value.y - size, wide, size + 3, PAPER, "paper")
        shapes += [box, value]
    below = foot + size + 6
    if narrow:
        place = (margin, below + 24, width - margin)
        below = _key(shapes, entries, place, size)
    else:
        _names(shapes, entries, right + 12, level, size)
    for line in footer:
        below += size + 8
        shapes.append(Label(margin, below + 8, line, size - 1, MUTED))
    return Drawing(
        width, below + margin + 8, texts.title, texts.description, tuple(shapes)
    )


def _axis(top: Fraction, level: Level, left: int, right: int, size: int) -> list[Shape]:
    shapes: list[Shape] = []
    end = int(top * 100)
    for percent in range(0, end + 1, _TOPS[end]):
        y = level(Fraction(percent, 100))
        shapes.append(Stroke(left, y, right, y, LINE if percent else INK))
        shapes.append(Label(left - 8, y + size // 3, f"{percent}", size, MUTED, "end"))
    return shapes


def _bar(bar: Bar, middle: int, width: int, level: Level) -> list[Shape]:
    shapes: list[Shape] = []
    before = Fraction(0)
    for part in bar.parts:
        lower, before = level(before), before + part.share
        upper = level(before)
        if lower > upper:
            shapes.append(
                Box(
                    middle - width // 2,
                    upper,
                    width,
                    lower - upper,
                    COLOURS[part.origin],
                    f"o-{part.origin}",
                )
            )
    return shapes


@dataclass(frozen=True, slots=True)
class _Entry:
    """A name in the key: what it names, at which share, in which colour."""

    at: Fraction
    text: str
    colour: str
    role: str | None
    height: int


def _entries(
    bars: Sequence[Bar], texts: ShareTexts, target: Fraction | None
) -> Iterator[_Entry]:
    """Each part where the last bar that has it shows it."""
    found: dict[str, Fraction] = {}
    for bar in bars:
        before = Fraction(0)
        for part in bar.parts:
            found[part.origin] = before + part.share / 2
            before += part.share
    for origin, middle in found.items():
        name = texts.names[origin]
        yield _Entry(middle, name, COLOURS[origin], f"o-{origin}", 10)
    if target is not None and texts.target is not None:
        yield _Entry(target, texts.target, INK, None, 2)


def _names(
    shapes: list[Shape], entries: Sequence[_Entry], x: int, level: Level, size: int
) -> None:
    """Names beside the last bar at the height of what they name, none over another."""
    lowest: int | None = None
    for entry in sorted(entries, key=lambda one: one.at):
        y = level(entry.at) + size // 3
        if lowest is not None:
            y = min(y, lowest - _NAMES_GAP)
        lowest = y
        _named(shapes, entry, x, y, size)


def _key(
    shapes: list[Shape],
    entries: Sequence[_Entry],
    place: tuple[int, int, int],
    size: int,
) -> int:
    """The same under the bars, where there is no room beside them; gives its foot."""
    left, y, right = place
    x = left
    for entry in entries:
        wide = 16 + int(text_width(entry.text) * size * _LETTER) + 14
        if x > left and x + wide > right:
            x, y = left, y + size + 8
        _named(shapes, entry, x, y, size)
        x += wide
    return y


def _named(shapes: list[Shape], entry: _Entry, x: int, y: int, size: int) -> None:
    top = y - 5 - entry.height // 2
    shapes.append(Box(x, top, 10, entry.height, entry.colour, entry.role))
    shapes.append(Label(x + 16, y, entry.text, size, INK))


def _longest(bars: Sequence[Bar]) -> int:
    """Columns of the longest text at a bar, with a gap, in parts of its size."""
    most = max(max(text_width(one.period), text_width(one.value)) for one in bars)
    return int(most * _LETTER) + 2


def wrapped(text: str, columns: int) -> list[str]:
    """A text in lines of so many columns, broken at spaces or between characters.

    >>> wrapped("再生铝占比 27.4 %", 10), wrapped("one two", 20)
    (['再生铝占比', '27.4 %'], ['one two'])
    """
    lines, line = [], ""
    for word in _words(text):
        if line and text_width(line + word.rstrip()) > columns:
            lines.append(line.rstrip())
            line = ""
        line += word
    return [*lines, line.rstrip()] if line.strip() else lines


def _words(text: str) -> list[str]:
    """Pieces that are not broken: words with their space, wide characters alone."""
    words, word = [], ""
    for one in text:
        if text_width(one) > 1:
            if word:
                words.append(word)
            words.append(one)
            word = ""
        else:
            word += one
            if one == " ":
                words.append(word)
                word = ""
    return [*words, word] if word else words
