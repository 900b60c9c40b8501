"""Keep a verified copy of a log in a folder.

What comes over the network is checked before it is written: the checkpoint by the
policy, its tiles from the root down, that it extends the one before, each entry by its
leaf hash. Files are written whole, the checkpoint last; so the folder verifies at every
moment, whenever the machine stops. Entries that are fetched for the first time wait
beside, and join the copy all at once.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.services.archive import write_file
from app.services.archive_reading import CHECKPOINT, POLICY, Archive, BadArchive
from app.services.errors import ServiceError
from app.services.log_fetching import BadAnswer, LogClient
from app.services.mirror_files import (
    MARK,
    CopyWriter,
    EntriesDenied,
    RememberedTiles,
    sweep,
    sync_folder,
)
from app.services.policy_files import (
    PinnedPolicy,
    keep_known_lines,
    open_sealed,
    read_pinned,
    seal_policy,
)
from ledger import (
    Checkpoint,
    LedgerError,
    PolicyOutcome,
    ProofFailed,
    TileReader,
    evaluate_policy,
    root_from_tiles,
)
from ledger.fork import ForkEvidence, Side, prefix_proof, prefix_roots

LOCK = ".lock"
Progress = Callable[[int, int], None]
"""Told (files done, files to fetch)."""


class Forked(ServiceError):
    """The log signed two histories.

    Args:
        evidence: What shows it to anybody.
        message: In words.
    """

    def __init__(self, evidence: ForkEvidence, message: str) -> None:
        super().__init__("{message}", message=message)
        self.evidence = evidence


class NotProven(Forked):
    """The log signed two checkpoints and does not show that they are of one history."""


class QuorumMissing(ServiceError):
    """The checkpoint that is served lacks the witnesses of the policy.

    Args:
        message: In words.
        size: Entries that it covers.
    """

    def __init__(self, message: str, *, size: int, **values: object) -> None:
        super().__init__(message, size=size, **values)
        self.size = size


class BrokenCopy(ServiceError):
    """The folder does not hold what its own checkpoint says."""


class OtherLog(ServiceError):
    """The folder holds a copy of another log."""


class Busy(ServiceError):
    """Another process writes into the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorResult:
    """What an update of a copy did.

    Attributes:
        old_size: Entries under the copy's checkpoint before; 0 where there was none.
        size: Entries under it now.
        served_size: Entries under the one that the log serves; fewer than ``size``
            where the log has gone back.
        outcome: What its checkpoint is worth.
        has_entries: Whether the copy holds entries, and not their hashes only.
        fetched: Files that came over the network.
        notes: What the reader has to know besides.
    """

    old_size: int
    size: int
    served_size: int
    outcome: PolicyOutcome
    has_entries: bool
    fetched: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """The policy that a copy follows.

    Attributes:
        pinned: The policy.
        before: The one that the folder holds; None where it holds none.
        on_trust: Whether it was taken from the log itself, unseen by anybody.
        notes: What the reader has to know.
    """

    pinned: PinnedPolicy
    before: PinnedPolicy | None
    on_trust: bool
    notes: tuple[str, ...] = ()


def settle_policy(
    client: LogClient, folder: Path, given: PinnedPolicy | None
) -> Settled:
    """Which policy counts: the one given, that of the folder, else the log's own.

    Raises:
        OtherLog: The one given is of another log than the folder.
        BrokenCopy: The folder's policy was changed.
        BadAnswer: The log publishes no policy.
        LogUnreachable: Nobody answers.
    """
    before = None
    if (folder / POLICY).exists():
        try:
            before = open_sealed(Archive(folder).read_policy())
        except (BadArchive, LedgerError) as error:
            raise BrokenCopy(
                "{path}: {reason}", path=folder / POLICY, reason=error
            ) from None
    if given is None and before is not None:
        return Settled(before, before, on_trust=False)
    if given is None:
        try:
            return Settled(read_pinned(client.policy()), None, on_trust=True)
        except LedgerError as error:
            raise BadAnswer(
                "the policy of {url}: {reason}", url=client.url, reason=error
            ) from None
    if before is None:
        return Settled(given, None, on_trust=False)
    logs = [{one.vkey for one in each.policy.logs} for each in (given, before)]
    pins = {given.genesis, before.genesis} - {None}
    if not logs[0] & logs[1] or len(pins) > 1:
        raise OtherLog("{folder} is a copy of another log", folder=folder)
    if given.says_the_same(before):
        return Settled(before, before, on_trust=False)
    note = "your policy is another one than the copy had: it has yours from now on"
    return Settled(
        given.with_genesis(str(before.genesis)), before, on_trust=False, notes=(note,)
    )


