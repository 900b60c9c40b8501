"""A label as SVG: letters as outlines, so that it looks the same wherever it opens."""

from __future__ import annotations

from xml.sax.saxutils import escape

from labels.column import Text
from labels.fonts import text_path, units_per_em
from labels.layout import Format, LabelContent, lay_out
from labels.payload import dark_runs

BOLD = 0.035


def render_svg(label: LabelContent, form: Format) -> str:
    """One label.

    Raises:
        LabelError: It cannot be set.
    """
    placed = lay_out(label, form)
    wide, high = form.width_mm, form.height_mm
    module = placed.module
    runs = "".join(f"M{a} {b}h{w}v1h-{w}z" for a, b, w in dark_runs(placed.rows))
    title = escape(f"{label.title_zh} {label.lot}")
    texts = "".join(map(_text, placed.texts))
    x1, x2 = placed.rule_x
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}mm" height="{high}mm" '
        f'viewBox="0 0 {wide} {high}" role="img"><title>{title}</title>'
        f'<rect width="{wide}" height="{high}" fill="#fff"/>'
        f'<path fill="#000" shape-rendering="crispEdges" transform="translate('
        f'{placed.symbol_x:.4f} {placed.symbol_y:.4f}) scale({module:.5f})" '
        f'd="{runs}"/>'
        f'<path stroke="#000" stroke-width="0.15" d="M{x1} {placed.rule_y:.3f}H{x2}"/>'
        f"{texts}</svg>"
    )


def _text(line: Text) -> str:
    units = units_per_em()
    glyphs = "".join(
        f'<path transform="translate({at})" d="{path}"/>'
        for at, path in text_path(line.text)
    )
    edge = f' stroke="#000" stroke-width="{BOLD * units:.0f}"' if line.bold else ""
    return (
        f'<g fill="#000"{edge} transform="translate({line.x:.3f} {line.y:.3f}) '
        f'scale({line.size / units:.7f})">{glyphs}</g>'
    )
