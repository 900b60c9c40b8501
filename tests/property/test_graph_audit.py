"""The vectorised audit says what the ruler says, for every mass that is allowed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import Output, RunKind, RunResult, audit, pool_run, ruler
from graph.model import MAX_G, UNCOUNTED_CELLS, Lot, LotKind, OutputRole

masses = st.one_of(st.integers(0, 50), st.integers(0, MAX_G // 12))


@st.composite
def lots(draw: st.DrawFn) -> Lot:
    """A lot of any composition that a weighing allows."""
    cells = draw(st.tuples(*[masses] * 12))
    metal_g = sum(cells)
    net_g = draw(st.integers(max(metal_g, 1), MAX_G))
    kind = draw(st.sampled_from([LotKind.SCRAP, LotKind.METAL, LotKind.RETURN]))
    uncounted = None
    if kind is LotKind.RETURN:
        uncounted = tuple(draw(st.integers(0, cells[n])) for n in UNCOUNTED_CELLS)
    return Lot("L", kind, "AL", "Al", net_g, metal_g, cells, uncounted)


@given(st.data())
def test_a_product_divided_is_floored_exactly(data: st.DataObject) -> None:
    t = data.draw(st.integers(0, MAX_G))
    c = data.draw(st.one_of(st.integers(0, t), st.just(t)))
    x = data.draw(st.one_of(st.integers(0, t), st.just(t), st.just(max(t - 1, 0))))

    found = audit.floor_muldiv(*(np.array([value], np.int64) for value in (c, x, t)))

    assert found[0] == (c * x // t if t else 0)


@given(lots(), st.data())
def test_cells_up_to_a_mark_are_those_of_the_ruler(
    lot: Lot, data: st.DataObject
) -> None:
    mark = data.draw(st.integers(0, lot.metal_g))

    found = audit.cells_at(
        np.array([lot.cells], np.int64),
        np.array([lot.metal_g], np.int64),
        np.array([mark], np.int64),
    )

    assert tuple(found[0]) == ruler.cells_at(lot.cells, lot.metal_g, mark)


def _rulers(lot: Lot, left_boundary: bool) -> audit.Rulers:
    return audit.Rulers(
        net_g=np.array([lot.net_g]),
        metal_g=np.array([lot.metal_g]),
        cells=np.array([lot.cells]),
        uncounted=np.array([lot.uncounted or (0,) * 8]),
        is_return=np.array([lot.kind is LotKind.RETURN]),
        is_scrap=np.array([lot.kind is LotKind.SCRAP]),
        left_boundary=np.array([left_boundary]),
    )


@st.composite
def takings(draw: st.DrawFn) -> tuple[audit.Rulers, audit.Takings]:
    """A taking of one or two stretches, as the ruler reads it."""
    lot = draw(lots())
    marks = sorted(draw(st.sets(st.integers(0, lot.net_g), min_size=2, max_size=4)))
    pairs = list(zip(marks[0::2], marks[1::2], strict=False))
    left = draw(st.booleans())
    taking = ruler.read(lot, pairs, internal_as_unknown=left and draw(st.booleans()))
    stored = audit.Takings(
        net_g=np.array([taking.net_g]),
        metal_g=np.array([taking.metal_g]),
        cells=np.array([taking.cells]),
        uncounted=np.array([taking.uncounted]),
        stretch_of=np.zeros(len(pairs), np.int64),
        start=np.array([start for start, _ in pairs]),
        end=np.array([end for _, end in pairs]),
    )
    return _rulers(lot, left), stored


@given(
    takings(), st.sampled_from(["net_g", "metal_g", "cells", "uncounted"]), st.data()
)
def test_a_taking_passes_as_it_is_and_no_other_way(
    made: tuple[audit.Rulers, audit.Takings], field: str, data: st.DataObject
) -> None:
    rulers, stored = made
    assert audit.find_wrong_takings(rulers, stored).tolist() == []

    changed = getattr(stored, field).copy()
    place = data.draw(st.integers(0, changed.size - 1))
    changed.flat[place] += data.draw(st.sampled_from([-1, 1]))

    tampered = replace(stored, **{field: changed})
    assert audit.find_wrong_takings(rulers, tampered).tolist() == [0]


@st.composite
def charges(draw: st.DrawFn) -> list[Lot]:
    """Up to three lots of metal that weigh no more than a weighing together."""
    charged = []
    for n, lot in enumerate(draw(st.lists(lots(), min_size=1, max_size=3))):
        cells = tuple(cell // 4 for cell in lot.cells)
        net_g = max(lot.net_g // 4, sum(cells), 2)
        charged.append(
            Lot(f"I{n}", LotKind.METAL, "AL", "Al", net_g, sum(cells), cells)
        )
    return charged


def _melt(charged: list[Lot], cut: int) -> tuple[audit.Ints, RunResult]:
    """The pool as the audit sums it, and the run as the graph works it out."""
    read = [
        ruler.read(lot, [(0, lot.net_g)], internal_as_unknown=False) for lot in charged
    ]
    net_g = sum(taking.net_g for taking in read)
    outputs = [
        Output(
            lot=code,
            material="AL",
            material_kind=LotKind.METAL,
            metal="Al",
            net_g=weight_g,
            metal_g=metal_g,
            role=OutputRole.PRODUCT,
        )
        for code, weight_g, metal_g in (
            ("O0", net_g - 1, min(cut, net_g - 1)),
            ("O1", 1, 0),
        )
    ]
    result = pool_run(
        RunKind.MELT, read, outputs, losses_g=0, net_tolerance_g=0, metal_tolerance_g=0
    )
    pool, _ = audit.pool_of(
        np.zeros(len(read), np.int64),
        np.array([taking.cells for taking in read]),
        np.array([taking.uncounted for taking in read]),
        1,
        np.zeros(1, np.int64),
    )
    return pool, result


@given(charges(), st.data())
def test_lots_made_pass_as_the_run_made_them_and_no_other_way(
    charged: list[Lot], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, sum(lot.metal_g for lot in charged)))
    pool, result = _melt(charged, cut)
    made = [lot for lot, _ in result.lots_made]
    stored = np.array([lot.cells for lot in made])
    start = np.array([stretch[0] for _, stretch in result.lots_made])
    metal_g = np.array([lot.metal_g for lot in made])
    pools = np.repeat(pool, len(made), axis=0)
    plain = np.zeros(len(made), np.bool_)

    assert not audit.find_wrong_lots(pools, start, metal_g, stored, plain).size
    stored[0, data.draw(st.integers(0, 11))] += 1
    assert audit.find_wrong_lots(pools, start, metal_g, stored, plain).tolist() == [0]


def test_stretches_that_overlap_are_found() -> None:
    lot = np.array([7, 8, 7, 7])
    start = np.array([10, 0, 0, 20])
    end = np.array([21, 5, 10, 30])

    assert audit.find_overlaps(lot, start, end).tolist() == [3]


@pytest.mark.parametrize(("taken", "found"), [(1023, []), (1024, [0]), (4096, [0])])
def test_a_run_that_takes_what_is_not_older_is_found(
    taken: int, found: list[int]
) -> None:
    assert audit.find_cycles(np.array([1024]), np.array([taken])).tolist() == found
