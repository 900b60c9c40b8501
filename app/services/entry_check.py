"""Check one entry, or the proof of one, offline: each check gives a sentence.

What a signature is worth depends on the index of the entry and on the keys valid there,
which an entry alone does not tell: they come from a bundle or an archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.services.archive_check import iter_key_entries
from app.services.archive_reading import Archive
from ledger import (
    KEY_TYPES,
    TILE_WIDTH,
    BundleReport,
    Check,
    Entry,
    KeyHistory,
    LedgerError,
    Policy,
    PolicyOutcome,
    ProofFailed,
    ProofFile,
    evaluate_policy,
    leaf_hash,
    parse_entry,
    prove_inclusion,
    verify_entry,
    verify_inclusion,
)
from ledger.tree import HASH_SIZE


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Keys of a log, and where they are known from.

    Attributes:
        history: Folded from verified facts.
        where: In words.
        size: Entries of the log that the facts were taken from.
        index_of: Index of the entry with a leaf hash, where the source holds it.
    """

    history: KeyHistory
    where: str
    size: int
    index_of: Callable[[bytes], int | None]


def keys_of_bundle(report: BundleReport) -> KnownKeys:
    """The keys that a bundle shows.

    Raises:
        ProofFailed: The bundle does not hold.
    """
    if not report.passed or report.outcome is None:
        failed = next((one for one in report.checks if not one.passed), None)
        raise ProofFailed(
            f"the bundle does not hold: {failed.detail if failed else ''}"
        )
    history = KeyHistory()
    for fact in report.facts:
        history.add(fact.index, fact.fact)
    indexes = {fact.leaf: fact.index for fact in report.facts}
    return KnownKeys(
        history,
        "the bundle",
        report.outcome.checkpoint.size,
        lambda leaf: indexes.get(leaf.hex()),
    )


def keys_of_archive(archive: Archive, policy: Policy) -> KnownKeys:
    """The keys that an archive holds, each shown to stand under its checkpoint.

    Raises:
        BadArchive: A file is missing or damaged.
        LedgerError: The checkpoint does not count, or a fact about keys does not hold.
    """
    outcome = evaluate_policy(policy, archive.read_checkpoint())
    if not outcome.satisfied:
        raise ProofFailed(f"the archive's checkpoint lacks the quorum {policy.quorum}")
    head = outcome.checkpoint
    history = KeyHistory()
    for _, raw, entry in iter_key_entries(archive, head.size):
        path = prove_inclusion(archive, raw.index, head.size)
        verify_inclusion(
            path,
            index=raw.index,
            size=head.size,
            leaf_hash=leaf_hash(raw.note),
            root=head.root,
        )
        history.check(raw.index, entry)

    def index_of(leaf: bytes) -> int | None:
        for tile in range(-(-head.size // TILE_WIDTH)):
            width = min(TILE_WIDTH, head.size - tile * TILE_WIDTH)
            data = archive.read_tile(0, tile, width)
            for n in range(width):
                if data[n * HASH_SIZE : (n + 1) * HASH_SIZE] == leaf:
                    return tile * TILE_WIDTH + n
        return None

    return KnownKeys(history, "the archive", head.size, index_of)


class EntryVerification:
    """The checks of an entry, a proof, or both.

    Args:
        policy: What the reader trusts; needed for a proof.
        proof: Where the entry stands.
        note: The entry.
        leaf: Its leaf hash, where the entry itself is not at hand.
        keys: Keys of the log, where a source was named.

    After ``run``, ``index``, ``entry`` and ``outcome`` hold what was found.
    """

    def __init__(
        self,
        *,
        policy: Policy | None,
        proof: ProofFile | None,
        note: bytes | None,
        leaf: bytes | None,
        keys: KnownKeys | None,
    ) -> None:
        self._policy, self._proof, self._note = policy, proof, note
        self._leaf = leaf_hash(note) if note is not None else leaf
        self._keys = keys
        self.index: int | None = None
        self.entry: Entry | None = None
        self.outcome: PolicyOutcome | None = None
        self.unchecked: list[str] = []

    def run(self) -> tuple[Check, ...]:
        """All checks, in order."""
        return tuple(self._checks())

    def _checks(self) -> Iterator[Check]:
        steps: dict[str, Callable[[], str]] = {}
        if self._note is not None:
            steps["entry"] = self._check_entry
        if self._proof is not None:
            steps["checkpoint"] = self._check_checkpoint
            steps["inclusion"] = self._check_inclusion
        if self._note is not None:
            if self._keys is not None:
                steps["signature"] = self._check_signature
            else:
                self.unchecked.append(
                    "who signed was not checked: the keys valid at its index are "
                    "needed, from --bundle or --archive"
                )
            if self._proof is None:
                self.unchecked.append(
                    "that the log holds it was not checked: a proof tells"
                )
        for name, step in steps.items():
            try:
                yield Check(name, True, step())
            except LedgerError as error:
                yield Check(name, False, str(error))

    def _check_entry(self) -> str:
        assert self._note is not None  # noqa: S101 - for the type checker
        self.entry = parse_entry(self._note)
        fact = self.entry.fact
        names = ", ".join(line.name for line in self.entry.signatures)
        return f"{fact['type']} of {fact['org']}, signed as {names}"

    def _check_checkpoint(self) -> str:
        assert self._policy is not None  # noqa: S101 - for the type checker
        assert self._proof is not None  # noqa: S101 - for the type checker
        outcome = evaluate_policy(self._policy, self._proof.checkpoint)
        if not outcome.satisfied:
            raise ProofFailed(f"the quorum {self._policy.quorum} is not met")
        self.outcome = outcome
        head = outcome.checkpoint
        count = len(outcome.witnessed)
        return f"{head.origin} signed size {head.size}; {count} witnesses vouch for it"

    def _check_inclusion(self) -> str:
        if self.outcome is None or self._proof is None or self._leaf is None:
            raise ProofFailed("there is no checkpoint to check against")
        head = self.outcome.checkpoint
        verify_inclusion(
            self._proof.hashes,
            index=self._proof.index,
            size=head.size,
            leaf_hash=self._leaf,
            root=head.root,
        )
        self.index = self._proof.index
        return f"{self._leaf.hex()} is entry {self.index}"

    def _check_signature(self) -> str:
        keys = self._keys
        assert keys is not None  # noqa: S101 - for the type checker
        if self.entry is None or self._leaf is None:
            raise ProofFailed("there is no entry whose signature could be checked")
        if self.index is None:
            self.index = keys.index_of(self._leaf)
        if self.index is None:
            raise ProofFailed(
                f"{keys.where} does not hold the entry: its index, which a proof "
                "tells, is needed"
            )
        if keys.history.origin and self.outcome is not None:
            origin = self.outcome.checkpoint.origin
            if origin != keys.history.origin:
                raise ProofFailed(f"{keys.where} is of another log than the proof")
        if self.entry.fact["type"] in KEY_TYPES:
            # Such a fact brings its own key: what counts is that the source, in which
            # each of them was checked against those before, has it
            if keys.index_of(self._leaf) != self.index:
                raise ProofFailed(f"{keys.where} does not hold this fact about keys")
            return f"it is one of the facts about keys that {keys.where} rests on"
        if self.index >= keys.size:
            self.unchecked.append(
                f"{keys.where} ends at entry {keys.size - 1}: whether the key ended "
                "after that was not checked"
            )
        verify_entry(self.entry, [keys.history.signer_of(self.index, self.entry)])
        name = self.entry.signatures[0].name
        held_by = keys.history.held_by(name)
        return f"signed with {name}, kept by the {held_by}, valid at entry {self.index}"
