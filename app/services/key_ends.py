"""Rotation and revocation of keys: their handlers, and who may sign no longer.

The rules are those of ``ledger.keyhistory``, which verifiers fold; here they are held
while entries are taken, under the lock of the log.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from app.models import SigningKeyEndRow, SigningKeyRow, entry_of, row_id
from app.services.errors import KeyEnded, refuse
from app.services.facts import Fact, SealedFact
from app.services.work import Work
from ledger import LedgerError, Verifier, parse_key_name


@dataclass(slots=True)
class KeyState:
    """A registered key; ``ended_index`` is None while it is valid."""

    id: int
    number: int
    name: str
    public_key: bytes
    held_by: str
    next_digest: str | None
    ended_index: int | None

    @property
    def key_id(self) -> str:
        """The key ID of signed notes, hexadecimal."""
        return Verifier(self.name, self.public_key).key_id.hex()


def keys_of(work: Work, organisation_id: int) -> list[KeyState]:
    """The keys of an organisation, by number; those of this batch among them."""
    known: list[KeyState] | None = work.keys.get(organisation_id)
    if known is None:
        rows = work.session.execute(
            select(SigningKeyRow, SigningKeyEndRow.id)
            .outerjoin(
                SigningKeyEndRow, SigningKeyEndRow.signing_key_id == SigningKeyRow.id
            )
            .where(SigningKeyRow.organisation_id == organisation_id)
            .order_by(SigningKeyRow.number)
        )
        known = work.keys[organisation_id] = [
            KeyState(
                key.id,
                key.number,
                key.key_name,
                key.public_key,
                key.held_by,
                key.next_digest,
                None if end is None else entry_of(end),
            )
            for key, end in rows
        ]
    return known


def add_key(
    work: Work, fact: Fact, index: int, verifier: Verifier, held_by: str
) -> KeyState:
    """Write a new key of the organisation that states the fact.

    Raises:
        Refused: It is not named after the organisation and the next number, or the
            public key is in use.
    """
    organisation = work.organisation(fact.org)
    keys = keys_of(work, organisation.id)
    number = len(keys) + 1
    try:
        name = parse_key_name(verifier.name)
    except LedgerError as error:
        raise refuse("data.vkey", "{reason}", reason=str(error)) from error
    if (name.organisation, name.number) != (organisation.code, number):
        raise refuse(
            "data.vkey",
            "found the key name {name}, expected one that ends in {ending}",
            name=verifier.name,
            ending=f"{organisation.code}/{number}",
        )
    known = work.session.scalar(
        select(SigningKeyRow.key_name).where(
            SigningKeyRow.public_key == verifier.public_key
        )
    ) or next((k.name for k in keys if k.public_key == verifier.public_key), None)
    if known is not None:
        raise refuse(
            "data.vkey", "the key is registered already, as {name}", name=known
        )
    key = KeyState(
        row_id(index),
        number,
        verifier.name,
        verifier.public_key,
        held_by,
        fact.data.get("next"),
        None,
    )
    keys.append(key)
    work.add_row(
        SigningKeyRow,
        {
            "id": key.id,
            "organisation_id": organisation.id,
            "number": number,
            "key_name": verifier.name,
            "vkey": fact.data["vkey"],
            "public_key": verifier.public_key,
            "held_by": held_by,
            "next_digest": key.next_digest,
        },
    )
    return key


def post_rotated(work: Work, fact: Fact, index: int) -> None:
    """``key.rotated``: the key that was committed to takes the place of the old one.

    Raises:
        Refused: The old key is unknown, or named another next key.
    """
    data = fact.data
    old = _key_by_id(work, fact, "old")
    try:
        verifier = Verifier.parse(data["vkey"])
    except LedgerError as error:
        raise refuse("data.vkey", "{reason}", reason=str(error)) from error
    if old.next_digest != hashlib.sha256(verifier.public_key).hexdigest():
        raise refuse(
            "data.vkey",
            "found a key that the registration of {name} did not commit to",
            name=old.name,
        )
    new = add_key(work, fact, index, verifier, old.held_by)
    if old.ended_index is None:
        _end(work, old, index, replaced_by_id=new.id, reason=None)


def post_revoked(work: Work, fact: Fact, index: int) -> None:
    """``key.revoked``: the key signs nothing behind this entry.

    Raises:
        Refused: The organisation has no such key, or it has ended before.
    """
    key = _key_by_id(work, fact, "key_id")
    if key.ended_index is not None:
        raise refuse(
            "data.key_id",
            "the key {name} ended at entry {index} already",
            name=key.name,
            index=key.ended_index,
        )
    _end(work, key, index, replaced_by_id=None, reason=fact.data["reason"])


def _key_by_id(work: Work, fact: Fact, member: str) -> KeyState:
    wanted = fact.data[member]
    for key in reversed(keys_of(work, work.organisation(fact.org).id)):
        if key.key_id == wanted:
            return key
    raise refuse(
        f"data.{member}",
        "found {key_id}, which is no key of organisation {org}",
        key_id=wanted,
        org=fact.org,
    )


def _end(
    work: Work,
    key: KeyState,
    index: int,
    *,
    replaced_by_id: int | None,
    reason: str | None,
) -> None:
    key.ended_index = index
    work.ended_keys[key.name] = index
    work.add_row(
        SigningKeyEndRow,
        {
            "id": row_id(index),
            "signing_key_id": key.id,
            "replaced_by_id": replaced_by_id,
            "reason": reason,
        },
    )


class _EndedKeys:
    """Names of ended keys, read again when another has ended: ends are few.

    The row of the log's head tells the newest end, so that an append asks for nothing
    more than it reads anyway.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[
            Engine, tuple[tuple[int, int], dict[str, int]]
        ] = WeakKeyDictionary()

    def of(
        self, connection: Connection, last_end: tuple[int, int] | None
    ) -> Mapping[str, int]:
        if last_end is None:
            return {}
        with self._lock:
            known = self._known.get(connection.engine)
        if known is not None and known[0] == last_end:
            return known[1]
        rows = connection.execute(
            select(SigningKeyRow.key_name, SigningKeyEndRow.id).join(
                SigningKeyEndRow, SigningKeyEndRow.signing_key_id == SigningKeyRow.id
            )
        )
        ended = {name: entry_of(end) for name, end in rows}
        with self._lock:
            self._known[connection.engine] = (last_end, ended)
        return ended


_ENDED = _EndedKeys()


def load_ended(work: Work, last_end: tuple[int, int] | None) -> None:
    """What the batch has to know of keys that have ended; under the log's lock."""
    work.ended_keys = dict(_ENDED.of(work.connection, last_end))


def check_signer(work: Work, sealed: SealedFact) -> None:
    """Insist that the key of an entry may sign where the entry comes to stand.

    Raises:
        KeyEnded: It was rotated or revoked.
        Refused: A key is registered by the registrar for who has a valid one, or the
            other way round.
    """
    name, fact = sealed.key_name, sealed.fact
    if name is None:
        return
    if (ended := work.ended_keys.get(name)) is not None:
        raise KeyEnded(
            "the key {name} ended at entry {index}: it signs nothing any more",
            name=name,
            index=ended,
        )
    if fact.type == "key.registered":
        keys = keys_of(work, work.organisation(fact.org).id)
        has_key = any(key.ended_index is None for key in keys)
        if has_key != (parse_key_name(name).organisation == fact.org):
            raise refuse(
                "org",
                "found the signature of {name}: a valid key of the organisation "
                "registers the next one, the registrar only where there is none",
                name=name,
            )
