"""Process runs: takings are pooled, outputs take stretches of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import sub

from graph.errors import DoesNotClose
from graph.model import (
    NO_CELLS,
    NO_UNCOUNTED,
    UNCOUNTED_CELLS,
    UNKNOWN,
    Cells,
    Lot,
    LotKind,
    OriginClass,
    Stretch,
    Taking,
    Uncounted,
)
from graph.ruler import add, cells_at
from graph.run_rules import (
    COUNTED_KINDS,
    RUN_RULES,
    Output,
    RunKind,
    RunRule,
    check_flows,
    output_kind,
)

PRE_CONSUMER_CELL = 4
_COUNTED_CLASSES = (
    OriginClass.POST_CONSUMER_ELV,
    OriginClass.POST_CONSUMER,
    OriginClass.PRE_CONSUMER,
    OriginClass.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class SupplyCell:
    """Metal of one cell that leaves scrap as metal in a run."""

    origin_class: OriginClass
    imported: bool
    metal_g: int


@dataclass(frozen=True, slots=True)
class RunResult:
    """What follows from a run.

    Attributes:
        lots_made: Each with its stretch of the pool, in metal grams.
        pool_cells: Of all takings together, the gain included.
        uncounted_in: Uncounted grams in them.
        gain_unknown_g: Metal gain that joined the pool as unknown, domestic.
        net_in_g: Net mass taken, without gain.
        net_out_g: Net mass made.
        losses_g: Sum of the named losses.
        net_difference_g: Net in and gain less net out and losses.
        metal_loss_g: Metal that remained of the pool.
        metal_loss_cells: Its origin.
        supply: What the run counts; empty for kinds that do not count.
    """

    lots_made: tuple[tuple[Lot, Stretch], ...]
    pool_cells: Cells
    uncounted_in: Uncounted
    gain_unknown_g: int
    net_in_g: int
    net_out_g: int
    losses_g: int
    net_difference_g: int
    metal_loss_g: int
    metal_loss_cells: Cells
    supply: tuple[SupplyCell, ...] = field(default=())


def pool_run(
    kind: RunKind,
    takings: Sequence[Taking],
    outputs: Sequence[Output],
    *,
    losses_g: int,
    taken_up_g: int = 0,
    net_tolerance_g: int,
    metal_tolerance_g: int,
) -> RunResult:
    """Work out a run: its closure, its pool, the lots that it makes.

    Args:
        kind: Of the run.
        takings: One for each input lot.
        outputs: In listed order: the order in which they draw on the pool.
        losses_g: Sum of the named losses.
        taken_up_g: Oxygen or salt taken up: an input without metal.
        net_tolerance_g: What the scales can miss, of the net difference.
        metal_tolerance_g: What scales and assays can miss, of a metal gain.

    Raises:
        InvalidRun: Inputs or outputs that a run of this kind cannot have.
        DoesNotClose: The net difference or the metal gain is beyond its tolerance.
    """
    rule = RUN_RULES[kind]
    check_flows(kind, rule, takings, outputs, losses_g)
    net_in_g = sum(taking.net_g for taking in takings)
    net_out_g = sum(output.net_g for output in outputs)
    difference_g = net_in_g + taken_up_g - net_out_g - losses_g
    if abs(difference_g) > net_tolerance_g:
        raise DoesNotClose(
            "in {net_in_g} g, out {net_out_g} g, losses {losses_g} g: "
            "{difference_g} g are unexplained, at most {tolerance_g} g may be",
            net_in_g=net_in_g + taken_up_g,
            net_out_g=net_out_g,
            losses_g=losses_g,
            difference_g=difference_g,
            tolerance_g=net_tolerance_g,
        )
    pool, uncounted_in = NO_CELLS, NO_UNCOUNTED
    for taking in takings:
        pool = add(pool, taking.cells)
        uncounted_in = add(uncounted_in, taking.uncounted)
    metal_in_g, metal_out_g = sum(pool), sum(output.metal_g for output in outputs)
    gain_g = max(metal_out_g - metal_in_g, 0)
    _check_metal(rule, metal_in_g, metal_out_g, metal_tolerance_g)
    if gain_g:
        pool = (*pool[:UNKNOWN], pool[UNKNOWN] + gain_g, pool[UNKNOWN + 1])
    made, loss_cells = _draw(kind, rule, takings, outputs, pool, uncounted_in)
    return RunResult(
        lots_made=made,
        pool_cells=pool,
        uncounted_in=uncounted_in,
        gain_unknown_g=gain_g,
        net_in_g=net_in_g,
        net_out_g=net_out_g,
        losses_g=losses_g,
        net_difference_g=difference_g,
        metal_loss_g=sum(loss_cells),
        metal_loss_cells=loss_cells,
        supply=_supply(made, pool, uncounted_in) if rule.counts else (),
    )


def _check_metal(
    rule: RunRule, metal_in_g: int, metal_out_g: int, tolerance_g: int
) -> None:
    if metal_out_g - metal_in_g > tolerance_g:
        raise DoesNotClose(
            "metal in {metal_in_g} g, metal out {metal_out_g} g: {gain_g} g too much, "
            "at most {tolerance_g} g may be gained",
            metal_in_g=metal_in_g,
            metal_out_g=metal_out_g,
            gain_g=metal_out_g - metal_in_g,
            tolerance_g=tolerance_g,
        )
    if rule.lossless and metal_in_g - metal_out_g > tolerance_g:
        raise DoesNotClose(
            "metal in {metal_in_g} g, metal out {metal_out_g} g: {lost_g} g are "
            "missing, at most {tolerance_g} g may be in a run without loss",
            metal_in_g=metal_in_g,
            metal_out_g=metal_out_g,
            lost_g=metal_in_g - metal_out_g,
            tolerance_g=tolerance_g,
        )


def _draw(
    kind: RunKind,
    rule: RunRule,
    takings: Sequence[Taking],
    outputs: Sequence[Output],
    pool: Cells,
    uncounted_in: Uncounted,
) -> tuple[tuple[tuple[Lot, Stretch], ...], Cells]:
    """Each output takes the next stretch of the pool; what remains is the loss."""
    pool_g, at = sum(pool), 0
    lower = NO_CELLS
    drawn: list[tuple[Output, LotKind, Cells, Stretch]] = []
    for output in outputs:
        upper = cells_at(pool, pool_g, at + output.metal_g)
        cells = tuple(map(sub, upper, lower))
        stretch = (at, at + output.metal_g)
        drawn.append((output, output_kind(rule, takings, output), cells, stretch))
        at, lower = stretch[1], upper
    loss_cells = tuple(map(sub, pool, lower))
    uncounted = _uncounted_of_returns(drawn, pool, uncounted_in)
    made = []
    for output, lot_kind, cells, stretch in drawn:
        if kind is RunKind.RECLASSIFY:
            cells = tuple(  # noqa: PLW2901 - the one door that changes a class
                output.metal_g if n == PRE_CONSUMER_CELL else 0 for n in range(12)
            )
        lot = Lot(
            code=output.lot,
            kind=lot_kind,
            material=output.material,
            metal=output.metal,
            net_g=output.net_g,
            metal_g=output.metal_g,
            cells=cells,
            uncounted=uncounted.get(output.lot),
        )
        made.append((lot, stretch))
    return tuple(made), loss_cells


def _uncounted_of_returns(
    drawn: Sequence[tuple[Output, LotKind, Cells, Stretch]],
    pool: Cells,
    uncounted_in: Uncounted,
) -> dict[str, Uncounted]:
    """The share of uncounted grams that a run hands on to its returns.

    Return k gets ``floor((P + R1 + .. + Rk) * S / Q)`` less the same up to k - 1.
    """
    reached = _products(drawn)
    handed: dict[str, Uncounted] = {}
    for output, lot_kind, cells, _ in drawn:
        if lot_kind is not LotKind.RETURN:
            continue
        upper = add(reached, cells)
        handed[output.lot] = tuple(
            upper[cell] * uncounted_in[n] // pool[cell]
            - reached[cell] * uncounted_in[n] // pool[cell]
            if uncounted_in[n]
            else 0
            for n, cell in enumerate(UNCOUNTED_CELLS)
        )
        reached = upper
    return handed


def _products(drawn: Sequence[tuple[Output, LotKind, Cells, Stretch]]) -> Cells:
    total = NO_CELLS
    for _, lot_kind, cells, _ in drawn:
        if lot_kind in COUNTED_KINDS:
            total = add(total, cells)
    return total


def _supply(
    made: Sequence[tuple[Lot, Stretch]],
    pool: Cells,
    uncounted_in: Uncounted,
) -> tuple[SupplyCell, ...]:
    """What the run counts: ``floor(P * S / Q)`` of each of the eight cells."""
    product = NO_CELLS
    for lot, _ in made:
        if lot.kind in COUNTED_KINDS:
            product = add(product, lot.cells)
    rows = []
    for n, cell in enumerate(UNCOUNTED_CELLS):
        metal_g = (
            product[cell] * uncounted_in[n] // pool[cell] if uncounted_in[n] else 0
        )
        if metal_g:
            rows.append(SupplyCell(_COUNTED_CLASSES[n // 2], bool(n % 2), metal_g))
    return tuple(rows)
