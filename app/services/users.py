"""People who sign in: added, given roles and passwords, let go.

Every change is told to the audit log, without names and addresses: people are rows of
the user table and nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

import structlog
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import RoleRow, UserRow
from app.queries.errors import NotFound
from app.queries.users import find_user
from app.services.access import ROLES, Actor
from app.services.errors import Conflict, FieldFault, Forbidden, Refused
from app.services.passwords import hash_password
from app.services.tokens import revoke_all

MAX_NAME = 100
LOCALES = ("zh", "en")
UNITS = ("kg", "t")
ORGANISATION_ROLES = frozenset({"recycler", "manager"})

log = structlog.get_logger("remelt.audit")


def grantable_roles(actor: Actor) -> tuple[str, ...]:
    """The roles that an actor may give to others: a manager those of organisations."""
    if actor.may("manage-users", "other"):
        return ROLES
    if actor.may("manage-users", "own"):
        return tuple(role for role in ROLES if role in ORGANISATION_ROLES)
    return ()


def get_managed_user(session: Session, actor: Actor, user_id: int) -> UserRow:
    """A user whom the actor may manage.

    Who holds a role that the actor cannot give is out of reach: else a new password
    for an auditor would make a manager one.

    Raises:
        Forbidden: The actor manages nobody, or not this user.
        NotFound: There is no such user, or not in the actor's organisation.
    """
    actor.require("manage-users")
    user = session.get(UserRow, user_id)
    if user is None or not actor.may(
        "manage-users", actor.relation_to(user.organisation_id)
    ):
        raise NotFound("no user {user_id}", user_id=user_id)
    beyond = {role.name for role in user.roles} - set(grantable_roles(actor))
    if beyond:
        raise Forbidden(
            "only the registrar manages users with the roles {roles}",
            roles=", ".join(sorted(beyond)),
        )
    return user


def require_grantable(actor: Actor, roles: Collection[str]) -> None:
    """Insist that an actor may give these roles.

    Raises:
        Forbidden: One of them is not the actor's to give.
    """
    actor.require("manage-users")
    if beyond := set(roles) - set(grantable_roles(actor)):
        raise Forbidden(
            "you cannot give the roles {roles}", roles=", ".join(sorted(beyond))
        )


def let_go(session: Session, actor: Actor, user: UserRow, now: datetime) -> None:
    """Deactivate a user whom the actor manages.

    Raises:
        Conflict: It is the actor.
    """
    if user.id == actor.user_id:
        raise Conflict("nobody can deactivate their own account")
    deactivate_user(session, user, now)


def add_user(
    session: Session,
    *,
    email: str,
    name: str,
    password: str,
    roles: Collection[str],
    organisation_id: int | None,
    now: datetime,
) -> UserRow:
    """Add a person who can sign in at once.

    Raises:
        Refused: Something will not do; every fault is listed.
    """
    address, name, faults = _person(session, email, name)
    faults += _role_faults(roles, organisation_id)
    hashed = ""
    try:
        hashed = hash_password(password, address, name)
    except Refused as refused:
        faults += refused.faults
    if faults:
        raise Refused(faults)
    user = UserRow(
        email=address,
        name=name,
        password=hashed,
        active=True,
        fs_uniquifier=uuid.uuid4().hex,
        organisation_id=organisation_id,
        unit="kg",
        created_at=now,
        roles=_role_rows(session, roles),
    )
    session.add(user)
    session.flush()
    log.info("user added", user_id=user.id, roles=sorted(roles))
    return user


def check_person(session: Session, *, email: str, name: str) -> None:
    """Insist that somebody can be added under this address and name.

    For use cases that do more than add a person, before they do it.

    Raises:
        Refused: Something will not do; every fault is listed.
    """
    if faults := _person(session, email, name)[2]:
        raise Refused(faults)


def set_roles(session: Session, user: UserRow, roles: Collection[str]) -> None:
    """Give a user these roles and no others; they hold from the next request on.

    Raises:
        Refused: A role is unknown, or needs an organisation that the user lacks.
    """
    if faults := _role_faults(roles, user.organisation_id):
        raise Refused(faults)
    user.roles = _role_rows(session, roles)
    session.flush()
    log.info("roles set", user_id=user.id, roles=sorted(roles))


def set_password(session: Session, user: UserRow, password: str) -> None:
    """Give a user another password; every session of theirs ends.

    Raises:
        Refused: The password is too easy.
    """
    user.password = hash_password(password, user.email, user.name)
    user.fs_uniquifier = uuid.uuid4().hex
    session.flush()
    log.info("password set", user_id=user.id)


def set_preferences(
    session: Session, user: UserRow, *, locale: str | None, unit: str
) -> None:
    """Keep the language and the unit of mass that a user chose.

    Raises:
        Refused: A value is not offered.
    """
    faults = []
    if locale not in (*LOCALES, None):
        message = "expected one of {known}"
        faults.append(
            FieldFault(None, "locale", message, {"known": ", ".join(LOCALES)})
        )
    if unit not in UNITS:
        message = "expected one of {known}"
        faults.append(FieldFault(None, "unit", message, {"known": ", ".join(UNITS)}))
    if faults:
        raise Refused(faults)
    user.locale, user.unit = locale, unit
    session.flush()


def deactivate_user(session: Session, user: UserRow, now: datetime) -> None:
    """Let a user go: sessions and tokens end at once, the rows stay."""
    user.active = False
    user.fs_uniquifier = uuid.uuid4().hex
    revoke_all(session, user.id, now)
    session.flush()
    log.info("user deactivated", user_id=user.id)


def _person(
    session: Session, email: str, name: str
) -> tuple[str, str, list[FieldFault]]:
    """Address and name in their normal form, and what is wrong with them."""
    faults: list[FieldFault] = []
    address = _address(email, faults)
    if address and find_user(session, address) is not None:
        message = "a user with the address {email} exists"
        faults.append(FieldFault(None, "email", message, {"email": address}))
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        message = "expected a name of 1 to {most} characters"
        faults.append(FieldFault(None, "name", message, {"most": MAX_NAME}))
    return address, name, faults


def _address(email: str, faults: list[FieldFault]) -> str:
    """The address in its normal form; empty, with a fault, where it is none."""
    try:
        found = validate_email(
            email.strip(), check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        message = "found {found!r}, expected an e-mail address"
        faults.append(FieldFault(None, "email", message, {"found": email}))
        return ""
    return found.normalized.lower()


def _role_faults(
    roles: Collection[str], organisation_id: int | None
) -> list[FieldFault]:
    if not roles or set(roles) - set(ROLES):
        message = "expected one or more of {known}"
        return [FieldFault(None, "roles", message, {"known": ", ".join(ROLES)})]
    if organisation_id is None and ORGANISATION_ROLES & set(roles):
        message = "the roles {roles} belong to an organisation"
        need = ", ".join(sorted(ORGANISATION_ROLES & set(roles)))
        return [FieldFault(None, "roles", message, {"roles": need})]
    return []


def _role_rows(session: Session, names: Collection[str]) -> list[RoleRow]:
    """The rows of these roles; made where this is their first use."""
    wanted = select(RoleRow).where(RoleRow.name.in_(names)).order_by(RoleRow.name)
    known = {row.name for row in session.scalars(wanted)}
    for name in sorted(set(names) - known):
        # Somebody else may be adding the first of that role right now
        with suppress(IntegrityError), session.begin_nested():
            session.add(RoleRow(name=name))
    return list(session.scalars(wanted))
