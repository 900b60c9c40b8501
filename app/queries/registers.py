"""Registers that are administered: organisations, facilities with scales, keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    FacilityRow,
    LogEntryRow,
    OrganisationRow,
    ScaleRow,
    SealedKeyRow,
    SigningKeyEndRow,
    SigningKeyRow,
    UserRow,
    entry_of,
)


@dataclass(frozen=True, slots=True)
class FacilityView:
    """A facility with its scales."""

    facility: FacilityRow
    scales: list[ScaleRow]
    entry_index: int


@dataclass(frozen=True, slots=True)
class KeyView:
    """A signing key.

    Attributes:
        key: Its row.
        from_index: The entry that registered it; it may sign those behind.
        signs: The platform holds it and signs with it now.
        ended_index: The entry that ended it, the last that it may sign; None: none.
        replaced: It was rotated, not revoked.
        reason: Why it was revoked.
    """

    key: SigningKeyRow
    from_index: int
    signs: bool
    ended_index: int | None = None
    replaced: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """An organisation, and how far it has come."""

    organisation: OrganisationRow
    entry_index: int
    keys: int
    facilities: int
    users: int


def list_facilities(
    session: Session, organisation_id: int | None = None
) -> list[FacilityView]:
    """Facilities in the order of their registration; None for everybody's."""
    wanted = select(FacilityRow).order_by(FacilityRow.id)
    if organisation_id is not None:
        wanted = wanted.where(FacilityRow.organisation_id == organisation_id)
    rows = list(session.scalars(wanted))
    scales: dict[int, list[ScaleRow]] = {}
    of = select(ScaleRow).order_by(ScaleRow.id)
    if organisation_id is not None:
        of = of.where(ScaleRow.facility_id.in_([row.id for row in rows]))
    for scale in session.scalars(of):
        scales.setdefault(scale.facility_id, []).append(scale)
    return [FacilityView(row, scales.get(row.id, []), entry_of(row.id)) for row in rows]


def list_keys(session: Session, organisation_id: int | None = None) -> list[KeyView]:
    """Keys, the newest first; None for those of every organisation."""
    wanted = (
        select(SigningKeyRow, SealedKeyRow.key_name, SigningKeyEndRow)
        .outerjoin(SealedKeyRow, SealedKeyRow.key_name == SigningKeyRow.key_name)
        .outerjoin(
            SigningKeyEndRow, SigningKeyEndRow.signing_key_id == SigningKeyRow.id
        )
    )
    if organisation_id is not None:
        wanted = wanted.where(SigningKeyRow.organisation_id == organisation_id)
    views: list[KeyView] = []
    signing: set[int] = set()
    for key, sealed, end in session.execute(wanted.order_by(SigningKeyRow.id.desc())):
        valid = sealed is not None and end is None
        signs = valid and key.organisation_id not in signing
        if signs:
            signing.add(key.organisation_id)
        views.append(
            KeyView(
                key,
                entry_of(key.id),
                signs,
                None if end is None else entry_of(end.id),
                end is not None and end.replaced_by_id is not None,
                None if end is None else end.reason,
            )
        )
    return views


def find_key_of_number(
    session: Session, organisation_id: int, number: int
) -> SigningKeyRow | None:
    """A key of an organisation that has not ended."""
    return session.scalar(
        select(SigningKeyRow)
        .outerjoin(
            SigningKeyEndRow, SigningKeyEndRow.signing_key_id == SigningKeyRow.id
        )
        .where(
            SigningKeyRow.organisation_id == organisation_id,
            SigningKeyRow.number == number,
            SigningKeyEndRow.id.is_(None),
        )
    )


def list_organisations(session: Session) -> list[OrganisationView]:
    """Organisations in the order of their registration."""

    def counted(table: type[SigningKeyRow | FacilityRow | UserRow]) -> dict[int, int]:
        of = table.organisation_id
        rows = session.execute(select(of, func.count()).group_by(of))
        return {row[0]: row[1] for row in rows if row[0] is not None}

    keys, facilities, users = (
        counted(SigningKeyRow),
        counted(FacilityRow),
        counted(UserRow),
    )
    rows = session.scalars(select(OrganisationRow).order_by(OrganisationRow.id))
    return [
        OrganisationView(
            row,
            entry_of(row.id),
            keys.get(row.id, 0),
            facilities.get(row.id, 0),
            users.get(row.id, 0),
        )
        for row in rows
    ]


def organisations_by_code(
    session: Session, codes: Iterable[str]
) -> dict[str, OrganisationRow]:
    """Organisations that a page names, by code."""
    wanted = select(OrganisationRow).where(OrganisationRow.code.in_(sorted(set(codes))))
    return {row.code: row for row in session.scalars(wanted)}


def facilities_by_code(
    session: Session, codes: Iterable[str]
) -> dict[str, FacilityRow]:
    """Facilities that a page names, by code."""
    wanted = select(FacilityRow).where(FacilityRow.code.in_(sorted(set(codes))))
    return {row.code: row for row in session.scalars(wanted)}


def keys_by_name(session: Session, names: Iterable[str]) -> dict[str, SigningKeyRow]:
    """Keys that signed what a page shows, by name."""
    wanted = select(SigningKeyRow).where(SigningKeyRow.key_name.in_(sorted(set(names))))
    return {row.key_name: row for row in session.scalars(wanted)}


def entries_of_leaves(session: Session, leaves: Iterable[str]) -> dict[str, int]:
    """Index of each entry that another names as its parent, by leaf hash."""
    wanted = [bytes.fromhex(one) for one in leaves]
    rows = session.execute(
        select(LogEntryRow.leaf_hash, LogEntryRow.entry_index).where(
            LogEntryRow.leaf_hash.in_(wanted)
        )
    )
    return {row.leaf_hash.hex(): row.entry_index for row in rows}
