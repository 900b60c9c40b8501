"""Who may sign what, at which index."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ledger import (
    BadSignature,
    BrokenHistory,
    KeyHistory,
    LedgerError,
    Signer,
    key_name,
    parse_entry,
    sign_entry,
)
from tests.small_log import (
    LOG_KEY,
    OPERATOR,
    ORIGIN,
    REGISTRAR,
    SMELTER,
    YARD,
    SmallLog,
    claim_log,
    envelope,
    key_fact,
    signer_of,
)

FIRST, SECOND, THIRD = (signer_of(YARD, n) for n in (1, 2, 3))


def digest_of(signer: Signer) -> str:
    return hashlib.sha256(signer.public_key).hexdigest()


def fold(log: SmallLog) -> KeyHistory:
    history = KeyHistory()
    for index, note in enumerate(log.notes):
        history.check(index, parse_entry(note))
    return history


def founded(**more: str) -> SmallLog:
    """A log with the yard and its first key: entries 0 to 2."""
    log = SmallLog()
    log.register(YARD, **more)
    return log


def add_lot(log: SmallLog, signer: Signer, org: str = YARD) -> None:
    log.add("lot.sourced", org, {"lot": "L0T000000001"}, signer)


def test_a_whole_log_folds_and_names_its_keys() -> None:
    history = fold(claim_log()[0])

    assert (history.origin, history.operator) == (ORIGIN, OPERATOR)
    assert history.log_vkey == LOG_KEY.vkey
    assert history.organisations == {YARD, SMELTER}
    [record] = history.keys_of(YARD)
    assert record.verifier.name == FIRST.name
    assert (record.number, record.held_by, record.registered_index) == (
        1,
        "organisation",
        2,
    )
    assert history.held_by(FIRST.name) == "organisation"
    assert history.held_by("nobody") is None


def test_a_key_is_valid_from_the_entry_after_its_registration() -> None:
    history = fold(founded())

    assert history.key_at(FIRST.name, 3).number == 1
    with pytest.raises(BadSignature, match="not valid at entry 2"):
        history.key_at(FIRST.name, 2)
    with pytest.raises(BadSignature, match="no key"):
        history.key_at(SECOND.name, 3)


def test_a_second_key_is_registered_by_the_organisation() -> None:
    log = founded()
    log.add("key.registered", YARD, key_fact(YARD, SECOND), FIRST)
    add_lot(log, SECOND)
    add_lot(log, FIRST)

    assert [one.number for one in fold(log).keys_of(YARD)] == [1, 2]


@pytest.mark.parametrize("reason_signer", [FIRST, REGISTRAR])
def test_a_revoked_key_signs_nothing_after_its_revocation(
    reason_signer: Signer,
) -> None:
    log = founded()
    add_lot(log, FIRST)
    revoked = {"key_id": FIRST.verifier.key_id.hex(), "reason": "lost"}
    log.add("key.revoked", YARD, revoked, reason_signer)

    history = fold(log)

    assert history.keys_of(YARD)[0].ended_index == 4
    add_lot(log, FIRST)
    with pytest.raises(BadSignature, match="not valid at entry 5"):
        fold(log)


def test_a_rotation_is_signed_by_the_key_that_was_named_before() -> None:
    log = founded(next=digest_of(SECOND))
    data = {"old": FIRST.verifier.key_id.hex(), "vkey": SECOND.vkey}
    log.add("key.rotated", YARD, data, SECOND)
    add_lot(log, SECOND)

    history = fold(log)

    assert [one.ended_index for one in history.keys_of(YARD)] == [3, None]
    assert history.keys_of(YARD)[1].held_by == "organisation"
    add_lot(log, FIRST)
    with pytest.raises(BadSignature, match="not valid at entry 5"):
        fold(log)


@pytest.mark.parametrize("committed", [None, digest_of(THIRD)])
def test_nobody_rotates_to_a_key_that_was_not_named(committed: str | None) -> None:
    log = founded(**({} if committed is None else {"next": committed}))
    data = {"old": FIRST.verifier.key_id.hex(), "vkey": SECOND.vkey}
    log.add("key.rotated", YARD, data, SECOND)

    with pytest.raises(BrokenHistory, match="another next key"):
        fold(log)


def test_the_old_key_cannot_sign_the_rotation() -> None:
    log = founded(next=digest_of(SECOND))
    data = {"old": FIRST.verifier.key_id.hex(), "vkey": SECOND.vkey}
    log.add("key.rotated", YARD, data, FIRST)

    with pytest.raises(BadSignature):
        fold(log)


def test_the_operator_rotates_its_key_like_anybody() -> None:
    second = signer_of(OPERATOR, 2)
    log = SmallLog()
    log.add("key.registered", OPERATOR, key_fact(OPERATOR, second), REGISTRAR)
    data = {"code": YARD, "roles": ["recycler"]}
    log.add("organisation.registered", OPERATOR, data, second)
    log.add("key.registered", YARD, key_fact(YARD, FIRST), second)

    assert fold(log).organisations == {YARD}


LOT = {"lot": "L0T000000001"}
ORG = {"code": SMELTER, "roles": ["recycler"]}


@pytest.mark.parametrize(
    ("fact_type", "org", "data", "signer"),
    [
        # Somebody else's facts
        ("lot.sourced", YARD, LOT, REGISTRAR),
        ("lot.sourced", SMELTER, LOT, FIRST),
        # The operator signs organisations and keys, no lots
        ("lot.sourced", OPERATOR, LOT, REGISTRAR),
        ("lot.sourced", OPERATOR, LOT, FIRST),
        # A key that the log does not know; and one that only bears a known name
        ("lot.sourced", YARD, LOT, SECOND),
        ("lot.sourced", YARD, LOT, Signer.from_bytes(FIRST.name, bytes(32))),
        # Only the operator registers organisations
        ("organisation.registered", OPERATOR, ORG, FIRST),
        ("organisation.registered", YARD, ORG, FIRST),
        ("organisation.registered", YARD, ORG, REGISTRAR),
        # Who has a valid key registers the next one; the operator cannot
        ("key.registered", YARD, key_fact(YARD, SECOND), REGISTRAR),
        ("key.registered", SMELTER, key_fact(SMELTER, signer_of(SMELTER)), FIRST),
        # Nobody else's key can be revoked
        ("key.revoked", SMELTER, {"key_id": "00000000", "reason": "x"}, FIRST),
    ],
)
def test_what_a_key_may_not_sign_is_refused(
    fact_type: str, org: str, data: dict[str, Any], signer: Signer
) -> None:
    log = founded()
    log.add(fact_type, org, data, signer)

    with pytest.raises(BadSignature):
        fold(log)


def stolen(name: str) -> dict[str, Any]:
    """A registration of the first key's public key under another name."""
    return key_fact(YARD, Signer.from_bytes(name, FIRST.seed))


