"""What a check found: one thing that is not as the log says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in the log that is not as it should be.

    Attributes:
        entry_index: Which entry, or None for what is not about one.
        table: Where.
        field: Which column or part.
        message: What was found, what was expected.
        row: Key of the row, as text; None where the entry names it.
    """

    entry_index: int | None
    table: str
    field: str
    message: str
    row: str | None = None
