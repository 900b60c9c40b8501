"""Take facts from whoever may state them: rights, signing, posting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.services.access import Actor
from app.services.errors import Forbidden
from app.services.facts import FACT_TYPES, Fact, SealedFact
from app.services.genesis import get_registrar
from app.services.keys import KeyRing
from app.services.posting import Receipt, post
from app.services.signing import seal_facts

Opener = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Doors:
    """The two ways into the database, for use cases that need both.

    Attributes:
        reading: Opens one consistent view; nothing in it may write.
        transaction: Opens a transaction that commits at its end.
    """

    reading: Opener
    transaction: Opener


def require_right(actor: Actor, fact: Fact) -> None:
    """Insist that the actor may state this fact for its organisation.

    Raises:
        Forbidden: The fact is another organisation's, or the role does not fit.
    """
    if FACT_TYPES[fact.type].registrar or (
        fact.type == "key.registered" and fact.org != actor.organisation_code
    ):
        actor.require(fact.type, "other")
        return
    if fact.org != actor.organisation_code:
        raise Forbidden(
            "found a fact of organisation {org}, expected one of your own",
            org=fact.org,
        )
    answers = fact.type in ("transfer.accepted", "transfer.refused")
    actor.require(fact.type, "counterparty" if answers else "own")


def record(
    doors: Doors, keyring: KeyRing, actor: Actor, facts: Sequence[Fact], now: datetime
) -> list[Receipt]:
    """Sign facts with the platform's key of their organisation and post them.

    Raises:
        Forbidden: The actor may not state one of them.
        Refused: Faults by position; nothing was posted.
        RepeatMismatch: An id stands in the log with another request.
        NoSigningKey: The organisation keeps its own keys.
    """
    for fact in facts:
        require_right(actor, fact)
    with doors.reading() as session:
        sealed = seal_facts(session, keyring, facts)
    return post_sealed(doors, sealed, now)


def record_as_registrar(
    doors: Doors, keyring: KeyRing, actor: Actor, facts: Sequence[Fact], now: datetime
) -> list[Receipt]:
    """Sign facts with the registrar's key and post them.

    Raises:
        Forbidden: The actor is not the registrar.
        Refused: Faults by position; nothing was posted.
    """
    for fact in facts:
        require_right(actor, fact)
    with doors.reading() as session:
        signer = get_registrar(session, keyring)
        sealed = seal_facts(session, keyring, facts, signer)
    return post_sealed(doors, sealed, now)


def post_sealed(
    doors: Doors, sealed: Sequence[SealedFact], now: datetime
) -> list[Receipt]:
    """Post signed facts in a transaction of their own."""
    with doors.transaction() as session:
        return post(session, sealed, now)
