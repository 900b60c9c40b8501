"""Checkpoints that were given out, kept as files beside the database.

They outlive the database: a log that is restored from an old copy is recognised by
them before it signs anything, so that it can never fork.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import CheckpointRow, LogEntryRow
from app.queries.log import find_checkpoint, get_head
from app.services.archive import write_file
from app.services.errors import LogRolledBack, ServiceError
from ledger import Frontier, LedgerError, Verifier, open_checkpoint

KEPT = "published-checkpoint"
EXPORTS = "exports"


class BadCheckpointFile(ServiceError):
    """A file does not hold a checkpoint of this log."""


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint that somebody outside may have seen.

    Attributes:
        origin: Name of the log.
        size: How many entries it covers.
        root: Root over them.
        where: Which file it was found in.
    """

    origin: str
    size: int
    root: bytes
    where: Path

    def check_against(self, session: Session) -> None:
        """Insist that the log contains what was published.

        Raises:
            LogRolledBack: The log is shorter, or has another root at that size.
        """
        size = get_head(session).size
        if size < self.size:
            raise LogRolledBack(
                "the log holds {size} entries, but a checkpoint over {seen} was "
                "published ({where}): an old copy was restored",
                size=size,
                seen=self.size,
                where=self.where,
            )
        if self.root != root_at(session, self.size):
            raise LogRolledBack(
                "the log has another root at {seen} entries than the checkpoint that "
                "was published ({where})",
                seen=self.size,
                where=self.where,
            )


def root_at(session: Session, size: int) -> bytes:
    """The root over the first entries: as it was signed, or worked out anew."""
    if (row := session.get(CheckpointRow, size)) is not None:
        return row.root
    tree = Frontier()
    wanted = (
        select(LogEntryRow.leaf_hash)
        .where(LogEntryRow.entry_index < size)
        .order_by(LogEntryRow.entry_index)
        .execution_options(yield_per=5_000)
    )
    for leaf in session.scalars(wanted):
        tree.append_leaf(leaf)
    return tree.root()


def keep_published(data_dir: Path, note: bytes) -> None:
    """Keep the newest checkpoint as a file; called after it was committed."""
    write_file(data_dir / KEPT, note)


def keep_newest(session: Session, data_dir: Path, log_vkey: str) -> None:
    """Keep the newest signed checkpoint as a file, unless it is kept already.

    Raises:
        LogRolledBack: The file is ahead of the log, or of another history; it stays.
        OSError: It cannot be written.
    """
    newest = find_checkpoint(session)
    if newest is None:
        return
    for kept in _readable(filter(Path.exists, [data_dir / KEPT]), log_vkey):
        kept.check_against(session)
        if kept.size >= newest.size:
            return
    keep_published(data_dir, newest.note)


def find_published(
    data_dir: Path, log_vkey: str, more: Iterable[Path] = ()
) -> list[Published]:
    """Checkpoints known on this machine, of the log with this key.

    The one that the signer keeps, those of log exports under the data directory, and
    further files. A file of another log is left out, unless it was named.

    Args:
        data_dir: Where the product keeps its files.
        log_vkey: Key of the log.
        more: Checkpoint files that the operator names: from a mirror, a witness.

    Raises:
        BadCheckpointFile: A named file holds no checkpoint of this log.
        OSError: A file cannot be read.
    """
    return [
        *_readable(_known(data_dir), log_vkey),
        *(_open(path, log_vkey) for path in more),
    ]


def _known(data_dir: Path) -> Iterator[Path]:
    if (kept := data_dir / KEPT).exists():
        yield kept
    yield from sorted((data_dir / EXPORTS).glob("**/checkpoint"))


def _readable(paths: Iterable[Path], log_vkey: str) -> Iterator[Published]:
    for path in paths:
        try:
            yield _open(path, log_vkey)
        except BadCheckpointFile:
            continue  # of another log, or no checkpoint at all


def _open(path: Path, log_vkey: str) -> Published:
    key = Verifier.parse(log_vkey)
    try:
        found = open_checkpoint(path.read_bytes(), [key], key.name)
    except LedgerError as error:
        raise BadCheckpointFile(
            "{path} holds no checkpoint of {log}: {error}",
            path=path,
            log=key.name,
            error=error,
        ) from error
    return Published(found.origin, found.size, found.root, path)
