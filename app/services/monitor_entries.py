"""Check the entries that are new in a copy of a log, and who signed them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.services.archive_check import iter_key_entries
from app.services.archive_entries import Task
from app.services.archive_reading import Archive
from app.services.checking_pool import CheckingPool
from app.services.expectations import Expectation
from app.services.leaf_buckets import buckets_for, find_orphans
from ledger import (
    HASH_SIZE,
    TILE_WIDTH,
    Entry,
    KeyHistory,
    LedgerError,
    parse_entry,
)
from ledger.fork import ForkEvidence

BUNDLES_PER_TASK = 4


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that somebody has to look at.

    Attributes:
        kind: ``fork``, ``unproven``, ``answer``, ``entry``, ``key``, ``hidden``.
        message: In English.
        entry_index: Which entry it is about, if one.
        evidence: What shows it to anybody, if anything does.
    """

    kind: str
    message: str
    entry_index: int | None = None
    evidence: ForkEvidence | None = None


@dataclass(slots=True)
class EntryWatch:
    """Knows the keys of a log as far as it was checked, and goes on from there.

    Attributes:
        archive: A copy of which the hashes were verified.
        expectations: What owners of keys expect.
        processes: How many to spread signatures over.
        key_indexes: Entries about organisations and keys, verified before.
    """

    archive: Archive
    expectations: Sequence[Expectation]
    processes: int
    key_indexes: list[int]
    _history: KeyHistory = field(default_factory=KeyHistory)
    _facts: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def check(self, start: int, size: int) -> Iterator[Alarm]:
        """Check the entries from ``start`` to before ``size``.

        Raises:
            BadArchive: The copy was damaged since it was made.
        """
        if not self._facts:
            self._recall()
        for _, raw, entry in iter_key_entries(self.archive, size, start):
            try:
                self._history.check(raw.index, entry)
            except LedgerError as error:
                yield Alarm("entry", f"entry {raw.index}: {error}", raw.index)
            else:
                self._facts.append((raw.index, entry.fact))
                self.key_indexes.append(raw.index)
        with tempfile.TemporaryDirectory(prefix="remelt-monitor-") as scratch:
            yield from self._check_signatures(start, size, Path(scratch))
            yield from self._check_parents(start, size, Path(scratch))
        if self.expectations:
            yield from self._check_expectations(start, size)

    def _recall(self) -> None:
        """Fold again what was verified before."""
        for index in self.key_indexes:
            [(_, note)] = self.archive.iter_notes(index, index + 1)
            fact = parse_entry(note).fact
            self._history.add(index, fact)
            self._facts.append((index, fact))

    def _check_signatures(
        self, start: int, size: int, scratch: Path
    ) -> Iterator[Alarm]:
        task = Task(
            folder=self.archive.folder,
            size=size,
            key_facts=tuple(self._facts),
            with_entries=True,
            tiles_hold=True,
            start=start,
            scratch=scratch,
            buckets=buckets_for(size - start),
        )
        # A few entries are not worth the start of a process
        processes = self.processes if size - start > TILE_WIDTH * 16 else 1
        with CheckingPool(task, processes) as pool:
            bundles = pool.check_bundles(
                -(-size // TILE_WIDTH), BUNDLES_PER_TASK, first=start // TILE_WIDTH
            )
            for _, faults in bundles:
                for fault in faults:
                    yield Alarm("entry", fault.to_text(), fault.entry_index)

    def _check_parents(self, start: int, size: int, scratch: Path) -> Iterator[Alarm]:
        """What new entries rest on stands before them: looked up from the newest."""
        missing: dict[bytes, list[int]] = {}
        for orphan in find_orphans(scratch, buckets_for(size - start)):
            missing.setdefault(orphan.parent, []).append(orphan.index)
        for tile in reversed(range(start // TILE_WIDTH)):
            if not missing:
                return
            hashes = self.archive.read_tile(0, tile, TILE_WIDTH)
            for at in range(0, len(hashes), HASH_SIZE):
                missing.pop(hashes[at : at + HASH_SIZE], None)
        for parent, indexes in missing.items():
            for index in indexes:
                message = (
                    f"entry {index} names the parent {parent.hex()}, which does not "
                    "stand before it"
                )
                yield Alarm("entry", message, index)

    def _check_expectations(self, start: int, size: int) -> Iterator[Alarm]:
        codes = [one.organisation.encode() for one in self.expectations]
        for index, note in self.archive.iter_notes(start, size):
            if not any(code in note for code in codes):
                continue
            try:
                entry = parse_entry(note)
            except LedgerError:
                continue  # told already
            for one in self.expectations:
                if one.concerns(entry):
                    for text in one.surprises(entry, self._vkeys(index, entry)):
                        yield Alarm("key", f"entry {index}: {text}", index)

    def _vkeys(self, index: int, entry: Entry) -> dict[str, str]:
        found = {}
        for line in entry.signatures:
            try:
                key = self._history.key_at(line.name, index)
            except LedgerError:
                continue
            found[line.name] = key.verifier.vkey
        return found
