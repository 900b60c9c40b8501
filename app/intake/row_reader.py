"""What the makers of drafts share: a row with its faults, and rows without a fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.intake.drafts import Draft, printed_code
from app.intake.faults import N_, Fault
from app.intake.heads import FAULTY, Binding, Values
from app.intake.templates import word_list

NEEDED = N_("is empty, but needed")
NEEDED_WITH = N_("is empty, but needed where {other} is given")


@dataclass(frozen=True, slots=True)
class Rejected:
    """Rows that become no fact.

    Attributes:
        rows: All rows of what would have been one fact.
        faults: At least one; a row without one of its own shares its fact with
            another that has.
    """

    rows: tuple[int, ...]
    faults: tuple[Fault, ...]


Outcome = Draft | Rejected


class RowReader:
    """The values of one row, and the faults that are found on the way.

    A value that is missing where it is needed, or could not be read, is a fault
    already: ``get`` then gives None, and the fact is not made.
    """

    def __init__(self, binding: Binding, row: Values) -> None:
        self.row = row.row
        self.faults = list(row.faults)
        self._binding = binding
        self._values = row.values

    def has(self, column: str) -> bool:
        """Whether the cell holds anything, be it faulty."""
        return column in self._values

    def get(self, column: str) -> Any:  # noqa: ANN401 - as the column's type says
        """The value of a cell; None where it is empty or faulty."""
        value = self._values.get(column)
        return None if value is FAULTY else value

    def need(self, column: str, message: str = NEEDED, **values: str) -> None:
        """A fault if the cell is empty."""
        if column not in self._values:
            self.fault(column, message, **values)

    def fault(self, column: str | None, message: str, **values: str | int) -> None:
        """Note what is wrong with a cell, or with the row where ``column`` is None.

        A column that the file does not have is named by its head in the template.
        """
        head = None
        if column is not None:
            head = self.head(column)
        self.faults.append(Fault(self.row, head, None, message, values))

    def word(self, words: str, value: str) -> str:
        """The word for a value, in the language of the heads."""
        return word_list(words).word(value, self._binding.language)

    def head(self, column: str) -> str:
        """The head of a column as the file has it, or as the template has it."""
        found = self._binding.head_of(column)
        if found is not None:
            return found
        return self._binding.template.column(column).head(self._binding.language)


def own_alias(text: str) -> list[dict[str, str]] | None:
    """The own number of a lot as its other name; None where it is its code."""
    if printed_code(text) is not None:
        return None
    return [{"scheme": "own", "value": text}]


def without_none(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data without the fields that the file leaves open."""
    return {name: value for name, value in data.items() if value is not None}


class Places(Mapping[str, tuple[int, str]]):
    """Where the fields of a fact of one row come from."""

    __slots__ = ("_columns", "_row")

    def __init__(self, row: int, columns: Mapping[str, str]) -> None:
        self._row = row
        self._columns = columns

    def __getitem__(self, path: str) -> tuple[int, str]:
        return self._row, self._columns[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
