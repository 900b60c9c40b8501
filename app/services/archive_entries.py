"""Check the entries of an archive, bundle by bundle, in a process of its own.

An entry is checked against its leaf hash, its form, the signature of a key that is
valid at its index, and what its signer had seen of the log. What it names as parents
goes to files, and is looked up when every leaf is known: memory stays the same however
long the log.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.services.archive_findings import Fault
from app.services.archive_reading import MAX_BUNDLE, Archive, BadArchive
from app.services.leaf_buckets import BucketWriter
from ledger import (
    HASH_SIZE,
    KEY_TYPES,
    TILE_WIDTH,
    KeyHistory,
    LedgerError,
    TileName,
    leaf_hash,
    parse_entry,
    root_from_tiles,
    root_of,
    verify_entry,
)
from ledger.proof import TILE_HEIGHT
from ledger.tiles import ENTRIES, split_hashes

KEPT_ROOTS = 256


@dataclass(frozen=True, slots=True)
class Task:
    """What every process is told once.

    Attributes:
        folder: Of the archive.
        size: Of its checkpoint.
        key_facts: (index, fact) of organisations and keys, verified, in log order.
        with_entries: Whether entries are there to be checked.
        tiles_hold: Whether the hash tiles lead to the root.
        start: Entries before it were checked at another time: their hashes only.
        scratch: Folder for the leaves and parents; None: parents are not looked up.
        buckets: How many files to spread them over.
    """

    folder: Path
    size: int
    key_facts: Sequence[tuple[int, Mapping[str, Any]]]
    with_entries: bool
    tiles_hold: bool
    start: int
    scratch: Path | None
    buckets: int

    def after(
        self, key_facts: Sequence[tuple[int, Mapping[str, Any]]], *, tiles_hold: bool
    ) -> Task:
        """The same task once the keys are folded and the tiles checked."""
        return replace(self, key_facts=key_facts, tiles_hold=tiles_hold)


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it lies in its bundle.

    Attributes:
        index: In the log.
        note: Its bytes.
        at: Of its first byte in the file.
    """

    index: int
    note: bytes
    at: int

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"entry {self.index}, bytes {self.at}-{self.at + len(self.note) - 1}"


