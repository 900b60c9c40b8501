"""The tiles behind the proofs of some entries, read at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.models import LogEntryRow, LogTileRow
from ledger import HASH_SIZE, TILE_WIDTH


class LoadedTiles:
    """Tiles in memory: what proofs of some entries under one size are made from."""

    def __init__(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        self._tiles = tiles

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile; fewer where the log lacks some."""
        return self._tiles.get((level, index), b"")[: width * HASH_SIZE]


def load_tiles(session: Session, indexes: Iterable[int], size: int) -> LoadedTiles:
    """The tiles that prove these entries in a tree of this size; two queries.

    A path goes by the tiles above its leaf, and by those at the right edge.
    """
    wanted: set[tuple[int, int]] = set()
    level, width = 0, size
    while width:
        if width % TILE_WIDTH:
            wanted.add((level, width // TILE_WIDTH))
        span = TILE_WIDTH ** (level + 1)
        wanted.update(
            (level, index // span)
            for index in indexes
            if index // span * TILE_WIDTH < width
        )
        level, width = level + 1, width // TILE_WIDTH
    leaves = [index for at, index in wanted if at == 0]
    found: dict[tuple[int, int], list[bytes]] = {}
    column: Any = LogEntryRow.entry_index
    rows = session.execute(
        select(column, LogEntryRow.leaf_hash)
        .where(or_(*(_within(column, index, size) for index in leaves)))
        .order_by(column)
    )
    for row in rows:
        found.setdefault((0, row[0] // TILE_WIDTH), []).append(row[1])
    if level > 1:
        rows = session.execute(
            select(LogTileRow.tile_index, LogTileRow.root, LogTileRow.level)
            .where(
                or_(
                    *(
                        and_(
                            LogTileRow.level == at - 1,
                            _within(
                                LogTileRow.tile_index, index, size // TILE_WIDTH**at
                            ),
                        )
                        for at, index in wanted
                        if at
                    )
                )
            )
            .order_by(LogTileRow.level, LogTileRow.tile_index)
        )
        for row in rows:
            found.setdefault((row[2] + 1, row[0] // TILE_WIDTH), []).append(row[1])
    return LoadedTiles({key: b"".join(hashes) for key, hashes in found.items()})


def _within(
    column: Any,  # noqa: ANN401 - a column
    tile: int,
    size: int,
) -> ColumnElement[bool]:
    start = tile * TILE_WIDTH
    return and_(column >= start, column < min(start + TILE_WIDTH, size))
