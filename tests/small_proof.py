"""A proof file of 300 bytes, each bit of which is flipped in turn."""

from __future__ import annotations

from ledger import (
    Checkpoint,
    LeafTiles,
    Policy,
    PolicyLog,
    ProofFile,
    Signer,
    format_proof_file,
    prove_inclusion,
    root_of,
    sign_checkpoint,
)
from tests.small_log import seed_of

PROOF_BYTES = 300


def small_proof() -> tuple[bytes, bytes, Policy]:
    """A proof file of 300 bytes, the leaf hash that it is of, and its policy."""
    log = Signer.from_bytes("example.org/abc", seed_of("a small log"))
    leaves = [seed_of(f"leaf {n}") for n in range(10)]
    note = sign_checkpoint(Checkpoint(log.name, 10, root_of(leaves)), [log])
    proof = ProofFile(9, tuple(prove_inclusion(LeafTiles(leaves), 9, 10)), note)
    return format_proof_file(proof), leaves[9], Policy((PolicyLog(log.vkey),))
