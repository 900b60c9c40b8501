"""Bring an organisation into the log: its registration and its first key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.services.access import Actor
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact
from app.services.genesis import get_trust_root
from app.services.keys import KeyRing, store_sealed
from app.services.posting import Receipt
from app.services.recording import Doors, record_as_registrar
from ledger import Signer, key_name, prove_possession


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the registrar enters.

    Attributes:
        data: Of ``organisation.registered``.
        private: Its private fields.
        vkey: Key that the organisation made itself; None: the platform keeps one.
        proof: That key's proof of possession, base64.
    """

    data: Mapping[str, Any]
    private: Mapping[str, str]
    vkey: str | None = None
    proof: str | None = None


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
            data={"vkey": vkey, "held_by": held_by, "proof": proof or ""},
        ),
    ]
    if signer is not None:
        with doors.transaction() as session:
            store_sealed(session, keyring, signer, now)
    return record_as_registrar(doors, keyring, actor, facts, now)