def update_mirror(
    client: LogClient,
    folder: Path,
    settled: Settled,
    *,
    with_entries: bool | None = None,
    progress: Progress = lambda done, of: None,
) -> MirrorResult:
    """Bring a copy up to the newest checkpoint that the log serves.

    Args:
        client: Asks the log.
        folder: The copy; made where there is none.
        settled: The policy that counts.
        with_entries: Whether to keep entries; None: where the log lets us read them.
        progress: Told how far it is.

    Raises:
        Forked: The log signed two histories; the copy stays as it was.
        NotProven: The log does not show that it is one.
        QuorumMissing: The checkpoint lacks witnesses.
        BrokenCopy: The copy is damaged.
        BadAnswer: What the log sends does not lead to what it signed.
        EntriesDenied: The copy holds entries, and the log gives no more.
        LogUnreachable: Nobody answers.
        Busy: Another process writes into the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        return _Update(client, folder, settled, progress).run(with_entries)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("another process writes into {folder}", folder=folder) from None
        yield


@dataclass(slots=True)
class _Update:
    client: LogClient
    folder: Path
    settled: Settled
    progress: Progress
    notes: list[str] = field(default_factory=list)

    def run(self, with_entries: bool | None) -> MirrorResult:
        self.notes += self.settled.notes
        archive = Archive(self.folder)
        crashed = (self.folder / MARK).exists()
        kept = self._read_own(archive)
        old = None if kept is None else kept[1]
        note, outcome = self._fetch_checkpoint()
        new = outcome.checkpoint
        tiles: TileReader = archive
        fetched: RememberedTiles | None = None
        if old is None or new.size > old.size:
            tiles = fetched = RememberedTiles(self.client)
            self._check_root(tiles, new)
        if kept is not None:
            # Before the quorum: two histories show in what the log alone has signed
            self._compare(kept, (note, new), tiles)
        self._check_quorum(outcome)
        if kept is not None and new.size < kept[1].size:
            return self._stay_ahead(kept, new)
        writer = CopyWriter(self.client, self.folder, new.size, self.progress)
        (self.folder / MARK).touch()
        if fetched is not None:
            writer.write_tiles(0 if old is None else old.size, fetched)
        pinned = self._pin(archive)
        had = archive.has_entries
        if with_entries is False and had:
            raise EntriesDenied("the copy holds entries and needs them to go on")
        has_entries = had
        if with_entries is not False:
            reason = writer.write_entries(old.size if old is not None and had else 0)
            has_entries = reason is None
            if reason is not None:
                if with_entries:
                    raise EntriesDenied(reason)
                self.notes.append(f"hashes only: {reason}")
        else:
            self.notes.append("hashes only, as you asked")
        self._move_in_place(pinned, note)
        sweep(self.folder, new.size, old.size if old else 0, thoroughly=crashed)
        (self.folder / MARK).unlink()
        return MirrorResult(
            old_size=0 if old is None else old.size,
            size=new.size,
            served_size=new.size,
            outcome=outcome,
            has_entries=has_entries,
            fetched=writer.fetched,
            notes=tuple(self.notes),
        )

    def _read_own(self, archive: Archive) -> tuple[bytes, Checkpoint] | None:
        """The copy's checkpoint, which the tiles at its edge must give."""
        if not (self.folder / CHECKPOINT).exists():
            return None
        policy = (self.settled.before or self.settled.pinned).policy
        try:
            note = archive.read_checkpoint()
            head = evaluate_policy(policy, note).checkpoint
            if root_from_tiles(archive, head.size) != head.root:
                raise BrokenCopy(
                    "the tiles in {folder} do not lead to its checkpoint: remelt "
                    "verify {folder} names what is damaged",
                    folder=self.folder,
                )
        except (BadArchive, LedgerError) as error:
            raise BrokenCopy(
                "the copy in {folder} is damaged: {reason}",
                folder=self.folder,
                reason=error,
            ) from None
        return note, head

    def _fetch_checkpoint(self) -> tuple[bytes, PolicyOutcome]:
        policy = self.settled.pinned.policy
        try:
            note = keep_known_lines(policy, self.client.checkpoint())
            outcome = evaluate_policy(policy, note)
        except LedgerError as error:
            raise BadAnswer(
                "the checkpoint of {url}: {reason}", url=self.client.url, reason=error
            ) from None
        if not outcome.checkpoint.size:
            raise BadAnswer("the log at {url} is empty", url=self.client.url)
        return note, outcome

    def _check_quorum(self, outcome: PolicyOutcome) -> None:
        if not outcome.satisfied:
            raise QuorumMissing(
                "the checkpoint of {url}, over {size} entries, lacks the quorum "
                "{quorum} of the policy",
                url=self.client.url,
                size=outcome.checkpoint.size,
                quorum=self.settled.pinned.policy.quorum,
            )

    def _check_root(self, tiles: TileReader, head: Checkpoint) -> None:
        if root_from_tiles(tiles, head.size) != head.root:
            raise BadAnswer(
                "the hash tiles of {url} do not lead to the root that it signed over "
                "{size} entries",
                url=self.client.url,
                size=head.size,
            )

    def _compare(
        self,
        kept: tuple[bytes, Checkpoint],
        served: tuple[bytes, Checkpoint],
        tiles: TileReader,
    ) -> None:
        """Insist that two checkpoints are of one history."""
        sides = [
            (kept[1], Side(kept[0], f"the copy in {self.folder.name}")),
            (served[1], Side(served[0], self.client.url)),
        ]
        older, newer = sorted(sides, key=lambda one: one[0].size)
        compare_checkpoints(older, newer, tiles, self.settled.pinned.text)

    def _stay_ahead(
        self, kept: tuple[bytes, Checkpoint], new: Checkpoint
    ) -> MirrorResult:
        """The log serves less than the copy has, of the same history."""
        self.notes.append(
            f"the log serves {new.size} entries, the copy holds {kept[1].size} already"
        )
        policy = (self.settled.before or self.settled.pinned).policy
        return MirrorResult(
            old_size=kept[1].size,
            size=kept[1].size,
            served_size=new.size,
            outcome=evaluate_policy(policy, kept[0]),
            has_entries=Archive(self.folder).has_entries,
            fetched=0,
            notes=tuple(self.notes),
        )

    def _pin(self, archive: Archive) -> PinnedPolicy:
        first = archive.read_tile(0, 0, 1).hex()
        pinned = self.settled.pinned
        if pinned.genesis not in (None, first):
            raise BadAnswer(
                "the first entry of {url} is {found}, and the policy pins {pinned}",
                url=self.client.url,
                found=first,
                pinned=pinned.genesis,
            )
        return pinned.with_genesis(first)

    def _move_in_place(self, pinned: PinnedPolicy, note: bytes) -> None:
        """Write the policy where it is new, and last the checkpoint."""
        policy = seal_policy(pinned.text)
        path = self.folder / POLICY
        if not path.exists() or path.read_bytes() != policy:
            write_file(path, policy)
        path = self.folder / CHECKPOINT
        if not path.exists() or path.read_bytes() != note:
            write_file(path, note)
        sync_folder(self.folder)


