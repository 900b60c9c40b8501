"""A label as PNG: black and white dots, as a thermal printer has them."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from labels.errors import TooCoarse
from labels.fonts import PATH
from labels.layout import SMALLEST_MODULE_MM, Format, LabelContent, lay_out
from labels.payload import dark_runs

MM_PER_INCH = 25.4
LEAST_DPI, MOST_DPI = 150, 1200


@lru_cache(maxsize=64)
def _face(pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(PATH), pixels)


def render_png(label: LabelContent, form: Format, *, dpi: int = 300) -> bytes:
    """One label; modules are whole dots, so that none is wider than its neighbour.

    Raises:
        ValueError: ``dpi`` is not from 150 to 1,200.
        LabelError: It cannot be set, or so few dots make modules under 0.4 mm.
    """
    if not LEAST_DPI <= dpi <= MOST_DPI:
        raise ValueError(f"found {dpi} dpi, expected {LEAST_DPI} to {MOST_DPI}")
    placed = lay_out(label, form)
    dots = dpi / MM_PER_INCH
    size = (round(form.width_mm * dots), round(form.height_mm * dots))
    image = Image.new("1", size, 1)
    draw = ImageDraw.Draw(image)
    module = int(placed.module * dots)
    if module < SMALLEST_MODULE_MM * dots:
        raise TooCoarse(
            "{dpi} dots an inch are too coarse for the symbol on this size of label",
            dpi=dpi,
        )
    whole = len(placed.rows)
    slack = (placed.module * dots - module) * whole / 2
    x0 = round(placed.symbol_x * dots + slack)
    y0 = round(placed.symbol_y * dots + slack)
    for a, b, wide in dark_runs(placed.rows):
        x, y = x0 + a * module, y0 + b * module
        draw.rectangle((x, y, x + wide * module - 1, y + module - 1), fill=0)
    rule = round(placed.rule_y * dots)
    draw.line(
        [(placed.rule_x[0] * dots, rule), (placed.rule_x[1] * dots, rule)], fill=0
    )
    for line in placed.texts:
        face = _face(int(line.size * dots))
        at = (line.x * dots, line.y * dots)
        draw.text(at, line.text, fill=0, font=face, anchor="ls")
        if line.bold:
            draw.text((at[0] + 1, at[1]), line.text, fill=0, font=face, anchor="ls")
    stream = io.BytesIO()
    image.save(stream, "PNG", dpi=(dpi, dpi), optimize=True)
    return stream.getvalue()
