"""Reading the log: head, checkpoints, entries and tiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import CheckpointRow, LogEntryRow, LogHeadRow, LogTileRow
from app.queries.errors import NotFound
from ledger import parse_entry

TILE_WIDTH = 256


class Head(NamedTuple):
    """Size and frontier of the committed log."""

    size: int
    frontier: bytes


def get_head(session: Session) -> Head:
    """The head of the log; size 0 where no log was started yet."""
    row = session.execute(select(LogHeadRow.size, LogHeadRow.frontier)).first()
    return Head(0, b"") if row is None else Head(row.size, row.frontier)


def find_checkpoint(session: Session) -> CheckpointRow | None:
    """The checkpoint over the most entries."""
    return session.scalar(
        select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1)
    )


def get_checkpoint(session: Session, size: int) -> CheckpointRow:
    """The checkpoint of one size.

    Raises:
        NotFound: No checkpoint was signed at this size.
    """
    if (row := session.get(CheckpointRow, size)) is None:
        raise NotFound(f"no checkpoint of size {size}")
    return row


def find_covering(session: Session, index: int) -> CheckpointRow | None:
    """The smallest checkpoint that covers an entry; None while there is none."""
    return session.scalar(
        select(CheckpointRow)
        .where(CheckpointRow.size > index)
        .order_by(CheckpointRow.size)
        .limit(1)
    )


def get_entry(session: Session, index: int) -> LogEntryRow:
    """One entry.

    Raises:
        NotFound: The log is not that long.
    """
    if (row := session.get(LogEntryRow, index)) is None:
        raise NotFound(f"no entry {index}")
    return row


def iter_notes(
    session: Session, start: int, stop: int, batch: int = 1000
) -> Iterator[tuple[int, bytes]]:
    """(index, note) of the entries from ``start`` to before ``stop``, streamed."""
    wanted = (
        select(LogEntryRow.entry_index, LogEntryRow.note)
        .where(LogEntryRow.entry_index >= start, LogEntryRow.entry_index < stop)
        .order_by(LogEntryRow.entry_index)
        .execution_options(yield_per=batch)
    )
    for row in session.execute(wanted):
        yield row.entry_index, row.note


def get_origin(session: Session) -> str:
    """The origin that entry 0 names.

    Raises:
        NotFound: The log has no entry yet.
    """
    genesis = parse_entry(get_entry(session, 0).note)
    return str(genesis.fact["data"]["origin"])


class DatabaseTiles:
    """Hash tiles out of the database: the storage behind every proof.

    Leaves come from the entries; a hash of a higher level is the root of a full tile
    below, which the signer keeps.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """``width`` hashes of 32 bytes each, from the left of a tile.

        Raises:
            NotFound: The log does not hold that many.
        """
        start = index * TILE_WIDTH
        if level == 0:
            wanted = (
                select(LogEntryRow.leaf_hash)
                .where(
                    LogEntryRow.entry_index >= start,
                    LogEntryRow.entry_index < start + width,
                )
                .order_by(LogEntryRow.entry_index)
            )
        else:
            wanted = (
                select(LogTileRow.root)
                .where(
                    LogTileRow.level == level - 1,
                    LogTileRow.tile_index >= start,
                    LogTileRow.tile_index < start + width,
                )
                .order_by(LogTileRow.tile_index)
            )
        hashes = self._session.scalars(wanted).all()
        if len(hashes) != width:
            raise NotFound(f"tile {index} of level {level} has {len(hashes)} hashes")
        return b"".join(hashes)
