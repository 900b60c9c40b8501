"""Lots and cuts as Hypothesis draws them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from graph import Lot, LotKind, Stretch, Uncounted
from graph.model import UNCOUNTED_CELLS

MAX_CELL = 10**11

small = st.integers(0, 50)
large = st.integers(0, MAX_CELL)


@st.composite
def lots(draw: st.DrawFn, kind: LotKind | None = None) -> Lot:
    """A lot with any composition, of a few grams or of many tonnes."""
    cell = draw(st.sampled_from([small, large]))
    cells = tuple(draw(st.one_of(st.just(0), cell)) for _ in range(12))
    metal_g = sum(cells)
    net_g = metal_g + draw(st.integers(1, 10**9))
    kind = kind or draw(st.sampled_from(LotKind))
    uncounted: Uncounted | None = None
    if kind is LotKind.RETURN:
        uncounted = tuple(
            draw(st.integers(0, cells[place])) for place in UNCOUNTED_CELLS
        )
    return Lot("LOT", kind, "AL-SCRAP-MIXED", "Al", net_g, metal_g, cells, uncounted)


@st.composite
def cuts(draw: st.DrawFn, end: int, most: int = 8) -> list[Stretch]:
    """The marks from 0 to ``end``, cut into stretches that touch."""
    marks = sorted(draw(st.sets(st.integers(0, end), max_size=most)) | {0, end})
    return list(pairwise(marks))
