"""Proof files: read as C2SP writes them, believed under a policy only."""

from __future__ import annotations

import base64

import pytest

from ledger import (
    BadSignature,
    LeafTiles,
    LedgerError,
    MalformedProof,
    ProofFailed,
    ProofFile,
    format_proof_file,
    leaf_hash,
    parse_policy,
    parse_proof_file,
    prove_inclusion,
    verify_proof_file,
)
from tests.small_log import LOG_KEY, POLICY, claim_log

LOG, _ = claim_log()
INDEX = 5
LEAF = leaf_hash(LOG.notes[INDEX])
PROOF = ProofFile(
    INDEX,
    tuple(prove_inclusion(LeafTiles(LOG.leaves), INDEX, len(LOG.notes))),
    LOG.checkpoint(),
)
FILE = format_proof_file(PROOF)


def test_a_file_is_header_index_hashes_and_checkpoint() -> None:
    head, checkpoint = FILE.split(b"\n\n", 1)
    lines = head.decode().split("\n")

    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 5"]
    assert [base64.b64decode(line) for line in lines[2:]] == list(PROOF.hashes)
    assert checkpoint == PROOF.checkpoint
    assert parse_proof_file(FILE) == PROOF


def test_extra_data_stand_before_the_index() -> None:
    proof = ProofFile(INDEX, PROOF.hashes, PROOF.checkpoint, b"anything")

    assert b"@v1\nextra YW55dGhpbmc=\nindex 5\n" in format_proof_file(proof)
    assert parse_proof_file(format_proof_file(proof)) == proof


def test_a_tree_of_one_leaf_has_no_hashes() -> None:
    proof = ProofFile(0, (), PROOF.checkpoint)

    assert format_proof_file(proof).startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\n")
    assert parse_proof_file(format_proof_file(proof)) == proof


def test_a_proof_holds_for_its_leaf_under_the_policy() -> None:
    outcome = verify_proof_file(PROOF, leaf_hash=LEAF, policy=POLICY)

    assert outcome.checkpoint.size == len(LOG.notes)
    assert outcome.grade == "witnessed"
    with pytest.raises(ProofFailed):
        verify_proof_file(PROOF, leaf_hash=leaf_hash(b"other"), policy=POLICY)


def test_without_log_or_quorum_a_proof_is_not_believed() -> None:
    text, _ = PROOF.checkpoint.rsplit("— ".encode(), 1)
    alone = ProofFile(PROOF.index, PROOF.hashes, text)

    with pytest.raises(BadSignature, match="quorum w1"):
        verify_proof_file(alone, leaf_hash=LEAF, policy=POLICY)
    with pytest.raises(BadSignature, match="no known key"):
        verify_proof_file(PROOF, leaf_hash=LEAF, policy=parse_policy("quorum none"))
    without = parse_policy(f"log {LOG_KEY.vkey}\nquorum none")
    verify_proof_file(alone, leaf_hash=LEAF, policy=without)


def test_every_changed_byte_is_noticed() -> None:
    for at in range(len(FILE)):
        hurt = bytearray(FILE)
        hurt[at] ^= 1
        with pytest.raises(LedgerError):
            verify_proof_file(
                parse_proof_file(bytes(hurt)), leaf_hash=LEAF, policy=POLICY
            )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        FILE[1:],
        FILE.replace(b"@v1", b"@v2"),
        FILE.replace(b"index 5\n", b""),
        FILE.replace(b"index 5", b"index 05"),
        FILE.replace(b"index 5", b"index -5"),
        FILE.replace(b"index 5", b"index 5 "),
        FILE.replace(b"index 5", b"index " + b"9" * 5000),
        FILE.replace(b"index 5", b"index 9999999999999999999"),
        FILE.replace(b"index 5", b"extra ?\nindex 5"),
        FILE.replace(b"index 5", b"extra \xff\nindex 5"),
        FILE.replace(b"index 5", b"extra YR==\nindex 5"),
        FILE.replace(b"index 5", b"extra YQ==\nextra YQ==\nindex 5"),
        FILE.replace(b"index 5\n", b"index 5\nAAAA\n"),
        FILE.replace(b"index 5\n", b"index 5\n" + FILE.split(b"\n")[2] + b"=\n"),
        FILE.replace(b"index 5\n", b"index 5\n" + (FILE.split(b"\n")[2] + b"\n") * 64),
        FILE.replace(b"\n\n", b"\n", 1),
        FILE[: FILE.index(b"\n\n") + 2],
    ],
)
def test_what_is_no_proof_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedProof):
        parse_proof_file(data)


@pytest.mark.parametrize(
    ("index", "hashes"),
    [(-1, ()), (2**63, ()), (0, (b"short",)), (0, (bytes(32),) * 64)],
)
def test_what_cannot_be_read_back_cannot_be_made(
    index: int, hashes: tuple[bytes, ...]
) -> None:
    with pytest.raises(MalformedProof):
        ProofFile(index, hashes, PROOF.checkpoint)