def compare_checkpoints(
    older: tuple[Checkpoint, Side],
    newer: tuple[Checkpoint, Side],
    tiles: TileReader,
    policy: str,
) -> None:
    """Insist that two signed checkpoints are of one history.

    Args:
        older: The one over fewer entries, and where it was met.
        newer: The other.
        tiles: Of the newer tree; not believed.
        policy: Text of a policy that names the log, for the evidence.

    Raises:
        Forked: They are of two.
        NotProven: The tiles do not show that they are of one.
    """
    old, new = older[0], newer[0]
    proof: list[bytes] = []
    proven = True
    if old.size == new.size:
        fits = old.root == new.root
    else:
        try:
            proof = prefix_proof(tiles, old.size, new.size)
            begun, whole = prefix_roots(proof, old.size, new.size)
        except ProofFailed:
            begun = whole = b""
        proven, fits = whole == new.root, begun == old.root
    if fits and proven:
        return
    evidence = ForkEvidence(policy, older[1], newer[1], tuple(proof))
    said = (
        f"{old.origin} signed a checkpoint over {old.size} entries ({older[1].where}) "
        f"and one over {new.size} ({newer[1].where})"
    )
    if proven:
        raise Forked(evidence, f"{said}: they are of two histories")
    raise NotProven(evidence, f"{said}, and does not show that they are of one history")
