"""Where everything stands on a label, in millimetres from its upper left corner.

White, black, nothing grey. The symbol at the left at the full height, beside it what a
reader wants to know, Chinese first, English under it; at the foot the address that the
symbol opens. Texts shrink until they fit, then take two lines; what cannot be read even
then is refused, with the text that is too long.
"""

from __future__ import annotations

from dataclasses import dataclass

from labels.errors import CannotSet, TooLong
from labels.fonts import missing, width
from labels.payload import QUIET_MODULES, Rows, symbol

SMALLEST_MM = 1.45
"""Height of the em: 4.1 points, the smallest that is read at arm's length in print."""
SMALLEST_MODULE_MM = 0.4


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
class Text:
    """A line of text: left end of its base line, height of the em."""

    x: float
    y: float
    size: float
    text: str
    bold: bool = False


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
        TooLong: A text does not fit in readable letters, or the symbol's modules would
            be under 0.4 mm.
    """
    _check_characters(content)
    margin = form.margin_mm
    foot = max(SMALLEST_MM * 1.9, form.height_mm * 0.062)
    height = form.height_mm - 2 * margin - foot
    rows = symbol(content.url, form.level)
    side = min(height, form.width_mm * 0.46)
    module = side / (len(rows) + 2 * QUIET_MODULES)
    if module < SMALLEST_MODULE_MM:
        raise TooLong(
            "the address {text} makes a symbol too fine for this size of label",
            text=content.url,
        )
    quiet = QUIET_MODULES * module
    # The quiet zone may reach into the margin, which is as white as it has to be
    symbol_x = max(margin, quiet)
    symbol_y = max(margin + (height - len(rows) * module) / 2, quiet)
    left = symbol_x + len(rows) * module + quiet
    texts = _column(content, left, margin, form.width_mm - margin - left, height)
    base = form.height_mm - margin
    size = _fitting(content.address, form.width_mm - 2 * margin, foot * 0.62)
    texts.append(Text(margin, base - foot * 0.14, size, content.address))
    return Placed(
        rows,
        symbol_x,
        symbol_y,
        module,
        tuple(texts),
        base - foot * 0.86,
        (margin, form.width_mm - margin),
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


def _lines(content: LabelContent) -> list[tuple[str, float, bool, float]]:
    """(text, size, bold, space above), sizes relative to a plain line."""
    lines = [
        (content.title_zh, 1.5, True, 0.0),
        (content.title_en, 0.86, False, 0.18),
        (f"净重 Net  {content.net}", 1.06, False, 0.5),
    ]
    if content.share:
        lines.append((f"再生含量 {content.share}", 1.4, True, 0.4))
        lines.append((content.basis_zh, 0.86, False, 0.18))
        lines.append((f"Recycled content · {content.basis_en}", 0.86, False, 0.14))
    else:
        lines.append((content.basis_zh, 1.06, True, 0.4))
        lines.append((content.basis_en, 0.86, False, 0.18))
    lines.append((f"批次 Lot  {content.lot}", 0.94, False, 0.5))
    lines.append((content.maker, 0.86, False, 0.3))
    lines.append((content.made_on, 0.86, False, 0.14))
    return lines


def _column(
    content: LabelContent, left: float, top: float, room: float, height: float
) -> list[Text]:
    """The lines beside the symbol, as large as height and width allow."""
    lines = _lines(content)
    total = sum(size + above for _, size, _, above in lines)
    unit = height / (total + 0.2)
    while True:
        placed = _set_lines(lines, left, top, room, unit)
        bottom = placed[-1].y + placed[-1].size * 0.2
        if bottom <= top + height:
            return placed
        unit *= 0.96
        if unit < SMALLEST_MM * 0.7:
            longest = max(lines, key=lambda line: width(line[0]))[0]
            raise TooLong("{text} does not fit on this size of label", text=longest)


def _set_lines(
    lines: list[tuple[str, float, bool, float]],
    left: float,
    top: float,
    room: float,
    unit: float,
) -> list[Text]:
    placed = []
    y = top
    for text, size, bold, above in lines:
        y += above * unit
        wanted = max(size * unit, SMALLEST_MM)
        for part in _broken(text, room, wanted):
            fitting = _fitting(part, room, wanted)
            y += fitting * 0.98
            placed.append(Text(left, y - fitting * 0.12, fitting, part, bold))
    return placed


def _broken(text: str, room: float, size: float) -> list[str]:
    """A text on one line, or on two where it would shrink by more than a third."""
    if width(text) * size * 0.66 <= room and width(text) * SMALLEST_MM <= room:
        return [text]
    best, where = float("inf"), 0
    for n in range(1, len(text)):
        # Latin words stay whole; Chinese breaks anywhere
        if (
            text[n - 1].isascii()
            and text[n].isascii()
            and " " not in text[n - 1 : n + 1]
        ):
            continue
        longer = max(width(text[:n].rstrip()), width(text[n:].lstrip()))
        if longer < best:
            best, where = longer, n
    if not where:
        return [text]
    return [text[:where].rstrip(), text[where:].lstrip()]


def _fitting(text: str, room: float, size: float) -> float:
    """The size at which a text fits a room."""
    wide = width(text)
    fitting = min(size, room / wide) if wide else size
    if fitting < SMALLEST_MM:
        raise TooLong("{text} does not fit on this size of label", text=text)
    return fitting
