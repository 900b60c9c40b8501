"""Check the entries that are new in a copy of a log, and who signed them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.services.archive_check import iter_key_entries
from app.services.archive_entries import Task
from app.services.archive_reading import Archive, BadArchive
from app.services.checking_pool import CheckingPool
from app.services.expectations import Expectation
from app.services.leaf_buckets import buckets_for, find_orphans
from ledger import (
    HASH_SIZE,
    TILE_WIDTH,
    Entry,
    KeyHistory,
    LedgerError,
    leaf_hash,
    parse_entry,
)
from ledger.fork import ForkEvidence

BUNDLES_PER_TASK = 4


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that somebody has to look at.

    Attributes:
        kind: ``fork``, ``unproven``, ``answer``, ``shrunk``, ``entry``, ``key``,
            ``witnesses``, ``hidden``, ``quiet``.
        message: In English.
        entry_index: Which entry it is about, if one.
        leaf: Its leaf hash, hexadecimal, where its owner may have expected it.
        evidence: What shows it to anybody, if anything does.
    """

    kind: str
    message: str
    entry_index: int | None = None
    leaf: str | None = None
    evidence: ForkEvidence | None = None


class EntryWatch:
    """Knows the keys of a log as far as it was checked, and goes on from there.

    Args:
        archive: A copy of which the hashes were verified.
        processes: How many to spread signatures over.
        key_indexes: Entries about organisations and keys, verified before.

    Attributes:
        key_indexes: These, and those that were verified since.
    """

    def __init__(
        self, archive: Archive, processes: int, key_indexes: list[int]
    ) -> None:
        self.key_indexes = key_indexes
        self._archive, self._processes = archive, processes
        self._history = KeyHistory()
        self._facts: list[tuple[int, dict[str, Any]]] = []

    def check(self, start: int, size: int) -> list[Alarm]:
        """Check the entries from ``start`` to before ``size``.

        Raises:
            BadArchive: The copy was damaged since it was made; nothing was checked.
        """
        self._recall()
        known = len(self.key_indexes)
        try:
            alarms = list(self._fold(start, size))
            with tempfile.TemporaryDirectory(prefix="remelt-monitor-") as scratch:
                alarms += self._check_signatures(start, size, Path(scratch))
                alarms += self._check_parents(start, size, Path(scratch))
        except BaseException:
            # They are folded again when the copy can be read
            del self.key_indexes[known:]
            self._history, self._facts = KeyHistory(), []
            raise
        return alarms

    def surprises(
        self, start: int, size: int, expectations: Sequence[Expectation]
    ) -> Iterator[Alarm]:
        """What owners of keys did not expect, of entries that were checked.

        Raises:
            BadArchive: The copy was damaged since it was made.
        """
        self._recall()
        codes = [one.organisation.encode() for one in expectations]
        for index, note in self._archive.iter_notes(start, size):
            if not any(code in note for code in codes):
                continue
            try:
                entry = parse_entry(note)
            except LedgerError:
                continue  # told already
            leaf, vkeys = leaf_hash(note).hex(), self._vkeys(index, entry)
            for one in expectations:
                if one.concerns(entry):
                    for text in one.surprises(entry, vkeys):
                        yield Alarm("key", f"entry {index}: {text}", index, leaf)

    def _recall(self) -> None:
        """Fold again what was verified before, once."""
        if self._facts:
            return
        for index in self.key_indexes:
            [(_, note)] = self._archive.iter_notes(index, index + 1)
            tile, at = divmod(index, TILE_WIDTH)
            hashes = self._archive.read_tile(0, tile, at + 1)
            if leaf_hash(note) != hashes[at * HASH_SIZE :]:
                raise BadArchive(
                    f"entry {index}", "its hash is not the one in the hash tile"
                )
            fact = parse_entry(note).fact
            self._history.add(index, fact)
            self._facts.append((index, fact))

    def _fold(self, start: int, size: int) -> Iterator[Alarm]:
        for _, raw, entry in iter_key_entries(self._archive, size, start):
            try:
                self._history.check(raw.index, entry)
            except LedgerError as error:
                yield Alarm("entry", f"entry {raw.index}: {error}", raw.index)
            else:
                self._facts.append((raw.index, entry.fact))
                self.key_indexes.append(raw.index)

    def _check_signatures(
        self, start: int, size: int, scratch: Path
    ) -> Iterator[Alarm]:
        task = Task(
            folder=self._archive.folder,
            size=size,
            key_facts=tuple(self._facts),
            with_entries=True,
            tiles_hold=True,
            start=start,
            scratch=scratch,
            buckets=buckets_for(size - start),
        )
        # A few entries are not worth the start of a process
        processes = self._processes if size - start > TILE_WIDTH * 16 else 1
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
            hashes = self._archive.read_tile(0, tile, TILE_WIDTH)
            for at in range(0, len(hashes), HASH_SIZE):
                missing.pop(hashes[at : at + HASH_SIZE], None)
        for parent, indexes in missing.items():
            for index in indexes:
                message = (
                    f"entry {index} names the parent {parent.hex()}, which does not "
                    "stand before it"
                )
                yield Alarm("entry", message, index)

    def _vkeys(self, index: int, entry: Entry) -> dict[str, str]:
        found = {}
        for line in entry.signatures:
            try:
                key = self._history.key_at(line.name, index)
            except LedgerError:
                continue
            found[line.name] = key.verifier.vkey
        return found
