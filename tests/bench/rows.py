"""What a benchmark gets and gives: one row of the table, ours beside the bare loop.

A module of this folder has a function ``rows(bench) -> Iterator[Row]`` and stands in
``tests/bench/__main__.py``. It measures the bare loop and ours in the same run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        work: What was done, with its size and database.
        bare: The bare loop, in ``unit``; None where there is none.
        ours: The same work through the product, in ``unit``.
        unit: Such as ``facts/s``, ``ms`` (less is better), ``MB``.
        wanted: The ratio, or without a bare loop the figure, that the design asks for.
        note: A word on how it was measured.
    """

    work: str
    bare: float | None
    ours: float
    unit: str
    wanted: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a benchmark runs.

    Attributes:
        small: Whether ``SCALE=small`` was asked for: the whole table in two minutes.
        folder: Empty, gone after the run.
        kept: Stays between runs: for databases that take long to fill.
        postgresql: Address of an empty database of a running server.
    """

    small: bool
    folder: Path
    kept: Path
    postgresql: str

    def databases(self) -> list[tuple[str, str]]:
        """(name, address) of an empty database of each kind."""
        return [
            ("SQLite", f"sqlite:///{self.folder}/bench.db"),
            ("PostgreSQL", self.postgresql),
        ]
