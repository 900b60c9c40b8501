"""``disclosure.erased``: private values that are gone, with the reason."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update

from app.models import (
    DisclosureKeyRow,
    DisclosureRow,
    ErasureRow,
    ImportRow,
    LogEntryRow,
    OrganisationRow,
    row_id,
)
from app.services.errors import refuse
from app.services.facts import Fact
from app.services.work import Work
from ledger import parse_entry


def post_erased(work: Work, fact: Fact, index: int) -> None:
    """Erase values of an own entry; what is erased is gone when the fact commits.

    A digest may be named whether its value is kept here or not: whoever signs on its
    own machine need not have handed it in.

    Raises:
        Refused: The entry is not one of this organisation, does not hold a digest, or
            the value was erased before.
    """
    data = fact.data
    row = work.session.execute(
        select(LogEntryRow.entry_index, LogEntryRow.note).where(
            LogEntryRow.org == fact.org, LogEntryRow.fact_id == data["of"]
        )
    ).first()
    if row is None:
        raise refuse("data.of", "found {id}, which is no entry of yours", id=data["of"])
    held = set(parse_entry(row.note).fact["sd"])
    erased = set(
        work.session.scalars(
            select(ErasureRow.digest).where(ErasureRow.digest.in_(data["digests"]))
        )
    )
    for position, digest in enumerate(data["digests"]):
        path = f"data.digests.{position}"
        if digest not in held:
            raise refuse(
                path, "found {digest}, which is not in that entry", digest=digest
            )
        if digest in erased or digest in work.erased:
            raise refuse(
                path, "the value behind {digest} is erased already", digest=digest
            )
    for position, digest in enumerate(data["digests"]):
        work.erased.add(digest)
        work.add_row(
            ErasureRow,
            {
                "id": row_id(index, position),
                "erased_index": row.entry_index,
                "digest": digest,
                "basis": data["basis"],
            },
        )
    table: Any = DisclosureRow.__table__
    _condemn_keys(work, fact, data["digests"])
    _forget_files(work, fact.org)
    work.connection.execute(delete(table).where(table.c.digest.in_(data["digests"])))


def _condemn_keys(work: Work, fact: Fact, digests: list[str]) -> None:
    """Have the keys of what is erased destroyed, so that no old backup opens it.

    ``disclosures.tidy`` does so behind the lock: what else is under them moves first.
    """
    values: Any = DisclosureRow.__table__
    keys: Any = DisclosureKeyRow.__table__
    numbers = select(values.c.key_number).where(
        values.c.digest.in_(digests), values.c.key_number.is_not(None)
    )
    work.connection.execute(
        update(keys)
        .where(keys.c.org == fact.org, keys.c.number.in_(numbers))
        .values(condemned_at=work.now)
    )


def _forget_files(work: Work, org: str) -> None:
    """Drop the files of the organisation that nobody is at work on.

    The value may stand in any that was handed in of late.
    """
    files: Any = ImportRow.__table__
    owner = select(OrganisationRow.id).where(OrganisationRow.code == org)
    work.connection.execute(
        update(files)
        .where(
            files.c.organisation_id == owner.scalar_subquery(),
            files.c.state.not_in(("queued", "running")),
        )
        .values(content=None, content_key=None)
    )
