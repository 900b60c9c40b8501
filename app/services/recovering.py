"""Take entries that the database has lost back from a copy of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from app.models import CheckpointRow, CosignatureRow
from app.queries.log import find_checkpoint, get_head
from app.queries.log_spans import StoredEntry
from app.services.archive_check import check_archive
from app.services.archive_reading import Archive
from app.services.checkpoints import keep_tile_roots
from app.services.errors import Conflict, LogRolledBack
from app.services.folding import CannotFold, fold_entries
from app.services.log_check import DataCheck
from app.services.policy_files import PinnedPolicy
from app.services.published import root_at
from app.services.recording import Opener
from ledger import (
    Checkpoint,
    Frontier,
    SignatureLine,
    leaf_hash,
    parse_entry,
    root_from_tiles,
    split_note,
)

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was taken back.

    Attributes:
        before: Entries that the database had.
        size: Entries that it has now.
        quorum: Whether the copy's checkpoint has the cosignatures that the policy asks.
    """

    before: int
    size: int
    quorum: bool


def recover(
    transaction: Opener,
    folder: Path,
    trusted: PinnedPolicy,
    now: datetime,
    *,
    check_data: DataCheck,
    processes: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Recovered:
    """Post the entries that a copy has more, at their indexes; keep its checkpoint.

    All of the copy is checked before anything is written: bytes, tiles, signatures,
    the checkpoint under the policy. What the database has must be its beginning.

    Args:
        transaction: Opens transactions; nobody else may write meanwhile.
        folder: The copy, with its entries.
        trusted: The log's policy, of the operator's own.
        now: When the checkpoint is taken in.
        check_data: Holds data against their closed schemas.
        processes: How many check the copy.
        progress: Told how many entries are in.

    Raises:
        Conflict: The copy is not sound, holds no entries, is not ahead, or an entry
            of it is refused.
        LogRolledBack: Database and copy are two histories; with the first difference.
    """
    report = check_archive(folder, trusted=trusted, processes=processes)
    if not report.passed or report.outcome is None:
        shown = "; ".join(fault.to_text() for fault in report.faults[:SHOWN])
        raise Conflict("{folder} is no sound copy: {shown}", folder=folder, shown=shown)
    if not report.entries:
        raise Conflict("{folder} keeps hashes only, no entries", folder=folder)
    archive, checkpoint = Archive(folder), report.outcome.checkpoint
    with transaction() as session:
        before = get_head(session).size
        _check_beginning(session, archive, before, checkpoint)
    try:
        fold_entries(
            _rows(archive, before, checkpoint.size),
            transaction,
            progress,
            check_data=check_data,
            strict=True,
        )
    except CannotFold as error:
        first = error.differences[0]
        raise Conflict(
            "entry {index} cannot be taken in: {message}",
            index=first.entry_index,
            message=first.message,
        ) from error
    with transaction() as session:
        _keep_checkpoint(session, archive, trusted, checkpoint, now)
    return Recovered(before, checkpoint.size, report.outcome.grade == "witnessed")


def _check_beginning(
    session: Session, archive: Archive, size: int, checkpoint: Checkpoint
) -> None:
    """What the database has is what the copy begins with."""
    if size >= checkpoint.size:
        if root_at(session, checkpoint.size) == checkpoint.root:
            raise Conflict(
                "the copy has {copy} entries, the database {size}: nothing is missing",
                copy=checkpoint.size,
                size=size,
            )
        raise LogRolledBack(
            "database and copy differ within the first {size} entries: they are two "
            "histories of one log",
            size=checkpoint.size,
        )
    if size and root_at(session, size) != root_from_tiles(archive, size):
        raise LogRolledBack(
            "the {size} entries of the database are not the beginning of the copy: "
            "the log went on after an old backup was restored. Keep this database "
            "apart, start from an empty one, and state its last facts anew",
            size=size,
        )
    newest = find_checkpoint(session)
    if newest is not None and newest.size > size:
        raise LogRolledBack(
            "the database holds {size} entries and a checkpoint over {signed}",
            size=size,
            signed=newest.size,
        )


def _rows(archive: Archive, start: int, stop: int) -> Iterator[StoredEntry]:
    for index, note in archive.iter_notes(start, stop):
        fact = parse_entry(note).fact
        yield StoredEntry(
            index,
            leaf_hash(note),
            note,
            fact["type"],
            fact["org"],
            fact["id"],
            fact["at"],
        )


def _keep_checkpoint(
    session: Session,
    archive: Archive,
    trusted: PinnedPolicy,
    checkpoint: Checkpoint,
    now: datetime,
) -> None:
    """The copy's checkpoint becomes ours: no other root of this size is ever signed."""
    head = get_head(session)
    if Frontier.load(*head).root() != checkpoint.root:
        raise Conflict(
            "the {size} entries do not give the root of the copy's checkpoint",
            size=head.size,
        )
    note = archive.read_checkpoint()
    text, lines = split_note(note)
    log_keys = {(one.key.name, one.key.key_id) for one in trusted.policy.logs}
    own = [line for line in lines if (line.name, line.key_id) in log_keys]
    below = "".join(line.to_text() for line in own)
    session.add(
        CheckpointRow(
            size=checkpoint.size,
            root=checkpoint.root,
            note=text + b"\n" + below.encode(),
            signed_at=now,
        )
    )
    session.flush()
    for name, line, at in _cosignatures(trusted, text, lines):
        session.add(
            CosignatureRow(
                size=checkpoint.size,
                witness=name,
                line=line.to_text(),
                cosigned_at=datetime.fromtimestamp(at, UTC),
            )
        )
    keep_tile_roots(session, checkpoint.size)


def _cosignatures(
    trusted: PinnedPolicy, text: bytes, lines: tuple[SignatureLine, ...]
) -> Iterator[tuple[str, SignatureLine, int]]:
    by_key = {(w.key.name, w.key.key_id): w for w in trusted.policy.witnesses}
    for line in lines:
        witness = by_key.get((line.name, line.key_id))
        if witness is not None:
            yield witness.name, line, witness.key.verify(line, text)
