"""The fold of a world's log, in tables of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.db import open_engine, session_makers
from app.queries.log import get_head
from app.schema import upgrade
from app.services.differences import Difference
from app.services.folding import fold_entries, folded_size, iter_entries
from app.services.row_comparing import compare_tables
from tests.world import World


class Fold:
    """Empty tables, filled from a log as often as it grows."""

    def __init__(self, path: Path) -> None:
        self.engine: Engine = open_engine(f"sqlite:///{path}")
        upgrade(self.engine)
        self._writers, self._readers = session_makers(self.engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._writers.begin() as session:
            yield session

    def follow(self, world: World) -> list[Difference]:
        """Take in what the log has more, and compare every row."""
        with world.reading() as session:
            connection = session.connection()
            entries = iter_entries(
                connection, folded_size(self.transaction), get_head(session).size
            )
            found = fold_entries(entries, self.transaction)
            with self._readers() as ours:
                found += compare_tables(connection, ours.connection())
        return found
