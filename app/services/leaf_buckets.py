"""Leaves and the parents that entries name, spread over files by their hash.

Whether each parent stands before the entry that names it is then told file by file, in
memory that does not grow with the log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger import HASH_SIZE

LEAVES_PER_BUCKET = 100_000
MAX_BUCKETS = 256
INDEX_SIZE = 8
RECORD = HASH_SIZE + INDEX_SIZE
MAX_KEPT = 1 << 22


def buckets_for(size: int) -> int:
    """How many files to spread the leaves of a log of this size over."""
    return max(1, min(MAX_BUCKETS, size // LEAVES_PER_BUCKET))


@dataclass(frozen=True, slots=True)
class Orphan:
    """An entry whose parent does not stand before it."""

    index: int
    parent: bytes


class BucketWriter:
    """Writes what one process finds; its files are its own."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._kept: dict[tuple[str, int], bytearray] = {}
        self._held = 0

    def add_leaves(self, base: int, hashes: bytes) -> None:
        """Leaf hashes, one behind the other, from entry ``base`` on."""
        for n in range(0, len(hashes), HASH_SIZE):
            index = base + n // HASH_SIZE
            self._add("leaves", index, hashes[n : n + HASH_SIZE])

    def add_parent(self, index: int, parent: bytes) -> None:
        """A parent that an entry names."""
        self._add("parents", index, parent)

    def _add(self, kind: str, index: int, digest: bytes) -> None:
        key = (kind, digest[0] * self._count // 256)
        kept = self._kept.setdefault(key, bytearray())
        kept += digest + index.to_bytes(INDEX_SIZE, "big")
        self._held += RECORD
        if self._held >= MAX_KEPT:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        for (kind, bucket), records in self._kept.items():
            path = self._folder / f"{kind}-{bucket}-{os.getpid()}"
            with path.open("ab") as stream:
                stream.write(records)
        self._kept.clear()
        self._held = 0


def find_orphans(folder: Path, count: int) -> Iterator[Orphan]:
    """Entries that name a parent which does not stand before them."""
    for bucket in range(count):
        first: dict[bytes, int] = {}
        for index, digest in _records(folder, "leaves", bucket):
            first[digest] = min(index, first.get(digest, index))
        for index, digest in _records(folder, "parents", bucket):
            if first.get(digest, index) >= index:
                yield Orphan(index, digest)


def _records(folder: Path, kind: str, bucket: int) -> Iterator[tuple[int, bytes]]:
    for path in sorted(folder.glob(f"{kind}-{bucket}-*")):
        with path.open("rb") as stream:
            while part := stream.read(RECORD * 4096):
                for n in range(0, len(part), RECORD):
                    digest = part[n : n + HASH_SIZE]
                    yield (
                        int.from_bytes(part[n + HASH_SIZE : n + RECORD], "big"),
                        digest,
                    )
