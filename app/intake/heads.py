"""Which column of a file is which column of a template, and rows read by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.intake.cells import UNIT_WORDS, Parser, parser_of
from app.intake.dates import Cell
from app.intake.faults import N_, BadCell, Fault, IntakeError, refuse_file, shown
from app.intake.reading import MAX_COLUMNS, Row, Table
from app.intake.templates import Column, Language, Template
from app.intake.text import name_key

# The column that files with faults come back with; read again, it says nothing
REASON_HEADS: dict[Language, str] = {"zh": "问题", "en": "What is wrong"}
UNITS_OF_TYPES = frozenset({("mass", "kg"), ("mass", "t"), ("percent", "%")})
_BLANKS_AND_BRACKETS = re.compile(r"[\s()\[\]]+")
_WITH_UNIT = re.compile(r"(?P<name>.+?)(?P<unit>kg|t|公斤|千克|吨|%)")

# An XLSX cell that shows 95 % holds 0.95; where its format is not known, both fit
_UNSURE_PERCENT = N_(
    "expected text such as 95%; in a file of this kind a number up to 1 may mean "
    "either, save the file as XLSX or CSV"
)
_EPOCH_1904 = N_(
    "expected a date; the numbers of this file count days from 1904, format the column "
    "as date"
)


@dataclass(frozen=True, slots=True)
class Bound:
    """A column of a template where it stands in a file.

    Attributes:
        index: Place in the row, from 0.
        column: Of the template.
        head: As it stands in the file.
        unit: That the head names, in its one spelling.
        language: Of the head.
        parse: How its cells are read.
    """

    index: int
    column: Column
    head: str
    unit: str | None
    language: Language
    parse: Parser


@dataclass(frozen=True, slots=True)
class Binding:
    """All columns of a file.

    Attributes:
        template: What they are columns of.
        row: Number of the row with the heads.
        heads: As they stand in the file, one for each column.
        columns: Those of the template, in the order of the file.
    """

    template: Template
    row: int
    heads: tuple[str, ...]
    columns: tuple[Bound, ...]

    def head_of(self, column_id: str | None) -> str | None:
        """The head of a column as the file has it; None where it has none."""
        for one in self.columns:
            if one.column.id == column_id:
                return one.head
        return None

    @property
    def language(self) -> Language:
        """The language of most heads."""
        chinese = sum(one.language == "zh" for one in self.columns)
        return "zh" if 2 * chinese >= len(self.columns) else "en"


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one row by column id; empty cells are left out."""

    row: int
    values: Mapping[str, object]
    faults: tuple[Fault, ...]


def read_heads(table: Table, template: Template) -> Binding:
    """Find the columns of a template in the first row that holds something.

    Raises:
        IntakeError: A column is missing, stands twice, is unknown or lacks its unit;
            all faults are listed.
    """
    for row in table.rows:
        cells = [_head(cell) for cell in row.cells]
        if any(cells):
            return _bind(row.number, cells, template)
    raise refuse_file(N_("it is empty"))


def head_key(head: str) -> str:
    """What the spellings of one head have in common: blanks and brackets are left out.

    >>> head_key("净重（KG）") == head_key("净重 kg")
    True
    """
    return _BLANKS_AND_BRACKETS.sub("", name_key(head))


_REASONS = frozenset(head_key(head) for head in REASON_HEADS.values())


def is_reason(head: str) -> bool:
    """Whether a head is that of the column that says what is wrong with a row."""
    return head_key(head) in _REASONS


def _head(cell: Cell | None) -> str:
    return "" if cell is None else str(cell).strip()


def _bind(row: int, cells: list[str], template: Template) -> Binding:
    while not cells[-1]:
        cells.pop()
    if len(cells) > MAX_COLUMNS:
        raise refuse_file(
            N_("found {columns} columns, expected those of the template"),
            columns=len(cells),
        )
    names = _names(template)
    bound: dict[str, Bound] = {}
    faults: list[Fault] = []
    for index, head in enumerate(cells):
        if not head or is_reason(head):
            continue
        try:
            one = _bind_one(index, head, names)
        except BadCell as error:
            faults.append(_fault(head, error))
            continue
        if (first := bound.setdefault(one.column.id, one)) is not one:
            message = N_("the file has this column already, as column {number}")
            faults.append(_fault(head, BadCell(message, number=first.index + 1)))
    language: Language = "zh" if any(not head.isascii() for head in cells) else "en"
    faults += _missing(template, bound, language, faults)
    if faults:
        raise IntakeError(faults)
    return Binding(template, row, tuple(cells), tuple(bound.values()))


def _fault(head: str, error: BadCell) -> Fault:
    return Fault(None, shown(head), None, error.message, error.values)


