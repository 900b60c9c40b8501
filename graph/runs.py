"""Process runs: takings are pooled, outputs take stretches of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import sub

from graph.errors import DoesNotClose, InvalidRun
from graph.model import (
    NO_CELLS,
    NO_UNCOUNTED,
    UNCOUNTED_CELLS,
    UNKNOWN,
    Cells,
    Lot,
    LotKind,
    OriginClass,
    OutputRole,
    Stretch,
    Taking,
    Uncounted,
)
from graph.ruler import add, cells_at

PRE_CONSUMER_CELL = 4
MIXED = "mixed"
_COUNTED_CLASSES = (
    OriginClass.POST_CONSUMER_ELV,
    OriginClass.POST_CONSUMER,
    OriginClass.PRE_CONSUMER,
    OriginClass.UNKNOWN,
)


class RunKind(StrEnum):
    """What a process run does."""

    SPLIT = "split"
    REPACK = "repack"
    BLEND = "blend"
    REGRADE = "regrade"
    SORT = "sort"
    DISMANTLE = "dismantle"
    SHRED = "shred"
    DECOAT = "decoat"
    GRANULATE = "granulate"
    BREAK_BATTERY = "break_battery"
    MELT = "melt"
    SMELT = "smelt"
    CONVERT = "convert"
    FIRE_REFINE = "fire_refine"
    ELECTROREFINE = "electrorefine"
    DISTIL = "distil"
    CAST = "cast"
    ROLL = "roll"
    EXTRUDE = "extrude"
    DRAW = "draw"
    FORGE = "forge"
    MACHINE = "machine"
    RECLASSIFY = "reclassify"


_K = LotKind
_ANY = frozenset(LotKind)
COUNTED_KINDS = frozenset({_K.METAL, _K.INTERMEDIATE, _K.PRODUCT})
"""As what metal has left scrap: a run that makes such lots counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRule:
    """What runs of a kind may take and make.

    Attributes:
        inputs: Kinds of lots that may go in.
        products: Kinds that an output of role product may have.
        melts: The metal is melted or dissolved: nothing that comes out is scrap.
        counts: Writes supply records for uncounted metal in what it makes.
        mixes: Puts lots together or grades them anew: of the kinds that went in.
        lossless: Names no loss, and loses no metal beyond what scales can miss.
        one_input: Takes one lot.
        same_lot: Outputs are of the material and kind of the one input.
        one_metal: All inputs hold the same metal.
    """

    inputs: frozenset[LotKind] = _ANY
    products: frozenset[LotKind] = _ANY
    melts: bool = False
    counts: bool = False
    mixes: bool = False
    lossless: bool = False
    one_input: bool = False
    same_lot: bool = False
    one_metal: bool = False


