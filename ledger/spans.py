"""Stretches of a tree, hashed on their own and joined: for checks in many processes.

A span begins where a subtree as large as the span begins, so that its subtrees are
those of the whole tree. RFC 6962, section 2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ledger.errors import NotCanonical
from ledger.tree import HASH_SIZE


class Span:
    """Every subtree over neighbouring leaves, from the first of them on.

    Args:
        leaves: Leaf hashes, 32 bytes each; the first is at a multiple of the next
            power of two.

    Cost: one hash a leaf.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if any(len(leaf) != HASH_SIZE for leaf in leaves):
            raise NotCanonical(f"a leaf hash is not {HASH_SIZE} bytes long")
        sha256 = hashlib.sha256
        level = list(leaves)
        self._levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [sha256(b"\x01" + a + b).digest() for a, b in pairs]
            self._levels.append(level)

    def __len__(self) -> int:
        return len(self._levels[0])

    def roots(self, height: int) -> list[bytes]:
        """Roots of the full subtrees over 2^height leaves each, from the left."""
        return self._levels[height] if height < len(self._levels) else []

    def edge(self, size: int) -> list[bytes]:
        """Roots of the full subtrees of the first leaves, largest first.

        Args:
            size: How many leaves, at most all.
        """
        edge, start = [], 0
        for height in reversed(range(size.bit_length())):
            if size >> height & 1:
                edge.append(self._levels[height][start >> height])
                start += 1 << height
        return edge
