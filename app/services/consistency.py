"""Whether the entries under one checkpoint are the first of those under another."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.queries.cosigned import PublishedCheckpoint
from app.queries.errors import NotFound
from app.queries.log import DatabaseTiles
from ledger import LedgerError, prove_consistency, verify_consistency


@dataclass(frozen=True, slots=True)
class Consistency:
    """A consistency proof (RFC 6962 section 2.1.2), checked against both roots.

    Attributes:
        old_size: Of the older checkpoint.
        new_size: Of the newer one.
        hashes: Of the proof, hexadecimal; none where the two are one.
        fault: Why it does not hold; empty where it does.
    """

    old_size: int
    new_size: int
    hashes: tuple[str, ...] = ()
    fault: str = ""


def check_consistency(
    session: Session, old: PublishedCheckpoint, new: PublishedCheckpoint
) -> Consistency:
    """Prove from the hash tiles that the log has only grown, and check the proof."""
    try:
        proof = prove_consistency(DatabaseTiles(session), old.size, new.size)
        verify_consistency(
            proof,
            old_size=old.size,
            new_size=new.size,
            old_root=old.root,
            new_root=new.root,
        )
    except (LedgerError, NotFound) as error:
        return Consistency(old.size, new.size, fault=str(error))
    return Consistency(old.size, new.size, tuple(one.hex() for one in proof))
