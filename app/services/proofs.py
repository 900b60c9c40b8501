"""Proofs that one can carry away: ``.tlog-proof`` files of entries (C2SP tlog-proof).

They hold hashes only, so that anybody may have them; what the entry says, they do not
tell.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LogEntryRow
from app.queries.cosigned import find_published_checkpoint, with_cosignatures
from app.queries.errors import NotFound
from app.queries.log import find_checkpoint
from app.queries.proof_tiles import load_tiles
from ledger import Policy, ProofFile, format_proof_file, prove_inclusion


def proof_file_of(session: Session, index: int, policy: Policy | None) -> bytes:
    """The proof of an entry as a file.

    It is under the newest checkpoint that the quorum has cosigned; an entry that is
    younger, under the newest that the log has signed.

    Args:
        session: One consistent view.
        index: Of the entry.
        policy: Of the log; None: nobody witnesses it.

    Raises:
        NotFound: There is no such entry, or no checkpoint covers it yet.
    """
    head = find_published_checkpoint(session, policy)
    if head is None or index >= head.size:
        row = find_checkpoint(session)
        head = None if row is None else with_cosignatures(session, row, policy)
    if head is None or not 0 <= index < head.size:
        raise NotFound("entry {index} is under no checkpoint", index=index)
    path = prove_inclusion(load_tiles(session, [index], head.size), index, head.size)
    return format_proof_file(ProofFile(index, tuple(path), head.note))


def proof_file_of_leaf(session: Session, leaf: bytes, policy: Policy | None) -> bytes:
    """The proof of the entry with this leaf hash, as a file.

    Raises:
        NotFound: No entry has it, or no checkpoint covers that entry yet.
    """
    wanted = select(LogEntryRow.entry_index).where(LogEntryRow.leaf_hash == leaf)
    index = session.scalar(wanted)
    if index is None:
        raise NotFound("no entry has the leaf hash {leaf}", leaf=leaf.hex())
    return proof_file_of(session, index, policy)
