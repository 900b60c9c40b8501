"""Check the hash tiles of an archive, from the checkpoint's root downwards.

The tiles at the right edge give the root. Each full tile is the hash in the tile above
it, so that a tile is as good as the checkpoint when all above it are. Where two do not
fit, the one nearer to the root is believed if it is itself shown to be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.services.archive_findings import Fault
from app.services.archive_reading import MAX_BUNDLE, MAX_TILE, Archive, BadArchive
from app.services.checking_pool import CheckingPool
from ledger import (
    HASH_SIZE,
    TILE_WIDTH,
    Checkpoint,
    MalformedTile,
    TileName,
    decode_bundle,
    leaf_hash,
    parse_tile_path,
    root_from_tiles,
    root_of,
)
from ledger.proof import TILE_HEIGHT
from ledger.tiles import ENTRIES, split_hashes

TILES_PER_TASK = 64
KNOWN = {"policy", "checkpoint"}


def check_tiles(
    archive: Archive, head: Checkpoint, pool: CheckingPool
) -> Iterator[Fault]:
    """Check every hash tile of the tree against the root, the highest first."""
    levels = -(-max(head.size.bit_length(), 1) // TILE_HEIGHT)
    edge = [
        TileName(level, count // TILE_WIDTH, count % TILE_WIDTH)
        for level in range(levels)
        if (count := head.size >> (TILE_HEIGHT * level)) % TILE_WIDTH
    ]
    doubted: set[tuple[int, int]] = set()
    blamed = False
    try:
        edge_holds = root_from_tiles(archive, head.size) == head.root
    except BadArchive as error:
        yield Fault(error.file, "", None, error.reason)
        edge_holds, blamed = False, True
    if not edge_holds:
        doubted.update((int(name.level), name.index) for name in edge)
    for level in reversed(range(levels)):
        full = (head.size >> (TILE_HEIGHT * level)) // TILE_WIDTH
        for index in pool.odd_tiles(level, full, TILES_PER_TASK):
            blamed = True
            yield _fault_of_pair(archive, head.size, level, index, doubted)
    if not edge_holds and not blamed:
        blamed_edge = list(_faults_of_leaves(archive, edge))
        yield from blamed_edge
        if not blamed_edge:
            files = ", ".join(name.path for name in edge)
            yield Fault(
                "checkpoint",
                "line 3",
                None,
                f"the hashes in {files} do not lead to the checkpoint's root",
            )


def _fault_of_pair(
    archive: Archive, size: int, level: int, index: int, doubted: set[tuple[int, int]]
) -> Fault:
    """Say which of two tiles is wrong: a full one, or the hash of it above."""
    above = size >> (TILE_HEIGHT * (level + 1))
    parent = TileName(
        level + 1,
        index // TILE_WIDTH,
        min(TILE_WIDTH, above - index // TILE_WIDTH * TILE_WIDTH),
    )
    at = index % TILE_WIDTH * HASH_SIZE
    place = f"bytes {at}-{at + HASH_SIZE - 1}"
    name = TileName(level, index)
    try:
        path, tile = archive.read_hashes(name)
    except BadArchive as error:
        doubted.add((level, index))
        return Fault(error.file, "", None, error.reason)
    try:
        parent_path, roots = archive.read_hashes(parent)
    except BadArchive as error:
        doubted.add((level, index))
        return Fault(error.file, "", None, error.reason)
    if (level + 1, parent.index) in doubted and _fits_below(
        archive, level, index, tile
    ):
        return Fault(parent_path, place, None, f"is not the root of {path}")
    doubted.add((level, index))
    wanted = roots[at : at + HASH_SIZE]
    odd = _odd_hash(archive, level, index, tile, wanted)
    message = f"its root is not the hash in {parent_path}, {place}"
    return Fault(path, "" if odd is None else _hash_place(odd), None, message)


def _hash_place(position: int) -> str:
    start = position * HASH_SIZE
    return f"bytes {start}-{start + HASH_SIZE - 1}"


def _below(archive: Archive, level: int, index: int) -> list[bytes] | None:
    """What a full tile should hold, worked out from the files below it."""
    base = index * TILE_WIDTH
    try:
        if level:
            tiles = (
                archive.read_tile(level - 1, base + n, TILE_WIDTH)
                for n in range(TILE_WIDTH)
            )
            return [root_of(split_hashes(tile)) for tile in tiles]
        return [leaf_hash(note) for note in archive.read_entries(index, TILE_WIDTH)]
    except BadArchive:
        return None


def _fits_below(archive: Archive, level: int, index: int, tile: bytes) -> bool:
    """Whether the files below a tile say the same as it does, or say nothing."""
    below = _below(archive, level, index)
    return below is None or b"".join(below) == tile


def _odd_hash(
    archive: Archive, level: int, index: int, tile: bytes, wanted: bytes
) -> int | None:
    """Which hash of a tile is wrong, if the files below it tell."""
    below = _below(archive, level, index)
    if below is None or root_of(below) != wanted:
        return None
    return _first_odd(split_hashes(tile), below)


def _first_odd(found: Sequence[object], expected: Sequence[object]) -> int:
    """Where two rows begin to differ."""
    pairs = enumerate(zip(found, expected, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(found), len(expected)))


def _faults_of_leaves(archive: Archive, edge: list[TileName]) -> Iterator[Fault]:
    """Hashes of the partial tile of leaves that its entries do not give."""
    for name in edge:
        if name.level != 0:
            continue
        try:
            path, tile = archive.read_hashes(name)
            notes = archive.read_entries(name.index, name.width)
        except BadArchive:
            return
        for n, (found, note) in enumerate(zip(split_hashes(tile), notes, strict=True)):
            if found != leaf_hash(note):
                index = name.index * TILE_WIDTH + n
                message = "is not the hash of the entry"
                yield Fault(path, _hash_place(n), index, message)


def check_unneeded(archive: Archive, size: int, notes: list[str]) -> Iterator[Fault]:
    """Compare files that the checkpoint does not need with those that it does.

    A smaller partial tile is the beginning of the larger one. What reaches beyond the
    checkpoint, an update that was not finished, is counted and named in ``notes``.
    """
    ahead = others = 0
    for path in archive.iter_files():
        try:
            name = parse_tile_path(path)
        except MalformedTile:
            others += path not in KNOWN
            continue
        level = 0 if name.level == ENTRIES else name.level
        covered = (size >> (TILE_HEIGHT * level)) - name.index * TILE_WIDTH
        needed = TileName(name.level, name.index, max(min(covered, TILE_WIDTH), 1))
        if covered <= 0:
            ahead += 1
            continue
        if name.width > needed.width:
            ahead += 1
        if name.width == needed.width or (found := archive.find(needed)) == path:
            continue
        most = MAX_BUNDLE if name.level == ENTRIES else MAX_TILE
        try:
            stale = archive.read_file(path, most)
            whole = archive.read_file(found, most)
        except BadArchive as error:
            yield Fault(error.file, "", None, error.reason)
            continue
        shorter, longer = sorted((stale, whole), key=len)
        if not longer.startswith(shorter):
            at = _first_odd(shorter, longer)
            yield Fault(path, f"byte {at}", None, f"differs from {found}")
        elif not _has_width(name, stale):
            yield Fault(path, "", None, f"does not hold {name.width}")
    if ahead:
        notes.append(
            f"{ahead} files reach beyond the checkpoint, of an update that was not "
            "finished: they were not checked there"
        )
    if others:
        notes.append(f"{others} files are no part of an archive and were not read")


def _has_width(name: TileName, data: bytes) -> bool:
    if name.level != ENTRIES:
        return len(data) == name.width * HASH_SIZE
    try:
        return len(decode_bundle(data)) == name.width
    except MalformedTile:
        return False
