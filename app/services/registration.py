"""Bring an organisation into the log: its registration and its first key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.models import OrganisationRow, SealedKeyRow, SigningKeyRow
from app.services.access import Actor
from app.services.errors import Conflict
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact
from app.services.genesis import get_trust_root
from app.services.journal import find_known
from app.services.keys import KeyRing, store_sealed
from app.services.posting import Receipt
from app.services.recording import Doors, record, record_as_registrar
from ledger import Signer, key_name, prove_possession


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the registrar enters.

    Attributes:
        data: Of ``organisation.registered``.
        private: Its private fields.
        vkey: Key that the organisation made itself; None: the platform keeps one.
        proof: That key's proof of possession, base64.
        next_digest: SHA-256 of the public key that may replace it, hexadecimal.
    """

    data: Mapping[str, Any]
    private: Mapping[str, str]
    vkey: str | None = None
    proof: str | None = None
    next_digest: str | None = None


def register_organisation(
    doors: Doors,
    keyring: KeyRing,
    actor: Actor,
    registration: Registration,
    now: datetime,
) -> list[Receipt]:
    """Register an organisation and its first key, in one transaction each.

    The sealed key is stored before the log names it: a key that is nowhere in the
    log is harmless, a key in the log that nobody holds is not.

    Raises:
        Forbidden: The actor is not the registrar.
        Refused: The data, or the key, cannot be registered.
    """
    code = str(registration.data["code"])
    with doors.reading() as session:
        root = get_trust_root(session)
    at = now.replace(microsecond=0)
    vkey, proof, held_by = registration.vkey, registration.proof, "organisation"
    if vkey is None:
        signer = Signer.generate(key_name(root.origin, code, 1))
        vkey, proof, held_by = signer.vkey, prove_possession(code, signer), "platform"
    else:
        signer = None
    key = {"vkey": vkey, "held_by": held_by, "proof": proof or ""}
    if registration.next_digest is not None:
        key["next"] = registration.next_digest
    facts = [
        Fact(
            id=new_fact_id(now),
            type="organisation.registered",
            org=root.operator,
            at=at,
            data=registration.data,
            private=registration.private,
        ),
        Fact(
            id=new_fact_id(now),
            type="key.registered",
            org=code,
            at=at,
            data=key,
        ),
    ]
    if signer is not None:
        with doors.transaction() as session:
            store_sealed(session, keyring, signer, now)
    return record_as_registrar(doors, keyring, actor, facts, now)


def register_platform_key(
    doors: Doors, keyring: KeyRing, actor: Actor, fact_id: str, now: datetime
) -> Receipt:
    """Register another key that the platform holds for the actor's organisation.

    The key that the platform holds already signs for the new one; what is logged from
    then on is signed by the new one. The old one stays valid until it is revoked.

    Raises:
        Conflict: The actor belongs to no organisation.
        Forbidden: The actor does not manage the keys of the organisation.
        NoSigningKey: The organisation keeps its own keys: it registers them itself.
    """
    actor.require("manage-keys")
    org = actor.organisation_code
    if org is None:
        raise Conflict("this belongs to an organisation")
    with doors.reading() as session:
        origin = get_trust_root(session).origin
        keyring.signer_of(session, org)
        known = find_known(session, [(org, fact_id)])
        if (entry := known.get((org, fact_id))) is not None:
            return Receipt(fact_id, entry[0], entry[1].hex(), True)
        count = session.scalar(
            select(func.count())
            .select_from(SigningKeyRow)
            .join(OrganisationRow, OrganisationRow.id == SigningKeyRow.organisation_id)
            .where(OrganisationRow.code == org)
        )
    name = key_name(origin, org, (count or 0) + 1)
    with doors.transaction() as session:
        # Sealed by an attempt that did not reach the log: it is the next key still
        kept = session.get(SealedKeyRow, name)
        if kept is None:
            signer = Signer.generate(name)
            store_sealed(session, keyring, signer, now)
        else:
            signer = keyring.open(name, kept.sealed)
    fact = Fact(
        id=fact_id,
        type="key.registered",
        org=org,
        at=now.replace(microsecond=0),
        data={
            "vkey": signer.vkey,
            "held_by": "platform",
            "proof": prove_possession(org, signer),
        },
    )
    [receipt] = record(doors, keyring, actor, [fact], now)
    keyring.forget(org)
    return receipt
