"""Inclusion and consistency proofs: made from tiles, checked without any storage.

Making follows RFC 6962, sections 2.1.1 and 2.1.2; checking follows RFC 9162, sections
2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import ProofFailed
from ledger.tiles import TILE_WIDTH, TileReader, split_hashes
from ledger.tree import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash, root_of

TILE_HEIGHT = 8


class LeafTiles:
    """Tiles over leaf hashes in memory."""

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        self._levels = [list(leaf_hashes)]
        while len(below := self._levels[-1]) >= TILE_WIDTH:
            full = range(0, len(below) - TILE_WIDTH + 1, TILE_WIDTH)
            self._levels.append([root_of(below[n : n + TILE_WIDTH]) for n in full])

    @classmethod
    def of_entries(cls, entries: Sequence[bytes]) -> LeafTiles:
        """Tiles over whole entries."""
        return cls([leaf_hash(entry) for entry in entries])

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile, 32 bytes each."""
        start = index * TILE_WIDTH
        return b"".join(self._levels[level][start : start + width])


class _Hashes:
    """Roots of subtrees, by first leaf and size, out of the tiles of one tree size."""

    def __init__(self, reader: TileReader, size: int) -> None:
        self._reader, self._size = reader, size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def _row(self, level: int, start: int, stop: int) -> list[bytes]:
        """Hashes of one tile level, all out of one tile."""
        index = start // TILE_WIDTH
        if (level, index) not in self._tiles:
            width = min(
                (self._size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH, TILE_WIDTH
            )
            data = self._reader.read_tile(level, index, width)
            if len(data) != width * HASH_SIZE:
                raise ProofFailed(f"tile {index} of level {level} is not whole")
            self._tiles[level, index] = split_hashes(data)
        base = index * TILE_WIDTH
        return self._tiles[level, index][start - base : stop - base]

    def root(self, start: int, stop: int) -> bytes:
        """MTH(D[start:stop]): of a complete subtree, or of the right edge."""
        count = stop - start
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            level = height // TILE_HEIGHT
            first = start >> (TILE_HEIGHT * level)
            return root_of(
                self._row(level, first, first + (count >> (TILE_HEIGHT * level)))
            )
        left = 1 << (count - 1).bit_length() - 1
        return node_hash(self.root(start, start + left), self.root(start + left, stop))


def root_from_tiles(reader: TileReader, size: int) -> bytes:
    """Root of the first ``size`` leaves. Cost: O(log size) tiles."""
    return EMPTY_ROOT if size == 0 else _Hashes(reader, size).root(0, size)


def prove_inclusion(reader: TileReader, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, 2.1.1: the leaf's sibling first.

    Raises:
        ProofFailed: There is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ProofFailed(f"a tree of {size} leaves has no leaf {index}")
    hashes, path = _Hashes(reader, size), []
    start, stop = 0, size
    while stop - start > 1:
        split = start + (1 << (stop - start - 1).bit_length() - 1)
        if index < split:
            path.append(hashes.root(split, stop))
            stop = split
        else:
            path.append(hashes.root(start, split))
            start = split
    return path[::-1]


def prove_consistency(reader: TileReader, old_size: int, new_size: int) -> list[bytes]:
    """PROOF(old_size, D[new_size]) of RFC 6962, 2.1.2.

    Raises:
        ProofFailed: The sizes are not 0 < old_size <= new_size.
    """
    if not 0 < old_size <= new_size:
        raise ProofFailed(f"no proof leads from size {old_size} to {new_size}")
    hashes, path = _Hashes(reader, new_size), []
    start, stop, known = 0, new_size, True
    while old_size != stop:
        split = start + (1 << (stop - start - 1).bit_length() - 1)
        if old_size <= split:
            path.append(hashes.root(split, stop))
            stop = split
        else:
            path.append(hashes.root(start, split))
            start, known = split, False
    if not known:
        path.append(hashes.root(start, stop))
    return path[::-1]


def verify_inclusion(
    proof: Sequence[bytes], *, index: int, size: int, leaf_hash: bytes, root: bytes
) -> None:
    """Check that a leaf stands at ``index`` in the tree of this size and root.

    Raises:
        ProofFailed: The proof does not show it.
    """
    if not 0 <= index < size:
        raise ProofFailed(
            f"a tree of {size} leaves has no leaf {index}", code="inclusion.index"
        )
    _check_hashes(leaf_hash, root, *proof)
    at, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofFailed(
                "the path is longer than the tree is high", code="inclusion.length"
            )
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last or found != root:
        raise ProofFailed("the path does not lead to the root", code="inclusion.root")


def verify_consistency(
    proof: Sequence[bytes],
    *,
    old_size: int,
    new_size: int,
    old_root: bytes,
    new_root: bytes,
) -> None:
    """Check that the tree of the new size extends that of the old one.

    Raises:
        ProofFailed: The proof does not show it; from size 0 nothing can be shown.
    """
    if not 0 < old_size <= new_size:
        raise ProofFailed(
            f"no proof leads from size {old_size} to {new_size}",
            code="consistency.size",
        )
    _check_hashes(old_root, new_root, *proof)
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofFailed(
                "two trees of one size have different roots", code="consistency.roots"
            )
        return
    if not proof:
        raise ProofFailed("the proof is empty", code="consistency.empty")
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofFailed(
                "the proof is longer than the tree is high", code="consistency.length"
            )
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if last or old != old_root or new != new_root:
        raise ProofFailed(
            "the proof does not lead to the roots", code="consistency.root"
        )


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise ProofFailed("a hash is not 32 bytes long", code="hash.length")
