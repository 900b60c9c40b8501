"""What a lot is made of: one bar, and under it grams and share of each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.charts.svg import (
    INK,
    LINE,
    MUTED,
    ORIGIN_COLOURS,
    PAPER,
    Markup,
    element,
    fit,
    origin_patterns,
    origin_stretch,
    picture,
)

WIDTH, BAR_HEIGHT, ROW, MARGIN = 640, 28, 26, 16
NAME_COLUMNS, TITLE_COLUMNS = 40, 62
CELLS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositionTexts:
    """The words of the picture, in the language of whoever looks at it.

    Attributes:
        title: What it shows.
        description: The same in a sentence.
        names: Of the six classes, in the order of the cells.
        imported: Before the imported grams of a class, such as ``imported``.
        footer: Source, vintage and date.
        mass: Grams as text with their unit.
        share: ppm as text.
    """

    title: str
    description: str
    names: Sequence[str]
    imported: str
    footer: str
    mass: Callable[[int], str]
    share: Callable[[int], str]


def composition_svg(
    cells: Sequence[int], texts: CompositionTexts, *, name: str = "composition"
) -> Markup:
    """The picture.

    Args:
        cells: Twelve masses: six classes, each domestic then imported, in grams.
        texts: Its words.
        name: Begins the ids inside; unique on its page.

    Raises:
        ValueError: There are not twelve cells, or one is negative.
    """
    if len(cells) != CELLS or min(cells) < 0:
        raise ValueError(f"found {list(cells)}, expected twelve masses")
    total = sum(cells)
    inner = WIDTH - 2 * MARGIN
    y = MARGIN + 20
    drawn: list[str] = [
        origin_patterns(name),
        element("rect", width=WIDTH, height="100%", fill=PAPER, class_="paper"),
        element(
            "text",
            fit(texts.title, TITLE_COLUMNS),
            x=MARGIN,
            y=MARGIN + 6,
            font_size=16,
            font_weight=600,
            fill=INK,
        ),
    ]
    before = 0
    rows: list[Markup] = []
    for number, origin in enumerate(ORIGIN_COLOURS):
        domestic_g, imported_g = cells[2 * number : 2 * number + 2]
        grams = domestic_g + imported_g
        if grams == 0:
            continue
        start = MARGIN + before * inner // total
        before += grams
        end = MARGIN + before * inner // total
        drawn.append(
            origin_stretch(
                name, origin, x=start, y=y, width=end - start, height=BAR_HEIGHT
            )
        )
        label = texts.names[number]
        if imported_g:
            label = f"{label} · {texts.imported} {texts.mass(imported_g)}"
        row_y = y + BAR_HEIGHT + 14 + ROW * len(rows)
        share = texts.share(grams * 1_000_000 // total)
        rows.append(_row(name, origin, row_y, (label, texts.mass(grams), share)))
    drawn += rows
    height = y + BAR_HEIGHT + 14 + ROW * len(rows) + 34
    drawn.append(
        element("text", texts.footer, x=MARGIN, y=height - 12, font_size=11, fill=MUTED)
    )
    return picture(
        *drawn,
        name=name,
        title=texts.title,
        description=texts.description,
        width=WIDTH,
        height=height,
    )


def _row(name: str, origin: str, y: int, words: tuple[str, str, str]) -> Markup:
    label, mass, share = words
    key = origin_stretch(name, origin, x=MARGIN, y=y + 4, width=14, height=14)
    text: dict[str, str | int] = {"y": y + 16, "font_size": 14, "fill": INK}
    ends = ((WIDTH - 96, mass), (WIDTH - MARGIN, share))
    return Markup(
        key
        + element("text", fit(label, NAME_COLUMNS), x=MARGIN + 24, **text)
        + "".join(
            element("text", said, x=x, text_anchor="end", **text) for x, said in ends
        )
        + element("path", d=f"M{MARGIN} {y + ROW - 2}H{WIDTH - MARGIN}", stroke=LINE)
    )
