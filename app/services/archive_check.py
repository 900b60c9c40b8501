"""Check a whole archive of a log: every byte of it, offline, asking nobody.

From the policy to the checkpoint, from its root down the hash tiles to the leaves, from
each leaf to its entry, and of each entry its form, the signature of a key valid at its
index, its parents and what its signer had seen. Files that the checkpoint does not need
are compared with those that it does.

It reads a folder and nothing else, so that a copy can be checked where no log runs.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.services.archive_entries import RawEntry, Task, split_bundle
from app.services.archive_findings import ArchiveReport, Fault, Findings
from app.services.archive_reading import (
    CHECKPOINT,
    MAX_BUNDLE,
    POLICY,
    Archive,
    BadArchive,
)
from app.services.archive_tiles import check_tiles, check_unneeded
from app.services.checking_pool import CheckingPool
from app.services.leaf_buckets import buckets_for, find_orphans
from app.services.policy_files import PinnedPolicy, open_sealed, stranger_lines
from ledger import (
    HASH_SIZE,
    KEY_TYPES,
    TILE_WIDTH,
    Entry,
    KeyHistory,
    LedgerError,
    PolicyOutcome,
    TileName,
    evaluate_policy,
    leaf_hash,
    parse_entry,
)
from ledger.tiles import ENTRIES

Progress = Callable[[int], None]
BUNDLES_PER_TASK = 8
_KEY_TYPES = "|".join(re.escape(one) for one in sorted(KEY_TYPES))
_KEY_FACT = re.compile(f'"type":"(?:{_KEY_TYPES})"'.encode())


def check_archive(
    folder: Path,
    *,
    trusted: PinnedPolicy | None = None,
    processes: int = 1,
    progress: Progress = lambda done: None,
) -> ArchiveReport:
    """Check everything that a folder holds of a log.

    Args:
        folder: As ``remelt ledger export`` or ``remelt mirror`` wrote it.
        trusted: The reader's own policy. Without it the archive's own counts: then it
            is whole, of whatever log it is.
        processes: How many to spread the work over; 1: none but this one.
        progress: Told how many entries are done.

    Returns:
        A report, whatever was found.
    """
    return _Check(folder, trusted, processes, progress).run()


class _Check:
    """One run; each step keeps what it finds."""

    def __init__(
        self,
        folder: Path,
        trusted: PinnedPolicy | None,
        processes: int,
        progress: Progress,
    ) -> None:
        self._archive = Archive(folder)
        self._found = Findings()
        self._notes: list[str] = []
        self._trusted = trusted
        self._processes = processes
        self._progress = progress
        self._outcome: PolicyOutcome | None = None
        self._log_vkeys: frozenset[str] = frozenset()
        self._with_entries = self._archive.has_entries

    def run(self) -> ArchiveReport:
        own = self._read_policy()
        trusted = self._trusted or own
        genesis = trusted.genesis if trusted else None
        if genesis is None and own is not None:
            genesis = own.genesis
        hashes = entries = 0
        if trusted is not None:
            self._log_vkeys = frozenset(log.vkey for log in trusted.policy.logs)
            self._read_checkpoint(trusted)
        if self._outcome is not None and self._outcome.checkpoint.size:
            hashes, entries = self._check_log(genesis)
        size = self._outcome.checkpoint.size if self._outcome else 0
        return ArchiveReport(
            size=size,
            outcome=self._outcome,
            genesis=genesis,
            hashes=hashes,
            entries=entries,
            faults=tuple(self._found.listed),
            fault_count=self._found.count,
            notes=tuple(self._notes),
        )

    def _read_policy(self) -> PinnedPolicy | None:
        try:
            own = open_sealed(self._archive.read_policy())
        except (BadArchive, LedgerError) as error:
            reason = error.reason if isinstance(error, BadArchive) else str(error)
            self._found.add(Fault(POLICY, "", None, reason))
            return None
        if self._trusted is None:
            self._notes.append(
                "you named no policy: the archive's own was taken, so that the archive "
                "is shown to be whole, but not to be of the log that you trust"
            )
        elif not self._trusted.says_the_same(own):
            self._notes.append("the archive's policy is another one than yours")
        return own

    def _read_checkpoint(self, trusted: PinnedPolicy) -> None:
        try:
            note = self._archive.read_checkpoint()
            outcome = evaluate_policy(trusted.policy, note)
            for number, line in stranger_lines(trusted.policy, note):
                message = f"signed by {line.name}, which no line of the policy names"
                self._found.add(Fault(CHECKPOINT, f"line {number}", None, message))
        except (BadArchive, LedgerError) as error:
            reason = error.reason if isinstance(error, BadArchive) else str(error)
            self._found.add(Fault(CHECKPOINT, "", None, reason))
            return
        if not outcome.satisfied:
            message = f"the quorum {trusted.policy.quorum} is not met"
            self._found.add(Fault(CHECKPOINT, "", None, message))
        self._outcome = outcome

    def _check_log(self, genesis: str | None) -> tuple[int, int]:
        """Check tiles and entries; gives how many of each."""
        assert self._outcome is not None  # noqa: S101 - for the type checker
        head = self._outcome.checkpoint
        if not self._with_entries:
            self._notes.append("hashes only: no entry is kept, and none was checked")
        with tempfile.TemporaryDirectory(prefix="remelt-check-") as scratch:
            task = Task(
                folder=self._archive.folder,
                size=head.size,
                key_facts=(),
                with_entries=self._with_entries,
                tiles_hold=True,
                start=0,
                scratch=Path(scratch) if self._with_entries else None,
                buckets=buckets_for(head.size),
            )
            tile_faults = self._found.count
            with CheckingPool(task, self._processes) as pool:
                self._found.extend(check_tiles(self._archive, head, pool))
            tiles_hold = self._found.count == tile_faults
            self._check_genesis(genesis)
            if self._with_entries:
                task = task.after(self._fold_keys(head.size), tiles_hold=tiles_hold)
                self._check_entries(task)
                self._check_parents(Path(scratch), task.buckets)
        self._found.extend(check_unneeded(self._archive, head.size, self._notes))
        return head.size, head.size if self._with_entries else 0

    def _check_genesis(self, genesis: str | None) -> None:
        try:
            path, tile = self._archive.read_hashes(TileName(0, 0, 1))
        except BadArchive:
            return  # the check of tiles has said so
        if genesis is None or tile.hex() == genesis:
            return
        message = f"the log's first entry is not the pinned one, {genesis}"
        self._found.add(Fault(path, "bytes 0-31", 0, message))

    def _fold_keys(self, size: int) -> list[tuple[int, dict[str, Any]]]:
        """Facts of organisations and keys whose signatures hold, in log order."""
        history, kept = KeyHistory(), []
        for path, raw, entry in iter_key_entries(self._archive, size):
            try:
                if self._is_as_hashed(raw, size):
                    history.check(raw.index, entry)
                else:
                    # Rot, which the check of entries reports: what the key signed
                    # later should not be doubted for it
                    history.add(raw.index, entry.fact)
                kept.append((raw.index, entry.fact))
            except LedgerError as error:
                self._found.add(Fault(path, raw.place, raw.index, str(error)))
        self._check_origin(history)
        return kept

    def _is_as_hashed(self, raw: RawEntry, size: int) -> bool:
        index, at = divmod(raw.index, TILE_WIDTH)
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        try:
            tile = self._archive.read_tile(0, index, width)
        except BadArchive:
            return True
        return leaf_hash(raw.note) == tile[at * HASH_SIZE : (at + 1) * HASH_SIZE]

    def _check_origin(self, history: KeyHistory) -> None:
        assert self._outcome is not None  # noqa: S101 - for the type checker
        if history.origin and history.origin != self._outcome.checkpoint.origin:
            message = f"entry 0 is of the log {history.origin}"
            self._found.add(Fault(CHECKPOINT, "line 1", None, message))
        if history.log_vkey and history.log_vkey not in self._log_vkeys:
            message = "entry 0 names a log key that the policy does not"
            self._found.add(Fault(CHECKPOINT, "line 1", 0, message))

    def _check_entries(self, task: Task) -> None:
        bundles = -(-task.size // TILE_WIDTH)
        with CheckingPool(task, self._processes) as pool:
            for stop, faults in pool.check_bundles(bundles, BUNDLES_PER_TASK):
                self._found.extend(faults)
                self._progress(min(stop * TILE_WIDTH, task.size))

    def _check_parents(self, scratch: Path, buckets: int) -> None:
        for orphan in find_orphans(scratch, buckets):
            index = orphan.index // TILE_WIDTH
            size = self._outcome.checkpoint.size if self._outcome else 0
            width = min(TILE_WIDTH, size - index * TILE_WIDTH)
            path = self._archive.find(TileName(ENTRIES, index, width))
            parent = orphan.parent.hex()
            message = f"names the parent {parent}, which does not stand before it"
            place = f"entry {orphan.index}"
            self._found.add(Fault(path, place, orphan.index, message))


def iter_key_entries(
    archive: Archive, size: int, start: int = 0
) -> Iterator[tuple[str, RawEntry, Entry]]:
    """(file, bytes, entry) of each fact about organisations and keys, in log order.

    Those from ``start`` to before ``size``. Nothing is verified. What cannot be read is
    passed over: ``check_archive`` reports it.
    """
    for index in range(start // TILE_WIDTH, -(-size // TILE_WIDTH)):
        base = index * TILE_WIDTH
        width = min(TILE_WIDTH, size - base)
        try:
            path = archive.find(TileName(ENTRIES, index, width))
            data = archive.read_file(path, MAX_BUNDLE)
        except BadArchive:
            continue
        if index and not _KEY_FACT.search(data):
            continue
        for raw in split_bundle(path, data, base, width, whole=False):
            if isinstance(raw, Fault):
                break
            if raw.index < start or (raw.index and not _KEY_FACT.search(raw.note)):
                continue
            try:
                entry = parse_entry(raw.note)
            except LedgerError:
                continue
            if raw.index == 0 or entry.fact["type"] in KEY_TYPES:
                yield path, raw, entry
