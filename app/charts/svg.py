"""Elements of SVG as text: whatever comes in as text is escaped here and only here."""

from __future__ import annotations

import re
import unicodedata
from html import escape

INK, PAPER, MIST, LINE, MUTED = "#16211c", "#ffffff", "#f3f6f4", "#d8dfdb", "#57645d"
COPPER = "#a8542a"
SANS = "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
ORIGIN_COLOURS = {
    "elv": "#0b6b43",
    "post": "#3f9a6b",
    "pre": "#9bc53d",
    "internal": "#c9cfcc",
    "primary": "#4a6fa5",
    "unknown": "#d9a441",
}
"""One colour for each origin class, everywhere, in the order of the cells."""

_MARKS = {
    "elv": ("M0 8L8 0", "#ffffff"),
    "pre": ("M2.5 4h3", INK),
    "internal": ("M4 0V8", MUTED),
    "primary": ("M0 4H8", "#ffffff"),
    "unknown": ("M0 0L8 8", INK),
}
# what XML 1.0 does not let stand even as a reference, and half characters
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Markup(str):
    """Text that is SVG already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | int | None) -> Markup:
    """One element; children that are not ``Markup`` are text.

    Args:
        tag: Its name.
        children: In their order.
        attributes: ``stroke_width`` stands for ``stroke-width``, a trailing underline
            falls away (``class_``); None leaves one out.

    >>> element("a", "1 < 2", href='x"y', class_=None)
    '<a href="x&quot;y">1 &lt; 2</a>'
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_clean(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(
        child if isinstance(child, Markup) else _clean(child) for child in children
    )
    return Markup(f"<{tag}{said}>{inner}</{tag}>" if inner else f"<{tag}{said}/>")


def picture(
    *children: str, name: str, title: str, description: str, width: int, height: int
) -> Markup:
    """A whole picture, with what a screen reader says of it.

    Args:
        children: What is in it.
        name: Begins the ids inside; unique on its page.
        title: What it shows.
        description: What stands in it, in a sentence or two.
        width: In units of the drawing, which are pixels at full size.
        height: The same.
    """
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="group",
        aria_labelledby=f"{name}-title {name}-desc",
        font_family=SANS,
        class_="chart",
    )


def origin_patterns(name: str) -> Markup:
    """Patterns that tell the origin classes apart where there is no colour."""
    return element(
        "defs",
        *(
            element(
                "pattern",
                element("path", d=path, stroke=colour, stroke_width="1.5"),
                id=f"{name}-{origin}",
                width=8,
                height=8,
                patternUnits="userSpaceOnUse",
            )
            for origin, (path, colour) in _MARKS.items()
        ),
    )


def origin_stretch(
    name: str, origin: str, *, x: int, y: int, width: int, height: int
) -> Markup:
    """A piece of a bar in the colour and the pattern of an origin class."""
    box = {"x": x, "y": y, "width": width, "height": height}
    drawn = element("rect", fill=ORIGIN_COLOURS[origin], class_=f"o-{origin}", **box)
    if origin in _MARKS:
        marked = element("rect", fill=f"url(#{name}-{origin})", class_="mark", **box)
        return Markup(drawn + marked)
    return drawn


def text_width(text: str) -> int:
    """Columns that a text takes: two for a Chinese character, one for a letter."""
    return sum(
        0
        if unicodedata.combining(one)
        else 2
        if unicodedata.east_asian_width(one) in "WF"
        else 1
        for one in text
    )


def fit(text: str, columns: int) -> str:
    """A text cut to so many columns, with an ellipsis where something is missing.

    >>> fit("废铝易拉罐", 8), fit("A356", 8)
    ('废铝易…', 'A356')
    """
    if text_width(text) <= columns:
        return text
    kept = ""
    for one in text:
        if text_width(kept + one) > columns - 1:
            break
        kept += one
    return f"{kept}…"


def _clean(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text), quote=True)
