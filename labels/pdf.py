"""Labels as PDF: sheets of A4, or a page for each on a roll."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import BinaryIO

from reportlab import rl_config
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from labels.fonts import PATH, READING
from labels.layout import Format, LabelContent, Placed, lay_out
from labels.payload import dark_runs

FACE = "RemeltLabels"
BOLD = 0.035
"""Bold letters are drawn with an edge of this share of their size."""

# Streams as plain bytes: ASCII armour makes files a quarter larger, and takes longer
# than their compression
rl_config.useA85 = 0


@cache
def _register() -> str:
    pdfmetrics.registerFont(TTFont(FACE, PATH))
    return FACE


def _face() -> str:
    with READING:
        return _register()


def write_pdf(
    labels: Iterable[LabelContent],
    form: Format,
    stream: BinaryIO,
    *,
    first: int = 1,
    title: str = "Remelt",
) -> int:
    """Write labels one after the other; give the number of pages.

    Args:
        labels: In their order; they are not kept.
        form: Size and sheet.
        stream: Where the file goes.
        first: Place of the first label on the first sheet, from 1: a sheet that was
            partly used can be used up.
        title: Of the document.

    Raises:
        ValueError: There is no such place on a sheet.
        LabelError: One of the labels cannot be set.
    """
    if not 1 <= first <= form.per_page:
        raise ValueError(f"found place {first}, expected 1 to {form.per_page}")
    face = _face()
    wide, high = form.page_mm
    canvas = Canvas(stream, pagesize=(wide * mm, high * mm), invariant=1)
    canvas.setTitle(title)
    canvas.setCreator("Remelt")
    at, pages = first - 1, 1
    for label in labels:
        if at == form.per_page:
            canvas.showPage()
            at, pages = 0, pages + 1
        left, top = form.place(at)
        _draw(canvas, face, lay_out(label, form), left, high - top)
        at += 1
    with READING:  # the letters that were used are cut out of the face
        canvas.save()
    return pages


def _draw(canvas: Canvas, face: str, placed: Placed, left: float, top: float) -> None:
    """Draw a label whose upper left corner stands at ``left``, ``top`` from below."""
    module = placed.module * mm
    x, y = (left + placed.symbol_x) * mm, (top - placed.symbol_y) * mm
    # One path for all modules, in whole steps of a module: no seams, small files
    runs = "".join(f"{a} {-b - 1} {w} 1 re " for a, b, w in dark_runs(placed.rows))
    canvas.addLiteral(
        f"q 0 g {module:.4f} 0 0 {module:.4f} {x:.4f} {y:.4f} cm {runs}f Q"
    )
    canvas.setLineWidth(0.15 * mm)
    rule = (top - placed.rule_y) * mm
    canvas.line(
        (left + placed.rule_x[0]) * mm, rule, (left + placed.rule_x[1]) * mm, rule
    )
    for line in placed.texts:
        text = canvas.beginText((left + line.x) * mm, (top - line.y) * mm)
        text.setFont(face, line.size * mm)
        if line.bold:
            # The mode outlasts the text: without a state of its own all is bold
            canvas.saveState()
            canvas.setLineWidth(line.size * BOLD * mm)
            text.setTextRenderMode(2)
        text.textOut(line.text)
        canvas.drawText(text)
        if line.bold:
            canvas.restoreState()