_PARTS = RunRule(lossless=True, one_input=True, same_lot=True)
_MECHANICAL = RunRule(
    inputs=frozenset({_K.SCRAP}),
    products=frozenset({_K.SCRAP}),
)
# What will be melted is scrap or a return, never a by-product
_MELTING = RunRule(
    inputs=_ANY - {_K.PRODUCT, _K.BY_PRODUCT},
    products=COUNTED_KINDS,
    melts=True,
    counts=True,
)
_FORMING = RunRule(
    inputs=_ANY - {_K.BY_PRODUCT},
    products=frozenset({_K.PRODUCT, _K.METAL}),
    counts=True,
)
RUN_RULES: dict[RunKind, RunRule] = {
    RunKind.SPLIT: _PARTS,
    RunKind.REPACK: _PARTS,
    RunKind.BLEND: RunRule(mixes=True, lossless=True, one_metal=True),
    RunKind.REGRADE: RunRule(mixes=True),
    **dict.fromkeys(
        (
            RunKind.SORT,
            RunKind.DISMANTLE,
            RunKind.SHRED,
            RunKind.DECOAT,
            RunKind.GRANULATE,
            RunKind.BREAK_BATTERY,
        ),
        _MECHANICAL,
    ),
    **dict.fromkeys(
        (
            RunKind.MELT,
            RunKind.SMELT,
            RunKind.CONVERT,
            RunKind.FIRE_REFINE,
            RunKind.ELECTROREFINE,
            RunKind.DISTIL,
        ),
        _MELTING,
    ),
    RunKind.CAST: RunRule(
        inputs=_FORMING.inputs, products=_FORMING.products, melts=True, counts=True
    ),
    **dict.fromkeys(
        (
            RunKind.ROLL,
            RunKind.EXTRUDE,
            RunKind.DRAW,
            RunKind.FORGE,
            RunKind.MACHINE,
        ),
        _FORMING,
    ),
    RunKind.RECLASSIFY: RunRule(
        inputs=frozenset({_K.RETURN}),
        products=frozenset({_K.SCRAP}),
        lossless=True,
        one_input=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output as the run states it; ``material_kind`` is that of its material."""

    lot: str
    material: str
    material_kind: LotKind
    metal: str
    net_g: int
    metal_g: int
    role: OutputRole


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
    _check_flows(kind, rule, takings, outputs, losses_g)
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


def output_kind(rule: RunRule, takings: Sequence[Taking], output: Output) -> LotKind:
    """Kind of an output: return by its role, a part as the whole, else its material's.

    A mixture of returns is a return too: neither scrap nor metal is made by mixing.
    """
    if output.role is OutputRole.RETURN:
        return LotKind.RETURN
    if rule.same_lot:
        return takings[0].lot.kind
    if rule.mixes and output.role is OutputRole.PRODUCT:
        if {taking.lot.kind for taking in takings} == {LotKind.RETURN}:
            return LotKind.RETURN
    return output.material_kind


def kinds_allowed(rule: RunRule, takings: Sequence[Taking]) -> frozenset[LotKind]:
    """Kinds that an output of role product may have, of what goes into this run.

    Mixing changes no kind. Scrap or returns beside anything else stay a return: as
    metal their uncounted grams would never be counted, as scrap counted ones would be
    counted again.
    """
    if not rule.mixes:
        return rule.products | {LotKind.RETURN}
    kinds = frozenset(taking.lot.kind for taking in takings)
    if len(kinds) > 1 and kinds & {LotKind.SCRAP, LotKind.RETURN}:
        return frozenset({LotKind.RETURN})
    return kinds


def _check_flows(
    kind: RunKind,
    rule: RunRule,
    takings: Sequence[Taking],
    outputs: Sequence[Output],
    losses_g: int,
) -> None:
    codes = [taking.lot.code for taking in takings] + [output.lot for output in outputs]
    if twice := [code for code in codes if codes.count(code) > 1]:
        raise InvalidRun("lot {code} stands twice in the run", code=twice[0])
    if rule.one_input and len(takings) != 1:
        raise InvalidRun(
            "found {count} inputs, expected one for a run of kind {kind}",
            count=len(takings),
            kind=kind.value,
        )
    for taking in takings:
        if taking.lot.kind not in rule.inputs:
            raise InvalidRun(
                "lot {code} is of kind {found}: a run of kind {kind} takes {kinds}",
                code=taking.lot.code,
                found=taking.lot.kind.value,
                kind=kind.value,
                kinds=", ".join(sorted(rule.inputs)),
            )
    if rule.one_metal and len(metals := {taking.lot.metal for taking in takings}) > 1:
        raise InvalidRun(
            "found the metals {metals}, expected one for a run of kind {kind}",
            metals=", ".join(sorted(metals)),
            kind=kind.value,
        )
    if rule.lossless and losses_g:
        raise InvalidRun(
            "found losses of {losses_g} g, expected none for a run of kind {kind}",
            losses_g=losses_g,
            kind=kind.value,
        )
    for output in outputs:
        _check_kind(kind, rule, takings, output)
        _check_material(rule, takings, output)
    if kind is RunKind.RECLASSIFY:
        _check_reclassified(takings[0], outputs)
    if rule.counts:
        _check_one_supply(rule, takings, outputs)


def _check_kind(
    kind: RunKind, rule: RunRule, takings: Sequence[Taking], output: Output
) -> None:
    made = output_kind(rule, takings, output)
    all_scrap = all(taking.lot.kind is LotKind.SCRAP for taking in takings)
    scrap_allowed = (all_scrap and not rule.melts) or kind is RunKind.RECLASSIFY
    if made is LotKind.SCRAP and not scrap_allowed:
        raise InvalidRun(
            "output {code} is of a scrap material: only runs whose inputs are all "
            "scrap, and that do not melt, make scrap; what will be charged again is "
            "a return",
            code=output.lot,
        )
    if rule.same_lot:
        allowed = frozenset({takings[0].lot.kind})
    elif output.role is OutputRole.RETURN:
        return
    else:
        allowed = kinds_allowed(rule, takings)
        if output.role is OutputRole.BY_PRODUCT:
            allowed |= {LotKind.BY_PRODUCT, LotKind.SCRAP}
    if made not in allowed:
        raise InvalidRun(
            "output {code} is of kind {found}: a run of kind {kind} makes {kinds}",
            code=output.lot,
            found=made.value,
            kind=kind.value,
            kinds=", ".join(sorted(allowed)),
        )


def _check_material(
    rule: RunRule, takings: Sequence[Taking], output: Output
) -> None:
    if rule.same_lot and output.material != takings[0].lot.material:
        raise InvalidRun(
            "output {code} is of material {found}, expected {material}, that of the "
            "lot it is a part of",
            code=output.lot,
            found=output.material,
            material=takings[0].lot.material,
        )
    metals = {taking.lot.metal for taking in takings}
    if (
        output.role is not OutputRole.BY_PRODUCT
        and output.metal not in metals
        and not metals & {MIXED}
        and output.metal != MIXED
    ):
        raise InvalidRun(
            "output {code} is of {found}, but only {metals} went in",
            code=output.lot,
            found=output.metal,
            metals=", ".join(sorted(metals)),
        )


def _check_reclassified(taking: Taking, outputs: Sequence[Output]) -> None:
    [output] = outputs if len(outputs) == 1 else [None]
    if output is None or output.role is not OutputRole.PRODUCT:
        raise InvalidRun("a run of kind reclassify makes one lot, a product of it")
    if (output.net_g, output.metal_g) != (taking.net_g, taking.metal_g):
        raise InvalidRun(
            "output {code} has {net_g} g with {metal_g} g of metal, expected all of "
            "the lot, {taken_g} g with {taken_metal_g} g",
            code=output.lot,
            net_g=output.net_g,
            metal_g=output.metal_g,
            taken_g=taking.net_g,
            taken_metal_g=taking.metal_g,
        )


def _check_one_supply(
    rule: RunRule, takings: Sequence[Taking], outputs: Sequence[Output]
) -> None:
    metals = {
        one.metal
        for one in outputs
        if output_kind(rule, takings, one) in COUNTED_KINDS
    }
    if len(metals) > 1:
        raise InvalidRun(
            "found products of the metals {metals}, expected one metal: record a run "
            "for each",
            metals=", ".join(sorted(metals)),
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
