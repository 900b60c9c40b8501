"""What runs of each kind may take and make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from graph.errors import InvalidRun
from graph.model import LotKind, OutputRole, Taking

MIXED = "mixed"


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


def output_kind(rule: RunRule, takings: Sequence[Taking], output: Output) -> LotKind:
    """Kind of an output: return by its role, a part as the whole, else its material's.

    A mixture of returns is a return too: neither scrap nor metal is made by mixing.
    """
    if output.role is OutputRole.RETURN:
        return LotKind.RETURN
    if rule.same_lot:
        return takings[0].lot.kind
    only_returns = {taking.lot.kind for taking in takings} == {LotKind.RETURN}
    if rule.mixes and only_returns and output.role is OutputRole.PRODUCT:
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


def check_flows(
    kind: RunKind,
    rule: RunRule,
    takings: Sequence[Taking],
    outputs: Sequence[Output],
    losses_g: int,
) -> None:
    """Whether a run of this kind may take and make these.

    Raises:
        InvalidRun: It may not; the first fault is told.
    """
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


def _check_material(rule: RunRule, takings: Sequence[Taking], output: Output) -> None:
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
        one.metal for one in outputs if output_kind(rule, takings, one) in COUNTED_KINDS
    }
    if len(metals) > 1:
        raise InvalidRun(
            "found products of the metals {metals}, expected one metal: record a run "
            "for each",
            metals=", ".join(sorted(metals)),
        )
