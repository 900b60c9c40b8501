"""Lots, takings and runs in one line each, for tests of the accounting."""

from __future__ import annotations

from collections.abc import Sequence

from graph import (
    NO_CELLS,
    NO_UNCOUNTED,
    Cells,
    Lot,
    LotKind,
    Output,
    OutputRole,
    RunKind,
    RunResult,
    Taking,
    Uncounted,
    pool_run,
    read,
)

METAL_G = 1_000_000
NAMES = (
    "elv",
    "elv_imported",
    "post",
    "post_imported",
    "pre",
    "pre_imported",
    "internal",
    "internal_imported",
    "primary",
    "primary_imported",
    "unknown",
    "unknown_imported",
)


def cells_of(**grams: int) -> Cells:
    """Twelve cells, those that are not named empty."""
    assert set(grams) <= set(NAMES)
    return tuple(grams.get(name, 0) for name in NAMES)


def lot_of_kind(
    kind: LotKind | str,
    code: str = "IN",
    *,
    cells: Cells | None = None,
    uncounted: Uncounted | None = None,
    metal: str = "Al",
    material: str = "M",
) -> Lot:
    """A lot of pure metal, a tonne of post-consumer unless cells are given."""
    cells = cells_of(post=METAL_G) if cells is None else cells
    if LotKind(kind) is LotKind.RETURN and uncounted is None:
        uncounted = NO_UNCOUNTED
    total_g = sum(cells)
    return Lot(code, LotKind(kind), material, metal, total_g, total_g, cells, uncounted)


def whole(lot: Lot) -> Taking:
    """All of a lot."""
    return read(lot, [(0, lot.net_g)], internal_as_unknown=False)


def output(
    metal_g: int,
    kind: LotKind | str = "metal",
    *,
    code: str = "OUT",
    role: str = "product",
    metal: str = "Al",
    material: str = "M",
    net_g: int | None = None,
) -> Output:
    """An output of pure metal."""
    return Output(
        lot=code,
        material=material,
        material_kind=LotKind(kind),
        metal=metal,
        net_g=metal_g if net_g is None else net_g,
        metal_g=metal_g,
        role=OutputRole(role),
    )


def run(
    kind: RunKind | str,
    lots: Sequence[Lot],
    outputs: Sequence[Output],
    *,
    losses_g: int | None = None,
    net_tolerance_g: int = 0,
    metal_tolerance_g: int = 0,
) -> RunResult:
    """A run over whole lots; what is missing is a named loss, unless one is given."""
    takings = [whole(one) for one in lots]
    missing_g = sum(one.net_g for one in lots) - sum(one.net_g for one in outputs)
    return pool_run(
        RunKind(kind),
        takings,
        outputs,
        losses_g=missing_g if losses_g is None else losses_g,
        net_tolerance_g=net_tolerance_g,
        metal_tolerance_g=metal_tolerance_g,
    )


def total(*parts: Cells) -> Cells:
    """Cells added up."""
    return tuple(map(sum, zip(NO_CELLS, *parts, strict=True)))
