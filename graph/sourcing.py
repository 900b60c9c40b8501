"""Lots that come into the ledger: their metal, and the origin that they bring."""

from __future__ import annotations

from collections.abc import Mapping

from graph.errors import InvalidSource
from graph.model import (
    NO_UNCOUNTED,
    PPM,
    Cells,
    Lot,
    LotKind,
    OriginClass,
    Source,
)

_ORDER = tuple(OriginClass)
RECYCLED_CLASSES = frozenset(
    (OriginClass.POST_CONSUMER_ELV, OriginClass.POST_CONSUMER, OriginClass.PRE_CONSUMER)
)
# What a lot from each source may be, by kind of its material and by origin class
_SCRAP_CLASSES = RECYCLED_CLASSES | {OriginClass.UNKNOWN}
_RULES: dict[Source, tuple[frozenset[LotKind], frozenset[OriginClass]]] = {
    Source.COLLECTED: (frozenset({LotKind.SCRAP}), _SCRAP_CLASSES),
    Source.INDUSTRIAL: (frozenset({LotKind.SCRAP}), _SCRAP_CLASSES),
    Source.IMPORTED: (
        frozenset(
            {LotKind.SCRAP, LotKind.METAL, LotKind.INTERMEDIATE, LotKind.PRIMARY}
        ),
        _SCRAP_CLASSES | {OriginClass.PRIMARY},
    ),
    Source.PRIMARY: (
        frozenset({LotKind.PRIMARY, LotKind.METAL, LotKind.INTERMEDIATE}),
        frozenset({OriginClass.PRIMARY}),
    ),
    Source.ADDITION: (frozenset({LotKind.ADDITION}), frozenset({OriginClass.PRIMARY})),
    Source.OPENING: (
        frozenset(LotKind) - {LotKind.ADDITION},
        frozenset({OriginClass.INTERNAL, OriginClass.PRIMARY, OriginClass.UNKNOWN}),
    ),
}


def sourced_metal_g(
    net_g: int, *, moisture_ppm: int, foreign_ppm: int, content_ppm: int
) -> int:
    """Metal of a sourced lot: content is that of the clean, dry mass.

    ``floor(net * (10^6 - moisture - foreign) * content / 10^12)``, one floor.

    >>> sourced_metal_g(
    ...     18460000, moisture_ppm=31700, foreign_ppm=58413, content_ppm=962137
    ... )
    16160547
    """
    return net_g * (PPM - moisture_ppm - foreign_ppm) * content_ppm // (PPM * PPM)


def content_metal_g(net_g: int, content_ppm: int) -> int:
    """Metal of an output of which the content is known: ``floor(net * content)``."""
    return net_g * content_ppm // PPM


def source_lot(
    *,
    code: str,
    material: str,
    material_kind: LotKind,
    metal: str,
    net_g: int,
    metal_g: int,
    source: Source,
    origin: OriginClass | Mapping[str, int],
) -> Lot:
    """The lot that a sourcing makes; opening stock is a return, never recycled.

    Args:
        code: Of the lot.
        material: Its code.
        material_kind: Kind of the material.
        metal: Symbol or ``mixed``.
        net_g: Net mass.
        metal_g: Metal in it.
        source: How it came in.
        origin: One class, or grams in each class that add up to ``metal_g``.

    Raises:
        InvalidSource: Source, kind and class do not fit together, or the grams do not
            add up.
    """
    kinds, classes = _RULES[source]
    if material_kind not in kinds:
        raise InvalidSource(
            "found material {material} of kind {kind}, expected one of kind {kinds} "
            "from source {source}",
            field="material",
            material=material,
            kind=material_kind.value,
            kinds=", ".join(sorted(kinds)),
            source=source.value,
        )
    grams = _grams(origin, metal_g)
    if wrong := [
        name for name, mass_g in grams.items() if mass_g and name not in classes
    ]:
        raise InvalidSource(
            "found origin class {name}, expected one of {classes} from source {source}",
            field="origin_class",
            name=wrong[0].value,
            classes=", ".join(name.value for name in _ORDER if name in classes),
            source=source.value,
        )
    opening = source is Source.OPENING
    return Lot(
        code=code,
        kind=LotKind.RETURN if opening else material_kind,
        material=material,
        metal=metal,
        net_g=net_g,
        metal_g=metal_g,
        cells=_cells(grams, imported=source is Source.IMPORTED),
        uncounted=NO_UNCOUNTED if opening else None,
    )


def _grams(
    origin: OriginClass | Mapping[str, int], metal_g: int
) -> dict[OriginClass, int]:
    if isinstance(origin, OriginClass):
        return {origin: metal_g}
    grams = {OriginClass(name): mass_g for name, mass_g in origin.items()}
    if sum(grams.values()) != metal_g:
        raise InvalidSource(
            "the origin classes add up to {found_g} g, expected the metal, {metal_g} g",
            field="origin_class",
            found_g=sum(grams.values()),
            metal_g=metal_g,
        )
    return grams


def _cells(grams: Mapping[OriginClass, int], *, imported: bool) -> Cells:
    cells = [0] * 12
    for position, name in enumerate(_ORDER):
        cells[2 * position + imported] = grams.get(name, 0)
    return tuple(cells)
