"""What is wrong with a file: which row, which column, what was found and expected.

A fault is data. Its message is English source text with ``{name}`` fields, marked
with ``N_`` so that it is found for translation, and worded as the end of a sentence:
"expected a weight above 0". The frames below put row, column and cell before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN_CHARACTERS = 60


def N_(message: str) -> str:  # noqa: N802 - the name that Babel looks for
    """Mark a text for translation, and leave it as it is."""
    return message


FRAME_FOUND = N_("Row {row}, {column}: found '{found}', {what}.")
FRAME_CELL = N_("Row {row}, {column}: {what}.")
FRAME_ROW = N_("Row {row}: {what}.")
FRAME_FOUND_HERE = N_("{column}: found '{found}', {what}.")
FRAME_CELL_HERE = N_("{column}: {what}.")
FRAME_HERE = N_("{what}.")
FRAME_HEAD = N_("Column '{column}': {what}.")
FRAME_FILE = N_("The file: {what}.")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file.

    Attributes:
        row: Number of the row as a spreadsheet program shows it, from 1; None for the
            heads or the file as a whole.
        column: The head as it stands in the file; None for the whole row or file.
        found: What stands in the cell, made safe to show; None where that says
            nothing.
        message: English, the end of the sentence, with ``{name}`` fields.
        values: What goes into the fields.
    """

    row: int | None
    column: str | None
    found: str | None
    message: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def text(self, translate: Callable[[str], str] = str) -> str:
        """The whole sentence.

        Args:
            translate: From an English source text to one of another language.
        """
        what = translate(self.message).format(**self.values)
        return translate(self._frame()).format(
            row=self.row, column=self.column, found=self.found, what=what
        )

    def text_here(self, translate: Callable[[str], str] = str) -> str:
        """The sentence without the row, to stand in the row itself."""
        what = translate(self.message).format(**self.values)
        if self.column is None:
            frame = FRAME_HERE
        else:
            frame = FRAME_CELL_HERE if self.found is None else FRAME_FOUND_HERE
        return translate(frame).format(column=self.column, found=self.found, what=what)

    def _frame(self) -> str:
        if self.row is None:
            return FRAME_FILE if self.column is None else FRAME_HEAD
        if self.column is None:
            return FRAME_ROW
        return FRAME_CELL if self.found is None else FRAME_FOUND

    def to_json(self) -> dict[str, Any]:
        """The fault as JSON values, to be kept with the import."""
        return {
            "row": self.row,
            "column": self.column,
            "found": self.found,
            "message": self.message,
            "values": dict(self.values),
        }


def fault_from_json(value: Mapping[str, Any]) -> Fault:
    """The fault that ``to_json`` wrote."""
    return Fault(
        value["row"], value["column"], value["found"], value["message"], value["values"]
    )


class IntakeError(Exception):
    """The file as a whole cannot be read; ``faults`` says why.

    Args:
        faults: At least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(" ".join(one.text() for one in faults))
        self.faults = tuple(faults)


def refuse_file(
    message: str, *, row: int | None = None, **values: str | int
) -> IntakeError:
    """One fault of the whole file, ready to be raised.

    Args:
        message: English, the end of a sentence, with ``{name}`` fields.
        row: Where reading stopped, if it got as far as a row.
        values: What goes into the fields.
    """
    return IntakeError([Fault(row, None, None, message, values)])


class BadCell(Exception):
    """A cell does not hold what its column asks for.

    Args:
        message: English, the end of a sentence, with ``{name}`` fields.
        values: What goes into the fields.
    """

    def __init__(self, message: str, **values: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.values = values

    def __str__(self) -> str:
        return self.message.format(**self.values)


def shown(value: object) -> str:
    """A cell as it can be shown: short, and nothing in it turns or hides text."""
    text = str(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "…"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
