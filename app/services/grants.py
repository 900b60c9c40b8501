"""Show private values of an own entry to one organisation, for a limited time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    DisclosureGrantRow,
    DisclosureRow,
    LogEntryRow,
    OrganisationRow,
    UserRow,
)
from app.queries.errors import NotFound
from app.services.access import Actor
from app.services.errors import refuse

ACTION = "disclosure.shown"
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class GrantView:
    """Whom something is shown, as pages list it.

    Attributes:
        id: Of the grant.
        organisation: To whom.
        names: Which fields; None: all.
        granted_at: Since when.
        granted_by: Name of who did it.
        until_at: Until when.
        ended_at: When it was withdrawn; None where it was not.
    """

    id: int
    organisation: OrganisationRow
    names: tuple[str, ...] | None
    granted_at: datetime
    granted_by: str
    until_at: datetime
    ended_at: datetime | None


def own_entry(session: Session, actor: Actor, index: int) -> LogEntryRow:
    """An entry of the actor's organisation.

    Raises:
        NotFound: It is another's, or none.
    """
    row = session.get(LogEntryRow, index)
    if row is None or row.org != actor.organisation_code:
        raise NotFound("no entry {index} of your organisation", index=index)
    return row


def show_values(
    session: Session,
    actor: Actor,
    index: int,
    *,
    to: str,
    names: Sequence[str],
    until_at: datetime,
    now: datetime,
) -> int:
    """Show fields of an own entry to an organisation until some moment.

    Args:
        session: In a transaction.
        actor: Who shows them.
        index: Of the entry.
        to: Code of the organisation.
        names: Of the fields; at least one.
        until_at: At most a year ahead.
        now: The moment.

    Returns:
        Number of the grant.

    Raises:
        Forbidden: The role does not fit.
        NotFound: The entry is another's.
        Refused: No such organisation or field, or no fitting end.
    """
    actor.require(ACTION)
    own_entry(session, actor, index)
    party = session.scalar(select(OrganisationRow).where(OrganisationRow.code == to))
    if party is None or party.code == actor.organisation_code:
        raise refuse(
            "to", "found {code}, expected the code of another organisation", code=to
        )
    if not now < until_at <= now + LONGEST:
        raise refuse("until_at", "expected a moment ahead, within a year")
    kept = set(
        session.scalars(
            select(DisclosureRow.name).where(DisclosureRow.entry_index == index)
        )
    )
    for name in names:
        if name not in kept:
            raise refuse("names", "the entry keeps no {name}", name=name)
    if not names:
        raise refuse("names", "expected a field, or more")
    row = DisclosureGrantRow(
        entry_index=index,
        names=sorted(set(names)),
        to_organisation_id=party.id,
        granted_by_id=actor.user_id,
        granted_at=now,
        until_at=until_at,
    )
    session.add(row)
    session.flush()
    return row.id


def withdraw_grant(
    session: Session, actor: Actor, index: int, number: int, now: datetime
) -> None:
    """Show it no longer, from now on.

    Raises:
        Forbidden: The role does not fit.
        NotFound: The entry is another's, or there is no such grant.
    """
    actor.require(ACTION)
    own_entry(session, actor, index)
    row = session.get(DisclosureGrantRow, number)
    if row is None or row.entry_index != index:
        raise NotFound(
            "entry {index} has no grant {number}", index=index, number=number
        )
    if row.ended_at is None:
        row.ended_at = now
    session.flush()


def list_grants(session: Session, index: int) -> list[GrantView]:
    """To whom values of an entry are or were shown, the newest first."""
    rows = session.execute(
        select(DisclosureGrantRow, OrganisationRow, UserRow.name)
        .join(
            OrganisationRow, OrganisationRow.id == DisclosureGrantRow.to_organisation_id
        )
        .join(UserRow, UserRow.id == DisclosureGrantRow.granted_by_id)
        .where(DisclosureGrantRow.entry_index == index)
        .order_by(DisclosureGrantRow.id.desc())
    )
    return [
        GrantView(
            id=row.id,
            organisation=organisation,
            names=None if row.names is None else tuple(row.names),
            granted_at=row.granted_at,
            granted_by=name,
            until_at=row.until_at,
            ended_at=row.ended_at,
        )
        for row, organisation, name in rows
    ]
