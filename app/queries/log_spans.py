"""Stretches of the log as the checks read them: through the plain driver."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from app.models import CheckpointRow, CosignatureRow, LogEntryRow, LogTileRow
from app.queries.prepared import Prepared

PARAMETERS = 500


class StoredEntry(NamedTuple):
    """A row of the log; ``at`` as entries spell instants."""

    entry_index: int
    leaf_hash: bytes
    note: bytes
    type: str
    org: str
    fact_id: str
    at: str


class StoredCheckpoint(NamedTuple):
    """A checkpoint with its cosignature lines, by policy name."""

    size: int
    root: bytes
    note: bytes
    cosignatures: tuple[tuple[str, str], ...]


_ENTRIES: Any = LogEntryRow.__table__
_IN_SPAN = (_ENTRIES.c.entry_index >= bindparam("start")) & (
    _ENTRIES.c.entry_index < bindparam("stop")
)
_READ = Prepared(
    select(
        _ENTRIES.c.entry_index,
        _ENTRIES.c.leaf_hash,
        _ENTRIES.c.note,
        _ENTRIES.c.type,
        _ENTRIES.c.org,
        _ENTRIES.c.fact_id,
        _ENTRIES.c.at,
    )
    .where(_IN_SPAN)
    .order_by(_ENTRIES.c.entry_index)
)
_READ_HASHES = Prepared(
    select(_ENTRIES.c.entry_index, _ENTRIES.c.leaf_hash, _ENTRIES.c.note)
    .where(_IN_SPAN)
    .order_by(_ENTRIES.c.entry_index)
)


def read_entries(
    connection: Connection, start: int, stop: int
) -> Iterator[StoredEntry]:
    """The rows of entries from ``start`` up to ``stop``."""
    for row in _READ.stream(connection, {"start": start, "stop": stop}):
        index, leaf, note, kind, org, fact_id, at = row
        yield StoredEntry(index, leaf, note, kind, org, fact_id, _instant(at))


def read_hashes(
    connection: Connection, start: int, stop: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """(index, leaf hash, note) of the same."""
    rows: Iterator[Any] = _READ_HASHES.stream(
        connection, {"start": start, "stop": stop}
    )
    yield from rows


def _instant(value: object) -> str:
    """An instant out of the driver, as entries spell it where it is whole seconds."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = str(value)
    return f"{text[:10]}T{text[11:].removesuffix('.000000')}Z"


def count_entries(connection: Connection) -> int:
    """How many entries there are, by the last of them; the head may say otherwise."""
    last = connection.scalar(
        select(LogEntryRow.entry_index)
        .order_by(LogEntryRow.entry_index.desc())
        .limit(1)
    )
    return 0 if last is None else last + 1


def read_tile_roots(
    connection: Connection, level: int, start: int, stop: int
) -> dict[int, bytes]:
    """Stored roots of the full tiles of a level, from ``start`` up to ``stop``."""
    rows = connection.execute(
        select(LogTileRow.tile_index, LogTileRow.root).where(
            LogTileRow.level == level,
            LogTileRow.tile_index >= start,
            LogTileRow.tile_index < stop,
        )
    )
    return {row.tile_index: row.root for row in rows}


def read_surplus_tiles(connection: Connection, size: int) -> list[tuple[int, int]]:
    """(level, index) of tiles that a log of this size cannot have filled."""
    rows = connection.execute(
        select(LogTileRow.level, LogTileRow.tile_index).order_by(
            LogTileRow.level, LogTileRow.tile_index.desc()
        )
    )
    return [
        (level, index)
        for level, index in rows
        if (index + 1) * 256 ** (level + 1) > size
    ]


def read_checkpoints(
    connection: Connection, start: int, stop: int
) -> list[StoredCheckpoint]:
    """Checkpoints over more than ``start`` and at most ``stop`` entries."""
    rows = connection.execute(
        select(CheckpointRow.size, CheckpointRow.root, CheckpointRow.note)
        .where(CheckpointRow.size > start, CheckpointRow.size <= stop)
        .order_by(CheckpointRow.size)
    ).all()
    lines: dict[int, list[tuple[str, str]]] = {}
    for row in connection.execute(
        select(CosignatureRow.size, CosignatureRow.witness, CosignatureRow.line)
        .where(CosignatureRow.size > start, CosignatureRow.size <= stop)
        .order_by(CosignatureRow.size, CosignatureRow.witness)
    ):
        lines.setdefault(row.size, []).append((row.witness, row.line))
    return [
        StoredCheckpoint(row.size, row.root, row.note, tuple(lines.get(row.size, ())))
        for row in rows
    ]


def find_checkpoint_sizes_beyond(connection: Connection, size: int) -> list[int]:
    """Sizes of checkpoints over more entries than the log has."""
    return list(
        connection.scalars(
            select(CheckpointRow.size)
            .where(CheckpointRow.size > size)
            .order_by(CheckpointRow.size)
        )
    )


def last_checkpoint_size(connection: Connection) -> int:
    """Over how many entries the newest checkpoint is; 0 while there is none."""
    return (
        connection.scalar(
            select(CheckpointRow.size).order_by(CheckpointRow.size.desc()).limit(1)
        )
        or 0
    )


def find_roots(connection: Connection, sizes: Collection[int]) -> dict[int, bytes]:
    """Roots of the checkpoints of these sizes; sizes without one are left out."""
    roots: dict[int, bytes] = {}
    for chunk in _chunks(sorted(sizes)):
        rows = connection.execute(
            select(CheckpointRow.size, CheckpointRow.root).where(
                CheckpointRow.size.in_(chunk)
            )
        )
        roots.update((row.size, row.root) for row in rows)
    return roots


def find_leaves(connection: Connection, leaves: Collection[bytes]) -> dict[bytes, int]:
    """Which of these leaf hashes stand in the log, and where."""
    found: dict[bytes, int] = {}
    for chunk in _chunks(sorted(leaves)):
        rows = connection.execute(
            select(LogEntryRow.leaf_hash, LogEntryRow.entry_index).where(
                LogEntryRow.leaf_hash.in_(chunk)
            )
        )
        found.update((row.leaf_hash, row.entry_index) for row in rows)
    return found


def read_key_facts(
    connection: Connection, types: Collection[str], size: int
) -> Iterator[tuple[int, bytes]]:
    """(index, note) of the entries of some types, in log order."""
    rows = connection.execute(
        select(LogEntryRow.entry_index, LogEntryRow.note)
        .where(LogEntryRow.type.in_(sorted(types)), LogEntryRow.entry_index < size)
        .order_by(LogEntryRow.entry_index)
        .execution_options(yield_per=1000)
    )
    for row in rows:
        yield row.entry_index, row.note


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), PARAMETERS):
        yield values[start : start + PARAMETERS]