@pytest.mark.parametrize(
    ("fact_type", "org", "data", "signer"),
    [
        ("organisation.registered", OPERATOR, {"code": YARD}, REGISTRAR),
        ("organisation.registered", OPERATOR, {"code": OPERATOR}, REGISTRAR),
        ("organisation.registered", OPERATOR, {"code": 5}, REGISTRAR),
        ("organisation.registered", OPERATOR, {}, REGISTRAR),
        # Of an organisation that nobody registered
        (
            "key.registered",
            SMELTER,
            key_fact(SMELTER, signer_of(SMELTER)),
            REGISTRAR,
        ),
        # Without a proof of possession, or with that of another organisation
        ("key.registered", YARD, {**key_fact(YARD, SECOND), "proof": ""}, FIRST),
        ("key.registered", YARD, key_fact(SMELTER, SECOND), FIRST),
        ("key.registered", YARD, {"vkey": SECOND.vkey, "held_by": "platform"}, FIRST),
        ("key.registered", YARD, {**key_fact(YARD, SECOND), "vkey": "x"}, FIRST),
        ("key.registered", YARD, {**key_fact(YARD, SECOND), "next": 5}, FIRST),
        # Under the name of another log or organisation, or under a number given before
        (
            "key.registered",
            YARD,
            key_fact(YARD, Signer.from_bytes(f"other/{YARD}/2", bytes(32))),
            FIRST,
        ),
        (
            "key.registered",
            YARD,
            key_fact(YARD, Signer.from_bytes(key_name(ORIGIN, SMELTER, 2), bytes(32))),
            FIRST,
        ),
        (
            "key.registered",
            YARD,
            key_fact(YARD, Signer.from_bytes(FIRST.name, bytes(32))),
            FIRST,
        ),
        # A key that is in use already, by whomever
        ("key.registered", YARD, stolen(SECOND.name), FIRST),
        (
            "key.registered",
            YARD,
            key_fact(YARD, Signer.from_bytes(SECOND.name, LOG_KEY.seed)),
            FIRST,
        ),
        ("key.revoked", YARD, {"key_id": "00000000", "reason": "x"}, FIRST),
        ("key.revoked", YARD, {"reason": "x"}, FIRST),
        (
            "key.revoked",
            YARD,
            {"key_id": REGISTRAR.verifier.key_id.hex(), "reason": "x"},
            FIRST,
        ),
    ],
)
def test_facts_about_keys_that_do_not_fit_are_refused(
    fact_type: str, org: str, data: dict[str, Any], signer: Signer
) -> None:
    log = founded()
    log.add(fact_type, org, data, signer)

    with pytest.raises(BrokenHistory):
        fold(log)


GENESIS_DATA = {
    "origin": ORIGIN,
    "log_vkey": LOG_KEY.vkey,
    "registrar_vkey": REGISTRAR.vkey,
    "schema_sha256": "00" * 32,
}


