"""Where everything stands on a label, in millimetres from its upper left corner.

White, black, nothing grey. The symbol at the left at the full height, beside it what a
reader wants to know, Chinese first, English under it, both centred on one axis; at the
foot the address that the symbol opens. Where the lines stand is worked out in
``labels.column``.
"""

from __future__ import annotations

from dataclasses import dataclass

from labels.column import Line, Text, set_column
from labels.errors import CannotSet, TooFine, TooLong
from labels.fonts import missing, width
from labels.payload import QUIET_MODULES, Rows, symbol

SMALLEST_ADDRESS_MM = 1.45
"""Height of the em of the address: 4.1 points. It may be long, and is there for those
who cannot scan."""
SMALLEST_MODULE_MM = 0.4
SYMBOL_SHARE = 0.46
"""The most of a label's width that the symbol takes with its quiet zone."""
OVERHANG_MM = 0.5
"""Letters such as J reach to the left of where they stand: not into the quiet zone."""
EXAMPLE = "示例 / example"
"""What a label says that stands for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelContent:
    """What a label says.

    Attributes:
        url: What its symbol says.
        address: The same for people.
        title_zh: Material, Chinese.
        title_en: Material and grade, English.
        net: Net mass with its unit.
        share: Recycled share such as ``97.1 %``; empty where nothing is claimed.
        basis_zh: Method in words; without a share, that no claim is made.
        basis_en: The same in English.
        lot: Code of the lot in groups of four.
        maker: Who made the lot.
        made_on: ISO date.
        example: Whether it only shows how labels look.
    """

    url: str
    address: str
    title_zh: str
    title_en: str
    net: str
    share: str
    basis_zh: str
    basis_en: str
    lot: str
    maker: str
    made_on: str
    example: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A size of label, and how many stand on a page.

    Attributes:
        id: Its name.
        width_mm: Of a label.
        height_mm: Of a label.
        columns: On a page.
        rows: On a page.
        page_mm: Width and height of the page.
        level: Error correction of the symbol.
        margin_mm: White at every edge of the label.
    """

    id: str
    width_mm: float
    height_mm: float
    columns: int = 1
    rows: int = 1
    page_mm: tuple[float, float] = (210.0, 297.0)
    level: str = "Q"
    margin_mm: float = 3.5

    @property
    def per_page(self) -> int:
        """Labels on a page."""
        return self.columns * self.rows

    def place(self, n: int) -> tuple[float, float]:
        """Left and top of the label number ``n`` of a page, from 0."""
        left = (self.page_mm[0] - self.columns * self.width_mm) / 2
        top = (self.page_mm[1] - self.rows * self.height_mm) / 2
        row, column = divmod(n, self.columns)
        return left + column * self.width_mm, top + row * self.height_mm


FORMATS = {
    one.id: one
    for one in (
        Format("a4_3x7", 70.0, 42.3, columns=3, rows=7),
        Format("a4_2x5", 105.0, 57.0, columns=2, rows=5, margin_mm=4.5),
        Format("100x70", 100.0, 70.0, page_mm=(100.0, 70.0), level="H"),
        Format("60x40", 60.0, 40.0, page_mm=(60.0, 40.0), level="H", margin_mm=2.0),
    )
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A label, ready to be drawn.

    Attributes:
        rows: Of the symbol.
        symbol_x: Left edge of its first module.
        symbol_y: Upper edge of its first module.
        module: Width of a module.
        texts: Every line.
        rule_y: Where the line above the address stands.
        rule_x: Its left and right end.
    """

    rows: Rows
    symbol_x: float
    symbol_y: float
    module: float
    texts: tuple[Text, ...]
    rule_y: float
    rule_x: tuple[float, float]


def lay_out(content: LabelContent, form: Format) -> Placed:
    """Place everything on a label.

    Raises:
        CannotSet: The face lacks a character.
        TooLong: A text does not fit in readable letters.
        TooFine: The symbol's modules would be under 0.4 mm.
    """
    _check_characters(content)
    margin = form.margin_mm
    foot = max(SMALLEST_ADDRESS_MM * 1.9, form.height_mm * 0.062)
    # Above the line at the foot stands as much white as its letters are high
    height = form.height_mm - 2 * margin - foot * 1.4
    rows = symbol(content.url, form.level)
    side = min(height, form.width_mm * SYMBOL_SHARE)
    module = side / (len(rows) + 2 * QUIET_MODULES)
    if module < SMALLEST_MODULE_MM:
        raise TooFine(
            "the address {text} makes a symbol too fine for this size of label",
            text=content.url,
        )
    quiet = QUIET_MODULES * module
    # The quiet zone may reach into the margin, which is as white as it has to be
    symbol_x = max(margin, quiet)
    symbol_y = margin + (height - len(rows) * module) / 2
    left = symbol_x + len(rows) * module + quiet + OVERHANG_MM
    right = form.width_mm - margin
    column = set_column(_lines(content), left, margin, right - left, height)
    base = form.height_mm - margin
    return Placed(
        rows,
        symbol_x,
        symbol_y,
        module,
        (*column, *_foot(content, margin, right, base - foot * 0.14, foot * 0.62)),
        base - foot * 0.86,
        (margin, right),
    )


def _check_characters(content: LabelContent) -> None:
    for text in (
        content.title_zh,
        content.title_en,
        content.net,
        content.share,
        content.basis_zh,
        content.basis_en,
        content.lot,
        content.maker,
        content.made_on,
        content.address,
    ):
        if lacking := missing(text):
            raise CannotSet(
                "the font of the labels has no {characters} ({points}), in {text}: "
                "give a label name without it",
                characters=lacking,
                points=", ".join(f"U+{ord(one):04X}" for one in lacking),
                text=text,
            )


def _lines(content: LabelContent) -> tuple[Line, ...]:
    title = (
        Line(content.title_zh, "title", opens=True, breaks=True),
        Line(content.title_en, "small", breaks=True),
    )
    net = Line(f"净重 Net  {content.net}", "body", opens=True)
    if content.share:
        basis: tuple[Line, ...] = (
            Line(f"再生含量 {content.share}", "share", opens=True),
            Line(content.basis_zh, "small", breaks=True),
            Line(f"Recycled content · {content.basis_en}", "small", breaks=True),
        )
    else:
        basis = (
            Line(content.basis_zh, "body", opens=True, bold=True, breaks=True),
            Line(content.basis_en, "small", breaks=True),
        )
    made = (
        Line(f"批次 Lot  {content.lot}", "body", opens=True),
        Line(content.maker, "small", breaks=True),
        Line(content.made_on, "small"),
    )
    return (*title, net, *basis, *made)


def _foot(
    content: LabelContent, left: float, right: float, base: float, size: float
) -> tuple[Text, ...]:
    """The address at the left; at the right, on an example, that it is one."""
    mark = ""
    if content.example:
        mark = EXAMPLE
    gap = size if mark else 0.0
    wide = width(content.address) + width(mark)
    size = min(size, (right - left - gap) / wide)
    if size < SMALLEST_ADDRESS_MM:
        raise TooLong("{text} does not fit on this size of label", text=content.address)
    address = Text(left, base, size, content.address)
    if not mark:
        return (address,)
    return (address, Text(right - width(mark) * size, base, size, mark, bold=True))
