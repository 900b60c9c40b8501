"""Histories of keys of the shared corpus: the last fact of each may be at fault."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from ledger import Signer, prove_possession, sign_entry
from ledger.note import format_vkey
from tests.small_log import (
    LOG_KEY,
    OPERATOR,
    ORIGIN,
    REGISTRAR,
    SMELTER,
    YARD,
    SmallLog,
    envelope,
    key_fact,
    seed_of,
    signer_of,
)
from tools.corpus_case import Corpus
from tools.corpus_notes import LOW_ORDER

Grow = Callable[[SmallLog], Any]
History = tuple[str, Grow, str | None]
FIRST, SECOND, THIRD = (signer_of(YARD, number) for number in (1, 2, 3))
LOT = {"lot": "L0T000000001"}
NOT_ALLOWED = "signer.not_allowed"


def add_histories(corpus: Corpus) -> None:
    """Add each history to the corpus."""
    for histories in (_registrations, _ends, _organisations):
        for what, grow, must in histories():
            log = yard_log()
            grow(log)
            corpus.add("history", what, None, must, entries=numbered(log))
    for what, data, must in _foundings():
        log = SmallLog()
        log.notes.clear()
        log.add("log.genesis", OPERATOR, data, REGISTRAR)
        corpus.add("history", f"founded: {what}", None, must, entries=numbered(log))
    entries = numbered(yard_log())
    for what, listed, code in (
        ("with gaps", [[index * 7, note] for index, note in entries], None),
        ("entry 0 again", [*entries, entries[0]], "history.order"),
        ("an entry twice", [*entries, [1, entries[1][1]]], "history.order"),
        ("without the first", entries[1:], "key.unknown"),
        ("the first elsewhere", [[1, entries[0][1]]], "genesis.place"),
        ("another entry first", [[0, entries[1][1]]], "genesis.place"),
    ):
        corpus.add("history", what, None, code, entries=listed)


def yard_log() -> SmallLog:
    """A yard whose first key has committed itself to its second."""
    log = SmallLog()
    log.register(YARD, next=digest(SECOND))
    return log


def numbered(log: SmallLog) -> list[list[Any]]:
    """Index and note of each entry."""
    return [[index, note.decode()] for index, note in enumerate(log.notes)]


def digest(signer: Signer) -> str:
    """What a key names as its next."""
    return hashlib.sha256(signer.public_key).hexdigest()


def steps(*each: Grow) -> Grow:
    """One after the other."""

    def grow(log: SmallLog) -> None:
        for step in each:
            step(log)

    return grow


def key(new: Signer, by: Signer = FIRST, org: str = YARD, **more: Any) -> Grow:  # noqa: ANN401
    """Register a key; a member given as ``...`` is left out."""
    data = {**key_fact(org, new), **more}
    data = {name: value for name, value in data.items() if value is not ...}
    return lambda log: log.add("key.registered", org, data, by)


def rotated(
    new: Signer,
    before: Signer = FIRST,
    **more: Any,  # noqa: ANN401 - JSON
) -> Grow:
    """Rotate to a new key, which signs; members as ``key`` has them."""
    data = {"old": before.verifier.key_id.hex(), "vkey": new.vkey, **more}
    data = {name: value for name, value in data.items() if value is not ...}
    return lambda log: log.add("key.rotated", YARD, data, new)


def revoked(old: Signer = FIRST, by: Signer = FIRST) -> Grow:
    """Revoke a key of the yard."""
    data = {"key_id": old.verifier.key_id.hex(), "reason": "lost"}
    return lambda log: log.add("key.revoked", YARD, data, by)


def lot(by: Signer, org: str = YARD) -> Grow:
    """Any fact of an organisation."""
    return lambda log: log.add("lot.sourced", org, LOT, by)


def _registrations() -> Iterator[History]:
    yield "one yard", steps(), None
    yield "a lot", lot(FIRST), None
    yield "a second key by the first", key(SECOND), None
    yield "both keys in use", steps(key(SECOND), lot(FIRST), lot(SECOND)), None
    yield "a second key by the operator", key(SECOND, REGISTRAR), NOT_ALLOWED
    yield "a second key by itself", key(SECOND, SECOND), "key.unknown"
    yield "a number given before", key(_key_named(FIRST.name)), "key.number"
    yield "a lower number", steps(key(THIRD), key(SECOND)), "key.number"
    in_use = Signer.from_bytes(SECOND.name, FIRST.seed)
    yield "a public key in use", key(in_use), "key.in_use"
    log_key = Signer.from_bytes(SECOND.name, LOG_KEY.seed)
    yield "the log's key", key(log_key), "key.in_use"
    foreign = signer_of(SMELTER)
    yield "a name of another organisation", key(foreign), "key.name"
    for name in (
        f"example.org/log2/{YARD}/2",
        f"{ORIGIN}/{YARD}/0",
        f"{ORIGIN}/{YARD}/02",
        f"{ORIGIN}/{YARD}/1234567890",
        f"{ORIGIN}/{YARD.lower()}/2",
        "example",
    ):
        yield f"the name {name}", key(_key_named(name)), "key.name"
    yield "no proof", key(SECOND, proof=...), "fact.malformed"
    other = prove_possession(YARD, THIRD)
    yield "a proof by another", key(SECOND, proof=other), "possession.bad"
    elsewhere = prove_possession(SMELTER, SECOND)
    yield "a proof for another", key(SECOND, proof=elsewhere), "possession.bad"
    yield "a short proof", key(SECOND, proof="AAAA"), "possession.bad"
    yield "a proof that is no base64", key(SECOND, proof="?"), "possession.malformed"
    yield "no holder", key(SECOND, held_by=...), "fact.malformed"
    yield "a holder that is no text", key(SECOND, held_by=5), "fact.malformed"
    for holder in ("operator", "nobody", "", "Platform"):
        wrong = key(SECOND, held_by=holder)
        yield f"the holder {holder!r}", wrong, "fact.malformed"
    yield "no key", key(SECOND, vkey=...), "fact.malformed"
    yield "a key that is none", key(SECOND, vkey="x"), "key.malformed"
    weak = format_vkey(SECOND.name, bytes.fromhex(LOW_ORDER[4]))
    yield "a weak key", key(SECOND, vkey=weak), "key.weak"
    yield "a next key that is no text", key(SECOND, next=5), "fact.malformed"
    yield "no next key", key(SECOND, next=None), None
    stranger = key(signer_of(SMELTER), REGISTRAR, SMELTER)
    yield "a key of a stranger", stranger, "organisation.unknown"


def _key_named(name: str) -> Signer:
    return Signer.from_bytes(name, seed_of(f"key named {name}"))


def _ends() -> Iterator[History]:
    done = rotated(SECOND)
    yield "rotated", done, None
    yield "the new key after rotation", steps(done, lot(SECOND)), None
    yield "the old key after rotation", steps(done, lot(FIRST)), "key.not_valid"
    yield "rotated to another key", rotated(THIRD), "rotation.other_key"
    uncommitted = steps(key(SECOND), rotated(THIRD, SECOND))
    yield "rotated without commitment", uncommitted, "rotation.other_key"
    onwards = steps(rotated(SECOND, next=digest(THIRD)), rotated(THIRD, SECOND))
    yield "rotated twice", steps(onwards, lot(THIRD)), None
    yield "rotated to the same key again", steps(done, done), "key.number"
    yield "rotated from no key", rotated(SECOND, old="00000000"), "key.unknown"
    yield "rotated from a number", rotated(SECOND, old=5), "fact.malformed"
    yield "rotated to no key", rotated(SECOND, vkey=...), "fact.malformed"
    yield "rotated by the old key", _rotated_by_the_old_key, "signature.unexpected"
    yield "rotated after revocation", steps(revoked(), done, lot(SECOND)), None
    yield "revoked by itself", revoked(), None
    yield "revoked by the operator", revoked(by=REGISTRAR), None
    yield "revoked by its successor", steps(key(SECOND), revoked(by=SECOND)), None
    yield "signed after revocation", steps(revoked(), lot(FIRST)), "key.not_valid"
    twice = steps(revoked(by=REGISTRAR), revoked(by=REGISTRAR))
    yield "revoked twice", twice, "key.ended"
    anew = steps(revoked(), key(SECOND, REGISTRAR), lot(SECOND))
    yield "a key by the operator after the last", anew, None
    yield "a key that is none revoked", revoked(SECOND), "key.unknown"
    by_smelter = steps(_smelter, revoked(by=signer_of(SMELTER)))
    yield "revoked by another organisation", by_smelter, NOT_ALLOWED
    yield "two signatures", _two_signatures, "signature.count"


def _smelter(log: SmallLog) -> None:
    log.register(SMELTER)


def _rotated_by_the_old_key(log: SmallLog) -> None:
    data = {"old": FIRST.verifier.key_id.hex(), "vkey": SECOND.vkey}
    log.add("key.rotated", YARD, data, FIRST)


def _two_signatures(log: SmallLog) -> None:
    fact = envelope("lot.sourced", YARD, LOT, number=len(log.notes))
    log.notes.append(sign_entry(fact, [FIRST, SECOND]))


def _organisations() -> Iterator[History]:
    def organisation(
        data: dict[str, Any], by: Signer = REGISTRAR, org: str = OPERATOR
    ) -> Grow:
        return lambda log: log.add("organisation.registered", org, data, by)

    yield "a second yard", _smelter, None
    yield "a yard by a yard", organisation({"code": "X"}, FIRST, YARD), NOT_ALLOWED
    by_yard = organisation({"code": "X"}, FIRST)
    yield "a yard by a yard for the operator", by_yard, NOT_ALLOWED
    yield "a yard twice", organisation({"code": YARD}), "organisation.twice"
    yield (
        "the operator as a yard",
        organisation({"code": OPERATOR}),
        "organisation.twice",
    )
    yield "a yard without code", organisation({}), "fact.malformed"
    yield "a yard with a number for a code", organisation({"code": 5}), "fact.malformed"
    yield "a lot by the operator", lot(REGISTRAR, OPERATOR), NOT_ALLOWED
    yield "a lot for the operator by a yard", lot(FIRST, OPERATOR), NOT_ALLOWED
    yield "an unknown type", lambda log: log.add("some.thing", YARD, {}, FIRST), None
    yield (
        "an unknown type by the operator",
        lambda log: log.add("some.thing", OPERATOR, {}, REGISTRAR),
        NOT_ALLOWED,
    )
    corrected: Grow = lambda log: log.add(  # noqa: E731
        "entry.corrected", OPERATOR, {}, REGISTRAR
    )
    yield "a correction by the operator", corrected, None
    yield "founded twice", _founded_twice, "genesis.place"


def _founded_twice(log: SmallLog) -> None:
    log.notes.append(log.notes[0])


def _foundings() -> Iterator[tuple[str, dict[str, Any], str | None]]:
    good = {
        "origin": ORIGIN,
        "log_vkey": LOG_KEY.vkey,
        "registrar_vkey": REGISTRAR.vkey,
        "schema_sha256": "00" * 32,
    }
    shared = format_vkey(ORIGIN, REGISTRAR.public_key)
    yield "well", good, None
    yield "without origin", {**good, "origin": None}, "fact.malformed"
    yield "without log key", {**good, "log_vkey": None}, "fact.malformed"
    yield "a log key that is none", {**good, "log_vkey": "x"}, "key.malformed"
    yield "another origin", {**good, "origin": "example.org/log2"}, "genesis.names"
    yield "one key for both", {**good, "log_vkey": shared}, "genesis.shared_key"
    other = {**good, "registrar_vkey": FIRST.vkey}
    yield "another registrar", other, "signature.unexpected"
    yield "without registrar", {**good, "registrar_vkey": 5}, "fact.malformed"