def _names(template: Template) -> dict[str, tuple[Column, Language]]:
    found: dict[str, tuple[Column, Language]] = {}
    for column in template.columns:
        found[head_key(column.en)] = (column, "en")
        found[head_key(column.zh)] = (column, "zh")
    return found


def _bind_one(
    index: int, head: str, names: Mapping[str, tuple[Column, Language]]
) -> Bound:
    unit = None
    key = head_key(head)
    known = names.get(key)
    if known is None and (match := _WITH_UNIT.fullmatch(key)):
        known = names.get(match["name"])
        unit = UNIT_WORDS[match["unit"]]
    if known is None:
        raise BadCell(
            N_("no column of this template is called so; delete or rename it")
        )
    column, language = known
    if column.type == "mass" and unit not in ("kg", "t"):
        raise BadCell(
            N_("the head names no unit, expected {kg} or {t}"),
            kg=f"{column.name(language)} (kg)",
            t=f"{column.name(language)} (t)",
        )
    if unit is not None and (column.type, unit) not in UNITS_OF_TYPES:
        raise BadCell(N_("the head names a unit that this column does not have"))
    return Bound(index, column, head, unit, language, parser_of(column, unit, language))


def _missing(
    template: Template,
    bound: Mapping[str, Bound],
    language: Language,
    others: list[Fault],
) -> list[Fault]:
    """A fault for each needed column that is not there.

    A head that lacks its unit is a fault already: the same column is not named twice.
    """
    faulty = {head_key(one.column or "") for one in others}
    return [
        Fault(None, one.head(language), None, N_("this column is missing"))
        for one in template.columns
        if one.required
        and one.id not in bound
        and not {head_key(one.zh), head_key(one.en)} & faulty
    ]


def read_rows(table: Table, binding: Binding) -> Iterator[Values]:
    """The values of each row below the heads; blank rows are passed over.

    Raises:
        IntakeError: The file breaks off, or there is no row below the heads.
    """
    empty = True
    columns = [
        (one.index, one, one.column.id, _guarded(one, table)) for one in binding.columns
    ]
    reasons = {index for index, head in enumerate(binding.heads) if is_reason(head)}
    taken = reasons | {one.index for one in binding.columns}
    needed = [one for one in binding.columns if one.column.required]
    for row in table.rows:
        cells = row.cells
        values: dict[str, object] = {}
        faults: list[Fault] = []
        count = len(cells)
        for index, bound, column_id, parse in columns:
            if index >= count or (cell := cells[index]) is None:
                continue
            if isinstance(cell, str) and (not cell or cell.isspace()):
                continue
            try:
                values[column_id] = parse(cell)
            except BadCell as error:
                faults.append(
                    Fault(
                        row.number,
                        bound.head,
                        # A private value is quoted nowhere, faulty as it is
                        None if bound.column.private else shown(cell),
                        error.message,
                        error.values,
                    )
                )
                values[column_id] = FAULTY
        if count > len(taken) or len(taken) < len(binding.heads):
            faults += _stray(row, taken, reasons)
        if not values and not faults:
            continue
        empty = False
        faults += [
            Fault(row.number, one.head, None, N_("is empty, but needed"))
            for one in needed
            if one.column.id not in values
        ]
        yield Values(row.number, values, tuple(faults))
    if empty:
        raise refuse_file(N_("there is no row below the heads"))


class Faulty:
    """Stands for the value of a cell that could not be read."""

    def __reduce__(self) -> str:
        # A row that was put aside comes back with the one that is compared with
        return "FAULTY"


FAULTY = Faulty()


def _guarded(bound: Bound, table: Table) -> Parser:
    """The parser of a column, more careful where the file leaves its numbers open."""
    kind = bound.column.type
    parse = bound.parse
    if kind == "percent" and not table.percent_known:

        def careful(cell: Cell) -> object:
            if isinstance(cell, int | Decimal) and 0 < cell <= 1:
                raise BadCell(_UNSURE_PERCENT)
            return parse(cell)

        return careful
    if kind in ("instant", "date") and table.epoch_1904:

        def no_number(cell: Cell) -> object:
            if isinstance(cell, int | Decimal):
                raise BadCell(_EPOCH_1904)
            return parse(cell)

        return no_number
    return parse


def _stray(row: Row, taken: set[int], reasons: set[int]) -> list[Fault]:
    """A fault for the first cell that stands under no head."""
    for index, cell in enumerate(row.cells):
        if index in taken or index in reasons or cell is None:
            continue
        if isinstance(cell, str) and not cell.strip():
            continue
        return [
            Fault(
                row.number,
                None,
                None,
                N_("found '{found}' in column {number}, which has no head"),
                {"found": shown(cell), "number": index + 1},
            )
        ]
    return []
