"""The face that labels are set in: its widths, its outlines, what it cannot set."""

from __future__ import annotations

import threading
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

PATH = Path(__file__).with_name("typeface") / "wqy-microhei.ttf"
READING = threading.RLock()
"""Who reads the face: readers keep one place in the file, so they take turns."""


@cache
def _font() -> Any:  # noqa: ANN401 - fontTools carries no types
    return TTFont(PATH, lazy=True)


@cache
def _glyphs() -> dict[int, str]:
    with READING:
        found: dict[int, str] = _font().getBestCmap()
    return found


@lru_cache(maxsize=16_384)
def _advance(character: str) -> float:
    with READING:
        width, _ = _font()["hmtx"][_glyphs()[ord(character)]]
    return float(width / units_per_em())


def missing(text: str) -> str:
    """The characters of a text that the face has no glyph for, each once.

    >>> missing("镓 Ga 99.99")
    ''
    """
    known = _glyphs()
    return "".join(dict.fromkeys(one for one in text if ord(one) not in known))


def width(text: str) -> float:
    """How wide a text is set at size 1."""
    return sum(map(_advance, text))


@cache
def units_per_em() -> int:
    """Units of outlines: so many are the height of the em."""
    with READING:
        return int(_font()["head"].unitsPerEm)


@lru_cache(maxsize=16_384)
def outline(character: str) -> str:
    """The outline of a character as an SVG path: in units, from the base, y down."""
    with READING:
        glyphs = _font().getGlyphSet()
        pen = SVGPathPen(glyphs, ntos=lambda value: str(round(value)))
        turned = TransformPen(pen, (1, 0, 0, -1, 0, 0))
        glyphs[_glyphs()[ord(character)]].draw(turned)
    return str(pen.getCommands())


def text_path(text: str) -> list[tuple[int, str]]:
    """(offset, outline) of every character of a text, in units; no blanks."""
    at, found = 0.0, []
    for character in text:
        if path := outline(character):
            found.append((round(at * units_per_em()), path))
        at += _advance(character)
    return found
