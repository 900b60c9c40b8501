"""Take facts from whoever may state them: rights, signing, posting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.services.access import Actor
from app.services.device_signing import seal_on_device
from app.services.errors import Forbidden, KeyEnded, positioned, refuse
from app.services.facts import FACT_TYPES, Fact, SealedFact, parse_at
from app.services.genesis import get_registrar
from app.services.keys import KeyRing
from app.services.posting import Receipt, post
from app.services.signing import accept_note, check_parents, seal_facts
from ledger import Entry, LedgerError

# The registrar signs these for others: first keys, and the end of a lost one
OF_THE_REGISTRAR_TOO = ("key.registered", "key.revoked")
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
        fact.type in OF_THE_REGISTRAR_TOO and fact.org != actor.organisation_code
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
    """Sign facts with the key of their organisation and post them.

    Raises:
        Forbidden: The actor may not state one of them.
        SignatureNeeded: The caller's device keeps the key, and has to sign first.
        Refused: Faults by position; nothing was posted.
        RepeatMismatch: An id stands in the log with another request.
        NoSigningKey: The organisation keeps its own keys.
    """
    for fact in facts:
        require_right(actor, fact)
    return _posted_again_if_ended(
        keyring,
        facts,
        lambda: post_sealed(doors, seal(doors, keyring, facts, now), now),
    )


def seal(
    doors: Doors, keyring: KeyRing, facts: Sequence[Fact], now: datetime
) -> list[SealedFact]:
    """Facts as signed entries, by the platform's key or by that of the caller's device.

    Raises:
        SignatureNeeded: The device has to sign first.
        Refused: Faults by position.
        RepeatMismatch: An id stands in the log with another request.
        NoSigningKey: The organisation keeps its own keys.
    """
    if keyring.device is not None:
        return seal_on_device(doors, keyring, keyring.device, facts, now)
    with doors.reading() as session:
        return seal_facts(session, keyring, facts)


def _posted_again_if_ended(
    keyring: KeyRing, facts: Iterable[Fact], attempt: Callable[[], list[Receipt]]
) -> list[Receipt]:
    """Sign once more where a key that this process had opened has ended meanwhile."""
    try:
        return attempt()
    except KeyEnded:
        for org in {fact.org for fact in facts}:
            keyring.forget(org)
        return attempt()


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


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry that an organisation signed itself, parsed, its data checked."""

    entry: Entry
    data: Mapping[str, Any]
    disclosures: tuple[str, ...]


def record_mixed(
    doors: Doors,
    keyring: KeyRing,
    actor: Actor,
    requests: Sequence[Fact | OwnEntry],
    now: datetime,
) -> list[Receipt]:
    """Post facts and signed entries together, in their order, all or nothing.

    What the registrar signs is not taken here: organisations are registered together
    with their first keys.

    Raises:
        Forbidden: The actor may not state one of them.
        Refused: Faults by position, signatures that do not hold among them; nothing
            was posted.
        RepeatMismatch: An id stands in the log with another request.
        NoSigningKey: The organisation keeps its own keys.
        NoSuchKey: An entry is signed by a key that is not registered.
        KeyEnded: It was rotated or revoked.
    """
    for one in requests:
        require_right(actor, _fact_of(one))
    return _posted_again_if_ended(
        keyring,
        [one for one in requests if isinstance(one, Fact)],
        lambda: post_sealed(doors, _sealed_mixed(doors, keyring, requests), now),
    )


def _sealed_mixed(
    doors: Doors, keyring: KeyRing, requests: Sequence[Fact | OwnEntry]
) -> list[SealedFact]:
    with doors.reading() as session:
        sealed: list[SealedFact] = []
        own: list[SealedFact] = []
        for position, one in enumerate(requests):
            if isinstance(one, Fact):
                continue
            with positioned(position):
                own.append(_accepted(session, keyring, one))
        check_parents(session, own)
        signed = iter(own)
        ours = iter(
            seal_facts(
                session, keyring, [one for one in requests if isinstance(one, Fact)]
            )
        )
        for one in requests:
            sealed.append(next(ours if isinstance(one, Fact) else signed))
    return sealed


def _accepted(session: Session, keyring: KeyRing, one: OwnEntry) -> SealedFact:
    """A signed entry, its signature and disclosures checked.

    Raises:
        Refused: One does not hold.
        NoSuchKey: The signing key is not registered for the organisation.
    """
    try:
        return accept_note(session, keyring, one.entry, one.data, one.disclosures)
    except LedgerError as error:
        raise refuse("note", "{reason}", reason=str(error)) from error


def _fact_of(one: Fact | OwnEntry) -> Fact:
    if isinstance(one, Fact):
        return one
    envelope = one.entry.fact
    return Fact(
        id=envelope["id"],
        type=envelope["type"],
        org=envelope["org"],
        at=parse_at(envelope["at"]),
        data=one.data,
    )
