"""Rotation, revocation and erasure: taken by the log, read by verifiers."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import select

from app.models import DisclosureRow, LogEntryRow, SigningKeyEndRow
from app.services.access import Actor
from app.services.errors import Forbidden, KeyEnded, NoSigningKey, NoSuchKey, Refused
from app.services.fact_ids import new_fact_id
from app.services.posting import Receipt
from app.services.recording import OwnEntry, record_mixed
from app.services.registration import Registration, register_organisation
from ledger import (
    KeyHistory,
    Signer,
    key_name,
    parse_entry,
    prove_possession,
    sign_entry,
)
from tests.world import REGISTRAR, World, code_of

YARD = code_of("示例货场")
SCALES = ({"code": "S", "e_g": 1, "max_g": 10**9},)


def signer(world: World, number: int, seed: int | None = None) -> Signer:
    name = key_name(world.root.origin, YARD, number)
    return Signer.from_bytes(name, bytes([seed or number]) * 32)


def digest_of(key: Signer) -> str:
    return hashlib.sha256(key.public_key).hexdigest()


def key_id(key: Signer) -> str:
    return key.verifier.key_id.hex()


def key_data(key: Signer, **more: Any) -> dict[str, Any]:
    proof = prove_possession(YARD, key)
    return {"vkey": key.vkey, "held_by": "organisation", "proof": proof, **more}


@pytest.fixture
def yard(world: World) -> World:
    """A yard that holds its own first key, which commits to the second."""
    first = signer(world, 1)
    data = {"code": YARD, "name_zh": "示例货场", "roles": ["recycler"]}
    register_organisation(
        world.doors,
        world.keyring,
        REGISTRAR,
        Registration(
            data=data,
            private={},
            vkey=first.vkey,
            proof=prove_possession(YARD, first),
            next_digest=digest_of(signer(world, 2)),
        ),
        world.now,
    )
    return world


def send(world: World, kind: str, data: dict[str, Any], key: Signer) -> Receipt:
    """Sign one fact as its organisation does, and send it."""
    fact = world.fact(kind, YARD, data)
    envelope: dict[str, Any] = {
        "at": fact.at_text,
        "data": dict(fact.data),
        "id": new_fact_id(world.now),
        "org": YARD,
        "parents": [],
        "sd": [],
        "seen": None,
        "type": kind,
        "v": 1,
    }
    entry = parse_entry(sign_entry(envelope, [key]))
    actor = Actor(2, 0, YARD, frozenset({"manager"}))
    own = OwnEntry(entry, fact.data, ())
    [receipt] = record_mixed(world.doors, world.keyring, actor, [own], world.now)
    return receipt


def revoke(world: World, key: Signer, by: Signer) -> Receipt:
    data = {"key_id": key_id(key), "reason": "丢失"}
    return send(world, "key.revoked", data, by)


def fold(world: World) -> KeyHistory:
    """Every entry checked by a verifier that trusts nothing but entry 0."""
    history = KeyHistory()
    with world.reading() as session:
        notes = session.execute(
            select(LogEntryRow.entry_index, LogEntryRow.note).order_by(
                LogEntryRow.entry_index
            )
        )
        for index, note in notes:
            history.check(index, parse_entry(note))
    return history


def test_a_key_is_rotated_to_the_one_that_was_committed_to(yard: World) -> None:
    first, second, third = (signer(yard, n) for n in (1, 2, 3))
    data = {"old": key_id(first), "vkey": second.vkey, "next": digest_of(third)}

    receipt = send(yard, "key.rotated", data, second)

    assert [key.ended_index for key in fold(yard).keys_of(YARD)] == [
        receipt.entry_index,
        None,
    ]
    with pytest.raises(KeyEnded, match=r"ended at entry"):
        send(yard, "key.registered", key_data(third), first)
    send(yard, "key.registered", key_data(third), second)
    assert len(fold(yard).keys_of(YARD)) == 3


def test_a_stolen_key_does_not_rotate(yard: World) -> None:
    first, thief = signer(yard, 1), signer(yard, 2, seed=99)
    data = {"old": key_id(first), "vkey": thief.vkey}

    with pytest.raises(Refused, match="did not commit"):
        send(yard, "key.rotated", data, thief)
    with pytest.raises(Refused, match="signed by"):
        send(yard, "key.rotated", {**data, "vkey": signer(yard, 2).vkey}, first)
    with pytest.raises(Refused, match="no key of organisation"):
        send(yard, "key.rotated", {**data, "old": "00000000"}, thief)


def test_who_lost_the_key_to_a_thief_comes_back_with_the_committed_one(
    yard: World,
) -> None:
    first, thief = signer(yard, 1), signer(yard, 2, seed=99)
    send(yard, "key.registered", key_data(thief), first)
    revoke(yard, first, thief)
    with pytest.raises(KeyEnded):
        revoke(yard, thief, first)
    own = signer(yard, 3, seed=2)  # the seed that the first key committed to
    data = {"old": key_id(first), "vkey": own.vkey}

    send(yard, "key.rotated", data, own)
    revoke(yard, thief, own)

    valid = [one.number for one in fold(yard).keys_of(YARD) if one.ended_index is None]
    assert valid == [3]


def test_the_registrar_ends_a_lost_key_and_registers_another(yard: World) -> None:
    second = signer(yard, 2, seed=7)
    data = {"key_id": key_id(signer(yard, 1)), "reason": "丢失"}
    early = yard.fact("key.registered", YARD, key_data(second))
    with pytest.raises(Refused, match="only where there is none"):
        yard.post_as_registrar([early])

    yard.post_as_registrar([yard.fact("key.revoked", YARD, data)])
    yard.post_as_registrar([yard.fact("key.registered", YARD, key_data(second))])

    assert [one.ended_index is None for one in fold(yard).keys_of(YARD)] == [
        False,
        True,
    ]


def test_a_key_ends_once_and_is_of_the_organisation(yard: World) -> None:
    first, second = signer(yard, 1), signer(yard, 2, seed=7)
    send(yard, "key.registered", key_data(second), first)
    revoke(yard, first, second)

    with pytest.raises(Refused, match="already"):
        revoke(yard, first, second)
    with pytest.raises(Refused, match="no key of organisation"):
        send(yard, "key.revoked", {"key_id": "00000000", "reason": "x"}, second)
    stranger = Signer.from_bytes(key_name(yard.root.origin, YARD, 9), b"9" * 32)
    with pytest.raises(NoSuchKey):
        revoke(yard, second, stranger)


def test_only_a_manager_or_the_registrar_ends_keys(yard: World) -> None:
    data = {"key_id": key_id(signer(yard, 1)), "reason": "x"}
    fact = yard.fact("key.revoked", YARD, data)
    for roles in ({"recycler"}, {"auditor"}, {"statistician"}):
        actor = Actor(3, 0, YARD, frozenset(roles))
        with pytest.raises(Forbidden):
            record_mixed(yard.doors, yard.keyring, actor, [fact], yard.now)
    stranger = Actor(3, 0, code_of("B"), frozenset({"manager"}))
    with pytest.raises(Forbidden):
        record_mixed(yard.doors, yard.keyring, stranger, [fact], yard.now)


def test_the_platform_signs_on_with_its_next_key(world: World) -> None:
    org = world.register("A")
    facility = world.facility(
        org, "F", scales=[{"code": "S", "e_g": 1, "max_g": 10**9}]
    )
    with world.reading() as session:
        name = world.keyring.signer_of(session, org).name
    ended = parse_key_of(world, name)
    world.state("key.revoked", org, {"key_id": ended, "reason": "x"})

    with pytest.raises(NoSigningKey):
        world.sourced(org, facility)
    with world.reading() as session:
        assert len(session.scalars(select(SigningKeyEndRow)).all()) == 1


def parse_key_of(world: World, name: str) -> str:
    [record] = [
        one
        for org in fold(world).organisations
        for one in fold(world).keys_of(org)
        if one.verifier.name == name
    ]
    return record.verifier.key_id.hex()


def test_a_value_is_erased_and_everything_still_verifies(world: World) -> None:
    org = world.register("A")
    facility = world.facility(
        org, "F", scales=[{"code": "S", "e_g": 1, "max_g": 10**9}]
    )
    fact_id = new_fact_id(world.now)
    world.state(
        "lot.sourced",
        org,
        {
            "lot": code_of("L"),
            "facility": facility,
            "material": "AL-SCRAP-MIXED",
            "source": "collected",
            "origin_class": "post_consumer",
            "weighing": {"net_g": 10_000_000, "scale": "S"},
            "metal": "Al",
            "content_ppm": 950_000,
            "content_basis": "declared",
        },
        fact_id=fact_id,
        private={"supplier": "示例供方"},
    )
    with world.reading() as session:
        [digest] = session.scalars(select(DisclosureRow.digest)).all()
    data = {"of": fact_id, "digests": [digest], "basis": "应本人要求"}

    world.state("disclosure.erased", org, data)

    with world.reading() as session:
        assert session.scalars(select(DisclosureRow)).all() == []
    fold(world)
    with pytest.raises(Refused, match="erased already"):
        world.state("disclosure.erased", org, data)
    with pytest.raises(Refused, match="not in that entry"):
        world.state("disclosure.erased", org, {**data, "digests": ["A" * 43]})
    other = world.register("B")
    with pytest.raises(Refused, match="no entry of yours"):
        world.state("disclosure.erased", other, data)
