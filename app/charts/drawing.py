"""A drawing as shapes: written as SVG for pages, or set as PNG for documents.

Both come from the same shapes, so that a picture that is downloaded shows what the page
showed. Coordinates are units of the drawing, which are pixels at full size.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from app.charts.svg import INK, PAPER, Markup, element, picture

Anchor = Literal["start", "middle", "end"]
PNG_SCALE = 2
_ANCHORS: dict[Anchor, str] = {"start": "ls", "middle": "ms", "end": "rs"}
_DASH = 6
BOLD = 600


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; ``role`` is its class, for pages that are dark."""

    x: int
    y: int
    width: int
    height: int
    fill: str
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line, level or upright."""

    x1: int
    y1: int
    x2: int
    y2: int
    colour: str
    width: int = 1
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text; ``y`` is its baseline."""

    x: int
    y: int
    text: str
    size: int = 14
    colour: str = INK
    anchor: Anchor = "start"
    bold: bool = False


Shape = Box | Stroke | Label


@dataclass(frozen=True, slots=True)
class Drawing:
    """Shapes from back to front.

    Attributes:
        title: What it shows, in a sentence.
        description: What stands in it, for those who cannot see it.
    """

    width: int
    height: int
    title: str
    description: str
    shapes: tuple[Shape, ...]


def to_svg(drawing: Drawing, name: str) -> Markup:
    """The drawing as SVG.

    Args:
        drawing: What to write.
        name: Begins the ids inside; unique on its page.
    """
    return picture(
        element(
            "rect",
            width=drawing.width,
            height=drawing.height,
            fill=PAPER,
            class_="paper",
        ),
        *map(_element, drawing.shapes),
        name=name,
        title=drawing.title,
        description=drawing.description,
        width=drawing.width,
        height=drawing.height,
    )


def _element(shape: Shape) -> Markup:
    match shape:
        case Box():
            return element(
                "rect",
                x=shape.x,
                y=shape.y,
                width=shape.width,
                height=shape.height,
                fill=shape.fill,
                class_=shape.role,
            )
        case Stroke():
            return element(
                "line",
                x1=shape.x1,
                y1=shape.y1,
                x2=shape.x2,
                y2=shape.y2,
                stroke=shape.colour,
                stroke_width=shape.width,
                stroke_dasharray=f"{_DASH} {_DASH}" if shape.dashed else None,
            )
        case Label():
            return element(
                "text",
                shape.text,
                x=shape.x,
                y=shape.y,
                font_size=shape.size,
                font_weight=BOLD if shape.bold else None,
                fill=shape.colour,
                text_anchor=None if shape.anchor == "start" else shape.anchor,
            )


def to_png(drawing: Drawing, face: Path, scale: int = PNG_SCALE) -> bytes:
    """The drawing as PNG, on white.

    Args:
        drawing: What to set.
        face: A TrueType file that has every letter of it.
        scale: Pixels for one unit.
    """
    size = (drawing.width * scale, drawing.height * scale)
    image = Image.new("RGB", size, PAPER)
    canvas = ImageDraw.Draw(image)
    faces: dict[int, ImageFont.FreeTypeFont] = {}
    for shape in drawing.shapes:
        match shape:
            case Box():
                if shape.width > 0 and shape.height > 0:
                    corner = (shape.x + shape.width, shape.y + shape.height)
                    canvas.rectangle(
                        (
                            shape.x * scale,
                            shape.y * scale,
                            corner[0] * scale - 1,
                            corner[1] * scale - 1,
                        ),
                        fill=shape.fill,
                    )
            case Stroke():
                for part in _dashes(shape):
                    canvas.line(
                        [one * scale for one in part],
                        fill=shape.colour,
                        width=shape.width * scale,
                    )
            case Label():
                font = faces.setdefault(
                    shape.size, ImageFont.truetype(str(face), shape.size * scale)
                )
                canvas.text(
                    (shape.x * scale, shape.y * scale),
                    shape.text,
                    fill=shape.colour,
                    font=font,
                    anchor=_ANCHORS[shape.anchor],
                    # the face has one weight: a hair of outline makes it bold
                    stroke_width=scale // 4 or 1 if shape.bold else 0,
                    stroke_fill=shape.colour,
                )
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _dashes(line: Stroke) -> Iterable[tuple[int, int, int, int]]:
    if not line.dashed:
        yield line.x1, line.y1, line.x2, line.y2
        return
    for x in range(line.x1, line.x2, 2 * _DASH):
        yield x, line.y1, min(x + _DASH, line.x2), line.y2
