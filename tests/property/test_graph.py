"""What must hold for any lot, any cut and any history."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from graph import (
    NO_CELLS,
    Lot,
    LotKind,
    NotEnoughMass,
    Output,
    OutputRole,
    Position,
    RunKind,
    RunResult,
    Taking,
    claim_stretch,
    common,
    free_g,
    free_stretches,
    place,
    place_delivery,
    pool_run,
    read,
    recycled_g,
    release,
    shares,
    upper_g,
)
from graph.model import UNCOUNTED_CELLS
from graph.ruler import add, cells_at
from tests.strategies_graph import cuts, lots

STRAY_G = 4


@given(st.data())
def test_takings_of_a_lot_sum_to_it_exactly_and_are_never_negative(
    data: st.DataObject,
) -> None:
    lot = data.draw(lots())

    takings = [
        read(lot, [stretch], internal_as_unknown=False)
        for stretch in data.draw(cuts(lot.net_g))
    ]

    total = NO_CELLS
    for taking in takings:
        assert sum(taking.cells) == taking.metal_g
        assert min(taking.cells) >= 0
        assert min(taking.uncounted) >= 0
        total = add(total, taking.cells)
    assert total == lot.cells
    assert sum(taking.net_g for taking in takings) == lot.net_g
    if lot.uncounted is not None:
        counted = [sum(one.uncounted[n] for one in takings) for n in range(8)]
        assert tuple(counted) == lot.uncounted


@given(st.data())
def test_cutting_finer_changes_nothing(data: st.DataObject) -> None:
    lot = data.draw(lots())
    pieces = data.draw(cuts(lot.net_g))
    cut = data.draw(st.integers(1, len(pieces)))
    whole = [(pieces[0][0], pieces[cut - 1][1])]

    finer = read(lot, pieces[:cut], internal_as_unknown=False)
    coarse = read(lot, whole, internal_as_unknown=False)

    assert (finer.metal_g, finer.cells) == (coarse.metal_g, coarse.cells)
    assert finer.uncounted == coarse.uncounted


@given(st.data())
def test_no_cell_strays_and_the_recycled_part_is_never_ahead(
    data: st.DataObject,
) -> None:
    lot = data.draw(lots().filter(lambda one: one.metal_g > 0))
    mark = data.draw(st.integers(0, lot.metal_g))

    at = cells_at(lot.cells, lot.metal_g, mark)

    assert sum(at) == mark
    for found, whole in zip(at, lot.cells, strict=True):
        assert abs(found - Fraction(whole * mark, lot.metal_g)) <= STRAY_G
    assert recycled_g(at) * lot.metal_g <= recycled_g(lot.cells) * mark


@given(lots())
def test_what_leaves_its_boundary_turns_internal_into_unknown_and_no_more(
    lot: Lot,
) -> None:
    inside = read(lot, [(0, lot.net_g)], internal_as_unknown=False)
    outside = read(lot, [(0, lot.net_g)], internal_as_unknown=True)

    assert outside.cells[6:8] == (0, 0)
    assert outside.cells[10] == inside.cells[10] + inside.cells[6]
    assert outside.cells[11] == inside.cells[11] + inside.cells[7]
    assert outside.cells[:6] == inside.cells[:6]
    assert upper_g(outside.cells) == upper_g(inside.cells)


@given(lots())
def test_shares_are_rounded_against_the_claimant(lot: Lot) -> None:
    found = shares(lot.cells)

    if lot.metal_g == 0:
        assert found is None
        return
    assert found is not None
    exact = Fraction(1_000_000 * recycled_g(lot.cells), lot.metal_g)
    upper = Fraction(1_000_000 * upper_g(lot.cells), lot.metal_g)
    assert 0 <= exact - found.share_ppm < 1
    assert 0 <= found.upper_ppm - upper < 1
    assert found.elv_ppm + found.post_ppm + found.pre_ppm <= found.share_ppm
    assert found.share_ppm <= found.upper_ppm <= 1_000_000


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Taking], RunResult]:
    """A melt of one to four lots, with products, returns and a by-product."""
    kinds = (LotKind.SCRAP, LotKind.RETURN, LotKind.METAL, LotKind.PRIMARY)
    takings = []
    for n in range(draw(st.integers(1, 4))):
        made = draw(lots(draw(st.sampled_from(kinds))))
        lot = Lot(
            f"IN{n}",
            made.kind,
            made.material,
            made.metal,
            made.net_g,
            made.metal_g,
            made.cells,
            made.uncounted,
        )
        start, end = sorted(draw(st.integers(0, lot.net_g)) for _ in range(2))
        takings.append(read(lot, [(start, end)], internal_as_unknown=False))
    metal_g = sum(taking.metal_g for taking in takings)
    outputs, left_g = [], metal_g + draw(st.integers(0, 5))
    roles = draw(st.lists(st.sampled_from(OutputRole), min_size=1, max_size=5))
    for n, role in enumerate(roles):
        part_g = draw(st.integers(0, left_g))
        left_g -= part_g
        by_product = role is OutputRole.BY_PRODUCT
        outputs.append(
            Output(
                lot=f"OUT{n}",
                material="AL-CAST-INGOT",
                material_kind=LotKind.BY_PRODUCT if by_product else LotKind.METAL,
                metal="Al",
                net_g=part_g + 1,
                metal_g=part_g,
                role=role,
            )
        )
    result = pool_run(
        RunKind.MELT,
        takings,
        outputs,
        losses_g=0,
        net_tolerance_g=10**15,
        metal_tolerance_g=5,
    )
    return takings, result


@given(runs())
def test_what_goes_into_a_run_comes_out_of_it_cell_by_cell(
    drawn: tuple[list[Taking], RunResult],
) -> None:
    takings, result = drawn

    total = result.metal_loss_cells
    for lot, _ in result.lots_made:
        assert sum(lot.cells) == lot.metal_g
        assert min(lot.cells) >= 0
        total = add(total, lot.cells)
    came = NO_CELLS
    for taking in takings:
        came = add(came, taking.cells)
    gain = tuple(result.gain_unknown_g if n == 10 else 0 for n in range(12))
    assert total == add(came, gain) == result.pool_cells


@given(runs())
def test_no_gram_is_counted_more_often_than_it_left_scrap(
    drawn: tuple[list[Taking], RunResult],
) -> None:
    takings, result = drawn

    came = [sum(taking.uncounted[n] for taking in takings) for n in range(8)]
    counted = dict.fromkeys(range(8), 0)
    order = ["post_consumer_elv", "post_consumer", "pre_consumer", "unknown"]
    for cell in result.supply:
        counted[2 * order.index(cell.origin_class.value) + cell.imported] += (
            cell.metal_g
        )
    for n, place_of in enumerate(UNCOUNTED_CELLS):
        kept = sum(
            lot.uncounted[n] for lot, _ in result.lots_made if lot.uncounted is not None
        )
        assert counted[n] + kept <= came[n]
        for lot, _ in result.lots_made:
            if lot.uncounted is not None:
                assert 0 <= lot.uncounted[n] <= lot.cells[place_of]


class PlacesOfALot(RuleBasedStateMachine):
    """Takings, deliveries, claims and voids on one lot, against a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.net_g = 997
        cells = (100, 50, 200, 100, 40, 7, 90, 10, 150, 0, 200, 50)
        self.lot = Lot("L", LotKind.SCRAP, "M", "Al", 997, 997, cells)
        self.position = Position(goes_on_g=900)
        self.taken: list[tuple[tuple[int, int], ...]] = []
        self.ever = 0

    @rule(net_g=st.integers(1, 400))
    def take(self, net_g: int) -> None:
        free = free_g(self.position)
        if net_g > free:
            with pytest.raises(NotEnoughMass):
                place(self.position, net_g)
            return
        before = self.position
        stretches, self.position = place(before, net_g)
        self._remember(stretches, net_g)
        if net_g <= before.goes_on_g - before.placed_to_g:
            assert stretches == ((before.placed_to_g, before.placed_to_g + net_g),)

    @rule(net_g=st.integers(1, 400))
    def deliver(self, net_g: int) -> None:
        if net_g > free_g(self.position):
            with pytest.raises(NotEnoughMass):
                place_delivery(self.position, net_g)
            return
        claimed_free = sum(
            b - a
            for a, b in common(self.position.claimed, free_stretches(self.position))
        )
        claimed = self.position.claimed
        stretches, self.position = place_delivery(self.position, net_g)
        self._remember(stretches, net_g)
        drawn = sum(b - a for a, b in common(stretches, claimed))
        assert drawn >= min(net_g, claimed_free)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        stretches = data.draw(st.sampled_from(self.taken))
        self.taken.remove(stretches)
        self.position = release(self.position, stretches)

    @rule(start=st.integers(0, 899), length=st.integers(1, 300))
    def claim(self, start: int, length: int) -> None:
        stretch = (start, start + length)
        free = common([stretch], free_stretches(self.position)) == (stretch,)
        taken = common([stretch], self.position.claimed)
        if not free or taken:
            return
        big = Lot("L", LotKind.SCRAP, "M", "Al", 997, 997, self.lot.cells)
        with pytest.raises(Exception, match="10000 g"):
            claim_stretch(big, self.position, stretch)

    def _remember(self, stretches: tuple[tuple[int, int], ...], net_g: int) -> None:
        assert sum(b - a for a, b in stretches) == net_g
        self.taken.append(stretches)
        self.ever = max(self.ever, *(b for _, b in stretches))

    @invariant()
    def places_never_overlap_and_never_move(self) -> None:
        marks = sorted(piece for stretches in self.taken for piece in stretches)
        for (_, end), (start, _) in pairwise(marks):
            assert end <= start
        assert all(end <= self.position.goes_on_g for _, end in marks)

    @invariant()
    def free_and_taken_are_the_whole(self) -> None:
        taken = sum(b - a for stretches in self.taken for a, b in stretches)
        assert free_g(self.position) == self.position.goes_on_g - taken

    @invariant()
    def the_last_place_is_behind_every_place_ever_given(self) -> None:
        assert self.position.placed_to_g == self.ever


TestPlacesOfALot = PlacesOfALot.TestCase
TestPlacesOfALot.settings = settings(max_examples=60, stateful_step_count=30)
