"""Proofs that one can carry away: ``.tlog-proof`` files of entries (C2SP tlog-proof).

They hold hashes only, so that anybody may have them; what the entry says, they do not
tell.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LogEntryRow
from app.queries.errors import NotFound
from app.queries.log import find_checkpoint
from app.queries.proof_tiles import load_tiles
from ledger import ProofFile, format_proof_file, prove_inclusion, read_checkpoint


def proof_file_of(session: Session, index: int) -> bytes:
    """The proof of an entry under the newest checkpoint, as a file.

    Args:
        session: One consistent view.
        index: Of the entry.

    Raises:
        NotFound: There is no such entry, or no checkpoint covers it yet.
    """
    row = find_checkpoint(session)
    if row is None or not 0 <= index < row.size:
        raise NotFound("entry {index} is under no checkpoint", index=index)
    size = read_checkpoint(row.note).size
    path = prove_inclusion(load_tiles(session, [index], size), index, size)
    return format_proof_file(ProofFile(index, tuple(path), row.note))


def proof_file_of_leaf(session: Session, leaf: bytes) -> bytes:
    """The proof of the entry with this leaf hash, as a file.

    Raises:
        NotFound: No entry has it, or no checkpoint covers that entry yet.
    """
    wanted = select(LogEntryRow.entry_index).where(LogEntryRow.leaf_hash == leaf)
    index = session.scalar(wanted)
    if index is None:
        raise NotFound("no entry has the leaf hash {leaf}", leaf=leaf.hex())
    return proof_file_of(session, index)
