"""The corpus that every verifier is held to, over the Python one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from ledger import (
    LedgerError,
    Policy,
    PolicyWitness,
    ProofFile,
    Witness,
    add_lines,
    format_policy,
    format_proof_file,
    parse_policy,
    parse_proof_file,
    verify_proof_file,
)
from ledger.error_codes import CODES
from tests.small_log import seed_of
from tests.small_proof import PROOF_BYTES, small_proof
from tools.corpus import TARGET, corpus_text
from tools.corpus_case import KINDS, outcome
from tools.edwards import BASE, EIGHTH, NEUTRAL, ORDER, PRIME, decode

# Given by what no file can hold (a builder, a server's tile, a witness's answer, two
# keys whose IDs collide), or stood in for by a closer code
NOT_IN_FILES = {
    "ledger.refused",
    "canonical.refused",
    "disclosure.slots",
    "tile.malformed",
    "message.malformed",
    "key.ambiguous",
    "history.broken",
    "history.no_genesis",
    "cosignature.other",
    "proof.failed",
}


@pytest.fixture(scope="module")
def corpus() -> Any:
    return json.loads(TARGET.read_text("utf-8"))


def codes_of(expected: Any) -> list[str]:
    if isinstance(expected, dict):
        return list(expected.values())
    return [] if expected is None else [expected]


def test_the_corpus_is_made_anew_to_the_same_bytes() -> None:
    assert corpus_text() == TARGET.read_text("utf-8"), "run python -m tools.corpus"


def test_our_verifier_gives_each_case_its_answer(corpus: Any) -> None:
    wrong = [
        case["name"]
        for case in corpus["cases"]
        if outcome(case, corpus["texts"]) != case["expect"]
    ]

    assert wrong == []


def test_the_corpus_is_as_large_as_it_should_be(corpus: Any) -> None:
    by_kind = Counter(
        (case["kind"], bool(codes_of(case["expect"]))) for case in corpus["cases"]
    )

    whole = ("bundle", "note", "checkpoint", "proof_file")
    assert {kind for kind, _ in by_kind} == set(KINDS)
    assert sum(by_kind[kind, False] for kind in whole) >= 30
    assert sum(by_kind[kind, True] for kind in whole) >= 300
    assert all(by_kind[kind, hurt] for kind in KINDS for hurt in (False, True))


def test_every_code_that_a_file_can_call_for_is_in_the_corpus(corpus: Any) -> None:
    found = {code for case in corpus["cases"] for code in codes_of(case["expect"])}

    assert found == set(CODES) - NOT_IN_FILES


def test_every_flipped_bit_of_a_proof_of_300_bytes_is_refused() -> None:
    data, leaf, policy = small_proof()
    assert len(data) == PROOF_BYTES
    assert verify_proof_file(parse_proof_file(data), leaf_hash=leaf, policy=policy)
    assert parse_policy(format_policy(policy)) == policy

    for bit in range(8 * len(data)):
        hurt = bytearray(data)
        hurt[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(LedgerError):
            verify_proof_file(
                parse_proof_file(bytes(hurt)), leaf_hash=leaf, policy=policy
            )


def test_a_flipped_bit_of_a_cosigned_proof_is_refused_or_leaves_no_quorum() -> None:
    data, leaf, policy = small_proof()
    witness = Witness.from_bytes("example.net/w", seed_of("w"))
    proof = parse_proof_file(data)
    note = add_lines(proof.checkpoint, [witness.cosign(proof.checkpoint, 1)])
    data = format_proof_file(ProofFile(proof.index, proof.hashes, note))
    asking = Policy(policy.logs, (PolicyWitness("w", witness.vkey),), (), "w")
    assert verify_proof_file(parse_proof_file(data), leaf_hash=leaf, policy=asking)

    for bit in range(8 * len(data)):
        hurt = bytearray(data)
        hurt[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(LedgerError):
            verify_proof_file(
                parse_proof_file(bytes(hurt)), leaf_hash=leaf, policy=asking
            )


def test_the_points_that_hostile_signatures_are_made_of_are_points() -> None:
    assert ORDER * BASE == NEUTRAL
    assert 8 * EIGHTH == NEUTRAL
    assert 4 * EIGHTH != NEUTRAL
    assert decode((2 * BASE).encode()) == BASE + BASE
    assert decode((2).to_bytes(32, "little")) is None
    assert PRIME == 2**255 - 19
