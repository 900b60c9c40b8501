"""The Merkle tree of RFC 6962, section 2.1."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ledger.errors import NotCanonical

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry), 32 bytes; RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes; RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: enough to append and to give the root.

    It holds the root of one complete subtree for each 1 bit of the size, largest
    first.
    """

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    @classmethod
    def load(cls, size: int, data: bytes) -> Frontier:
        """The frontier that ``dump`` wrote.

        Raises:
            NotCanonical: The length of ``data`` does not fit ``size``.
        """
        if size < 0 or len(data) != HASH_SIZE * size.bit_count():
            raise NotCanonical(f"{len(data)} bytes cannot be the edge of size {size}")
        frontier = cls()
        frontier.size = size
        starts = range(0, len(data), HASH_SIZE)
        frontier._roots = [data[n : n + HASH_SIZE] for n in starts]
        return frontier

    def dump(self) -> bytes:
        """The roots of the complete subtrees, largest first, 32 bytes each."""
        return b"".join(self._roots)

    def append(self, entry: bytes) -> None:
        """Add one entry. Cost: O(log size) worst, O(1) on average."""
        self.append_leaf(leaf_hash(entry))

    def append_leaf(self, tip: bytes) -> None:
        """Add one entry by its leaf hash.

        Raises:
            NotCanonical: It is not 32 bytes long.
        """
        if len(tip) != HASH_SIZE:
            raise NotCanonical(f"a leaf hash of {len(tip)} bytes, expected {HASH_SIZE}")
        size = self.size
        while size & 1:
            tip, size = node_hash(self._roots.pop(), tip), size >> 1
        self._roots.append(tip)
        self.size += 1

    def append_edge(self, size: int, edge: Sequence[bytes]) -> None:
        """Add ``size`` entries by the full subtrees over them, largest first.

        Raises:
            NotCanonical: The subtrees are not those of ``size``, or would not begin
                where subtrees of the tree do.
        """
        heights = [n for n in reversed(range(size.bit_length())) if size >> n & 1]
        if len(heights) != len(edge) or any(len(tip) != HASH_SIZE for tip in edge):
            raise NotCanonical(f"{len(edge)} hashes are not the edge of size {size}")
        for height, added in zip(heights, edge, strict=True):
            if self.size % (1 << height):
                raise NotCanonical(
                    f"a subtree of {1 << height} cannot stand at {self.size}"
                )
            tip, rest = added, self.size >> height
            while rest & 1:
                tip, rest = node_hash(self._roots.pop(), tip), rest >> 1
            self._roots.append(tip)
            self.size += 1 << height

    def root(self) -> bytes:
        """Root hash, 32 bytes; of the empty tree, SHA-256 of nothing."""
        if not self._roots:
            return EMPTY_ROOT
        *rest, tip = self._roots
        for root in reversed(rest):
            tip = node_hash(root, tip)
        return tip


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over these leaf hashes. Cost: O(n)."""
    frontier = Frontier()
    for tip in leaf_hashes:
        frontier.append_leaf(tip)
    return frontier.root()
