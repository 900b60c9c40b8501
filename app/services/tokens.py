"""Personal API tokens: shown once, kept as a digest, revoked one by one.

A token is ``rmt_`` and 40 characters of base62, 238 random bits: a plain SHA-256 keeps
it, for there is nothing to guess. The prefix lets secret scanners find lost ones.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.models import TokenRow
from app.queries.errors import NotFound
from app.queries.users import find_live_token
from app.services.access import SCOPES, Actor
from app.services.errors import FieldFault, Refused, Unauthenticated

PREFIX = "rmt_"
RANDOM_LENGTH = 40
SHOWN_LENGTH = len(PREFIX) + 6
ALPHABET = string.ascii_letters + string.digits
MAX_LIFE = timedelta(days=366)
MAX_NAME = 100
COARSE = timedelta(hours=1)
"""How exactly the last use is kept: not a write for each request."""

log = structlog.get_logger("remelt.audit")


def digest_of(text: str) -> bytes:
    """What is kept of a token: SHA-256, 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def make_token(
    session: Session,
    user_id: int,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime,
    now: datetime,
) -> tuple[TokenRow, str]:
    """Make a token for a user; its text is given back here and never again.

    Raises:
        Refused: Name, scopes or expiry will not do; every fault is listed.
    """
    faults = []
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        message = "expected a name of 1 to {most} characters"
        faults.append(FieldFault(None, "name", message, {"most": MAX_NAME}))
    if not scopes or set(scopes) - set(SCOPES):
        message = "expected one or more of {scopes}"
        known = ", ".join(SCOPES)
        faults.append(FieldFault(None, "scopes", message, {"scopes": known}))
    if not now < expires_at <= now + MAX_LIFE:
        message = "expected a day between tomorrow and {days} days from now"
        faults.append(FieldFault(None, "expires_at", message, {"days": MAX_LIFE.days}))
    if faults:
        raise Refused(faults)
    text = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    row = TokenRow(
        user_id=user_id,
        name=name,
        scopes=sorted(set(scopes)),
        digest=digest_of(text),
        prefix=text[:SHOWN_LENGTH],
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    log.info("token made", user_id=user_id, token_id=row.id, scopes=row.scopes)
    return row, text


def revoke_token(session: Session, user_id: int, token_id: int, now: datetime) -> None:
    """End one token of a user; ending it again changes nothing.

    Raises:
        NotFound: The user has no such token.
    """
    wanted = select(TokenRow).where(TokenRow.id == token_id)
    row = session.scalar(wanted.where(TokenRow.user_id == user_id))
    if row is None:
        raise NotFound("no token {token_id}", token_id=token_id)
    if row.revoked_at is None:
        row.revoked_at = now
        session.flush()
        log.info("token revoked", user_id=user_id, token_id=token_id)


def revoke_all(session: Session, user_id: int, now: datetime) -> None:
    """End every token of a user."""
    session.execute(
        update(TokenRow)
        .where(TokenRow.user_id == user_id, TokenRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def identify(session: Session, text: str, now: datetime) -> tuple[Actor, int | None]:
    """Who carries this token.

    Returns:
        The actor, and the token whose last use should be noted, if it is due.

    Raises:
        Unauthenticated: No token that is valid now reads like this.
    """
    token = None
    if text.startswith(PREFIX) and len(text) == len(PREFIX) + RANDOM_LENGTH:
        token = find_live_token(session, digest_of(text), now)
    if token is None:
        raise Unauthenticated("the token is unknown, revoked or expired")
    standing = token.standing
    actor = Actor(
        standing.user_id,
        standing.organisation_id,
        standing.organisation_code,
        standing.roles,
        token.scopes,
    )
    due = token.last_used_at is None or token.last_used_at <= now - COARSE
    return actor, token.token_id if due else None


def note_use(session: Session, token_id: int, now: datetime) -> None:
    """Keep when a token was last used, to the hour or so."""
    session.execute(
        update(TokenRow)
        .where(
            TokenRow.id == token_id,
            or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at < now),
        )
        .values(last_used_at=now)
    )
