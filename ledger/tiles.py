"""Tiles and bundles of entries, exactly as C2SP tlog-tiles names and fills them.

A full tile is 256 hashes. Tile ``n`` of level ``l`` holds the roots of the complete
subtrees of ``256**l`` leaves from ``n * 256`` on. A bundle is 256 entries, each behind
its length in two bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from ledger.errors import MalformedTile
from ledger.tree import HASH_SIZE

TILE_WIDTH = 256
MAX_LEVEL = 63
MAX_ENTRY_SIZE = 65_535
MAX_PATH = 64  # an index of 63 bits needs 46
ENTRIES: Final = "entries"
_NAME = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?"
)


class TileReader(Protocol):
    """Storage of hashes, as proofs see it."""

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile, 32 bytes each."""
        ...


@dataclass(frozen=True, slots=True)
class TileName:
    """What a tile's path names.

    Attributes:
        level: 0 to 63, or ``"entries"`` for a bundle of entries.
        index: Position in its level.
        width: Hashes or entries in it, 1 to 256; 256 is a full tile.
    """

    level: int | Literal["entries"]
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Path below the log's prefix."""
        if self.level == ENTRIES:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Path of a tile of hashes, below the log's prefix.

    >>> tile_path(0, 1234067)
    'tile/0/x001/x234/067'
    """
    return _path(str(level), index, width)


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Path of a bundle of entries, below the log's prefix.

    >>> entries_path(5, 12)
    'tile/entries/005.p/12'
    """
    return _path(ENTRIES, index, width)


def _path(level: str, index: int, width: int) -> str:
    groups, rest = [f"{index % 1000:03d}"], index // 1000
    while rest:
        groups.append(f"x{rest % 1000:03d}")
        rest //= 1000
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_tile_path(path: str) -> TileName:
    """The tile that a path names; only the one spelling of ``tile_path`` is accepted.

    Raises:
        MalformedTile: It names none.
    """
    match = _NAME.fullmatch(path) if len(path) <= MAX_PATH else None
    if match is None:
        raise MalformedTile(f"{path[:MAX_PATH]!r} names no tile")
    level, groups, width = match.groups()
    name = TileName(
        ENTRIES if level == ENTRIES else int(level),
        int(groups.replace("/", "").replace("x", "")),
        TILE_WIDTH if width is None else int(width),
    )
    if name.path != path or not 1 <= name.width <= TILE_WIDTH:
        raise MalformedTile(f"{path!r} names no tile")
    if name.level != ENTRIES and name.level > MAX_LEVEL:
        raise MalformedTile(f"there is no level {name.level}")
    return name


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries one behind the other, each behind its length in two bytes.

    Raises:
        MalformedTile: An entry is longer than 65,535 bytes, or there are more than 256.
    """
    if len(entries) > TILE_WIDTH:
        raise MalformedTile(f"{len(entries)} entries fit no bundle")
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_SIZE:
            raise MalformedTile(f"an entry of {len(entry)} bytes fits no bundle")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        MalformedTile: The data end within an entry, or hold more than 256.
    """
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise MalformedTile("the bundle ends within an entry")
        entries.append(data[at + 2 : end])
        at = end
    if len(entries) > TILE_WIDTH:
        raise MalformedTile(f"the bundle holds {len(entries)} entries")
    return entries


def tiles_of_size(size: int) -> Iterator[TileName]:
    """Every tile and bundle of a tree of this size, full and partial, lowest first."""
    return new_tiles(0, size)


def new_tiles(old_size: int, new_size: int) -> Iterator[TileName]:
    """The tiles and bundles that a tree of the new size has and one of the old not.

    In the order in which to write them: entries, then the hashes from level 0 up.
    """
    level: int | Literal["entries"] = ENTRIES
    old, new = old_size, new_size
    while new:
        for index in range(old // TILE_WIDTH, new // TILE_WIDTH):
            yield TileName(level, index)
        if new > old and (rest := new % TILE_WIDTH):
            yield TileName(level, new // TILE_WIDTH, rest)
        if level == ENTRIES:
            level = 0
        else:
            level, old, new = level + 1, old // TILE_WIDTH, new // TILE_WIDTH


def split_hashes(data: bytes) -> list[bytes]:
    """The hashes of a tile, 32 bytes each.

    Raises:
        MalformedTile: The data do not split evenly.
    """
    if len(data) % HASH_SIZE:
        raise MalformedTile(f"{len(data)} bytes are no row of hashes")
    return [data[n : n + HASH_SIZE] for n in range(0, len(data), HASH_SIZE)]
