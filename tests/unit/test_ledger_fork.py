"""Evidence of two histories: true where there are two, and never where there is one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ledger import (
    BadSignature,
    Checkpoint,
    LeafTiles,
    LedgerError,
    MalformedProof,
    Policy,
    PolicyLog,
    ProofFailed,
    Signer,
    root_of,
    sign_checkpoint,
)
from ledger.fork import (
    ForkEvidence,
    Side,
    format_fork,
    load_fork,
    parse_fork,
    prefix_proof,
    prefix_roots,
    verify_fork,
)
from tests.small_log import LOG_KEY, ORIGIN

POLICY = Policy((PolicyLog(LOG_KEY.vkey),))
MAX = 70
LEAVES = [bytes([n]) * 32 for n in range(MAX)]
OTHER = [LEAVES[0], bytes(32), *LEAVES[2:]]


def signed(leaves: list[bytes], key: Signer = LOG_KEY) -> bytes:
    return sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root_of(leaves)), [key])


def evidence(older: list[bytes], newer: list[bytes]) -> ForkEvidence:
    """What somebody makes who holds the newer tree and met both checkpoints."""
    proof = prefix_proof(LeafTiles(newer), len(older), len(newer))
    return ForkEvidence(
        "",
        Side(signed(older), "https://example.org/log"),
        Side(signed(newer), "https://example.net/log"),
        tuple(proof),
    )


@pytest.mark.parametrize("new", [1, 2, 3, 7, 8, 9, 64, 65, MAX])
def test_two_histories_are_shown_and_one_history_is_not(new: int) -> None:
    for old in range(new + 1):
        same = evidence(LEAVES[:old], LEAVES[:new])
        assert verify_fork(same, POLICY).verdict == "consistent", (old, new)
        if old > 1:
            forked = evidence(OTHER[:old], LEAVES[:new])
            assert verify_fork(forked, POLICY).verdict == "fork", (old, new)


def test_an_honest_log_cannot_be_accused_by_changed_hashes() -> None:
    for old in range(1, 33):
        honest = evidence(LEAVES[:old], LEAVES[:33])
        for n, one in enumerate(honest.proof):
            for forged in (
                (*honest.proof[:n], bytes(32), *honest.proof[n + 1 :]),
                (*honest.proof[:n], *honest.proof[n + 1 :]),
                (*honest.proof[:n], one, one, *honest.proof[n + 1 :]),
            ):
                verdict = verify_fork(replace(honest, proof=forged), POLICY).verdict
                assert verdict != "fork", (old, n)


def test_no_sizes_let_a_proof_of_another_shape_through() -> None:
    for old in range(1, 20):
        for new in range(old + 1, 20):
            proof = prefix_proof(LeafTiles(LEAVES), old, new)
            roots = (root_of(LEAVES[:old]), root_of(LEAVES[:new]))
            assert prefix_roots(proof, old, new) == roots
            with pytest.raises(ProofFailed):
                prefix_roots([*proof, bytes(32)], old, new)
    with pytest.raises(ProofFailed):
        prefix_roots([], 1, 2)


def test_both_must_be_signed_by_the_log_that_the_reader_knows() -> None:
    made = evidence(OTHER[:3], LEAVES[:9])
    thief = Signer.from_bytes(ORIGIN, bytes(range(32)))
    forged = replace(made, older=Side(signed(OTHER[:3], thief), "somewhere"))

    with pytest.raises(BadSignature):
        verify_fork(forged, POLICY)
    with pytest.raises(BadSignature):
        verify_fork(made, Policy((PolicyLog(thief.vkey),)))


def test_the_file_reads_back_as_it_was_written() -> None:
    made = evidence(OTHER[:3], LEAVES[:9])

    assert load_fork(json.dumps(format_fork(made)).encode()) == made


@pytest.mark.parametrize(
    "change",
    [
        {"format": "remelt/fork@v2"},
        {"more": 1},
        {"proof": None},
        {"proof": ["ab"]},
        {"proof": ["AB" * 32]},
        {"proof": ["ab" * 32] * 66},
        {"policy": 5},
        {"older": {}},
        {"older": {"checkpoint": "x", "from": 5}},
        {"newer": {"checkpoint": "\ud800", "from": ""}},
        {"newer": {"checkpoint": "", "from": "x" * 2001}},
    ],
)
def test_what_is_no_evidence_is_refused(change: dict[str, Any]) -> None:
    document = format_fork(evidence(OTHER[:3], LEAVES[:9])) | change

    with pytest.raises(MalformedProof):
        parse_fork(document)


def test_two_checkpoints_in_the_wrong_order_or_of_two_logs_are_refused() -> None:
    made = evidence(OTHER[:3], LEAVES[:9])
    with pytest.raises(MalformedProof):
        verify_fork(replace(made, older=made.newer, newer=made.older), POLICY)
    elsewhere = Signer.from_bytes("example.org/other", bytes(range(32)))
    head = Checkpoint(elsewhere.name, 3, root_of(LEAVES[:3]))
    foreign = replace(made, older=Side(sign_checkpoint(head, [elsewhere]), ""))
    two = Policy((PolicyLog(LOG_KEY.vkey), PolicyLog(elsewhere.vkey)))

    with pytest.raises(LedgerError):
        verify_fork(foreign, two)
