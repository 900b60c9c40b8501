"""Sign the committed head of the log: at most one root for each size, for ever.

Only the signer process calls this; it alone holds the log key. What is signed is read
from the database, never from memory, and it must extend what was signed before.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.models import CheckpointRow, LogTileRow, SignerRow
from app.queries.log import TILE_WIDTH, DatabaseTiles, find_checkpoint, get_head
from app.queries.witnesses import WitnessState, find_contradicting
from app.services.errors import LogChanged, LogRolledBack
from ledger import (
    HASH_SIZE,
    Checkpoint,
    Frontier,
    Signer,
    prove_consistency,
    root_from_tiles,
    root_of,
    sign_checkpoint,
    verify_consistency,
)


def sign_head(
    session: Session, signer: Signer, origin: str, now: datetime
) -> Checkpoint | None:
    """Sign the head when it has grown; give what was signed, None when nothing was.

    The roots of tiles that became full are kept in the same transaction, so that
    whoever sees the checkpoint finds every tile under it.

    Raises:
        LogRolledBack: The log is shorter than, or differs from, what was signed, or
            what a witness has cosigned.
    """
    head = get_head(session)
    signed = find_checkpoint(session)
    if signed is not None and head.size < signed.size:
        raise LogRolledBack(
            "the log holds {size} entries, but a checkpoint over {signed_size} "
            "was signed: an old copy was restored",
            size=head.size,
            signed_size=signed.size,
        )
    if head.size == 0 or (signed is not None and head.size == signed.size):
        return None
    check_witnesses(session)
    root = Frontier.load(head.size, head.frontier).root()
    keep_tile_roots(session, head.size)
    if signed is not None:
        proof = prove_consistency(DatabaseTiles(session), signed.size, head.size)
        verify_consistency(
            proof,
            old_size=signed.size,
            new_size=head.size,
            old_root=signed.root,
            new_root=root,
        )
    checkpoint = Checkpoint(origin=origin, size=head.size, root=root)
    session.execute(
        insert(CheckpointRow),
        [
            {
                "size": head.size,
                "root": root,
                "note": sign_checkpoint(checkpoint, [signer]),
                "signed_at": now,
            }
        ],
    )
    return checkpoint


def check_signed(session: Session) -> None:
    """Insist that the newest root that was signed is that of the stored hashes.

    Cost: O(log size) tiles. What it cannot see, ``remelt ledger verify`` does.

    Raises:
        LogChanged: It is not.
        LogRolledBack: Entries under it are missing.
    """
    signed = find_checkpoint(session)
    if signed is None:
        return
    head = get_head(session)
    if head.size < signed.size:
        raise LogRolledBack(
            "the log holds {size} entries, but a checkpoint over {signed_size} "
            "was signed: an old copy was restored",
            size=head.size,
            signed_size=signed.size,
        )
    root = root_from_tiles(DatabaseTiles(session), signed.size)
    if root != signed.root:
        raise LogChanged(
            "the entries do not give the root that was signed over {size} of them: "
            "what stood in the log was changed",
            size=signed.size,
        )


def check_witnesses(session: Session) -> None:
    """Insist that no witness is known to hold what the log lacks.

    Raises:
        LogRolledBack: One does; it is named, with its size.
    """
    signed = find_checkpoint(session)
    size = 0 if signed is None else signed.size
    found = find_contradicting(session, size)
    if found is None:
        return
    if found.state == WitnessState.FORKED:
        raise LogRolledBack(
            "witness {witness} holds another history of {seen} entries under the key "
            "of this log: {reason}",
            witness=found.name,
            seen=found.size,
            reason=found.error,
        )
    raise LogRolledBack(
        "witness {witness} has cosigned {seen} entries, but only {size} were signed "
        "here: an old copy was restored",
        witness=found.name,
        seen=found.size,
        size=size,
    )


def note_alive(session: Session, now: datetime) -> None:
    """Say that the signer is at work, for the health check."""
    size = get_head(session).size
    row = session.get(SignerRow, 1)
    if row is None:
        session.add(SignerRow(id=1, alive_at=now, size=size))
    else:
        row.alive_at, row.size = now, size
    session.flush()


def keep_tile_roots(session: Session, size: int) -> None:
    """Keep the roots of the tiles that are full at a size, those that are not yet."""
    level, full = 0, size // TILE_WIDTH
    tiles = DatabaseTiles(session)
    while full:
        known = session.scalar(
            select(func.max(LogTileRow.tile_index)).where(LogTileRow.level == level)
        )
        for index in range(0 if known is None else known + 1, full):
            hashes = tiles.read_tile(level, index, TILE_WIDTH)
            root = root_of(
                [hashes[n : n + HASH_SIZE] for n in range(0, len(hashes), HASH_SIZE)]
            )
            session.execute(
                insert(LogTileRow),
                [{"level": level, "tile_index": index, "root": root}],
            )
        level, full = level + 1, full // TILE_WIDTH
