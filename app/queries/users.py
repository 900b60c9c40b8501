"""Reading users and their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from app.models import OrganisationRow, RoleRow, TokenRow, UserRow, user_role
from app.queries.errors import NotFound


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user is at this moment: organisation and roles.

    Attributes:
        user_id: Of the user.
        organisation_id: Row of their organisation, if any.
        organisation_code: Its code.
        roles: Names of their roles.
    """

    user_id: int
    organisation_id: int | None
    organisation_code: str | None
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class LiveToken:
    """A token that may be used now, and whose it is."""

    token_id: int
    scopes: frozenset[str]
    last_used_at: datetime | None
    standing: Standing


def get_standing(session: Session, user_id: int) -> Standing:
    """The standing of an active user.

    Raises:
        NotFound: There is no such user, or not any more.
    """
    wanted = _standings().where(UserRow.id == user_id)
    rows = session.execute(wanted).all()
    if not rows:
        raise NotFound("no active user {user_id}", user_id=user_id)
    roles = frozenset(row.role for row in rows if row.role is not None)
    return Standing(user_id, rows[0].organisation_id, rows[0].code, roles)


def find_live_token(session: Session, digest: bytes, now: datetime) -> LiveToken | None:
    """The token with this digest, unless it is revoked or over, or its user left."""
    rows = session.execute(_live_token(), {"digest": digest, "now": now}).all()
    if not rows:
        return None
    first = rows[0]
    roles = frozenset(row.role for row in rows if row.role is not None)
    return LiveToken(
        first.id,
        frozenset(first.scopes),
        first.last_used_at,
        Standing(first.user_id, first.organisation_id, first.code, roles),
    )


def find_user(session: Session, email: str) -> UserRow | None:
    """The user with this address, whatever its case."""
    wanted = select(UserRow).where(func.lower(UserRow.email) == email.lower())
    return session.scalar(wanted)


def get_user(session: Session, email: str) -> UserRow:
    """The user with this address, whatever its case.

    Raises:
        NotFound: There is none.
    """
    if (user := find_user(session, email)) is None:
        raise NotFound("no user {email}", email=email)
    return user


def list_users(
    session: Session, of: int | Literal[True] | None = True
) -> list[UserRow]:
    """Users by address.

    Args:
        session: To read in.
        of: The row of an organisation; None for those of none; True for everybody.
    """
    wanted = select(UserRow).order_by(UserRow.email)
    if of is not True:
        wanted = wanted.where(UserRow.organisation_id == of)
    return list(session.scalars(wanted))


def list_tokens(session: Session, user_id: int) -> list[TokenRow]:
    """Tokens of a user, the newest first, the revoked ones too."""
    wanted = (
        select(TokenRow).where(TokenRow.user_id == user_id).order_by(TokenRow.id.desc())
    )
    return list(session.scalars(wanted))


def organisation_codes(session: Session, ids: set[int]) -> dict[int, str]:
    """Codes of organisations by row."""
    wanted = select(OrganisationRow.id, OrganisationRow.code).where(
        OrganisationRow.id.in_(ids)
    )
    return {row.id: row.code for row in session.execute(wanted)}


def get_organisation_id(session: Session, code: str) -> int:
    """The row of an organisation.

    Raises:
        NotFound: No organisation has this code.
    """
    wanted = select(OrganisationRow.id).where(OrganisationRow.code == code)
    if (organisation_id := session.scalar(wanted)) is None:
        raise NotFound("no organisation {code}", code=code)
    return organisation_id


@cache
def _live_token() -> Any:  # noqa: ANN401 - a select
    """Put together once: every request of a program asks this."""
    return (
        _standings()
        .add_columns(TokenRow.id, TokenRow.scopes, TokenRow.last_used_at)
        .join(TokenRow, TokenRow.user_id == UserRow.id)
        .where(
            TokenRow.digest == bindparam("digest"),
            TokenRow.revoked_at.is_(None),
            TokenRow.expires_at > bindparam("now"),
        )
    )


def _standings() -> Select[int, int | None, str, str]:
    """One row for each role of each active user, one with null for none."""
    return (
        select(
            UserRow.id.label("user_id"),
            UserRow.organisation_id,
            OrganisationRow.code,
            RoleRow.name.label("role"),
        )
        .select_from(UserRow)
        .outerjoin(OrganisationRow, OrganisationRow.id == UserRow.organisation_id)
        .outerjoin(user_role, user_role.c.user_id == UserRow.id)
        .outerjoin(RoleRow, RoleRow.id == user_role.c.role_id)
        .where(UserRow.active.is_(True))
    )