class EntryChecker:
    """Checks bundles; one for each process."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._archive = Archive(task.folder)
        self._history = KeyHistory()
        for index, fact in task.key_facts:
            self._history.add(index, fact)
        self._roots: OrderedDict[int, bytes] = OrderedDict()
        self._buckets = (
            None if task.scratch is None else BucketWriter(task.scratch, task.buckets)
        )

    def odd_tiles(self, level: int, first: int, stop: int) -> list[int]:
        """Full tiles of a level whose root is not the hash in the tile above."""
        odd = []
        above = self._task.size >> (TILE_HEIGHT * (level + 1))
        for index in range(first, stop):
            parent = index // TILE_WIDTH
            width = min(TILE_WIDTH, above - parent * TILE_WIDTH)
            at = index % TILE_WIDTH * HASH_SIZE
            try:
                tile = self._archive.read_tile(level, index, TILE_WIDTH)
                roots = self._archive.read_tile(level + 1, parent, width)
            except BadArchive:
                odd.append(index)
                continue
            if root_of(split_hashes(tile)) != roots[at : at + HASH_SIZE]:
                odd.append(index)
        return odd

    def check(self, first: int, stop: int) -> list[Fault]:
        """Check the bundles from ``first`` to before ``stop``."""
        faults: list[Fault] = []
        for index in range(first, stop):
            try:
                faults += self._check_bundle(index)
            except BadArchive as error:
                faults.append(Fault(error.file, "", None, error.reason))
        if self._buckets is not None:
            self._buckets.flush()
        return faults

    def _check_bundle(self, index: int) -> Iterator[Fault]:
        width = min(TILE_WIDTH, self._task.size - index * TILE_WIDTH)
        tile_file, hashes = self._archive.read_hashes(TileName(0, index, width))
        base = index * TILE_WIDTH
        if self._buckets is not None:
            self._buckets.add_leaves(base, hashes)
        if not self._task.with_entries or base + width <= self._task.start:
            return
        path = self._archive.find(TileName(ENTRIES, index, width))
        data = self._archive.read_file(path, MAX_BUNDLE)
        whole = path == TileName(ENTRIES, index, width).path
        for raw in split_bundle(path, data, base, width, whole=whole):
            if isinstance(raw, Fault):
                yield raw
                return
            at = (raw.index - base) * HASH_SIZE
            if leaf_hash(raw.note) != hashes[at : at + HASH_SIZE]:
                yield Fault(
                    path,
                    raw.place,
                    raw.index,
                    f"its hash is not the one in {tile_file}, bytes "
                    f"{at}-{at + HASH_SIZE - 1}",
                )
            elif raw.index >= self._task.start and (fault := self._fault_of(raw)):
                yield Fault(path, raw.place, raw.index, fault)

    def _fault_of(self, raw: RawEntry) -> str | None:
        """What is wrong with an entry whose hash is right."""
        try:
            entry = parse_entry(raw.note)
            fact = entry.fact
            if (
                fact["type"] not in KEY_TYPES
            ):  # those were checked when they were folded
                verify_entry(entry, [self._history.signer_of(raw.index, entry)])
        except LedgerError as error:
            return str(error)
        if self._buckets is not None:
            for parent in fact["parents"]:
                self._buckets.add_parent(raw.index, bytes.fromhex(parent))
        if not self._task.tiles_hold:
            return None  # what a damaged tile says of the past is nobody's fault
        return self._fault_of_seen(raw.index, fact["seen"])

    def _fault_of_seen(self, index: int, seen: Mapping[str, Any] | None) -> str | None:
        if seen is None:
            return None
        if seen["size"] > index:
            return (
                f"its signer saw {seen['size']} entries before it: the log is another "
                "one than the signer saw"
            )
        if self._root_at(seen["size"]).hex() != seen["root"]:
            return (
                f"its signer saw another root over {seen['size']} entries: the log is "
                "another one than the signer saw"
            )
        return None

    def _root_at(self, size: int) -> bytes:
        if size not in self._roots:
            self._roots[size] = root_from_tiles(self._archive, size)
            if len(self._roots) > KEPT_ROOTS:
                self._roots.popitem(last=False)
        return self._roots[size]


def split_bundle(
    path: str, data: bytes, base: int, width: int, *, whole: bool
) -> Iterator[RawEntry | Fault]:
    """The entries of a bundle with their places; a fault ends it.

    Args:
        path: Of the file, for a fault.
        data: Its bytes.
        base: Index of its first entry.
        width: How many entries are wanted.
        whole: Whether the file holds these and no more.
    """
    at = 0
    for index in range(base, base + width):
        start = at + 2
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data):
            place = f"entry {index}, from byte {at} on"
            yield Fault(path, place, index, "the bundle ends within the entry")
            return
        yield RawEntry(index, data[start:end], start)
        at = end
    if whole and at != len(data):
        yield Fault(path, f"from byte {at} on", None, "more follows than its entries")


_checker: EntryChecker | None = None


def open_checker(task: Task) -> None:
    """Make the checker of a process, once: what a pool starts each with."""
    global _checker  # noqa: PLW0603 - a process of a pool has no other memory
    _checker = EntryChecker(task)


def check_bundles(first: int, stop: int) -> list[Fault]:
    """Check bundles with the checker of this process."""
    assert _checker is not None  # noqa: S101 - for the type checker
    return _checker.check(first, stop)


def odd_tiles(level: int, first: int, stop: int) -> list[int]:
    """Check full hash tiles with the checker of this process."""
    assert _checker is not None  # noqa: S101 - for the type checker
    return _checker.odd_tiles(level, first, stop)
