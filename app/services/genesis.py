"""The first entry of a log: what everything else is checked against."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.data import read_json
from app.models import SealedKeyRow
from app.queries.log import get_entry, get_head
from app.services.errors import Conflict, NoSigningKey
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact
from app.services.journal import Journal, start_log
from app.services.keys import KeyRing, store_sealed
from app.services.signing import seal_facts
from labels.codes import new_code
from ledger import (
    Signer,
    Verifier,
    canonical_json,
    key_name,
    parse_entry,
    parse_key_name,
)

DEFAULT_ORIGIN_HOST = "remelt.invalid"


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """What entry 0 names.

    Attributes:
        origin: Name of the log.
        log_vkey: Key of its checkpoints.
        registrar_vkey: Key that signs organisations and their first keys.
        leaf_hash: Of entry 0, hexadecimal; the one anchor of a verifier.
    """

    origin: str
    log_vkey: str
    registrar_vkey: str
    leaf_hash: str

    @property
    def operator(self) -> str:
        """Code under which the registrar signs."""
        return parse_key_name(Verifier.parse(self.registrar_vkey).name).organisation


def schema_digest() -> str:
    """SHA-256 of the published schemas' canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical_json(read_json("fact_schemas.json"))).hexdigest()


def new_log_key(origin: str | None) -> Signer:
    """A key for a new log; without an origin, one that is named after the key."""
    if origin is not None:
        return Signer.generate(origin)
    unnamed = Signer.generate(DEFAULT_ORIGIN_HOST)
    digest = hashlib.sha256(unnamed.public_key).hexdigest()[:16]
    return Signer.from_bytes(f"{DEFAULT_ORIGIN_HOST}/{digest}", unnamed.seed)


def found_log(
    session: Session, keyring: KeyRing, log_key: Signer, now: datetime
) -> TrustRoot:
    """Write entry 0 and keep a new registrar's key, sealed.

    Raises:
        Conflict: The log has entries.
    """
    start_log(session)
    if get_head(session).size:
        raise Conflict("the log has its first entry already")
    operator = new_code()
    registrar = Signer.generate(key_name(log_key.name, operator, 1))
    fact = Fact(
        id=new_fact_id(now),
        type="log.genesis",
        org=operator,
        at=now.replace(microsecond=0),
        data={
            "origin": log_key.name,
            "log_vkey": log_key.vkey,
            "registrar_vkey": registrar.vkey,
            "schema_sha256": schema_digest(),
        },
    )
    [sealed] = seal_facts(session, keyring, [fact], registrar)
    journal = Journal(session)
    journal.add(sealed)
    journal.write()
    store_sealed(session, keyring, registrar, now)
    return get_trust_root(session)


def get_trust_root(session: Session) -> TrustRoot:
    """What entry 0 names.

    Raises:
        NotFound: The log was not founded yet.
    """
    row = get_entry(session, 0)
    data = parse_entry(row.note).fact["data"]
    return TrustRoot(
        origin=data["origin"],
        log_vkey=data["log_vkey"],
        registrar_vkey=data["registrar_vkey"],
        leaf_hash=row.leaf_hash.hex(),
    )


def get_registrar(session: Session, keyring: KeyRing) -> Signer:
    """The registrar's key, opened.

    Raises:
        NoSigningKey: It is not kept here.
    """
    name = Verifier.parse(get_trust_root(session).registrar_vkey).name
    row = session.get(SealedKeyRow, name)
    if row is None:
        raise NoSigningKey("the registrar's key is not kept here")
    return keyring.open(name, row.sealed)
