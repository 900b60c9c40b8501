"""Private values against the digests that stand in their entries."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import DisclosureRow, ErasureRow, LogEntryRow
from app.services.data_keys import Unreadable
from app.services.differences import Difference
from app.services.disclosures import Safe, rows_of
from app.services.keys import KeyRing
from ledger import LedgerError, parse_disclosure, parse_entry

TABLE = "disclosure"


def check_disclosures(session: Session, keyring: KeyRing) -> Iterator[Difference]:
    """Open every value that is kept, and hold it against its entry.

    A value that is not here at all is no difference: whoever signs on its own machine
    need not hand it in, a digest may be a decoy, and a rebuilt database has none.

    Cost: grows with the values; memory with those of one entry.
    """
    safe = Safe(keyring)
    erased = select(ErasureRow.digest)
    for digest, index in session.execute(
        select(DisclosureRow.digest, DisclosureRow.entry_index).where(
            DisclosureRow.digest.in_(erased)
        )
    ):
        yield _found(index, digest, "digest", "was erased, and is here still")
    at, held = -1, frozenset[str]()
    for row in rows_of(session):
        if row.entry_index != at:
            at, held = row.entry_index, _digests(session, row.entry_index)
        if row.digest not in held:
            yield _found(at, row.digest, "digest", "does not stand in the entry")
        field = "text" if row.sealed is None else "sealed"
        try:
            one = parse_disclosure(safe.text_of(row))
        except (Unreadable, LedgerError) as error:
            yield _found(at, row.digest, field, f"{row.name} cannot be read: {error}")
            continue
        if one.digest != row.digest:
            yield _found(at, row.digest, field, f"{row.name} has another digest")
        if one.name != row.name:
            yield _found(
                at, row.digest, "name", f"found {row.name}, the value says {one.name}"
            )
    missing = (
        select(DisclosureRow.digest, DisclosureRow.entry_index)
        .outerjoin(LogEntryRow, LogEntryRow.entry_index == DisclosureRow.entry_index)
        .where(LogEntryRow.entry_index.is_(None))
    )
    for digest, index in session.execute(missing):
        yield _found(index, digest, "entry_index", "there is no such entry")


def _digests(session: Session, index: int) -> frozenset[str]:
    note = session.scalar(
        select(LogEntryRow.note).where(LogEntryRow.entry_index == index)
    )
    try:
        return frozenset(parse_entry(note or b"").fact["sd"])
    except LedgerError:
        return frozenset()  # the check of the log names what is wrong with the entry


def _found(index: int, digest: str, field: str, text: str) -> Difference:
    return Difference(index, TABLE, field, text, row=f"digest={digest}")
