"""Numbers, codes and instants as pages show them: filters for every template.

=================  ==========================================================
``g|mass``         grams with the unit of the reader: ``12 480 kg``, ``12.48 t``
``g|mass_number``  the same without the unit, for a column whose head has it
``mass_unit()``    ``kg`` or ``t``, for that head
``ppm|share``      ``27.4 %``, rounded down; ``ppm|share(up=True)`` rounded up
``ppm|share_number``  the same without the sign
``text|grouped``   a code in groups of four
``hex|short_hash`` a hash, shortened in the middle
``at|instant``     ``2026-03-05 08:30`` in Asia/Shanghai
``at|day``         ``2026-03-05`` in Asia/Shanghai
``cells|origin``   twelve cells as parts of a bar, see ``OriginPart``
=================  ==========================================================

No float takes part: what is shown is cut out of whole grams and whole ppm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from app.security import preferred_unit
from app.services.rules import SHANGHAI
from labels.codes import LENGTH, format_code

THIN = "\u202f"
"""A thin space that does not break: between thousands, and before a unit."""

MINUS = "\u2212"
DECIMALS = {"kg": 3, "t": 6}
BAR_WIDTH = 1000
TENTH_OF_A_PERCENT = 1000
WHOLE = 1_000_000
SHORT_ENDS = 8

ORIGIN_NAMES: dict[str, LazyString] = {
    "elv": _l("end-of-life vehicles"),
    "post": _l("post-consumer"),
    "pre": _l("pre-consumer"),
    "internal": _l("internal returns"),
    "primary": _l("primary"),
    "unknown": _l("unknown origin"),
}
"""The six origin classes by the name of their colour, in the order of the cells."""


@dataclass(frozen=True, slots=True)
class OriginPart:
    """One origin class of a composition, as a stretch of a bar of 1000 units.

    Attributes:
        name: Of the class: elv, post, pre, internal, primary, unknown.
        label: In the language of the page.
        grams: Domestic and imported together.
        imported_g: Of these, imported.
        ppm: Of the metal, rounded down.
        x: Where the stretch begins.
        width: How long it is; the stretches fill the bar exactly.
    """

    name: str
    label: LazyString
    grams: int
    imported_g: int
    ppm: int
    x: str
    width: str


def init_app(app: Flask) -> None:
    """Make the filters known to the templates."""
    filters = (
        mass,
        mass_number,
        share,
        share_number,
        grouped,
        short_hash,
        instant,
        day,
        origin,
    )
    for one in filters:
        app.add_template_filter(one)
    app.add_template_global(mass_unit)


def mass_unit() -> str:
    """The unit of mass that the reader chose: ``kg`` or ``t``."""
    return preferred_unit()


def mass_number(
    grams: int, unit: str | None = None, decimals: int | None = None
) -> str:
    """Grams as a number of ``unit``, as exact as they are.

    Args:
        grams: Below 0 for what is missing.
        unit: ``kg`` or ``t``; None for that of the reader.
        decimals: Round half up to so many; None for all that are not zero.

    >>> mass_number(12_480_000, "kg").replace(THIN, " ")
    '12 480'
    >>> mass_number(22_113_907, "t"), mass_number(22_113_907, "t", 1)
    ('22.113907', '22.1')
    >>> mass_number(-500, "kg").replace(MINUS, "-")
    '-0.5'
    """
    places = DECIMALS[unit or mass_unit()]
    size = abs(grams)
    if decimals is not None and decimals < places:
        step = 10 ** (places - decimals)
        size = (size + step // 2) // step * step
    whole, rest = divmod(size, 10**places)
    text = f"{whole:,}".replace(",", THIN)
    part = f"{rest:0{places}d}"
    part = part.rstrip("0") if decimals is None else part[:decimals]
    sign = MINUS if grams < 0 and size else ""
    return f"{sign}{text}.{part}" if part else f"{sign}{text}"


def mass(grams: int, unit: str | None = None, decimals: int | None = None) -> str:
    """Grams with their unit; arguments as of ``mass_number``."""
    unit = unit or mass_unit()
    return f"{mass_number(grams, unit, decimals)}{THIN}{unit}"


def share(ppm: int, *, up: bool = False) -> str:
    """A share in per cent to a tenth: rounded down, or up for an upper end.

    >>> share(872_188).replace(THIN, " "), share(898_731, up=True).replace(THIN, " ")
    ('87.2 %', '89.9 %')
    >>> share(1_000_000).replace(THIN, " ")
    '100 %'
    """
    return f"{share_number(ppm, up=up)}{THIN}%"


def share_number(ppm: int, *, up: bool = False) -> str:
    """The same without the sign of per cent.

    >>> share_number(50_000), share_number(999_999), share_number(1_000_000)
    ('5.0', '99.9', '100')
    """
    tenths = -(-ppm // TENTH_OF_A_PERCENT) if up else ppm // TENTH_OF_A_PERCENT
    whole, tenth = divmod(tenths, 10)
    return f"{whole}" if tenths == WHOLE // TENTH_OF_A_PERCENT else f"{whole}.{tenth}"


def grouped(code: str) -> str:
    """A code in groups of four; anything else as it is.

    >>> grouped("7W5K9QRP2A4B")
    '7W5K-9QRP-2A4B'
    """
    return format_code(code) if len(code) == LENGTH else code


def short_hash(digest: str) -> str:
    """A hash that is shortened in the middle; the page keeps the whole one at hand.

    >>> short_hash("c0ffee0123456789abcdefabcdef0042")
    'c0ffee01…cdef0042'
    """
    if len(digest) <= 2 * SHORT_ENDS + 1:
        return digest
    return f"{digest[:SHORT_ENDS]}…{digest[-SHORT_ENDS:]}"


def instant(at: datetime) -> str:
    """A moment to the minute, in the zone of the books."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def day(at: datetime) -> str:
    """The day of a moment in the zone of the books."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d")


def origin(cells: Sequence[int]) -> list[OriginPart]:
    """The classes that a composition holds, left to right in the order of the cells.

    Args:
        cells: Twelve, six classes each domestic and imported, in grams.

    >>> [(part.name, part.width) for part in origin([0, 0, 3, 0] + [0] * 6 + [1, 0])]
    [('post', '750'), ('unknown', '250')]
    """
    total = sum(cells)
    parts, before = [], 0
    for number, (name, label) in enumerate(ORIGIN_NAMES.items()):
        imported_g = cells[2 * number + 1]
        grams = cells[2 * number] + imported_g
        if not grams:
            continue
        start = before * BAR_WIDTH // total
        before += grams
        width = before * BAR_WIDTH // total - start
        ppm = grams * WHOLE // total
        parts.append(
            OriginPart(name, label, grams, imported_g, ppm, str(start), str(width))
        )
    return parts