@pytest.mark.parametrize(
    ("more", "org", "signer"),
    [
        ({"origin": "example.org/other"}, OPERATOR, REGISTRAR),
        ({"log_vkey": "x"}, OPERATOR, REGISTRAR),
        ({"log_vkey": REGISTRAR.vkey}, OPERATOR, REGISTRAR),
        ({"registrar_vkey": FIRST.vkey}, OPERATOR, FIRST),
        ({}, YARD, REGISTRAR),
        ({}, OPERATOR, FIRST),
        (
            {"log_vkey": Signer.from_bytes(ORIGIN, REGISTRAR.seed).vkey},
            OPERATOR,
            REGISTRAR,
        ),
    ],
)
def test_a_genesis_whose_names_and_keys_do_not_fit_is_refused(
    more: dict[str, str], org: str, signer: Signer
) -> None:
    fact = envelope("log.genesis", org, {**GENESIS_DATA, **more})

    with pytest.raises(LedgerError):
        KeyHistory().check(0, parse_entry(sign_entry(fact, [signer])))


def test_genesis_is_the_first_entry_and_no_other() -> None:
    genesis = parse_entry(SmallLog().notes[0])
    lot = parse_entry(sign_entry(envelope("lot.sourced", YARD, LOT), [FIRST]))
    history = fold(founded())

    for index, entry in ((0, lot), (3, genesis)):
        with pytest.raises(BrokenHistory):
            history.signer_of(index, entry)
    with pytest.raises(BrokenHistory, match="not entry 0"):
        KeyHistory().add(1, genesis.fact)
    with pytest.raises(BrokenHistory, match="first fact"):
        KeyHistory().add(1, lot.fact)


def test_facts_are_folded_in_log_order() -> None:
    history = fold(founded())
    lot = envelope("lot.sourced", YARD, LOT)

    history.add(10, lot)
    with pytest.raises(BrokenHistory, match="after entry 10"):
        history.add(10, lot)


def test_an_entry_has_one_signature() -> None:
    history = fold(founded())
    note = sign_entry(envelope("lot.sourced", YARD, LOT), [FIRST, SECOND])

    with pytest.raises(BadSignature, match="found 2"):
        history.check(3, parse_entry(note))


def test_a_key_name_without_a_number_registers_nothing() -> None:
    log = founded()
    nameless = Signer.from_bytes("nameless", bytes(32))
    log.add("key.registered", YARD, key_fact(YARD, nameless), FIRST)

    with pytest.raises(BrokenHistory, match="no key name"):
        fold(log)


def revoke(log: SmallLog, key: Signer, signer: Signer) -> None:
    data = {"key_id": key.verifier.key_id.hex(), "reason": "lost"}
    log.add("key.revoked", YARD, data, signer)


def test_the_operator_registers_a_key_for_who_has_none_left() -> None:
    log = founded()
    revoke(log, FIRST, REGISTRAR)
    log.add("key.registered", YARD, key_fact(YARD, SECOND), REGISTRAR)
    add_lot(log, SECOND)

    assert fold(log).held_by(SECOND.name) == "organisation"


def test_a_revoked_key_registers_no_other() -> None:
    log = founded()
    revoke(log, FIRST, FIRST)
    log.add("key.registered", YARD, key_fact(YARD, SECOND), FIRST)

    with pytest.raises(BadSignature):
        fold(log)


def test_who_lost_a_key_to_a_thief_goes_on_with_the_next() -> None:
    log = founded(next=digest_of(SECOND))
    thief = THIRD
    log.add("key.registered", YARD, key_fact(YARD, thief), FIRST)
    revoke(log, FIRST, thief)
    fourth = Signer.from_bytes(key_name(ORIGIN, YARD, 4), SECOND.seed)
    data = {"old": FIRST.verifier.key_id.hex(), "vkey": fourth.vkey}
    log.add("key.rotated", YARD, data, fourth)
    revoke(log, thief, fourth)

    assert [one.ended_index for one in fold(log).keys_of(YARD)] == [4, 6, None]


def test_a_key_ends_once() -> None:
    log = founded()
    log.add("key.registered", YARD, key_fact(YARD, SECOND), FIRST)
    revoke(log, FIRST, SECOND)
    revoke(log, FIRST, SECOND)

    with pytest.raises(BrokenHistory, match="ended before"):
        fold(log)


def test_a_next_key_is_used_once() -> None:
    log = founded(next=digest_of(SECOND))
    data = {"old": FIRST.verifier.key_id.hex(), "vkey": SECOND.vkey}
    log.add("key.rotated", YARD, data, SECOND)
    again = Signer.from_bytes(THIRD.name, SECOND.seed)
    log.add("key.rotated", YARD, {**data, "vkey": again.vkey}, again)

    with pytest.raises(BrokenHistory, match="in use"):
        fold(log)
